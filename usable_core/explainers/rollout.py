"""Attention rollout: from which patches a transformer's answer is mixed together, block by block.

Attention is read where it is computed, in PyTorch's own functions, so that no architecture has to
be known: `scaled_dot_product_attention`, `multi_head_attention_forward`, or a softmax over scores.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from usable_core.asking.oracle import Oracle
from usable_core.asking.outputs import check_logits
from usable_core.errors import ExplanationError
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.cam import enlarged
from usable_core.explainers.gradient_check import finite_output, refuse_blocked_at
from usable_core.games.pictures import Picture
from usable_core.models.activations import find_layers, known_layers

INSTEAD = "Choose Grad-CAM, LIME, SHAP, integrated gradients or occlusion."
LEAST_SHARE = 1e-6  # of the largest gradient: what is smaller is rounding
SOFTMAX = (torch.softmax, Tensor.softmax, F.softmax)


@dataclass(frozen=True)
class Attended:
    """One call of self-attention.

    Attributes:
        weights: From which token each one takes how much (N, T, T), the mean over heads.
        output: What depends on the tokens that asked.
        axis: Which axis of `output` the tokens are.
    """

    weights: Tensor
    output: Tensor
    axis: int


class _Watch(TorchFunctionMode):
    """Notes every self-attention of a pass forward."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Attended] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the function returns
        options = dict(kwargs or {})
        if func is F.multi_head_attention_forward:
            options |= {"need_weights": True, "average_attn_weights": True}
            output, weights = func(*args, **options)
            self._note(weights if weights.dim() == 3 else weights[None], output, 0)
            return output, weights
        result = func(*args, **options)
        if func is F.scaled_dot_product_attention:
            self._note(_weights(*args, **options).mean(1), result, 2)
        elif func in SOFTMAX and isinstance(result, Tensor) and result.dim() == 4:
            self._note(result.mean(1), result, 2)
        return result

    def _note(self, weights: Tensor, output: Tensor, axis: int) -> None:
        """Keep all but a pooling's, whose few tokens ask the many and mix nothing among these."""
        if weights.shape[-1] <= weights.shape[-2]:
            self.found.append(Attended(weights.detach(), output, axis))


def explain(
    oracle: Oracle, picture: Picture, target: int, options: ExplainerOptions
) -> Attribution:
    """Return how much of each patch has come into the tokens that the answer is read from.

    Half of every block's tokens is what they were before, half what attention brings, its heads
    averaged; the blocks are multiplied. The tokens read are those with a gradient: a class token,
    or all patches where they are averaged. It tells where a network looked and not for what: every
    class has the same map, as the evidence beside it shows.

    One evaluation is all, and one more to find the grid of patches once per model.

    Raises:
        ExplanationError: the network has no attention over the patches of the picture.

    Reference: Abnar & Zuidema 2020, arXiv:2005.00928, eq. 1 and §3.
    """
    model, x = oracle.model, picture.x
    ((_, (logits, found, read)),) = oracle.each(1, lambda _: attention_pass(oracle, x, target))
    check_logits(logits[None])
    output = finite_output(logits[target])
    if not found:
        raise ExplanationError(f"{shows_none(model.name)} {INSTEAD}")
    layers = known_layers(model, x)
    if layers is None:
        ((_, layers),) = oracle.each(1, lambda _: find_layers(model, x, target))
    (height, width), before = layers[0].grid, layers[0].before
    tokens = found[0].weights.shape[-1]
    is_whole = all(one.weights.shape == (1, tokens, tokens) for one in found)
    is_of_places = tokens - height * width in (0, before)  # and not of channels
    if layers[0].kind != "tokens" or not is_whole or not is_of_places:
        raise ExplanationError(
            "Attention rollout needs attention among all patches in every block, but that of "
            f"{model.name} is within windows, of channels, or of other tokens from block to block. "
            f"{INSTEAD}"
        )
    rolled = torch.zeros(tokens)
    if read.any():
        rolled = rollout([one.weights[0] for one in found], read)
    else:
        refuse_blocked_at(oracle, picture, target, output)
    patches = rolled[-height * width :].view(height, width)
    return Attribution(enlarged(patches, *x.shape[1:]), output)


def shows_none(name: str) -> str:
    """Return why there is nothing to follow in a model."""
    return (
        f"Attention rollout follows self-attention, but {name} shows none: it is no transformer, "
        "or a program of which only the logits are seen."
    )


def rollout(weights: Iterable[Tensor], read: Tensor) -> Tensor:
    """Return how much of each first token has come into what is read of the last ones (T,).

    Args:
        weights: Of each block, from which token each one takes how much (T, T); rows sum to 1.
        read: How much each of the last tokens is read (T,), at least one of them above 0.
    """
    share = read / read.sum()
    for attention in reversed(list(weights)):
        share = 0.5 * share + 0.5 * share @ attention.to(share)
    return share


def attention_pass(oracle: Oracle, x: Tensor, target: int) -> tuple[Tensor, list[Attended], Tensor]:
    """Return logits (classes,), every self-attention, and 1 for each token read, else 0 (T,)."""
    images = x.detach()[None].to(oracle.device).requires_grad_()
    with torch.enable_grad(), _Watch() as watch:
        logits = oracle.model(images)
    if not watch.found:
        return logits[0].detach(), [], torch.zeros(0)
    last = watch.found[-1]
    read = torch.zeros(last.output.shape[last.axis], device=last.output.device)
    if logits.requires_grad and last.output.requires_grad:
        (gradient,) = torch.autograd.grad(logits[0, target], last.output, allow_unused=True)
        if gradient is not None:
            size = gradient.movedim(last.axis, 0).flatten(1).float().norm(dim=1)
            read = (size > LEAST_SHARE * size.max()).float()
    return logits[0].detach(), watch.found, read


def _weights(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **more: float | bool | None,
) -> Tensor:
    """Return the weights (N, heads, T, T) that `scaled_dot_product_attention` does not return."""
    if more.get("enable_gqa"):
        key = key.repeat_interleave(query.shape[1] // key.shape[1], 1)
    scale = more.get("scale")
    factor = query.shape[-1] ** -0.5 if scale is None else scale
    scores = factor * query.detach().float() @ key.detach().float().transpose(-2, -1)
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return scores.softmax(-1)

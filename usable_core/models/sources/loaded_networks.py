"""Networks of transformers' classes with weights that were read before, in float32."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
import transformers
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel
from transformers.utils import logging as transformers_logging

from usable_core.errors import CheckpointError, first_line
from usable_core.models.weights.checkpoints import are_alike
from usable_core.records import brief


def loaded_network(
    kind: type[PreTrainedModel],
    config: PretrainedConfig,
    owner: str,
    tensors: Mapping[str, Tensor],
    *,
    is_part: bool = False,
    **settings: bool,
) -> PreTrainedModel:
    """Return a network of a class with weights, in float32.

    Args:
        kind: The class.
        config: As of `network_of`, and so are owner and tensors.
        owner: The model's reference.
        tensors: The weights.
        is_part: The file may hold more than the network: heads that are put on it.
        **settings: Of the class itself.

    Raises:
        CheckpointError: as `network_of`.
    """
    with building(owner):
        network, loaded = kind.from_pretrained(
            None,
            config=config,
            state_dict=dict(tensors),
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            **settings,
        )
    if is_part:
        parts = {name for name, _ in network.named_children()}
        own = [n for n in loaded["unexpected_keys"] if _part_of(n, network) in parts]
        loaded = {**loaded, "unexpected_keys": own}
    _check_loaded(loaded, kind.__name__, owner)
    own = network.state_dict()
    for name, tensor in tensors.items():
        if name in own and not are_alike(own[name].dtype, tensor.dtype):
            raise CheckpointError(
                f"{brief(name)} of {owner} is stored as {tensor.dtype}, where the network has "
                f"{own[name].dtype}. Save the weights as such."
            )
    for name, tensor in own.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise CheckpointError(
                f"{brief(name)} of {owner} holds NaN or infinity. Take weights from before the "
                "training went wrong."
            )
    return cast(PreTrainedModel, network)


def _part_of(name: str, network: PreTrainedModel) -> str:
    """Return the part of a network that a tensor of a file would belong to, by its name."""
    return name.removeprefix(f"{network.base_model_prefix}.").partition(".")[0]


@contextmanager
def building(owner: str) -> Iterator[None]:
    """Turn whatever a class of transformers raises when it is built into a sentence."""
    try:
        with quiet():
            yield
    except CheckpointError:
        raise
    except ImportError as error:  # a library of one network alone
        raise CheckpointError(
            f"{owner} cannot be built: {first_line(error).partition('. ')[0]}. Install it, or "
            "choose another model."
        ) from error
    except Exception as error:  # each class builds itself
        raise CheckpointError(
            f"{owner} cannot be built by transformers {transformers.__version__}: "
            f"{first_line(error)}. Correct its configuration, or save the model anew."
        ) from error


def _check_loaded(loaded: Mapping[str, Any], kind: str, owner: str) -> None:
    missing, rest = sorted(loaded["missing_keys"]), sorted(loaded["unexpected_keys"])
    wrong = sorted(str(one[0]) for one in loaded["mismatched_keys"])
    parts = [
        f"{count} {what}, first {', '.join(map(brief, names[:3]))}"
        for names, count, what in (
            (missing, len(missing), "of its tensors are missing"),
            (rest, len(rest), "are not its own"),
            (wrong, len(wrong), "have another shape"),
        )
        if names
    ]
    if parts:
        raise CheckpointError(
            f"The weights of {owner} do not fit {kind}: {'; '.join(parts)}. A part that is missing "
            "would be random. Choose a model that was fine-tuned for classification, and the class "
            "that it was saved as."
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from printing reports and bars: what matters is raised."""
    level, bars = (
        transformers_logging.get_verbosity(),
        transformers_logging.is_progress_bar_enabled(),
    )
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()

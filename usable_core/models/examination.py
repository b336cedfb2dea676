"""What a few examples show of a model: that it runs, and whether its answers are what they seem.

A classifier answers a picture, or a text, with logits that depend on that alone. BatchNorm without
running statistics, dropout that was left on, or a softmax at the end make numbers that look like
any others, so each model is asked once: about an example alone, in company, and twice. Of two texts
one is longer, so that the shorter one is filled up in company.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from usable_core.errors import ConfigError
from usable_core.models.heads import features
from usable_core.models.modes import frozen
from usable_core.models.outputs import are_probabilities
from usable_core.models.sizes import check_activations
from usable_core.models.trial import outputs_of

if TYPE_CHECKING:
    from usable_core.models.model import Model

# Kernels round otherwise for another batch size: of 22 families, float32 on a processor differs by
# at most 4e-7 of the largest logit, while a GPU's TF32 has 10 bits.
_ROUNDING = {"cpu": 1e-4, "cuda": 1e-2, "mps": 1e-2}
_LOW_PRECISION = 8  # roundings of a format, such as bfloat16's 1/128, that a network adds up
_FAR = 1000.0  # inputs so much larger take logits out of [0, 1], and probabilities nowhere
_SHARE = (
    "Save or export the model in evaluation mode (model.eval()), with the statistics of its "
    "training."
)


@dataclass(frozen=True)
class Examination:
    """What a model's answers to a few examples show.

    Attributes:
        company: How far the answer to an example alone differs from that in company, as a share of
            the largest logit; 0 where only rounding differs.
        chance: The same of two answers to one example.
        outputs: `logits`, `probabilities` (of a softmax) or `sigmoid` (each in [0, 1]).
        has_one_logit: The network gives one number z, which counts as the logits (0, z).
    """

    company: float = 0.0
    chance: float = 0.0
    outputs: str = "logits"
    has_one_logit: bool = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what a reader of any number of the model must know."""
        found = []
        if self.company:
            found.append(
                "The model's answer to a picture depends on the other pictures of its batch: alone "
                f"and in company it differs by {100 * self.company:.2g} % of the largest logit, as "
                "with BatchNorm in training mode or without running statistics. The batch size "
                f"decides every number. {_SHARE}"
            )
        if self.chance:
            found.append(
                "The model is random: two answers to the same picture differ by "
                f"{100 * self.chance:.2g} % of the largest logit, as with dropout in training "
                f"mode. Another run gives other numbers. {_SHARE}"
            )
        return (*found, *_OUTPUTS[self.outputs])


_OUTPUTS = {
    "logits": (),
    "probabilities": (
        "The model's outputs look like probabilities, not logits: softmax is then applied twice, "
        "which distorts confidence and starves gradient attacks. Remove the model's last softmax.",
    ),
    "sigmoid": (
        "The model's outputs all lie in [0, 1], like probabilities of a sigmoid, and not like "
        "logits: softmax is applied to them again, which distorts confidence and starves gradient "
        "attacks. Remove the model's last sigmoid.",
    ),
}


def examine(model: "Model") -> Examination:
    """Return what a model's answers to a few pictures show.

    Raises:
        ConfigError: it does not run on pictures of its input size, or not in any machine's memory,
            or its answer is no table of numbers, one for each of its classes.
    """
    check_activations(model)
    x = model.input.trial().to(model.device)
    state = torch.random.get_rng_state()
    with frozen(model.network), torch.no_grad():
        alone, together = _outputs(model, x[:1]), _outputs(model, x)
        company, chance = _difference(model, together[:1], alone), 0.0
        if company:  # the same picture twice: was it the company, or chance?
            chance = _difference(model, _outputs(model, x[:1]), alone)
        kind = _kind(model, torch.cat([together, alone]), x) if len(model.labels) else "logits"
    torch.random.set_rng_state(state)  # a random model must not change what is drawn later
    return Examination(
        company=0.0 if chance else company,
        chance=chance,
        outputs=kind,
        has_one_logit=together.shape[1] == 1,
    )


def _outputs(model: "Model", x: Tensor) -> Tensor:
    """Return what the network gives (N, K) for a batch (N, …)."""
    return _numbers(model, model.input.normalise(x))


def _numbers(model: "Model", normalised: Tensor) -> Tensor:
    """Return what the network gives (N, K) float64, 0 where that is not finite.

    Of a network without classes that is what a head would read.
    """
    ask = outputs_of if len(model.labels) else _features_of
    return torch.nan_to_num(ask(model, normalised).double().cpu(), 0.0, 0.0, 0.0)


def _features_of(model: "Model", normalised: Tensor) -> Tensor:
    return features(model.network, normalised)


def _kind(model: "Model", outputs: Tensor, x: Tensor) -> str:
    """Tell what outputs (N, K) are.

    Sums of 1 speak for themselves. Numbers in [0, 1] are believed to be bounded only where pictures
    far outside of what the network knows leave them there too.
    """
    if outputs.shape[1] > 1 and are_probabilities(outputs):
        return "probabilities"
    if not _are_in_unit(outputs) or model.kind == "text":  # no text lies far outside
        return "logits"
    normalised = model.preprocessing.normalise(x)
    far = _numbers(model, torch.cat([_FAR * normalised, -_FAR * normalised]))
    answers = torch.cat([outputs, far])
    if not _are_in_unit(far) or torch.equal(answers.amin(0), answers.amax(0)):
        return "logits"  # a head of zeros says nothing of its last layer
    if outputs.shape[1] == 1:
        raise ConfigError(
            f"{model.name} gives a single number in [0, 1], a probability after a sigmoid. One "
            "logit z is expected, which counts as the two logits (0, z). Leave the last sigmoid "
            "out."
        )
    return "sigmoid"


def _are_in_unit(outputs: Tensor) -> bool:
    return bool(((outputs >= 0) & (outputs <= 1)).all())


def _difference(model: "Model", one: Tensor, other: Tensor) -> float:
    """Return how far two answers to one picture differ; 0 where that may be rounding alone."""
    largest = max(float(one.abs().max()), float(other.abs().max())) or 1.0
    found = float((one - other).abs().max()) / largest
    tensors = [*model.network.parameters(), *model.network.buffers()]
    formats = {t.dtype for t in tensors if t.is_floating_point()}
    coarsest = max((torch.finfo(kind).eps for kind in formats), default=0.0)
    rounding = max(_ROUNDING.get(model.device.type, 1e-2), _LOW_PRECISION * coarsest)
    return found if found > rounding else 0.0

"""`wrap_model` and `wrap`: a network or any function of one's own, with what `Model` must know."""

import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from usable_core.errors import ConfigError, first_line
from usable_core.evaluations.specs import require
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.labels import LabelSpace
from usable_core.models.model import Model
from usable_core.models.modes import frozen
from usable_core.models.outputs import are_probabilities, class_logits
from usable_core.models.programs import BlackBox
from usable_core.models.trial import NOT_OURS

if TYPE_CHECKING:
    from usable_core.metrics.arrays import Floats

LEAST = 1e-12  # of a probability whose logarithm is taken
HOW = (
    "usable.wrap_model(network, labels=[…], preprocessing=usable.Preprocessing(resize=32, "
    "crop=(32, 32), mean=(…), std=(…)))"
)


def wrap_model(
    network: nn.Module,
    *,
    preprocessing: Preprocessing | None = None,
    labels: LabelSpace | Sequence[str] | None = None,
    name: str | None = None,
    card: dict[str, Any] | None = None,
) -> Model:
    """Return a network as a `Model`; the network itself is frozen in evaluation mode, not copied.

    Args:
        network: Normalised images (N, 3, H, W) to logits (N, classes); one logit z (N, 1) counts as
            the two logits (0, z).
        preprocessing: How pictures become what the network takes. There is no usual one: other
            numbers than those of the training give other answers, without a sign of it.
        labels: Class names in the order of the logits; None for classes without names.
        name: What it is called in results; its class by default.
        card: What is known about it; `{"architecture": "timm/NAME"}` lets it be fine-tuned.

    Raises:
        ConfigError: something of it is missing, or the network does not take such images or does
            not give one logit for each label.
    """
    if not isinstance(network, nn.Module):
        raise ConfigError(
            f"network must be a torch.nn.Module, but is of the type {type(network).__name__}."
        )
    name = name or type(network).__name__
    if not isinstance(preprocessing, Preprocessing):
        raise ConfigError(
            f"{name} does not say how pictures are resized, cropped and normalised for it. "
            f"Give it: {HOW}."
        )
    classes = _count_logits(network, preprocessing, name)
    return Model(name, network, preprocessing, _label_space(labels, classes, name), card)


def wrap(
    function: Callable[["Floats"], object],
    *,
    labels: LabelSpace | Sequence[str],
    input_size: int | tuple[int, int],
    outputs: Literal["logits", "probabilities"] = "logits",
    name: str | None = None,
) -> Model:
    """Return any function that answers pictures as a `Model`: one that has no gradients.

    It is measured, attacked by what asks for answers alone (`square`, noise) and explained by what
    hides parts (LIME, Kernel and Partition SHAP, occlusion). What a function does can change
    unseen, so each wrapping counts as another model.

    Args:
        function: Images (N, 3, H, W), a NumPy array of float32 in [0, 1], to one number for each of
            them and each class (N, classes).
        labels: Class names in their order.
        input_size: Side of the pictures in pixels, or (height, width). A picture's short side is
            made as long as the shorter one, and its middle is cut out.
        outputs: What the numbers are. Of probabilities the logarithm is taken, 0 as 1e-12.
        name: What it is called in results; that of the function by default.

    Raises:
        ConfigError: it is no function, or does not take such images or give such numbers.
    """
    if not callable(function) or isinstance(function, nn.Module):
        raise ConfigError(
            "function must be a function of images (N, 3, height, width), but is of the type "
            f"{type(function).__name__}. A network of torch is wrapped by usable.wrap_model."
        )
    require(outputs in ("logits", "probabilities"), "outputs", "logits or probabilities", outputs)
    size = (input_size, input_size) if isinstance(input_size, int) else input_size
    name = name or str(getattr(function, "__name__", type(function).__name__))

    answer = _Answer(function, outputs == "probabilities", name)
    box = BlackBox(answer, title="a function", identity=f"function {uuid.uuid4().hex}")
    own = dict.fromkeys(("resize", "crop", "mean", "std"), "of the function, as it was wrapped")
    preprocessing = Preprocessing(min(size), size, sources=own)
    return wrap_model(box, preprocessing=preprocessing, labels=labels, name=name)


class _Answer:
    """What a function answers pictures with, looked at each time: a service changes unseen."""

    def __init__(self, function: Callable[["Floats"], object], are_shares: bool, name: str) -> None:
        """Keep a function, whether it gives probabilities, and what it is called."""
        self._function, self._are_shares, self._name = function, are_shares, name
        self._classes: int | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of images (N, 3, H, W)."""
        try:
            said = self._function(x.numpy())
        except Exception as error:  # anything that a user's code or service raises
            raise ConfigError(
                f"{self._name} failed on images of shape {tuple(x.shape)} "
                f"({type(error).__name__}: {first_line(error)}). It must answer any number of them."
            ) from error
        numbers = self._numbers(said)
        if len(x) == 1 and numbers.ndim == 1:  # squeezed
            numbers = numbers[None]
        shape = tuple(numbers.shape)
        width = self._classes or (shape[1] if len(shape) == 2 else 0)
        if shape != (len(x), width) or not width:
            due = f"({len(x)}, {self._classes or 'classes'})"
            raise ConfigError(
                f"{self._name} must give logits of shape {due} for {len(x)} images, one number for "
                f"each class, but gives {shape}. Return the logits alone."
            )
        self._classes = width
        if not self._are_shares:
            return numbers
        if not are_probabilities(numbers):
            raise ConfigError(
                f"{self._name} was wrapped with outputs='probabilities', but its numbers are no "
                "probabilities: each at least 0, together 1. Say outputs='logits', or divide them."
            )
        return numbers.clamp_min(LEAST).log()

    def _numbers(self, said: object) -> Tensor:
        try:
            found = np.asarray(said)
            if np.iscomplexobj(found):
                raise ValueError("complex numbers")
            return torch.from_numpy(np.array(found, dtype=np.float32))
        except (TypeError, ValueError, RuntimeError) as error:
            raise ConfigError(
                f"{self._name} must return one table of numbers (N, classes), such as a NumPy "
                f"array, but returns the type {type(said).__name__} ({first_line(error)})."
            ) from error


def _label_space(labels: LabelSpace | Sequence[str] | None, classes: int, name: str) -> LabelSpace:
    if labels is None:
        return LabelSpace.unnamed(classes)
    if not isinstance(labels, LabelSpace):
        if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
            raise ConfigError("labels must be a list of class names, in the order of the logits.")
        labels = LabelSpace(tuple(labels))
    if len(labels) != classes:
        raise ConfigError(
            f"labels must name each of the {classes} logits of {name}, but are {len(labels)}."
        )
    return labels


def _count_logits(network: nn.Module, preprocessing: Preprocessing, name: str) -> int:
    """Return how many classes a network tells apart, from its answer to two grey images."""
    place = next((tensor.device for tensor in network.parameters()), torch.device("cpu"))
    grey = torch.full((2, 3, *preprocessing.crop), 0.5, device=place)
    try:
        with frozen(network), torch.no_grad():
            logits = network(preprocessing.normalise(grey))
    except NOT_OURS as error:
        raise ConfigError(
            f"{name} does not take images of shape {tuple(grey.shape)} ({first_line(error)}). "
            "Give the preprocessing whose crop is its input size."
        ) from error
    if isinstance(logits, Tensor) and logits.ndim == 2 and len(logits) == 2:
        return class_logits(logits).shape[1]
    shown = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    raise ConfigError(
        f"{name} must give logits of shape (N, classes), but gives {shown} for "
        "2 images. Wrap a module whose forward returns the logits alone."
    )

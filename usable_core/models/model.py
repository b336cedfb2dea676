"""`Model`: a network with what it takes and its labels; pixels, or pieces of text, to logits."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from usable_core.catalog import implementation
from usable_core.errors import ConfigError, ImageRefused, NoGradients
from usable_core.evaluations.specs import InputKind, ModelSpec
from usable_core.inputs.input import Input
from usable_core.inputs.preprocessing import GUESS, Preprocessing
from usable_core.labels import LabelSpace
from usable_core.models.examination import Examination, examine
from usable_core.models.heads import features
from usable_core.models.outputs import class_logits
from usable_core.models.programs import black_box, is_program, structure

if TYPE_CHECKING:
    from usable_core.evaluations.explained import Prediction

PREDICT = "usable_core.measuring.predicting:predict"  # by name: what measures stands above models
# Half a grey level: round trips through 8 bits stay inside, normalised inputs do not.
RANGE_TOLERANCE = 0.5 / 255


class Model:
    """A classifier in evaluation mode with frozen parameters.

    Attributes:
        name: The reference it was loaded by.
        network: Normalised images (N, 3, H, W), or texts (N, 1, 1, L), to logits (N, classes).
        input: What it takes: pictures, whose passport is `preprocessing`, or texts.
        labels: Class names in the order of the logits.
        card: What is known about it: command, data, measured figures; may be empty.
        spec: What `load_model` was asked, which names it in configs; its bare name otherwise.
        notes: Sentences on how it was loaded that a reader of its numbers must know.
        fingerprint: SHA-256 of weights, structure and input, and of notes and class names
            where there are notes (first 16 hex digits).
    """

    notes: tuple[str, ...] = ()

    def __init__(
        self,
        name: str,
        network: nn.Module,
        input: Input,
        labels: LabelSpace,
        card: dict[str, Any] | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.notes = notes
        self.input = input
        # A network of one logit tells two classes apart, see `outputs.class_logits`.
        self.labels = labels if len(labels) != 1 else LabelSpace.unnamed(2)
        self.card = card or {}
        self.spec = ModelSpec(name)
        self.network = network
        if not is_program(network):  # exported programs are fixed in eval mode
            network.eval()
        network.requires_grad_(False)
        self.fingerprint = self._fingerprint()

    def __call__(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of images x (N, 3, H, W) in [0, 1], or texts (N, 1, 1, L)."""
        self.require_classes()
        return class_logits(self.network(self.input.normalise(x)))

    def __repr__(self) -> str:
        size = "texts" if self.kind == "text" else "{} × {} pixels".format(*self.input_size)
        return (
            f"Model({self.name!r}: {len(self.labels)} classes, {size}, "
            f"{self.parameter_count:,} parameters, fingerprint {self.fingerprint})"
        )

    def laid_out(self, x: Tensor) -> Tensor:
        """Return images in the order of memory that is fastest; what torch does not run, as is."""
        is_laid = self.has_gradients and self.kind == "picture"
        return x.contiguous(memory_format=torch.channels_last) if is_laid else x

    def predict(self, images: object, *, top: int = 5) -> "list[tuple[Prediction, ...]]":
        """Return the most probable classes of each image, most probable first.

        Args:
            images: A PIL image, a file's bytes or its path, or an array (H, W, 3) of uint8 or of
                floats in [0, 1]: a picture, which is resized and cropped. A tensor (3, H, W) or
                (N, 3, H, W) in [0, 1], of the size that the model takes. Or a list of those.
            top: How many classes.

        Returns:
            One tuple per image, also for a single one; each with index, name, probability, and
            the calibrated probability where the model was calibrated.

        Raises:
            ImageRefused: an image is nothing of these.
            OutputsRefused: the network does not answer as a classifier.
        """
        predict = implementation(PREDICT)
        return cast("list[tuple[Prediction, ...]]", predict(self, images, top=top))

    def features(self, x: Tensor) -> Tensor:
        """Return penultimate features (N, D) of images x (N, 3, H, W) in [0, 1].

        Raises:
            CheckpointError: the network is a fixed program that shows only its logits.
        """
        return features(self.network, self.input.normalise(x))

    @cached_property
    def examination(self) -> Examination:
        """What its answers to a few pictures show, found once.

        Raises:
            ConfigError: it does not answer pictures of its input size with logits.
        """
        return examine(self)

    @property
    def kind(self) -> InputKind:
        """Whether it takes pictures or texts."""
        return self.input.kind

    @property
    def preprocessing(self) -> Preprocessing:
        """Geometry and normalisation of its pictures.

        Raises:
            ConfigError: it is a model of texts.
        """
        if not isinstance(self.input, Preprocessing):
            raise ConfigError(
                f"{self.name} reads texts, and this is asked of models of pictures. Choose a model "
                "of pictures, or measure its accuracy."
            )
        return self.input

    @preprocessing.setter
    def preprocessing(self, found: Preprocessing) -> None:
        self.input = found

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the images that the model takes."""
        return self.preprocessing.crop

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of its numbers must know: its answers, how it was loaded, and guesses."""
        said = self.notes
        if self.kind == "picture":
            said = (*said, *_guesses(self.preprocessing), *_grey(self.preprocessing))
        return (*self.examination.warnings, *said)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        tensors = chain(self.network.parameters(), self.network.buffers())
        first = next(tensors, None)  # asked with every batch, so not all are listed
        return torch.device("cpu") if first is None else first.device

    @property
    def parameter_count(self) -> int:
        """How many numbers the network learned; 0 where nobody knows."""
        if (box := black_box(self.network)) is not None:
            return box.parameter_count
        return sum(parameter.numel() for parameter in self.network.parameters())

    @property
    def has_gradients(self) -> bool:
        """Whether answers can be differentiated with respect to the pixels."""
        return black_box(self.network) is None

    def require_classes(self) -> None:
        """Check that the model tells classes apart.

        Raises:
            ConfigError: it was trained for no classes.
        """
        if not len(self.labels):
            raise ConfigError(
                f"{self.name} has no classes: its files hold a network that takes {self.kind}s and "
                "no head that tells classes apart. Train one first: usable finetune --model "
                f"{self.name} --dataset DATA."
            )

    def require_gradients(self, what: str, instead: str) -> None:
        """Check that answers can be differentiated.

        Args:
            what: What follows gradients, such as `FGSM`.
            instead: What to do without them, a sentence.

        Raises:
            NoGradients: they cannot.
        """
        if (box := black_box(self.network)) is not None:
            raise NoGradients(
                f"{what} follows a model's gradients, and {self.name}, {box.title}, has none. "
                f"{instead}"
            )

    def to(self, device: torch.device | str) -> "Model":
        """Move the weights and return self."""
        self.network.to(device)
        return self

    def _fingerprint(self) -> str:
        digest = hashlib.sha256(self.input.identity.encode())
        if self.notes:  # read from a file that says more than weights, such as class names
            digest.update(repr((self.notes, self.labels.names)).encode())
        digest.update(_structure(self.network).encode())
        for key, tensor in _tensors(self.network):
            digest.update(f"{key} {tuple(tensor.shape)} {tensor.dtype}".encode())
            raw = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
            digest.update(raw.numpy().data)
        return digest.hexdigest()[:16]


def check_pixels(x: Tensor) -> Tensor:
    """Return images (N, 3, H, W) clipped to [0, 1], where they were up to half a grey level.

    Raises:
        ImageRefused: another shape, or values outside, such as already normalised ones.
    """
    if x.ndim != 4 or x.shape[1] != 3 or not x.is_floating_point():
        raise ImageRefused(
            f"Images must be floats of shape (N, 3, height, width), but are {x.dtype} "
            f"{tuple(x.shape)}. Divide bytes by 255; add the first dimension to a single image."
        )
    low, high = (float(v) for v in x.aminmax()) if x.numel() else (0.0, 1.0)
    if not (low >= -RANGE_TOLERANCE and high <= 1 + RANGE_TOLERANCE):  # so that NaN is refused too
        raise ImageRefused(
            f"Pixels must be in [0, 1], but reach from {low:.3g} to {high:.3g}. Give images that "
            "are not normalised: the model normalises by itself."
        )
    return x.clamp(0, 1)


def _guesses(preprocessing: Preprocessing) -> tuple[str, ...]:
    guessed = defaultdict(list)
    for name, source in preprocessing.sources.items():
        if source.startswith(GUESS):
            guessed[source.removeprefix(GUESS)].append(name)
    if not guessed:
        return ()
    said = "; ".join(f"{', '.join(names)} as in {source}" for source, names in guessed.items())
    return (
        f"How its pictures are prepared is a guess, for the weights' file does not say it: {said}. "
        "`usable models show … --probe DATASET` tries other ways; --preprocessing sets one.",
    )


def _grey(preprocessing: Preprocessing) -> tuple[str, ...]:
    if preprocessing.channels == 3:
        return ()
    return (
        "The network takes grey pictures: it sees 0.299 R + 0.587 G + 0.114 B of each. Changes to "
        "pictures are measured on R, G and B.",
    )


def _structure(network: nn.Module) -> str:
    """Return what tells two networks of the same weights apart: padding, activations, code."""
    return re.sub(r" at 0x[0-9a-f]+", "", structure(network))


def _tensors(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor that the network holds: weights, buffers, and a program's constants."""
    for name, module in sorted(network.named_modules(), key=lambda item: item[0]):
        own = {**module._parameters, **module._buffers, **vars(module)}
        for key, value in sorted(own.items()):
            if isinstance(value, Tensor):
                yield f"{name}.{key}", value

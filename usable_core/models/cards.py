"""A model's card, each entry of its own type and in its range, before anything is built from it."""

from dataclasses import dataclass, field
from typing import Any, Literal

from usable_core.catalog.models import CARD_FILE
from usable_core.errors import CheckpointError, UsableError
from usable_core.evaluations.calibration import Calibration
from usable_core.evaluations.specs import DatasetSpec, require, require_range
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.records import from_json

MOST_CLASSES = 100_000  # ImageNet-21k has 21,841
MOST_PIECES = 10**7
LONGEST_NAME = 500  # characters; the longest of ImageNet has 121

Option = str | bool | int | float | tuple[int | float, ...] | None


@dataclass(frozen=True)
class TrainingData:
    """What a card says of the data that its model was trained on.

    Attributes:
        reference: Their name.
        fingerprint: Hash of the examples.
        split: Which part.
        n: How many examples.
        drawn_by: How the parts were drawn, see `datasets.dataset.DRAWN_BY`.
    """

    reference: str = ""
    fingerprint: str = ""
    split: str = ""
    n: int = 0
    drawn_by: str = ""


@dataclass(frozen=True)
class TokensFacts:
    """What a card says of `inputs.tokens.Tokens` beside the tokenizer, which is a file of its own.

    Attributes:
        tokenizer_sha256: Hash of that file, in hex.
        longest: As of `Tokens`, and so are the others.
    """

    tokenizer_sha256: str
    longest: int
    most: int
    known: int
    mask: str | None = None
    end: int = 0
    sources: dict[str, str] = field(default_factory=dict)
    prompt: str = ""

    def __post_init__(self) -> None:
        require_range(self, "most", 3, MOST_PIECES)
        require_range(self, "longest", 3, self.most)
        require_range(self, "known", 1, MOST_PIECES)
        require_range(self, "end", 0, self.known - 1)


@dataclass(frozen=True)
class Card:
    """What a card may say; further entries of whoever wrote it are left alone.

    Attributes:
        architecture: How the network is built again, see `models.sources.from_card.build`.
        labels: Names of the classes, in the order of the logits.
        preprocessing: How a picture becomes the input; None of a model of texts.
        tokens: How a text becomes the input; None of a model of pictures.
        arch_options: What building needs besides.
        labels_named: False where the labels are placeholders.
        weights_sha256: Hash of the file of weights that the card belongs to, in hex; empty in cards
            of before there was one.
        title: What people call it.
        base: Reference of the model that its training started from.
        weights: Where its weights came from.
        data: What it was trained on.
        command: The command line that asks for the same training.
        config: That question.
        seed: Seed of the training.
        precision: Numbers of the training.
        compiled: Whether its steps were compiled, which round differently.
        schedule: How the parameters moved.
        versions: Library name to version.
        warnings: Sentences that a reader of its numbers must know.
        measured: Figures.
        objective: What was guessed in a training without classes: `masked` pieces, or each next
            one (`causal`); empty of a classifier. What has one is a start for fine-tuning.
        calibration: What was fitted on the images that the training held out.
        diverged: Why the training stopped early.
    """

    architecture: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing | None = None
    tokens: TokensFacts | None = None
    arch_options: dict[str, Option] = field(default_factory=dict)
    labels_named: bool = True
    weights_sha256: str = ""
    title: str = ""
    base: str = ""
    weights: str = ""
    data: TrainingData = TrainingData()
    command: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    precision: str = ""
    compiled: bool = False
    schedule: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    measured: dict[str, Any] = field(default_factory=dict)
    objective: Literal["", "masked", "causal", "contrastive"] = ""
    calibration: Calibration | None = None
    diverged: str = ""

    def __post_init__(self) -> None:
        is_one = (self.preprocessing is None) != (self.tokens is None)
        expected = "an object of named fields, or left out where there are tokens (a text model's)"
        require(is_one, "preprocessing", expected, self.preprocessing)
        count = len(self.labels)
        least = 0 if self.objective else 1
        require(least <= count <= MOST_CLASSES, "labels", f"1 to {MOST_CLASSES} names", count)
        for k, name in enumerate(self.labels):
            is_good = len(name) <= LONGEST_NAME and _is_unicode(name)
            expected = f"a text of Unicode of at most {LONGEST_NAME} characters"
            require(is_good, f"labels[{k}]", expected, name[:20])
        from_json(DatasetSpec, {"reference": "", **self._dataset()}, "config.dataset")

    def _dataset(self) -> dict[str, Any]:
        said = self.config.get("dataset", {})
        if not isinstance(said, dict):
            raise ValueError("config.dataset must be an object of named fields")
        return said


def checked(card: dict[str, Any], owner: str) -> Card:
    """Return what a card says, each entry of its own type and in its range.

    Args:
        card: As it was read.
        owner: The model's reference, for sentences.

    Raises:
        CheckpointError: an entry lacks, or is something else than it must be.
    """
    known = {name: card[name] for name in Card.__dataclass_fields__ if name in card}
    try:
        return from_json(Card, known)
    except (ValueError, UsableError) as error:
        reason = str(error).removeprefix("Card ").rstrip(".")
        raise CheckpointError(
            f"The card of {owner} cannot be used: {reason}. Correct {CARD_FILE}, or write it anew."
        ) from error


def _is_unicode(name: str) -> bool:
    """Tell whether a text can be written: JSON may name halves of signs (lone surrogates)."""
    return not any("\ud800" <= sign <= "\udfff" for sign in name)

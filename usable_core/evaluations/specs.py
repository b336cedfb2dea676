"""What a config names: a model, a data set, and what came with a result (its provenance)."""

import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from types import NoneType
from typing import ClassVar, Literal, Protocol, get_args, get_origin

from usable_core.catalog.datasets import DATASETS, absolute_data
from usable_core.catalog.hub_data import FORM
from usable_core.catalog.models import SOURCES
from usable_core.catalog.references import absolute
from usable_core.errors import ConfigError
from usable_core.files import resolved
from usable_core.records import hints_of, shown

Split = Literal["auto", "train", "validation", "test", "all"]
Norm = Literal["linf", "l2", "l1", "words"]  # words: the share of them that is changed
Precision = Literal["float32", "bfloat16"]
InputKind = Literal["picture", "text"]  # what a model takes, and data consist of
MOST_COUNT = 10**9
MOST_SEED = 2**32 - 1  # of NumPy's and torch's generators alike
LARGEST_BATCH = 2**16  # examples: thousands are the most that any device takes at once


class Report(Protocol):
    """The only way back from work: progress and live numbers out, `Cancelled` in."""

    def __call__(self, done: int, total: int, message: str, **metrics: float) -> None:
        """Tell that `done` of `total` steps are over; raises `Cancelled` when the user stopped."""


def silent(done: int, total: int, message: str, **metrics: float) -> None:
    """Report to nobody."""


@dataclass(frozen=True)
class Asked:
    """How the command line asks for a field, where the field's name and type do not say it.

    Attributes:
        names: Spellings of the option; the field's name otherwise.
        read: What the option's text means; several values come joined by commas.
        flag: The option is a flag that stands for this value.
        record: A dataclass whose fields are asked instead; its property of the field's name is the
            value.
        choices: Returns the names that the help lists, such as the keys of a table; the config
            checks them.
        help: What the option's help says; the field's line in the docstring otherwise.
    """

    names: tuple[str, ...] = ()
    read: Callable[[str], object] | None = None
    flag: object = None
    record: type | None = None
    choices: Callable[[], Iterable[str]] = tuple
    help: str = ""


def asked(
    *names: str,
    read: Callable[[str], object] | None = None,
    flag: object = None,
    record: type | None = None,
    choices: Callable[[], Iterable[str]] = tuple,
    help: str = "",
) -> dict[str, Asked]:
    """Return the metadata of a field that the command line asks for as `Asked` says."""
    return {"asked": Asked(names, read, flag, record, choices, help)}


@dataclass(frozen=True)
class ModelSpec:
    """Name of a model: a reference such as `bundled/resnet` and what loading it needs.

    Attributes:
        reference: Which model: a source and the name within it.
        weights: Local weights file that replaces the reference's own.
        arch_options: Setting of the architecture's builder, KEY=VALUE; repeatable.
        trust: Allow a file that can run code (exported programs).
        preprocessing: Value that replaces what the source says of the input: mean=…, std=…,
            resize=…, crop=…, interpolation=…, crop_anchor=…, channel_order=…; repeatable.
        labels: File of the class names in the order of the logits, in place of the model's own: a
            text with one name a line, or JSON.
        said_by_fingerprint: Fields that decide what is loaded and nothing else.
    """

    said_by_fingerprint: ClassVar = ("weights", "trust", "preprocessing", "labels")

    reference: str = field(metadata=asked(choices=lambda: [row.form for row in SOURCES.values()]))
    weights: str | None = None
    arch_options: tuple[tuple[str, str], ...] = field(default=(), metadata=asked("--arch-option"))
    trust: bool = False
    preprocessing: tuple[tuple[str, str], ...] = ()
    labels: str | None = None

    def placed(self) -> "ModelSpec":
        """Return the name that means the same files in every folder."""
        weights, labels = (path and resolved(path) for path in (self.weights, self.labels))
        return replace(self, reference=absolute(self.reference), weights=weights, labels=labels)


@dataclass(frozen=True)
class DatasetSpec:
    """Name of a data set and of the part of it that is used.

    Attributes:
        reference: Data with a name, the path of a folder, zip or Parquet file, or a data set of the
            Hugging Face Hub.
        split: `auto` is the data set's own test split, else its own validation split; of a data set
            without parts everything; where the model was trained on it, the test split of that
            training.
        limit: At most this many examples, drawn stratified by class; all without one.
        seed: Seed of the splits and of that draw.
        said_by_fingerprint: Fields that decide what is loaded and nothing else.
    """

    said_by_fingerprint: ClassVar = ("reference",)

    reference: str = field(metadata=asked(choices=lambda: [*DATASETS, FORM, "PATH"]))
    split: Split = "auto"
    limit: int | None = None
    seed: int = field(default=0, metadata=asked(help="Seed of the splits and of all randomness."))

    def __post_init__(self) -> None:
        require_range(self, "limit", 1)
        require_range(self, "seed", 0, MOST_SEED)

    def placed(self) -> "DatasetSpec":
        """Return the name that means the same files in every folder."""
        return replace(self, reference=absolute_data(self.reference))


@dataclass(frozen=True)
class Refused:
    """An example that was left out of a data set, and the sentence why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from: everything needed to run it again.

    Attributes:
        model: The model's reference.
        model_fingerprint: Hash of its weights and preprocessing.
        dataset: The data set's reference.
        dataset_fingerprint: Hash of its examples.
        split: The split that was used (never `auto`).
        class_names: Names of the model's classes, in the order of its logits.
        refused: Examples left out, with reasons.
        warnings: Sentences that a reader of the numbers must know.
        leaked: Ids of evaluated pictures that are known from training, or nearly so: the model's
            own, or the data set's train part.
        seconds: Wall time of the measuring.
        device: `cpu`, `cuda:0`, …
        batch_size: Examples per forward pass, as chosen.
        versions: Library name to version.
        hosts: Machines of a cluster that measured parts of it.
    """

    model: str
    model_fingerprint: str
    dataset: str
    dataset_fingerprint: str
    split: str
    class_names: tuple[str, ...]
    refused: tuple[Refused, ...] = ()
    warnings: tuple[str, ...] = ()
    leaked: tuple[str, ...] = ()
    seconds: float = 0.0
    device: str = "cpu"
    batch_size: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()


def require(holds: bool, name: str, expected: str, got: object) -> None:
    """Check a setting.

    Raises:
        ConfigError: `holds` is false.
    """
    if not holds:
        raise ConfigError(f"{name} must be {expected}, but is {shown(got)}. Change {name}.")


def require_range(
    config: object, name: str, low: float, high: float = math.inf, expected: str = ""
) -> None:
    """Check that a field of a config, where it is given, is a number in [low, high].

    Whole numbers are at most 10⁹ where nothing less is said: no count of anything reaches it.

    Raises:
        ConfigError: it is not, or no whole number where the field's type says so.
    """
    value = getattr(config, name)
    whole = float not in (hint := hints_of(type(config))[name], *get_args(hint))
    number = "a whole number, " * whole
    high = MOST_COUNT if whole and math.isinf(high) else high
    expected = expected or f"at least {low:g}" + f" and at most {high:,}" * math.isfinite(high)
    is_kind = is_number(value) and (isinstance(value, Integral) or not whole)
    is_good = value is None or (is_kind and is_between(value, low, high))
    require(is_good, name, expected if is_kind else number + expected, value)


def require_choices(config: object) -> None:
    """Check that each field whose type lists its values holds one of them.

    Raises:
        ConfigError: it holds another.
    """
    for name, hint in hints_of(type(config)).items():
        if choices := choices_of(hint):
            value = getattr(config, name)
            is_good = value in choices or (value is None and NoneType in get_args(hint))
            require(is_good, name, f"one of {', '.join(choices)}", value)


def choices_of(hint: object) -> tuple[str, ...]:
    """Return what a type of literals, or a union of such types, allows; empty of any other."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    found = [choices_of(kind) for kind in get_args(hint) if kind is not NoneType]
    return tuple(choice for part in found for choice in part) if found and all(found) else ()


def is_number(value: object) -> bool:
    """Tell whether this is one number, which a truth value is not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_between(value: float, low: float, high: float) -> bool:
    """Tell whether `value` is a finite number in [low, high]."""
    return abs(value) <= sys.float_info.max and low <= value <= high

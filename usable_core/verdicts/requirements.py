"""Requirements: what a model must reach to be used, written before it is measured.

They are sentences such as `accuracy >= 90 %` or `robust_accuracy at 4/255 >= 0.4`, in a file
`usable.toml`, on the command line or in Python, and mean the same everywhere:

    use = "Sorting photographs before a person looks at them"
    set_by = "Quality group"
    require = ["accuracy >= 90 %", "robust_accuracy at 1/255 >= 60 %", "ece <= 5 %"]
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from usable_core.catalog import lookup
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.catalog.metrics import METRICS
from usable_core.catalog.requirements import REQUIREMENTS, RequirementRow
from usable_core.catalog.text_corruptions import KNOWN
from usable_core.catalog.units import NAMES, Unit, exactly
from usable_core.errors import ConfigError
from usable_core.evaluations.epsilon import epsilon_label, number
from usable_core.evaluations.result import Number
from usable_core.evaluations.specs import LARGEST_BATCH, Norm, require
from usable_core.verdicts.bounds import batch_of, worth_of

_NUMBER = r"[+-]?[\d.]+(?:[eE][+-]?\d+)?(?:/[\d.]+)?"
_FORM = re.compile(
    rf"\s*(\w+)(?:\s+at\s+([\w./% ]+?))?\s*(>=|≥|<=|≤)\s*({_NUMBER})\s*([a-zA-Z/%]*)\s*"
)

_COMMA = re.compile(r"\d,\d")


class _Titled(Protocol):
    """A row of a catalog table."""

    @property
    def title(self) -> str:
        """Return what people call it."""


_PLACES: dict[str, Mapping[str, _Titled]] = {"method": EXPLAINERS, "corruption": KNOWN}


@dataclass(frozen=True)
class Requirement:
    """One number and its bound.

    Attributes:
        name: A key of `catalog.requirements.REQUIREMENTS`.
        bound: What it must reach (where higher is better) or may reach; shares in [0, 1], times in
            seconds, sizes in bytes.
        place: A budget as people write it (`4/255`, of words `10 %`), a method or a corruption by
            its key, a batch size (`batch 16`); empty where the number has no place.
    """

    name: str
    bound: float
    place: str = ""

    def __post_init__(self) -> None:
        row = lookup(REQUIREMENTS, "requirement", self.name)
        require(math.isfinite(self.bound), f"the bound of {self.name}", "a number", self.bound)
        if self.unit == "share":
            expected = "a share from 0 to 1, or from 0 % to 100 %"
            require(0 <= self.bound <= 1, f"the bound of {self.name}", expected, self.bound)
        elif NAMES[self.unit]:  # a size, a time, a count
            require(self.bound > 0, f"the bound of {self.name}", "above 0", self.bound)
        if row.place == "":
            require(not self.place, f"the place of {self.name}", "left out", self.place)
        elif not self.place:
            raise ConfigError(
                f"{self.name} is measured at a place, which the requirement names, such as "
                f"`{row.example}`. Add it."
            )
        elif row.place == "epsilon":
            require(number(self.place) > 0, "epsilon", "above 0", self.place)
        elif row.place == "batch":
            batch = batch_of(self.place)
            require(batch <= LARGEST_BATCH, "batch", f"at most {LARGEST_BATCH:,}", batch)
        else:
            lookup(_PLACES[row.place], row.place, self.place)

    @property
    def row(self) -> RequirementRow:
        """Return what is known of the number."""
        return REQUIREMENTS[self.name]

    @property
    def unit(self) -> Unit:
        """Return what the bound is kept in."""
        return METRICS[self.row.metric].unit

    @property
    def batch(self) -> int | None:
        """Return the batch size that it is measured at; None where it has none."""
        return batch_of(self.place) if self.row.place == "batch" else None

    @property
    def epsilon(self) -> float:
        """Return the budget in units of the [0, 1] range; NaN where it has none."""
        return number(self.place) if self.row.place == "epsilon" else math.nan

    @property
    def number(self) -> tuple[str, str | float]:
        """Return which number it bounds, the same however its place is written."""
        is_budget = self.row.place == "epsilon"
        return self.name, round(self.epsilon, 9) if is_budget else self.place

    @property
    def text(self) -> str:
        """Return it as it is written: `robust_accuracy at 4/255 >= 40 %`."""
        at = f" at {self.place}" if self.place else ""
        sign = ">=" if self.row.is_better == "higher" else "<="
        return f"{self.name}{at} {sign} {self.bound_text}"

    @property
    def bound_text(self) -> str:
        """Return the bound as it is written: `40 %`, `50 ms`."""
        return exactly(self.bound, self.unit)

    @property
    def title(self) -> str:
        """Return what the number is called: `Under attack at ε = 4/255`."""
        title = METRICS[self.row.metric].title
        if self.row.place == "epsilon":
            return f"{title} at ε = {self.place}"
        if self.row.place == "batch":
            return f"{title} at {self.place}"
        return f"{title}: {_PLACES[self.row.place][self.place].title}" if self.place else title

    def is_about(self, found: Number) -> bool:
        """Tell whether a number of an answer is the one that is required."""
        if found.metric != self.row.metric:
            return False
        if self.row.place == "epsilon":
            return math.isclose(found.epsilon, self.epsilon, rel_tol=1e-6)
        if self.row.place == "batch":
            return found.at == self.place
        return found.at == (_PLACES[self.row.place][self.place].title if self.place else "")


@dataclass(frozen=True)
class Requirements:
    """All that a model must reach for one use.

    Attributes:
        required: What it must reach.
        use: What it is to be used for, in words.
        set_by: Who says so.
        norm: Norm of the budgets.
    """

    required: tuple[Requirement, ...]
    use: str = ""
    set_by: str = ""
    norm: Norm = "linf"

    def __post_init__(self) -> None:
        if not self.required:
            raise ConfigError(
                f"There are no requirements. Give at least one, such as {examples()}."
            )
        places = [r.number for r in self.required]
        twice = [r.text for r in self.required if places.count(r.number) > 1]
        if twice:
            raise ConfigError(f"Two requirements bound one number: {', '.join(twice)}. Keep one.")

    @property
    def tasks(self) -> tuple[str, ...]:
        """Return the evaluations that measure them, each once."""
        return tuple(dict.fromkeys(r.row.task for r in self.required))

    @property
    def epsilons(self) -> tuple[float, ...]:
        """Return the budgets that they name, increasing."""
        return tuple(sorted({r.epsilon for r in self.required if not math.isnan(r.epsilon)}))

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """Return the batch sizes that they name, increasing."""
        return tuple(sorted({r.batch for r in self.required if r.batch is not None}))


def examples() -> str:
    """Return how requirements are written, for an error."""
    rows = (REQUIREMENTS[name] for name in ("accuracy", "robust_accuracy", "ece"))
    return ", ".join(f"`{row.example}`" for row in rows)


def requirement(text: str) -> Requirement:
    """Return the requirement that a sentence such as `accuracy >= 90 %` means.

    Raises:
        ConfigError: it is none, or its bound is on the wrong side.
        UnknownName: there is no such number, method or corruption.
    """
    form = _FORM.fullmatch(str(text))
    if form is None and _COMMA.search(str(text)):
        raise ConfigError(
            f"A number is written with a point, as in `90.5 %`, but this is {text!r}."
        )
    if form is None:
        raise ConfigError(f"A requirement is written like {examples()}, but this is {text!r}.")
    name, place, sign, bound, unit = form.groups()
    row = lookup(REQUIREMENTS, "requirement", name)
    is_minimum = sign in (">=", "≥")
    if is_minimum != (row.is_better == "higher"):
        raise ConfigError(
            f"{METRICS[row.metric].title} is better the {row.is_better}, so a requirement is "
            f"written like `{row.example}`, but this is {text!r}. Turn the sign round."
        )
    value = number(bound, f"the bound of {name}") * worth_of(row, unit, str(text))
    return Requirement(name, value, _place(row, place or ""))


def requirements_of(texts: Sequence[str]) -> Requirements:
    """Return the requirements of several sentences.

    Raises:
        ConfigError, UnknownName: as `requirement`.
    """
    return Requirements(tuple(requirement(text) for text in texts))


def _place(row: RequirementRow, place: str) -> str:
    """Return a place as it is kept: a budget as it is usually written, a name by its key."""
    if row.place == "batch" and place:
        return f"batch {batch_of(place)}"
    if row.place == "epsilon" and place:
        if place.endswith("%"):
            return epsilon_label(number(place), "words")
        return epsilon_label(number(place)) if "/" in place else place
    table = _PLACES.get(row.place, {})
    keys = {r.title.lower(): key for key, r in table.items()}
    return keys.get(place.lower(), place)

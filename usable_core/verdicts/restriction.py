"""An answer on one slice of its examples: every number recomputed from the records of those.

A slice is conditions in words, `class dog and brightness below 0.2`, as a search for slices names
them. What a picture looks like and what the data say of it stands in the records of accuracy; other
answers are joined to those by the pictures' hashes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from usable_core.errors import ConfigError, quoted
from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.evaluations.result import Measured
from usable_core.metrics.arrays import Masks
from usable_core.verdicts.conditions import (
    CLASS,
    CONFIDENCE,
    Condition,
    Features,
    Relation,
    features_of,
)

AND = " and "
_FORMS: tuple[
    tuple[re.Pattern[str], Relation], ...
] = (  # the first that fits; a column may hold blanks
    (re.compile(rf"(?P<column>{CLASS}) (?!\(in the data\))(?:is )?(?P<value>.+)"), "is"),
    (re.compile(r"(?P<column>.+) missing"), "missing"),
    (re.compile(r"(?P<column>.+?) (?P<value>\S+) or more"), "from"),
    (re.compile(r"(?P<column>.+?) (?:below|before) (?P<value>\S+)"), "below"),
    (re.compile(r"(?P<column>.+?) is (?P<value>.+)"), "is"),
)


@dataclass(frozen=True)
class Restricted:
    """An answer on a slice.

    Attributes:
        result: The answer, of the slice's examples alone.
        text: The slice in words.
        of: How many examples the answer has in all.
        unknown: Of how many of them it is not known whether they are in the slice: left out.
    """

    result: Measured
    text: str
    of: int
    unknown: int = 0

    @property
    def sentence(self) -> str:
        """Return what the numbers are of: `brightness below 0.2: 84 of 360 examples`."""
        left_out = f"; of {self.unknown:,} it is not known, they are left out"
        return (
            f"{self.text}: {self.result.n:,} of {self.of:,} examples"
            f"{left_out if self.unknown else ''}"
        )


def conditions_of(text: str) -> tuple[Condition, ...]:
    """Return the conditions that a text means; the value of `is` is text until it is applied.

    Args:
        text: `class dog`, `brightness below 0.2`, `contrast 0.1 or more`, `camera is north`,
            `camera missing`, `taken before 2024-05-01`, or several of them with ` and ` between.

    Raises:
        ConfigError: it is none of these.
    """
    parts: list[str] = []
    for part in " ".join(text.split()).split(AND):
        if parts and _condition(part) is None:  # the `and` is one of a name
            parts[-1] += f"{AND}{part}"
        else:
            parts.append(part)
    found = [_condition(part) for part in parts]
    if None in found:
        raise ConfigError(
            f"A slice is written like `class dog and brightness below 0.2`, `camera is north`, "
            f"`contrast 0.1 or more` or `camera missing`, but is {quoted(text)}. Change it."
        )
    return tuple(one for one in found if one is not None)


def restricted(
    result: Measured, parts: tuple[Condition, ...], described: Iterable[AccuracyResult] = ()
) -> Restricted:
    """Return an answer on a slice.

    Args:
        result: The answer.
        parts: What the slice's examples have in common, all of them.
        described: Answers of accuracy on the same data, whose records hold what this one's do not;
            confidence is that of the same model.

    Raises:
        ConfigError: the answer has no examples, it is not known what they have of the slice, none
            of them is in it, or a value is no number where the column holds numbers.
    """
    text = AND.join(part.text for part in parts)
    records = getattr(result, "records", None)
    if records is None or not {"index", "id", "label"} <= set(records.columns):
        raise ConfigError("This is not measured example by example, so no slice of it is known.")
    records = records.reset_index(drop=True)
    known = records["id"].astype(str).map(_known(result, parts, described))
    kept = records[(known == True).to_numpy(dtype=bool)]  # noqa: E712 - None where it is not known
    examples = records.drop_duplicates("index")
    unknown = int(known[examples.index].isna().sum())
    if not len(kept):
        raise ConfigError(
            f"None of the {len(examples):,} examples is known to be in the slice {quoted(text)}. "
            "Choose another."
        )
    part: Any = replace(result, records=kept.reset_index(drop=True))
    return Restricted(part, text, len(examples), unknown)


def _known(
    result: Measured, parts: tuple[Condition, ...], described: Iterable[AccuracyResult]
) -> dict[str, bool | None]:
    """Return whether each picture is in the slice, by its hash; the most that any answer knows."""
    columns, best = set[str](), dict[str, bool | None]()
    ids = set(result.records["id"].astype(str))
    for one in [*([result] if isinstance(result, AccuracyResult) else []), *described]:
        features = features_of(one)
        if one.config.model != result.config.model:
            features.pop(CONFIDENCE)  # of another model
        columns |= set(features)
        if {part.column for part in parts} <= set(features):
            found = _by_id(one, _members(parts, features))
            if len(ids & set(found)) > len(ids & set(best)):
                best = found
    if not best and {part.column for part in parts} <= {CLASS}:
        names = np.asarray(result.provenance.class_names, dtype=object)
        labels = result.records["label"].to_numpy()
        classes = np.asarray(np.where(labels >= 0, names[labels], None), dtype=object)
        return _by_id(result, _members(parts, {CLASS: classes}))
    if not best:
        raise ConfigError(_not_known(parts, columns))
    return best


def _not_known(parts: tuple[Condition, ...], columns: set[str]) -> str:
    lacking = [part.column for part in parts if part.column not in columns]
    if not columns or not lacking:
        return (
            "What these pictures look like is recorded by an accuracy run on the same data. "
            "Measure the accuracy first."
        )
    return (
        f"{', '.join(lacking)} is not recorded of these pictures. Known are "
        f"{', '.join(sorted(columns))}: choose among them, or measure the accuracy again."
    )


def _by_id(result: Measured, is_in: Masks) -> dict[str, bool | None]:
    """Return membership by hash; None where two examples of one picture differ in it."""
    found: dict[str, bool | None] = {}
    for name, inside in zip(result.records["id"].astype(str), is_in.tolist(), strict=True):
        found[name] = inside if found.get(name, inside) is inside else None
    return found


def _members(parts: tuple[Condition, ...], features: Features) -> Masks:
    found = [_typed(part, features).holds(features) for part in parts]
    return np.asarray(np.logical_and.reduce(found), dtype=bool)


def _typed(part: Condition, features: Features) -> Condition:
    """Return a condition whose value is of the column's kind."""
    is_text = features[part.column].dtype == object
    if part.relation == "missing" or isinstance(part.value, str) == is_text:
        return part
    if is_text:
        return replace(part, value=f"{part.value:.10g}")
    try:
        return replace(part, value=float(part.value))
    except ValueError:
        raise ConfigError(
            f"{part.column} is a number, but the slice compares it with {quoted(str(part.value))}. "
            "Change the slice."
        ) from None


def _condition(text: str) -> Condition | None:
    for form, relation in _FORMS:
        if found := form.fullmatch(text):
            parts = found.groupdict()
            value = parts.get("value") or ""
            is_limit = relation in ("below", "from")
            return Condition(parts["column"], relation, _number(value) if is_limit else value)
    return None


def _number(text: str) -> float | str:
    """Return a limit as a number where it is one; dates are not."""
    try:
        value = float(text)
    except ValueError:
        return text
    return value if np.isfinite(value) else text

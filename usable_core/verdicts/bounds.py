"""The words of a requirement that say how much: units of a bound, and batch sizes."""

import re

from usable_core.catalog.metrics import METRICS
from usable_core.catalog.requirements import RequirementRow
from usable_core.catalog.units import NAMES, NEEDED
from usable_core.errors import ConfigError

_BATCH = re.compile(r"(?:batch(?: size)? )?([1-9]\d*)", re.IGNORECASE)


def worth_of(row: RequirementRow, unit: str, text: str) -> float:
    """Return what a unit is worth in what the number is kept in; 1 where none is written.

    Raises:
        ConfigError: it is none of the number's, or one is needed.
    """
    metric = METRICS[row.metric]
    names = NAMES[metric.unit]
    if unit in names:
        return names[unit]
    if not unit and metric.unit not in NEEDED:
        return 1.0
    said = f"{text!r} has {f'the unit {unit!r}' if unit else 'no unit'}"
    if not names:
        raise ConfigError(
            f"{metric.title} is a plain number, written like `{row.example}`, but {said}. Leave it "
            "out."
        )
    raise ConfigError(
        f"{metric.title} is written like `{row.example}` (units: {', '.join(names)}), but {said}. "
        "Write one of them."
    )


def batch_of(place: str) -> int:
    """Return the batch size that a place names, such as `batch 16`.

    Raises:
        ConfigError: it names none.
    """
    form = _BATCH.fullmatch(place)
    if form is None:
        raise ConfigError(f"A batch size is written like `batch 16`, but this is {place!r}.")
    return int(form[1])

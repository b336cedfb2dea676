"""Units of numbers: which a bound may be written in, what each is worth, and how a value is shown.

A number is kept in one unit (seconds, bytes, a plain count); people write and read others. Names
are strict: `M` is a million and `m` is nothing, for a bound that is wrong by 1000 decides wrongly.
"""

import math
from typing import Literal

Unit = Literal["share", "points", "number", "seconds", "bytes", "count", "rate", "joules"]

# Of each unit the names, the one to show first in; with what they are worth in what is kept.
NAMES: dict[Unit, dict[str, float]] = {
    "share": {"%": 0.01},
    "points": {},
    "number": {},
    "seconds": {"s": 1.0, "ms": 1e-3},
    "bytes": {"GB": 1e9, "MB": 1e6, "kB": 1e3, "GiB": 2.0**30, "MiB": 2.0**20, "KiB": 2.0**10},
    "count": {"G": 1e9, "M": 1e6, "k": 1e3},
    "rate": {"/s": 1.0},
    "joules": {"J": 1.0, "mJ": 1e-3},
}
NEEDED: tuple[Unit, ...] = ("seconds", "bytes", "joules")  # a bare 50 could be ms or s
_HUNDREDTHS: dict[Unit, str] = {"share": "%", "points": "points"}
_BINARY = "i"  # of `MiB`: read, never written


def written(value: float, unit: Unit) -> str:
    """Return a value as people read it: 0.0123 seconds as `12.3 ms`, 11,689,512 as `11.7 M`."""
    if not math.isfinite(value):
        return "not bounded" if value > 0 else "–"
    if unit in _HUNDREDTHS:
        return f"{100 * value:.1f} {_HUNDREDTHS[unit]}"
    name, size = _scale(value, unit)
    scaled = value / size
    text = f"{scaled:,.0f}" if abs(scaled) >= 100 and name else f"{scaled:.3g}"
    return f"{text} {name}".rstrip()


def exactly(value: float, unit: Unit) -> str:
    """Return a value as a requirement says it, which reads back as the same value."""
    if unit == "share":
        return f"{100 * value:.6g} %"
    name, size = _scale(value, unit)
    text = f"{value / size:.6g}"
    if not math.isclose(float(text) * size, value, rel_tol=1e-12):
        text = f"{value / size:.15g}" if name else f"{value:.6g}"
    return f"{text} {name}".rstrip()


def _scale(value: float, unit: Unit) -> tuple[str, float]:
    """Return the largest name that a value is at least one of; the smallest where there is none."""
    decimal = [(name, size) for name, size in NAMES[unit].items() if _BINARY not in name]
    fitting = [(name, size) for name, size in decimal if abs(value) >= size]
    if fitting:
        return fitting[0]
    return decimal[-1] if decimal and unit in NEEDED else ("", 1.0)

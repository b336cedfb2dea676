"""What stands in a table of a report beside text: a mark, and a number's interval as a bar.

Both are drawn by classes of the style sheet alone, so they follow light, dark and paper, and need
no script.
"""

import html
import math
from dataclasses import dataclass

WIDTH, HEIGHT = 200, 22  # of a bar, in its own units
_EDGE = 6  # room for a point at an end
_GOOD, _BAD = ("met", "fit", "good"), ("not met", "not fit", "bad")


@dataclass(frozen=True)
class Mark:
    """A word that is set apart by its sign and its colour: `met`, `not fit`."""

    word: str


@dataclass(frozen=True)
class Bar:
    """A number with its interval, beside a bound where there is one.

    Attributes:
        value: The number.
        low: Lower end of its interval; NaN where there is none.
        high: Upper end.
        most: Right end of the scale, whose left end is 0, or `-most` where a number is below 0.
        bound: What is required; NaN draws none.
        is_minimum: The bound is to be reached, not to be kept.
        word: The outcome, a word of `Mark`.
    """

    value: float
    low: float
    high: float
    most: float = 1.0
    bound: float = math.nan
    is_minimum: bool = True
    word: str = ""


def cell(value: object) -> str:
    """Return a cell as HTML."""
    match value:
        case Mark():
            sign = "✓" if value.word in _GOOD else "✕" if value.word in _BAD else "?"
            return f'<span class="mark {_class(value.word)}">{sign} {text(value.word)}</span>'
        case Bar():
            return _bar(value)
        case _:
            return text(written(value))


def text(value: str) -> str:
    """Return a text of any origin as HTML: nothing in it is markup."""
    return html.escape(value, quote=True)


def written(value: object) -> str:
    """Return a value as it is read; floats with four digits."""
    if value is None or value != value:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _bar(bar: Bar) -> str:
    least = -bar.most if min(bar.value, bar.low, bar.bound, 0) < 0 else 0.0
    span = (bar.most - least) or 1.0

    def place(value: float) -> float:
        share = min(max((value - least) / span, 0.0), 1.0)
        return round(_EDGE + share * (WIDTH - 2 * _EDGE), 1)

    middle = HEIGHT / 2
    drawn = [f'<line class="track" x1="{_EDGE}" x2="{WIDTH - _EDGE}" y1="{middle}" y2="{middle}"/>']
    if not math.isnan(bar.bound):
        ends = (bar.bound, bar.most) if bar.is_minimum else (least, bar.bound)
        left, right = map(place, ends)
        drawn.append(
            f'<rect class="good" x="{left}" y="2" width="{round(right - left, 1)}" '
            f'height="{HEIGHT - 4}"/>'
            f'<line class="bound" x1="{place(bar.bound)}" x2="{place(bar.bound)}" y1="1" '
            f'y2="{HEIGHT - 1}"/>'
        )
    if not (math.isnan(bar.low) or math.isnan(bar.high)):
        drawn.append(
            f'<line class="range" x1="{place(bar.low)}" x2="{place(bar.high)}" '
            f'y1="{middle}" y2="{middle}"/>'
        )
    drawn.append(f'<circle class="point" cx="{place(bar.value)}" cy="{middle}" r="4.5"/>')
    return (
        f'<svg class="bar {_class(bar.word)}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" aria-hidden="true">{"".join(drawn)}</svg>'
    )


def _class(word: str) -> str:
    if not word:
        return "plain"
    return "yes" if word in _GOOD else "no" if word in _BAD else "open"

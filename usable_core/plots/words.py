"""How credits of words become coloured chips, in the colours of maps of pictures."""

import html

from usable_core.evaluations.explained import Explanation
from usable_core.plots.heatmap import AGAINST, FOR, colour_limit
from usable_core.texts import visible

_STRONGEST = 0.75  # opacity: words stay readable on light and dark pages
_STRIPES = (
    "background-image:repeating-linear-gradient(135deg,transparent 0 4px,rgba(128,128,128,.45) 4px "
    "5px);"
)


def chips_html(explanation: Explanation, limit: float | None = None) -> str:
    """Return a text whose words are coloured by their credit, as a piece of HTML.

    Each word says its credit when pointed at; one whose sign the sampling leaves open is striped.

    Args:
        explanation: Of a text.
        limit: Credit that is shown at full colour, the same for maps that are compared; None takes
            the map's own.
    """
    parts, end = list[str](), 0
    for (low, high), (style, said) in zip(explanation.spans, told(explanation, limit), strict=True):
        parts.append(_plain(explanation.text[end:low]))
        word = _plain(explanation.text[low:high])
        parts.append(
            f'<span title="{said}" style="{style}border-radius:3px;padding:1px 3px">{word}</span>'
        )
        end = high
    return f'<p style="line-height:2;margin:0">{"".join(parts)}{_plain(explanation.text[end:])}</p>'


def told(explanation: Explanation, limit: float | None = None) -> list[tuple[str, str]]:
    """Return how each word of a text looks, as CSS, and its credit in words; `limit` as above."""
    values = explanation.values[0]
    limit = colour_limit(values) if limit is None else limit
    stability = explanation.stability
    settled = [True] * len(values) if stability is None else stability.is_settled
    return [
        (
            _colour(float(value), limit) + ("" if is_settled else _STRIPES),
            f"{value:+.3g}" + ("" if is_settled else ", not told from 0 by the sampling"),
        )
        for value, is_settled in zip(values, settled, strict=True)
    ]


def describe_words(explanation: Explanation, most: int = 4) -> str:
    """Return the words that speak most for the class and against it, with their credits."""
    pairs = list(zip(explanation.words, explanation.values[0].tolist(), strict=True))
    strongest = sorted(pairs, key=lambda pair: -abs(pair[1]))[: 2 * most]
    sides = [
        [pair for pair in strongest if pair[1] and (pair[1] > 0) is is_for]
        for is_for in (True, False)
    ]
    said = [
        f"{name}: " + ", ".join(f"“{visible(word)}” {value:+.2g}" for word, value in side[:most])
        for name, side in zip(("for", "against"), sides, strict=True)
        if side
    ]
    return "; ".join(said) or "no word speaks for or against it"


def _plain(text: str) -> str:
    return html.escape(visible(text)).replace("\n", "<br>")


def _colour(value: float, limit: float) -> str:
    strength = _STRONGEST * min(abs(value) / limit, 1) if limit > 0 else 0.0
    red, green, blue = AGAINST if value < 0 else FOR
    return f"background-color:rgba({red},{green},{blue},{strength:.3f});"

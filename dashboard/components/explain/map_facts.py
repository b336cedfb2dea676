"""What a map's own figures say about it: badges, warnings in plain words, all numbers."""

import math

from dashboard.components.explain.overlay import HeatmapFiles
from dashboard.components.shared.formats import duration, escaped
from usable_core.catalog.explainers import BACKGROUNDS, EXPLAINERS
from usable_core.evaluations.explanation import LARGEST_ERROR, LEAST_R2, ExplainerOptions
from usable_core.evaluations.interactive import Answer

LARGEST_GAP = 0.05  # of |f(x) − f(background)|
LEAST_CONVERGENCE = 0.8  # rank correlation with the map of half the evaluations


def badges(answer: Answer) -> list[str]:
    """Return the figures that matter most, as Markdown badges."""
    found = []
    if answer.r2 is not None:
        found.append(f":{'gray' if answer.r2 >= LEAST_R2 else 'orange'}-badge[R² {answer.r2:.2f}]")
    if answer.stability is not None and not math.isfinite(answer.stability.error_share):
        if any(answer.stability.values):
            found.append(":gray-badge[no interval yet]")
    elif answer.stability is not None:
        error = f"± {100 * answer.stability.error_share:.0f} %"
        is_stable = answer.stability.is_stable
        found.append(f":green-badge[stable, {error}]" if is_stable else f":gray-badge[{error}]")
    return found


def warnings(answer: Answer, method: str) -> list[str]:
    """Return why a map should not be relied on, one sentence each."""
    found = []
    if answer.r2 is not None and answer.r2 < LEAST_R2:
        found.append(
            f"Local R² is {answer.r2:.2f}, below {LEAST_R2}: do not rely on this map. "
            "More evaluations or fewer superpixels may help."
        )
    error = answer.stability.error_share if answer.stability else 0.0
    if math.isfinite(error) and error > LARGEST_ERROR:
        found.append(
            f"Another seed would give a different map: the error is {100 * error:.0f} % of the "
            "largest value. Spend more on it."
        )
    if misses_its_sum(answer):
        found.append(
            f"The values miss their due sum by {answer.additivity_gap:.2g} of "
            f"{abs((answer.output or 0) - (answer.base or 0)):.2g}: read this map with care. "
            "More evaluations may help."
        )
    if answer.convergence is not None and answer.convergence < LEAST_CONVERGENCE:
        found.append(
            "Half the evaluations ranked the parts differently (rank correlation "
            f"{answer.convergence:.2f}): it has not settled yet. More evaluations may help."
        )
    return found


def misses_its_sum(answer: Answer) -> bool:
    """Tell whether an additive map's values miss f(x) − f(background) by more than is tolerable."""
    if answer.additivity_gap is None or answer.output is None or answer.base is None:
        return False
    return answer.additivity_gap > LARGEST_GAP * abs(answer.output - answer.base)


def numbers(
    answer: Answer, method: str, options: ExplainerOptions, files: HeatmapFiles
) -> dict[str, str]:
    """Return every figure beside a map: what it is to what it says."""
    height, width = files.values.shape
    row = EXPLAINERS[method]
    found = {
        "explains": answer.target or "?",
        "in units of": answer.unit or "–",
        "f(x)": _number(answer.output),
        "f(background)": _number(answer.base),
        "background": BACKGROUNDS[options.background] if row.has_background else "none needed",
        "local R²": _number(answer.r2),
        "effective samples": _number(answer.effective_samples),
        "additivity gap" if method != "integrated_gradients" else "completeness gap": _number(
            answer.additivity_gap
        ),
        "rank correlation with half the evaluations": _number(answer.convergence),
    }
    if answer.stability is not None:
        error = answer.stability.error_share
        found["Monte Carlo error"] = (
            "–"
            if math.isnan(error)
            else f"{100 * error:.1f} % of the largest value, {answer.stability.seeds} seeds"
        )
    seconds = f"{answer.seconds:.1f} s" if answer.seconds < 60 else duration(answer.seconds)
    found |= {
        "evaluations": f"{answer.evaluations:,}",
        "time": seconds,
        "precision": answer.precision or "float32",
        "size": f"{width} × {height} pixels",
    }
    return {name: text for name, text in found.items() if text != "–"}


def facts(answer: Answer, method: str, options: ExplainerOptions, files: HeatmapFiles) -> str:
    """Return the figures as a Markdown table, below what the method does."""
    row = EXPLAINERS[method]
    lines = [
        f"| {name} | {escaped(text)} |"
        for name, text in numbers(answer, method, options, files).items()
    ]
    return "\n".join([f"{row.help} *{row.paper}*\n", lines[0], "|---|---|", *lines[1:]])


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.3g}"

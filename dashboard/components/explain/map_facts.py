"""What a map's own figures say about it: badges, warnings in plain words, all numbers."""

import math

from dashboard.components.explain.overlay import MapView
from dashboard.components.shared.formats import duration, escaped
from usable_core.catalog.explainers import BACKGROUNDS, EXPLAINERS
from usable_core.evaluations.doubts import LEAST_R2
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.plots import heatmap

NO_EVIDENCE = "No evidence: nothing that was hidden or changed in this picture changes this class."


def badges(explanation: Explanation) -> list[str]:
    """Return the figures that matter most, as Markdown badges."""
    found, r2, stability = [], explanation.r2, explanation.stability
    if r2 is not None:
        found.append(f":{'gray' if r2 >= LEAST_R2 else 'orange'}-badge[R² {r2:.2f}]")
    if stability is not None and not math.isfinite(stability.error_share):
        if any(stability.values):
            found.append(":gray-badge[no interval yet]")
    elif stability is not None:
        error = f"± {100 * stability.error_share:.0f} %"
        is_stable = stability.is_stable
        found.append(f":green-badge[stable, {error}]" if is_stable else f":gray-badge[{error}]")
    return found


def warnings(view: MapView) -> list[str]:
    """Return why a map that is not refined any more should not be relied on, in sentences."""
    if heatmap.is_empty(view.values):
        return [NO_EVIDENCE]
    doubts = view.explanation.doubts() if view.is_final else []
    return [f"{sentence[:1].upper()}{sentence[1:]}." for _, sentence in doubts]


def numbers(found: Explanation, options: ExplainerOptions) -> dict[str, str]:
    """Return every figure beside a map: what it is to what it says."""
    height, width = found.values.shape
    row = EXPLAINERS[found.method or ""]
    gap = "completeness" if found.method == "integrated_gradients" else "additivity"
    figures = {
        "explains": found.target or "?",
        "in units of": found.unit or "–",
        "f(x)": _number(found.output),
        "f(background)": _number(found.base),
        "background": BACKGROUNDS[options.background] if row.has_background else "none needed",
        "local R²": _number(found.r2),
        "effective samples": _number(found.effective_samples),
        f"{gap} gap": _number(found.additivity_gap),
        "rank correlation with half the evaluations": _number(found.convergence),
        "mean rank correlation with the other methods": _number(found.agreement),
    }
    if found.stability is not None and not math.isnan(found.stability.error_share):
        error, seeds = f"{100 * found.stability.error_share:.1f} %", found.stability.seeds
        figures["Monte Carlo error"] = f"{error} of the largest value, {seeds} seeds"
    seconds = f"{found.seconds:.1f} s" if found.seconds < 60 else duration(found.seconds)
    figures |= {
        "evaluations": f"{found.evaluations:,}",
        "time": seconds,
        "precision": found.precision or "float32",
        "size": f"{width} × {height} pixels",
    }
    return {name: text for name, text in figures.items() if text != "–"}


def facts(found: Explanation, options: ExplainerOptions) -> str:
    """Return the figures as a Markdown table, below what the method does."""
    row = EXPLAINERS[found.method or ""]
    lines = [f"| {name} | {escaped(text)} |" for name, text in numbers(found, options).items()]
    return "\n".join([f"{row.help} *{row.paper}*\n", lines[0], "|---|---|", *lines[1:]])


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.3g}"

"""What `usable explain` prints of a model's maps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from usable_core.cli.output import table

if TYPE_CHECKING:
    from rich.table import Table

    from usable_core.evaluations.explained import Prediction


def lines_of(part: dict[str, Any]) -> "list[str | Table]":
    """Return what is said of one model, from its part of the JSON."""
    lines: list[str | Table] = [
        part["model"],
        _predictions(part["predictions"]),
        *_about(part),
        f"Explained: {part['target']}",
        _maps_table(part["maps"]),
        *(f"{m['method']}, {m['strongest']}" for m in part["maps"] if "strongest" in m),
        *(f"{m['method']}: {m['caveat']}" for m in part["maps"] if "caveat" in m),
        *(
            f"Doubt about {one['method']}: {doubt['sentence']}."
            for one in part["maps"]
            for doubt in one["doubts"]
        ),
    ]
    shown = [(m["method"], *_evidence(m["evidence"])) for m in part["maps"] if "evidence" in m]
    if shown:
        columns = ("Deletion gain", "Insertion gain", "ROAD gain", "Random weights", "Other class")
        lines.append(table("Map", *columns, rows=shown))
    if part["agreement"] is not None:
        mean = _figure(part["agreement"]["mean_rank_correlation"])
        lines.append(f"Mean rank correlation of the maps: {mean}")
    return lines


def _predictions(predictions: "Sequence[Prediction]") -> "Table":
    rows = [(p.name, f"{100 * p.probability:.1f} %") for p in predictions]
    return table("Prediction", "How sure it says it is (softmax)", rows=rows)


def _maps_table(maps: list[dict[str, Any]]) -> "Table":
    costs = [f"{m['evaluations']} evaluations, {m['seconds']:.1f} s" for m in maps]
    rows = [(m["method"], _quality(m), c, m["picture"]) for m, c in zip(maps, costs, strict=True)]
    return table("Map", "Quality", "Cost", "Picture (its array is the .npy beside it)", rows=rows)


def _about(part: dict[str, Any]) -> list[str]:
    """Return what is to be said of the model and of the image itself."""
    found = [f"Note: {warning}" for warning in part["warnings"]]
    found += [part["knows"]] if part["knows"] else []
    if part["calibrated"] is not None:
        found.append(f"Calibrated, it is {100 * part['calibrated']:.1f} % sure.")
    if part["familiarity"] is not None and part["familiarity"]["is_unlike"]:
        found.append("This image is unlike 95 % of the images that the model was calibrated on.")
    if part["fragility"] is not None:
        found.append(f"{part['fragility']['said']} (an upper bound).")
    return found


def _quality(part: dict[str, Any]) -> str:
    names = {"r2": "R²", "additivity_gap": "gap", "convergence": "convergence"}
    found = [f"{names[key]} {part[key]:.2g}" for key in names if key in part]
    if "stability" in part and part["stability"]["error_share"] is not None:
        found.append(f"error {part['stability']['error_share']:.2g}")
    return ", ".join(found) or "-"


def _evidence(found: dict[str, Any]) -> list[str]:
    """Return gains behind a blur, ROAD's, and what the map should not resemble."""
    gains: dict[str, str] = {}
    for curve in found["curves"]:
        gains.setdefault(curve["kind"], _figure(curve["gain"]))
    sanity = found["sanity"] or {}
    correlations = [_figure(sanity.get(name)) for name in ("randomised", "other_class")]
    return [*(gains.get(kind, "-") for kind in ("deletion", "insertion", "road")), *correlations]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"

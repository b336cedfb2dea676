"""Explanation quality over a data set: figures, all numbers, and the worst-explained examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.components.shared.explain_button import explain_button
from dashboard.components.shared.formats import download_csv, escaped
from dashboard.components.shared.metrics import figure, frame
from usable_core import images
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.explanation import ExplanationResult
from usable_core.plots import heatmap
from usable_core.plots.explanation import quality
from usable_core.runs.run import Run

Found = Sequence[tuple[Run, ExplanationResult]]
WORST = 4  # examples of each backbone at first sight


@dataclass(frozen=True)
class QualityRow:
    """One figure of quality: its title, what it means, and which way is better."""

    title: str
    help: str


# Key: a column of `ExplanationResult.per_method`.
QUALITIES = {
    "doubtful": QualityRow(
        "Doubtful maps",
        "Share of maps with a reason against them; the reasons "
        "are written under the worst explained.",
    ),
    "deletion_gain": QualityRow(
        "Deletion gain",
        "By how much hiding in the map's order beats "
        "random orders on the same network: 0 is chance, higher is "
        "better. Median over the images.",
    ),
    "insertion_gain": QualityRow(
        "Insertion gain", "The same where parts are shown: 0 is chance. Median over the images."
    ),
    "road_gain": QualityRow(
        "ROAD gain",
        "As deletion, with hidden parts filled in from around: 0 "
        "is chance. Median over the images.",
    ),
    "r2": QualityRow(
        "Local R²",
        "How much of what the network does LIME's linear model tells; 1 "
        "is all of it. Median over the images.",
    ),
    "error_share": QualityRow(
        "Monte Carlo error",
        "Largest standard error over largest value: "
        "what another seed would change. Lower is better. Median.",
    ),
    "randomised": QualityRow(
        "Random weights",
        "Rank correlation with the map of the same network "
        "with random weights: near 0 is sound. Median.",
    ),
    "other_class": QualityRow(
        "Another class",
        "Rank correlation with the map of the next most probable class: near 0 is sound. Median.",
    ),
    "agreement": QualityRow(
        "Agreement",
        "Mean rank correlation with the other methods' maps of "
        "the same image. Median over the images.",
    ),
    "additivity_gap": QualityRow(
        "Additivity gap",
        "How far the values miss their due sum, in units of the output: 0 is exact. Median.",
    ),
    "seconds": QualityRow("Seconds", "Mean wall time of a map."),
}


def quality_figure(found: Found, names: Sequence[str]) -> None:
    """Show one figure of quality of every method and backbone with its interval."""
    results = [result for _, result in found]
    tables = [result.per_method for result in results]
    known = [m for m in QUALITIES if any(m in t and t[m].notna().any() for t in tables)]
    metric = st.segmented_control(
        "Figure",
        known,
        default=known[0],
        format_func=lambda m: QUALITIES[m].title,
        required=True,
        key=state.EXPLANATION_METRIC,
        label_visibility="collapsed",
        wrap=True,
    )
    shown = metric if metric in known else known[0]
    st.caption(QUALITIES[shown].help)
    plot = quality(results, shown, QUALITIES[shown].title, names=names, theme=state.theme())
    figure(plot, key="quality", alt=f"{QUALITIES[shown].title} of each method and backbone")


def quality_table(found: Found, names: Sequence[str]) -> None:
    """Show the figures of every method and backbone with their intervals; offer all as a file."""
    tables = [result.per_method for _, result in found]
    columns = {
        f"{name}, {EXPLAINERS[str(row['method'])].title}": row
        for table, name in zip(tables, names, strict=True)
        for row in table.to_dict("records")
    }
    rows = [
        {"figure": quality.title} | {name: _written(row, key) for name, row in columns.items()}
        for key, quality in QUALITIES.items()
        if any(key in row and row[key] == row[key] for row in columns.values())
    ]
    frame(pd.DataFrame(rows), alt="Figures of each method with their 95 % intervals")
    whole = pd.concat(
        [table.assign(backbone=name) for table, name in zip(tables, names, strict=True)]
    )
    download_csv(whole, "explanation-quality", key="quality_csv", label="Numbers, CSV")


def _written(row: Mapping[str, float], key: str) -> str:
    """Return a figure with its interval, a dash where there is none."""
    value, low, high = (row.get(f"{key}{end}", float("nan")) for end in ("", "_low", "_high"))
    if value != value:
        return "–"
    return f"{value:.3g}" if low != low else f"{value:.3g} ({low:.3g} to {high:.3g})"


def worst_section(found: Found, names: Sequence[str]) -> None:
    """Show the worst-explained examples of each backbone: picture, map, and the reason."""
    st.subheader("Worst explained", help="The examples whose maps are the least to be trusted.")
    for column, (run, result), name in zip(st.columns(len(found)), found, names, strict=True):
        with column:
            if len(found) > 1:
                st.markdown(f"**{escaped(name)}**")
            rows = result.worst(WORST).to_dict("records")
            cells = st.columns(WORST if len(found) == 1 else 2 if len(found) == 2 else 1)
            for place, row in enumerate(rows):
                with cells[place % len(cells)]:
                    _example(run, result, row)


def _example(run: Run, result: ExplanationResult, row: Mapping[str, object]) -> None:
    index, method = int(str(row["index"])), str(row["method"])
    names = result.provenance.class_names
    label, target = int(str(row["label"])), names[int(str(row["target"]))]
    true = names[label] if label >= 0 else None
    about = f"{EXPLAINERS[method].title} for {target}" + (f", which is {true}" if true else "")
    pair = _picture(str(state.store().folder(run.id)), index, method)
    if pair is not None:
        picture, blended = pair
        st.image(blended, width="stretch", alt=about)
        st.caption(f"{escaped(about)}  \n{escaped(_reason(row))}")
        explain_button(
            picture,
            "Explain it",
            model=run.config.model.reference,
            true=true,
            name=f"{result.provenance.dataset} {index}",
            methods=(method,),
            key=f"worst_{run.id}_{index}_{method}",
        )
    else:
        st.caption(escaped(f"{about}. {_reason(row)} This run kept no picture of it."))


def _reason(row: Mapping[str, object]) -> str:
    text = str(row["reason"])
    return f"{text[:1].upper()}{text[1:]}."


@st.cache_data(max_entries=64, show_spinner=False)
def _picture(folder: str, index: int, method: str) -> tuple[bytes, bytes] | None:
    """Return an example's PNG, and the same with its map over it; None where none was kept."""
    try:
        png = (Path(folder) / "images" / f"{index}.png").read_bytes()
        with np.load(Path(folder) / "maps.npz") as maps:
            values = maps[f"{index}_{method}"]
    except (OSError, KeyError):
        return None
    picture = np.asarray(images.decode(png, "picture"))
    blended = heatmap.blend(picture, values, heatmap.colour_limit(values), 0.8)
    times = max(1, -(-320 // blended.shape[1]))  # small pictures with square pixels
    return png, images.encode_png(np.kron(blended, np.ones((times, times, 1), np.uint8)))

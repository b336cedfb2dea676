"""Which corruption hurts how much, cell by cell, and the images that each cell breaks."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from dashboard import state
from dashboard.components.measure.measured_runs import Found
from dashboard.components.shared.behind import behind
from dashboard.components.shared.formats import choose_one, percent
from dashboard.components.shared.once import once
from dashboard.components.shared.text_list import texts
from dashboard.components.shared.tiles import Tile, called, pictures_of, tiles
from usable_core.evaluations.corruption_result import CorruptionResult
from usable_core.plots.corruption import CLEAN, corruption_heat_map, corruption_places
from usable_core.runs.run import Run


def cells_section(found: Found, names: Sequence[str]) -> None:
    """Show the heat map of one model, and the images behind the cell that is chosen."""
    place = choose_one(
        "Heat map of",
        dict(enumerate(names)),
        key=state.CORRUPTION_MODEL,
        default=0,
        is_labelled=len(found) > 1,
    )
    run, result = found[place if place < len(found) else 0]
    behind(
        once(corruption_heat_map, result, theme=state.theme()),
        once(corruption_places, result),
        partial(broken_by, run, result),
        key="corruption_map",
        alt="Accuracy per corruption and severity",
    )


def broken_by(run: Run, result: CorruptionResult, place: str) -> None:
    """Show the images that a cell breaks, as the model saw them there."""
    name, _, level = place.partition(" ")
    names, key = result.provenance.class_names, f"broken_{run.id}_{place}"
    column, request = ("clean_", pictures_of(run.config)) if place == CLEAN else ("", None)
    if request is None:
        rows, severity = result.broken(name, int(level)), int(level)
        options = replace(pictures_of(run.config).options, seed=result.config.seed)
        request = replace(
            pictures_of(run.config), corruption=name, severity=severity, options=options
        )
        before = len(result.broken())
        st.caption(
            f"{len(rows):,} of {result.n:,} {result.examples} break: right when clean, wrong here."
            + (f" {before:,} are wrong when clean." if before else "")
        )
    else:
        rows = result.broken()
        st.caption(f"{len(rows):,} of {result.n:,} {result.examples} are wrong when clean.")

    def tile(row: dict[Any, Any]) -> Tile:
        true, prediction = names[row["label"]], names[row[f"{column}prediction"]]
        return called(row["id"], true, prediction, percent(row[f"{column}confidence"]))

    if result.kind == "text":
        texts(rows, tile, key=key)
    else:
        tiles(rows, tile, request, key=key)

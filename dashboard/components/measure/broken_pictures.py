"""Images that an attack breaks, as tiles: attacked where the run kept them so, else unchanged."""

from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import state, stored
from dashboard.components.shared.behind import behind
from dashboard.components.shared.once import once
from dashboard.components.shared.tiles import MOST, Tile, called, pictures_of, tiles
from usable_core.attacked_images import kept_files
from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.plots.robustness_by_class import class_places, per_class
from usable_core.runs.run import Run


def class_figure(run: Run, result: RobustnessResult, name: str) -> None:
    """Show the accuracy of each class at each epsilon, and the images behind a cell."""
    behind(
        once(per_class, result, theme=state.theme()),
        once(class_places, result),
        partial(broken_in, run, result),
        key="per_class",
        alt=f"Accuracy of {name} per class and epsilon",
    )


def broken_in(run: Run, result: RobustnessResult, place: str) -> None:
    """Show the images of a class that are broken at an epsilon; `place` is as in the figure."""
    label, level = map(int, place.split())
    epsilon = result.epsilons[level]
    rows = result.broken(epsilon, label)
    at = epsilon_label(epsilon, result.config.norm)
    count = int((result.records_at(epsilon)["label"] == label).sum())
    st.caption(f"{len(rows):,} of {count:,} break: right when clean, wrong at ε = {at}.")
    broken_tiles(run, result, rows, epsilon, key=f"broken_{run.id}_{place}")


def broken_tiles(
    run: Run,
    result: RobustnessResult,
    rows: pd.DataFrame,
    epsilon: float,
    *,
    key: str,
    most: int = MOST,
) -> None:
    """Show rows of `RobustnessResult.broken` as tiles."""
    names, norm = result.provenance.class_names, result.config.norm
    kept = kept_files(stored.store().folder(run.id), epsilon)

    def tile(row: dict[Any, Any]) -> Tile:
        file = kept.get(row["index"])
        breaks = f"breaks at {epsilon_label(row['breaks'], norm)}"
        more = f"{breaks}, {'attacked' if file else 'unchanged'} picture"
        one = called(row["id"], names[row["label"]], names[row["prediction"]], more)
        return replace(one, file=file)

    tiles(rows, tile, pictures_of(run.config), key=key, most=most)

"""Each of several trainings as a model to use."""

from typing import Protocol

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import link
from usable_core.evaluations.specs import DatasetSpec
from usable_core.evaluations.trainings import titled


class OfTrainings(Protocol):
    """The answer of a question of several trainings."""

    @property
    def records(self) -> pd.DataFrame:
        """Return a row per training."""

    @property
    def places(self) -> tuple[str, ...]:
        """Return the columns that tell the trainings apart."""

    @property
    def task(self) -> DatasetSpec:
        """Return the data that they were trained on."""


def trained_models(result: OfTrainings, key: str) -> None:
    """Offer the model of each training to be used, and its run.

    Args:
        result: The answer.
        key: A key of `state` that holds the choice.
    """
    rows = result.records[result.records["training"] != ""].to_dict("records")
    named = {
        str(row["training"]): titled({name: row[name] for name in result.places}) for row in rows
    }
    chosen = st.selectbox("Use a model", list(named), format_func=named.get, key=key)
    if chosen is None:
        return
    data = {state.MODELS: [f"run/{chosen}"], state.DATA: result.task.reference}
    with st.container(horizontal=True):
        link("fine_tune", "Its training", "tune", {state.RUN: chosen})
        link("accuracy", "Measure accuracy", "target", data)
        link("robustness", "Measure robustness", "shield", data)
    st.caption(f"In a terminal it is `run/{chosen}`.")

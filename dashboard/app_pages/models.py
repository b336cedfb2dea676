"""Models: the shelf of what can be measured, what each is, and what was measured of it."""

import streamlit as st

from dashboard import state
from dashboard.components.shelves.model_form import model_form
from dashboard.components.shelves.models_list import model_details, models_list


def page() -> None:
    st.title("Models")
    st.markdown("What can be measured here: bundled, trained, or brought along by you.")
    model_form()
    chosen = models_list() or st.query_params.get(state.SHELF_MODEL)
    if chosen:
        st.query_params[state.SHELF_MODEL] = chosen
        model_details(chosen)
    else:
        st.caption("Choose a row to see what the model is and what was measured of it.")


page()

"""What a reader of several trainings must know: which have no answer, and remarks on all."""

from collections.abc import Sequence

import streamlit as st

from dashboard.components.shared.formats import escaped

AT_ONCE = 2  # sentences that are shown whole


def refusals_and_warnings(refused: Sequence[str], warnings: Sequence[str]) -> None:
    """Show which trainings have no answer, folded where they are many, and every warning."""
    for sentence in (*refused[:AT_ONCE], *warnings):
        st.warning(escaped(sentence), icon=":material/warning:")
    if len(refused) > AT_ONCE:
        with st.expander(f"{len(refused) - AT_ONCE} more trainings have no answer"):
            for sentence in refused[AT_ONCE:]:
                st.caption(escaped(sentence))

"""The examples behind a remark on the measurement, such as labels that may be wrong."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.components.assess.measured_parts import Parts
from dashboard.components.measure.measured_runs import answer
from dashboard.components.measure.wrong_pictures import wrong_tiles
from dashboard.components.shared.formats import errors_shown
from usable_core.verdicts.findings import Remark

TILES = 6  # at first sight


def remark_pictures(remark: Remark, parts: Parts, *, key: str) -> None:
    """Show the examples of a remark once they are asked for.

    Args:
        remark: With the identities of its examples.
        parts: The runs of the candidates.
        key: Tells this remark from the others.
    """
    count = len(remark.ids)
    title = "1 example" if count == 1 else f"{count:,} examples"
    with st.expander(title, key=key, icon=":material/visibility:", on_change="rerun") as opened:
        if opened.open:
            with errors_shown():
                _pictures(remark, parts, key)


def _pictures(remark: Remark, parts: Parts, key: str) -> None:
    named = [name for name in parts if "accuracy" in parts[name]]
    if not named:
        st.caption("The runs behind it were deleted, so there are no examples to show.")
        return
    name = next((name for name in named if name in remark.sentence), named[0])
    run = parts[name]["accuracy"]
    result = answer(run)
    wrong_tiles(run, result, of_ids(result.records, remark.ids), key=f"{key}_tiles", most=TILES)


def of_ids(records: pd.DataFrame, ids: Sequence[str]) -> pd.DataFrame:
    """Return the records of some pictures in their order, what each is like before it."""
    places = records.drop_duplicates("id").set_index("id")["index"]
    wanted = [int(places[one]) for one in ids if one in places]
    by_index = records.set_index("index", drop=False)
    if "alike" in records:
        wanted = [int(i) for one in wanted for i in (by_index["alike"][one], one)]
    kept = [one for one in dict.fromkeys(wanted) if one in by_index.index]
    return by_index.loc[kept].reset_index(drop=True)

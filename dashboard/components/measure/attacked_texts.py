"""Robustness runs of texts at one share of words: the texts, their old words and their new ones."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import memory, state
from dashboard.components.measure.attacked_pictures import (
    Found,
    breaking,
    choose_epsilon,
    chosen_examples,
    of_each_model,
)
from dashboard.components.shared.formats import escaped, interval_text, percent
from dashboard.components.shared.names import model_title
from dashboard.components.shared.tiles import count_key, more_button
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.evaluations.robustness_texts import similarity, still_read, untouched
from usable_core.runs.run import Run
from usable_core.texts import changed_words, visible

MOST = 6  # texts at first sight, and as many more at each click


@st.fragment
def texts_section(found: Found, names: Sequence[str]) -> None:
    """Show, per model, texts as they were and as the attack made them."""
    epsilon = choose_epsilon(found)
    of_each_model(found, names, lambda run, result, mode: _of_one_model(run, result, mode, epsilon))


def judged_note(result: RobustnessResult, epsilon: float) -> None:
    """Say of how many texts a share is not one word, and what a judge still reads in the broken."""
    place = result.epsilons.index(epsilon)
    short = untouched(result)[place]
    if 0 < short.value < 1 or (short.value == 1 and epsilon > 0):
        st.caption(f"{percent(short.value)} of the texts are too short for one word of them.")
    if result.config.judge is None:
        st.caption(
            "Nobody judged whether broken texts still say the same: choose a judge in the settings "
            "of the attack."
        )
        return
    read, alike = still_read(result)[place], similarity(result)[place]
    judge = escaped(model_title(result.config.judge.reference))
    if not read.n:
        st.caption(f"No text is broken here for {judge} to read.")
        return
    st.caption(
        f"**{judge}** reads {percent(read.value)} of the broken texts as before "
        f"({interval_text(read)})"
        + (
            f"; their similarity to what they were is {alike.median:.2f} in the middle, and below "
            f"{alike.low:.2f} for a tenth."
            if alike.n
            else "."
        ),
        help="A success of an attack is no paraphrase. A judge that reads another class now says "
        "that the attack changed what the text says. The similarity is the cosine between the "
        "means of the judge's last hidden states.",
    )


def _of_one_model(run: Run, result: RobustnessResult, mode: str, epsilon: float) -> None:
    rows, key = with_texts(result, mode, epsilon), f"broken_texts_{run.id}_{mode}"
    if rows.empty:
        st.caption("There are no such texts.")
    count = st.session_state.get(count_key(key), MOST)
    for row in rows.head(count).to_dict("records"):
        with st.container(border=True, gap="xsmall"):
            st.caption(escaped(said_of(result, row)))
            st.markdown(shown(row))
            st.button(
                "Explain it",
                key=f"explain_{run.id}_{mode}_{row['index']}",
                type="tertiary",
                icon=":material/search_insights:",
                on_click=partial(_give, run, row),
            )
    if st.session_state.pop(state.ROBUSTNESS_EXPLAINED, False):
        st.switch_page(state.page_file("explain"), query_params={state.EXPLAIN_KIND: "text"})
    more_button(len(rows) - count, key, count, MOST)


def with_texts(result: RobustnessResult, mode: str, epsilon: float) -> pd.DataFrame:
    """Return the examples of a mode with what the record says of their texts, in order."""
    about = result.records_at(result.epsilons[-1])
    chosen, _ = chosen_examples(result, about, mode, epsilon)
    new = about.columns.difference(chosen.columns)
    found = chosen.merge(about[["index", *new]], on="index")
    if mode != "fragile":
        return found
    broken = found[found["changed"] > 0]
    return broken.iloc[np.argsort(broken["changed"] / broken["words"], kind="stable")]


def changed_texts(result: RobustnessResult, rows: Sequence[Mapping[str, object]]) -> None:
    """Show texts as they were and as the attack made them, each with what it is called."""
    for row in rows:
        with st.container(border=True, gap="xsmall"):
            st.caption(escaped(said_of(result, row)))
            st.markdown(shown(row))


def said_of(result: RobustnessResult, row: Mapping[str, object]) -> str:
    """Return what a text is called before and after, and how little it took."""
    names = result.provenance.class_names
    label = names[int(str(row["label"]))]
    if not row["adversarial_text"]:
        return f"{label}, still right. {breaking(result, row)}"
    called = names[int(str(row["prediction"]))]
    changed, words = int(str(row["changed"])), int(str(row["words"]))
    much = f"{changed} of {words:,} words changed ({percent(changed / words)})"
    return f"{label}, called {called}: {much}. {breaking(result, row)}{_judged(result, row)}"


def _judged(result: RobustnessResult, row: Mapping[str, object]) -> str:
    """Return what the judge says of the text now, where there is one."""
    before, after = (
        int(str(row.get(f"judge_{when}", -1))) for when in ("clean_prediction", "prediction")
    )
    if min(before, after) < 0:
        return ""
    names = result.provenance.class_names
    still = "still reads" if before == after else f"read {names[before]} and now reads"
    return f" The judge {still} {names[after]}; similarity {float(str(row['similarity'])):.2f}."


def shown(row: Mapping[str, object]) -> str:
    """Return the text for a page: words that were changed struck out, the new ones behind them."""
    old, new = str(row["text"]), str(row["adversarial_text"])
    if not new:
        return escaped(visible(old))
    parts = []
    for before, was, is_now in changed_words(old, new):
        parts.append(escaped(visible(before)))
        if was != is_now:
            parts.append(f":gray[~~{escaped(visible(was))}~~] **{escaped(visible(is_now))}**")
        else:
            parts.append(escaped(visible(was)))
    return "".join(parts)


def _give(run: Run, row: Mapping[str, object]) -> None:
    memory.give({state.EXPLAIN_TEXT: str(row["adversarial_text"] or row["text"])})
    state.restore(state.TEXT_MODELS, [run.config.model.reference])
    st.session_state[state.ROBUSTNESS_EXPLAINED] = True

"""Showing several candidates side by side: the sentence, all numbers, the front, and weights."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import choose_one, escaped, percent
from dashboard.components.shared.metrics import figure, frame
from dashboard.components.shared.once import once
from usable_core.comparison import short_names
from usable_core.evaluations.result import Measured
from usable_core.plots.candidates import first_by_weight, numbers_with_intervals
from usable_core.tasks import name_of
from usable_core.verdicts.candidates import Candidates
from usable_core.verdicts.comparing import candidates_of
from usable_core.verdicts.standing import chance_text
from usable_core.verdicts.verdict import rounded

MOST_WEIGHT = 10
MOST_NAMED = 3  # candidates in the sentence on weights


def headline(found: Candidates) -> None:
    """Show which candidate may be the best, and who is left out."""
    st.info(f"**{escaped(found.sentence)}**", icon=":material/balance:")
    if not found.axes:  # else `candidates_view` says them
        _notes(found)


def candidates_view(found: Candidates, *, key: str) -> None:
    """Show all numbers of candidates that can be compared, and how the first hangs on weights.

    Args:
        found: Several candidates.
        key: Tells the widgets from those of other candidates on the page.
    """
    plot = once(numbers_with_intervals, found, theme=state.theme())
    figure(plot, key=f"{key}_numbers", alt="All numbers of the candidates with their intervals")
    frame(once(places, found), alt="Where each candidate is on all axes together")
    _notes(found)
    with st.expander("Every number, its group and the chance to be first"):
        frame(once(numbers, found), alt="Every number of the candidates")
        st.caption(
            "Candidates that share a letter are not shown to differ; the intervals of all pairs "
            "hold together (95 %). Chances are shrunken (empirical Bayes): of candidates that "
            "differ by no more than luck, each is about as likely to be first."
        )
    if len(found.axes) > 1:
        with st.expander("What matters how much: weights"):
            weights(found, key=key)


def _notes(found: Candidates) -> None:
    """Say on which examples the candidates are compared, and why on some numbers they are not."""
    if found.notes:
        st.markdown("\n".join(f"- :gray[{escaped(note)}]" for note in found.notes))


def places(found: Candidates) -> pd.DataFrame:
    """Return one row per candidate: where it is on all axes together."""
    equal, whatever = found.first(), found.first_over_all_weights
    return pd.DataFrame(
        {
            "model": found.names,
            "on all axes": [at.words for at in found.front],
            "first, all weighing the same": [chance_text(p) for p in equal],
            "first, whatever the weights": [chance_text(p) for p in whatever],
        }
    )


def numbers(found: Candidates) -> pd.DataFrame:
    """Return one row per axis and candidate, the highest first."""
    rows = []
    for place, axis in enumerate(found.axes):
        at, chances = axis.standing, found.chances(place)
        for k in at.order:
            one = at.values[k]
            rows.append(
                {
                    "compared in": axis.title,
                    "model": found.names[k],
                    "number": percent(one.value),
                    "95 % interval": f"{percent(one.low)} to {percent(one.high)}",
                    "group": at.groups[k],
                    "may be the best": "yes" if k in at.best else "",
                    "chance to be first": "too close"
                    if at.is_too_close
                    else chance_text(chances[k]),
                    "n": at.n,
                    "n to separate the first two": f"about {rounded(at.examples):,}"
                    if at.examples
                    else "",
                }
            )
    return pd.DataFrame(rows)


@st.fragment
def weights(found: Candidates, *, key: str) -> None:
    """Ask for a weight of each axis, and show who is first and how far that hangs on them."""
    given = {}
    for column, axis in zip(st.columns(len(found.axes)), found.axes, strict=True):
        with column:
            given[axis.name] = st.slider(
                axis.title[:1].upper() + axis.title[1:],
                0,
                MOST_WEIGHT,
                5,
                key=f"{key}_weight_{axis.name}",
            )
    if not any(given.values()):
        st.info("Give at least one of them a weight.", icon=":material/balance:")
        return
    st.markdown(escaped(_said(found, given)))
    titles = {place: axis.title for place, axis in enumerate(found.axes)}
    axis = choose_one("One weight from nothing to all", titles, key=f"{key}_along", default=0)
    figure(
        first_by_weight(found, axis, given, theme=state.theme()),
        key=f"{key}_stability",
        alt="Chance of each candidate to be first by the weight of one axis",
    )
    st.caption("The dotted line is the weight chosen above; the others keep their proportions.")


def _said(found: Candidates, given: dict[str, int]) -> str:
    """Return who is first with these weights, and over all weights that there are."""
    chances, shares = found.first(given), found.shares_of_weights
    order = sorted(range(len(chances)), key=lambda k: -chances[k])[:MOST_NAMED]
    now = ", ".join(f"{found.names[k]} {chance_text(chances[k])}" for k in order)
    widest = max(range(len(shares)), key=lambda k: shares[k])
    return (
        f"Chance to be first with these weights: {now}. Of all weights, "
        f"{chance_text(shares[widest])} put {found.names[widest]} first as measured."
    )


def together(results: Sequence[Measured], titles: Mapping[str, str]) -> Candidates | None:
    """Return answers of several kinds, by model, side by side; None where that makes no sense."""
    by_model: dict[str, dict[str, Measured]] = {}
    for result in results:
        of_model = by_model.setdefault(result.provenance.model_fingerprint, {})
        of_model.setdefault(name_of(result.config), result)
    if len(by_model) < 2:
        return None
    firsts = [next(iter(answers.values())) for answers in by_model.values()]
    names = short_names(firsts, titles)
    return candidates_of(list(by_model.values()), names)

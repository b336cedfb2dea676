"""Several results of one kind together: groups, sentences and tests of each pair, and figures."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.components.measure.disagreements import differences
from dashboard.components.shared.formats import download_csv, errors_shown, escaped, percent
from dashboard.components.shared.metrics import figure, frame
from dashboard.components.shared.once import once
from dashboard.components.shared.selection import nearest, not_measured
from usable_core.catalog import implementation
from usable_core.catalog.metrics import METRICS
from usable_core.comparison import Comparison
from usable_core.comparison.leaders import leaders
from usable_core.comparison.verdicts import points, sides
from usable_core.evaluations.result import Condition, Measured
from usable_core.tasks import TASKS

SENTENCES = 6  # at first sight: what is shown comes first


def pairs(kind: str, found: Comparison) -> None:
    """Show groups, sentences, the figure of differences, and the images behind them."""
    condition = _condition(kind, found)
    if (best := once(leaders, found, condition or {})) is not None:
        st.info(f"**{escaped(best.sentence)}**", icon=":material/balance:")
    frame(
        once(models, found, condition), alt="The models and the groups that are not shown to differ"
    )
    st.caption("Models that share a letter are not shown to differ.")
    for row in found.relative.to_dict("records"):
        st.markdown(
            f"- {METRICS[row['metric']].title} of {escaped(found.called(row['model']))} relative "
            f"to {escaped(found.called(row['reference']))}: {percent(row['value'])} "
            f"({percent(row['low'])} to {percent(row['high'])})"
        )
    _sentences(found.verdicts(condition))
    if any(result.is_upper_bound_only for result in found.results):
        st.warning(
            "A check of an attack failed: what it left is an upper bound only. It is drawn hatched "
            "and is not ranked.",
            icon=":material/warning:",
        )
    for note in found.notes:
        st.caption(escaped(note))
    differences(kind, found, condition)
    with st.expander("Every pair with its tests"):
        frame(once(tests, found, condition), alt="Every pair with its tests")
        with st.container(horizontal=True):
            download_csv(found.pairs, f"pairs-{kind}", key=f"pairs_{kind}", label="Pairs, CSV")
            download_csv(
                found.disagreements, f"flips-{kind}", key=f"flips_{kind}", label="Images, CSV"
            )


def models(found: Comparison, condition: Condition | None) -> pd.DataFrame:
    """Return model, accuracy, its own interval, n, group and reference, the best first."""
    table = found.table_under(condition).sort_values("accuracy", ascending=False, kind="stable")
    return pd.DataFrame(
        {
            "model": [found.called(name) for name in table["model"]],
            "group": [letters or "not ranked" for letters in table["group"]],
            "accuracy": [percent(value) for value in table["accuracy"]],
            "95 % interval": [
                f"{percent(low)} to {percent(high)}"
                for low, high in zip(table["low"], table["high"], strict=True)
            ],
            "n": table["n"].to_numpy(),
            "reference": table["model"].to_numpy(),
        }
    )


def tests(found: Comparison, condition: Condition | None) -> pd.DataFrame:
    """Return each pair as people read it: points, interval, flips, p."""
    rows = []
    for row in found.pairs_under(condition).to_dict("records"):
        pair = sides(row)
        rows.append(
            {
                "pair": f"{found.called(pair.ahead)} − {found.called(pair.behind)}",
                "points": points(pair.difference, 2),
                "95 % simultaneous": f"{points(pair.low, 2)} to {points(pair.high, 2)}",
                "only the first right": pair.only_ahead,
                "only the second right": pair.only_behind,
                "n": row["n"],
                "p (McNemar)": f"{row['p']:.2g}",
                "p (Holm)": f"{row['p_holm']:.2g}",
            }
        )
    return pd.DataFrame(rows)


def _sentences(said: Sequence[str]) -> None:
    for sentence in said[:SENTENCES]:
        st.markdown(f"- {escaped(sentence)}")
    if len(said) > SENTENCES:
        with st.expander(f"{len(said) - SENTENCES} more pairs"):
            st.markdown("\n".join(f"- {escaped(sentence)}" for sentence in said[SENTENCES:]))


def _condition(kind: str, found: Comparison) -> Condition | None:
    """Ask for one of the conditions, such as ε; None where there is only one."""
    conditions = found.pairs[list(found.conditions)].drop_duplicates().to_dict("records")
    if len(conditions) == 1:
        return None
    key = state.of_page(state.COMPARE_AT, kind)
    epsilons = [one["epsilon"] for one in conditions if "epsilon" in one]
    if (wanted := nearest(key, epsilons)) is not None:
        st.session_state[key] = wanted
    place = st.select_slider(
        "Compared at",
        range(len(conditions)),
        value=len(conditions) // 2,
        key=key,
        format_func=lambda k: found.said(conditions[k]),
    )
    not_measured(epsilons)
    return {name: value for name, value in conditions[place].items() if value == value}


def overview(kind: str, results: Sequence[Measured], names: Sequence[str]) -> None:
    """Show the figure of a kind."""
    draw = implementation(TASKS[kind].figure)
    with errors_shown():
        plot = once(draw, results, names=names, theme=state.theme())
        figure(plot, key=f"overview_{kind}", alt=f"{TASKS[kind].title} of the chosen models")

"""Where it fails: the worst slices in words, and the examples behind them."""

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from dashboard.components.assess.measured_parts import Parts
from dashboard.components.assess.wrong_with_maps import wrong_with_maps
from dashboard.components.measure.attacked_texts import changed_texts
from dashboard.components.measure.broken_pictures import broken_tiles
from dashboard.components.measure.disagreements import apart_tiles, dividing, with_texts
from dashboard.components.measure.measured_runs import answer
from dashboard.components.measure.sliced import on_slice
from dashboard.components.measure.slices_section import slice_lines
from dashboard.components.measure.wrong_pictures import wrong_tiles
from dashboard.components.shared.formats import choose_one, errors_shown, escaped, forget_unless
from dashboard.components.shared.once import once
from dashboard.components.shared.selection import (
    chosen_epsilon,
    chosen_slice,
    closest,
    not_measured,
)
from usable_core.comparison.joining import join
from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.result import Measured
from usable_core.verdicts.findings import Findings
from usable_core.verdicts.slices import Slice

TILES = 6  # at first sight


@st.fragment
def failures(found: Findings, parts: Parts) -> None:
    """Show where one candidate fails: its slices, and the images that it gets wrong.

    The slices are of all examples; the images are those of the sidebar's slice, at its epsilon.
    """
    names = list(found.slices)
    name = names[0]
    if len(names) > 1:
        name = choose_one("Where it fails", {n: n for n in names}, key="fails_of", default=name)
    slices = found.slices[name]
    st.markdown(escaped(slices.sentence))
    slice_lines(slices.worst[1:])  # the sentence says the first
    own = parts.get(name, {})
    shown: dict[str, Callable[[Sequence[Slice]], None]] = {}
    if "accuracy" in own:
        shown["Wrong"] = partial(_wrong, parts, name)
    if "robustness" in own:
        shown["Broken by the attack"] = partial(_broken, parts, name)
    if "accuracy" in own and sum("accuracy" in of for of in parts.values()) > 1:
        shown["Right for another model"] = partial(_apart, parts, name)
    if not shown:
        st.caption("The runs behind it were deleted, so there are no examples to show.")
        return
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        first = next(iter(shown))
        kind = choose_one("Examples", {k: k for k in shown}, key="fails_kind", default=first)
    by_text = {one.text: one for one in slices.worst}
    forget_unless("fails_slice", by_text)
    chosen = right.selectbox(
        "Only where",
        list(by_text),
        index=None,
        placeholder="All examples",
        key="fails_slice",
        disabled=not by_text,
    )
    with errors_shown():
        shown[kind]([by_text[chosen]] if chosen else [])


def _wrong(parts: Parts, name: str, only: Sequence[Slice]) -> None:
    run, result = parts[name]["accuracy"], _on_slice(parts, name, "accuracy")
    rows = _inside(result.wrong(), result, only)
    st.caption(f"{len(rows):,} of {result.n:,} answers{_where(only)} are wrong, the surest first.")
    key = f"fails_wrong_{run.id}"
    if result.kind == "picture":
        wrong_with_maps(run, result, rows, key=f"{key}_maps")
    wrong_tiles(run, result, rows, key=key, most=TILES)


def _broken(parts: Parts, name: str, only: Sequence[Slice]) -> None:
    run, result = parts[name]["robustness"], _on_slice(parts, name, "robustness")
    epsilons, wanted = result.epsilons, chosen_epsilon()
    at = epsilons[-1] if wanted is None else epsilons[closest(epsilons, wanted)]
    rows = result.broken(at)
    if only and "accuracy" in parts[name]:
        rows = _inside(rows, _on_slice(parts, name, "accuracy"), only)
    st.caption(
        f"{len(rows):,} of the {result.n:,} attacked {result.examples}{_where(only)} break within "
        f"ε = {epsilon_label(at, result.config.norm)}: right when clean, wrong then. Those that "
        "break first come first."
    )
    not_measured(epsilons)
    if result.kind == "text":
        found_by = result.smallest_epsilon[["index", "attack", "step"]]
        shown = rows.merge(found_by, on="index").head(TILES)
        changed_texts(result, shown.to_dict("records"))
        return
    broken_tiles(run, result, rows, at, key=f"fails_broken_{run.id}", most=TILES)


def _apart(parts: Parts, name: str, only: Sequence[Slice]) -> None:
    measured = {one: answer(own["accuracy"]) for one, own in parts.items() if "accuracy" in own}
    names = list(measured)
    rows = once(_outcomes, list(measured.values()), names)
    rows = rows[~rows[name].to_numpy(dtype=bool) & rows[names].to_numpy(dtype=bool).any(axis=1)]
    part = _on_slice(parts, name, "accuracy")
    rows = dividing(_inside(rows[rows["id"].isin(part.records["id"])], part, only), names)
    rows = with_texts(rows, part.records)
    st.caption(
        f"{part.examples.capitalize()}{_where(only)} that are wrong for {escaped(name)} and right "
        f"for another: {len(rows):,}."
    )
    models = {one: (one, result.config) for one, result in measured.items()}
    apart_tiles(rows, models, key=f"fails_apart_{name}")


def _outcomes(results: Sequence[Measured], names: Sequence[str]) -> pd.DataFrame:
    return join(results, names)[0]


def _on_slice(parts: Parts, name: str, task: str) -> Measured:
    """Return a candidate's answer on the sidebar's slice; the whole of it where none is chosen."""
    run, text = parts[name][task], chosen_slice()
    return on_slice(run, answer(run), text).result if text else answer(run)


def _inside(rows: pd.DataFrame, result: AccuracyResult, only: Sequence[Slice]) -> pd.DataFrame:
    """Return the rows whose pictures are in a slice; all of them where there is none."""
    for one in only:
        rows = rows[rows["id"].isin(result.records["id"][one.members(result)])]
    return rows


def _where(only: Sequence[Slice]) -> str:
    parts = dict.fromkeys(filter(None, (chosen_slice(), *(one.text for one in only))))
    return f" where {escaped(' and '.join(parts))}" if parts else ""

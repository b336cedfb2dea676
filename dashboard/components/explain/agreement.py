"""Do the maps agree: between the methods of a backbone, or between backbones by one method?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.components.explain.gathered import Gathered
from dashboard.components.explain.overlay import MapView, heatmap_view
from dashboard.components.explain.questions import Cell, Questions, name_of
from dashboard.components.shared.formats import choose_one, escaped, percent
from dashboard.components.shared.metrics import figure
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.comparison.maps import MapAgreement, compare_maps, compared_map, on_shared
from usable_core.plots import heatmap
from usable_core.plots.agreement import pair_table
from usable_core.reports.page import Card, Row, Section, Table

KINDS = {"methods": "Between methods", "backbones": "Between backbones"}
_MEASURE = "explain_agreement_measure"
MOST_BESIDE = 3  # maps whose measures stand beside each other
HELP = (
    "On the superpixels that all maps share: rank correlation (signed), the share of superpixels "
    "of one sign among those whose sign is settled, and the share of the highest in common. "
    "Agreement does not make maps right; disagreement says that at least one is not."
)


def show(gathered: Gathered) -> None:
    """Show how far the maps that are there agree."""
    questions, whole = gathered.questions, _final(gathered.maps)
    groups = _groups(questions, whole)
    if not any(groups.values()):
        st.caption("Agreement needs two maps that are complete: of two methods, or two backbones.")
        return
    st.markdown("##### Do they agree?", help=HELP)
    kind, cells = _choose(groups)
    if not _is_one_class(whole, cells):
        st.info(
            "These maps explain different classes, so they are not compared. Choose one under "
            "*Class to explain*.",
            icon=":material/info:",
        )
        return
    found, shared = _compare(questions, kind, cells, whole)
    if found is None:
        st.info(
            "These backbones see hardly any part of the picture in common, so their maps are "
            "not compared.",
            icon=":material/info:",
        )
        return
    first = whole[cells[0]]
    apart = max(len(_numbers(whole[cell])) for cell in cells) - len(shared)
    if apart:
        st.caption(
            f"On the {len(shared)} superpixels that all of them see; up to {apart} more are "
            "seen by some only (other crops) and left blank below."
        )
    _agreement(found, first, np.isin(_numbers(first), shared), name_of(*cells[0]) + kind)


def _choose(groups: Mapping[str, Mapping[str, list[Cell]]]) -> tuple[str, list[Cell]]:
    """Ask which maps are compared; return the kind of comparison and the maps."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kinds = {kind: title for kind, title in KINDS.items() if groups[kind]}
        key = f"{state.EXPLAIN_AGREEMENT}_{'_'.join(kinds)}"
        kind = choose_one("Compared", kinds, key=key, default=next(iter(kinds)))
        titles, label = list(groups[kind]), "Backbone" if kind == "methods" else "Method"
        title = st.selectbox(label, titles, key=f"{state.EXPLAIN_AGREEMENT_OF}_{kind}")
    return kind, groups[kind].get(title) or groups[kind][titles[0]]


def sections(gathered: Gathered) -> Iterator[Section]:
    """Yield every agreement that there is for the report."""
    whole = _final(gathered.maps)
    for kind, group in _groups(gathered.questions, whole).items():
        for title, cells in group.items():
            if not _is_one_class(whole, cells):
                continue
            found, _ = _compare(gathered.questions, kind, cells, whole)
            if found is not None:
                cards = (
                    Card(name, (_pairs(found.names, table),)) for name, table, _ in _measures(found)
                )
                yield Section(f"Do they agree? {KINDS[kind]}: {title}", (Row(tuple(cards)),))


def _pairs(names: Sequence[str], table: Sequence[Sequence[float]]) -> Table:
    return Table(("", *names), tuple((n, *row) for n, row in zip(names, table, strict=True)))


def _measures(found: MapAgreement) -> tuple[tuple[str, Sequence[Sequence[float]], bool], ...]:
    """Return title, figure of every pair, and whether that has a sign."""
    return (
        ("Rank correlation", found.rank_correlation, True),
        ("Same sign", found.sign_agreement, False),
        (f"Top {found.top} in common", found.top_overlap, False),
    )


def _final(maps: Mapping[Cell, MapView]) -> dict[Cell, MapView]:
    return {cell: view for cell, view in maps.items() if view.is_final}


def _is_one_class(maps: Mapping[Cell, MapView], cells: Sequence[Cell]) -> bool:
    return len({maps[cell].explanation.target for cell in cells}) == 1


def _groups(questions: Questions, maps: Mapping[Cell, MapView]) -> dict[str, dict[str, list[Cell]]]:
    """Return what can be compared: kind to title to maps, two at least."""
    by_model = {t: [c for c in maps if c[0] == m] for m, t in questions.titles.items()}
    by_method = {EXPLAINERS[m].title: [c for c in maps if c[1] == m] for m in questions.methods}
    return {
        kind: {title: cells for title, cells in group.items() if len(cells) > 1}
        for kind, group in (("methods", by_model), ("backbones", by_method))
    }


def _compare(
    questions: Questions, kind: str, cells: Sequence[Cell], maps: Mapping[Cell, MapView]
) -> tuple[MapAgreement | None, np.ndarray]:
    """Return the agreement on the superpixels that all maps have, and which those are (K,).

    None where there are fewer than two.
    """
    compared = []
    for model, method in cells:
        name = EXPLAINERS[method].title if kind == "methods" else questions.titles[model]
        compared.append(compared_map(name, maps[model, method].explanation))
    found, shared = on_shared(compared, [_numbers(maps[cell]) for cell in cells])
    return (compare_maps(found) if len(shared) > 1 else None), shared


def _numbers(view: MapView) -> np.ndarray:
    return view.explanation.superpixels


def _agreement(found: MapAgreement, view: MapView, is_shared: np.ndarray, key: str) -> None:
    _measured(found, key)
    if len(found.consensus_of) < 2:
        st.caption(
            f"Only {escaped(found.consensus_of[0])} says what speaks for the class and what "
            "against it, so there is no consensus to draw."
        )
        return
    left, right = st.columns(2)
    with left:
        st.markdown("**Consensus**")
        _superpixel_map(view, is_shared, found.consensus, f"consensus_{key}", is_signed=True)
        st.caption(
            f"Mean of {escaped(', '.join(found.consensus_of))}, each scaled to its own "
            "largest value."
        )
    with right:
        st.markdown("**Disagreement**")
        _superpixel_map(view, is_shared, found.disagreement, f"disagreement_{key}", is_signed=False)
        st.caption("Their standard deviation: bright where they contradict each other.")


def _measured(found: MapAgreement, key: str) -> None:
    """Show the measures beside each other; many maps need the page's width, so one at a time."""
    measures = {title: (table, is_signed) for title, table, is_signed in _measures(found)}
    if len(found.names) > MOST_BESIDE:
        titles = {title: title for title in measures}
        first = next(iter(titles))
        chosen = choose_one("Measure", titles, key=_MEASURE, default=first)
        measures = {title: of for title, of in measures.items() if title == chosen}
    for column, (title, (table, is_signed)) in zip(
        st.columns(len(measures)), measures.items(), strict=True
    ):
        with column:
            if len(found.names) == 2:
                value = table[0][1]
                text = f"{value:+.2f}".replace("-", "−") if is_signed else percent(value, 0)
                st.metric(title, "–" if value != value else text, border=True)
                continue
            st.markdown(f"**{title}**")
            plot = pair_table(found.names, table, is_signed=is_signed)
            figure(plot, key=f"agreement_{key}_{title}", alt=f"{title} of every pair of maps")


def _superpixel_map(
    view: MapView, is_shared: np.ndarray, credits: Sequence[float], key: str, *, is_signed: bool
) -> None:
    """Show numbers of some superpixels (S,) over the picture."""
    numbers = np.zeros(len(is_shared), dtype=np.float32)
    numbers[is_shared] = credits
    values = numbers[view.explanation.segments]
    drawn = replace(view.explanation, values=values, stability=None)
    version = f"{key} {view.version} {hash(tuple(credits))}"
    shown = MapView(drawn, version, is_signed=is_signed, fine=view.fine)
    limit = max(1e-6, heatmap.colour_limit(values)) if not is_signed else 1.0
    heatmap_view(key, shown, limit, f"{key.split('_')[0]}: {heatmap.describe(values)}")

"""How maps move along the picture's own adversarial path: asked on demand, one method at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from dashboard import state
from dashboard.components.explain.answer_state import show_state
from dashboard.components.explain.gathered import Gathered
from dashboard.components.explain.map_view import load, still
from dashboard.components.explain.overlay import MapView, heatmap_view
from dashboard.components.explain.questions import Questions
from dashboard.components.shared.formats import choose_one, download, escaped, percent
from dashboard.components.shared.lane import Asked, Board
from dashboard.components.shared.metrics import figure
from usable_core import images
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.errors import UsableError
from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.evidence import Drift, Fragility
from usable_core.evaluations.specs import ModelSpec
from usable_core.jobs import interactive
from usable_core.plots import heatmap
from usable_core.plots.drift import drift_figure
from usable_core.reports.page import Card, Plot, Row, Section, Table

NOBODY = "none"
ALONE = 400  # px, the width of one backbone alone: its map has few pixels
HELP = (
    "The map of the clean prediction, made again for the picture changed by ε = 0, 1/255, … Where "
    "it moves although the prediction stays, the explanation is easier to fool than the model."
)
Pair = tuple[Asked, Asked]  # the attack on the picture, and the drift along it
Follow = Mapping[ModelSpec, Pair]


def show(gathered: Gathered) -> None:
    """Offer to follow a method's maps under attack, and show what was found."""
    questions, board = gathered.questions, gathered.board
    if not questions.methods:
        return
    st.markdown("##### Does the map move under attack?", help=HELP)
    titles = {NOBODY: "Not asked"} | {m: EXPLAINERS[m].title for m in questions.methods}
    if st.session_state.get(state.EXPLAIN_DRIFT) not in titles:
        st.session_state[state.EXPLAIN_DRIFT] = questions.drift_method() or NOBODY
    chosen = choose_one("Follow the maps of", titles, key=state.EXPLAIN_DRIFT)
    if chosen == NOBODY:
        st.caption("Choose a method: its map is made again at every ε of the attack.")
        return
    for model, title in questions.titles.items():
        for request in (questions.attack(model), questions.drift(model, chosen)):
            asked = board.get(request)
            if asked is not None and asked.answer.state != "done":
                st.markdown(f"**{escaped(title)}**")
                show_state(asked, board)
                break
    found = _followed(questions, board, chosen)
    if found:
        _figure(questions, found)
        _at_one_epsilon(questions, found, chosen)


def sections(gathered: Gathered) -> Iterator[Section]:
    """Yield what was found of the followed method for the report."""
    method, questions = gathered.drift_method, gathered.questions
    pairs = {} if method is None else _followed(questions, gathered.board, method)
    if method is None or not pairs:
        return
    title = f"Does {EXPLAINERS[method].title} move under attack?"
    table = _table({questions.titles[model]: drift for model, drift in _drifts(pairs).items()})
    maps = []
    for model, drift in _drifts(pairs).items():
        views = {epsilon_label(e): _map_at(pairs[model], e) for e in drift.epsilons}
        cards = (
            Card(f"{questions.titles[model]}, {at}", (still(view, at),))
            for at, view in views.items()
            if view is not None
        )
        maps.append(Row(tuple(cards)))
    yield Section(title, (Plot(_plot(questions, pairs), title), table, *maps))


def _table(found: Mapping[str, Drift]) -> Table:
    """Return the drifts of backbones by their names, one row for each budget."""
    heads = ["backbone", "ε", "rank correlation", "top in common", "drift beyond noise"]
    rows: list[tuple[object, ...]] = []
    for name, d in found.items():
        figures = zip(d.rank_correlation, d.top_overlap, d.rank_drift, d.confidences, strict=True)
        for epsilon, values, is_kept in zip(d.epsilons, figures, d.is_kept, strict=True):
            rows.append((name, epsilon_label(epsilon), *values, "kept" if is_kept else "lost"))
    return Table((*heads, "confidence", "prediction"), tuple(rows), "All numbers")


def _drifts(found: Follow) -> dict[ModelSpec, Drift]:
    return {m: d for m, (_, drift) in found.items() if (d := drift.explanation.drift)}


def _plot(questions: Questions, found: Follow, theme: str = "light") -> go.Figure:
    drifts = {model.reference: drift for model, drift in _drifts(found).items()}
    names = [questions.titles[model] for model in found]
    norm = next(f.norm for a, _ in found.values() if (f := a.explanation.fragility))
    return drift_figure(drifts, names, norm=norm, theme=theme)


def _followed(questions: Questions, board: Board, method: str) -> dict[ModelSpec, Pair]:
    """Return attack and drift of the backbones that have both, as far as they have come."""
    pairs = {
        model: (board.get(questions.attack(model)), board.get(questions.drift(model, method)))
        for model in questions.titles
    }
    return {
        model: (attack, drift)
        for model, (attack, drift) in pairs.items()
        if attack and drift and attack.explanation.fragility and drift.explanation.drift
    }


def _figure(questions: Questions, found: Follow) -> None:
    plot = _plot(questions, found, state.theme())
    figure(plot, key="drift", alt="Similarity to the clean map and confidence against epsilon")
    st.caption(
        "Solid line: rank correlation; dashed: the five highest in common. Hollow markers: "
        "the prediction is lost. Dotted: two clean maps of different seeds, the noise level "
        "that the second panel leaves out."
    )


@st.fragment
def _at_one_epsilon(questions: Questions, found: Follow, method: str) -> None:
    """Show picture, prediction and map of each backbone at one ε; moving it runs nothing else."""
    epsilons = sorted({e for drift in _drifts(found).values() for e in drift.epsilons})
    if len(epsilons) < 2:
        return
    if st.session_state.get(state.EXPLAIN_DRIFT_AT) not in epsilons:
        st.session_state[state.EXPLAIN_DRIFT_AT] = epsilons[0]
    key, help = state.EXPLAIN_DRIFT_AT, "Picture, prediction and map move together."
    epsilon = st.select_slider("ε", epsilons, key=key, format_func=epsilon_label, help=help)
    maps = {model: _map_at(pair, epsilon) for model, pair in found.items()}
    shown = [m.values for m in maps.values() if m is not None]
    is_per_pixel = not EXPLAINERS[method].uses_superpixels
    limits = heatmap.shared_limits(shown, is_per_pixel=is_per_pixel)
    limit_of = dict(zip([m for m, files in maps.items() if files is not None], limits, strict=True))
    with st.container(width=ALONE if len(found) == 1 else "stretch"):
        columns = st.columns(len(found), border=True)
    for column, (model, pair) in zip(columns, found.items(), strict=True):
        with column:
            st.markdown(f"**{escaped(questions.titles[model])}**")
            files = maps[model]
            if files is None:
                st.caption("Not followed at this ε.")
                continue
            _one(model, pair, files, limit_of[model], epsilon)


def _one(model: ModelSpec, pair: Pair, files: MapView, limit: float, epsilon: float) -> None:
    attack, drift = pair
    fragility, moved = attack.explanation.fragility, drift.explanation.drift
    assert fragility is not None
    assert moved is not None
    at, place = _place(fragility.epsilons, epsilon), _place(moved.epsilons, epsilon)
    label = epsilon_label(epsilon, fragility.norm)
    alt = f"Map of {model.reference} at ε = {label}: {heatmap.describe(files.values)}"
    heatmap_view(f"drift_{model.reference}", files, limit, alt)
    kept = moved.is_kept[place or 0]
    badge = ":green-badge[prediction kept]" if kept else ":orange-badge[prediction lost]"
    st.markdown(f"{badge} {_prediction(fragility, at)}")
    st.caption(
        f"rank correlation {moved.rank_correlation[place or 0]:.2f}, "
        f"top in common {percent(moved.top_overlap[place or 0], 0)}"
    )
    help = "A PNG holds whole grey levels: a change of less than half a level is not in it."
    name = f"{model.reference.replace('/', '_')}_{label}.png".replace("/255", "of255")
    key = f"adversarial_{model.reference}"
    download("Picture, PNG", files.picture, name, key=key, help=help)


def _prediction(found: Fragility, at: int | None) -> str:
    if at is None:
        return ""
    clean = found.predictions[0]
    said = f"**{escaped(found.predictions[at])}**"
    return f"{said} · {percent(found.confidences[at])} for {escaped(clean)}"


def _map_at(pair: Pair, epsilon: float) -> MapView | None:
    """Return the map on the picture changed by ε; None where there is none."""
    attack, drift = pair
    fragility, moved = attack.explanation.fragility, drift.explanation.drift
    if fragility is None or moved is None:
        return None
    at, place = _place(fragility.epsilons, epsilon), _place(moved.epsilons, epsilon)
    if at is None or place is None:
        return None
    try:
        explanation = load(drift)
        picture = (interactive.files(attack.key) / f"path_{at}.png").read_bytes()
        x = np.asarray(images.decode(picture, "the changed picture"))
        moved_map = replace(explanation, values=explanation.drift_maps[place], x=x, stability=None)
        return MapView.of(moved_map, f"{drift.key} drift_{place} {attack.key} path_{at}")
    except (OSError, UsableError):
        return None


def _place(epsilons: Sequence[float], epsilon: float) -> int | None:
    near = [k for k, e in enumerate(epsilons) if abs(e - epsilon) < 1e-9]
    return near[0] if near else None

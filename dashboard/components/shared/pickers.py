"""Choosing models and data: what is at hand first, any other name or path by typing it."""

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import errors_shown, escaped
from usable_core.catalog.datasets import DATASETS
from usable_core.catalog.models import BUNDLED, SOURCES, reference_forms, suggested
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Split
from usable_core.tasks import TASKS

DEFAULT_MODELS = ("bundled/resnet",)
UPLOAD = "upload"


def model_options() -> dict[str, str]:
    """Return what can be chosen without typing: reference to title, what is at hand first."""
    options = {f"bundled/{name}": f"{row.title} (bundled)" for name, row in BUNDLED.items()}
    for run in state.runs(only_done=True):
        if TASKS[run.task].makes_model:
            options[f"run/{run.id}"] = f"{run.title} ({run.id})"
    return options | {reference: reference for reference in suggested()}


def trained_models(count: int = 2) -> tuple[str, ...]:
    """Return the newest models trained here, which are what people measure; else the default.

    The address names whatever is shown, so that a link keeps its meaning.
    """
    trained = [r for r in state.runs(only_done=True) if TASKS[r.task].makes_model][:count]
    return tuple(f"run/{run.id}" for run in trained) or DEFAULT_MODELS


def model_picker(
    key: str,
    max_selections: int = 1,
    *,
    label: str | None = None,
    default: Sequence[str] = DEFAULT_MODELS,
) -> tuple[ModelSpec, ...]:
    """Show a model picker and return the models chosen in it; empty when none is.

    The choice stands in the address under `key`; pages that use the same key share it.

    Args:
        key: A key of `state`, such as `state.MODELS`.
        max_selections: 1 shows a drop-down, more a list of chips.
        label: Above the picker.
        default: References chosen at first.
    """
    options = model_options()
    shared = {
        "key": key,
        "accept_new_options": True,
        "format_func": lambda reference: options.get(reference, reference),
        "help": f"Choose a model, or type {reference_forms('`')} and press Enter.",
    }
    state.read_address(key, list(default), max_selections)
    if max_selections == 1:
        one = st.selectbox(label or "Model", _with_typed(list(options), key), **shared)
        chosen = [one] if one else []
    else:
        chosen = st.multiselect(
            label or f"Models (up to {max_selections})",
            list(options),
            max_selections=max_selections,
            placeholder="Choose models",
            **shared,
        )
    state.write_address(key, list(chosen))
    return tuple(_spec(reference, key) for reference in chosen[:max_selections])


def _spec(reference: str, key: str) -> ModelSpec:
    """Ask what loading this model needs beyond its name, where it needs anything."""
    source = SOURCES.get(reference.partition("/")[0])
    if source is not None and source.needs_trust:
        trust = st.checkbox(
            "I trust this file: loading it can run code",  # a longer label would be cut off
            key=f"{key}_trust_{reference}",
        )
        st.caption(escaped(reference))
        return ModelSpec(reference, trust=trust)
    if source is not None and source.takes_weights:
        with st.expander(f"Weights of {reference}"):
            weights = _typed(
                f"{key}_weights_{reference}",
                "Local weights file",
                "published",
                "A .safetensors file; empty for the published weights, which are downloaded once.",
            )
            options = _typed(f"{key}_options_{reference}", "Architecture options", "pad_type=same")
        pairs = tuple(tuple(pair.split("=", 1)) for pair in options.split() if "=" in pair)
        return ModelSpec(reference, weights=weights or None, arch_options=pairs)
    return ModelSpec(reference)


def _typed(key: str, label: str, placeholder: str, help: str | None = None) -> str:
    """Ask for a line of text that stands in the address."""
    state.read_address(key, [""])
    text = st.text_input(label, key=key, placeholder=placeholder, help=help)
    state.write_address(key, [text] if text else [])
    return str(text)


def dataset_picker(
    key: str,
    *,
    label: str = "Data",
    split: Split = "auto",
    ask_limit: bool = False,
    limit: int | None = None,
    names: Literal["all", "named"] = "all",
) -> DatasetSpec | None:
    """Show a data set picker and return the choice; None while a path or upload is missing.

    Args:
        key: A key of `state`; the parts of the picker use it as their prefix.
        label: Above the picker.
        split: The split of the returned spec.
        ask_limit: Also ask how many examples to use (0: all).
        limit: Examples used at first; None for all.
        names: `named` offers only the data sets of the catalog.
    """
    choices = [*DATASETS, *([UPLOAD] if names == "all" else [])]
    titles = {name: row.title for name, row in DATASETS.items()} | {UPLOAD: "Upload a zip …"}
    state.read_address(key, choices[:1])
    chosen = st.selectbox(
        label,
        _with_typed(choices, key),
        key=key,
        accept_new_options=names == "all",
        format_func=lambda name: titles.get(name, name),
        help="Choose one, or type the path of your own and press Enter: a folder with one folder "
        "of images per class or a table of labels, a zip of such a folder, or Parquet files.",
    )
    state.write_address(key, [chosen] if chosen else [])
    reference = _uploaded(key) if chosen == UPLOAD else (chosen or "").strip()
    if chosen in DATASETS:
        st.caption(DATASETS[chosen].help)
    if ask_limit:
        # Not as the widget's default: a page may set the number, and Streamlit wants one of both.
        st.session_state.setdefault(f"{key}_limit", limit or 0)
        limit = (
            int(
                st.number_input(
                    "Examples (0: all)",
                    0,
                    step=100,
                    key=f"{key}_limit",
                    help="Drawn stratified by class, the same ones for every model.",
                )
            )
            or None
        )
    return DatasetSpec(reference, split=split, limit=limit) if reference else None


def _with_typed(options: list[str], key: str) -> list[str]:
    """Return the options, and the typed value that is chosen now."""
    chosen = st.session_state.get(key)
    return options if chosen is None or chosen in options else [*options, chosen]


def _uploaded(key: str) -> str | None:
    """Keep an uploaded archive in the core's store and return its path."""
    file = st.file_uploader(
        "A zip with one folder of images per class",
        type=["zip"],
        key=f"{key}_upload",
        help="Kept on the machine that runs Usable, in the folder `uploads` of its data, where "
        "runs read it. Remove the file there when you no longer need it.",
    )
    if file is None:
        return None
    with errors_shown():
        from usable_core.runs.uploads import keep_archive

        return keep_archive(file.getvalue(), file.name)
    return None

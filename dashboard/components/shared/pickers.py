"""Choosing models: what is at hand first, any other name or path by typing it."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.names import training_titles, trainings
from dashboard.components.shared.opening import is_held_back
from usable_core import settings, shelf
from usable_core.catalog.architectures import BUNDLED
from usable_core.catalog.fitting import ModelFacts, facts_of, measurable
from usable_core.catalog.models import SOURCES, TITLES
from usable_core.catalog.references import is_path, reference_forms, suggested
from usable_core.evaluations.specs import ModelSpec

DEFAULT_MODELS = ("bundled/resnet",)
PARTS = ("weights", "options", "labels")  # what a model's name leaves open


def model_options() -> dict[str, str]:
    """Return what can be chosen without typing: reference to title, what is at hand first."""
    options = {f"bundled/{name}": row.title for name, row in BUNDLED.items()}
    trained = training_titles()
    options |= {run.reference: trained[run.reference] for run in trainings()}
    options |= {entry.reference: entry.name for entry in shelf.listed()}
    return options | {name: TITLES.get(name, name) for name in suggested()}


def measured_models(count: int = 2) -> tuple[str, ...]:
    """Return what is measured at first: the newest models trained here, if of the same data.

    Where nothing was trained, the first bundled model that data are at hand for.
    The address names whatever is shown, so that a link keeps its meaning.
    """
    trained = [facts(run.reference) for run in trainings()[:count]]
    of_one_data = [model.reference for model in trained if model.data == trained[0].data]
    bundled = [facts(f"bundled/{name}") for name in BUNDLED]
    return tuple(of_one_data) or (measurable(bundled),)


def facts(reference: str) -> ModelFacts:
    """Return what is known of a model without loading it."""
    return _facts(reference, settings.database_url(), str(settings.home()))


@st.cache_resource(ttl=5, max_entries=256, show_spinner=False)  # they are frozen: no copies
def _facts(reference: str, url: str, home: str) -> ModelFacts:
    del url, home  # part of the cache's key: another store may use the same id
    return facts_of(reference)


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
        one = st.selectbox(label or "Model", with_typed(list(options), key), **shared)
        chosen = [one] if one else []
    else:
        chosen = st.multiselect(
            label or f"Models (up to {max_selections})",
            list(options),
            max_selections=max_selections,
            placeholder="Choose models",
            wrap=True,
            **shared,
        )
    state.write_address(key, list(chosen))
    asked = [_spec(reference, key) for reference in chosen[:max_selections]]
    return tuple(spec for spec in asked if spec is not None)


def _spec(reference: str, key: str) -> ModelSpec | None:
    """Ask what loading this model needs beyond its name, where it needs anything.

    None while a link names files or options of it that nobody agreed to open.
    """
    source = SOURCES.get(reference.partition("/")[0])
    is_name = source is not None and not source.is_path and not is_path(reference)
    held_back = not is_name and is_held_back(key, reference, "Model")
    trust, texts = False, {}
    if source is not None and source.needs_trust:
        trust = st.checkbox(
            "I trust this file: loading it can run code",  # a longer label would be cut off
            key=f"{key}_trust_{reference}",
        )
        st.caption(escaped(reference))
        texts = {"labels": _labels(reference, key)}
    elif source is not None and source.takes_weights:
        named = any(_is_named(f"{key}_{part}_{reference}") for part in PARTS)
        box = st.expander(f"Weights of {reference}", key=f"{key}_{reference}", on_change="rerun")
        if box.open or named:  # three fields a model are dear where a dozen are chosen
            with box:
                texts = _weights_and_options(reference, key) | {"labels": _labels(reference, key)}
    for part, text in texts.items():  # all of them, to be shown together
        name = f"{part.capitalize()} of {reference}"
        held_back = is_held_back(f"{key}_{part}_{reference}", text, name) or held_back
    pairs = (pair.split("=", 1) for pair in texts.get("options", "").split() if "=" in pair)
    spec = ModelSpec(
        reference,
        texts.get("weights") or None,
        tuple((name, value) for name, value in pairs),
        trust=trust,
        labels=texts.get("labels") or None,
    )
    return None if held_back else spec


def _weights_and_options(reference: str, key: str) -> dict[str, str]:
    weights = _typed(
        f"{key}_weights_{reference}",
        "Local weights file",
        "published",
        "A .safetensors, .pth, .pt or .bin file; empty for the published weights, which "
        "are downloaded once.",
    )
    options = _typed(f"{key}_options_{reference}", "Architecture options", "pad_type=same")
    return {"weights": weights, "options": options}


def _labels(reference: str, key: str) -> str:
    return _typed(
        f"{key}_labels_{reference}",
        "File of class names",
        "the model's own",
        "Names in the order of the model's logits: a text with one name a line, or JSON.",
    )


def _is_named(key: str) -> bool:
    """Tell whether a line of text was typed, restored, or is in the address."""
    return bool(st.session_state.get(key) or state.selected(key) or st.query_params.get(key))


def _typed(key: str, label: str, placeholder: str, help: str | None = None) -> str:
    """Ask for a line of text that stands in the address."""
    state.read_address(key, [""])
    text = st.text_input(label, key=key, placeholder=placeholder, help=help)
    state.write_address(key, [text] if text else [])
    return str(text)


def with_typed(options: list[str], key: str) -> list[str]:
    """Return the options, and the typed value that is chosen now."""
    chosen = st.session_state.get(key)
    return options if chosen is None or chosen in options else [*options, chosen]


def restore_models(key: str, specs: Sequence[ModelSpec]) -> None:
    """Have a model picker show these models, with the weights and options that they were given.

    Trust is not restored: whoever opens a link gives it anew.
    """
    state.restore(key, list(dict.fromkeys(spec.reference for spec in specs)))
    for spec in specs:
        state.restore(f"{key}_weights_{spec.reference}", [spec.weights] if spec.weights else [])
        options = " ".join("=".join(pair) for pair in spec.arch_options)
        state.restore(f"{key}_options_{spec.reference}", [options] if options else [])

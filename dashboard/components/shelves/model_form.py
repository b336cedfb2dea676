"""Adding a model to the shelf: which it is, its classes and preparation, a look at it, its name."""

from collections.abc import Mapping

import streamlit as st

from dashboard import state, visitor
from dashboard.components.shared.formats import errors_shown, escaped
from dashboard.components.shelves.model_look import look_at
from dashboard.components.shelves.model_source import COUNT, Source, model_source, needs_trust
from usable_core import shelf
from usable_core.catalog.models import SOURCES
from usable_core.errors import UsableError
from usable_core.evaluations.specs import ModelSpec

# The fields of a preparation of pictures that are asked, each with an example.
PREPARED = {
    "resize": "256",
    "crop": "224",
    "mean": "0.485,0.456,0.406",
    "std": "0.229,0.224,0.225",
    "interpolation": "bicubic",
}
_ADDED = "shelf_added"  # what was added just now


def model_form() -> None:
    """Ask for a model, show what it is, and list it; what is refused is said and kept."""
    if added := st.session_state.pop(_ADDED, None):
        st.success(f"{escaped(added)} is listed now.", icon=":material/check:")
    with st.expander("Add a model", icon=":material/add:"):
        source = model_source()
        with st.popover("Class names and preparation", icon=":material/tune:"):
            labels, prepared = _labels(), _prepared()
        spec, is_ready = None, False
        with errors_shown():
            spec = _spec(source, labels, prepared) if source else None
            is_ready = spec is not None and look_at(spec, source.file if source else "")
        _add(source, spec, is_ready=is_ready)


def _add(source: Source | None, spec: ModelSpec | None, *, is_ready: bool) -> None:
    """Ask for the short name and list the model."""
    title = source.title if source else ""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Short name",
            key=state.SHELF_NAME,
            placeholder=title or "Ours, second try",
            max_chars=shelf.LONGEST_NAME,
            help="What charts and lists call it.",
        )
        is_pressed = st.button(
            "Add",
            key=state.SHELF_ADD,
            type="primary",
            disabled=not (is_ready and (name or title)) or visitor.read_only() is not None,
            help=visitor.read_only(),
        )
    if is_pressed and source is not None and spec is not None:
        with errors_shown():
            st.session_state[_ADDED] = shelf.put(name or title, spec, file=source.file).name
            _clear()
            st.rerun()


def _labels() -> str:
    return st.text_area(
        "Class names, one a line, in the order of the outputs",
        key=state.SHELF_LABELS,
        placeholder="the model's own",
        height=122,
    )


def _prepared() -> dict[str, str]:
    """Ask how pictures are prepared, where the model's own way is not meant."""
    st.caption("How pictures are prepared. Empty: as the source of the model says.")
    return {
        field: st.text_input(field.capitalize(), key=f"shelf_{field}", placeholder=example)
        for field, example in PREPARED.items()
    }


def _spec(source: Source, labels: str, prepared: Mapping[str, str]) -> ModelSpec | None:
    """Return what was asked for; None while it is not said that a file is trusted.

    Raises:
        UsableError: weights were given with what takes none, or class names cannot be stored.
    """
    trust = needs_trust(source.reference)
    if trust and not st.checkbox(
        "I trust this file: loading it can run code", key=state.SHELF_TRUST
    ):
        return None
    names = "\n".join(line.strip() for line in labels.splitlines() if line.strip())
    listed = shelf.keep_file(names.encode(), "labels.txt", shelf.LABEL_ENDINGS) if names else None
    pairs = tuple((field, text.strip()) for field, text in prepared.items() if text.strip())
    row = SOURCES.get(source.reference.partition("/")[0])
    if source.weights and not (row is not None and row.takes_weights):
        raise UsableError(
            "Weights go with an architecture, torchvision/NAME, timm/NAME or keras/NAME, not with "
            f"{source.reference}."
        )
    count = len(names.splitlines())  # weights of one's own classes have a head of as many
    options = {"num_classes": str(count)} if source.weights and count else {}
    options |= _options() if source.weights else {}
    return ModelSpec(
        source.reference,
        source.weights,
        tuple(options.items()),
        trust,
        preprocessing=pairs,
        labels=listed,
    ).placed()


def _options() -> dict[str, str]:
    """Ask for what distinguishes the network of weights from the usual one of its architecture."""
    text = st.text_input(
        "Architecture options",
        key=state.SHELF_OPTIONS,
        placeholder="num_classes=10  ·  img_size=64",
        help="What `--arch-option` takes, several with spaces between them. The number of classes "
        "is that of the class names, where they are given.",
    )
    return dict(pair.split("=", 1) for pair in text.split() if "=" in pair)


def _clear() -> None:
    """Empty the form, which holds what was added."""
    for key in state.SHELF_FORM:
        st.session_state.pop(key, None)
    st.session_state[COUNT] = st.session_state.get(COUNT, 0) + 1  # an uploader has no other way
    for field in PREPARED:
        st.session_state.pop(f"shelf_{field}", None)

"""Adding a model to the shelf: a known architecture or a folder, weights, classes, preparation."""

from collections.abc import Mapping
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard import state
from dashboard.components.shared.formats import errors_shown, escaped
from dashboard.components.shared.pickers import with_typed
from usable_core import shelf
from usable_core.catalog.known_names import known_references
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
_COUNT = "shelf_count"  # models added in this session


def model_form() -> None:
    """Ask for a model and list it; what is refused is said and kept in the form."""
    if added := st.session_state.pop(_ADDED, None):
        st.success(f"{escaped(added)} is listed now.", icon=":material/check:")
    with st.expander("Add a model", icon=":material/add:"):
        left, right = st.columns(2, gap="large")
        with left:
            reference, weights, name = _model()
        with right:
            labels, prepared = _labels(), _prepared()
        whole = _source_of(weights)
        trust = bool(whole and SOURCES[whole].needs_trust) and st.checkbox(
            "I trust this file: loading it can run code", key=state.SHELF_TRUST
        )
        is_ready = bool(name and (reference or whole))
        if st.button("Add", key=state.SHELF_ADD, type="primary", disabled=not is_ready):
            with errors_shown():
                spec = _spec(reference, weights, labels, prepared, trust=trust)
                st.session_state[_ADDED] = shelf.put(name, spec, file=_name_of(weights)).name
                _clear()
                st.rerun()


def _model() -> tuple[str | None, UploadedFile | None, str]:
    """Ask for the architecture, the weights and the name."""
    reference = st.selectbox(
        "Architecture, or a folder that Usable wrote",
        with_typed(list(known_references()), state.SHELF_REFERENCE),
        index=None,
        key=state.SHELF_REFERENCE,
        accept_new_options=True,
        placeholder="torchvision/resnet50, timm/…, hf/…, folder/PATH",
        help="Type a part of the name. Without weights of your own the published ones are "
        "downloaded at the first use. `folder/PATH` is what `fine_tune` of Python wrote. An "
        "exported program (.pt2) or an ONNX file needs no architecture.",
    )
    weights = st.file_uploader(
        "Weights",
        type=[ending[1:] for ending in shelf.WEIGHT_ENDINGS],
        key=f"{state.SHELF_WEIGHTS}_{st.session_state.get(_COUNT, 0)}",
        help="A state dict or checkpoint as torch, timm or the Hub save it, read as data.",
    )
    name = st.text_input(
        "Short name",
        key=state.SHELF_NAME,
        placeholder="Ours, second try",
        max_chars=shelf.LONGEST_NAME,
        help="What charts and lists call it.",
    )
    return reference, weights, name


def _labels() -> str:
    return st.text_area(
        "Class names, one a line, in the order of the outputs",
        key=state.SHELF_LABELS,
        placeholder="the model's own",
        height=122,
    )


def _prepared() -> dict[str, str]:
    """Ask how pictures are prepared, where the model's own way is not meant."""
    with st.popover("How pictures are prepared", icon=":material/crop:"):
        st.caption("Empty: as the source of the model says.")
        return {
            field: st.text_input(field.capitalize(), key=f"shelf_{field}", placeholder=example)
            for field, example in PREPARED.items()
        }


def _spec(
    reference: str | None,
    weights: UploadedFile | None,
    labels: str,
    prepared: Mapping[str, str],
    *,
    trust: bool,
) -> ModelSpec:
    """Return what was asked for, its uploaded files stored.

    Raises:
        UsableError: weights were given with what takes none, or a file cannot be stored.
    """
    file = weights and shelf.keep_file(weights.getvalue(), weights.name, shelf.WEIGHT_ENDINGS)
    names = "\n".join(line.strip() for line in labels.splitlines() if line.strip())
    listed = shelf.keep_file(names.encode(), "labels.txt", shelf.LABEL_ENDINGS) if names else None
    pairs = tuple((field, text.strip()) for field, text in prepared.items() if text.strip())
    if file and (whole := _source_of(weights)):
        return ModelSpec(f"{whole}/{file}", trust=trust, preprocessing=pairs, labels=listed)
    source = SOURCES.get(str(reference).partition("/")[0])
    if file and not (source is not None and source.takes_weights):
        raise UsableError(
            f"Weights go with an architecture, torchvision/NAME or timm/NAME, not with {reference}."
        )
    count = len(names.splitlines())  # weights of one's own classes have a head of as many
    options = (("num_classes", str(count)),) if file and count else ()
    return ModelSpec(str(reference), file, options, preprocessing=pairs, labels=listed)


def _source_of(weights: object) -> str | None:
    """Return the source of a file that is a whole network; None for weights, or without a file."""
    ending = Path(_name_of(weights)).suffix.lower()
    return next((name for name, row in SOURCES.items() if row.ending == ending and ending), None)


def _name_of(weights: object) -> str:
    return str(getattr(weights, "name", ""))


def _clear() -> None:
    """Empty the form, which holds what was added."""
    for key in (state.SHELF_REFERENCE, state.SHELF_NAME, state.SHELF_LABELS, state.SHELF_TRUST):
        st.session_state.pop(key, None)
    st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1  # an uploader has no other way
    for field in PREPARED:
        st.session_state.pop(f"shelf_{field}", None)

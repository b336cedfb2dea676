"""Which model is to be added: by its name, from a path of this machine, or of uploaded files."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from dashboard import state, visitor
from dashboard.components.shared import beside
from dashboard.components.shared.formats import choose_one, errors_shown, escaped
from dashboard.components.shared.pickers import with_typed
from dashboard.components.shared.weights import on_this_machine
from usable_core import bringing, shelf
from usable_core.bringing import Brought
from usable_core.catalog.known_names import hub_references, known_references
from usable_core.catalog.references import source_of, suggested
from usable_core.errors import UsableError

WAYS = {
    "name": ":material/search: By name",
    "path": ":material/folder_open: On this machine",
    "upload": ":material/upload: Upload",
}
COUNT = "shelf_count"  # models added in this session: an emptied uploader is another one
_HERE = " · on this machine"
_KEPT = "shelf_uploaded"  # what the uploaded files are, as they were kept


@dataclass(frozen=True)
class Source:
    """A model that was named or brought, before anything is said of its classes.

    Attributes:
        reference: Of the model, or of the architecture of weights.
        weights: Local weights; None where the reference is all.
        title: What it may be called.
        file: What an uploaded file was called.
    """

    reference: str
    weights: str | None = None
    title: str = ""
    file: str = ""


def model_source() -> Source | None:
    """Ask which model it is; None while nobody has said."""
    st.session_state.setdefault(state.SHELF_WAY, "name")
    way = choose_one("Where is it?", WAYS, key=state.SHELF_WAY, is_labelled=False)
    if way == "name":
        reference = _reference("Model", state.SHELF_REFERENCE)
        return reference and Source(reference, title=_called(reference))
    brought, file = _path() if way == "path" else _uploaded()
    if brought is None:
        return None
    if brought.reference:
        return Source(brought.reference, None, brought.title, file)
    st.caption("These are weights alone: say which architecture they are of.")
    architecture = _reference("Architecture", state.SHELF_ARCHITECTURE)
    return architecture and Source(architecture, brought.weights, brought.title, file)


def _reference(label: str, key: str) -> str | None:
    here = on_this_machine()
    names = [*hub_references(), *suggested(), *known_references()]
    options = sorted(dict.fromkeys(names), key=lambda name: name not in here)
    chosen = st.selectbox(
        label,
        with_typed(options, key),
        index=None,
        key=key,
        accept_new_options=True,
        format_func=lambda name: f"{name}{_HERE}" if name in here else name,
        placeholder="resnet50, hf/OWNER/NAME, keras/MobileNetV2 …",
        help="Type a part of the name: torchvision, timm, keras.applications, and what the hub's "
        "cache holds. `hf/OWNER/NAME` is any other model of the hub. Nothing is fetched before you "
        "press a button that says how much from where.",
    )
    return str(chosen).strip() if chosen else None


def _called(reference: str) -> str:
    name = reference.rpartition("/")[2]
    return name.partition(".")[0].partition("@")[0]


def _path() -> tuple[Brought | None, str]:
    """Ask for a file or folder of the machine; of a folder that is no model, what lies in it."""
    text = st.text_input(
        "File or folder on the machine that runs Usable",
        key=state.SHELF_PATH,
        placeholder="~/models/ours  ·  net.onnx  ·  model.keras  ·  weights.safetensors",
        help="A folder of the Hugging Face form, one that Usable wrote, or a file: weights, ONNX, "
        "Keras, an exported program.",
    ).strip()
    if not text:
        return None, ""
    try:
        return bringing.recognised(text), ""
    except UsableError as error:
        found = bringing.inside(text)
        if not found:
            st.error(escaped(str(error)), icon=":material/warning:")
        else:
            st.pills(
                "Choose what lies there",
                found,
                key=state.SHELF_INSIDE,
                on_change=_go_in,
                args=(text,),
                wrap=True,
            )
        return None, ""


def _go_in(text: str) -> None:
    if name := st.session_state.pop(state.SHELF_INSIDE, None):
        st.session_state[state.SHELF_PATH] = str(Path(text) / name)


def _uploaded() -> tuple[Brought | None, str]:
    """Ask for files; they are kept beside the script, and once."""
    files = st.file_uploader(
        "Files of one model",
        type=[ending.rpartition(".")[2] for ending in bringing.UPLOADED],
        key=f"{state.SHELF_WEIGHTS}_{st.session_state.get(COUNT, 0)}",
        accept_multiple_files=True,
        disabled=visitor.read_only() is not None,
        help=visitor.read_only()
        or "Weights (.safetensors, .pth, .h5), .onnx with its data, .keras, .pt2; of a Hugging "
        "Face folder config.json, preprocessor_config.json and model.safetensors together, or a "
        "zip of it. Read as data and kept on the machine that runs Usable.",
    )
    if not files:
        return None, ""
    ids = tuple(sorted(file.file_id for file in files))
    before = st.session_state.get(_KEPT)
    if before is None or before[0] != ids:
        held = {file.name: file.getvalue() for file in files}
        before = (ids, beside.PICTURES.submit(bringing.keep, held))
        st.session_state[_KEPT] = before
        shelf.prune()
    with st.spinner("Reading the files …"), errors_shown():
        found = bringing.recognised(before[1].result())
        name = files[0].name if len(files) == 1 else f"{len(files)} files"
        title = files[0].name.partition(".")[0] if len(files) == 1 else ""
        return Brought(found.reference, found.weights, title), name
    return None, ""


def needs_trust(reference: str) -> bool:
    """Tell whether loading a model can run code of whoever made it."""
    try:
        return source_of(reference)[0].needs_trust
    except UsableError:
        return False

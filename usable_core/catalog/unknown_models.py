"""What is said of a reference that names no model: a path, a name without its source, a typo."""

import difflib

from usable_core.catalog import implementation
from usable_core.catalog.known_names import known_references
from usable_core.catalog.model_files import no_model
from usable_core.catalog.models import SOURCES
from usable_core.catalog.references import list_references
from usable_core.errors import CheckpointError, UnknownName, UsableError, nearest, quoted
from usable_core.files import placed, resolved, status_of

_SHELF = "usable_core.shelf:listed"  # by name, for it knows the sources
_ALIKE = 0.7  # of a word, from which on it is a source's with a typo
_MOST = 3  # names that are looked for under every source
# Files of weights, and models in forms that are not read.
_FILES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tflite", ".pb")


def refusal(reference: str) -> UsableError:
    """Return why a reference names no model, with what was probably meant."""
    source, slash, name = reference.partition("/")
    if source in SOURCES or not reference.strip():
        forms = [row.form for one, row in SOURCES.items() if one == source]
        return UnknownName("model", reference, forms or list_references())
    path = placed(reference)
    if status_of(path) or reference.lower().endswith(_FILES) or "\\" in reference:
        return no_model(path)
    if not slash:
        return UnknownName("model", reference, _alike(reference))
    if name and difflib.get_close_matches(source.casefold(), SOURCES, cutoff=_ALIKE):
        return UnknownName("model source", source, SOURCES)
    return CheckpointError(
        f"{quoted(reference)} begins with no source of models, and nothing is at "
        f"{resolved(path)}. Check the path, or name the source: hf/{reference} of the Hugging Face "
        "Hub, timm/NAME, …; `usable models` lists them."
    )


def _alike(name: str) -> list[str]:
    """Return the references of every source whose names are alike."""
    shelved = [entry.reference for entry in implementation(_SHELF)()]
    known = [*shelved, *list_references(), *known_references()]
    near = nearest(name, {one.partition("/")[2] for one in known}, _MOST)
    found = [one for one in known if one.partition("/")[2] in near]
    return list(dict.fromkeys(found)) or [row.form for row in SOURCES.values()]

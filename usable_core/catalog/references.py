"""What a model's reference, such as `bundled/resnet`, says without anything being loaded."""

from pathlib import Path

from usable_core.catalog import implementation
from usable_core.catalog.architectures import BUNDLED
from usable_core.catalog.hub import CONFIG_FILE, is_folder_name
from usable_core.catalog.models import CARD_FILE, KERAS_ENDINGS, SOURCES, SourceRow
from usable_core.errors import CheckpointError, UsableError
from usable_core.files import is_file, is_folder, placed, resolved

# By name, for those modules know this one.
WEIGHTS_AND_CONFIG = "usable_core.catalog.model_files:weights_and_config"
REFUSAL = "usable_core.catalog.unknown_models:refusal"


def suggested() -> tuple[str, ...]:
    """Return the references that the sources suggest."""
    return tuple(f"{source}/{name}" for source, row in SOURCES.items() for name in row.suggested)


def first_use(reference: str) -> str:
    """Return what a suggested reference needs before its first use, in a sentence."""
    row, name = source_of(reference)
    said = implementation(row.first_use)(name) if row.first_use else "Downloaded at its first use."
    return str(said)


def list_references() -> tuple[str, ...]:
    """Return the references worth showing first: the bundled backbones, then the suggestions."""
    return (*(f"bundled/{name}" for name in BUNDLED), *suggested())


def reference_forms(mark: str = "") -> str:
    """Return how references look, in words: `bundled/NAME, … or run/ID`, each between marks."""
    *forms, last = (f"{mark}{row.form}{mark}" for row in SOURCES.values())
    return f"{', '.join(forms)} or {last}"


def source_of(reference: str) -> tuple[SourceRow, str]:
    """Return the source of a reference, and the name within it.

    Raises:
        UnknownName: there is no such source, or no name.
        CheckpointError: it is the path of something that is no model, or is not there.
    """
    source, name = _parts(reference)
    if source not in SOURCES or not name:
        refusal: UsableError = implementation(REFUSAL)(reference)
        raise refusal
    return SOURCES[source], name


def _parts(reference: str) -> tuple[str, str]:
    """Return the source and the name within it; a path of a model's file or folder is one, too."""
    source, _, name = reference.partition("/")
    if source in SOURCES:
        return source, name
    for one, row in SOURCES.items():
        if reference.lower().endswith(row.endings) and not is_folder(placed(reference)):
            return one, reference
    if is_file(placed(reference) / CONFIG_FILE) and not is_file(placed(reference) / CARD_FILE):
        return "hf", reference
    is_path = source in ("", ".", "..", "~") or is_file(placed(reference) / CARD_FILE)
    return ("folder", reference) if is_path else (source, name)


def has_gradients(reference: str) -> bool:
    """Tell whether a model can be differentiated, as far as its source tells."""
    try:
        row, name = source_of(reference)
        return has_gradients(implementation(row.behind)(name)) if row.behind else row.has_gradients
    except UsableError:  # loading it will say why
        return True


def files_of(
    reference: str, weights: str | None = None, labels: str | None = None
) -> tuple[Path, ...]:
    """Return the local files of a model: other content means another model. Nothing is loaded.

    Args:
        reference: The model.
        weights: Local weights that replace its own.
        labels: Class names that replace its own.

    Raises:
        UnknownName: its source, its name where that can be told, or its run is unknown.
        CheckpointError: a file that must be there is not.
    """
    row, name = source_of(reference)
    files: tuple[Path, ...] = implementation(row.files)(name) if row.files else ()
    if labels is not None:
        if not is_file(placed(labels)):
            raise CheckpointError(f"Expected class names at {labels}, but no file is there.")
        files = (*files, placed(labels))
    if weights is None:
        return files
    return (*files, *implementation(WEIGHTS_AND_CONFIG)(weights))


def file_facts(
    reference: str, weights: str | None = None, labels: str | None = None
) -> tuple[tuple[int, int], ...]:
    """Return time (ns) and size of the files of a model; nothing where loading will refuse it."""
    try:
        facts = [path.stat() for path in files_of(reference, weights, labels)]
    except (UsableError, OSError):
        return ()
    return tuple((fact.st_mtime_ns, fact.st_size) for fact in facts)


def weights_size(reference: str, weights: str | None = None) -> int | None:
    """Return the bytes of a model's file of weights; None where no such file is known here."""
    try:
        files = [path for path in files_of(reference, weights) if path.suffix != ".json"]
        return sum(path.stat().st_size for path in files) or None
    except (UsableError, OSError):
        return None


def absolute(reference: str) -> str:
    """Return a reference that means the same model in every folder."""
    source, name = _parts(reference)
    return f"{source}/{resolved(name)}" if is_path(reference) else reference


def is_path(reference: str) -> bool:
    """Tell whether a reference names a file or a folder of this machine."""
    source, name = _parts(reference)
    row = SOURCES.get(source)
    if source == "keras":
        return name.lower().endswith(KERAS_ENDINGS)
    return row is not None and row.is_path and (not row.is_hub or is_folder_name(name))

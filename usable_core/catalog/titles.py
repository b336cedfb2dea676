"""What models are called where people read of them: short, never a path."""

from pathlib import PurePosixPath

from usable_core.catalog.models import SOURCES, TITLES


def model_title(reference: str) -> str:
    """Return what a model is called: `VGG`, `resnet50`; the reference where it has no other name.

    A model that was trained here is called by its run, which knows more.
    """
    source, _, name = reference.partition("/")
    if reference in TITLES:
        return TITLES[reference]
    if source not in SOURCES or source == "run":
        return reference
    return PurePosixPath(name).stem if SOURCES[source].is_path or name.count("/") else name

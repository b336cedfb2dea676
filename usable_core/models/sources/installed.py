"""The functions of a source, where the library that they need is installed."""

from collections.abc import Callable
from typing import Any

from usable_core.catalog import implementation
from usable_core.errors import CheckpointError, first_line


def function_of(reference: str, name: str) -> Callable[..., Any]:
    """Return a source's function by its dotted name.

    Args:
        reference: The model that is asked for, for the sentence.
        name: As in the source's row.

    Raises:
        CheckpointError: a library that it needs is not installed, or of another version.
    """
    try:
        found: Callable[..., Any] = implementation(name)
    except ImportError as error:
        missing = (error.name or "").partition(".")[0] or "a library"
        raise CheckpointError(
            f"{reference} needs {missing}, which is not installed or is of another version "
            f"({first_line(error)}). Install Usable anew, or: pip install --upgrade {missing}"
        ) from error
    return found

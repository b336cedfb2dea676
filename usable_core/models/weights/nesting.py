"""Tables in tables, as checkpoints nest them: every tensor by all the keys on the way to it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor

from usable_core.errors import CheckpointError
from usable_core.models.weights.pickles import is_whole_network

_DEEPEST = 12
_MOST = 200_000  # entries of tables, each counted as often as names lead to it


def flat(content: object, file: str) -> dict[str, Tensor]:
    """Return every tensor in nested tables and lists, by the keys on the way to it.

    Raises:
        CheckpointError: tables are in each other so often that there is no end of names.
    """
    found: dict[str, Tensor] = {}
    for count, (name, tensor) in enumerate(_walk(content, "", ())):
        if count > _MOST:
            raise CheckpointError(
                f"{file} holds its tables in each other so often that over {_MOST:,} names lead to "
                "its tensors. Save network.state_dict() alone."
            )
        if tensor is not None:
            found[name] = tensor
    return found


def _walk(
    content: object, name: str, above: tuple[int, ...]
) -> Iterator[tuple[str, Tensor | None]]:
    """Yield the tensors by name; of what is none, None, so that it is counted."""
    yield name, content if isinstance(content, Tensor) else None
    is_around_itself = id(content) in above
    if len(above) < _DEEPEST and not is_around_itself and not _is_other(content):
        for key, value in entries(content):
            yield from _walk(value, joined(name, key), (*above, id(content)))


def _is_other(content: object) -> bool:
    """Tell whether tensors inside are no weights to load: an optimizer's, a whole network's."""
    is_optimizer = isinstance(content, Mapping) and {"state", "param_groups"} <= content.keys()
    return is_optimizer or is_whole_network(content)


def entries(content: object) -> Iterable[tuple[str, Any]]:
    """Return the entries of a table, record or list, by their keys as text."""
    if isinstance(content, Mapping):
        return [(str(key), value) for key, value in content.items() if isinstance(key, str | int)]
    if isinstance(content, list | tuple):
        return [(str(k), value) for k, value in enumerate(content)]
    return ()


def joined(prefix: str, name: str) -> str:
    """Return a name behind a beginning."""
    return f"{prefix}.{name}" if prefix else name

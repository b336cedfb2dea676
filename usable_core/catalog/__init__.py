"""What can be chosen, as plain dict literals: facts for pickers and the dotted name of each thing.

The tables import nothing heavy; `implementation` fetches what a row names.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, TypeVar

from usable_core.errors import UnknownName

Row = TypeVar("Row")


def lookup(table: Mapping[str, Row], kind: str, name: str) -> Row:
    """Return the row `name` of a table.

    Raises:
        UnknownName: there is none; the message lists the nearest.
    """
    if name not in table:
        raise UnknownName(kind, name, table)
    return table[name]


def implementation(dotted: str) -> Any:  # noqa: ANN401 - whatever the row names
    """Return what `package.module:attribute` names, importing it now."""
    module, _, attribute = dotted.partition(":")
    return getattr(import_module(module), attribute)

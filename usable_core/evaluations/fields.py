"""What a record says of its own fields, for whoever asks for them: command line and pages."""

import inspect
import re
from types import NoneType
from typing import Any, get_args


def helps_of(kind: type) -> dict[str, str]:
    """Return what the docstring says of each field, from its `Attributes:`."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__[:-1]):  # a question may be another with more fields
        _, _, text = inspect.cleandoc(one.__doc__ or "").partition("Attributes:\n")
        entries = re.findall(r"^    (\w+): (.*(?:\n      .*)*)", text, re.MULTILINE)
        found |= {name: " ".join(said.split()).replace("`", "") for name, said in entries}
    return found


def plain(hint: Any) -> Any:  # noqa: ANN401 - any type
    """Return a type without None."""
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    return kinds[0] if NoneType in get_args(hint) and len(kinds) == 1 else hint

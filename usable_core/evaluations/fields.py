"""What a record says of its own fields, for whoever asks for them: command line and pages."""

import inspect
import re
from types import NoneType
from typing import Any, get_args


def helps_of(kind: type) -> dict[str, str]:
    """Return what the docstring says of each field, from its `Attributes:`."""
    _, _, text = (inspect.getdoc(kind) or "").partition("Attributes:\n")
    entries = re.findall(r"^    (\w+): (.*(?:\n      .*)*)", text, re.MULTILINE)
    return {name: " ".join(found.split()).replace("`", "") for name, found in entries}


def plain(hint: Any) -> Any:  # noqa: ANN401 - any type
    """Return a type without None."""
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    return kinds[0] if NoneType in get_args(hint) and len(kinds) == 1 else hint

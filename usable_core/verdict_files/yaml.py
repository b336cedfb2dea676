"""YAML of what JSON holds: lines and dashes for people, texts and numbers as JSON has them.

JSON's texts are YAML's, so no text of any origin means something else to a reader of YAML.
"""

import json
from collections.abc import Iterator, Mapping, Sequence


def yaml(value: Mapping[str, object] | Sequence[object]) -> str:
    """Return a value as YAML."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: object) -> Iterator[str]:
    items = value.items() if isinstance(value, dict) else enumerate(value)  # type: ignore[arg-type]
    for key, held in items:
        mark = f"{_scalar(key)}:" if isinstance(value, dict) else "-"
        if not (isinstance(held, dict | list) and held):
            yield f"{mark} {_scalar(held)}"
        elif mark == "-":
            first, *rest = _lines(held)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
        else:
            yield mark
            yield from (f"  {line}" for line in _lines(held))


def _scalar(value: object) -> str:
    """Return a scalar as JSON; signs that a YAML text must not hold as they are have an escape."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)

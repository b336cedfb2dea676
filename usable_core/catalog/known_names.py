"""Names of torchvision's and timm's models, read off their source text: neither is imported.

A page that imported them would take seconds and hundreds of megabytes for a list of names.
"""

import functools
import re
from importlib.util import find_spec
from pathlib import Path

# What both put before a function that builds a model, and the function.
_BUILDER = re.compile(r"^@register_model\b.*\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)
# timm's published weights: 'resnet50.a1_in1k': _cfg(
_TAGGED = re.compile(r"^\s+['\"]([a-z]\w+\.\w+)['\"]\s*:\s*_", re.MULTILINE)
PACKAGES = ("torchvision", "timm")


@functools.cache
def known_references() -> tuple[str, ...]:
    """Return `torchvision/NAME`, `timm/NAME` and `timm/NAME.TAG` that the installed ones know."""
    found = []
    for package in PACKAGES:
        names: set[str] = set()
        for path in _files(package):
            text = path.read_text(encoding="utf-8", errors="replace")
            names |= {*_BUILDER.findall(text), *_TAGGED.findall(text)}
        found += sorted(f"{package}/{name}" for name in names)
    return tuple(found)


def _files(package: str) -> list[Path]:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return []
    return sorted((Path(spec.origin).parent / "models").glob("*.py"))

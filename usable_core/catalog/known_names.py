"""Names of torchvision's and timm's models, read off their source text: neither is imported.

A page that imported them would take seconds and hundreds of megabytes for a list of names.
"""

import functools
import re
import sys
from importlib.util import find_spec
from pathlib import Path

from usable_core.errors import UnknownName

# What both put before a function that builds a model, and the function.
_BUILDER = re.compile(r"^@register_model\b.*\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)
# timm's published weights: 'resnet50.a1_in1k': _cfg(
_TAGGED = re.compile(r"^\s+['\"]([a-z]\w+\.\w+)['\"]\s*:\s*_", re.MULTILINE)
PACKAGES = ("torchvision", "timm")


def torchvision(name: str) -> tuple[Path, ...]:
    """Return no files, after a look whether torchvision knows the builder of `NAME@WEIGHTS`.

    Raises:
        UnknownName: its source text does not hold the name.
    """
    return _checked("torchvision", name, name.partition("@")[0])


def timm(name: str) -> tuple[Path, ...]:
    """Return no files, after a look whether timm knows the architecture of `NAME.TAG`.

    Raises:
        UnknownName: its source text does not hold the name.
    """
    return _checked("timm", name, name.partition(".")[0])


def _checked(package: str, name: str, architecture: str) -> tuple[Path, ...]:
    """Refuse what is plainly wrong at once; a package that is loaded knows its names better."""
    if package not in sys.modules and not _holds(package, architecture):
        known = [n.partition("/")[2] for n in known_references() if n.startswith(f"{package}/")]
        raise UnknownName(f"{package} model", name, [n for n in known if "." not in n])
    return ()


@functools.cache
def _holds(package: str, word: str) -> bool:
    """Tell whether a package's source text holds a word; True where there is no text."""
    whole, texts = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)"), _texts(package)
    return not texts or any(whole.search(text) for text in texts)


@functools.cache
def known_references() -> tuple[str, ...]:
    """Return `torchvision/NAME`, `timm/NAME` and `timm/NAME.TAG` that the installed ones know."""
    found = []
    for package in PACKAGES:
        names: set[str] = set()
        for text in _texts(package):
            names |= {*_BUILDER.findall(text), *_TAGGED.findall(text)}
        found += sorted(f"{package}/{name}" for name in names)
    return tuple(found)


def _texts(package: str) -> tuple[str, ...]:
    """Return the source texts of a package's models; none where it is not installed."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return ()
    paths = sorted((Path(spec.origin).parent / "models").glob("*.py"))
    return tuple(path.read_text(encoding="utf-8", errors="replace") for path in paths)

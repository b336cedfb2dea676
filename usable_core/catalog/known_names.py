"""Names of the models of torchvision, timm and keras.applications, read off their source text.

None of them is imported: a page that did would take seconds and hundreds of megabytes for a list of
names. Which of their weights are on this machine is told by the files of their caches.
"""

import functools
import os
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from usable_core.catalog.hub import CONFIG_FILE, folder_of
from usable_core.errors import UnknownName, UsableError
from usable_core.files import placed
from usable_core.json_files import read_json

# What both put before a function that builds a model, and the function.
_BUILDER = re.compile(r"^@register_model\b.*\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)
# timm's published weights: 'resnet50.a1_in1k': _cfg(
_TAGGED = re.compile(r"^\s+['\"]([a-z]\w+\.\w+)['\"]\s*:\s*_", re.MULTILINE)
# keras.applications.mobilenet_v2.MobileNetV2, as Keras exports each function.
_EXPORTED = re.compile(r"keras\.applications\.(?:\w+\.)?([A-Z]\w+)\"")
# Of torchvision: the weights of a family, each of them, its file, and which the usual ones are.
_FAMILY = re.compile(r"^class (\w+_Weights)\(WeightsEnum\):", re.MULTILINE)
_WEIGHTS = re.compile(r"^    (\w+) = Weights\(\s*url=\"([^\"]+)\"", re.MULTILINE)
_USUAL = re.compile(r"^    DEFAULT = (\w+)", re.MULTILINE)
_TAKEN = re.compile(r"^def (\w+)\(\s*\*, weights: Optional\[(\w+)\]", re.MULTILINE)
PACKAGES = ("torchvision", "timm", "keras")
_FOLDERS = {"torchvision": "models", "timm": "models", "keras": "src/applications"}


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
    """Return `torchvision/NAME`, `timm/NAME[.TAG]`, `keras/NAME` that the installed ones know."""
    found = []
    for package in PACKAGES:
        names: set[str] = set()
        for text in _texts(package):
            names |= {*_BUILDER.findall(text), *_TAGGED.findall(text), *_EXPORTED.findall(text)}
        found += sorted(f"{package}/{name}" for name in names)
    return tuple(found)


def _texts(package: str) -> tuple[str, ...]:
    """Return the source texts of a package's models; none where it is not installed."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return ()
    paths = sorted((Path(spec.origin).parent / _FOLDERS[package]).glob("*.py"))
    return tuple(path.read_text(encoding="utf-8", errors="replace") for path in paths)


def cached_references() -> frozenset[str]:
    """Return those of `known_references` whose weights are on this machine, and the hub's models.

    A hub's model is told by its name in the hub's cache, `hf/OWNER/NAME`, where it is a classifier.
    """
    return frozenset((*_of_torchvision(), *_of_timm(), *_of_keras(), *hub_references()))


def hub_references() -> tuple[str, ...]:
    """Return `hf/OWNER/NAME` of the classifiers whose files are all in the hub's cache."""
    found = (f"hf/{name}" for name in _in_hub_cache() if not name.startswith("timm/"))
    return tuple(sorted(name for name in found if _is_classifier(name.partition("/")[2])))


def keras_weights() -> Path:
    """Return where Keras keeps published weights."""
    home = os.environ.get("KERAS_HOME") or placed("~/.keras")
    return Path(home) / "models"


def torch_weights() -> Path:
    """Return where torch keeps published weights (as torch.hub.get_dir says, without torch)."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = placed(os.environ.get("TORCH_HOME") or f"{cache}/torch")
    return home / "hub" / "checkpoints"


def _of_torchvision() -> Iterator[str]:
    held = _held(torch_weights())
    for builder, rows in _torchvision_files() if held else ():
        for tag, file in rows.items():
            if file in held:
                yield f"torchvision/{builder}{tag}"


@functools.cache
def _torchvision_files() -> tuple[tuple[str, dict[str, str]], ...]:
    """Return the builders of torchvision with the file of each of their weights, by `@TAG`."""
    families: dict[str, dict[str, str]] = {}
    takes: dict[str, str] = {}
    for text in _texts("torchvision"):
        starts = [*_FAMILY.finditer(text)]
        ends = [*(start.start() for start in starts), len(text)][1:]
        for start, end in zip(starts, ends, strict=False):
            body = text[start.end() : end]
            rows = {f"@{tag}": url.rsplit("/", 1)[-1] for tag, url in _WEIGHTS.findall(body)}
            usual = _USUAL.search(body)
            rows |= {"": rows[f"@{usual[1]}"]} if usual and f"@{usual[1]}" in rows else {}
            families[start[1]] = rows
        takes |= dict(_TAKEN.findall(text))
    return tuple((name, families[own]) for name, own in takes.items() if own in families)


def _of_timm() -> Iterator[str]:
    """Yield the tagged names in the hub's cache, and each architecture whose first tag is there."""
    held = {name.partition("/")[2] for name in _in_hub_cache() if name.startswith("timm/")}
    if held:
        yield from (f"timm/{name}" for name in held)
        yield from (f"timm/{name.partition('.')[0]}" for name in held & _usual_tags())


@functools.cache
def _usual_tags() -> frozenset[str]:
    """Return the tagged name that each architecture of timm has where none is said: its first."""
    usual: dict[str, str] = {}
    for text in _texts("timm"):
        for name in _TAGGED.findall(text):
            usual.setdefault(name.partition(".")[0], name)
    return frozenset(usual.values())


def _of_keras() -> Iterator[str]:
    """Yield the architectures after which files of weights are called: resnet50_weights_….h5."""
    names = [n.partition("/")[2] for n in known_references() if n.startswith("keras/")]
    for file in _held(keras_weights()):
        called = re.sub(r"[^a-z0-9]", "", file.lower())
        near = [name for name in names if called.startswith(name.lower())]
        if near and "notop" not in called and file.endswith(".h5"):
            yield f"keras/{max(near, key=len)}"


def _in_hub_cache() -> Iterator[str]:
    """Yield OWNER/NAME of the models in the hub's cache that have weights."""
    from huggingface_hub.constants import HF_HUB_CACHE  # so that no page waits for it at its start

    for folder in Path(HF_HUB_CACHE).glob("models--*"):
        if any(folder.glob("snapshots/*/*.safetensors")):
            yield folder.name.removeprefix("models--").replace("--", "/")


def _is_classifier(name: str) -> bool:
    """Tell whether the configuration of a model in the hub's cache is an image classifier's."""
    try:
        folder = folder_of(name)
        said = read_json(folder / CONFIG_FILE) if folder else {}
        kinds = [*said.get("architectures", ()), *(["timm"] if "pretrained_cfg" in said else [])]
    except (UsableError, OSError, ValueError, AttributeError, TypeError):
        return False
    return any(kind == "timm" or str(kind).endswith("ForImageClassification") for kind in kinds)


def _held(folder: Path) -> frozenset[str]:
    try:
        return frozenset(path.name for path in folder.iterdir())
    except OSError:  # nothing was ever kept there
        return frozenset()

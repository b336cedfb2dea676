"""Keras's files in float32: what their layers are set to otherwise is changed before Keras reads.

Attacks and maps follow differences that half precision rounds away, and a network of mixed kinds
is none that torch runs. Pictures taken as bytes would have no gradients at all.
"""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from usable_core.models.weights.keras_files import untrained

_ONLY = "float32"
_KINDS = ("float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16")


@contextmanager
def in_float32(path: Path, config: dict[str, Any]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Lend a file whose layers compute in float32, and say which other kinds they were set to.

    How models in the model were trained is left out, too: Keras would build that.

    Args:
        path: A file that was checked.
        config: Its configuration.
    """
    found: set[str] = set()
    changed = _changed(untrained(config), found)
    if changed == config:
        yield path, ()
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        write = _write_zip if path.suffix.lower() == ".keras" else _write_h5
        write(path, copy, json.dumps(changed))
        yield copy, tuple(sorted(found))


def _changed(value: Any, found: set[str], key: str = "") -> Any:  # noqa: ANN401 - any JSON
    """Return a part of a configuration with every kind of numbers replaced."""
    if isinstance(value, dict):
        inner = {name: _changed(one, found, name) for name, one in value.items()}
        kind = value.get("class_name")
        said = value.get("config") if kind in ("DTypePolicy", "InputLayer") else None
        name = {"DTypePolicy": "name", "InputLayer": "dtype"}.get(str(kind), "")
        if isinstance(said, dict) and isinstance(own := said.get(name), str) and own != _ONLY:
            found.add(own)
            inner["config"] = {**inner["config"], name: _ONLY}
        return inner
    if isinstance(value, list):
        return [_changed(one, found, key) for one in value]
    if key == "dtype" and isinstance(value, str) and value in _KINDS:
        found.add(value)
        return _ONLY
    return value


def _write_zip(path: Path, copy: Path, config: str) -> None:
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as changed:
        for name in archive.namelist():
            changed.writestr(name, config if name == "config.json" else archive.read(name))


def _write_h5(path: Path, copy: Path, config: str) -> None:
    import h5py

    shutil.copyfile(path, copy)
    with h5py.File(copy, "r+") as held:
        held.attrs["model_config"] = config

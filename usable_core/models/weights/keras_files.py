"""Keras's files, looked through as data before Keras opens them: which classes, which links.

A `.keras` is a zip of a configuration and an HDF5 file of weights; a `.h5` holds both. Keras builds
what the configuration names, so nothing but its own layers may be named; HDF5 can point to other
files, so nothing but numbers of its own may be in it. (CVE-2025-1550, -9905, -9906, -8747.)
"""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from usable_core.errors import CheckpointError, first_line
from usable_core.records import brief

Opened = Any  # a package or a file of one that has no types
LARGEST = 8_000_000_000  # bytes of weights
_LARGEST_CONFIG = 20_000_000
_LARGEST_NUMBER = 10**6  # no width, size or number of classes is larger
_NO_SIZES = ("seed", "shared_object_id")
_MODULES = (
    "keras",
    "keras.layers",
    "keras.initializers",
    "keras.regularizers",
    "keras.constraints",
    "keras.models",
    "keras.src.models.functional",
    "keras.src.models.sequential",
    "keras.src.models.model",
)
_KINDS = ("layers", "initializers", "regularizers", "constraints")
# Layers of Keras that run what a file holds, or read a file that it names.
_CODE = {"Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer", "Wrapper"}
_CODE |= {"StringLookup", "IntegerLookup", "TextVectorization"}
_PARTS = {"metadata.json", "config.json", "model.weights.h5"}  # of a `.keras`
_OTHERS = ("Functional", "Model", "Sequential", "DTypePolicy", "__keras_tensor__", "__tuple__")
# Arithmetic that a model may hold between its layers, as `preprocess_input` leaves it there.
_STEPS = ("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Negative", "GetItem", "Stack")
_STEPS_MODULE = "keras.src.ops.numpy"
_VALUES = ("__tensor__", "__ellipsis__", "__slice__")
_TWICE = "holds a file twice under one name"
_TRAINED = "compile_config"
_DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError)
_SAVED = "Save the model as .keras with layers of Keras alone, or as ONNX (onnx/FILE.onnx)."


def checked_config(path: Path, keras: Opened) -> dict[str, Any]:
    """Return a file's configuration: it names layers of Keras alone, beside numbers of its own.

    How the model, or one in it, was trained is not looked at: `untrained` leaves that out.

    Raises:
        CheckpointError: it does, is damaged, or is larger than can be.
    """
    try:
        if path.suffix.lower() == ".keras":
            config, weights = _parts_of_zip(path)
            with _h5(io.BytesIO(weights)) as held:
                _check_numbers(held, path.name)
        else:
            with _h5(path) as held:
                _check_numbers(held, path.name)
                config = held.attrs.get("model_config")
        if config is None:
            raise CheckpointError(
                f"{path.name} holds weights alone. They go with their architecture: keras/NAME "
                "with --weights FILE."
            )
        if not isinstance(config, str | bytes) or not isinstance(said := json.loads(config), dict):
            raise ValueError("its configuration is no table")
        found = {key: value for key, value in said.items() if key != _TRAINED}
        _check_config(untrained(found), path.name, keras)
    except (*_DAMAGED, RecursionError, zipfile.BadZipFile, NotImplementedError) as error:
        raise CheckpointError(
            f"{path.name} cannot be read as a Keras model: {first_line(error)}. {_SAVED}"
        ) from error
    return found


def check_weights_file(path: Path) -> None:
    """Check that a file of weights holds its own numbers alone.

    Raises:
        CheckpointError: it does not, or is no HDF5 file.
    """
    try:
        with _h5(path) as held:
            _check_numbers(held, path.name)
    except _DAMAGED as error:
        raise CheckpointError(
            f"{path.name} cannot be read as weights of Keras (.weights.h5, .h5): "
            f"{first_line(error)}. Save them anew: model.save_weights."
        ) from error


def _h5(source: object) -> Opened:
    import h5py

    return h5py.File(source, "r")


def _parts_of_zip(path: Path) -> tuple[bytes, bytes]:
    with zipfile.ZipFile(path) as archive:
        sizes = {one.filename: one.file_size for one in archive.infolist()}
        if len(sizes) < len(archive.infolist()) or (rest := sorted(sizes.keys() - _PARTS)):
            what = f"holds {rest[0][:60]!r}" if len(sizes) == len(archive.infolist()) else _TWICE
            raise CheckpointError(f"{path.name} {what}, which a model's file does not. {_SAVED}")
        if sizes.get("config.json", 0) > _LARGEST_CONFIG or sum(sizes.values()) > LARGEST:
            raise CheckpointError(f"{path.name} unpacks to more than a model holds. {_SAVED}")
        held = sum(one.compress_size for one in archive.infolist())
        if sum(sizes.values()) > 1000 * max(held, 1):
            raise CheckpointError(f"{path.name} is packed as no model is. {_SAVED}")
        return archive.read("config.json"), archive.read("model.weights.h5")


def _check_numbers(held: Opened, name: str) -> None:
    """Check that an HDF5 file holds groups and arrays of its own, and points nowhere."""
    import h5py

    left, total, seen = [held], 0, {held}
    while left:
        group = left.pop()
        for key in group:
            link = group.get(key, getlink=True)
            shown = brief(str(key))
            if not isinstance(link, h5py.HardLink):
                raise CheckpointError(
                    f"{name} points elsewhere ({shown}), which weights do not. {_SAVED}"
                )
            found = group[key]
            if found in seen:  # groups may hold each other
                continue
            seen.add(found)
            if isinstance(found, h5py.Group):
                left.append(found)
                continue
            if not isinstance(found, h5py.Dataset):
                raise CheckpointError(f"{name} holds {shown}, which are no numbers. {_SAVED}")
            if found.external or found.is_virtual:
                raise CheckpointError(
                    f"{name} keeps {shown} in another file, which weights do not. {_SAVED}"
                )
            total += (found.size or 0) * found.dtype.itemsize
            if total > LARGEST:
                raise CheckpointError(f"{name} unpacks to more than a model holds. {_SAVED}")


def _check_config(config: object, name: str, keras: Opened) -> None:
    own = (vars(getattr(keras, part)).items() for part in _KINDS)
    known = {kind for part in own for kind, value in part if isinstance(value, type)}
    known |= {*_OTHERS, *_VALUES}
    for named in _named(config):
        kind, module = named.get("class_name"), named.get("module")
        kind, module = (one if isinstance(one, str | None) else str(one) for one in (kind, module))
        is_known = kind in known and kind not in _CODE and module in (None, *_MODULES)
        is_known = is_known or (module == _STEPS_MODULE and kind in _STEPS)
        if not is_known or named.get("registered_name") not in (None, kind, "Functional"):
            raise CheckpointError(
                f"{name} names {str(kind)[:60]!r} of {str(module)[:60]!r}, which is no layer of "
                f"Keras that only computes, so it was not opened. {_SAVED}"
            )
    for number in _numbers(config):
        if abs(number) > _LARGEST_NUMBER:
            raise CheckpointError(
                f"{name} asks for a layer of {number:,}: none is as large. {_SAVED}"
            )


def untrained(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a part of a configuration without optimizers, losses and metrics."""
    if isinstance(value, dict):
        is_object = "class_name" in value
        return {k: untrained(v) for k, v in value.items() if not (is_object and k == _TRAINED)}
    return [untrained(one) for one in value] if isinstance(value, list) else value


def _named(value: object) -> Iterator[dict[str, Any]]:
    """Yield every part of a configuration that names a class."""
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        yield from (found for one in value.values() for found in _named(one))
    elif isinstance(value, list):
        yield from (found for one in value for found in _named(one))


def _numbers(value: object, key: str = "") -> Iterator[int]:
    """Yield the whole numbers of a configuration that are sizes."""
    if isinstance(value, dict):
        yield from (n for name, one in value.items() for n in _numbers(one, str(name)))
    elif isinstance(value, list):
        yield from (n for one in value for n in _numbers(one, key))
    elif isinstance(value, int) and not isinstance(value, bool) and key not in _NO_SIZES:
        yield value

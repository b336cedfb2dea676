"""Models that people bring as files: a path of this machine, or uploads, to what they are called.

Uploads of one file lie under the hash of their content; several that belong together (a folder of
the hub's form, a graph and its weights) in a folder of that hash, by their own names. A zip is
taken apart: only files of a model are read from it, and never written where their names say.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from usable_core import files, shelf
from usable_core.catalog.model_files import IN_A_FOLDER
from usable_core.catalog.models import CARD_FILE, KERAS_ENDINGS, SOURCES, WEIGHTS_FILE
from usable_core.errors import CheckpointError, one_line

WEIGHTS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".weights.h5")
_BESIDE = (".json", ".txt", ".md", ".data", ".onnx_data")  # what lies beside weights and is read
UPLOADED = (*WEIGHTS, ".zip", ".onnx", ".pt2", *KERAS_ENDINGS, *_BESIDE)
MOST_BYTES = 8 * 10**9  # of an archive, taken apart
MOST_FILES = 2_000
MOST_SHOWN = 30
_HUB = "config.json"
_NAME = re.compile(r"[\w][\w .+-]{0,120}")
_DAMAGED = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError)


@dataclass(frozen=True)
class Brought:
    """What a path is: a whole model, or weights that go with an architecture.

    Attributes:
        reference: Of a whole model; empty where an architecture must be named.
        weights: The file or folder of weights alone; None of a whole model.
        title: What people would call it.
    """

    reference: str
    weights: str | None
    title: str


def recognised(path: str | Path) -> Brought:
    """Return what a file or a folder of this machine is.

    Raises:
        CheckpointError: it is not there, or no model.
    """
    place = Path(files.resolved(path))
    if files.is_folder(place):
        return _folder(place)
    if not files.is_file(place):
        raise CheckpointError(
            f"Expected a model's file or folder at {one_line(str(path))}, but nothing is there."
        )
    name = place.name.lower()
    if name.endswith(WEIGHTS):
        return Brought("", str(place), _title(place))
    for source, row in SOURCES.items():
        if name.endswith(row.endings):
            return Brought(f"{source}/{place}", None, _title(place))
    raise CheckpointError(
        f"{one_line(place.name)} is no model that can be read: expected weights (.safetensors, "
        ".pth, .weights.h5), .onnx, .keras, .h5 or .pt2, or a folder with config.json and "
        "model.safetensors. TensorFlow's .pb and .tflite become .keras (model.save) or ONNX "
        "(tf2onnx)."
    )


def _folder(place: Path) -> Brought:
    held = _names(place)
    if {CARD_FILE, WEIGHTS_FILE} <= {*held}:
        return Brought(f"folder/{place}", None, place.name)
    if _HUB in held:
        return Brought(f"hf/{place}", None, place.name)
    if any(name in held for name in IN_A_FOLDER):
        return Brought("", str(place), place.name)
    whole = [name for name in held if name.lower().endswith((".onnx", ".pt2", *KERAS_ENDINGS))]
    own = whole or [name for name in held if name.lower().endswith(WEIGHTS)]
    if len(own) == 1:
        return recognised(place / own[0])
    listed = ", ".join(one_line(name) for name in held[:5]) or "nothing"
    raise CheckpointError(
        f"Expected config.json and model.safetensors, or one file of a model, in the folder "
        f"{one_line(place.name)}, which holds {listed}. Name the file itself."
    )


def inside(path: str | Path) -> tuple[str, ...]:
    """Return the folders and the files of models in a folder, by name: to go on from there."""
    place = Path(files.resolved(path))
    ends = (*WEIGHTS, ".onnx", ".pt2", *KERAS_ENDINGS)
    found = [n for n in _names(place) if n.lower().endswith(ends) or files.is_folder(place / n)]
    return tuple(name for name in found if not name.startswith("."))[:MOST_SHOWN]


def keep(uploads: Mapping[str, bytes]) -> str:
    """Store uploaded files of one model and return the path of what they are together.

    Args:
        uploads: Their own names to their content.

    Raises:
        CheckpointError: a zip is damaged or too large; names are none, or there twice.
        ConfigError: a file is none of a model's.
        StorageError: the disk is full.
    """
    held: dict[str, bytes] = {}
    for name, data in uploads.items():
        parts = _unzipped(data, name) if name.lower().endswith(".zip") else {name: data}
        for own, content in parts.items():
            short = PurePosixPath(own.replace("\\", "/")).name
            if not _NAME.fullmatch(short) or held.get(short, content) != content:
                raise CheckpointError(
                    f"Expected the files of one model, each with a name of its own, but "
                    f"{one_line(own)[:80]!r} is there twice or is no name. Upload one model."
                )
            held[short] = content
    if not held:
        raise CheckpointError("Expected the files of a model, but there are none among these.")
    if len(held) == 1:
        (name,) = held
        ending = ".weights.h5" if name.lower().endswith(".weights.h5") else Path(name).suffix
        return shelf.keep_file(held[name], f"x{ending}", UPLOADED)
    return shelf.keep_folder(held)


def _unzipped(data: bytes, name: str) -> dict[str, bytes]:
    """Return the files of a model in a zip, the rest left out."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            own = [
                one
                for one in archive.infolist()[:MOST_FILES]
                if not one.is_dir() and one.filename.lower().endswith(UPLOADED)
                if not PurePosixPath(one.filename).name.startswith((".", "._"))
                and "__MACOSX" not in one.filename
                and not one.filename.lower().endswith(".zip")
            ]
            if sum(one.file_size for one in own) > MOST_BYTES:
                raise CheckpointError(
                    f"{one_line(name)} would hold more than {MOST_BYTES / 1e9:.0f} GB. Name the "
                    "folder on the machine instead."
                )
            return {one.filename: _read(archive, one) for one in own}
    except _DAMAGED as error:
        raise CheckpointError(
            f"{one_line(name)} cannot be read as a zip ({one_line(str(error))}). Make it anew, or "
            "upload the files themselves."
        ) from error


def _read(archive: zipfile.ZipFile, one: zipfile.ZipInfo) -> bytes:
    with archive.open(one) as file:
        content = file.read(one.file_size + 1)
    if len(content) != one.file_size:
        raise zipfile.BadZipFile(f"{one.filename} is longer than it says")
    return content


def _names(place: Path) -> list[str]:
    try:
        return sorted(path.name for path in place.iterdir())
    except OSError:
        return []


def _title(place: Path) -> str:
    return place.name.partition(".")[0] or place.name

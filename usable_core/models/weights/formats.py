"""What a file is that was given as weights, by its first bytes; for all that are none, a sentence.

Names are not believed: a safetensors file called `.bin` is one, a web page called `.pth` is a page.
"""

import tarfile
import zipfile
from pathlib import Path
from typing import Literal

from usable_core.errors import CheckpointError
from usable_core.files import open_regular, why
from usable_core.json_files import read_json

Format = Literal["safetensors", "pickle"]
AGAIN = (
    "Where the network can be built, save its weights from there: "
    'safetensors.torch.save_file(network.state_dict(), "weights.safetensors").'
)
# First bytes, what they are, and what to do.
_MAGIC = (
    (
        b"version https://git-lfs",
        "is a pointer of Git LFS, not the file itself",
        "Fetch it: `git lfs pull`, or download the file from the repository's page.",
    ),
    (b"\x89HDF\r\n\x1a\n", "is an HDF5 file, such as Keras writes, not weights of torch", AGAIN),
    (b"\x93NUMPY", "is an array of NumPy, not weights of torch", AGAIN),
    (b"GGUF", "is a GGUF file for language models, not weights of torch", AGAIN),
    (b"\x1f\x8b", "is compressed (gzip)", "Unpack it and give the file of weights inside."),
    (b"BZh", "is compressed (bzip2)", "Unpack it and give the file of weights inside."),
    (b"\xfd7zXZ", "is compressed (xz)", "Unpack it and give the file of weights inside."),
    (b"7z\xbc\xaf", "is an archive (7z)", "Unpack it and give the file of weights inside."),
    (b"Rar!", "is an archive (rar)", "Unpack it and give the file of weights inside."),
)
# What only a zip of this kind holds, what it is, and what to do.
_ZIPS = (
    (
        "constants.pkl",
        "is a TorchScript program, whose code is not run here",
        "Save the weights of the network that it was made from: network.state_dict(); "
        "torch.jit.load(…).state_dict() gives them where that network is lost.",
    ),
    (
        "models/model.json",
        "is a program of torch.export",
        "Give it as the model: --model file/PATH.pt2 --trust, without --weights.",
    ),
    (
        "serialized_exported_program.json",
        "is a program of torch.export",
        "Give it as the model: --model file/PATH.pt2 --trust, without --weights.",
    ),
    ("model.weights.h5", "is a model of Keras, not weights of torch", AGAIN),
)


def format_of(path: Path) -> Format:
    """Return how a file of weights is to be read.

    Raises:
        CheckpointError: it is a file of another kind; the sentence says which, and what to do.
    """
    try:
        with open_regular(path) as file:
            head = file.read(512)
    except OSError as error:
        raise CheckpointError(
            f"The weights {path.name} cannot be read: {why(error)}. Give a file of weights."
        ) from error
    found = next((row[1:] for row in _MAGIC if head.startswith(row[0])), None)
    found = found or _tar(path) or _zip(path, head) or _text(path, head) or _by_suffix(path, head)
    if found is not None:
        raise CheckpointError(f"{path.name} {found[0]}. {found[1]}")
    is_safetensors = path.suffix == ".safetensors" or head[8:9] == b"{"  # a length, then JSON
    return "safetensors" if is_safetensors else "pickle"


def _tar(path: Path) -> tuple[str, str] | None:
    """Tell an archive by its first header: torch's reader would make a folder for its files."""
    try:
        with tarfile.open(path, "r:"):
            return "is an archive (tar), as the first versions of torch wrote weights", AGAIN
    except (tarfile.TarError, OSError, ValueError, EOFError):
        return None


def _zip(path: Path, head: bytes) -> tuple[str, str] | None:
    if not head.startswith(b"PK"):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None  # torch's reader says that it is cut off
    for part, what, advice in _ZIPS:
        if any(name == part or name.endswith(f"/{part}") for name in names):
            return what, advice
    if any(name.endswith("data.pkl") for name in names):
        return None
    if names and all(name.endswith(".npy") for name in names):
        return "holds arrays of NumPy, as JAX and Flax write them, not weights of torch", AGAIN
    return "is a zip of files", "Unpack it and give the file of weights inside."


def _text(path: Path, head: bytes) -> tuple[str, str] | None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<?xml", b"<error")):
        return (
            "is a web page, such as an error or a login instead of the file",
            "Download the file itself: on a repository's page, the link called raw or download.",
        )
    if not start.startswith(b"{"):
        return None
    try:
        content = read_json(path)
    except (ValueError, OSError):  # what only begins like it
        return None
    if isinstance(content, dict) and isinstance(content.get("weight_map"), dict):
        shards = sorted({str(name) for name in content["weight_map"].values()})
        return (
            f"is the index of weights in {len(shards)} files (first {shards[0]}), not weights",
            "Join them: load each, put all tensors into one table, and write that with "
            'safetensors.torch.save_file(table, "weights.safetensors").',
        )
    return (
        "is text (JSON), such as a model's configuration, not weights",
        "Give the file of weights that it belongs to; a config.json beside it is read by itself.",
    )


def _by_suffix(path: Path, head: bytes) -> tuple[str, str] | None:
    if path.suffix == ".onnx" or (head[:1] == b"\x08" and b"pytorch" in head[:64]):
        return "is a program of ONNX, whose names of weights are not those of torch", AGAIN
    if head[4:8] == b"TFL3" or path.suffix in (".pb", ".index", ".tflite"):
        return "is a file of TensorFlow, not weights of torch", AGAIN
    if ".data-" in path.name and "-of-" in path.name:
        return "is a part of a checkpoint of TensorFlow, not weights of torch", AGAIN
    if path.suffix == ".msgpack":
        return "is a file of Flax (msgpack), not weights of torch", AGAIN
    return None

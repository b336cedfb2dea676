"""Pictures and archives that people gave, stored under the hash of their content.

Names are never paths, metadata is dropped, and everything can be deleted.
"""

import hashlib
import io
import json
import re
import zipfile
from pathlib import Path

from PIL import Image

from usable_core import files, images, settings
from usable_core.catalog.datasets import DATASETS
from usable_core.errors import DatasetRefused, ImageRefused

_ID = re.compile(r"[0-9a-f]{24}")


def keep(data: bytes, name: str) -> str:
    """Store a picture and return its identity, the same for the same pixels.

    Args:
        data: The file's bytes.
        name: What the file is called in the sentence of a refusal.

    Raises:
        ImageRefused: the bytes are no picture that can be used.
        StorageError: the disk is full.
    """
    image = images.decode(data, name)
    pixels = image.tobytes()
    image_id = hashlib.sha256(f"{image.size}".encode() + pixels).hexdigest()[:24]
    path = _path(image_id)
    if not path.is_file():
        buffer = io.BytesIO()
        Image.frombytes("RGB", image.size, pixels).save(buffer, "PNG", compress_level=3)
        files.write_bytes(path, buffer.getvalue())
    return image_id


def open_upload(image_id: str) -> Image.Image:
    """Return a stored picture, RGB.

    Raises:
        ImageRefused: it is not stored (any more).
    """
    try:
        data = _path(image_id).read_bytes()
    except OSError as error:
        raise _absent() from error
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        return image.convert("RGB")


def is_kept(image_id: str) -> bool:
    """Tell whether a picture is stored."""
    return _path(image_id).is_file()


def delete(image_id: str) -> None:
    """Delete a stored picture; one that is not there is no mistake."""
    _path(image_id).unlink(missing_ok=True)


def keep_archive(data: bytes, name: str) -> str:
    """Store a zip file and return its path; what it holds is checked when it is read as data.

    Raises:
        DatasetRefused: it is no zip file.
        StorageError: the disk is full.
    """
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise DatasetRefused(
            f"{name} is no zip file. Expected a zip with one folder of images per class."
        )
    path = _folder() / f"{hashlib.sha256(data).hexdigest()[:24]}.zip"
    if not path.is_file():
        files.write_bytes(path, data)
    files.write_json(path.with_suffix(".json"), {"name": name})
    return str(path)


def data_title(reference: str) -> str:
    """Return what people call data: a title, or a file's own name, also of one that they gave."""
    if reference in DATASETS:
        return DATASETS[reference].title
    path = Path(reference)
    if path.parent == _folder():
        try:
            return str(json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["name"])
        except (OSError, ValueError, LookupError, TypeError):
            return path.name
    return path.name or reference


def _folder() -> Path:
    return settings.home() / "uploads"


def _path(image_id: str) -> Path:
    if not _ID.fullmatch(image_id):
        raise _absent()
    return _folder() / f"{image_id}.png"


def _absent() -> ImageRefused:
    return ImageRefused("This picture is not stored (any more). Upload it again.")

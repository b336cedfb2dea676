"""Pictures, archives and tables that people gave, stored under the hash of their content.

What a person called it stands in a JSON file beside it and is never a path; metadata is dropped,
and everything can be deleted.
"""

import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from usable_core import files, settings
from usable_core.catalog.datasets import DATASETS, TABLES
from usable_core.errors import DatasetRefused, ImageRefused, quoted

if TYPE_CHECKING:
    from PIL import Image

_ID = re.compile(r"[0-9a-f]{24}")
FOLDER = "uploads"
_NAME = ".json"  # of the file beside it that tells what it was called, so that no data end so
_TABLES = [ending for ending in (".parquet", *TABLES) if ending != _NAME]
KINDS = {".png": "picture", ".zip": "archive", **dict.fromkeys(_TABLES, "table")}
DATA = tuple(ending for ending, kind in KINDS.items() if kind != "picture")
_DATA = re.compile(rf"\b([0-9a-f]{{24}})(?:{'|'.join(map(re.escape, DATA))})\b")


@dataclass(frozen=True)
class Upload:
    """One stored file.

    Attributes:
        id: Its identity, made of its content.
        kind: `picture`, `archive` or `table`.
        name: What the person who gave it called it; empty where nobody said.
        size: Bytes.
        kept: When it was given last (UTC).
        runs: Ids of the runs whose question names it.
    """

    id: str
    kind: str
    name: str
    size: int
    kept: datetime
    runs: tuple[str, ...] = ()


def keep(data: bytes, name: str) -> str:
    """Store a picture and return its identity, the same for the same pixels.

    Args:
        data: The file's bytes.
        name: What the file is called in the sentence of a refusal.

    Raises:
        ImageRefused: the bytes are no picture that can be used.
        StorageError: the disk is full.
    """
    from PIL import Image

    from usable_core import images

    image = images.decode(data, name)
    pixels = image.tobytes()
    image_id = hashlib.sha256(f"{image.size}".encode() + pixels).hexdigest()[:24]
    path = _path(image_id)
    if files.is_there(path) and settings.is_read_only():
        return image_id  # a picture that is shown already
    settings.check_writable()
    if not files.is_there(path):
        buffer = io.BytesIO()
        Image.frombytes("RGB", image.size, pixels).save(buffer, "PNG", compress_level=3)
        files.write_bytes(path, buffer.getvalue())
    files.write_json(_name_file(path), {"name": name})
    return image_id


def open_upload(image_id: str) -> "Image.Image":
    """Return a stored picture, RGB.

    Raises:
        ImageRefused: it is not stored (any more).
    """
    from PIL import Image

    try:
        data = _path(image_id).read_bytes()
    except OSError as error:
        raise _absent() from error
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageRefused("This stored picture is damaged. Upload it again.") from error


def is_kept(image_id: str) -> bool:
    """Tell whether a picture is stored."""
    return files.is_there(_path(image_id))


def keep_data(data: bytes, name: str) -> str:
    """Store a file of data and return its path; what it holds is checked when it is read as data.

    Args:
        data: The file's bytes.
        name: What the file is called; its ending says what it is.

    Raises:
        DatasetRefused: it is no zip file nor a table.
        StorageError: the disk is full.
    """
    settings.check_writable()
    ending = Path(name).suffix.lower()
    if ending not in DATA:
        raise DatasetRefused(
            f"{quoted(name)} is no data that can be read. Expected a zip with one folder of images "
            f"per class, or a table of texts and their labels: {', '.join(DATA)}."
        )
    if ending == ".zip" and not zipfile.is_zipfile(io.BytesIO(data)):
        raise DatasetRefused(
            f"{quoted(name)} is no zip file, though it is called one. Zip the folder again."
        )
    path = _folder() / f"{hashlib.sha256(data).hexdigest()[:24]}{ending}"
    if not files.is_there(path):
        files.write_bytes(path, data)
    files.write_json(_name_file(path), {"name": name})
    return str(path)


def listed(questions: Mapping[str, str] | None = None) -> list[Upload]:
    """Return what is stored, newest first.

    Args:
        questions: Ids of runs to their questions as stored, of which some may name data.
    """
    users = _users(questions or {})
    found = []
    for path in _folder().glob("*.*"):
        if path.suffix in KINDS and _ID.fullmatch(path.stem):
            with suppress(FileNotFoundError):  # deleted meanwhile
                found.append(_upload(path, users.get(path.stem, ())))
    return sorted(found, key=lambda upload: (upload.kept, upload.id), reverse=True)


def delete(upload_id: str, *, keep_name: bool = False) -> None:
    """Delete what is stored under an identity; what is not there is no mistake.

    With data go the decoded pictures that trainings have left, of these and of others.

    Args:
        upload_id: The identity.
        keep_name: Leave what it was called, for the runs that it was data of.

    Raises:
        StorageError: it cannot be deleted.
    """
    settings.check_writable()
    with files.refusing(_folder()):
        if any(files.is_there(_path(upload_id).with_suffix(ending)) for ending in DATA):
            shutil.rmtree(settings.home() / settings.PIXELS, ignore_errors=True)
        for ending in KINDS:
            _path(upload_id).with_suffix(ending).unlink(missing_ok=True)
        if not keep_name:
            _name_file(_path(upload_id)).unlink(missing_ok=True)


def is_deleted(reference: str) -> bool:
    """Tell whether data were uploaded here and have been deleted since."""
    path = Path(reference)
    return _is_data(path) and not path.exists()


def data_title(reference: str) -> str:
    """Return what people call data: a title, or a file's own name, also of one that they gave."""
    if reference in DATASETS:
        return DATASETS[reference].title
    path = Path(reference)
    return (_is_data(path) and _name(path)) or path.name or reference


def by_name(sentence: str) -> str:
    """Return a sentence with uploaded data called by their own names, not by where they lie."""
    paths = re.compile(rf"{re.escape(str(_folder()))}/{_DATA.pattern}")
    return paths.sub(lambda found: data_title(found[0]), sentence)


def title(image_id: str) -> str:
    """Return what the person who gave a picture called it; empty where nobody said."""
    return _name(_path(image_id))


def _upload(path: Path, runs: Sequence[str]) -> Upload:
    said = _name_file(path)
    moment = (said if said.is_file() else path).stat().st_mtime
    facts = path.stat().st_size, datetime.fromtimestamp(moment, UTC)
    return Upload(path.stem, KINDS[path.suffix], _name(path), *facts, tuple(runs))


def _users(questions: Mapping[str, str]) -> dict[str, list[str]]:
    """Return identities of data to the runs whose questions name them."""
    found: dict[str, list[str]] = {}
    for run_id, text in questions.items():
        for upload_id in dict.fromkeys(_DATA.findall(text)):
            found.setdefault(upload_id, []).append(run_id)
    return found


def _name(path: Path) -> str:
    try:
        return str(json.loads(_name_file(path).read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _name_file(path: Path) -> Path:
    return path.with_suffix(_NAME)


def _is_data(path: Path) -> bool:
    """Tell whether a path is one that `keep_data` returns, however the home is written."""
    is_named = _DATA.fullmatch(path.name) is not None
    return is_named and path.parent.resolve() == _folder().resolve()


def _folder() -> Path:
    return settings.home() / FOLDER


def _path(image_id: str) -> Path:
    if not _ID.fullmatch(image_id):
        raise _absent()
    return _folder() / f"{image_id}.png"


def _absent() -> ImageRefused:
    return ImageRefused("This picture is not stored (any more). Upload it again.")

"""An evidence file as somebody has it: a folder, its page, its JSON, or a zip of all."""

import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from usable_core import files
from usable_core.errors import StorageError
from usable_core.json_files import parsed_json
from usable_core.verdict_files import form
from usable_core.verdict_files.form import Document
from usable_core.verdict_files.page import ORDER, unframed

MOST_FILES = 10_000  # of a zip
MOST_UNPACKED = 4 * 2**30  # bytes: 12 models × 10,000 examples have 0.1 GB
_PIECE = 2**20
_NUMBER = (int, float, type(None))
_ROW: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("requirement", "outcome", "reason"), str),
    **dict.fromkeys(("value", "low", "high"), _NUMBER),
    **dict.fromkeys(("n", "examples"), int),
}


@dataclass(frozen=True)
class Opened:
    """An evidence file that lies in a folder.

    Attributes:
        folder: Of the records.
        page: The page.
        document: The JSON beside it.
    """

    folder: Path
    page: Path
    document: Path


@dataclass(frozen=True)
class Copy:
    """One of the two copies of the JSON: what it says, as far as it can be read.

    Attributes:
        name: The file that it is in.
        text: As it stands there; None where there is none.
        document: What it means; None where it means nothing.
        problem: Why it is not as it was written; empty where it is.
        frame: The page around it; empty of the JSON beside it.
    """

    name: str
    text: str | None = None
    document: Document | None = None
    problem: str = ""
    frame: str = ""


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Yield an evidence file; a zip is unpacked meanwhile.

    Raises:
        StorageError: it is none.
    """
    path = files.placed(path)
    if files.is_folder(path):
        yield _in_folder(path)
    elif not files.is_file(path):
        raise StorageError(f"There is no evidence file at {path}. Give its folder or verdict.html.")
    elif path.suffix.lower() == ".zip":
        with tempfile.TemporaryDirectory() as passing:
            _unpack(path, Path(passing))
            yield _in_folder(_top(Path(passing)))
    elif path.suffix.lower() == ".json":
        yield Opened(path.parent, path.parent / form.PAGE, path)
    else:
        yield Opened(path.parent, path, path.parent / form.DOCUMENT)


def copies(found: Opened) -> tuple[Copy, Copy]:
    """Return the JSON of the page and the JSON beside it."""
    inner, page_problem, frame = None, "", ""
    try:
        text = files.read_regular(found.page, form.MOST_BYTES).decode()
        frame, inner = unframed(text)
    except OSError as error:
        page_problem = f"it cannot be read: {files.why(error)}"
    except ValueError as error:  # no UTF-8, or no JSON in it
        page_problem = str(error)
    beside, problem = None, ""
    try:
        beside = files.read_regular(found.document, form.MOST_BYTES).decode()
    except OSError as error:
        problem = f"it cannot be read: {files.why(error)}"
    except ValueError as error:
        problem = f"it is no text in UTF-8: {error}"
    return _copy(form.PAGE, inner, page_problem, frame), _copy(form.DOCUMENT, beside, problem)


def _copy(name: str, text: str | None, problem: str, frame: str = "") -> Copy:
    if text is None:
        return Copy(name, None, None, problem, frame)
    try:
        document = parsed_json(text.encode())
        _check_form(document)
    except ValueError as error:
        return Copy(name, text, None, f"its JSON cannot be read: {error}", frame)
    if form.text_of(document) != text:
        problem = f"its JSON is not as it was written, from {_first_difference(document, text)} on"
    return Copy(name, text, document, problem, frame)


def _check_form(document: object) -> None:
    """Check that a JSON has the parts of a verdict, so that reading it meets no surprise.

    Raises:
        ValueError: it lacks one.
    """
    kinds: dict[str, type | tuple[type, ...]] = {
        "made": dict,
        "requirements": dict,
        "weights": list,
        "runs": dict,
        "numbers": dict,
        "results": dict,
        "summary": dict,
        "files": dict,
        form.CHAIN: list,
    }
    if not isinstance(document, dict):
        raise ValueError("it is no verdict")
    number = document.get("form")
    if isinstance(number, int) and number > form.FORM:
        raise ValueError(
            f"it is of form {number}, made by a newer version of Usable. Update Usable"
        )
    _check_fields(document, "it", kinds)
    for link in document[form.CHAIN]:
        _check_fields(link, "a link of its chain", dict.fromkeys(("part", "sha256", "linked"), str))
    for run in document["runs"].values():
        _check_fields(run, "a run", {"task": str, "candidate": str, "files": dict})
    if not isinstance(document.get("judges", []), list):
        raise ValueError("it has no list of judges")
    for weights in (*document["weights"], *document.get("judges", ())):
        _check_fields(weights, "weights", {"model": dict, "files": list})
        _check_fields(weights["model"], "a model", {"reference": str})
        for file in weights["files"]:
            _check_fields(file, "a file of weights", {"file": str, "sha256": str})
    parts = {"sentence": str, "models": list, "not_measured": list, "trust": list}
    _check_fields(document["summary"], "the summary", parts)
    for model in document["summary"]["models"]:
        texts = ("name", "model", "verdict", "sentence", "next_step")
        _check_fields(model, "a model", {**dict.fromkeys(texts, str), "requirements": list})
        if model["verdict"] not in ORDER:
            raise ValueError(f"a model's verdict is none of {', '.join(ORDER)}")
        for row in model["requirements"]:
            _check_fields(row, "a requirement", _ROW)


def _check_fields(value: object, what: str, kinds: Mapping[str, type | tuple[type, ...]]) -> None:
    """Check that an object has fields of their kinds.

    Raises:
        ValueError: it is none, or lacks one.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{what} is no object")
    lacking = [name for name, kind in kinds.items() if not isinstance(value.get(name), kind)]
    if lacking:
        raise ValueError(f"{what} has no {lacking[0]}")


def _first_difference(document: Document, text: str) -> str:
    good = form.text_of(document)
    place = next(
        (i for i, (a, b) in enumerate(zip(good, text, strict=False)) if a != b),
        min(len(good), len(text)),
    )
    return f"character {place:,} ({json.dumps(text[max(0, place - 20) : place + 20])})"


def _in_folder(folder: Path) -> Opened:
    found = Opened(folder, folder / form.PAGE, folder / form.DOCUMENT)
    if not (files.is_file(found.page) or files.is_file(found.document)):
        raise StorageError(
            f"{folder} holds no evidence file: there is neither {form.PAGE} nor {form.DOCUMENT} in "
            "it. `usable assess … --out FOLDER` writes one."
        )
    return found


def _top(folder: Path) -> Path:
    """Return the folder itself, or the only folder in it, as archives often have one."""
    inner = list(folder.iterdir())
    return inner[0] if len(inner) == 1 and inner[0].is_dir() else folder


def _unpack(path: Path, folder: Path) -> None:
    """Unpack a zip within bounds.

    Raises:
        StorageError: it is none, is too large, or has names that lead out of it.
    """
    refused = f"{path.name} is no zip of an evidence file"
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MOST_FILES:
                raise StorageError(f"{refused}: it has more than {MOST_FILES:,} files.")
            left = MOST_UNPACKED
            for entry in entries:
                target = form.inside(folder, entry.filename)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as packed, target.open("xb") as out:
                    while piece := packed.read(_PIECE):
                        left -= len(piece)
                        if left < 0:
                            raise StorageError(f"{refused}: it is larger than 4 GB.")
                        out.write(piece)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError) as error:
        raise StorageError(f"{refused}: {error}.") from error

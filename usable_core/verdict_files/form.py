"""The form of an evidence file: the names in its folder, its JSON as text, and the hash chain.

Each link of the chain is of one part of `verdict.json`; its hash covers the link before. Files
beside it have their SHA-256 in a part, so that the last link stands for every byte of the folder.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from usable_core.files import open_regular

FORM = 1  # the number of the present form
PAGE = "verdict.html"
DOCUMENT = "verdict.json"
SIGNATURE = f"{DOCUMENT}.sig"
REQUIREMENTS = "usable.toml"
RECORDS = "records"
VERDICT = "verdict"  # the folder of the verdict's own records
VIEWS = "views"
CHAIN = "chain"  # what links all other parts
_PIECE = 2**20
MOST_BYTES = 256 * 2**20  # of the page or of its JSON

Document = dict[str, Any]


def text_of(document: Mapping[str, Any]) -> str:
    """Return the JSON as it is written: the same text for the same content, with no `<` in it."""
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    return plain(text.replace("<", "\\u003c") + "\n")


def plain(text: str) -> str:
    """Return a text that UTF-8 can hold: bytes that are none, as in a path, get JSON's escape."""
    return encoded(text).decode()


def encoded(text: str) -> bytes:
    """Return a text in UTF-8, see `plain`."""
    return text.encode(errors="backslashreplace")


def sha256(data: str | bytes) -> str:
    """Return the SHA-256 of a text or of bytes."""
    return hashlib.sha256(encoded(data) if isinstance(data, str) else data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def linked(document: Mapping[str, Any], page: str) -> list[dict[str, str]]:
    """Return the chain over the parts of a document, and over the page around it at its end."""
    own = {part: sha256(text_of({part: document[part]})) for part in document if part != CHAIN}
    links: list[dict[str, str]] = []
    before = ""
    for part, digest in {**own, PAGE: sha256(page)}.items():
        before = sha256(f"{before} {part} {digest}")
        links.append({"part": part, "sha256": digest, "linked": before})
    return links


def broken_parts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each part that is not the one that was linked, and in a sentence why.

    The page is no part of the JSON and is looked at by itself.
    """
    links: list[dict[str, str]] = document[CHAIN]
    named = [link["part"] for link in links]
    for part in document:
        if part != CHAIN and part not in named:
            yield part, "it is not in the chain"
    before = ""
    for link in links:
        part, digest = link["part"], link["sha256"]
        if part != PAGE and part not in document:
            yield part, "it is in the chain, but not in the file"
        elif part != PAGE and sha256(text_of({part: document[part]})) != digest:
            yield part, "its SHA-256 is not the one in the chain"
        if link["linked"] != sha256(f"{before} {part} {digest}"):
            yield part, "its link does not follow from the link before"
        before = link["linked"]


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file that a document names.

    Raises:
        ValueError: it is not a plain file within the folder.
    """
    path = folder / name
    is_plain = not path.is_symlink() and ".." not in Path(name).parts
    if not is_plain or not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{name} does not lie in the folder of the evidence file")
    return path

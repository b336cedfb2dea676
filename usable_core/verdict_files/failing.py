"""The section of a verdict's page with the pictures that models fail on."""

import base64
from collections.abc import Iterator, Mapping, Sequence

from usable_core.catalog.explainers import EXPLAINERS
from usable_core.reports.page import Card, Picture, Row, Section, Table, Text, Tiles

_LEGEND = "{}: orange speaks for the class, blue against it"


def failing(rows: Sequence[Mapping[str, str]], kind: str = "picture") -> Iterator[Section]:
    """Yield the section, from the part `pictures` of a verdict; nothing where there are none."""
    if kind == "text":
        yield from _texts(rows)
        return
    shown = [row for row in rows if row["picture"]]
    groups: dict[str, list[Picture]] = {}
    for row in shown:
        about = f"{row['model']}: {row['kind']}" if row["model"] else row["kind"].capitalize()
        title = "What the model looked at" if row["map"] else about
        groups.setdefault(title, []).extend(_pictures(row, about))
    cards = tuple(Card(title, (Tiles(tuple(of)),)) for title, of in groups.items())
    lacking = len(rows) - len(shown)
    said = f"{lacking:,} more were not at hand when this file was written." if lacking else ""
    if cards or said:
        text = (Text(said),) if said else ()
        yield Section("Where it fails", (*(Row((card,)) for card in cards), *text))


def _texts(rows: Sequence[Mapping[str, str]]) -> Iterator[Section]:
    """Yield the section of texts, each with what is said of it."""
    cells = tuple((row["model"], row["kind"], row["said"]) for row in rows)
    if cells:
        yield Section("Where it fails", (Table(("model", "", "text"), cells),))


def _pictures(row: Mapping[str, str], about: str) -> Iterator[Picture]:
    """Yield a picture, and the same with its map where there is one."""
    alt = f"{about}: {row['said']}"
    if not row["map"]:
        yield Picture(base64.b64decode(row["picture"]), alt, row["said"])
        return
    method = EXPLAINERS[row["method"]].title
    said = f"{row['said']}, by {row['model']}"
    yield Picture(base64.b64decode(row["picture"]), f"{alt}, as the model saw it", said)
    yield Picture(
        base64.b64decode(row["map"]), f"{alt}, with its map by {method}", _LEGEND.format(method)
    )

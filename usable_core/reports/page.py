"""One HTML file from blocks: pictures and figures inside it, every text escaped, nothing fetched.

Whatever comes from users or from files (names of classes, files, models) goes through `_text`.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usable_core.reports.cells import cell
from usable_core.reports.cells import text as _text

if TYPE_CHECKING:
    import plotly.graph_objects as go

_JPEG = b"\xff\xd8"
_SMALL = 96  # px wide: of such pictures the pixels are shown
EMBEDDED = '<script type="application/json" id="data">'
_STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Text:
    """A paragraph.

    Attributes:
        text: As it is read; nothing in it is markup.
        is_warning: It is set apart.
    """

    text: str
    is_warning: bool = False


@dataclass(frozen=True)
class Picture:
    """A PNG or JPEG file with its words for those who do not see it, and a caption."""

    png: bytes
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Tiles:
    """Small pictures beside each other."""

    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Table:
    """Rows of text, numbers, `Mark`s and `Bar`s under headings; see `reports.cells`.

    Attributes:
        headings: One per column; empty for a table of names and values.
        rows: The cells.
        summary: Folds the table away under this line; empty shows it.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    summary: str = ""


@dataclass(frozen=True)
class Plot:
    """A figure of `usable_core.plots`, which the reader can zoom and point at."""

    figure: "go.Figure"
    alt: str


@dataclass(frozen=True)
class Data:
    """Everything as JSON, folded away."""

    value: Mapping[str, Any]
    summary: str


@dataclass(frozen=True)
class Card:
    """Blocks under a heading of their own, side by side with the other cards of a row."""

    title: str
    blocks: "tuple[Block, ...]"


@dataclass(frozen=True)
class Row:
    """Cards beside each other where there is room."""

    cards: tuple[Card, ...]


Block = Text | Picture | Tiles | Table | Plot | Data | Row


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading."""

    title: str
    blocks: tuple[Block, ...]


def page(
    title: str, sections: Sequence[Section], *, style: str = "", embedded: str | None = None
) -> str:
    """Return the whole file; the plotting library is inside it, once, where a figure needs it.

    A page without figures runs no script, and its policy lets it neither run nor fetch anything.

    Args:
        title: Of the page.
        sections: What is on it.
        style: More of a style sheet.
        embedded: JSON without `<`, which lies in the page for programs.
    """
    body = "".join(
        f"<section><h2>{_text(s.title)}</h2>{_blocks(s.blocks)}</section>" for s in sections
    )
    style, policy, script = _STYLE + style, "", ""
    if 'class="plot"' in body:
        from plotly.offline import get_plotlyjs  # here, for pages without figures are many

        script = f"<script>{get_plotlyjs()}</script>"
    else:
        policy = _policy(style)
    if embedded is not None:
        script += f"{EMBEDDED}{embedded}</script>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"{policy}"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{_text(title)}</title><style>{style}</style>{script}</head>"
        f"<body><main><h1>{_text(title)}</h1>{body}</main></body></html>"
    )


def _policy(style: str) -> str:
    """Return the content-security policy of a page that shows and does nothing else."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">'


def _blocks(blocks: Sequence[Block]) -> str:
    return "".join(_block(block) for block in blocks)


def _block(block: Block) -> str:
    match block:
        case Text():
            kind = ' class="warning"' if block.is_warning else ""
            return f"<p{kind}>{_text(block.text)}</p>"
        case Picture():
            return _picture(block)
        case Tiles():
            return f'<div class="tiles">{"".join(map(_picture, block.pictures))}</div>'
        case Table():
            return _folded(block.summary, _table(block))
        case Plot():
            return _plot(block)
        case Data():
            text = json.dumps(block.value, indent=1, ensure_ascii=False)
            return _folded(block.summary, f"<pre>{_text(text)}</pre>")
        case Row():
            cards = (
                f"<div><h3>{_text(c.title)}</h3>{_blocks(c.blocks)}</div>" for c in block.cards
            )
            return f'<div class="row">{"".join(cards)}</div>'


def _picture(block: Picture) -> str:
    source = base64.b64encode(block.png).decode()
    caption = f"<figcaption>{_text(block.caption)}</figcaption>" if block.caption else ""
    is_jpeg = block.png.startswith(_JPEG)
    is_small = not is_jpeg and int.from_bytes(block.png[16:20], "big") <= _SMALL
    return (
        f'<figure><img class="{"small" if is_small else "usual"}" alt="{_text(block.alt)}" '
        f'src="data:image/{"jpeg" if is_jpeg else "png"};base64,{source}">'
        f"{caption}</figure>"
    )


def _table(block: Table) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in block.headings)
    rows = "".join(
        "<tr>" + "".join(f"<td>{cell(one)}</td>" for one in row) + "</tr>" for row in block.rows
    )
    return f"<table>{f'<tr>{head}</tr>' if head else ''}{rows}</table>"


def _plot(block: Plot) -> str:
    # plotly writes "<" of any text as \u003c, so that none can end the script.
    drawn = block.figure.to_html(
        full_html=False, include_plotlyjs=False, config={"displaylogo": False, "responsive": True}
    )
    return f'<div class="plot" role="img" aria-label="{_text(block.alt)}">{drawn}</div>'


def _folded(summary: str, inner: str) -> str:
    if not summary:
        return inner
    return f"<details><summary>{_text(summary)}</summary>{inner}</details>"

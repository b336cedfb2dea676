"""The pictures behind a number as tiles: what each is, what it is called, and a way to Explain.

A picture that a run kept is at hand; the others are read from the data set beside the script.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.components.shared import lane
from dashboard.components.shared.explain_button import explain_button
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.pictures import enlarged_png
from dashboard.components.shared.reading import Answers, read
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.result import Evaluation
from usable_core.jobs import interactive

MOST = 12  # tiles at first sight, and as many more at each click
SIDE = 112  # px, the width of a tile
MODELS_ON_EXPLAIN = 4


@dataclass(frozen=True)
class Tile:
    """One picture and what is said of it.

    Attributes:
        id: Its identity in the data set.
        true: Name of its true class.
        caption: Markdown under it.
        alt: The same for who does not see it, and its name on the Explain page.
        file: Where a run kept it; None where it is read from the data set.
    """

    id: str
    true: str
    caption: str
    alt: str
    file: Path | None = None


MakeTile = Callable[[dict[Any, Any]], Tile]


def called(identity: str, true: str, prediction: str, more: str = "") -> Tile:
    """Return a picture that is called something; `more` is text that stands beside it."""
    is_right = prediction == true
    said = "right" if is_right else f"called *{escaped(prediction)}*"
    caption = f"**{escaped(true)}**, {said}"
    about = f"{true}, right" if is_right else f"{true}, called {prediction}"
    return Tile(str(identity), true, caption + (f" · {escaped(more)}" if more else ""), about)


def pictures_of(asked: Evaluation) -> ImageRequest:
    """Return the question for pictures of the data that were measured."""
    return ImageRequest("examples", asked.model, dataset=asked.dataset.reference)


def tiles(
    rows: pd.DataFrame,
    tile: MakeTile,
    request: ImageRequest,
    *,
    key: str,
    models: Sequence[str] = (),
    most: int = MOST,
) -> None:
    """Show the first rows as tiles, and more of them at a click.

    Args:
        rows: One per picture, those first that are to be looked at first.
        tile: Makes the tile of a row.
        request: How pictures are read from the data set, without their identities.
        key: Tells these tiles from others on the page, and from others of the same figure.
        models: References that open on the Explain page; the request's model where empty.
        most: How many tiles are shown at first.
    """
    count = st.session_state.get(count_key(key), most)
    shown = [tile(row) for row in rows.head(count).to_dict("records")]
    asked = list(dict.fromkeys(models or [request.model.reference]))[:MODELS_ON_EXPLAIN]
    batches = [shown[at : at + most] for at in range(0, len(shown), most)]
    questions = [_question(request, batch) for batch in batches]

    def show(answers: Answers) -> None:
        with st.container(horizontal=True):
            for number, (question, batch) in enumerate(zip(questions, batches, strict=True)):
                for place, one in enumerate(batch):
                    _tile(one, answers.get(question), asked, f"{key}_{number * most + place}")

    read([one for one in questions if one.examples], show)
    more_button(len(rows) - len(shown), key, count, most)


def more_button(left: int, key: str, count: int, most: int) -> None:
    """Offer so many more of a list of which `count` are shown; nothing where none are left."""
    if left > 0:
        st.button(
            f"{min(left, most)} more of {left:,}",
            key=f"{key}_more",
            type="tertiary",
            icon=":material/expand_more:",
            on_click=partial(_show_more, key, count + most),
        )


def count_key(key: str) -> str:
    """Return where it is kept how many of a list are shown."""
    return f"{key}_count"


def _show_more(key: str, count: int) -> None:
    st.session_state[count_key(key)] = count


def _question(request: ImageRequest, batch: Sequence[Tile]) -> ImageRequest:
    """Return the question for the pictures that no run kept."""
    return replace(
        request, examples=tuple(dict.fromkeys(one.id for one in batch if one.file is None))
    )


def _tile(one: Tile, answer: lane.Asked | None, models: Sequence[str], key: str) -> None:
    with st.container(width=SIDE):
        file = one.file
        if file is None and answer is not None and answer.is_over:
            file = interactive.files(answer.key) / f"{one.id}.png"
        picture = file.read_bytes() if file is not None and file.is_file() else None
        if picture is not None:
            st.image(enlarged_png(picture, SIDE), width="stretch", output_format="PNG", alt=one.alt)
            explain_tile(picture, one, models, key=key)  # above words, which differ in length
        st.caption(one.caption)
        if picture is None and answer is not None and answer.answer.state == "done":
            st.caption("The data set no longer has this picture.")


def explain_tile(picture: bytes, one: Tile, models: Sequence[str], *, key: str) -> None:
    """Offer to open a tile's picture on the Explain page, by these models."""
    asked: Mapping[str, str | list[str]] = {
        state.MODELS: list(models),
        state.EXPLAIN_TRUE: one.true,
    }
    explain_button(picture, "Explain", asked, name=one.alt, key=key)

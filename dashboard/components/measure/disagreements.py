"""The images that tell models apart: right for some, wrong for others, and a way to Explain."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.components.shared.behind import behind
from dashboard.components.shared.formats import choose_one, escaped
from dashboard.components.shared.once import once
from dashboard.components.shared.text_list import texts
from dashboard.components.shared.tiles import Tile, pictures_of, tiles
from usable_core.comparison import Comparison
from usable_core.evaluations.result import Condition, Evaluation
from usable_core.plots.comparison import difference_forest, pairs_by_place

MOST = 8  # pictures at first sight


def differences(kind: str, found: Comparison, condition: Condition | None) -> None:
    """Show the differences of all pairs, and the images behind a pair, or behind all of them."""
    places = once(pairs_by_place, found, condition)
    behind(
        once(difference_forest, found, condition=condition, theme=state.theme()),
        {place: place for place in places},
        lambda place: pair_section(kind, found, condition, *places[place]),
        key=f"forest_{kind}",
        alt="Difference of each pair with its interval",
        otherwise=partial(disagreements, kind, found, condition),
    )


def pair_section(
    kind: str, found: Comparison, condition: Condition | None, first: str, second: str
) -> None:
    """Show the images on which exactly one of two models is right."""
    rows = with_texts(found.apart(first, second, condition), found.results[0].records)
    of = {name: rows[rows[name].to_numpy(dtype=bool)] for name in (first, second)}
    titles = {"both": f"All that differ: {len(rows):,}"} | {
        name: f"Only {found.called(name)} is right: {len(own):,}" for name, own in of.items()
    }
    key = f"flips_{kind}_{first}_{second}"
    chosen = choose_one("Which", titles, key=f"{key}_of", default="both", is_labelled=False)
    apart_tiles(of.get(chosen, rows), _models(found, (first, second)), key=f"{key}_{chosen}")


def disagreements(kind: str, found: Comparison, condition: Condition | None) -> None:
    """Show the examples on which the models disagree, those first that divide them most."""
    rows = with_texts(found.disagreements_under(condition), found.results[0].records)
    what = "text" if "text" in rows else "image"
    st.markdown(f"**{what.capitalize()}s that tell the models apart**")
    if rows.empty:
        st.caption(f"On every {what} all are right, or all are wrong.")
        return
    are = f"{what} is" if len(rows) == 1 else f"{what}s are"
    st.caption(f"{len(rows):,} {are} right for some and wrong for others.")
    apart_tiles(dividing(rows, found.names), _models(found, found.names), key=f"apart_{kind}")


def dividing(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the rows whose models are divided most evenly first, each picture once."""
    share = rows[list(names)].to_numpy(dtype=float).mean(axis=1)
    order = np.argsort(np.abs(share - 0.5), kind="stable")
    return rows.iloc[order].drop_duplicates("id")


def apart_tiles(
    rows: pd.DataFrame, models: Mapping[str, tuple[str, Evaluation]], *, key: str
) -> None:
    """Show examples as tiles: which of several models are right, and which are wrong.

    Args:
        rows: Rows of `Comparison.outcomes`.
        models: Column of each model in them, to what it is called and what was asked about it.
        key: Tells these tiles from others on the page.
    """

    def tile(row: dict[Any, Any]) -> Tile:
        sides = [
            (words, [said for name, (said, _) in models.items() if bool(row[name]) is is_right])
            for words, is_right in (("right", True), ("wrong", False))
        ]
        lines = [str(row["label"]), *(f"{word}: {' / '.join(who)}" for word, who in sides)]
        between = " · " if "text" in row else "  \n"
        caption = between.join(map(escaped, lines))
        return Tile(str(row["id"]), str(row["label"]), caption, ", ".join(lines))

    asked = [config for _, config in models.values()]
    references = [config.model.reference for config in asked]
    if "text" in rows:
        texts(rows, tile, key=key)
    else:
        tiles(rows, tile, pictures_of(asked[0]), key=key, models=references, most=MOST)


def with_texts(rows: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """Return rows of examples with their texts, where these are texts, by an answer's records."""
    if "text" not in records:
        return rows
    said = dict(zip(records["id"], records["text"], strict=True))
    return rows.assign(text=rows["id"].map(said))


def _models(found: Comparison, names: Sequence[str]) -> dict[str, tuple[str, Evaluation]]:
    every = zip(found.names, found.results, strict=True)
    return {name: (found.called(name), r.config) for name, r in every if name in names}

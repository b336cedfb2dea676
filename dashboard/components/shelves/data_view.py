"""What was found in data: problems first, then classes with thumbnails, then what is refused."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state, stored
from dashboard.components.shared.formats import download_csv, escaped, link
from dashboard.components.shared.text_list import shown
from usable_core.evaluations.look import FOLDER, LookResult
from usable_core.runs.run import Run
from usable_core.runs.uploads import data_title

PER_CLASS = 3  # thumbnails
CLASSES_AT_ONCE = 12
MOST_DOUBTED = 12
MOST_REFUSED = 50
TILE = 72  # px
TEXT_WIDTH = 460  # px, of a class's texts
LETTERS = 160  # of each of these


def data_view(run: Run, result: LookResult) -> None:
    """Show what was found by a look at data."""
    st.subheader(escaped(data_title(run.config.dataset.reference)))
    parts = "".join(f" · {name} {count:,}" for name, count in result.parts.items())
    st.markdown(f"{result.n:,} examples in {len(result.class_names):,} classes{escaped(parts)}")
    for note in result.notes:
        st.caption(escaped(note))
    if result.problems:
        lines = (f"- {escaped(sentence)}" for sentence in result.problems)
        st.warning("\n".join(lines), icon=":material/warning:")
    else:
        st.success("No problem was found.", icon=":material/check:")
    if not result.is_compared:
        st.caption("Nearly equal pictures were not looked for: there are too many.")
    _classes(run, result)
    _doubted(run, result)
    _refused(result)
    _ways_on(run, result)


def _classes(run: Run, result: LookResult) -> None:
    """Show the classes with their counts and some pictures of each."""
    st.markdown("**Classes**")
    names = list(result.counts)
    pages = -(-len(names) // CLASSES_AT_ONCE)
    number = st.pagination(pages, key=state.DATA_PAGE) if pages > 1 else 1
    labels = range((number - 1) * CLASSES_AT_ONCE, min(number * CLASSES_AT_ONCE, len(names)))
    of_class = dict(iter(result.records.groupby("label")["index"]))
    with st.container(horizontal=True):
        for label in labels:
            with st.container(width=_width(result), border=True):
                st.markdown(f"**{escaped(names[label])}** · {result.counts[names[label]]:,}")
                _examples(run, result, list(of_class.get(label, ())), PER_CLASS)


def _width(result: LookResult) -> int:
    return TEXT_WIDTH if "text" in result.records else PER_CLASS * (TILE + 16) + 18


def _examples(
    run: Run, result: LookResult, indices: Sequence[int], most: int, words: Sequence[str] = ()
) -> None:
    """Show the first of some examples, with words below each; texts, or pictures that were kept."""
    if "text" in result.records:
        said = result.records.set_index("index")["text"]
        for place, index in enumerate(indices[:most]):
            st.markdown(escaped(shown(str(said[index]), LETTERS)))
            if words:
                st.caption(escaped(words[place]))
    else:
        _tiles(run, indices, most, words)


def _tiles(run: Run, indices: Sequence[int], most: int, words: Sequence[str] = ()) -> None:
    folder = stored.store().folder(run.id) / FOLDER
    kept = [index for index in indices if (folder / f"{index}.png").is_file()][:most]
    if not kept:
        st.caption("No picture of it was kept.")
        return
    with st.container(horizontal=True, gap="small"):
        for place, index in enumerate(kept):
            with st.container(width=TILE):
                st.image((folder / f"{index}.png").read_bytes(), width=TILE, alt=f"Example {index}")
                if words:
                    st.caption(escaped(words[place]))


def _doubted(run: Run, result: LookResult) -> None:
    """Show examples that leak or contradict, those that are alike beside each other."""
    frame = result.to_frame()
    wrong = frame[frame["leaks"] | frame["contradicts"]].sort_values(["equal", "index"])
    if len(wrong):
        st.markdown("**Alike, in another part or class**")
        first = wrong.head(MOST_DOUBTED)
        rows = zip(first["label_name"], first["part"], strict=True)
        words = [" · ".join(filter(None, row)) for row in rows]
        _examples(run, result, first["index"].tolist(), MOST_DOUBTED, words)


def _refused(result: LookResult) -> None:
    if result.refused:
        with st.expander(f"{len(result.refused):,} left out", icon=":material/block:"):
            for one in result.refused[:MOST_REFUSED]:
                st.markdown(f"**{escaped(one.name)}**: {escaped(one.reason)}")
            if len(result.refused) > MOST_REFUSED:
                st.caption(f"… and {len(result.refused) - MOST_REFUSED:,} more.")


def _ways_on(run: Run, result: LookResult) -> None:
    reference = run.config.dataset.reference
    with st.container(horizontal=True, vertical_alignment="center"):
        link("assess", "Is a model fit for it?", "verified", {state.DATA: reference})
        link("fine_tune", "Fine-tune on it", "tune", {state.FINE_TUNE_DATASET: reference})
        download_csv(result.to_frame, f"data-{run.id}", key="data_csv", label="Examples, CSV")

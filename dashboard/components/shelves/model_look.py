"""A look at a model before it is added: passport, classes, and its answer to a trial picture."""

from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import streamlit as st

from dashboard import state, visitor
from dashboard.components.shared import beside, weights
from dashboard.components.shared.formats import escaped, percent
from usable_core import images
from usable_core.errors import UsableError
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.passports import Passport
from usable_core.evaluations.specs import ModelSpec
from usable_core.images import gallery
from usable_core.runs import uploads

MOST_CLASSES = 30
_MINE = "shelf_own_picture"
_FIELDS = (
    "resize",
    "crop",
    "interpolation",
    "mean",
    "std",
    "channel_order",
    "tokenizer",
    "longest",
)


def look_at(spec: ModelSpec, file: str = "") -> bool:
    """Show what a model is and what it says of a picture; return whether it may be added.

    Args:
        spec: The model.
        file: What an uploaded file was called: it lies here under another name.
    """
    if weights.needs_lookup(spec):
        known = weights.known_of(spec, state.SHELF_AGAIN)
        if known is None:
            return False
        passport = known.answer.passport
        if passport is not None and not passport.is_here:
            _passport(passport)
            st.info(f"{escaped(passport.needed)} It can be tried on a picture once it is here.")
            weights.needed(passport, spec, state.SHELF_DOWNLOAD)
            return True
    said = _Said(Path(spec.weights or spec.reference).name, file)
    picture, shown = _picture()
    if picture is None:
        return False
    left, right = st.columns([3, 2], gap="large")
    with right:
        place = st.empty()
        place.image(shown, width="stretch", alt="The trial picture")
    with left:
        request = ImageRequest("trial", spec, picture)
        trial = weights.answered(
            request, "Loading it, for a trial picture …", state.SHELF_AGAIN, said
        )
    if trial is None or trial.answer.passport is None:
        return False
    if trial.explanation.text:
        place.markdown(f"*{escaped(trial.explanation.text)}*", help="It reads texts: a sample.")
    with right:
        st.markdown("**What it answers**")
        for one in trial.explanation.predictions:
            st.progress(one.probability, f"{escaped(one.name)} · {percent(one.probability)}")
    with left:
        _passport(said.of(trial.answer.passport))
    return True


@dataclass(frozen=True)
class _Said:
    """Sentences with the name that an uploaded file had, for the one that it has here."""

    here: str
    file: str

    def __call__(self, text: str) -> str:
        return text.replace(self.here, self.file) if self.file else text

    def of(self, passport: Passport) -> Passport:
        """Return a passport with the names that people know."""
        return replace(
            passport,
            architecture=self(passport.architecture),
            weights=self(passport.weights),
            warnings=tuple(map(self, passport.warnings)),
        )


def _passport(passport: Passport) -> None:
    """Show what is known of a model, the most important first."""
    st.markdown(f"**{escaped(passport.architecture or passport.reference)}**")
    size = " × ".join(map(str, passport.size)) + " pixels" if passport.size else ""
    count = f"{passport.parameters:,}" if passport.parameters else ""
    lines = {
        "Pictures": size,
        "Parameters": count,
        "Weights": passport.weights,
        "Licence": passport.licence or "nobody says: ask whoever made it",
        "Output": passport.output,
    }
    st.markdown("  \n".join(f":gray[{k}] {escaped(v)}" for k, v in lines.items() if v))
    _classes(passport)
    for sentence in passport.warnings:
        st.warning(escaped(sentence), icon=":material/warning:")
    rows = [
        {"Field": name, "Value": value, "From": source}
        for name, value, source in passport.preparation
        if name in _FIELDS
    ]
    if rows:
        with st.expander("How its input is prepared, and who says so"):
            st.dataframe(rows, hide_index=True, alt="How its input is prepared")


def _classes(passport: Passport) -> None:
    if not passport.class_count:
        st.caption("Its classes are read when it is here.")
    elif not passport.classes:
        st.caption(f"{passport.class_count:,} classes without names: give them above.")
    else:
        more = passport.class_count - MOST_CLASSES
        some = ", ".join(passport.classes[:MOST_CLASSES])
        st.caption(
            f"{passport.class_count:,} classes: {escaped(some)}"
            + (f" … and {more:,} more" if more > 0 else "")
        )


def _picture() -> tuple[str | None, bytes]:
    """Ask for the trial picture; return its identity, and it as it is shown."""
    titles = {row.name: row.title for row in gallery()}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Trial picture", list(titles), format_func=titles.get, key=state.SHELF_PICTURE
        )
        with st.popover("Another picture", icon=":material/add_photo_alternate:"):
            own = st.file_uploader(
                "Picture",
                type=images.suffixes(),
                key=_MINE,
                disabled=visitor.read_only() is not None,
                help=visitor.read_only(),
            )
    kept = _of_upload(own.getvalue(), own.name) if own is not None else _of_gallery(name)
    with st.spinner("Reading the picture …"):
        try:
            return kept.result()
        except UsableError as error:
            st.error(escaped(str(error)), icon=":material/warning:")
            return None, b""


@st.cache_resource(max_entries=16, show_spinner=False)
def _of_gallery(name: str) -> Future[tuple[str, bytes]]:
    row = next(one for one in gallery() if one.name == name)
    return beside.PICTURES.submit(
        lambda: _kept(images.encode_png(np.asarray(row.open())), f"{row.title}.png")
    )


@st.cache_resource(max_entries=4, show_spinner=False)
def _of_upload(data: bytes, name: str) -> Future[tuple[str, bytes]]:
    return beside.PICTURES.submit(_kept, data, name)


def _kept(data: bytes, name: str) -> tuple[str, bytes]:
    return uploads.keep(data, name), data

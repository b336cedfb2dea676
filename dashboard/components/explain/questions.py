"""Everything that the Explain page asks about one picture: from the choices on it to requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import streamlit as st

from dashboard import state
from dashboard.components.shared.lane import Asked, Board
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.specs import ModelSpec

Cell = tuple[ModelSpec, str]  # backbone and method of a map
MORE = 4  # times as many evaluations at each "Make it more exact"
_FOLLOWED = "explain_followed"  # the method whose maps are followed under attack
_HIDDEN = "explain_hidden"  # by picture and division: superpixels that were clicked away
TOLERANCE = 0.05  # until the Monte Carlo error is below this share of the largest value


@dataclass(frozen=True)
class Questions:
    """The choices of the page.

    Attributes:
        image: Identity of the picture.
        title: What the picture is called.
        titles: What each backbone is called, in the order of the columns.
        methods: Keys of `EXPLAINERS`.
        target: The class explained; None for each backbone's own prediction.
        options: How maps are made.
        has_attack: The smallest change that changes the answer is looked for.
        true: The picture's true class, by name; None where nobody knows it.
        jpeg: The picture as large as it is shown.
    """

    image: str
    title: str
    titles: Mapping[ModelSpec, str]
    methods: tuple[str, ...]
    target: str | None
    options: ExplainerOptions
    has_attack: bool = True
    true: str | None = None
    jpeg: bytes = field(default=b"", repr=False)

    def settings(self) -> tuple[object, ...]:
        """Return all that is chosen beside the picture."""
        models, options = tuple(self.titles), self.options
        return models, self.methods, self.target, options, self.has_attack

    def prediction(self, model: ModelSpec) -> ImageRequest:
        """Return the question what a backbone predicts."""
        return ImageRequest("predict", model, self.image)

    def attack(self, model: ModelSpec) -> ImageRequest:
        """Return the question how small a change makes a backbone change its mind."""
        return ImageRequest("attack", model, self.image)

    def map(self, model: ModelSpec, method: str) -> ImageRequest:
        """Return the question for a map as it was asked first."""
        return ImageRequest("explain", model, self.image, method, self.target, self.options)

    def newest(self, model: ModelSpec, method: str) -> ImageRequest:
        """Return the question for a map with all that was spent on it since."""
        request = self.map(model, method)
        while request in _more():
            request = _more()[request]
        return request

    def evidence(self, model: ModelSpec, method: str) -> ImageRequest:
        """Return the question how far the map is to be trusted."""
        return replace(self.newest(model, method), kind="evidence")

    def drift(self, model: ModelSpec, method: str) -> ImageRequest:
        """Return the question how the map moves under attack."""
        return replace(self.map(model, method), kind="drift")

    def hidden(self) -> tuple[int, ...]:
        """Return which of the picture's superpixels were clicked away."""
        found: dict[tuple[str, int], frozenset[int]] = st.session_state.get(_HIDDEN, {})
        return tuple(sorted(found.get((self.image, self.options.segments), ())))

    def without(self, model: ModelSpec) -> ImageRequest:
        """Return the question what a backbone says without the superpixels that are hidden."""
        own = self.options
        options = ExplainerOptions(
            segments=own.segments, background=own.background, precision=own.precision
        )
        request = ImageRequest("hide", model, self.image, None, self.target, options)
        return replace(request, hidden=self.hidden())

    def evidence_wanted(self) -> list[tuple[ModelSpec, str]]:
        """Return the maps whose evidence was asked for."""
        wanted = st.session_state.get(state.EXPLAIN_EVIDENCE, frozenset())
        return [cell for cell in self.cells() if self.map(*cell) in wanted]

    def drift_method(self) -> str | None:
        """Return the method whose maps are followed under attack; None where none is."""
        if (now := st.session_state.get(state.EXPLAIN_DRIFT)) is not None:
            st.session_state[_FOLLOWED] = now  # the picker's own goes with its tab
        chosen = st.session_state.get(_FOLLOWED)
        return chosen if chosen in self.methods else None

    def cells(self) -> list[tuple[ModelSpec, str]]:
        """Return backbone and method of every map, in the order in which they are asked."""
        return [(model, method) for method in self.methods for model in self.titles]

    def all(self) -> list[ImageRequest]:
        """Return every question, in the order in which they are asked."""
        found = [self.prediction(model) for model in self.titles]
        if self.hidden():
            found += [self.without(model) for model in self.titles]
        found += [self.map(*cell) for cell in self.cells()]
        found += [self.newest(*cell) for cell in self.cells()]
        found += [self.evidence(*cell) for cell in self.evidence_wanted()]
        method = self.drift_method()
        if self.has_attack or method:
            found += [self.attack(model) for model in self.titles]
        if method:
            found += [self.drift(model, method) for model in self.titles]
        return list(dict.fromkeys(found))

    def all_shown(self, board: Board) -> dict[tuple[ModelSpec, str], Asked]:
        """Return `shown` of every map that has an answer."""
        found = {cell: self.shown(board, *cell) for cell in self.cells()}
        return {cell: asked for cell, asked in found.items() if asked is not None}

    def shown(self, board: Board, model: ModelSpec, method: str) -> Asked | None:
        """Return the newest answer that holds a map; the newest of all while none does."""
        asked, request = board.get(self.map(model, method)), self.map(model, method)
        while request in _more():
            request = _more()[request]
            later = board.get(request)
            if later is not None and later.answer.state == "done":
                asked = later
        return asked


def hide(image: str, segments: int, superpixel: int) -> None:
    """Hide a superpixel of a picture that is divided into so many, or show it again."""
    found = st.session_state.setdefault(_HIDDEN, {})
    found[image, segments] = found.get((image, segments), frozenset()) ^ {superpixel}


def show_all(image: str, segments: int) -> None:
    """Show all of a picture again."""
    st.session_state.get(_HIDDEN, {}).pop((image, segments), None)


def spend_more(request: ImageRequest) -> None:
    """Ask for a map again: more evaluations, until it is stable."""
    options = replace(
        request.options, evaluations=MORE * request.options.evaluations, tolerance=TOLERANCE
    )
    _more()[request] = replace(request, options=options)


def want_evidence(requests: list[ImageRequest]) -> None:
    """Ask how far these maps are to be trusted."""
    wanted = st.session_state.get(state.EXPLAIN_EVIDENCE, frozenset())
    st.session_state[state.EXPLAIN_EVIDENCE] = wanted | set(requests)


def name_of(model: ModelSpec, method: str) -> str:
    """Return the part of the keys and file names that a map has."""
    return f"{model.reference}_{method}"


def title_of(questions: Questions, model: ModelSpec, method: str) -> str:
    """Return what a map is called."""
    return f"{EXPLAINERS[method].title}, {questions.titles[model]}"


def _more() -> dict[ImageRequest, ImageRequest]:
    found: dict[ImageRequest, ImageRequest] = st.session_state.setdefault(state.EXPLAIN_MORE, {})
    return found

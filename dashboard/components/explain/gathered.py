"""What the Explain page knows of a picture at one moment, gathered once for all of its blocks."""

from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.components.explain.map_view import views
from dashboard.components.explain.overlay import MapView
from dashboard.components.explain.questions import Cell, Questions
from dashboard.components.shared.lane import Asked, Board


@dataclass(frozen=True)
class Gathered:
    """The choices and their answers; it can be read outside of the session as well.

    Attributes:
        questions: The choices.
        board: All answers.
        maps: The maps that are shown.
        evidence: Of the maps whose evidence was asked for, and is there.
        drift_method: The method that is followed under attack.
    """

    questions: Questions
    board: Board
    maps: Mapping[Cell, MapView]
    evidence: Mapping[Cell, Asked]
    drift_method: str | None


def gather(questions: Questions, board: Board) -> Gathered:
    """Return what the page knows now."""
    evidence = {
        cell: asked
        for cell in questions.evidence_wanted()
        if (asked := board.get(questions.evidence(*cell))) is not None
        and asked.explanation.evidence
    }
    return Gathered(questions, board, views(questions, board), evidence, questions.drift_method())

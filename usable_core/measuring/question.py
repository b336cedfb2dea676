"""`Question`: one question about an example while it is worked on, and how its answer is told."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from PIL.Image import Image

from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.interactive import Answer, ImageRequest, State
from usable_core.evaluations.specs import Report
from usable_core.measuring.instances import Instance
from usable_core.measuring.memory import ModelCache, Session

Publish = Callable[[Answer], None]
PUBLISH_SECONDS = 0.25


@dataclass(eq=False)
class Question:
    """A question under way.

    Attributes:
        request: What is asked.
        models: What the process remembers.
        image: The upright RGB picture; None of a text.
        instance: What the model sees of it and said.
        folder: Where files go.
        publish: Told every new answer.
        answer: The answer so far.
    """

    request: ImageRequest
    models: ModelCache
    image: Image | None
    instance: Instance
    folder: Path
    publish: Publish
    answer: Answer

    @property
    def session(self) -> Session:
        """Return what can be gone on from."""
        return self.models.sessions.get(self.folder, Session)

    @property
    def method(self) -> str:
        """Return the method asked for."""
        return str(self.request.method)

    @property
    def options(self) -> ExplainerOptions:
        """Return how maps are made, words hidden by what the text's own is."""
        return self.instance.options(self.request.options)

    def tell(self, state: State, explanation: Explanation | None = None, **progress: int) -> None:
        """Publish what has come to be known; an explanation is saved first."""
        if explanation is not None:
            explanation.save(self.folder)
            self.answer = replace(self.answer, explanation=explanation)
        self.answer = replace(self.answer, state=state, **progress)  # type: ignore[arg-type]
        self.publish(self.answer)

    def report(self) -> Report:
        """Return what publishes progress, about four times a second and at once."""
        last = 0.0

        def report(done: int, total: int, message: str, **metrics: float) -> None:
            nonlocal last
            if time.monotonic() - last >= PUBLISH_SECONDS:
                self.publish(replace(self.answer, done=done, total=total))
                last = time.monotonic()

        return report

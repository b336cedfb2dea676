"""What the page asks of one text."""

from dataclasses import dataclass, replace

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.specs import ModelSpec


@dataclass(frozen=True)
class TextQuestions:
    """What is asked of one text.

    Attributes:
        text: It.
        models: Backbones, in order.
        methods: Keys of `EXPLAINERS`.
        target: The class explained; None for each backbone's own prediction.
        options: How words are credited.
        has_evidence: Curves are asked for as well.
        hidden: Numbers of words that were clicked away.
    """

    text: str
    models: tuple[ModelSpec, ...]
    methods: tuple[str, ...]
    target: str | None
    options: ExplainerOptions
    has_evidence: bool
    hidden: tuple[int, ...] = ()

    def whole(self, model: ModelSpec) -> ImageRequest:
        """Return the question what a backbone says of the text as it was written."""
        return ImageRequest("predict", model, text=self.text)

    def prediction(self, model: ModelSpec) -> ImageRequest:
        """Return the question what a backbone says, of the text without what is hidden."""
        if not self.hidden:
            return self.whole(model)
        options = ExplainerOptions(background=self.options.background)
        return replace(self.whole(model), hidden=self.hidden, options=options)

    def map(self, model: ModelSpec, method: str) -> ImageRequest:
        """Return the question which words made it say so."""
        kind = "evidence" if self.has_evidence else "explain"
        asked = replace(self.prediction(model), kind=kind, method=method, target=self.target)
        return replace(asked, options=self.options)

    def all(self) -> list[ImageRequest]:
        """Return all questions, predictions first; of no word at all there is no map."""
        maps = [self.map(model, method) for method in self.methods for model in self.models]
        said = [ask(model) for model in self.models for ask in (self.prediction, self.whole)]
        return list(dict.fromkeys([*said, *maps]))

"""`Instance`: one image as one model sees it, and what every map of it shares."""

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import cast

import numpy as np
from PIL import Image
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.errors import ConfigError, TextRefused, UnknownName
from usable_core.evaluations.explained import Explanation, Prediction
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers.attribution import Attribution
from usable_core.games.pictures import AnswerCache, Picture
from usable_core.games.segments import shared_superpixels
from usable_core.games.words import Text, stand_in, usual_background
from usable_core.inputs.tokens import Tokens
from usable_core.measuring.calibration import familiarity_of, known_calibration
from usable_core.metrics.arrays import Segments
from usable_core.models.model import Model
from usable_core.texts import cleaned

_TOP = 5


@dataclass(frozen=True, eq=False)
class Instance:
    """What a model was shown and said, before anything is explained.

    Attributes:
        model: Pixels to logits.
        picture: What it saw, with the superpixels and the answers that maps share.
        logits: Its answer (classes,) float64.
        start: What is known of the image without a map.
    """

    model: Model
    picture: Picture | Text
    logits: Tensor
    start: Explanation

    @classmethod
    def of_text(
        cls, model: Model, said: str, background: str, hidden: Collection[int] = ()
    ) -> "Instance":
        """Return a text with the model's predictions, its words the players.

        Args:
            model: Pieces of a text to logits.
            said: The text.
            background: What hides a word; the usual one of pictures stands for that of texts.
            hidden: Numbers of words that are hidden for good, and no players.

        Raises:
            ConfigError: it is a model of pictures.
            TextRefused: it cannot be used, or has no word.
            UnknownName, ExplanationError: nothing is hidden so, as `stand_in`.
            OutputsRefused: the outputs are not those of a classifier.
        """
        if model.kind != "text":
            raise ConfigError(f"{model.name} is a model of pictures. Choose a model of texts.")
        takes = cast(Tokens, model.input)
        text = Text(cleaned(said), takes)
        takes.read(said)
        if background == ExplainerOptions().background:  # none was said
            background = usual_background(takes)
        stand_in(takes, background)
        if not text.spans:
            raise TextRefused("The text has no word, or none that the model reads.")
        if hidden:
            text = text.without(hidden, background)
        logits = Oracle(model).logits(text.x[None].to(model.device))[0].double().cpu()
        start = replace(
            _said(model, logits),
            segments=text.segments,
            superpixels=np.array(text.numbers, dtype=np.int32),
            text=text.text,
            spans=text.spans,
            background=background,
        )
        return cls(model, text, logits, start)

    @classmethod
    def of(cls, model: Model, image: Image.Image) -> "Instance":
        """Return an RGB picture, not yet divided into superpixels, with the model's predictions.

        Raises:
            OutputsRefused: the outputs are not those of a classifier.
        """
        x = model.preprocessing.geometry(image)
        logits = Oracle(model).logits(x[None].to(model.device))[0].double().cpu()
        start = replace(
            _said(model, logits),
            seen=model.preprocessing.seen(image.size),
            x=(x * 255).round().byte().permute(1, 2, 0).numpy(),  # (3, H, W) -> (H, W, 3)
        )
        return cls(model, Picture(x, np.zeros(x.shape[1:], np.int32)), logits, start)

    def options(self, said: ExplainerOptions) -> ExplainerOptions:
        """Return how maps are made, the words of a text hidden by what is usual for its model."""
        return replace(said, background=self.start.background or said.background)

    def divided(
        self, segments: Segments, superpixels: Segments, answers: AnswerCache | None = None
    ) -> "Instance":
        """Return the instance with superpixels.

        Args:
            segments: Superpixel (H, W) of each pixel, from 0 without holes.
            superpixels: Which of the picture's they are (S,).
            answers: What the model said before to this image on these superpixels, by background.
        """
        picture = Picture(self.picture.x, segments, {} if answers is None else answers)
        start = replace(self.start, segments=segments, superpixels=superpixels)
        return replace(self, picture=picture, start=start)

    def remembering(self, answers: AnswerCache) -> "Instance":
        """Return the instance of a text with what the model said to it before, by background."""
        return replace(self, picture=replace(cast(Text, self.picture), answers=answers))

    def target(self, name: str | None, *, label: int | None = None) -> int:
        """Return the index of the class that is explained.

        Args:
            name: `predicted` (or None, or `top`), `true`, or a class name.
            label: The true class; None where nobody knows it.

        Raises:
            UnknownName: no class has that name, or the true class is not known.
            IncompatibleLabels: several classes have that name.
        """
        return target_index(self.model, name, int(self.logits.argmax()), label=label)

    def explained(self, method: str, target: int, found: Attribution) -> Explanation:
        """Return the explanation that a method gives of a class."""
        names = {f.name for f in fields(Attribution)} & {f.name for f in fields(Explanation)}
        figures = {name: getattr(found, name) for name in names}
        target_name = self.model.labels.names[target]
        return replace(self.start, method=method, target=target_name, **figures)


def _said(model: Model, logits: Tensor) -> Explanation:
    """Return what is known of any example by a model's answer (classes,) alone."""
    return Explanation(
        predictions=top_predictions(model, logits),
        classes=model.labels.names if model.labels.is_named else (),
        familiarity=familiarity_of(model, logits.numpy()),
        warnings=model.warnings,
    )


def seen(
    model: Model,
    image: Image.Image | None,
    text: str,
    background: str,
    hidden: Collection[int] = (),
) -> Instance:
    """Return what a model sees of a text, or else of an RGB picture, and says of it.

    Some words of a text may be hidden, see `Instance.of_text`.

    Raises:
        UsableError: it is a model of the other kind, or as `Instance.of_text`.
    """
    if text:
        return Instance.of_text(model, text, background, hidden)
    assert image is not None
    return Instance.of(model, image)


def instance(model: Model, image: Image.Image, count: int) -> Instance:
    """Return an RGB picture on about `count` superpixels, as the model sees it.

    Raises:
        OutputsRefused: the outputs are not those of a classifier.
    """
    segments, superpixels = shared_superpixels(image, model.preprocessing, count)
    return Instance.of(model, image).divided(segments, superpixels)


def target_index(
    model: Model, target: str | None, prediction: int, *, label: int | None = None
) -> int:
    """Return the class that is explained, see `Instance.target`."""
    if target in (None, "predicted", "top"):
        return prediction
    name = str(target)
    if name == "true" and label is not None:
        return label
    if not model.labels.meanings(name):
        raise UnknownName("class", name, set(model.labels.names))
    return model.labels.index(name)


def top_predictions(model: Model, logits: Tensor, count: int = _TOP) -> tuple[Prediction, ...]:
    """Return the most probable classes, most probable first, of logits (classes,)."""
    found = known_calibration(model)
    probabilities = logits.softmax(0)
    tempered = [None] * len(logits)
    if found is not None:
        tempered = (logits / found.temperature).softmax(0).tolist()
    order = probabilities.argsort(descending=True, stable=True)[:count].tolist()
    names, shares = model.labels.names, probabilities.tolist()
    return tuple(Prediction(i, names[i], shares[i], tempered[i]) for i in order)

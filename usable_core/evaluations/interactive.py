"""The question about one uploaded image or about a model's speed, and its answer as it grows.

The arrays (`map.npy` (H, W) float32, `segments.npy` (H, W) int32, `input.png`) are files beside it.
"""

from dataclasses import dataclass
from typing import Literal

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.specs import ModelSpec, require

Kind = Literal["predict", "explain", "time"]
State = Literal["waiting", "working", "coarse", "done", "failed"]
COARSE_EVALUATIONS = 64  # of the first map: a few seconds for a ResNet-18 at 224 px on two cores


@dataclass(frozen=True)
class ImageRequest:
    """What is asked about one image.

    Attributes:
        kind: `predict` (top 5), `explain` (a map as well) or `time` (how long a pass takes).
        model: The model.
        image: Identity of an upload; empty where only time is asked for.
        method: A key of `catalog.explainers.EXPLAINERS`; None to predict only.
        target: The class explained, by name; None or `predicted` is the model's own answer.
        options: How the map is made.
    """

    kind: Kind
    model: ModelSpec
    image: str = ""
    method: str | None = None
    target: str | None = None
    options: ExplainerOptions = ExplainerOptions()

    def __post_init__(self) -> None:
        from usable_core.catalog import lookup
        from usable_core.catalog.explainers import EXPLAINERS

        kinds = ("predict", "explain", "time")
        require(self.kind in kinds, "kind", "predict, explain or time", self.kind)
        if self.kind == "explain":
            lookup(EXPLAINERS, "explanation method", self.method or "none")


@dataclass(frozen=True)
class Prediction:
    """One of the model's most probable classes.

    Attributes:
        index: Position of its logit.
        name: Its name in the model's label space.
        probability: Softmax of the logits at that position.
    """

    index: int
    name: str
    probability: float


@dataclass(frozen=True)
class Answer:
    """What is known so far.

    Attributes:
        state: `coarse` has a first map that is being refined; `done` and `failed` are final.
        predictions: The five most probable classes, most probable first.
        target: Name of the class explained.
        method: Key of the method of the map.
        r2: Weighted local R² of the full map (LIME); None for a coarse one, whose few samples
            flatter the fit.
        additivity_gap: |sum of values + base − f(x)| of the map, in units of `unit` (SHAP).
        evaluations: Single-image model evaluations spent on the map.
        seconds: Wall time of the map, including the coarse one before it.
        done: Steps of the work under way that are over.
        total: Steps of the work under way.
        error: The sentence of what went wrong; only when failed.
        output: f(x) of the class explained, in units of `unit`.
        base: f(background) of the class explained, in units of `unit` (SHAP).
        unit: `probability` or `logit`.
        forward_seconds: Per image of a batch of the best size (`time`).
        gradient_seconds: The same with the pass back to the pixels (`time`).
    """

    state: State
    predictions: tuple[Prediction, ...] = ()
    target: str | None = None
    method: str | None = None
    r2: float | None = None
    additivity_gap: float | None = None
    evaluations: int = 0
    seconds: float = 0.0
    done: int = 0
    total: int = 0
    error: str | None = None
    output: float | None = None
    base: float | None = None
    unit: str | None = None
    forward_seconds: float | None = None
    gradient_seconds: float | None = None

"""The question about one uploaded image or about a model's speed, and its answer as it grows.

The arrays are files beside it: `input.png`, and for `explain` `map.npy` (H, W) float32 and
`segments.npy` (H, W) int32, with the number (S,) int32 that each of the superpixels has in the
picture, whatever a model sees of it, in `superpixels.npy`; for `evidence` `randomised.npy` and
`other_class.npy` (H, W) float32; for `attack` `path_{k}.png`, the image at the k-th budget; for
`drift` `map_{k}.npy` (H, W) float32, `segments.npy` and `superpixels.npy`.
"""

from dataclasses import dataclass
from typing import Literal

from usable_core.catalog import lookup
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.evidence import Drift, Evidence, Fragility, Stability
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.specs import ModelSpec, require

KINDS = ("predict", "explain", "evidence", "attack", "drift", "time")
Kind = Literal["predict", "explain", "evidence", "attack", "drift", "time"]
State = Literal["waiting", "working", "coarse", "done", "failed"]
COARSE_EVALUATIONS = 64  # of the first map: a few seconds for a ResNet-18 at 224 px on two cores


@dataclass(frozen=True)
class ImageRequest:
    """What is asked about one image.

    Attributes:
        kind: `predict` (top 5), `explain` (a map as well), `evidence` (how far to trust that map),
            `attack` (the smallest change that changes the prediction), `drift` (the map along that
            change) or `time` (how long a pass takes).
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
        require(self.kind in KINDS, "kind", f"one of {', '.join(KINDS)}", self.kind)
        if self.kind in ("explain", "evidence", "drift"):
            lookup(EXPLAINERS, "explanation method", self.method or "none")


@dataclass(frozen=True)
class Prediction:
    """One of the model's most probable classes.

    Attributes:
        index: Position of its logit.
        name: Its name in the model's label space.
        probability: Softmax of the logits at that position.
        calibrated: Softmax after temperature scaling; None where no temperature is known.
    """

    index: int
    name: str
    probability: float
    calibrated: float | None = None


@dataclass(frozen=True)
class Familiarity:
    """Whether an image looks like those of the task, by its energy (Liu et al. 2020, 2010.03759).

    A warning only: an image that is not flagged may be unlike the task's all the same. Of ImageNet
    photographs, the bundled backbones flag 14 to 30 %; of noise of 32 x 32 pixels 0 to 23 %.

    Attributes:
        score: Log-sum-exp of the logits: high for what the model knows.
        threshold: What 95 % of the task's own images are above.
        data: Which images, and how many.
    """

    score: float
    threshold: float
    data: str

    @property
    def is_unlike(self) -> bool:
        """Return whether the image is less familiar than 95 % of the task's own."""
        return self.score < self.threshold


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
        effective_samples: Of LIME's weighted samples.
        convergence: Rank correlation with the map of half the evaluations.
        stability: Monte Carlo error of each superpixel's credit.
        precision: Number format of the forward passes.
        familiarity: Whether the image looks like the task's; None where nothing is known of them.
        evidence: Answer to `evidence`.
        fragility: Answer to `attack`.
        drift: Answer to `drift`.
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
    effective_samples: float | None = None
    convergence: float | None = None
    stability: Stability | None = None
    precision: str | None = None
    familiarity: Familiarity | None = None
    evidence: Evidence | None = None
    fragility: Fragility | None = None
    drift: Drift | None = None

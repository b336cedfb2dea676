"""The question about one uploaded image or about a model's speed, and its answer as it grows.

Its folder holds an `Explanation` with its arrays; and for `attack` `path_{k}.png`, the image at the
k-th budget; and for `examples` a PNG of each that was found, named by its identity, and where maps
were asked for the map of each beside it, `.npy` (H, W).
"""

from dataclasses import dataclass
from typing import Literal

from usable_core.catalog import lookup
from usable_core.catalog.corruptions import CORRUPTIONS
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.catalog.exports import EXPORTS
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.exported import Exported
from usable_core.evaluations.passports import Passport
from usable_core.evaluations.rehearsal import Rehearsal, Seen, Worst
from usable_core.evaluations.specs import ModelSpec, require_choices
from usable_core.evaluations.training import FineTuningConfig

Kind = Literal[
    "predict",
    "explain",
    "evidence",
    "attack",
    "drift",
    "hide",
    "time",
    "examples",
    "known",
    "trial",
    "augmented",
    "rehearsal",
    "worst",
    "export",
]
State = Literal["waiting", "working", "coarse", "done", "failed"]
TRIAL_TEXT = "An unexpectedly moving film with a wonderful cast."  # `trial` of a model of texts
COARSE_EVALUATIONS = 64  # of the first map: a few seconds for a ResNet-18 at 224 px on two cores


@dataclass(frozen=True)
class ImageRequest:
    """What is asked about one image.

    Attributes:
        kind: `predict` (top 5), `explain` (a map as well), `evidence` (how far to trust that map),
            `attack` (the smallest change that changes the prediction), `drift` (the map along that
            change), `hide` (the answer without parts of the picture), `time` (how long a pass
            takes), `examples` (pictures of a data set), `known` (what is said of a model whose
            weights are not here), `trial` (top 5 and the passport, before a model is kept),
            `export` (a file for other programs), or of a training that is not started `augmented`
            (what its network will see) or `rehearsal` (how long it will take),
            or of one that is over `worst` (validation examples of large loss).
        model: The model.
        image: Identity of an upload; empty where it is about none.
        text: What is asked about in place of an image (`predict`, `explain`, `evidence`).
        method: A key of `catalog.explainers.EXPLAINERS`; None to predict only, or for pictures
            without maps.
        target: The class explained, by name; None or `predicted` is the model's own answer.
        options: How the map is made.
        dataset: Reference of the data set (`examples`).
        examples: Identities of its pictures (`examples`).
        corruption: A key of `catalog.corruptions.CORRUPTIONS` that they are shown under
            (`examples`), drawn as a run draws it by the seed of `options`; empty for none.
        severity: Of the corruption.
        hidden: Superpixels of the picture that are hidden, as every model numbers them (`hide`);
            or words of the text, behind the background of `options`, whatever is asked.
        training: The training (`augmented`, `rehearsal`, `worst`).
        format: A key of `catalog.exports.EXPORTS` (`export`).
    """

    kind: Kind
    model: ModelSpec
    image: str = ""
    method: str | None = None
    target: str | None = None
    options: ExplainerOptions = ExplainerOptions()
    dataset: str = ""
    examples: tuple[str, ...] = ()
    hidden: tuple[int, ...] = ()
    corruption: str = ""
    severity: int = 0
    text: str = ""
    training: FineTuningConfig | None = None
    format: str = ""

    @property
    def has_image(self) -> bool:
        """Tell whether it is about an upload."""
        without = ("time", "examples", "known", "augmented", "rehearsal", "worst", "export")
        return self.kind not in without and not self.text

    def __post_init__(self) -> None:
        require_choices(self)
        if self.corruption:
            lookup(CORRUPTIONS, "corruption", self.corruption)
        if self.kind == "export":
            lookup(EXPORTS, "export format", self.format)
        if self.kind in ("explain", "evidence", "drift"):
            lookup(EXPLAINERS, "explanation method", self.method or "none")


@dataclass(frozen=True)
class Answer:
    """What is known so far.

    Attributes:
        state: `coarse` has a first map that is being refined; `done` and `failed` are final.
        explanation: The figures; arrays are files beside the answer. Of a coarse map there is no
            R², for its few samples flatter the fit.
        done: Steps of the work under way that are over.
        total: Steps of the work under way.
        error: The sentence of what went wrong; only when failed.
        forward_seconds: Per image of a batch of the best size (`time`).
        gradient_seconds: The same with the pass back to the pixels (`time`).
        passport: Of the model (`known`, `trial`); None where it must be loaded for that.
        rehearsal: How the training began (`rehearsal`).
        seen: What its pictures count as (`augmented`), which are files beside the answer.
        worst: Validation examples with the largest losses (`worst`).
        exported: What was written, a file beside the answer (`export`).
    """

    state: State
    explanation: Explanation = Explanation()
    done: int = 0
    total: int = 0
    error: str | None = None
    forward_seconds: float | None = None
    gradient_seconds: float | None = None
    passport: Passport | None = None
    rehearsal: Rehearsal | None = None
    seen: tuple[Seen, ...] = ()
    worst: tuple[Worst, ...] = ()
    exported: Exported | None = None

"""Usable from Python: the same questions as the command line's, on objects or on references.

Answers are computed in this process and are not kept in the store. Nothing heavy is imported before
a function is called.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from usable_core.catalog.corruptions import COMMON
from usable_core.errors import ExplanationError, UnknownName
from usable_core.evaluations.accuracy import AccuracyConfig, AccuracyResult
from usable_core.evaluations.attack_choice import AttackChoice
from usable_core.evaluations.calibration import Calibration
from usable_core.evaluations.corruption import SEVERITIES, CorruptionConfig
from usable_core.evaluations.corruption_result import CorruptionResult
from usable_core.evaluations.epsilon import grid
from usable_core.evaluations.evidence import Drift, Evidence, Fragility, Stability
from usable_core.evaluations.explanation import (
    ExplainerOptions,
    ExplanationConfig,
    ExplanationResult,
)
from usable_core.evaluations.interactive import Familiarity, Prediction
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Norm, Report, Split, silent
from usable_core.evaluations.training import FineTuningConfig, Schedule, TrainingResult

if TYPE_CHECKING:
    from PIL import Image

    from usable_core.comparison import Comparison
    from usable_core.datasets.dataset import Dataset
    from usable_core.evaluations.result import Config
    from usable_core.explainers.faithfulness import Answers
    from usable_core.models.model import Model

    ModelLike = Model | ModelSpec | str
    DatasetLike = Dataset | DatasetSpec | str
    ImageLike = Image.Image | bytes | str | Path


@dataclass(frozen=True)
class Explanation:
    """One map of one image, with what the model said, and how far to trust it.

    What a method has no figure for is None.

    Attributes:
        method: Key of `catalog.explainers.EXPLAINERS`.
        target: Name of the class explained.
        predictions: The five most probable classes, most probable first.
        values: Credit of each pixel (H, W) float32.
        segments: Superpixel of each pixel (H, W) int32.
        x: The image as the model saw it, (H, W, 3) uint8.
        r2: Weighted local R² (LIME).
        additivity_gap: |sum of values + base − f(x)| (additive methods).
        evaluations: Model evaluations of single images.
        seconds: Wall time.
        unit: What is explained: `probability` or `logit`.
        superpixels: Which of the picture's superpixels each of the segments is (S,): the same
            number is the same part of the picture for every model.
        output: f(x), in units of `unit`.
        base: f(background), to which additive methods add.
        effective_samples: Of LIME's weighted samples.
        convergence: Rank correlation with the map of half the evaluations.
        stability: Monte Carlo error of each superpixel's credit.
        precision: Number format of the forward passes.
        evidence: Faithfulness and sanity; None where it was not asked for.
        compared: The maps (H, W) `randomised` and `other_class` of the evidence.
        familiarity: Whether the image looks like the task's; None for a model not calibrated.
        fragility: The smallest change that changes the prediction; with the evidence.
        drift: How the map moves along that change; None where it was not asked for.
    """

    method: str
    target: str
    predictions: tuple[Prediction, ...]
    values: NDArray[np.float32]
    segments: NDArray[np.int32]
    x: NDArray[np.uint8]
    r2: float | None
    additivity_gap: float | None
    evaluations: int
    seconds: float
    unit: str
    superpixels: NDArray[np.int32]
    output: float
    base: float | None = None
    effective_samples: float | None = None
    convergence: float | None = None
    stability: Stability | None = None
    precision: str = "float32"
    evidence: Evidence | None = None
    compared: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    familiarity: Familiarity | None = None
    fragility: Fragility | None = None
    drift: Drift | None = None

    @property
    def credits(self) -> NDArray[np.float64]:
        """Return the credit of each superpixel (S,)."""
        from usable_core.comparison.maps import credits_of

        return credits_of(self.method, self.values, self.segments)


def load_model(
    reference: str,
    *,
    weights: str | Path | None = None,
    arch_options: dict[str, str] | None = None,
    trust: bool = False,
    preprocessing: dict[str, str] | None = None,
) -> "Model":
    """Return the model that a reference names; see `usable_core.models.load_model`."""
    from usable_core import models

    return models.load_model(
        reference,
        weights=weights,
        arch_options=arch_options,
        trust=trust,
        preprocessing=preprocessing,
    )


def load_dataset(
    reference: str, split: str | None = None, *, limit: int | None = None, seed: int = 0
) -> "Dataset":
    """Return the data set that a reference names; see `usable_core.datasets.load_dataset`."""
    from usable_core import datasets

    return datasets.load_dataset(reference, split, limit=limit, seed=seed)


def evaluate_accuracy(
    model: "ModelLike",
    data: "DatasetLike",
    *,
    limit: int | None = None,
    batch_size: int | None = None,
    report: Report = silent,
) -> AccuracyResult:
    """Return how often a model is right, and whether it knows when.

    Args:
        model: A `Model`, a reference, or a `ModelSpec`.
        data: A `Dataset` (evaluated as it is), a reference, or a `DatasetSpec`.
        limit: At most this many examples, stratified by class.
        batch_size: Examples per forward pass; None chooses the fastest that fits.
        report: Told the progress.

    Raises:
        UsableError: something named cannot be loaded, or the labels do not fit.
    """
    objects, model_spec, dataset_spec = _resolved(model, data, limit)
    config = AccuracyConfig(model_spec, dataset_spec, batch_size=batch_size)
    return cast(AccuracyResult, _answer(config, objects, report))


def evaluate_robustness(
    model: "ModelLike",
    data: "DatasetLike",
    *,
    preset: str | None = None,
    attack: str | None = None,
    norm: Norm = "linf",
    epsilons: Sequence[float] | str | None = None,
    limit: int | None = None,
    surrogate: "ModelLike | None" = None,
    settings: dict[str, Any] | None = None,
    report: Report = silent,
) -> RobustnessResult:
    """Return whether a model stays right under attack, over a grid of epsilons, with its checks.

    Args:
        model: A `Model`, a reference, or a `ModelSpec`.
        data: A `Dataset` (evaluated as it is), a reference, or a `DatasetSpec`.
        preset: A key of `catalog.attacks.PRESETS`: `glance`, `standard` or `benchmark`; None runs
            one attack.
        attack: A key of `catalog.attacks.ATTACKS`; PGD where no preset is named.
        norm: Norm of the perturbation.
        epsilons: Budgets in units of the [0, 1] range, or a text such as `1/255, 4/255`, to which
            0 is added; None is the usual grid.
        limit: At most this many examples, stratified by class.
        surrogate: Another backbone whose adversarial images are tried too, as a check.
        settings: Further fields of `AttackChoice` and `RobustnessConfig`, such as steps, restarts,
            loss, seed.
        report: Told the progress.

    Raises:
        ConfigError: a setting is unknown or out of its range.
        UsableError: something cannot be loaded or attacked.
    """
    objects, model_spec, dataset_spec = _resolved(model, data, limit)
    said = dict(settings or {})
    known = {*RobustnessConfig.__dataclass_fields__, *AttackChoice.__dataclass_fields__}
    if unknown := set(said) - known:
        raise UnknownName("setting", min(unknown), known)
    choice = AttackChoice(
        preset=preset,
        attack=attack,
        **{n: said.pop(n) for n in AttackChoice.__dataclass_fields__ if n in said},
    )
    if surrogate is not None:
        objects["surrogate"] = _model(surrogate)
        said["surrogate"] = ModelSpec(objects["surrogate"].name)
    config = RobustnessConfig(
        model_spec,
        dataset_spec,
        attacks=choice.attacks,
        preset=preset,
        norm=norm,
        epsilons=() if epsilons is None else grid(epsilons),
        **said,
    )
    return cast(RobustnessResult, _answer(config, objects, report))


def evaluate_corruption(
    model: "ModelLike",
    data: "DatasetLike",
    *,
    corruptions: Sequence[str] = COMMON,
    severities: Sequence[int] = SEVERITIES,
    seed: int = 0,
    limit: int | None = None,
    batch_size: int | None = None,
    report: Report = silent,
) -> CorruptionResult:
    """Return whether a model stays right when pictures get worse: noise, blur, weather, files.

    Args:
        model: A `Model`, a reference, or a `ModelSpec`.
        data: A `Dataset` (evaluated as it is), a reference, or a `DatasetSpec`.
        corruptions: Keys of `catalog.corruptions.CORRUPTIONS`.
        severities: Of 1 to 5, increasing.
        seed: Of the random numbers.
        limit: At most this many examples, stratified by class.
        batch_size: Examples per forward pass; None chooses the fastest that fits.
        report: Told the progress.

    Raises:
        UsableError: a setting is out of its range, or something cannot be loaded.
    """
    objects, model_spec, dataset_spec = _resolved(model, data, limit)
    config = CorruptionConfig(
        model_spec, dataset_spec, tuple(corruptions), tuple(severities), seed, batch_size
    )
    return cast(CorruptionResult, _answer(config, objects, report))


def evaluate_explanation(
    model: "ModelLike",
    data: "DatasetLike",
    *,
    methods: Sequence[str] = ("lime", "partition_shap"),
    target: str = "predicted",
    options: ExplainerOptions | None = None,
    limit: int | None = 10,
    evidence: Literal["none", "curves", "all"] = "curves",
    report: Report = silent,
) -> ExplanationResult:
    """Return how far a model's explanations are to be believed, over the examples of a data set.

    Args:
        model: A `Model`, a reference, or a `ModelSpec`.
        data: A `Dataset` (explained as it is), a reference, or a `DatasetSpec`.
        methods: Keys of `catalog.explainers.EXPLAINERS`.
        target: `predicted`, `true`, or a class name.
        options: How maps are made.
        limit: At most this many images.
        evidence: What is measured beside each map, as in `ExplanationConfig`.
        report: Told the progress.

    Raises:
        UsableError: a setting is out of its range, or something cannot be loaded.
    """
    objects, model_spec, dataset_spec = _resolved(model, data, limit)
    config = ExplanationConfig(
        model_spec, dataset_spec, tuple(methods), target, options or ExplainerOptions(), evidence
    )
    return cast(ExplanationResult, _answer(config, objects, report))


def explain(
    model: "ModelLike",
    image: "ImageLike",
    *,
    method: str = "lime",
    target: str | None = None,
    options: ExplainerOptions | None = None,
    evidence: bool = False,
    drift: bool = False,
    report: Report = silent,
) -> Explanation:
    """Return what in one image made the model say so.

    Args:
        model: A `Model`, a reference, or a `ModelSpec`.
        image: A picture, a file's bytes, or its path.
        method: A key of `catalog.explainers.EXPLAINERS`.
        target: Name of the class explained; None or `top` is the predicted one.
        options: How the map is made.
        evidence: Measure how far to trust the map as well, some 500 evaluations and two more maps.
        drift: Make the map along the image's own adversarial path as well: nine more maps.
        report: Told the progress.

    Raises:
        ImageRefused: the image cannot be read.
        UnknownName: no such method or class.
        UsableError: the model cannot be loaded or explained.
    """
    (found,) = explain_methods(
        model,
        image,
        methods=(method,),
        target=target,
        options=options,
        evidence=evidence,
        drift=drift,
        report=report,
    )
    return found


def explain_methods(
    model: "ModelLike",
    image: "ImageLike",
    *,
    methods: Sequence[str] = ("lime", "partition_shap"),
    target: str | None = None,
    options: ExplainerOptions | None = None,
    evidence: bool = False,
    drift: bool = False,
    report: Report = silent,
    on_refusal: Callable[[str, ExplanationError], None] | None = None,
) -> tuple[Explanation, ...]:
    """Return the maps of one image by several methods, which share what the model answered.

    Args:
        model: As for `explain`, and so are the others.
        image: One picture.
        methods: Keys of `catalog.explainers.EXPLAINERS`.
        target: The class explained by all of them.
        options: How the maps are made.
        evidence: Measure how far to trust each map as well.
        drift: Make each map along the image's own adversarial path as well.
        report: Told the progress of each.
        on_refusal: Told of each method that gives no map of this model, and why; it is then left
            out. None raises.

    Raises:
        UsableError: as `explain`.
    """
    from usable_core.explainers.faithfulness import known_of
    from usable_core.explainers.segments import shared_superpixels
    from usable_core.measuring import explanation
    from usable_core.measuring.calibration import familiarity_of
    from usable_core.measuring.drift import drifting
    from usable_core.measuring.evidence import evidence as gathered
    from usable_core.measuring.fragility import adversarial_path
    from usable_core.measuring.interactive import top_predictions
    from usable_core.measuring.provenance import ready

    options = options or ExplainerOptions()
    picture = _picture(image)
    loaded = ready(_model(model))
    x = loaded.preprocessing.geometry(picture)
    logits = explanation.logits_of(loaded, x)
    index = explanation.target_index(loaded, target, int(logits.argmax()))
    segments, superpixels = shared_superpixels(picture, loaded.preprocessing, options.segments)
    # (3, H, W) -> (H, W, 3)
    seen = loaded.preprocessing.pixels(picture).permute(1, 2, 0).numpy()
    path = adversarial_path(loaded, x, report=report) if evidence or drift else None
    answers: Answers = {}
    explanations = []
    for method in methods:
        known = known_of(answers, options)
        try:
            found = explanation.explain(
                loaded, x, index, method, options, segments=segments, report=report, known=known
            )
        except ExplanationError as error:
            if on_refusal is None:
                raise
            on_refusal(method, error)
            continue
        moved: Drift | None = None
        if drift and path is not None:
            *_, moved = drifting(
                loaded, path, index, method, options, segments=segments, report=report, known=known
            )
        proof: Evidence | None = None
        compared: dict[str, NDArray[np.float32]] = {}
        if evidence:
            proof, compared = gathered(
                loaded, x, index, found, options, segments=segments, report=report, answers=answers
            )
        explanations.append(
            Explanation(
                method=method,
                target=loaded.labels.names[index],
                predictions=top_predictions(loaded, logits),
                values=found.values,
                segments=segments,
                x=seen,
                r2=found.r2,
                additivity_gap=found.additivity_gap,
                evaluations=found.evaluations,
                seconds=found.seconds,
                unit=found.unit,
                superpixels=superpixels,
                output=found.output,
                base=found.base,
                effective_samples=found.effective_samples,
                convergence=found.convergence,
                stability=found.stability,
                precision=found.precision,
                evidence=proof,
                compared=compared,
                familiarity=familiarity_of(loaded, logits.numpy()),
                fragility=None if path is None else path.fragility,
                drift=moved,
            )
        )
    return tuple(explanations)


def calibrate(
    model: "ModelLike",
    data: "DatasetLike",
    *,
    limit: int | None = None,
    keep: bool = True,
    report: Report = silent,
) -> Calibration:
    """Return the temperature and the energy threshold of a model, and keep them for its answers.

    Args:
        model: A `Model`, a reference, or a `ModelSpec`.
        data: A `Dataset` (taken as it is), a reference, or a `DatasetSpec`; `auto` is what the
            model's training on it held out, else its validation split.
        limit: At most this many examples, stratified by class.
        keep: Store it, so that predictions of this model come with calibrated probabilities.
        report: Told the progress.

    Raises:
        UsableError: something cannot be loaded, the labels do not fit, or there are too few images.
    """
    from usable_core.measuring import calibration
    from usable_core.runs import calibrations

    loaded = _model(model)
    dataset, spec = _dataset(data, limit, training=False)
    found = calibration.calibrate(model=loaded, dataset=dataset, spec=spec, report=report)
    if keep:
        calibrations.keep(found)
    return found


def fine_tune(
    model: "ModelLike",
    data: "DatasetLike",
    folder: str | Path,
    *,
    method: str = "full",
    schedule: Schedule | None = None,
    source: "DatasetLike | None" = None,
    task_weight: float = 1.0,
    from_scratch: bool = False,
    report: Report = silent,
) -> tuple["Model", TrainingResult]:
    """Return the fine-tuned model and the figures of its training.

    Args:
        model: Where the weights start: a `Model`, a reference, or a `ModelSpec`.
        data: The task; its train and validation splits are used.
        folder: Where `model.safetensors` and `card.json` are written.
        method: `full` or `linear_probe`.
        schedule: How the weights move.
        source: Data of the pre-training objective; None leaves it out.
        task_weight: λ in L_pre + λ·L_fine.
        from_scratch: Start from random weights instead.
        report: Told the progress.

    Raises:
        UsableError: a setting is out of its range, or something cannot be loaded or saved.
    """
    from usable_core.models.checkpoints import WEIGHTS_FILE, read_card
    from usable_core.models.sources.from_card import model_from_card

    objects, model_spec, dataset_spec = _resolved(model, data, None, training=True)
    source_spec = None
    if source is not None:
        objects["source"], source_spec = _dataset(source, None, training=True)
    config = FineTuningConfig(
        model_spec,
        dataset_spec,
        method,  # type: ignore[arg-type]
        schedule or Schedule(),
        source_spec,
        task_weight,
        from_scratch,
    )
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    result = cast(TrainingResult, _answer(config, objects, report, place))
    return model_from_card(str(place), place / WEIGHTS_FILE, read_card(place)), result


def compare(results: Sequence[AccuracyResult | RobustnessResult]) -> "Comparison":
    """Return the paired comparison of results on the same examples; see `comparison.compare`."""
    from usable_core.comparison import compare as compare_results

    return compare_results(results)


def _resolved(
    model: "ModelLike", data: "DatasetLike", limit: int | None, *, training: bool = False
) -> tuple[dict[str, Any], ModelSpec, DatasetSpec]:
    loaded = _model(model)
    dataset, dataset_spec = _dataset(data, limit, training=training)
    spec = model if isinstance(model, ModelSpec) else ModelSpec(loaded.name)
    return {"model": loaded, "dataset": dataset}, spec, dataset_spec


def _model(model: "ModelLike") -> "Model":
    if isinstance(model, (str, ModelSpec)):
        from usable_core import models

        return models.load_model(model)
    return model


def _dataset(
    data: "DatasetLike", limit: int | None, *, training: bool
) -> tuple["Dataset", DatasetSpec]:
    if isinstance(data, str):
        data = DatasetSpec(data, limit=limit)
    elif isinstance(data, DatasetSpec) and limit is not None:
        data = replace(data, limit=limit)
    if isinstance(data, DatasetSpec):
        return load_dataset(data.reference), data
    # What the caller chose is evaluated whole; training still divides a whole data set.
    split: Split = "auto" if training and data.split_name == "all" else "all"
    return data, DatasetSpec(data.name, split, limit)


def _answer(
    config: "Config", objects: dict[str, Any], report: Report, folder: Path | None = None
) -> object:
    from usable_core.catalog import implementation
    from usable_core.tasks import TASKS, name_of

    function = implementation(TASKS[name_of(config)].function)
    return cast(object, function(**objects, config=config, report=report, folder=folder))


def _picture(image: "ImageLike") -> "Image.Image":
    from usable_core.errors import ImageRefused
    from usable_core.images import decode

    if isinstance(image, bytes):
        return decode(image, "the image")
    if isinstance(image, (str, Path)):
        try:
            return decode(Path(image).expanduser().read_bytes(), Path(image).name)
        except OSError as error:
            raise ImageRefused(
                f"{image} cannot be read: {error.strerror}. Check the path."
            ) from error
    return image.convert("RGB")

"""One image explained by several methods, with all that is asked for beside the maps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from PIL import Image

from usable_core.comparison.maps import with_agreement
from usable_core.errors import ConfigError, ExplanationError, OutputsRefused, UnknownName
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.explanation import ExplainerOptions, check_options
from usable_core.evaluations.keywords import MapSettings
from usable_core.evaluations.specs import Report, silent
from usable_core.measuring.drift import Drifting
from usable_core.measuring.evidence import faithfulness, questions_of, with_evidence
from usable_core.measuring.fragility import adversarial_path
from usable_core.measuring.instances import Instance, instance
from usable_core.measuring.provenance import ready
from usable_core.measuring.refinement import explain
from usable_core.models.model import Model

Refusal = ExplanationError | OutputsRefused


@dataclass(frozen=True)
class Wanted:
    """What is asked for of one image.

    Attributes:
        methods: Keys of `catalog.explainers.EXPLAINERS`.
        options: How maps are made.
        evidence: Beside each map: `none`, `curves`, or `all`, see `ExplanationConfig`.
        fragility: Look for the smallest change that changes the prediction.
        drift: Make each map along that change as well.
    """

    methods: tuple[str, ...]
    options: ExplainerOptions
    evidence: Literal["none", "curves", "all"] = "none"
    fragility: bool = False
    drift: bool = False


def explain_image(
    model: Model,
    image: Image.Image,
    methods: Sequence[str],
    on_refusal: Callable[[str, Refusal], None] | None,
    settings: MapSettings,
) -> tuple[Explanation, ...]:
    """Return the maps of one picture, see `api.explain_methods`."""
    options = _options(settings)
    evidence, drift = settings.get("evidence", False), settings.get("drift", False)
    level: Literal["none", "all"] = "all" if evidence else "none"
    wanted = Wanted(tuple(methods), options, level, fragility=evidence or drift, drift=drift)
    seen = instance(ready(model), image, options.segments)
    target, report = seen.target(settings.get("target")), settings.get("report", silent)
    return explain_methods(seen, target, wanted, lambda place: report, on_refusal or _raised)


def explain_text(
    model: Model,
    text: str,
    methods: Sequence[str],
    on_refusal: Callable[[str, Refusal], None] | None,
    settings: MapSettings,
) -> tuple[Explanation, ...]:
    """Return how much each word of a text spoke for a class, see `api.explain_methods`.

    Raises:
        ConfigError: what is asked for is of pictures.
    """
    options = _options(settings)
    if settings.get("drift"):
        raise ConfigError("Drift follows an attack on pixels. Leave it out for a text.")
    seen = Instance.of_text(ready(model), text, options.background)
    level: Literal["none", "all"] = "all" if settings.get("evidence") else "none"
    wanted = Wanted(tuple(methods), seen.options(options), level)
    target, report = seen.target(settings.get("target")), settings.get("report", silent)
    return explain_methods(seen, target, wanted, lambda place: report, on_refusal or _raised)


def _options(settings: MapSettings) -> ExplainerOptions:
    """Return how maps are made.

    Raises:
        UnknownName: there is no such setting.
    """
    if unknown := sorted(settings.keys() - MapSettings.__annotations__):
        raise UnknownName("setting", unknown[0], MapSettings.__annotations__)
    options = settings.get("options") or ExplainerOptions()
    check_options(options)
    return options


def _raised(method: str, refusal: Refusal) -> None:
    raise refusal


def explain_methods(
    instance: Instance,
    target: int,
    wanted: Wanted,
    report: Callable[[int], Report],
    refused: Callable[[str, Refusal], None],
) -> tuple[Explanation, ...]:
    """Return the maps of one image by several methods, which share what the model answered.

    Args:
        instance: The image on its superpixels.
        target: Index of the class explained.
        wanted: What is asked for.
        report: Place of a method to whom its progress is told; may raise `Cancelled`.
        refused: Told of each method that has no map of this model, and why; it is left out.

    Raises:
        AttackError: the smallest change cannot be looked for.
        Cancelled: through the report.
    """
    path = None
    if wanted.fragility or wanted.drift:
        path = adversarial_path(instance.model, instance.picture.x, report=report(0))
    options, found = wanted.options, []

    def one(method: str, report: Report) -> Explanation:
        found = explain(instance, method, target, options, report)
        if path is not None:
            found = replace(found, fragility=path.fragility)
        if path is not None and wanted.drift:
            drifting = Drifting(instance, path, method, target, options)
            drifting.report = report
            *_, moved = drifting
            found = replace(found, drift=moved.drift, drift_maps=moved.drift_maps)
        if wanted.evidence == "all":
            return with_evidence(instance, found, target, options, report)
        if wanted.evidence == "curves":
            questions = questions_of(instance.picture, is_cheap=True)
            curves = faithfulness(
                instance, found, target, questions=questions, seed=options.seed, report=report
            )
            return replace(found, evidence=curves)
        return found

    for k, method in enumerate(wanted.methods):
        try:
            found.append(one(method, report(k)))
        except (ExplanationError, OutputsRefused) as refusal:
            refused(method, refusal)
    return with_agreement(found)

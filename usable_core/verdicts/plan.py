"""What an assessment asks about each candidate: a question per evaluation, sized by its preset."""

from dataclasses import dataclass, replace

from usable_core.catalog.attacks import PRESETS
from usable_core.catalog.corruptions import COMMON
from usable_core.catalog.references import has_gradients
from usable_core.catalog.text_attacks import TEXT_PRESETS
from usable_core.catalog.text_corruptions import TEXT_CORRUPTIONS
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.corruption import SEVERITIES, CorruptionConfig
from usable_core.evaluations.cost import CostConfig, timings_for
from usable_core.evaluations.explanation import ExplainerOptions, ExplanationConfig
from usable_core.evaluations.result import Config
from usable_core.evaluations.robustness import RobustnessConfig, default_epsilons
from usable_core.evaluations.specs import ModelSpec, Norm
from usable_core.verdicts.assessment import SWAPS, AssessmentConfig


@dataclass(frozen=True)
class Sizes:
    """How much a preset measures beside its attacks.

    Attributes:
        corrupted: Examples under corruptions; None for all.
        severities: Of each corruption.
        explained: Examples with maps.
        evaluations: Of the model, for each map.
    """

    corrupted: int | None
    severities: tuple[int, ...]
    explained: int
    evaluations: int


SIZES = {
    "glance": Sizes(100, (1, 3, 5), 10, 150),
    "standard": Sizes(1000, SEVERITIES, 50, 500),
    "benchmark": Sizes(None, SEVERITIES, 100, 500),
}


def questions(spec: ModelSpec, config: AssessmentConfig) -> dict[str, Config]:
    """Return what is asked about one candidate, by task, the quick first."""
    size, preset = SIZES[config.preset], PRESETS[config.preset]
    data, limit = config.dataset, config.dataset.limit
    needed = config.requirements
    is_text = config.kind == "text"
    norm: Norm = "words" if is_text else config.norm
    budgets = {*default_epsilons(norm), *needed.epsilons}

    def at_most(most: int | None) -> int | None:
        return min(limit, most) if limit and most else limit or most

    corrupted, attacked, explained = (
        replace(data, limit=at_most(most))
        for most in (size.corrupted, preset.examples, size.explained)
    )
    seen = has_gradients(spec.reference)
    options = ExplainerOptions(size.evaluations, seed=config.seed)
    methods = tuple(dict.fromkeys(r.place for r in needed.required if r.row.place == "method"))
    corruptions = tuple(TEXT_CORRUPTIONS) if is_text else COMMON
    swaps = config.swaps or SWAPS
    attacks = TEXT_PRESETS[swaps].attacks if is_text else preset.attacks_on(has_gradients=seen)
    return {
        "accuracy": AccuracyConfig(spec, data),
        "cost": CostConfig(
            spec,
            data,
            tuple(b for b in needed.batch_sizes if b > 1),
            timings_for(len(config.models)),
        ),
        "corruption": CorruptionConfig(
            spec, corrupted, corruptions, size.severities, seed=config.seed
        ),
        "robustness": RobustnessConfig(
            spec,
            attacked,
            attacks,
            norm,
            tuple(sorted(budgets)),
            seed=config.seed,
            preset=swaps if is_text else config.preset if seen else None,
            judge=config.judge,
        ),
        "explanation": ExplanationConfig(spec, explained, methods or ("lime",), options=options),
    }

"""How long an assessment will take, told before it starts: from the model's own measured speed.

What the store knows costs nothing; the rest is counted in passes of single images and timed by a
pass of this model on this machine.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.evaluations.cost import CostConfig
from usable_core.evaluations.explanation import ExplanationConfig
from usable_core.evaluations.result import Config
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.robustness_cost import Speed, Work, most_work
from usable_core.evaluations.specs import ModelSpec
from usable_core.verdicts.assessment import AssessmentConfig
from usable_core.verdicts.plan import questions

# Measured by assessments of small and large networks on two cores: see benchmarks/RESULTS.md.
START_SECONDS = 1.0  # of a part: reading the pictures, finding a batch size
LOAD_SECONDS = 4.0  # of the first part: the libraries, the model and the data
ATTACK_SECONDS = 5.0  # of an attack: small batches at its ends and in its checks
SHARE = 0.75  # of the most that an attack can cost: what breaks early pays less
CORRUPTING_SECONDS = 0.03  # of a megapixel: one corruption at one severity
MAP_SECONDS = 0.2  # of a map beside its passes: superpixels, fits and bootstraps
EVIDENCE = 135  # passes of an image's evidence: random orders, and the one from the centre
OF_A_MAP = 40  # passes of a map's own: deletion and insertion
OF_SWAPS = 150  # passes of a text's attack: three searches that rank words and try swaps
COST_SECONDS = 5.0  # of the batch size that is found, warming up and counting
UNKNOWN = 1000  # examples where nobody has counted them yet


@dataclass(frozen=True)
class Pace:
    """How fast a model is on this machine, and how much there is to do.

    Attributes:
        speed: Seconds of one image in a batch.
        examples: That the question is about; None where nobody has counted them yet.
        classes: That the model knows; None where it is not loaded.
        pixels: Of a picture that it sees; 0 of a text.
    """

    speed: Speed
    examples: int | None = None
    classes: int | None = None
    pixels: int = 224 * 224


@dataclass(frozen=True)
class PartEstimate:
    """One evaluation of one candidate, and how long it will take: nothing where it is known."""

    model: ModelSpec
    task: str
    is_known: bool
    seconds: float


@dataclass(frozen=True)
class Estimate:
    """How long an assessment will take.

    Attributes:
        parts: Every evaluation of every candidate, in the order in which they are worked on.
        is_counted: Whether it is known how many examples there are.
    """

    parts: tuple[PartEstimate, ...]
    is_counted: bool = True

    @property
    def seconds(self) -> float:
        """Return how long all that is not known will take."""
        return sum(part.seconds for part in self.parts)

    @property
    def known(self) -> int:
        """Return how many parts the store has the answer of."""
        return sum(part.is_known for part in self.parts)

    @property
    def sentence(self) -> str:
        """Return it in words: `About 4 minutes; 2 of 5 parts are known already.`."""
        if self.known == len(self.parts):
            return "At once: everything is known already."
        known = f"{self.known} of {len(self.parts)} parts are known already"
        if not self.known:
            known = f"{len(self.parts)} parts, none of them known yet"
        counted = "" if self.is_counted else f" It is counted with {UNKNOWN:,} examples."
        return f"About {spoken(self.seconds)}; {known}.{counted}"


def estimate(
    config: AssessmentConfig,
    paces: Mapping[ModelSpec, Pace],
    known: Collection[tuple[ModelSpec, str]],
) -> Estimate:
    """Return how long an assessment will take.

    Args:
        config: The assessment.
        paces: How fast each candidate is that has something to be measured. One that has none
            here cannot be loaded, and costs nothing.
        known: Candidates and tasks whose answer the store has.
    """
    parts: list[PartEstimate] = []
    for spec in config.models:
        pace = paces.get(spec)
        for task, question in questions(spec, config).items():
            is_known = (spec, task) in known
            is_asked = pace is not None and not is_known
            taken = _seconds(question, pace) if is_asked and pace is not None else 0.0
            first = LOAD_SECONDS if is_asked and not any(p.seconds for p in parts) else 0.0
            parts.append(PartEstimate(spec, task, is_known, first + taken))
    is_counted = all(p.examples is not None for p in paces.values())
    return Estimate(tuple(parts), is_counted or config.dataset.limit is not None)


def spoken(seconds: float) -> str:
    """Return a time as people say one: `20 seconds`, `4 minutes`, `2 hours`."""
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= 1.5 * size:
            return f"{round(seconds / size)} {unit}s"
        if seconds >= 0.95 * size:
            return f"1 {unit}"
    if seconds < 5:
        return "5 seconds"
    return f"{5 * math.ceil(seconds / 5)} seconds"


def _seconds(question: Config, pace: Pace) -> float:
    limit = getattr(question, "dataset").limit  # noqa: B009 - each of them has one
    counted = UNKNOWN if pace.examples is None else pace.examples
    n = counted if limit is None else min(limit, counted) if pace.examples else limit
    speed, beside = pace.speed, START_SECONDS
    if isinstance(question, CorruptionConfig):
        cells = n * len(question.corruptions) * len(question.severities)
        work, beside = Work(forward=n + cells), beside + cells * _corrupting(pace)
    elif isinstance(question, RobustnessConfig) and question.kind == "text":
        judged = 2 * n if question.judge else 0  # each broken text, and what it was
        work, beside = Work(forward=n * OF_SWAPS + judged), ATTACK_SECONDS
    elif isinstance(question, RobustnessConfig):
        work = most_work(question, n, pace.classes)
        speed = Speed(SHARE * speed.forward, SHARE * speed.gradient)
        beside = ATTACK_SECONDS
    elif isinstance(question, ExplanationConfig):
        maps = n * len(question.methods)
        sides = 1 if pace.pixels else 2  # curves of texts are behind two backgrounds
        own, shared = sides * OF_A_MAP, sides * EVIDENCE
        work = Work(forward=(question.options.evaluations + own) * maps + shared * n)
        beside += maps * MAP_SECONDS
    elif isinstance(question, CostConfig):
        work, beside = (
            Work(forward=question.timings * sum((1, *question.batch_sizes))),
            COST_SECONDS,
        )
    else:
        work = Work(forward=n)
    return beside + work.forward * speed.forward + work.gradient * speed.gradient


def _corrupting(pace: Pace) -> float:
    return CORRUPTING_SECONDS * pace.pixels / 1e6

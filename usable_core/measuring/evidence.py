"""The evidence beside one map: whether its order is the model's, and what it depends on."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from usable_core.asking.oracle import Oracle
from usable_core.catalog import lookup
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.evidence import Evidence
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.specs import Report, silent
from usable_core.explainers.attribution import attribute
from usable_core.explainers.faithfulness import (
    BLURRED,
    BOTH_BACKGROUNDS_AND_ROAD,
    OF_TEXTS,
    WITHOUT_MASK,
    Question,
    perturbation_curves,
    planned_evaluations,
)
from usable_core.explainers.sanity import LEAST_WORDS, check_sanity, probes
from usable_core.games.game import Budget
from usable_core.games.pictures import Picture
from usable_core.games.words import Text
from usable_core.measuring.instances import Instance
from usable_core.measuring.progress import Progress
from usable_core.metrics.arrays import Values
from usable_core.metrics.attribution import superpixel_credits
from usable_core.models.model import Model
from usable_core.models.randomised import randomised

_LEAST_EVALUATIONS = 16  # that options allow


def with_evidence(
    instance: Instance,
    explanation: Explanation,
    target: int,
    options: ExplainerOptions,
    report: Report = silent,
) -> Explanation:
    """Return a map with how far it is to be trusted, and the maps that it was compared with.

    Of a text of fewer than `sanity.LEAST_WORDS` words with the curves alone: rank correlations of
    so few are chance.

    Args:
        instance: The image or text; remembers what the model answers, which saves the evaluations
            that maps have in common.
        explanation: The map.
        target: Index of the class explained.
        options: How it was made; the maps beside it are made in the same way.
        report: Told the progress; raises `Cancelled`.

    Raises:
        OutputsRefused, ExplanationError: the model answers with NaN or infinity.
        Cancelled: through `report`; what is known by then is remembered.
    """
    started = time.perf_counter()
    model, picture, method = instance.model, instance.picture, str(explanation.method)
    questions = questions_of(picture)
    if isinstance(picture, Text) and len(picture.spans) < LEAST_WORDS:
        curves = faithfulness(
            instance, explanation, target, questions=questions, seed=options.seed, report=report
        )
        return replace(explanation, evidence=curves)
    planned = planned_evaluations(questions)
    progress = Progress(
        report, (planned, options.evaluations, options.evaluations), "Gathering evidence"
    )
    seed = options.seed
    random = randomised(model, probes(picture, seed, model.device), seed=seed)
    curves = faithfulness(
        instance, explanation, target, questions=questions, seed=seed, report=progress.part(0)
    )
    # As many as the map took, where it ended early.
    spent = min(options.evaluations, max(_LEAST_EVALUATIONS, explanation.evaluations))
    same = replace(options, tolerance=0.0, evaluations=spent)
    logits = Oracle(model).logits(picture.x[None].to(model.device))[0].clone()
    logits[target] = -np.inf
    evaluations = curves.evaluations + 1

    def again(network: Model, other: int | None) -> Values:
        nonlocal evaluations
        if other is not None:
            found = attribute(network, picture, method, other, same, progress.part(1))
            evaluations += found.passes
        else:
            forgotten = replace(picture, answers={})
            found = attribute(network, forgotten, method, target, same, progress.part(2))
            evaluations += found.evaluations
        return found.values

    sanity, maps = check_sanity(
        model, random, picture, explanation.values, int(logits.argmax()), again
    )
    seconds = time.perf_counter() - started
    evidence = Evidence(curves.curves, sanity, evaluations, seconds)
    return replace(explanation, evidence=evidence, compared=maps)


def questions_of(picture: Picture | Text, *, is_cheap: bool = False) -> tuple[Question, ...]:
    """Return what curves are asked for; of a text behind two backgrounds that its model has.

    Words that are hidden in one way alone may tell of the way: a mask is what the network was
    trained with, and what is left out changes the grammar. A text of one word has a single order,
    which nothing could be better than.

    Args:
        picture: The picture, or the text.
        is_cheap: Of a picture those behind a blur alone.
    """
    if isinstance(picture, Text):
        if len(picture.spans) < 2:
            return ()
        return OF_TEXTS if picture.takes.mask else WITHOUT_MASK
    return BLURRED if is_cheap else BOTH_BACKGROUNDS_AND_ROAD


def faithfulness(
    instance: Instance,
    explanation: Explanation,
    target: int,
    *,
    questions: Sequence[Question] = BOTH_BACKGROUNDS_AND_ROAD,
    seed: int = 0,
    report: Report = silent,
) -> Evidence:
    """Return the curves of a map that `questions` ask for, and what they took."""
    started = time.perf_counter()
    row = lookup(EXPLAINERS, "explanation method", str(explanation.method))
    is_of_pixels = not row.uses_superpixels and not explanation.spans
    picture, oracle = instance.picture, Oracle(instance.model)
    budget = Budget(planned_evaluations(questions), report)
    with oracle:
        curves = perturbation_curves(
            lambda background: picture.game(oracle, background, budget),
            target,
            superpixel_credits(explanation.values, picture.segments, is_of_pixels),
            is_signed=row.is_signed,
            questions=questions,
            seed=seed,
        )
    return Evidence(curves, None, oracle.passes.forward, time.perf_counter() - started)

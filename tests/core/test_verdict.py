"""Met, not met or undecided; fit, not fit or not shown: by hand and by simulation."""

import math
from dataclasses import replace

import numpy as np
import pytest
from made_results import accuracy_result, robustness_result
from scipy import stats

from usable_core.metrics import classification
from usable_core.metrics.intervals import exact
from usable_core.plots.verdict import ROW, requirement_bars
from usable_core.verdicts import Verdict, check, requirement, requirements_of, verdict
from usable_core.verdicts.checking import Checked, deciding, examples_to_decide


def answered(right, n, **more):
    """An accuracy result with `right` of `n` two-class examples right."""
    labels = np.arange(n) % 2
    predictions = np.where(np.arange(n) < right, labels, 1 - labels)
    return accuracy_result(labels, predictions, **more)


@pytest.mark.parametrize(("successes", "n"), [(0, 5), (5, 5), (3, 8), (90, 100), (1999, 2000)])
def test_the_exact_interval_is_scipys(successes, n):
    for confidence in (0.9, 0.95, 0.99):
        theirs = stats.binomtest(successes, n).proportion_ci(confidence, method="exact")
        ours = exact(successes, n, confidence)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize(
    ("right", "outcome"), [(99, "met"), (90, "undecided"), (80, "not met"), (92, "undecided")]
)
def test_the_interval_decides(right, outcome):
    found = check(requirement("accuracy >= 90 %"), [answered(right, 100)])
    assert found.outcome == outcome
    interval = stats.binomtest(right, 100).proportion_ci(0.95, method="exact")
    assert outcome == (
        "met" if interval.low >= 0.9 else "not met" if interval.high < 0.9 else "undecided"
    )


def test_lower_is_better_turns_round():
    sure = accuracy_result(np.zeros(400, int), np.zeros(400, int), confidence=np.full(400, 0.99))
    unsure = accuracy_result(np.zeros(400, int), np.zeros(400, int), confidence=np.full(400, 0.5))
    rule = requirement("ece <= 20 %")
    assert check(rule, [sure]).outcome == "met"
    assert check(rule, [unsure]).outcome == "not met"


def test_wrong_answers_are_as_rare_as_said():
    """1,000 models within 5 points of the bound: at most 2.5 % wrongly met, 2.5 % wrongly not."""
    generator = np.random.default_rng(7)
    rule, wrongly_met, wrongly_not, decided = requirement("accuracy >= 90 %"), 0, 0, 0
    for n in (50, 300, 2000):
        true = generator.uniform(0.85, 0.95, 1000)
        for share, right in zip(true, generator.binomial(n, true), strict=True):
            found = deciding(classification.share(np.arange(n) < right))
            is_met = found.low >= rule.bound
            is_not = found.high < rule.bound
            decided += is_met or is_not
            wrongly_met += is_met and share < rule.bound
            wrongly_not += is_not and share >= rule.bound
    assert wrongly_met <= 0.025 * 3000
    assert wrongly_not <= 0.025 * 3000
    assert decided > 800


def test_at_the_bound_itself_an_answer_is_wrong_in_at_most_one_of_40():
    """Where a model lies on its bound the exact interval errs at most 2.5 %, Wilson's may more."""
    for n, share in ((30, 0.9), (100, 0.95), (500, 0.99)):
        rights = np.arange(n + 1)
        chance = stats.binom.pmf(rights, n, share)
        met = [deciding(classification.share(np.arange(n) < r)).low > share for r in rights]
        assert float(chance[np.array(met)].sum()) <= 0.025


def test_candidates_make_it_harder():
    rule, result = requirement("accuracy >= 90 %"), [answered(96, 100)]
    alone, among = (check(rule, result, candidates=c) for c in (1, 10))
    assert (alone.outcome, among.outcome) == ("met", "undecided")
    assert among.found.low < alone.found.low
    assert among.found.low == pytest.approx(
        stats.binomtest(96, 100).proportion_ci(0.995, method="exact").low
    )


def test_the_number_of_examples_decides_as_often_as_said():
    rule = requirement("accuracy >= 90 %")
    found = check(rule, [answered(930, 1000)])
    assert found.outcome == "met"
    found = check(rule, [answered(91, 100)])
    assert found.outcome == "undecided"
    needed = found.examples
    generator = np.random.default_rng(0)
    rights = generator.binomial(needed, 0.91, 2000)
    lows = stats.beta.ppf(0.025, rights, needed - rights + 1)
    assert 0.7 < np.mean(lows >= 0.9) < 0.9


def test_no_number_of_examples_decides_what_lies_on_its_bound():
    found = check(requirement("accuracy >= 90 %"), [answered(90, 100)])
    assert found.examples is None
    assert examples_to_decide(found.requirement, found.found) is None


def test_an_interval_of_everything_names_no_number_of_examples():
    """Thirty classes of one example each: the interval would be as wide with half of them."""
    labels, names = np.arange(30), [f"class {i}" for i in range(30)]
    result = accuracy_result(labels, np.maximum(labels, 9), names=names)
    found = check(requirement("worst_class >= 70 %"), [result])

    assert (found.found.low, found.found.high) == (0, pytest.approx(1, abs=0.001))
    assert (found.outcome, found.examples) == ("undecided", None)
    assert "several times as many" in found.remedy


def test_the_worst_class_holds_whichever_it_is():
    """Ten classes of one true recall: the smallest seen is far below, its interval is not."""
    generator, held = np.random.default_rng(1), 0
    labels = np.repeat(np.arange(10), 30)
    for _ in range(300):
        right = generator.random(300) < 0.8
        found = classification.worst_class(labels, np.where(right, labels, (labels + 1) % 10))
        held += found.low <= 0.8 <= found.high
    assert held >= 0.95 * 300
    recalls = np.array([0.5, 1.0])
    predictions = np.concatenate([[0, 1] * 5, [1] * 10])
    found = classification.worst_class(np.repeat([0, 1], 10), predictions)
    assert found.value == recalls.min()
    assert found.n == 20
    theirs = stats.binomtest(5, 10).proportion_ci(0.975, method="exact")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))
    assert math.isnan(classification.worst_class(np.array([], int), np.array([], int)).value)


def test_a_budget_is_found_in_the_curve():
    labels = np.zeros(40, int)
    attacked = [labels, np.where(np.arange(40) < 30, 0, 1), np.ones(40, int)]
    result = robustness_result(labels, labels, attacked, epsilons=(0.0, 1 / 255, 4 / 255))
    at = {
        e: check(requirement(f"robust_accuracy at {e} >= 50 %"), [result])
        for e in ("1/255", "4/255", "2/255")
    }
    assert at["1/255"].found.value == 0.75
    assert at["1/255"].outcome == "met"
    assert at["4/255"].outcome == "not met"
    assert at["2/255"].found is None
    assert at["2/255"].outcome == "undecided"


def test_an_upper_bound_meets_nothing_but_can_fail():
    labels = np.zeros(40, int)
    result = robustness_result(labels, labels, [labels, labels], epsilons=(0.0, 1 / 255))
    weak = type(
        "Weak",
        (),
        {
            "numbers": result.numbers,
            "is_upper_bound_only": True,
            "remedy": "Ask standard.",
            "provenance": result.provenance,
        },
    )()
    found = check(requirement("robust_accuracy at 1/255 >= 50 %"), [weak])
    assert found.outcome == "undecided"
    assert "check of the attack failed" in found.reason
    rules = requirements_of(["robust_accuracy at 1/255 >= 50 %"])
    whole = verdict("A", rules, [weak])
    assert whole.next_step == "Ask standard."
    assert whole.sentence.endswith("a check of the attack failed, so it is an upper bound only.")
    assert list(whole.reasons) == ["a check of the attack failed, so it is an upper bound only."]
    wrong = robustness_result(labels, labels, [labels, labels + 1], epsilons=(0.0, 1 / 255))
    weak.numbers = wrong.numbers
    assert check(requirement("robust_accuracy at 1/255 >= 50 %"), [weak]).outcome == "not met"


def test_pictures_known_from_training_meet_nothing():
    result = answered(100, 100)
    leaked = replace(result, provenance=replace(result.provenance, leaked=("image1",)))
    found = check(requirement("accuracy >= 90 %"), [leaked])
    assert found.outcome == "undecided"
    assert "known from training" in found.reason


def test_three_verdicts_and_their_sentences():
    rules = requirements_of(["accuracy >= 90 %", "worst_class >= 80 %"])
    fit = verdict("A", rules, [answered(999, 1000)])
    unfit = verdict("B", rules, [answered(500, 1000)])
    unknown = verdict("C", rules, [answered(27, 30)])
    assert [v.answer for v in (fit, unfit, unknown)] == ["fit", "not fit", "not shown"]
    assert fit.sentence == "A is fit for this use: all 2 requirements are met."
    assert "50.0 %" in unfit.sentence
    assert "at least 90 % is required" in unfit.sentence
    assert "not shown to be fit" in unknown.sentence
    assert verdict("D", rules, []).next_step == "Measure Accuracy too."
    part = verdict("E", requirements_of(["accuracy >= 90 %"]), [answered(91, 100)])
    assert "examples" in part.next_step
    leaky = answered(100, 100)
    leaky = replace(leaky, provenance=replace(leaky.provenance, leaked=("image1",)))
    doubted = verdict("F", requirements_of(["accuracy >= 50 %"]), [leaky])
    doubt = "1 of the evaluated pictures is known from training, so it is too good."
    assert doubted.sentence.endswith(doubt)
    assert doubted.next_step == "Measure on pictures that this model was not trained on."
    assert list(doubted.reasons) == [doubt]


def test_what_was_refused_says_why_in_the_sentence_and_the_way_out_in_the_next_step():
    rule = requirement("accuracy >= 50 %")
    reason = "it was not measured: The model knows other classes. Fine-tune it."
    refused = Verdict("A", (Checked(rule, None, "undecided", reason),))
    assert refused.sentence == (
        "A is not shown to be fit: Accuracy was not measured: The model knows other classes."
    )
    assert refused.next_step == "Fine-tune it."
    alone = Verdict("A", (Checked(rule, None, "undecided", "it was not measured"),))
    assert alone.sentence == "A is not shown to be fit: Accuracy was not measured."


def test_the_name_of_each_row_of_the_figure_is_seen_and_stands_between_stripes():
    found = verdict("m", requirements_of(["accuracy >= 90 %", "ece <= 20 %"]), [answered(99, 100)])

    figure = requirement_bars(found)

    assert figure.layout.yaxis.ticklabeloverflow == "allow", "the topmost one is left out otherwise"
    stripes = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    pixels = [ROW * (shape.y1 - shape.y0) for shape in stripes]
    assert len(stripes) == 2
    assert max(pixels) + 14 + 14 <= ROW, "a name of 14 px, and as much air"

"""Several candidates: the set of the best, chances to be first, the front, weights."""

import json
import math
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from made_results import accuracy_result, provenance, robustness_result
from scipy.stats import norm

from usable_core.catalog.looks import model_styles
from usable_core.comparison import compare
from usable_core.comparison.leaders import conditions_of, leaders, said_of_each
from usable_core.comparison.standings import standing
from usable_core.evaluations.result import Number
from usable_core.evaluations.robustness import Check
from usable_core.metrics import trade_offs
from usable_core.metrics.calibration import calibration_error, own_errors
from usable_core.metrics.classification import share
from usable_core.metrics.intervals import Estimate, mean_estimate
from usable_core.metrics.shrinkage import chances, possible_values
from usable_core.plots.candidates import first_by_weight, numbers_with_intervals
from usable_core.records import from_json, to_json
from usable_core.verdicts.candidates import Candidates
from usable_core.verdicts.comparing import candidates_of
from usable_core.verdicts.standing import chance_text, listed


def answered(right, *, name="m", start=0, confidence=None, attacked=None, order=None):
    """The answers of one model that is right where `right` says."""
    right = np.asarray(right, bool)
    labels = np.zeros(len(right), int)
    found = accuracy_result(
        labels, (~right).astype(int), model=f"a/{name}", start=start, confidence=confidence
    )
    if order is not None:
        found = type(found)(found.config, found.provenance, found.records.iloc[order])
    answers = {"accuracy": found}
    if attacked is not None:
        withstood = right & np.asarray(attacked, bool)
        answers["robustness"] = robustness_result(
            labels,
            (~right).astype(int),
            [(~right).astype(int), (~withstood).astype(int)],
            epsilons=(0.0, 4 / 255),
            model=f"a/{name}",
        )
    return answers


def of_accuracies(accuracies, n=400, seed=0):
    generator = np.random.default_rng(seed)
    hard = generator.random((n, 1)) * 0.5 + generator.random((n, len(accuracies))) * 0.5
    cuts = [np.quantile(hard[:, k], a) for k, a in enumerate(accuracies)]
    return hard <= np.asarray(cuts)


def stood(right):
    return standing(right.astype(float), [share(column) for column in right.T])


def test_the_interval_of_a_number_of_an_axis_ends_where_the_numbers_do():
    near = np.ones((9, 1)) * [0.0, 1.0]
    near[0] = 0.3, 0.7
    own = [mean_estimate(column) for column in near.T]
    assert [own[0].low < 0, own[1].high > 1] == [True, True], "wide enough to tell anything"

    found = standing(near, own).values

    assert [(one.low, one.high) for one in found] == [(0, own[0].high), (own[1].low, 1)]


def test_the_best_are_those_that_nobody_is_shown_to_beat():
    right = np.zeros((200, 4), bool)
    right[:190, 0] = right[:188, 1] = right[:120, 2] = right[:60, 3] = True

    found = stood(right)

    assert found.best == (0, 1)
    assert found.groups == ("A", "A", "B", "C")
    # Connor 1987, by hand: only the first right on 2 of 200, d = ψ = 0.01.
    reach = found.critical * math.sqrt(0.01) + norm.ppf(0.8) * math.sqrt(0.01 - 0.0001)
    assert found.examples == math.ceil((reach / 0.01) ** 2)


def test_two_that_are_shown_to_differ_need_no_more_examples():
    right = np.zeros((200, 2), bool)
    right[:190, 1] = right[:90, 0] = True

    found = stood(right)

    assert (found.best, found.examples) == ((1,), None)
    assert found.sentence("AB", "accuracy", (0, 1)) == "The best in accuracy is B (95 %, n = 200)."


def test_the_set_holds_the_best_and_chances_are_right_as_often_as_said():
    """A fast sample of `benchmarks.candidates`: four models, spreads of 1 and 3 points."""
    held, said = [], []
    for trial in range(120):
        generator = np.random.default_rng(trial)
        true = 0.8 + generator.choice([0.01, 0.03]) * generator.standard_normal(4)
        latent = math.sqrt(0.6) * generator.standard_normal((1000, 1))
        latent = latent + math.sqrt(0.4) * generator.standard_normal((1000, 4))
        right = latent < norm.ppf(true)
        best, centred = int(true.argmax()), right - right.mean(axis=0)
        errors = (centred.T @ centred + np.eye(4) / 2) / 1000**2
        chance = chances(possible_values(right.mean(axis=0)[None], errors)[:, 0])
        held.append(best in stood(right).best)
        said.append((chance.max(), chance.argmax() == best))
    sure = [is_right for chance, is_right in said if 0.8 <= chance <= 0.97]
    assert np.mean(held) >= 0.95
    assert len(sure) > 15
    assert 0.8 <= np.mean(sure) <= 0.99


def test_two_models_pull_each_other_as_the_integral_over_the_width_says():
    """One difference d of error s: its chance to be above 0, integrated over the shrinkage."""
    d, s = 0.03, 0.015
    shrinkage = (np.arange(4000) + 0.5) / 4000  # s² / (s² + 2 τ²)
    likely = norm.pdf(d, scale=s / np.sqrt(shrinkage))
    above = norm.cdf(np.sqrt(1 - shrinkage) * d / s)
    expected = float((likely * above).sum() / likely.sum())

    found = chances(possible_values(np.array([[d, 0.0]]), np.eye(2) * s**2 / 2)[:, 0])

    assert found[0] == pytest.approx(expected, abs=0.02)
    assert found[0] < norm.cdf(d / s) - 0.02  # the plain share of resamples


def test_the_order_of_the_models_changes_no_chance():
    values = np.array([[0.8, 0.83, 0.79], [0.5, 0.4, 0.45]])
    root = np.random.default_rng(0).normal(size=(6, 6)) / 100
    errors = root @ root.T
    whole = possible_values(values, errors)
    for order in permutations(range(3)):
        places = [3 * a + k for a in range(2) for k in order]
        turned = possible_values(values[:, order], errors[np.ix_(places, places)])
        assert np.allclose(turned, whole[:, :, order], atol=1e-12)


def test_other_axes_change_no_chance_of_an_axis():
    values = np.array([[0.8, 0.83, 0.79], [0.5, 0.4, 0.45]])
    root = np.random.default_rng(0).normal(size=(6, 6)) / 100
    errors = root @ root.T

    alone = possible_values(values[:1], errors[:3, :3])[:, 0]
    beside = possible_values(values, errors)

    assert np.allclose(beside[:, 0], alone, atol=1e-6)
    errors_of = (beside - beside.mean(axis=0))[:, :, 0] - (beside - beside.mean(axis=0))[:, :, 1]
    seen = errors[0, 3] - errors[0, 4] - errors[1, 3] + errors[1, 4]
    assert np.sign(np.corrcoef(errors_of.T)[0, 1]) == np.sign(seen)


def test_models_that_are_alike_have_one_chance():
    right = np.repeat(of_accuracies([0.8]), 3, axis=1)
    found = candidates_of([answered(c, name=k) for k, c in enumerate(right.T)], "ABC")

    assert found.axes[0].standing.best == (0, 1, 2)
    assert found.axes[0].standing.examples is None
    assert found.chances(0) == pytest.approx([1 / 3] * 3, abs=0.03)
    assert not any(place.dominated_by for place in found.front)
    assert "any of the 3" in found.sentence
    assert "too close to say" in found.sentence
    assert "no number of examples would separate" in found.sentence


@pytest.mark.parametrize("n", [1, 2, 40])
@pytest.mark.parametrize("share_right", [(0, 0), (1, 1), (1, 0)])
def test_all_right_all_wrong_and_a_single_example(n, share_right):
    pair = [answered([bool(s)] * n, name=k) for k, s in enumerate(share_right)]

    found = candidates_of(pair, "AB")

    assert np.isfinite(found.drawn).all()
    chance = found.chances(0)
    if share_right == (1, 0):
        assert found.axes[0].standing.best == ((0,) if n == 40 else (0, 1))
        assert chance[0] > 0.6
    else:
        assert chance.tolist() == [0.5, 0.5]
        assert found.axes[0].standing.best == (0, 1)
    json.dumps(found.summary(), allow_nan=False)


def test_examples_are_joined_by_id_whatever_their_order_and_place():
    right = of_accuracies([0.9, 0.7], n=60)
    whole = candidates_of([answered(c, name=k) for k, c in enumerate(right.T)], "AB")
    turned = np.random.default_rng(1).permutation(60)
    mixed = candidates_of(
        [answered(right[:, 0], name=0), answered(right[:, 1], name=1, order=turned)], "AB"
    )
    assert mixed == whole
    assert whole.notes == ()

    other = answered(right[20:, 1], name=1, start=20)  # the last 40 of them
    part = candidates_of([answered(right[:, 0], name=0), other], "AB")
    at = part.axes[0].standing
    assert at.n == 40
    assert at.values[0].value == right[20:, 0].mean()
    assert at.values[1].value == right[20:, 1].mean()
    assert part.notes[0] == "Compared in accuracy on the 40 examples that all have, of up to 60."

    apart = candidates_of(
        [answered(right[:, 0], name=0), answered(right[:, 1], name=1, start=1000)], "AB"
    )
    assert apart.axes == ()
    assert apart.sentence == "The candidates cannot be compared."
    assert "no example in common" in apart.notes[0]
    json.dumps(apart.summary(), allow_nan=False)


def test_who_could_not_be_measured_is_left_out_and_said():
    right = of_accuracies([0.9, 0.7], n=60)
    measured = [answered(c, name=k) for k, c in enumerate(right.T)]

    found = candidates_of([measured[0], {}, measured[1]], "ABC")

    assert found.names == ("A", "C")
    assert found.notes == ("Not compared, for its accuracy was not measured: B.",)
    assert candidates_of([measured[0], {}], "AB") is None
    assert candidates_of([{}, {}], "AB") is None


def test_an_axis_that_one_lacks_or_that_a_check_forbids_is_left_out_and_said():
    right = of_accuracies([0.9, 0.8], n=60)
    one = answered(right[:, 0], name=0, attacked=right[:, 1])
    two = answered(right[:, 1], name=1, attacked=right[:, 0])

    both = candidates_of([one, two], "AB", epsilon=4 / 255)
    assert [a.name for a in both.axes] == ["accuracy", "robustness", "calibration"]
    assert both.axes[1].title == "accuracy under attack (at ε = 4/255)"
    assert both.axes[1].standing.values[0].value == (right[:, 0] & right[:, 1]).mean()
    mean = candidates_of([one, two], "AB").axes[1]
    own = one["robustness"].area
    assert mean.standing.values[0].value == pytest.approx(own.value)

    lacking = candidates_of([one, {"accuracy": two["accuracy"]}], "AB", epsilon=4 / 255)
    assert [a.name for a in lacking.axes] == ["accuracy", "calibration"]
    assert "accuracy under attack: it was not measured of B" in lacking.notes[0]

    weak = two["robustness"]
    checks = (Check("losses_agree", "red", "Margin breaks more.", {}),)
    weak = type(weak)(weak.config, weak.provenance, weak.records, checks)
    doubted = candidates_of([one, {**two, "robustness": weak}], "AB", epsilon=4 / 255)
    assert [a.name for a in doubted.axes] == ["accuracy", "calibration"]
    assert "upper bound only" in doubted.notes[0]

    elsewhere = candidates_of([one, two], "AB", epsilon=9 / 255)
    assert [a.name for a in elsewhere.axes] == ["accuracy", "calibration"]
    assert "9/255" in elsewhere.notes[0]


def test_the_calibration_error_is_the_mean_of_what_examples_add():
    generator = np.random.default_rng(2)
    confidence = generator.random(500)
    correct = generator.random(500) < confidence**2

    added = own_errors(confidence, correct)

    assert added.mean() == pytest.approx(calibration_error(confidence, correct).value, abs=1e-12)
    sure = candidates_of(
        [answered(correct, name=k, confidence=confidence) for k in range(2)], "AB"
    ).axes[1]
    assert sure.standing.values[0].value == pytest.approx(1 - added.mean())


def test_a_model_is_dominated_where_another_is_no_worse_anywhere_and_better_once():
    values = np.array([[0.9, 0.8, 0.8, 0.7], [0.5, 0.6, 0.6, 0.5], [0.9, 0.9, 0.9, 0.9]])

    over = trade_offs.dominators(values)

    assert [np.flatnonzero(row).tolist() for row in over] == [[], [], [], [0, 1, 2]]


def test_the_sentence_names_who_is_dominated():
    right = of_accuracies([0.9, 0.6], n=500)
    strong, weak = np.ones(500, bool), np.arange(500) < 100
    one = answered(right[:, 0], name=0, attacked=strong, confidence=np.full(500, 0.9))
    two = answered(right[:, 1], name=1, attacked=weak, confidence=np.full(500, 0.9))

    found = candidates_of([one, two], ["One", "Two"], epsilon=4 / 255)

    assert found.front[1].dominated_by == ("One",)
    assert found.front[1].is_behind
    assert found.sentence.endswith("Two is dominated by One, which is no worse on any axis.")
    assert found.front[0].words == "on the front (over 99 %)"


def test_weights_turn_the_first():
    """Two axes, one model better on each: it is first where its axis weighs more than half."""
    values = np.array([[0.9, 0.8], [0.5, 0.6]])

    shares = trade_offs.shares_of_weights(values)
    assert shares == pytest.approx([0.5, 0.5], abs=0.03)
    uneven = trade_offs.shares_of_weights(np.array([[0.9, 0.8], [0.5, 0.8]]))
    assert uneven == pytest.approx([0.25, 0.75], abs=0.03)  # 0.1 w > 0.3 (1 − w): w > 0.75

    drawn = np.repeat(values[None], 10, axis=0)
    along = trade_offs.along_one_weight(drawn, np.array([0.5, 0.5]), 0, np.array([0.0, 0.4, 0.6]))
    assert along.tolist() == [[0, 1], [0, 1], [1, 0]]
    assert trade_offs.weighted_chances(drawn, np.array([3.0, 1.0])).tolist() == [1, 0]
    assert trade_offs.front_chances(drawn).tolist() == [1, 1]


def test_weights_by_name_and_none_that_are_none():
    right = of_accuracies([0.9, 0.6], n=300)
    found = candidates_of([answered(c, name=k) for k, c in enumerate(right.T)], "AB")

    assert found.first({"accuracy": 1, "calibration": 0})[0] == found.chances(0)[0]
    assert found.first_over_all_weights.sum() == pytest.approx(1)
    for weights in ({"accuracy": 0, "calibration": 0}, {"accuracy": -1, "calibration": 2}):
        with pytest.raises(ValueError, match="not all 0"):
            found.first(weights)


def test_it_is_stored_and_read_again():
    right = of_accuracies([0.9, 0.6, 0.7], n=80)
    found = candidates_of([answered(c, name=k) for k, c in enumerate(right.T)], "ABC")

    again = from_json(Candidates, json.loads(json.dumps(to_json(found))))

    assert again == found
    assert again.summary() == found.summary()


def test_words():
    assert listed(["A"]) == "A"
    assert listed(["A", "B", "C"]) == "A, B or C"
    assert [chance_text(p) for p in (0.0, 0.5, 0.999)] == ["under 1 %", "50 %", "over 99 %"]


def test_the_best_of_a_comparison_are_those_no_pair_beats():
    right = of_accuracies([0.9, 0.89, 0.6], n=300)
    found = compare([answered(c, name=k)["accuracy"] for k, c in enumerate(right.T)])

    (condition,) = conditions_of(found)
    at = leaders(found, condition)

    beaten = {
        row["first"] if row["difference"] > 0 else row["second"]
        for row in found.pairs.to_dict("records")
        if row["status"] == "better"
    }
    assert {at.names[k] for k in at.standing.best} == set(found.names) - beaten == {"a/0", "a/1"}
    letters = dict(zip(found.table["model"], found.table["group"], strict=True))
    assert dict(zip(at.names, at.standing.groups, strict=True)) == letters


def test_what_is_not_ranked_is_never_the_best():
    clean = np.zeros(40, int)
    pair = [
        robustness_result(clean, clean, [clean, clean + k], epsilons=(0.0, 0.1), model=f"a/{k}")
        for k in range(2)
    ]
    checks = (Check("losses_agree", "red", "Margin breaks more.", {}),)
    weak = type(pair[0])(pair[0].config, pair[0].provenance, pair[0].records, checks)
    found = compare([weak, pair[1]])

    said = list(said_of_each(found))

    assert [one["epsilon"] for one in said] == [0.0]
    assert "The best in clean accuracy may be" in said[0]["sentence"]
    whole = list(said_of_each(compare(pair)))
    assert [one["best"] for one in whole] == [["a/0", "a/1"], ["a/0"]]


class Timed:
    """An answer of the task `cost`, as far as candidates ask it."""

    def __init__(self, seconds, axis="one machine"):
        self.axis, self.is_upper_bound_only, self.config = axis, False, self
        self.same, self.provenance = (), provenance()
        self.seconds = seconds

    def outcomes(self):
        return None

    def numbers(self):
        found = Estimate(self.seconds, 0.99 * self.seconds, 1.01 * self.seconds, 50)
        slower = Estimate(9 * self.seconds, 8 * self.seconds, 10 * self.seconds, 50)
        return (Number("forward_p95", found, "batch 1"), Number("forward_p95", slower, "batch 16"))


def test_cost_counts_where_there_is_one():
    right = of_accuracies([0.9, 0.9, 0.6], n=300)
    answers = [answered(c, name=k) for k, c in enumerate(right.T)]
    timed = [{**of, "cost": Timed(s)} for of, s in zip(answers, (0.02, 0.01, 0.03), strict=True)]

    found = candidates_of(timed, "ABC")

    at = found.axes[-1].standing
    assert [a.name for a in found.axes] == ["accuracy", "calibration", "cost"]
    assert [one.value for one in at.values] == [0.5, 1.0, pytest.approx(1 / 3)]
    assert (at.best, at.groups, at.examples) == ((1,), ("B", "A", "C"), None)
    assert found.chances(2).tolist() == [0, 1, 0]
    assert "B" in found.front[2].dominated_by
    without = candidates_of([*timed[:2], answers[2]], "ABC")
    assert [a.name for a in without.axes] == ["accuracy", "calibration"]
    assert "it was not measured of C" in without.notes[0]
    other = {**answers[0], "cost": Timed(0.02, "another machine")}
    assert "several machines" in candidates_of([other, *timed[1:]], "ABC").notes[0]


def test_figures_have_intervals_and_looks_of_their_own():
    right = of_accuracies(np.linspace(0.6, 0.9, 12), n=200)
    names = [f"<b>{k}" for k in range(12)]
    found = candidates_of([answered(c, name=k) for k, c in enumerate(right.T)], names)

    numbers = numbers_with_intervals(found)
    assert [t.name for t in numbers.data][:2] == ["&lt;b&gt;0", "&lt;b&gt;1"]
    assert len({(t.line.color, t.line.dash, t.marker.symbol) for t in numbers.data}) == 12
    for trace, name in zip(numbers.data, names, strict=True):
        own = [axis.standing.values[names.index(name)] for axis in found.axes]
        assert list(trace.y) == pytest.approx([100 * one.value for one in own])
        low = [y - minus for y, minus in zip(trace.y, trace.error_y.arrayminus, strict=True)]
        assert low == pytest.approx([100 * one.low for one in own])

    along = first_by_weight(found, 0, {"accuracy": 1, "calibration": 1})
    whole = np.sum([trace.y for trace in along.data], axis=0)
    assert whole == pytest.approx(100)
    last = [trace.y[-1] for trace in along.data]
    assert last == pytest.approx(100 * found.chances(0))
    assert along.layout.shapes[0].x0 == 50


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_candidates_look_as_their_models_do_everywhere(theme):
    right = of_accuracies(np.linspace(0.7, 0.9, 2), n=60).T
    references = ["bundled/vgg_digits", "bundled/resnet_digits"]
    found = [answered(column, name="x") for column in right]
    for answers, reference in zip(found, references, strict=True):
        old = answers["accuracy"]
        source = replace(old.provenance, model=reference)
        answers["accuracy"] = replace(old, provenance=source)

    drawn = numbers_with_intervals(candidates_of(found, ["VGG", "ResNet"]), theme=theme)

    due = [style.color for style in model_styles(references, theme)]
    assert [trace.line.color for trace in drawn.data] == due

"""The cost that is told before an evaluation holds for real evaluations."""

from dataclasses import replace

import pytest
from made_results import resolved
from toy_models import digits_dataset, digits_model

from usable_core.catalog.attacks import ATTACKS, AttackSpec
from usable_core.evaluations.robustness import Cost, RobustnessConfig
from usable_core.evaluations.robustness_cost import (
    LEAST_SHARE,
    START_SECONDS,
    Speed,
    Work,
    attack_work,
    check_work,
    failure,
    most_work,
    seconds,
    speed_of,
    spoken,
)
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.measuring.robustness import measure

ASKED = RobustnessConfig(ModelSpec("toy"), DatasetSpec("toy"), epsilons=(0.0, 0.02, 0.05, 0.1))


@pytest.fixture(scope="module")
def model():
    return digits_model()


@pytest.mark.parametrize(
    "settings",
    [
        {"preset": "glance"},
        {"attack": "fgsm"},
        {"attack": "square", "steps": 20},
        {"norm": "l1"},
        {"attack": "apgd", "steps": 5, "loss": "targeted_dlr", "targets": 9, "draws": 2},
    ],
    ids=str,
)
def test_a_real_evaluation_costs_no_more_and_not_much_less_than_was_said(model, settings):
    config = replace(ASKED, walked=4, gallery=0, **resolved(settings))

    cost = measure(model=model, dataset=digits_dataset(1297, 1313), config=config).cost

    attack = (cost.forward + cost.backward) / attack_work(config, 16, 10).passes
    checks = cost.checks / check_work(config, 16, 10).passes
    assert attack <= 1.2  # what broke an example on the way down was paid for as well
    assert checks <= 1.2
    whole = cost.forward + cost.backward + cost.checks
    assert whole >= LEAST_SHARE * most_work(config, 16, 10).passes


def test_every_attack_costs_its_steps_times_its_runs():
    assert failure(AttackSpec("fgsm", steps=50)) == Work(gradient=2)
    assert failure(AttackSpec("pgd", steps=20, restarts=3)) == Work(gradient=63)
    assert failure(AttackSpec("square", steps=1000)) == Work(forward=1001)
    assert failure(AttackSpec("noise", restarts=2)) == Work(forward=4)
    aimed = AttackSpec("apgd", steps=10, loss="targeted_dlr", targets=9)
    assert failure(aimed) == Work(gradient=99)
    assert failure(aimed, classes=4) == Work(gradient=33)
    assert set(ATTACKS) >= {"fgsm", "pgd", "square", "noise", "apgd"}


def test_without_walked_examples_there_are_no_checks_and_without_budgets_only_clean_answers():
    assert check_work(replace(ASKED, walked=0), 100) == Work()
    assert most_work(replace(ASKED, epsilons=(0.0,)), 100) == Work(forward=100)


def test_the_walk_of_the_checks_pays_for_every_budget_of_every_walked_example():
    config = replace(ASKED, walked=8)
    more = check_work(replace(config, epsilons=(*config.epsilons, 0.2)), 100)

    assert more == check_work(config, 100) + failure(config.attacks[0]) * 8


def test_more_examples_and_draws_cost_in_proportion():
    one = attack_work(ASKED, 10)

    assert attack_work(ASKED, 30) == one * 3
    assert attack_work(replace(ASKED, draws=4), 10) == one * 4


def test_seconds_run_from_a_share_of_the_most_to_all_of_it():
    low, high = seconds(Work(1000, 500), Speed(0.01, 0.04))

    assert high == pytest.approx(START_SECONDS[1] + 30)
    assert low == pytest.approx(START_SECONDS[0] + LEAST_SHARE * 30)


def test_the_speed_of_a_finished_run_counts_its_checks_too():
    found = speed_of(Cost(forward=60, backward=20, checks=20, seconds=4.0, check_seconds=1.0))

    assert found == Speed(0.05, 0.1)
    assert speed_of(Cost()) is None


@pytest.mark.parametrize(
    ("span", "text"),
    [
        ((3.2, 8.7), "3 to 9 seconds"),
        ((17, 66), "15 to 65 seconds"),
        ((20, 120), "20 seconds to 2 minutes"),
        ((400, 1500), "7 to 25 minutes"),
        ((2000, 20_000), "35 minutes to 6 hours"),
        ((0.1, 0.2), "about 1 second"),
        ((221, 249), "about 4 minutes"),
    ],
)
def test_spans_are_said_in_round_words(span, text):
    assert spoken(span) == text

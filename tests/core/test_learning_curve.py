"""Learning curves: nested sizes, one run a training, and only what the intervals say in words."""

import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import usable_core as usable
from usable_core import answering, cli, jobs
from usable_core.errors import Cancelled, ConfigError
from usable_core.evaluations import learning_curve
from usable_core.evaluations.learning_curve import ALL, LearningCurveConfig
from usable_core.evaluations.learning_curve_result import LearningCurveResult
from usable_core.evaluations.learning_curve_words import in_words, refusals
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig
from usable_core.evaluations.training_axes import UNKNOWN
from usable_core.metrics.intervals import mean_estimate
from usable_core.plots.learning_curve import learning_curve_figure
from usable_core.runs import RunStore
from usable_core.training import fine_tuning

MODEL, OTHER, DATA = ModelSpec("bundled/vgg_digits"), ModelSpec("bundled/resnet"), "digits"
QUICK = Schedule(epochs=1, batch_size=10, precision="float32")
ASKED = LearningCurveConfig(
    (MODEL,), DatasetSpec(DATA, limit=20), (10, ALL), (0, 1), "linear_probe", QUICK
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The store and the answer of a curve that is asked on the command line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning_curve, "LEAST_STEPS", 20)
        patch.setenv("USABLE_HOME", str(tmp_path_factory.mktemp("home")))
        words = ["learning-curve", "--model", MODEL.reference, "--dataset", DATA, "--limit", "20"]
        words += ["--train-sizes", "all,10", "--seeds", "0,1", "--method", "linear_probe"]
        words += ["--epochs", "1", "--batch-size", "10", "--precision", "float32"]
        assert cli.main(words) == 0
        store = RunStore()
        (run,) = store.list("learning_curve")
        return store, run, store.load(run.id), store.children(run.id)


def test_each_size_and_seed_is_a_training_of_its_own_on_the_same_test_examples(measured):
    store, run, result, children = measured

    assert run.config == ASKED
    assert run.result.endswith("% with 20")
    assert [child.task for child in children] == ["finetune", "accuracy"] * 4
    assert list(result.records["size"]) == [10, 10, 20, 20]
    assert list(result.records["seed"]) == [0, 1] * 2
    answers = [store.load(child.id) for child in children]
    assert len({tuple(one.records["id"]) for one in answers[1::2]}) == 1
    for row, training, accuracy in zip(
        result.records.to_dict("records"), answers[::2], answers[1::2], strict=True
    ):
        assert training.config.train_size == row["size"]
        assert training.card["data"]["n"] == row["size"]
        assert (accuracy.accuracy.value, accuracy.n) == (row["accuracy"], row["n"])
        assert training.config.schedule.epochs * row["size"] / 10 == 20
    assert result.total == 20
    assert store.load(run.id).summary() == result.summary()


def test_python_asks_the_same_and_takes_what_is_known_from_the_store(measured, monkeypatch):
    store, _, result, _ = measured
    monkeypatch.setenv("USABLE_HOME", str(store.home))
    monkeypatch.setattr(learning_curve, "LEAST_STEPS", 20)
    monkeypatch.setattr(fine_tuning, "fine_tune", lambda **_: pytest.fail("it was trained again"))
    settings = {"seeds": [1], "method": "linear_probe", "schedule": QUICK}

    found = usable.learning_curve(
        MODEL.reference, DATA, limit=20, train_sizes="10, all", **settings
    )

    of_seed = result.records[result.records["seed"] == 1].reset_index(drop=True)
    assert found.records.equals(of_seed)
    with pytest.raises(ConfigError, match="at least one model"):
        usable.learning_curve([], DATA)


def test_few_examples_are_seen_as_often_as_the_least_steps_take():
    sizes = {one.train_size: one.schedule.epochs for one in ASKED.trainings(MODEL, 1500)}
    usual = replace(ASKED, schedule=Schedule()).trainings(MODEL, 1500)

    assert sizes == {10: 200, 1500: 2}
    assert {one.schedule.epochs for one in usual} == {200, None}


def test_sizes_of_each_class_are_as_many_times_the_classes():
    asked = replace(ASKED, train_sizes=(1, 20, ALL), seeds=(0,), counted="per_class")

    sizes = [one.train_size for one in asked.trainings(MODEL, 150, 10)]

    assert sizes == [10, 150]  # twenty of each are more than there are
    assert [one.train_size for one in asked.trainings(MODEL, 1500, 10)] == [10, 200, 1500]


def test_a_size_beyond_all_is_all_and_one_training():
    trainings = ASKED.trainings(MODEL, 15)

    assert [one.train_size for one in trainings] == [10, 10, 15, 15]


def test_a_plain_training_is_the_question_that_it_was_before_there_were_sizes(monkeypatch):
    class Thing:
        fingerprint, labels, card = "f", None, {}

    objects = {"model": Thing(), "dataset": Thing()}
    plain = FineTuningConfig(MODEL, DatasetSpec(DATA))

    assert answering.key(plain, objects) != answering.key(replace(plain, train_size=5), objects)
    key, written = answering.key(plain, objects), answering.to_json
    before = {name: value for name, value in written(plain).items() if name != "train_size"}
    monkeypatch.setattr(answering, "to_json", lambda config: dict(before))
    assert answering.key(plain, objects) == key


def test_a_backbone_that_cannot_be_loaded_is_listed_and_the_others_go_on(tmp_path):
    gone = ModelSpec(str(tmp_path / "gone"))
    sizes = {"train_sizes": (1,), "counted": "per_class"}
    config = replace(ASKED, models=(gone, MODEL), seeds=(0,), **sizes)

    _, result = jobs.run_here(config, objects={"dataset": answering.dataset_of(config.dataset)})

    assert list(result.records["n"] > 0) == [False, True]
    assert f"{gone.reference}, 10 images, seed 0 has no answer:" in refusals(result)[0]


# The numbers are functions of the records


def made(curves, **fields):
    """A result of curves: (model, start) to size to the accuracies of its seeds."""
    rows = [
        {"model": model, "start": start, "size": size, "seed": seed, **UNKNOWN}
        | {"accuracy": accuracy, "n": 100, "ece": 0.1, "training": "t", "measured": "m"}
        for (model, start), sizes in curves.items()
        for size, accuracies in sizes.items()
        for seed, accuracy in enumerate(accuracies)
    ]
    models = tuple(ModelSpec(name) for name in dict.fromkeys(model for model, _ in curves))
    config = LearningCurveConfig(models, DatasetSpec(DATA), (10,), **fields)
    return LearningCurveResult(config, pd.DataFrame(rows), "test", 400)


GROWN = made(
    {
        ("a", "pretrained"): {100: (0.80, 0.82, 0.81), 200: (0.84, 0.86, 0.86)},
        ("a", "random"): {100: (0.50, 0.52, 0.51), 200: (0.60, 0.50, 0.52)},
    }
)


def test_a_point_is_a_mean_and_a_gain_is_paired_by_seed():
    first, last = GROWN.curves[0].points

    assert first.spread.accuracy == mean_estimate(np.array([0.80, 0.82, 0.81]))
    assert last.gain_from(first) == mean_estimate(np.array([0.84 - 0.80, 0.86 - 0.82, 0.86 - 0.81]))
    assert math.isnan(
        made({("a", "pretrained"): {10: (0.5,), 20: (0.6,)}})
        .curves[0]
        .points[1]
        .gain_from(first)
        .low
    )


def test_only_what_the_intervals_say_is_said():
    grown, scratch, reached, *_ = in_words(GROWN)

    assert grown == (
        "a: from 100 to 200 images task accuracy goes from 81.0 % to 85.3 %. Twice the labels at "
        "the end (from 100 to 200) gave +4.3 points (+2.9 to +5.8)."
    )
    assert "are not shown to change it: +3.0 points (−" in scratch
    assert reached.startswith(
        "At 100 images a reaches at least what a from random weights reaches at 200: +27.0 points"
    )
    assert sum("reaches" in said for said in in_words(GROWN)) == 1


def test_a_lead_that_chance_may_explain_is_no_lead():
    close = made(
        {
            ("a", "pretrained"): {100: (0.80, 0.90, 0.70), 200: (0.9, 0.9, 0.9)},
            ("b", "pretrained"): {100: (0.60, 0.60, 0.60), 200: (0.79, 0.78, 0.77)},
        }
    )

    assert not any("reaches at least" in said for said in in_words(close))
    agreed = made(
        {
            ("a", "pretrained"): {100: (0.8, 0.8), 200: (0.9, 0.9)},
            ("b", "pretrained"): {100: (0.6, 0.6), 200: (0.8, 0.8)},
        }
    )
    assert not any("reaches at least" in said for said in in_words(agreed))
    assert "gave +10.0 points (all seeds)" in in_words(agreed)[0]


def test_the_figure_has_a_line_per_backbone_and_start_on_a_log_axis():
    figure = learning_curve_figure(GROWN)

    lines = {(t.name, t.yaxis): t for t in figure.data if t.customdata}
    assert {name for name, _ in lines} == {"a", "a from random weights"}
    assert len(lines) == 4  # accuracy and calibration error
    one = lines["a", "y"]
    assert one.x == (2.0, math.log10(200))
    assert one.y == pytest.approx((81.0, 85.333333))
    assert sum(bool(trace.showlegend) for trace in figure.data) == 2


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"train_sizes": ()}, "train_sizes must be whole numbers from 2"),
        ({"train_sizes": (1,)}, "train_sizes must be whole numbers from 2"),
        ({"train_sizes": (5, 5)}, "train_sizes must be each named once"),
        ({"train_sizes": (True,)}, "train_sizes must be whole numbers from 2"),
        ({"models": ()}, "models must be at least one"),
        ({"models": (MODEL, MODEL)}, "models must be each named once"),
        ({"seeds": ()}, "seeds must be whole numbers"),
        ({"seeds": tuple(range(300))}, "of at most 500 trainings"),
        ({"dataset": DatasetSpec(DATA, split="all")}, "no training saw"),
        ({"method": "probe"}, "one of full, linear_probe"),
    ],
)
def test_bad_input_is_a_sentence(said, told):
    with pytest.raises(ConfigError, match=re.escape(told)):
        replace(ASKED, **said)


def test_the_command_takes_several_backbones_and_refuses_a_size_that_is_none(monkeypatch, capsys):
    words = ["learning-curve", "--model", "bundled/vgg,bundled/resnet", "--dataset", DATA]
    asked = []

    def stop(config):
        asked.append(config)
        raise Cancelled

    monkeypatch.setattr("usable_core.cli.ask.run_task", stop)
    assert cli.main([*words, "--from-scratch"]) == cli.STOPPED
    assert [model.reference for model in asked[0].models] == ["bundled/vgg", "bundled/resnet"]
    assert asked[0].starts == ("pretrained", "random")

    assert cli.main([*words, "--train-sizes", "10,most"]) == 2
    assert "train_sizes must be whole numbers and all" in capsys.readouterr().err

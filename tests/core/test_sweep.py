"""A sweep of λ: each training once, whatever stops it; means over seeds, intervals, a front."""

import math
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from made_texts import CLASSES, save_classifier

import usable_core as usable
from usable_core import cli, jobs
from usable_core.errors import Cancelled, ConfigError, Diverged, UsableError
from usable_core.evaluations import sweep
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.spread_words import measured_said, spread
from usable_core.evaluations.sweep import SweepConfig
from usable_core.evaluations.sweep_result import SweepResult
from usable_core.evaluations.sweep_words import in_words, refusals
from usable_core.evaluations.training import UNMOVED
from usable_core.evaluations.training_axes import AXES, columns_of
from usable_core.evaluations.trainings import Measures
from usable_core.jobs.trainings import so_far
from usable_core.metrics.intervals import mean_estimate, wilson
from usable_core.plots.sweep import front_figure, lambda_figure
from usable_core.runs import RunStore, Status
from usable_core.training import fine_tuning, joint

MODEL, DATA = ModelSpec("bundled/vgg_digits"), DatasetSpec("digits", limit=20)
QUICK = Schedule(epochs=1, batch_size=10, precision="float32")
# λ that move nothing: what is tested of the flow is tested of them, and they are quick.
ASKED = SweepConfig(MODEL, DATA, QUICK, source=DATA, lambdas=(0, 0.001), seeds=(0, 1))
PLACES = [(weight, seed) for weight in ASKED.lambdas for seed in ASKED.seeds]


@pytest.fixture
def trained(monkeypatch):
    """The λ and seed of each training that is begun; `raises` says what one of them raises."""
    begun, raises, real = [], {}, fine_tuning.fine_tune

    def noted(*, config, **others):
        one = (config.task_weight, config.schedule.seed)
        begun.append(one)
        if one in raises:
            raise raises[one]
        return real(config=config, **others)

    monkeypatch.setattr(fine_tuning, "fine_tune", noted)
    return SimpleNamespace(begun=begun, raises=raises)


def test_each_lambda_and_seed_is_a_run_of_its_own_and_a_model(trained):
    told = []
    run, result = jobs.run_here(
        replace(ASKED, lambdas=(0, 1), seeds=(3,)),
        lambda done, total, message, **_: told.append((done, total)),
    )

    store = RunStore()
    assert trained.begun == [(0.0, 3), (1.0, 3)]
    assert [r.task for r in store.children(run.id)] == ["finetune", "accuracy"] * 2
    for row in result.records.to_dict("records"):
        training, measured = store.load(row["training"]), store.load(row["measured"])
        assert training.config.task_weight == row["lambda"]
        assert training.config.schedule.seed == row["seed"]
        assert training.retained.after.value == row["retained"]
        assert training.retained.before.value == row["before"]
        assert measured.config.model.reference == f"run/{row['training']}"
        assert (measured.accuracy.value, measured.n) == (row["accuracy"], row["n"])
        assert measured.ece().value == row["ece"]
    assert result.split == "test"
    assert set(result.records["refused"]) == {""}
    assert store.load(run.id).summary() == result.summary()
    shares = [done for done, total in told if total]
    assert shares == sorted(shares)
    assert shares[-1] == told[-1][1]


def test_robustness_and_maps_are_measured_where_they_are_asked_for(trained):
    measures = Measures(epsilon=2 / 255, attacked=4, explanation="occlusion", explained=1)
    more = {"lambdas": 0, "seeds": [0], "front": ["robustness", "calibration"]}

    result = usable.sweep(
        MODEL.reference,
        "digits",
        limit=20,
        source=DATA,
        schedule=QUICK,
        measures=measures,
        **more,
    )

    store = RunStore()
    (run,) = store.list("sweep")
    parts = {child.task: store.load(child.id) for child in store.children(run.id)}
    assert list(parts) == ["finetune", "accuracy", "robustness", "explanation"]
    attacked, explained = parts["robustness"], parts["explanation"]
    assert (attacked.config.preset, attacked.config.epsilons) == ("glance", (0.0, 2 / 255))
    (row,) = result.records.to_dict("records")
    assert (row["robust"], row["robust_n"]) == (attacked.robust_accuracy[-1].value, 4)
    assert row["gain"] == explained.per_method["deletion_gain"][0]
    assert (row["gain_n"], explained.config.methods) == (1, ("occlusion",))
    assert (row["ece_low"], row["ece_high"]) == (
        parts["accuracy"].ece().low,
        parts["accuracy"].ece().high,
    )
    assert result.axes == tuple(AXES)
    live = so_far(run)
    assert set(live["state"]) == {""}
    assert live.drop(columns="state").replace("", row["measured"]).shape[0] == 1
    assert {name: live[name][0] for name in ("robust", "gain", "accuracy", "retained")} == {
        name: row[name] for name in ("robust", "gain", "accuracy", "retained")
    }


def test_one_that_was_stopped_goes_on_without_training_twice(trained):
    def stop(done, total, message, **_):
        if message.startswith("λ = 0.001, seed 1: "):
            raise SystemExit  # as a process ends that is told to

    with pytest.raises(SystemExit):
        jobs.run_here(ASKED, stop)
    (stopped,) = RunStore().list("sweep")
    assert stopped.status is Status.LOST
    assert "finished trainings are answered from the store" in stopped.error
    before = list(trained.begun)
    trained.begun.clear()

    _, result = jobs.run_here(ASKED)

    assert before[:3] == [(0.0, 0), (0.0, 1), (0.001, 0)]
    assert trained.begun == [(0.001, 1)]
    assert list(result.records["n"] > 0) == [True] * 4

    trained.begun.clear()
    # One more λ costs itself alone.
    _, more = jobs.run_here(replace(ASKED, lambdas=(0, 0.0005, 0.001)))
    assert trained.begun == [(0.0005, 0), (0.0005, 1)]
    others = more.records[more.records["lambda"] != 0.0005].reset_index(drop=True)
    assert others.equals(result.records)


def test_one_that_diverges_is_listed_and_the_others_go_on(trained, capsys):
    trained.raises[(0.001, 1)] = Diverged("The training ran away at step 3.")
    words = ["sweep", "--model", MODEL.reference, "--dataset", "digits", "--limit", "20"]
    words += ["--source", "digits", "--epochs", "1", "--batch-size", "10", "--precision", "float32"]

    assert cli.main([*words, "--lambda", "0.001,0", "--seeds", "0,1"]) == 0

    said = capsys.readouterr().out
    assert "λ = 0.001, seed 1 has no answer: The training ran away at step 3." in said
    assert re.search(r"^0.001 +1 ", said, re.MULTILINE)  # one seed has an answer
    assert re.search(r"^0 +2 .*not tuned", said, re.MULTILINE)
    (run,) = RunStore().list("sweep")
    assert run.config == replace(ASKED, source=replace(DATA, limit=None))
    result = RunStore().load(run.id)
    assert result.points[1].spread.refused == {"1": "The training ran away at step 3."}
    assert run.result.startswith("front: λ = ")


def test_where_all_fail_the_sweep_does_with_the_first_sentence(trained):
    trained.raises |= {one: Diverged("It ran away.") for one in PLACES}

    with pytest.raises(UsableError, match=r"No λ has an answer\. The first: It ran away\."):
        jobs.run_here(ASKED)


def test_a_cancel_ends_it(trained):
    trained.raises[(0.0, 1)] = Cancelled()

    with pytest.raises(Cancelled):
        jobs.run_here(ASKED)

    assert RunStore().list("sweep")[0].status is Status.CANCELLED


@pytest.mark.parametrize("labelled", [True, False], ids=["bert", "start"])
def test_texts_have_their_sweep(tmp_path, labelled):
    save_classifier(tmp_path / "model", "bert")
    model = str(tmp_path / "model")
    lines = [f"that old garden was seen {i},{n}" for i in range(8) for n in CLASSES]
    (tmp_path / "task.csv").write_text("\n".join(["text,label", *lines]))
    (tmp_path / "source.csv").write_text("\n".join(["text,label", *lines[::-1]]))
    if not labelled:
        source = tmp_path / "source.csv"
        source.write_text("\n".join(["text", *(line.split(",")[0] for line in lines)]))
        model = start_of(tmp_path)
    config = SweepConfig(
        ModelSpec(model),
        DatasetSpec(str(tmp_path / "task.csv")),
        replace(QUICK, epochs=1, optimizer="adamw", learning_rate=1e-3),
        source=DatasetSpec(str(tmp_path / "source.csv")),
        lambdas=(1.0,),
        seeds=(0,),
        measures=Measures(epsilon=0.3, attacked=2) if labelled else Measures(),
    )

    _, result = jobs.run_here(config)

    (point,) = result.points
    assert result.about == ("classes" if labelled else "pieces")
    assert point.spread.of_examples["retained"].n > 0
    assert point.spread.of_examples["accuracy"].n > 0
    assert "One seed: there is no interval over seeds" in " ".join(in_words(result))
    assert ("robustness" in result.axes) is labelled
    how = measured_said(result.config.measures, result.kind, [point.spread])
    assert how == ({"robustness": "Typos, ε = 30 %, n = 2"} if labelled else {})
    with pytest.raises(ConfigError, match="one of attacks on texts"):
        Measures(epsilon=0.3, preset="glance").check_kind("text")


def start_of(folder):
    """Return a network of texts without classes, as pre-training leaves it."""
    words = ["pretrain", "--architecture", "bert", "--dataset", str(folder / "task.csv")]
    assert cli.main([*words, "--epochs", "1", "--batch-size", "8"]) == 0
    return RunStore().list("pretrain")[0].reference


# The numbers are functions of the records


def test_all_axes_have_their_words_their_figure_and_their_front():
    rows = TRADED.records.assign(
        robust=TRADED.records["accuracy"] / 2,
        robust_n=20,
        is_bound=[False] * 6 + [True, False],
        gain=[0.4, 0.4, 0.3, 0.3, -0.1, 0.1, 0.2, math.nan],
        gain_low=-0.2,
        gain_high=0.6,
        gain_n=5,
        ece=[0.3, 0.3, 0.2, 0.2, 0.1, 0.1, 0.2, math.nan],
    )
    measures = Measures(epsilon=4 / 255, explanation="lime")
    config = replace(TRADED.config, measures=measures, front=("robustness", "calibration"))
    result = SweepResult(config, rows, "test")

    (said,) = [one for one in in_words(result) if one.startswith("Between the same λ")]
    assert "accuracy under attack (Glance, ε = 4/255, n = 20) from 5.5 % to 45.0 %" in said
    assert "deletion gain of maps (LIME, n = 5) from 0.40 to 0.20" in said
    assert "With λ = 1000 a check of the attack failed: there it is an upper bound only." in said
    # λ = 1 has the least error and λ = 1000 withstands the most; the others have less of both.
    assert [point.task_weight for point in result.front] == [1, 1000]
    assert "front of accuracy under attack and less calibration error (ECE)" in " ".join(
        in_words(result)
    )
    point = result.points[2].spread
    assert point.over_seeds["faithfulness"].value == 0.0
    assert point.over_seeds["faithfulness"].low == -1.0  # no gain is less
    assert point.of_examples["robustness"] == wilson(round(0.375 * 20), 20)
    assert (point.of_examples["faithfulness"].low, point.of_examples["faithfulness"].high) == (
        -0.2,
        0.6,
    )
    drawn = {trace.name: trace for trace in lambda_figure(result).data if trace.customdata}
    assert {AXES[name].title for name in AXES} == set(drawn)
    assert drawn["deletion gain of maps"].y == (0.4, 0.3, 0.0, 0.2)
    assert len({trace.yaxis for trace in drawn.values()}) == 5
    assert front_figure(result).data[0].x == (37.5, 45.0)
    assert front_figure(result, ("accuracy", "retained")).data[0].x == (11.0, 75.0, 90.0)


def made(rows, **fields):
    """A result of rows of (λ, seed, accuracy, retained, refused); None where nothing is known."""
    records = [
        {
            "lambda": float(weight),
            "seed": seed,
            "accuracy": math.nan if accuracy is None else accuracy,
            "n": 0 if accuracy is None else 50,
            "ece": math.nan if accuracy is None else 0.1,
            "before": math.nan if kept is None else 0.9,
            "retained": math.nan if kept is None else kept,
            "retained_n": 0 if kept is None else 80,
            "training": "t",
            "measured": "m",
            "refused": refused,
        }
        for weight, seed, accuracy, kept, refused in rows
    ]
    seeds = tuple({row["seed"] for row in records})
    config = SweepConfig(MODEL, DATA, source=DATA, lambdas=(0.0,), seeds=seeds, **fields)
    return SweepResult(config, pd.DataFrame(records), "test")


TRADED = made(
    [
        (0, 0, 0.10, 0.90, ""),
        (0, 1, 0.12, 0.90, ""),
        (0.1, 0, 0.10, 0.80, ""),  # λ = 0 has more of both
        (0.1, 1, 0.10, 0.80, ""),
        (1, 0, 0.70, 0.85, ""),
        (1, 1, 0.80, 0.85, ""),
        (1000, 0, 0.90, 0.60, ""),
        (1000, 1, None, None, "It ran away."),
    ]
)


def test_accuracy_under_attack_is_that_of_the_largest_budget():
    shares = [{"value": 0.9, "n": 10}, {"value": 0.4, "n": 10}]

    known = columns_of("robustness", {"robust_accuracy": shares, "is_upper_bound_only": True})

    assert known == {"robust": 0.4, "robust_n": 10, "is_bound": True}
    assert columns_of("explanation", {"methods": []}) == {}  # the method refused the model


def test_a_point_is_the_mean_over_seeds_with_both_intervals():
    one = TRADED.points[2].spread

    by_hand = mean_estimate(np.array([0.70, 0.80]))
    assert by_hand.high > 1  # and no share is
    assert one.accuracy == replace(by_hand, high=1.0)
    assert one.of_examples["accuracy"] == wilson(38, 50)
    assert one.of_examples["retained"] == wilson(68, 80)
    assert one.seeds == 2


def test_the_front_is_what_no_other_lambda_has_more_of_both_than():
    assert [point.task_weight for point in TRADED.front] == [0, 1, 1000]
    assert TRADED.summary()["front"] == [0, 1, 1000]


def test_the_limits_are_those_of_the_training():
    assert [point.limit for point in TRADED.points] == ["not tuned", "", "", "plain fine-tuning"]
    assert joint.Balance(UNMOVED, 10).is_unmoved
    assert not joint.Balance(UNMOVED * 1.01, 10).is_unmoved
    assert sweep.PLAIN == joint.LIMIT


def test_one_seed_has_no_interval_over_seeds_and_that_is_said():
    last = TRADED.points[-1].spread
    single = made([(0, 7, 0.5, 0.9, ""), (1, 7, 0.6, 0.8, "")])

    assert math.isnan(last.accuracy.low)
    assert math.isnan(last.accuracy.high)
    assert last.of_examples["accuracy"] == wilson(45, 50)
    assert any("One seed: there is no interval over seeds" in said for said in in_words(single))
    assert not any("One seed" in said for said in in_words(TRADED))


def test_the_sentences_say_what_is_traded_and_what_failed():
    said = in_words(TRADED)

    assert said[0] == (
        "From λ = 0 (not tuned) to λ = 1000 (plain fine-tuning) task accuracy goes from 11.0 % to "
        "90.0 %, and source accuracy from 90.0 % to 60.0 % (before any training 90.0 %)."
    )
    assert (
        "front of both, by the means: λ = 0, 1, 1000; λ = 0.1 has no more of either than" in said[1]
    )
    assert refusals(TRADED) == ("λ = 1000, seed 1 has no answer: It ran away.",)


def test_seeds_that_agree_claim_no_interval():
    assert spread(TRADED.points[2].spread.retained) == "85.0 % (all seeds)"
    assert spread(TRADED.points[0].spread.accuracy).startswith("11.0 % (0.0 % to ")
    assert spread(TRADED.points[-1].spread.accuracy) == "90.0 %"


def test_without_source_data_there_is_no_front_and_that_is_said():
    blind = made([(0, 0, 0.5, None, ""), (1, 0, 0.6, None, "")])

    assert blind.front == ()
    assert blind.before is None
    assert any("nothing tells what is retained" in said for said in in_words(blind))


def test_zero_and_the_order_are_no_other_question():
    one = replace(ASKED, lambdas=(0.001, 0), seeds=(1, 0))

    assert one == ASKED
    assert [type(weight) for weight in one.lambdas] == [float, float]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"lambdas": ()}, "lambda must be numbers, 0 or more"),
        ({"lambdas": (1.0, -1.0)}, "lambda must be numbers, 0 or more"),
        ({"lambdas": (math.nan,)}, "lambda must be numbers, 0 or more"),
        ({"lambdas": (math.inf,)}, "lambda must be numbers, 0 or more"),
        ({"lambdas": (True,)}, "lambda must be numbers, 0 or more"),
        ({"lambdas": "0,1"}, "lambda must be numbers, 0 or more"),
        ({"lambdas": (0, 0.0)}, "lambda must be each named once"),
        ({"seeds": ()}, "seeds must be whole numbers"),
        ({"seeds": (1.5,)}, "seeds must be whole numbers"),
        ({"seeds": (-1,)}, "seeds must be whole numbers"),
        ({"seeds": (2, 2)}, "seeds must be each named once"),
        ({"seeds": tuple(range(300))}, "of at most 500 trainings"),
        ({"source": None}, "name source data"),
        ({"proxy": "distance"}, "absent beside source data"),
        ({"dataset": replace(DATA, split="all")}, "no training saw"),
        ({"measured_on": "train"}, "one of test, validation"),
        ({"front": ("accuracy",)}, "front must be two of the axes"),
        ({"front": ("accuracy", "robustness")}, "add --robustness EPS"),
    ],
)
def test_bad_input_is_a_sentence(said, told):
    with pytest.raises(ConfigError, match=re.escape(told)):
        replace(ASKED, **said)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--lambda", "nan"], "lambda must be numbers"),
        (["--lambda", ","], "lambda must be numbers"),
        (["--lambda", "0,x"], "lambda must be a number"),
        (["--lambda", "0,0"], "each named once"),
        (["--seeds", "0,-1"], "whole numbers"),
    ],
)
def test_the_command_refuses_them_too(words, told, capsys):
    asked = ["sweep", "--model", MODEL.reference, "--dataset", "digits", "--source", "digits"]

    assert cli.main([*asked, *words]) == 2
    assert told in capsys.readouterr().err


def test_validation_can_be_measured_where_lambda_is_chosen(trained):
    config = replace(ASKED, lambdas=(0.0,), seeds=(0,), measured_on="validation")

    _, result = jobs.run_here(config)

    assert result.split == "validation"

"""The flow of an assessment: its time told before, its parts as they come, stopped and gone on."""

from dataclasses import replace

import pytest

from usable_core import cli, jobs
from usable_core.catalog.attacks import PRESETS, AttackSpec
from usable_core.errors import Cancelled
from usable_core.evaluations.robustness_cost import Speed
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.jobs.planning import known_parts, plan
from usable_core.jobs.steps import so_far
from usable_core.runs import RunStore, Status
from usable_core.verdicts import plan as sizes
from usable_core.verdicts.assessment import AssessmentConfig
from usable_core.verdicts.demo import demo
from usable_core.verdicts.estimate import LOAD_SECONDS, Estimate, Pace, estimate, spoken

MODEL = ModelSpec("bundled/vgg_digits")
DATA = DatasetSpec("digits", limit=24)
ASKED = AssessmentConfig((MODEL,), DATA, ("accuracy >= 70 %", "robust_accuracy at 0.5/255 >= 20 %"))
TASKS = ("accuracy", "cost", "corruption", "robustness", "explanation")
PACE = Pace(Speed(0.001, 0.003), examples=1000, classes=10, pixels=32 * 32)


@pytest.fixture
def quick(monkeypatch):
    """The smallest sizes: what is asked stays the same."""
    monkeypatch.setitem(sizes.SIZES, "glance", sizes.Sizes(6, (1,), 1, 32))
    few = replace(PRESETS["glance"], attacks=(AttackSpec("fgsm"),), walked=0, examples=24)
    monkeypatch.setitem(PRESETS, "glance", few)


def test_stopped_in_the_middle_it_keeps_its_parts_and_goes_on_to_the_equal_answer(quick, capsys):
    seen = []

    def stop(done, total, message, **metrics):
        seen.append((done, total))
        if "Attacking" in message:
            raise Cancelled

    with pytest.raises(Cancelled):
        jobs.run_here(ASKED, stop)
    store = RunStore()
    (stopped,) = [run for run in store.list() if run.task == "assess"]
    known = so_far(stopped.id)
    assert stopped.status is Status.CANCELLED
    assert "answered from the store" in stopped.message
    states = {part.task: part.state for part in known.parts}
    assert list(states) == [*TASKS]
    assert list(states.values()) == ["measured"] * 3 + ["under way", "to do"]
    assert [row["outcome"] for row in known.records] == ["met"]
    assert "none of them known" in known.estimate
    assert {task for _, task in known_parts(ASKED)} == {"accuracy", "cost", "corruption"}
    progress = [done for done, total in seen if total]
    assert progress == sorted(progress)

    words = ["assess", "--model", MODEL.reference, "--dataset", "digits", "--limit", "24"]
    for text in ASKED.require:
        words += ["--require", text]
    capsys.readouterr()
    assert cli.main([*words, "--dry-run"]) == 0
    assert "3 of 5 parts are known already" in capsys.readouterr().out
    assert cli.main(words) == 0
    out, err = capsys.readouterr()
    assert "3 of 5 parts are known already" in err
    assert "Robustness of bundled/vgg_digits: robust_accuracy at 0.5/255 >= 20 %: met" in err
    assert "usable dashboard --run" in out
    assert "written before these data were first looked at" in out

    again = [run for run in store.list() if run.task == "assess" and run.status is Status.DONE]
    whole = store.load(again[0].id)
    store.delete(again[0].id)
    for run in store.list():
        store.delete(run.id)
    assert known_parts(ASKED) == set()
    _, fresh = jobs.run_here(ASKED)
    columns = fresh.records.columns.difference(["run"])
    assert whole.records[columns].equals(fresh.records[columns])

    found = plan(ASKED).estimate
    assert found.seconds == 0
    assert found.known == 5
    assert found.sentence == "At once: everything is known already."


def test_the_estimate_counts_what_is_not_known():
    none = estimate(ASKED, {MODEL: PACE}, set())
    half = estimate(ASKED, {MODEL: PACE}, {(MODEL, "robustness"), (MODEL, "accuracy")})
    whole = estimate(ASKED, {}, {(MODEL, task) for task in TASKS})

    by_task = {part.task: part.seconds for part in none.parts}
    assert tuple(by_task) == TASKS
    assert by_task["accuracy"] == pytest.approx(LOAD_SECONDS + 1 + 24 * 0.001)
    assert all(part.seconds > 0 for part in none.parts)
    assert half.seconds == pytest.approx(
        LOAD_SECONDS + sum(by_task[task] for task in ("cost", "corruption", "explanation"))
    )
    assert half.sentence.endswith("2 of 5 parts are known already.")
    assert (whole.seconds, whole.known) == (0, 5)


def test_a_larger_preset_and_a_slower_model_take_longer():
    slow = replace(PACE, speed=Speed(0.01, 0.03))
    data = replace(ASKED, dataset=DatasetSpec("digits"))
    larger = replace(data, preset="standard")

    seconds = [
        estimate(asked, {MODEL: pace}, set()).seconds
        for asked, pace in ((data, PACE), (data, slow), (larger, slow))
    ]

    assert seconds[0] < seconds[1] < seconds[2]


def test_what_nobody_has_counted_is_said():
    asked = replace(ASKED, dataset=DatasetSpec("digits"))
    uncounted = replace(PACE, examples=None)

    assert "counted with 1,000 examples" in estimate(asked, {MODEL: uncounted}, set()).sentence
    assert "counted with" not in estimate(ASKED, {MODEL: uncounted}, set()).sentence


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "5 seconds"),
        (12, "15 seconds"),
        (58, "1 minute"),
        (89, "1 minute"),
        (95, "2 minutes"),
        (240, "4 minutes"),
        (3500, "1 hour"),
        (9000, "2 hours"),
    ],
)
def test_a_time_is_said_in_round_words(seconds, said):
    assert spoken(seconds) == said


def test_the_demo_is_one_assessment_of_models_in_the_box():
    assert demo() == demo()
    assert all(model.reference.startswith("bundled/") for model in demo().models)
    assert Estimate(()).seconds == 0

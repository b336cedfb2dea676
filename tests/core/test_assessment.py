"""`usable assess`: every evaluation of every candidate, and one verdict each."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from made_results import accuracy_result
from PIL import Image

import usable_core as usable
from usable_core import cli, jobs
from usable_core.catalog.attacks import PRESETS, AttackSpec
from usable_core.cli.assess import lines
from usable_core.errors import ConfigError, UnknownName, UsableError
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.jobs import assessment
from usable_core.measuring import cost
from usable_core.runs import RunStore, Status
from usable_core.verdicts import plan
from usable_core.verdicts.assessment import AssessmentConfig, AssessmentResult

DATA = DatasetSpec("digits", limit=24)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The smallest sizes: what is asked stays the same."""
    size = plan.Sizes(corrupted=6, severities=(1,), explained=2, evaluations=32)
    monkeypatch.setitem(plan.SIZES, "glance", size)
    few = replace(PRESETS["glance"], attacks=(AttackSpec("fgsm"),), walked=0, examples=24)
    monkeypatch.setitem(PRESETS, "glance", few)
    monkeypatch.setattr(plan, "timings_for", lambda candidates: 5)
    monkeypatch.setattr(cost, "WARM_UP_SECONDS", 0.0)
    monkeypatch.setattr(cost, "FOUND_SECONDS", 0.1)


def config(*models, **more):
    rules = ("accuracy >= 70 %", "robust_accuracy at 0.5/255 >= 20 %")
    return AssessmentConfig(tuple(map(ModelSpec, models)), DATA, rules, **more)


def test_data_that_cannot_be_read_end_it_before_anything_is_measured(tmp_path):
    only = tmp_path / "pictures" / "cats"
    only.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(only / "one.png")
    asked = replace(config("bundled/vgg_digits"), dataset=DatasetSpec(str(only.parent)))

    with pytest.raises(UsableError, match="only the class 'cats'"):
        jobs.run_here(asked)

    (run,) = RunStore().list()
    assert run.status is Status.FAILED
    assert run.task == "assess"


def test_a_model_that_is_fit_and_one_that_cannot_be_asked(capsys, tmp_path):
    run, result = jobs.run_here(config("bundled/vgg_digits", "bundled/resnet"))

    good, other = result.verdicts
    assert good.answer == "fit"
    assert [c.outcome for c in good.checked] == ["met", "met"]
    assert good.checked[1].found.n == 24
    assert other.answer == "not shown"
    assert all("does not know" in c.reason for c in other.checked)
    assert result.sentence.startswith(good.model)
    store = RunStore()
    parts = store.children(run.id)
    assert {part.task for part in parts if part.status is Status.DONE} >= {
        "accuracy",
        "cost",
        "robustness",
        "corruption",
        "explanation",
    }
    assert store.load(run.id).to_frame().equals(result.to_frame())
    measured = store.load(result.records["run"][0])
    assert measured.accuracy.value == good.checked[0].found.value


def test_what_the_store_knows_is_not_measured_again():
    jobs.run_here(config("bundled/vgg_digits"))
    store = RunStore()
    before = {row.id for row in store.list() if row.answered_by is None}
    stricter = AssessmentConfig(
        (ModelSpec("bundled/vgg_digits"),), DATA, ("accuracy >= 100 %", "ece <= 90 %")
    )
    _, result = jobs.run_here(stricter)
    new = [r for r in store.list() if r.answered_by is None and r.id not in before]
    assert {r.task for r in new} <= {"assess", "robustness"}  # another budget was asked before
    assert result.verdicts[0].answer != "fit"


def test_the_command_says_it_and_ends_with_its_status(capsys, tmp_path):
    out = tmp_path / "verdict.json"
    words = ["assess", "--model", "bundled/vgg_digits", "--dataset", "digits", "--limit", "24"]
    assert cli.main([*words, "--require", "accuracy >= 70 %", "--json", str(out)]) == 0
    data = json.loads(out.read_text(encoding="utf-8"))
    assert data["models"][0]["verdict"] == "fit"
    assert data["models"][0]["requirements"][0]["outcome"] == "met"
    said = capsys.readouterr().out
    assert "is fit for this use" in said
    assert cli.main([*words, "--require", "faithfulness at lime >= 1e6"]) in (1, 2)
    rules = tmp_path / "usable.toml"
    rules.write_text('use = "Post codes"\nrequire = ["ece <= 0 %"]', encoding="utf-8")
    assert cli.main([*words, "--requirements", str(rules), "--json", str(out)]) in (1, 2)
    assert json.loads(out.read_text(encoding="utf-8"))["use"] == "Post codes"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--require", "accuracy"], "written like"),
        (["--require", "acuracy >= 1 %"], "Unknown requirement"),
        (["--preset", "glanse"], "Unknown preset"),
        (["--requirements", "none.toml"], "cannot be read"),
        (["--requirements", "a.toml", "--require", "accuracy >= 1 %"], "not both"),
        (["--model", "bundled/none"], "none"),
        (["--model", "bundled/vgg_digits", "--model", "bundled/vgg_digits/"], "vgg_digits"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_measured(capsys, words, said):
    first = [] if "--model" in words else ["--model", "bundled/vgg_digits"]
    assert cli.main(["assess", *first, "--dataset", "digits", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert RunStore().list() == []


def test_cost_is_required_with_units_and_measured_at_the_batch_sizes_that_are_named():
    rules = ("parameters <= 1 M", "macs <= 1 M", "peak_memory at batch 3 <= 1 GB")
    _, result = jobs.run_here(AssessmentConfig((ModelSpec("bundled/vgg_digits"),), DATA, rules))

    (one,) = result.verdicts
    assert [c.outcome for c in one.checked] == ["met", "not met", "met"]
    assert one.sentence.endswith("Multiply-adds is 24.6 M, where at most 1 M is required.")


def test_python_takes_objects():
    model = usable.load_model("bundled/vgg_digits")
    data = usable.load_dataset("digits").sample(40)
    result = usable.assess(model, "digits", "accuracy >= 70 %", limit=24)
    assert result.verdicts[0].answer == "fit"
    assert "fit" in repr(result)
    with pytest.raises(ConfigError, match="taken by hand"):
        usable.assess(model, data, "accuracy >= 70 %")
    with pytest.raises(UnknownName, match="requirement"):
        usable.assess(model, "digits", ["speed >= 1"])
    with pytest.raises(ConfigError, match="at least one"):
        usable.assess([], "digits")


def test_the_config_refuses_what_no_assessment_is():
    with pytest.raises(ConfigError, match="twice"):
        config("bundled/resnet", "bundled/resnet")
    with pytest.raises(ConfigError, match="1 to 50"):
        config()


def test_two_weights_of_one_architecture_have_a_verdict_each(tmp_path):
    """One reference twice: the second must not be counted into the first."""
    good = assessment.Candidate(ModelSpec("timm/x", weights="a.pth"))
    bad = assessment.Candidate(ModelSpec("timm/x", weights="b.pth"))
    good.results["accuracy"] = accuracy_result([0, 1] * 200, [0, 1] * 200, model="timm/x")
    bad.results["accuracy"] = accuracy_result([0, 1] * 200, [1, 0] * 200, model="timm/x")
    lost = assessment.Candidate(ModelSpec("timm/x"))
    asked = AssessmentConfig((good.spec, bad.spec, lost.spec), DATA, ("accuracy >= 70 %",))

    records = assessment._records([good, bad, lost], asked)
    several = assessment._side_by_side([good, bad, lost], records, asked)
    result = AssessmentResult(asked, records, candidates=several)

    assert [v.answer for v in result.verdicts] == ["fit", "not fit", "not shown"]
    assert len({v.model for v in result.verdicts}) == 3
    assert [m["verdict"] for m in result.summary()["models"]] == ["fit", "not fit", "not shown"]
    names = [v.model for v in result.verdicts]
    assert f"The best in accuracy is {names[0]} (95 %, n = 400)." in result.sentence
    assert f"{names[1]} is dominated by {names[0]}" in result.summary()["candidates"]["sentence"]
    assert several.notes == (f"Not compared, for its accuracy was not measured: {names[2]}.",)
    said = lines(SimpleNamespace(id="r1"), result)
    assert result.sentence in said
    assert several.notes[0] in said

"""Whether a model of texts is fit for a use: measured, decided, written down and verified."""

import contextlib
import csv
import io
import json
import math
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from made_results import robustness_result
from made_texts import CLASSES, save_classifier
from safetensors.torch import load_file, save_file
from toy_models import digits_model
from typer.testing import CliRunner

import usable_core as usable
from usable_core.cli import app, main
from usable_core.errors import ConfigError, IncompatibleLabels, UnknownName
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.runs import RunStore
from usable_core.verdict_files import tracked
from usable_core.verdict_files.page import unframed
from usable_core.verdicts.assessment import AssessmentConfig
from usable_core.verdicts.checking import check
from usable_core.verdicts.kinds import kind_told, start_of
from usable_core.verdicts.plan import questions
from usable_core.verdicts.requirements import requirement

WORDS = ("rain", "all", "day", "nobody", "minded", "garden", "needed", "it", "small", "test")


def reviews(path, count=24):
    """A table of texts that no model here knows anything of."""
    drawn = np.random.default_rng(0)
    texts = [" ".join(drawn.choice(WORDS, 6 + k % 9)) + f" {k}." for k in range(count)]
    labels = [CLASSES[k % len(CLASSES)] for k in range(count)]
    pd.DataFrame({"text": texts, "label": labels}).to_csv(path, index=False)
    return str(path)


def told(words):
    """Return the status and the output of a command."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = main(words)
    return SimpleNamespace(status=status, output=out.getvalue())


@pytest.fixture(scope="module")
def assessed(tmp_path_factory):
    """Two tiny models of texts, assessed on the command line."""
    folder = tmp_path_factory.mktemp("texts")
    save_classifier(folder / "bert", "bert")
    save_classifier(folder / "gpt", "gpt2", seed=1)
    save_classifier(folder / "judge", "distilbert", seed=2)
    data = reviews(folder / "reviews.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("USABLE_HOME", str(folder / "home"))
        asked = ["assess", "--model", f"hf/{folder / 'bert'}", "--model", f"hf/{folder / 'gpt'}"]
        asked += ["--dataset", data, "--require", "accuracy >= 99 %", "--require", "macs <= 1 G"]
        asked += ["--require", "corruption_accuracy at keyboard_typo >= 1 %"]
        asked += ["--require", "faithfulness at kernel_shap >= -1"]
        asked += ["--require", "robust_accuracy at 10% >= 1 %"]
        asked += ["--swaps", "homoglyph", "--judge", f"hf/{folder / 'judge'}"]
        asked += ["--out", str(folder / "evidence"), "--json", str(folder / "a.json")]
        answer = told(asked)
        verified = told(["verify", str(folder / "evidence")])
    return folder, answer, verified


def test_a_model_of_texts_gets_a_verdict_with_its_reasons(assessed):
    folder, answer, _ = assessed

    assert answer.status == 1, answer.output  # none can be fit
    said = json.loads((folder / "a.json").read_text())
    assert [model["verdict"] for model in said["models"]] == ["not fit", "not fit"]
    outcomes = {
        row["requirement"].split()[0]: row["outcome"] for row in said["models"][0]["requirements"]
    }
    assert outcomes["accuracy"] == "not met"
    assert outcomes["macs"] == "met"
    assert outcomes["faithfulness"] == "met"
    assert "robust_accuracy at 10 % >= 1 %" in answer.output
    rows = {row["requirement"].split()[0]: row for row in said["models"][1]["requirements"]}
    assert all(math.isfinite(rows[name]["value"]) for name in rows)
    assert "accuracy under corruptions" in answer.output


def test_what_a_verdict_of_texts_does_not_rest_on_is_named_in_words_of_texts(assessed):
    folder, _, _ = assessed
    said = json.loads((folder / "a.json").read_text())

    open_ = " | ".join(said["not_measured"])
    assert "Other swaps of words: Typos, Synonyms, Any words" in open_
    assert "judge" not in open_
    assert "other writers, sources" in open_
    assert "Grad-CAM" not in open_
    assert "ROAD" not in open_
    trust = " ".join(one["sentence"] for one in said["trust"])
    assert "No two of the 24 texts are nearly equal" in trust
    assert "/bert saw in pre-training is not known" in trust
    for word in ("picture", "image"):
        assert word not in trust + open_


def test_the_evidence_of_texts_is_verified_and_shows_the_texts(assessed):
    folder, _, verified = assessed

    assert verified.status == 0, verified.output
    assert "Every hash holds" in verified.output
    again = " ".join(verified.output.split())
    assert "explained 1 of 10 examples again" in again
    assert "was attacked on" in again
    assert again.count("its judge") == 2
    page = (folder / "evidence" / "verdict.html").read_text()
    assert page.count("“") > 4  # the texts that were wrong
    assert "text-classification" in "".join(
        path.read_text() for path in (folder / "evidence" / "views").rglob("README.md")
    )


def test_a_tampered_answer_of_texts_is_found(assessed, tmp_path):
    folder, _, _ = assessed
    shutil.copytree(folder / "evidence", tmp_path / "evidence")
    path = next((tmp_path / "evidence" / "records").rglob("records.parquet"))
    rows = pd.read_parquet(path)
    rows.iloc[1:].to_parquet(path)

    assert told(["verify", str(tmp_path / "evidence")]).status != 0


def test_what_was_swapped_and_who_judged_is_part_of_the_evidence(assessed):
    folder, answer, _ = assessed
    judge = f"hf/{folder / 'judge'}"

    said = json.loads((folder / "evidence" / "verdict.json").read_text())

    assert said["requirements"]["swaps"] == "homoglyph"
    assert said["requirements"]["judge"]["reference"] == judge
    assert [one["model"]["reference"] for one in said["judges"]] == [judge]
    assert {file["file"] for file in said["judges"][0]["files"]} >= {"model.safetensors"}
    for run, result in said["results"].items():
        if said["runs"][run]["task"] == "robustness":
            assert result["judge"] == judge
            assert result["still_read"][-1]["n"] > 0
    remarks = [
        one for one in said["summary"]["trust"] if one["title"] == "What broken texts still say"
    ]
    assert len(remarks) == 2
    assert all(judge in one["sentence"] for one in remarks)
    assert judge in (folder / "evidence" / "verdict.html").read_text()
    assert " ".join(remarks[0]["sentence"].split()[:4]) in " ".join(answer.output.split())


def test_a_judge_that_reads_otherwise_now_is_found(assessed, tmp_path):
    """Its files are others than were written down, and so is what it reads in the same texts."""
    folder, _, _ = assessed
    aside = shutil.copytree(folder / "judge", tmp_path / "kept")
    weights = load_file(folder / "judge" / "model.safetensors")
    for name in ("classifier.weight", "classifier.bias"):  # it calls every class by another's name
        weights[name] = weights[name].roll(1, 0)
    save_file(weights, folder / "judge" / "model.safetensors", {"format": "pt"})

    found = told(["verify", str(folder / "evidence"), "--rerun", "64"])

    shutil.rmtree(folder / "judge")
    shutil.copytree(aside, folder / "judge")
    said = " ".join(found.output.split())
    assert found.status != 0
    assert "judge/model.safetensors is not the file that was measured" in said
    assert re.search(r"judge read '\w+' in it, and reads '\w+', of text", said), said


def test_a_judge_is_another_model_of_the_same_classes(tmp_path, monkeypatch):
    monkeypatch.setenv("USABLE_HOME", str(tmp_path / "home"))
    for name, classes in (("one", CLASSES), ("other", ("a", "b", "c"))):
        save_classifier(tmp_path / name, "bert", classes=classes)
    data = reviews(tmp_path / "reviews.csv")
    one, other = str(tmp_path / "one"), str(tmp_path / "other")

    for judge, error, sentence in (
        (one, ConfigError, "nobody judges their own case"),
        (other, IncompatibleLabels, "other cannot judge these texts"),
        ("bundled/vgg_digits", ConfigError, "of pictures"),
    ):
        with pytest.raises(error, match=sentence):
            usable.assess(one, data, preset="glance", judge=judge)
    with pytest.raises(UnknownName, match="homoglyph"):
        usable.assess(one, data, swaps="pgd")
    with pytest.raises(ConfigError, match="these models take pictures"):
        usable.assess("bundled/vgg_digits", "digits", swaps="typo")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_candidates_of_two_kinds_are_refused_before_anything_runs(order, tmp_path, monkeypatch):
    monkeypatch.setenv("USABLE_HOME", str(tmp_path / "home"))
    save_classifier(tmp_path / "bert", "bert")
    data = reviews(tmp_path / "reviews.csv")
    names = [f"hf/{tmp_path / 'bert'}", "bundled/vgg"]
    asked = [word for k in order for word in ("--model", names[k])]

    answer = CliRunner().invoke(app, ["assess", *asked, "--dataset", data])

    assert answer.exit_code != 0
    assert "bundled/vgg takes pictures, and" in str(answer.exception)
    listed = CliRunner().invoke(app, ["runs", "list", "--json", "-"])
    tasks = [run["task"] for run in json.loads(listed.stdout)["runs"]]
    assert set(tasks) <= {"assess"}


def test_a_model_from_python_of_the_other_kind_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("USABLE_HOME", str(tmp_path / "home"))
    save_classifier(tmp_path / "bert", "bert")
    data = reviews(tmp_path / "reviews.csv")

    with pytest.raises(ConfigError, match="takes pictures, and"):
        usable.assess([usable.load_model(tmp_path / "bert"), digits_model()], data)


@pytest.mark.parametrize(
    ("required", "kind", "sentence"),
    [
        ("robust_accuracy at 1/255 >= 50 %", "text", "1/255 is a budget of pixels"),
        ("noise_accuracy at 2 >= 50 %", "text", "2 is a budget of pixels"),
        ("robust_accuracy at 10 % >= 50 %", "picture", "10 % is a share of words"),
        ("corruption_accuracy at fog >= 50 %", "text", "fog is a corruption of pictures"),
        ("corruption_accuracy at keyboard_typo >= 5 %", "picture", "is a corruption of texts"),
        ("faithfulness at grad_cam >= 0", "text", "Grad-CAM is a method for pictures"),
    ],
)
def test_what_is_of_the_other_kind_cannot_be_required(required, kind, sentence):
    with pytest.raises(ConfigError, match=sentence):
        AssessmentConfig(
            (ModelSpec("a"),), DatasetSpec("b"), ("accuracy >= 9 %", required), kind=kind
        )


def test_a_file_of_requirements_of_pictures_is_refused_for_texts(tmp_path, monkeypatch):
    monkeypatch.setenv("USABLE_HOME", str(tmp_path / "home"))
    save_classifier(tmp_path / "bert", "bert")
    (tmp_path / "usable.toml").write_text('require = ["robust_accuracy at 1/255 >= 50 %"]')
    asked = ["assess", "--model", f"hf/{tmp_path / 'bert'}"]
    asked += ["--dataset", reviews(tmp_path / "reviews.csv")]

    answer = CliRunner().invoke(app, [*asked, "--requirements", str(tmp_path / "usable.toml")])

    assert answer.exit_code != 0
    assert "1/255 is a budget of pixels, and these models take texts" in str(answer.exception)


def test_the_usual_requirements_and_parts_are_those_of_the_kind(tmp_path):
    save_classifier(tmp_path / "bert", "bert")
    spec, data = ModelSpec(f"hf/{tmp_path / 'bert'}"), DatasetSpec("reviews.csv")

    assert kind_told((spec,), data) == "text"
    assert kind_told((ModelSpec("bundled/vgg"),), DatasetSpec("digits")) == "picture"
    required = start_of("text")
    assert set(start_of("picture")) ^ set(required) == {
        "robust_accuracy at 1/255 >= 50 %",
        "robust_accuracy at 10 % >= 50 %",
    }
    asked = questions(spec, AssessmentConfig((spec,), data, required, kind="text"))
    assert list(asked) == ["accuracy", "cost", "corruption", "robustness", "explanation"]
    assert (asked["robustness"].norm, asked["robustness"].preset) == ("words", "typo")
    assert 0.1 in asked["robustness"].epsilons
    assert "keyboard_typo" in asked["corruption"].corruptions


@pytest.mark.parametrize(("words", "expected"), [((12, 4, 5), "met"), ((2, 3, 2), "undecided")])
def test_texts_too_short_to_be_attacked_meet_nothing(words, expected):
    made = robustness_result([1] * 3, [1] * 3, [[1] * 3] * 2, epsilons=(0.0, 0.25), preset="typo")
    made.records["words"] = [*words, *words]

    found = check(requirement("robust_accuracy at 25 % >= 20 %"), [made])

    assert found.outcome == expected
    assert ("too short" in found.doubt) == (expected == "undecided")


def test_a_verdict_of_texts_is_passed_on(assessed, tmp_path):
    """To TensorBoard, read back by its own reader."""
    reading = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="needs the extra: pip install 'usable[tensorboard]'",
    )
    folder, _, _ = assessed
    said = json.loads((folder / "evidence" / "verdict.json").read_text())
    logs = tmp_path / "logs"

    exported = told(["export", "tensorboard", str(folder / "evidence"), "--out", str(logs)])

    assert exported.status == 0, exported.output
    for model in said["summary"]["models"]:
        found = reading.EventAccumulator(str(logs / model["name"])).Reload()
        assert [tag for tag in found.Tags()["tensors"] if tag.startswith("robustness/robust_ac")]
        rows = {row["requirement"]: row["value"] for row in model["requirements"]}
        tensor = found.Tensors("accuracy/accuracy")[0].tensor_proto
        assert tensor.float_val[0] == pytest.approx(rows["accuracy >= 99 %"])


def test_what_was_swapped_and_who_judged_are_params_of_mlflow(assessed):
    folder, _, _ = assessed
    document = json.loads((folder / "evidence" / "verdict.json").read_text())

    found = tracked._params(document, document["summary"]["models"][0])

    assert found["swaps"] == "homoglyph"
    assert found["judge"] == f"hf/{folder / 'judge'}"
    assert found["kind"] == "text"


def test_runs_of_texts_and_of_pictures_are_not_compared(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("USABLE_HOME", str(tmp_path / "home"))
    save_classifier(tmp_path / "bert", "bert")
    usable.evaluate_accuracy(str(tmp_path / "bert"), reviews(tmp_path / "r.csv"), store=True)
    usable.evaluate_accuracy("bundled/vgg_digits", "digits", limit=20, store=True)
    runs = [run.id for run in RunStore().list("accuracy")]
    capsys.readouterr()

    for order in (runs, runs[::-1]):
        assert main(["compare", *order]) == 2
        said = capsys.readouterr().err.strip()
        assert "\n" not in said
        assert said.startswith("A comparison needs one data set, but got 2")


def test_hostile_texts_and_names_are_no_markup_and_no_formulas_in_the_evidence(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("USABLE_HOME", str(tmp_path / "home"))
    classes = ("=1+1", "<img src=x onerror=alert(1)>", "@SUM(1)")
    save_classifier(tmp_path / "=cmd", "bert", classes=classes)
    texts = ("<script>alert(2)</script> it rained", "\u202eevil\u202c =cmd", "+1 @x \u200bzero")
    rows = [{"text": f"{texts[k % 3]} {k}", "label": classes[k % 3]} for k in range(12)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    usable.assess(
        str(tmp_path / "=cmd"), str(tmp_path / "a.jsonl"), ["accuracy >= 99 %"], swaps="any"
    ).save(tmp_path / "out")

    page = (tmp_path / "out" / "verdict.html").read_text(encoding="utf-8")
    frame = unframed(page)[0]
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in frame
    assert not {c for c in frame if not c.isprintable() and c != "\n"}
    for path in (tmp_path / "out" / "views").rglob("*.csv"):
        for row in csv.reader(path.open(encoding="utf-8")):
            assert not [cell for cell in row if cell[:1] in "=+@" and cell]

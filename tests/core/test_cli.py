import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_pictures import png
from made_results import robustness_result
from typer.testing import CliRunner

from usable_core import cli
from usable_core.catalog.datasets import DATASETS
from usable_core.cli.robustness import smallest_in_words
from usable_core.runs import RunStore, Status

ROOT = Path(__file__).parents[2]
SMALL = ["--architecture", "small_vgg", "--dataset", "digits", "--limit", "40", "--epochs", "1"]


def said(capsys, *words, status=0):
    """What a command writes (standard output, standard error) when it ends with `status`."""
    capsys.readouterr()
    found = cli.main(list(words))
    out, err = capsys.readouterr()
    assert found == status, err
    return out, err


def as_json(capsys, *words):
    return json.loads(said(capsys, *words, "--json", "-")[0])


MISTAKES = {
    "no command of that name": (["evaluat"], "Did you mean 'evaluate'"),
    "a missing option": (["evaluate", "accuracy", "--dataset", "digits"], "'--model'"),
    "an unknown option": (["--nope"], "There is no option --nope."),
    "a word for a number": (["dashboard", "--port", "x"], "--port"),
    "an unknown source": (
        ["evaluate", "accuracy", "--model", "bundeld/vgg", "--dataset", "digits"],
        "Nearest choices: bundled",
    ),
    "an unknown architecture": (
        ["pretrain", "--architecture", "small_resnett", "--dataset", "digits"],
        "Nearest choices: small_resnet",
    ),
    "a missing data set": (["pretrain", *SMALL[:2], "--dataset", "no/where"], "no/where"),
    "an unknown split": (["pretrain", *SMALL, "--split", "tset"], "Nearest choices: test"),
    "a limit of zero": (["pretrain", *SMALL[:4], "--limit", "0"], "limit must be at least 1"),
    "an epsilon that is no number": (
        ["evaluate", "robustness", "--model", "m", "--dataset", "d", "--epsilons", "8/0"],
        "'8/0'",
    ),
    "an epsilon that is not a number": (
        ["evaluate", "robustness", "--model", "m", "--dataset", "d", "--epsilons", "nan"],
        "epsilon must be",
    ),
    "a negative epsilon": (
        ["evaluate", "robustness", "--model", "m", "--dataset", "d", "--epsilons", "-1/255"],
        "epsilon must be",
    ),
    "an epsilon above one": (
        ["evaluate", "robustness", "--model", "m", "--dataset", "d", "--epsilons", "1.5"],
        "epsilon must be",
    ),
    "no epsilon at all": (
        ["evaluate", "robustness", "--model", "m", "--dataset", "d", "--epsilons", " "],
        "at least one number",
    ),
    "a negative number of pictures": (
        ["evaluate", "robustness", "--model", "m", "--dataset", "d", "--gallery", "-1"],
        "gallery must be at least 0 and at most 10,000",
    ),
    "a model without its source": (
        ["evaluate", "accuracy", "--model", "resnet", "--dataset", "digits"],
        "bundled/resnet",
    ),
    "training on the test split": (
        ["pretrain", *SMALL, "--split", "test"],
        "never on the test split",
    ),
    "training on one image": (["pretrain", *SMALL[:4], "--limit", "1"], "at least 2 images"),
    "a preprocessing without a value": (
        ["evaluate", "accuracy", "--model", "m", "--dataset", "d", "--preprocessing", "mean"],
        "--preprocessing must be KEY=VALUE",
    ),
    "an unknown attack": (
        ["evaluate", "robustness", "--model", "m", "--dataset", "d", "--attack", "pdg"],
        "Nearest choices: pgd",
    ),
    "a negative lambda": (
        ["finetune", "--model", "m", "--dataset", "d", "--lambda", "-1"],
        "(λ) must be a finite number, 0 or more",
    ),
    "an architecture option without a value": (
        ["evaluate", "accuracy", "--model", "m", "--dataset", "d", "--arch-option", "pad"],
        "KEY=VALUE",
    ),
    "an unknown method": (
        ["explain", "--image", "a.png", "--model", "m", "--method", "lyme"],
        "Nearest choices: lime",
    ),
    "an unknown run": (["runs", "show", "nope"], "Unknown run"),
    "a run that cannot be cancelled": (["runs", "cancel", "nope"], "Unknown run"),
    "a comparison of nothing": (["compare", "nope", "none"], "Unknown run"),
}


@pytest.mark.parametrize(("words", "sentence"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_users_mistake_is_one_line_on_standard_error_and_status_two(capsys, words, sentence):
    out, err = said(capsys, *words, status=2)

    assert sentence in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert out == ""


def test_an_error_of_ours_is_a_sentence_that_names_the_log(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(RunStore, "listing", lambda *_, **__: 1 / 0)

    out, err = said(capsys, "runs", status=1)

    log = tmp_path / "home" / "logs" / "command_line.log"
    assert str(log) in err
    assert "Traceback" not in err
    assert "ZeroDivisionError" in log.read_text()
    assert out == ""


def test_ctrl_c_ends_without_a_traceback(capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(RunStore, "listing", interrupted)

    assert said(capsys, "runs", status=130)[1].strip() == "Cancelled."


def test_the_lists_of_what_there_is_are_json(capsys):
    assert "suggested" in as_json(capsys, "models")
    assert set(as_json(capsys, "datasets")["datasets"]) == {*DATASETS}
    assert as_json(capsys, "runs") == {"runs": [], "total": 0}


def test_json_can_go_to_a_file_beside_the_table(capsys, tmp_path):
    out, _ = said(capsys, "datasets", "--json", str(tmp_path / "new" / "sets.json"))

    assert "digits" in out
    assert "digits" in json.loads((tmp_path / "new" / "sets.json").read_text())["datasets"]


def test_every_command_has_help_and_takes_json():
    leaves = [
        "datasets",
        "pretrain",
        "finetune",
        "explain",
        "compare",
        "demo",
        "dashboard",
        "models show",
        "evaluate accuracy",
        "evaluate robustness",
        "evaluate explanation",
        "runs list",
        "runs show",
        "runs cancel",
        "runs delete",
        "models",
        "runs",
    ]
    for words in leaves:
        shown = CliRunner(env={"COLUMNS": "200"}).invoke(cli.app, [*words.split(), "--help"])
        assert shown.exit_code == 0
        assert "--json" in shown.output, words


def test_train_evaluate_compare_and_explain_share_the_store(capsys, tmp_path):
    trained = as_json(capsys, "pretrain", *SMALL, "--batch-size", "20", "--precision", "float32")
    model = trained["reference"]
    question = ["evaluate", "accuracy", "--model", model, "--dataset", "digits", "--limit", "30"]

    first = as_json(capsys, *question)
    out, err = said(capsys, *question, "--json", "-")

    assert set(first["accuracy"]) == {"value", "low", "high", "n"}
    assert {"top5", "ece", "per_class", "confusion"} <= set(first)
    assert (first["split"], first["n"]) == ("test", 30)
    assert "from the store" in err
    assert json.loads(out)["answered_by"] == first["run"]
    assert RunStore().get(first["run"]).status is Status.DONE

    attacked = as_json(
        capsys, "evaluate", "robustness", *question[2:], "--steps", "2", "--epsilons", "8/255"
    )
    assert attacked["epsilons"] == [0.0, 8 / 255]
    assert attacked["robust_accuracy"][0] == attacked["clean_accuracy"]
    assert {"attack", "norm", "robustness", "seconds"} <= set(attacked)

    compared = as_json(capsys, "compare", first["run"], json.loads(out)["run"])
    assert (compared["pairs"][0]["lost"], compared["pairs"][0]["gained"]) == (0, 0)
    assert (
        "only runs of accuracy"
        in said(capsys, "compare", first["run"], trained["run"], status=2)[1]
    )

    (tmp_path / "photo.png").write_bytes(png(size=(32, 32)))
    asked = [
        "explain",
        "--image",
        str(tmp_path / "photo.png"),
        "--model",
        model,
        "--method",
        "gradient_shap",
        "--evaluations",
        "16",
        "--out",
        str(tmp_path / "maps"),
    ]
    explained = as_json(capsys, *asked)
    (one,) = explained["maps"]
    assert len(explained["predictions"]) == 5
    assert explained["target"] == explained["predictions"][0]["name"]
    assert np.load(one["values"]).shape == (32, 32)
    assert {"method", "additivity_gap", "evaluations", "seconds"} <= set(one)

    (tmp_path / "photo.png").write_bytes(b"no picture")
    assert "photo.png" in said(capsys, *asked, status=2)[1]

    said(capsys, "runs", "delete", trained["run"])
    assert trained["run"] not in [run["id"] for run in as_json(capsys, "runs")["runs"]]


def test_help_and_the_package_import_no_torch():
    code = (
        "import sys, usable_core, usable_core.cli; usable_core.cli.main(['--help']); "
        "usable_core.evaluate_accuracy; "
        "sys.exit(len({'torch', 'shap', 'lime', 'timm', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False, text=True
    )

    assert done.returncode == 0, done.stderr
    assert "evaluate" in done.stdout


def test_the_process_ends_with_status_two_on_a_mistake():
    done = subprocess.run(
        [sys.executable, "-m", "usable_core.cli", "runs", "show", "nope"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Unknown run")


def test_a_model_that_is_never_right_has_no_smallest_epsilon_beyond_the_grid():
    never = robustness_result([0, 1], [1, 2], [[1, 2]] * 3)

    assert smallest_in_words(never) == (
        "smallest epsilon that breaks: none, for no example is right when clean"
    )


@pytest.mark.parametrize("second", [["--model", "bundled/resnet"], ["--model=bundled/resnet"]])
def test_a_second_value_of_an_option_for_one_is_refused_and_not_taken(capsys, second):
    words = ["evaluate", "accuracy", "--model", "bundled/vgg_digits", "--dataset", "digits"]

    _, err = said(capsys, *words, *second, status=2)

    assert "--model is given 2 times" in err

"""`usable evaluate corruption`: asked in words, answered by table or JSON, kept in the store."""

import pytest
from test_cli import SMALL, as_json, said
from typer.testing import CliRunner

from usable_core import cli
from usable_core.catalog.corruptions import COMMON, CORRUPTIONS
from usable_core.catalog.text_corruptions import corruptions_named


def test_corruptions_are_measured_shown_and_answered_from_the_store(capsys):
    trained = as_json(capsys, "pretrain", *SMALL, "--batch-size", "20")
    question = [
        "evaluate",
        "corruption",
        "--model",
        trained["reference"],
        "--dataset",
        "digits",
        "--limit",
        "20",
        "--corruption",
        "fog,snow",
        "--severity",
        "3,1",
    ]

    found = as_json(capsys, *question)
    out, err = said(capsys, *question)

    assert found["corruptions"] == ["fog", "snow"]
    assert found["severities"] == [1, 3]
    assert len(found["cells"]) == 4
    assert found["mean_corruption_accuracy"]["n"] == found["n"] == 20
    assert "from the store" in err
    assert "mean corruption accuracy" in out
    assert "Fog" in out
    assert "usable compare REFERENCE_RUN" in out
    other = as_json(capsys, *question, "--seed", "1")
    assert other["answered_by"] is None


def test_sets_of_corruptions_have_names():
    assert corruptions_named("common") == COMMON
    assert corruptions_named("fog,all") == ("fog", *(c for c in CORRUPTIONS if c != "fog"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--corruption", "fogg"], "Nearest choices: fog"),
        (["--severity", "six"], "--severity must be whole numbers such as 1,3"),
        (["--severity", "6"], "severities must be whole numbers from 1 to 5"),
    ],
)
def test_mistakes_are_one_sentence(capsys, words, sentence):
    asked = ["evaluate", "corruption", "--model", "m", "--dataset", "d", *words]

    out, err = said(capsys, *asked, status=2)

    assert out == ""
    assert sentence in err


def test_the_command_has_help():
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(cli.app, ["evaluate", "corruption", "--help"])

    assert shown.exit_code == 0
    assert "--severity" in shown.output


def test_compared_with_a_reference_its_mce_is_told(capsys):
    trained = as_json(capsys, "pretrain", *SMALL, "--batch-size", "20")["reference"]
    words = ["evaluate", "corruption", "--dataset", "digits", "--limit", "20", "--severity", "5"]
    words += ["--model", trained, "--corruption", "fog,snow"]
    runs = [as_json(capsys, *words)["run"]]
    runs.append(as_json(capsys, *words, "--batch-size", "5")["run"])

    found = as_json(capsys, "compare", *runs)
    out, _ = said(capsys, "compare", *runs)

    (relative,) = found["relative"]
    assert (relative["metric"], relative["value"], relative["n"]) == ("mce", 1.0, 20)
    assert [(p["corruption"], p["severity"]) for p in found["pairs"]] == [("fog", 5), ("snow", 5)]
    assert "mCE of" in out
    assert "accuracy under Fog, severity 5" in out

"""`usable evaluate corruption`: asked in words, answered by table or JSON, kept in the store."""

import pytest
from test_cli import SMALL, as_json, said
from typer.testing import CliRunner

from usable_core import cli
from usable_core.catalog.corruptions import COMMON, CORRUPTIONS
from usable_core.cli.corruption import _corruptions


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
    assert "mCE" not in out
    other = as_json(capsys, *question, "--seed", "1")
    assert other["answered_by"] is None


def test_sets_of_corruptions_have_names():
    assert _corruptions(["common"]) == COMMON
    assert _corruptions(["fog,all"]) == ("fog", *(c for c in CORRUPTIONS if c != "fog"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--corruption", "fogg"], "Nearest choices: fog"),
        (["--severity", "six"], "severity must be numbers of 1 to 5"),
        (["--severity", "6"], "severities must be of 1 to 5"),
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

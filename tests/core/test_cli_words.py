"""Words of the command line as people write them: short options, typing mistakes, help."""

import subprocess
import sys

import pytest
from made_pictures import png
from typer.testing import CliRunner

import usable_core
from usable_core import cli
from usable_core.catalog import known_names
from usable_core.cli.usage import nearest_options
from usable_core.errors import UnknownName, nearest

OPTIONS = ("--model", "--learning-rate", "--batch-size", "--epsilons", "--epochs", "--seed", "-h")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("--lr", "--learning-rate"),
        ("--bs", "--batch-size"),
        ("--eps", "--epsilons"),
        ("--epsilon", "--epsilons"),
        ("--rate", "--learning-rate"),
        ("--batch_size", "--batch-size"),
        ("--lerning-rate", "--learning-rate"),
        ("--xyzzy", ""),
    ],
)
def test_an_unknown_option_is_told_with_the_one_it_may_mean(said, meant):
    assert nearest_options(said, OPTIONS) == meant


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["finetune", "--lr", "0.1"],
            "There is no option --lr. Did you mean --learning-rate? Try `usable finetune --help`.",
        ),
        (
            ["evaluate", "accuracy", "--model", "m"],
            "Missing option '--dataset'. Try `usable evaluate accuracy --help`.",
        ),
        (
            ["runs", "list", "--offset", "1.5"],
            "--offset must be a whole number, but is '1.5'. Try `usable runs list --help`.",
        ),
        (
            ["evaluate", "corruption", "--model", "m", "--dataset", "d", "--severity", "9"],
            "severities must be whole numbers from 1 to 5, increasing, each once, but is 9. "
            "Change severities.",
        ),
    ],
)
def test_a_mistake_names_what_was_said_and_the_help_of_its_command(capsys, words, sentence):
    assert cli.main(words) == 2
    assert capsys.readouterr().err.strip() == sentence


def test_help_has_a_short_spelling_and_switches_no_type():
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(cli.app, ["evaluate", "accuracy", "-h"])

    assert shown.exit_code == 0
    (switch,) = [line for line in shown.output.splitlines() if "--trust" in line]
    assert "<bool>" not in shown.output
    assert "Allow a file" in switch
    assert "<int>" in shown.output


def test_the_version_is_told(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"usable {usable_core.__version__}\n"


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["evaluate", "accuracy", "--dataset", "digits", "--model"], "mobilenetv2_100"),
        (["models", "show"], "mobilenetv2_100"),
        (["explain", "--image", "PICTURE", "--model"], "mobilenetv2_100"),
    ],
)
def test_a_misspelt_model_is_refused_before_torch_is_loaded(tmp_path, command, sentence):
    picture = tmp_path / "a.png"
    picture.write_bytes(png())
    words = [str(picture) if word == "PICTURE" else word for word in command]
    code = (
        "import sys; from usable_core import cli; status = cli.main(sys.argv[1:]); "
        "sys.exit(100 if {'torch', 'timm'} & set(sys.modules) else status)"
    )

    found = subprocess.run(
        [sys.executable, "-c", code, *words, "timm/mobilnetv2_100"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 2, found.stderr
    assert f"Nearest choices: {sentence}" in found.stderr


def test_a_missing_picture_is_refused_before_a_model_is_loaded(capsys, monkeypatch):
    monkeypatch.setattr("usable_core.cli.explain.model_of", lambda spec: pytest.fail("loaded"))

    assert cli.main(["explain", "--model", "bundled/resnet", "--image", "no.jpg"]) == 2
    assert "no.jpg cannot be read" in capsys.readouterr().err


def test_names_of_any_age_are_left_to_the_packages(monkeypatch):
    for module in known_names.PACKAGES:
        monkeypatch.delitem(sys.modules, module, raising=False)

    assert known_names.timm("vit_base_patch16_224_in21k") == ()  # a name that timm has given up
    assert known_names.torchvision("resnet50@IMAGENET1K_V2") == ()
    with pytest.raises(UnknownName, match="Nearest choices: resnet50"):
        known_names.torchvision("resnet5")


def test_the_words_of_a_name_count_before_its_letters():
    classes = ("library", "radiator", "armadillo", "Labrador retriever", "golden retriever")

    assert nearest("labrador", classes)[0] == "Labrador retriever"
    assert nearest("Retriever", classes)[:2] == ["golden retriever", "Labrador retriever"]
    assert nearest("labradr retriver", classes)[0] == "Labrador retriever"
    assert nearest("xyz", ("abc",)) == []

"""Every command that RESULTS.md names, and `python -m benchmarks`, runs as it is written.

`FILE` and `NAME` are filled in by small stand-ins. That its words are understood is tested always;
the whole command, with its smallest settings, by `pytest -m benchmark`.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from made_pictures import png
from safetensors.torch import save_file

from usable_core import cli

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
COMMANDS = list(dict.fromkeys(re.findall(r"`((?:python|usable|pytest) [^`]+)`", TEXT)))
SCRIPTS = sorted(p.stem for p in (ROOT / "benchmarks").glob("*.py") if p.stem[0] != "_")
ALL = list(dict.fromkeys([*COMMANDS, *(f"python -m benchmarks.{name}" for name in SCRIPTS)]))
BY_PYTHON = [command for command in ALL if command.startswith("python ")]
NAMES = {"usable": "timm/mobilenetv2_100", "python": "vit"}
# What makes a command as short as it can be; it comes behind the command's own words.
SMALLEST = {
    "accuracy_loop": "--rounds 1",
    "attacks": "--rounds 1 --images 2 --suite-images 1 --epochs 1 --alone --scenes standard",
    "build_models": "--into FOLDER",
    "cam": "--families 'timm vit'",
    "candidates": "--trials 1 --models 20 --cases 20 --examples 50",
    "clicks": "--rounds 1",
    "cluster": "--limit 20 --nodes 2",
    "comparison": "--tables 2 --trials 1 --examples 50 --draws 10 --rounds 1",
    "corruptions": "--rounds 1 --corruptions fog",
    "cost": "--architectures resnet18 --models bundled/vgg --timings 5",
    "duplicates": "--count 60 --planted 8",
    "evidence": "--rounds 1",
    "estimates": "--model bundled/vgg_digits --limit 12",
    "divergence": "--epochs 1 --examples 40",
    "fine_tuning": "--epochs 1 --seeds 0",
    "joint_objective": "--epochs 1 --seeds 0 --examples 40 --lambdas 0 1 --backbones vgg",
    "first_page": "1",
    "first_maps": "--evaluations 64 --repetitions 1",
    "first_words": "--rounds 1",
    "glance_checks": "--limit 2",
    "gradient_maps": "--rounds 1 --samples 16",
    "learning_rates": "--epochs 1 --seeds 0 --limit 40 --backbones vgg",
    "memory": "20 40",
    "notebook": "--rounds 1 --limit 12 --epochs 0",
    "pages": "--models 2 --examples 40 --runs 60 --rounds 1 --pages overview compare",
    "run_list": "--runs 10 --rounds 1",
    "sessions": "--tabs 2 --seconds 4 --jobs 1 --think 1",
    "splits": "--count 60 --planted 6 --seeds 1",
    "pretraining_kinds": "--seeds 0 --start-epochs 1 --epochs 1 --images 40",
    "team_store": "--writers 1 --seconds 1",
    "text_pretraining": "--corpus languages --epochs 1 --tuning-epochs 1 --labels 2 --seeds 0",
    "texts": "--limit 20 --rounds 1 --sentences 1",
    "text_maps": "--evaluations 20 --rounds 1 --sentences 1",
    "text_worth": "--sentences 2 --seconds 0.05",
    "text_training": "--limit 60 --rounds 1",
    "compiled_steps": "vit --rounds 1",
    "training_loop": "--scenes 32 --rounds 1 --epochs 1",
    "transferability": "--epochs 1 --seeds 0 --limit 40 --backbones vgg",
    "superpixel_maps": "--rounds 1 --images 1 --many 200 --seeds 1 --most 64",
    "verify_evidence": "--models 2 --examples 20 --flips 1 --rounds 1",
    "weights_that_move": "--labels 40 --seeds 1 --backbones bundled/resnet",
    "word_attacks": "--texts 4 --stock 1 --rounds 1",
    "usable": "--limit 2",
}
TAKE_NUMBERS = {"first_page", "memory"}  # alone, so the smallest replace the command's own
DATA_OPTIONS = ("--dataset", "--pictures", "--source", "--train", "--test")
NEEDS_A_BROWSER = {"clicks", "first_page", "first_words"}


def name_of(command):
    """Return the script's name, or `usable` or `pytest`."""
    words = command.split()
    target = words[2] if words[1] == "-m" else words[1]
    return Path(target.removeprefix("benchmarks.")).stem if words[0] == "python" else words[0]


@pytest.fixture(scope="module")
def sentences():
    """What each Python command says about its words, asked in one process."""
    commands = [shlex.split(named(command))[1:] for command in BY_PYTHON]
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "parse_only.py")],
        input=json.dumps(commands),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(BY_PYTHON, json.loads(done.stdout), strict=True))


def named(command):
    """Return the command with its NAME filled in."""
    return command.replace("NAME", NAMES.get(command.split()[0], ""))


def test_results_name_commands():
    assert len(COMMANDS) > 15


@pytest.mark.parametrize("command", BY_PYTHON)
def test_the_words_of_a_python_command_are_understood(command, sentences):
    said = sentences[command]
    if said.startswith("ModuleNotFoundError") and "usable_core" not in said:
        pytest.skip(said)

    assert said == ""


@pytest.mark.parametrize("command", [c for c in ALL if c.startswith("usable ")])
def test_the_words_of_a_usable_command_are_understood(command, capsys):
    assert cli.main([*shlex.split(named(command))[1:], "--help"]) == 0, capsys.readouterr()[1]


@pytest.mark.parametrize("command", [c for c in ALL if c.startswith("pytest ")])
def test_the_marker_of_a_pytest_command_is_declared(command, pytestconfig):
    marker = re.fullmatch(r"pytest -m (\w+)( tests/\w+)?", command)[1]

    assert any(line.startswith(f"{marker}:") for line in pytestconfig.getini("markers"))


def test_all_benchmarks_are_run_by_the_package():
    text = (ROOT / "benchmarks" / "__main__.py").read_text(encoding="utf-8")

    assert sorted(re.findall(r'^    "(\w+)",$', text, re.MULTILINE)) == SCRIPTS


# Running


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Small stand-ins for what a command needs: option, or model, to path."""
    import timm
    import torchvision

    folder = tmp_path_factory.mktemp("files")
    (folder / "photo.png").write_bytes(png(size=(256, 256)))
    torch.manual_seed(0)
    networks = {
        "timm/mobilenetv2_100": timm.create_model("mobilenetv2_100"),
        "torchvision/squeezenet1_1": torchvision.models.squeezenet1_1(),
    }
    found = {"--image": folder / "photo.png"}
    for reference, network in networks.items():
        found[reference] = folder / f"{Path(reference).name}.safetensors"
        save_file(network.state_dict(), found[reference])
    label = np.arange(60) % 10
    image = [{"bytes": png(seed=int(seed), size=(32, 32))} for seed in range(60)]
    pd.DataFrame({"image": image, "label": label}).to_parquet(folder / "data.parquet")
    found |= dict.fromkeys(DATA_OPTIONS, folder / "data.parquet")
    # Networks of 1,000 classes know them by name.
    name = [("tench", "goldfish")[k % 2] for k in label]
    pd.DataFrame({"image": image, "label": name}).to_parquet(folder / "named.parquet")
    found["named data"] = folder / "named.parquet"
    return found


def filled(command, files, folder):
    """Return the words of a command, its FILEs filled in by stand-ins, with smallest settings."""
    words = shlex.split(named(command))
    for place, word in enumerate(words):
        if word == "FILE":
            option = words[place - 1]
            model = option.replace("--weights", "--model").replace("-weights", "")
            words[place] = str(files.get(option) or files[words[words.index(model) + 1]])
            if words[0] == "usable" and option == "--dataset" and "--weights" in words:
                words[place] = str(files["named data"])
    name = name_of(command)
    if name in TAKE_NUMBERS:
        words = [word for word in words if not word.isdecimal()]
    words += shlex.split(SMALLEST.get(name, "").replace("FOLDER", str(folder)))
    start = ["-m", "usable_core.cli"] if name == "usable" else []
    return [sys.executable, *start, *words[1:]]


@pytest.mark.benchmark
@pytest.mark.timeout(600)
@pytest.mark.parametrize("command", [c for c in ALL if not c.startswith("pytest ")])
def test_a_command_runs(command, files, tmp_path):
    if name_of(command) in NEEDS_A_BROWSER and not shutil.which("chromium"):
        pytest.skip("needs Chromium")
    words = filled(command, files, tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout

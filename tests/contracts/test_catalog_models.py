"""What every architecture and every model source of the catalog promises."""

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

import usable_core
from usable_core import cli, jobs
from usable_core.catalog import implementation
from usable_core.catalog.models import (
    ARCHITECTURES,
    BUNDLED,
    SOURCES,
    SourceRow,
    file_facts,
    list_references,
    reference_forms,
)
from usable_core.errors import CheckpointError, UsableError
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig, Schedule
from usable_core.labels import LabelSpace
from usable_core.models import load_model
from usable_core.models.checkpoints import load_weights
from usable_core.models.heads import features, head, replace_head
from usable_core.models.model import Model
from usable_core.models.preprocessing import Preprocessing

CLASSES = 7


@pytest.fixture(params=ARCHITECTURES)
def network(request):
    torch.manual_seed(0)
    return implementation(ARCHITECTURES[request.param].function)(CLASSES).eval()


@torch.no_grad()
def test_an_architecture_gives_one_logit_per_class_and_its_head_sees_its_features(network):
    x = torch.rand(2, 3, 32, 32)

    logits = network(x)

    assert logits.shape == (2, CLASSES)
    assert torch.allclose(head(network)(features(network, x)), logits, atol=1e-5)


def test_a_new_head_changes_the_head_only(network):
    before = {k: v.clone() for k, v in network.features.state_dict().items()}

    replace_head(network, 3)

    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 3)
    assert all(torch.equal(v, before[k]) for k, v in network.features.state_dict().items())


def test_every_bundled_backbone_is_of_a_known_architecture():
    assert {row.architecture for row in BUNDLED.values()} <= set(ARCHITECTURES)


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_answers_an_unknown_name_with_a_sentence(source):
    with pytest.raises(UsableError) as refused:
        load_model(f"{source}/no_such_model_1", trust=True)

    assert str(refused.value).endswith(".")
    assert "no_such_model_1" in str(refused.value)


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_says_how_its_references_look(source):
    row = SOURCES[source]

    assert row.form.startswith(f"{source}/")
    assert row.form in reference_forms()
    assert row.help.endswith(".")
    assert {f"{source}/{name}" for name in row.suggested} <= set(list_references())


@pytest.mark.parametrize("source", [name for name, row in SOURCES.items() if row.build])
def test_a_source_that_builds_refuses_an_unknown_architecture_with_a_sentence(source):
    with pytest.raises(UsableError, match=r"no_such_model_1.*\.$"):
        implementation(SOURCES[source].build)("no_such_model_1", {})


@pytest.mark.parametrize("source", [name for name, row in SOURCES.items() if row.needs_trust])
def test_a_source_that_can_run_code_is_not_even_called_without_trust(source, tmp_path, monkeypatch):
    (tmp_path / "x.pt2").write_bytes(b"code")
    monkeypatch.setitem(SOURCES, source, replace(SOURCES[source], load="no:no"))

    with pytest.raises(CheckpointError, match="--trust"):
        load_model(f"{source}/{tmp_path / 'x.pt2'}")


def test_files_of_models_are_found_without_torch():
    code = (
        "import sys\nfrom usable_core.catalog.models import SOURCES, file_facts\n"
        "print([len(file_facts(f'{source}/resnet')) for source in SOURCES])\n"
        "assert not {'torch', 'timm', 'torchvision'} & set(sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == [2, 0, 0, 0, 0, 0]


def test_nobody_but_the_row_and_its_functions_tells_a_source_by_its_name():
    root = Path(usable_core.__file__).parents[1]
    own = ("usable_core/catalog/", "usable_core/models/sources/")
    prefixes = {f"{source}/" for source in SOURCES}
    for path in (*root.glob("usable_core/**/*.py"), *root.glob("dashboard/**/*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        made = {part for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for part in n.values}
        constants = {n for n in ast.walk(tree) if isinstance(n, ast.Constant)} - made
        if not str(path.relative_to(root)).startswith(own):
            assert not prefixes & {n.value for n in constants if isinstance(n.value, str)}, path


# A source of the reader's own: these functions and the row below are all there is to it.


def toy_files(name):
    return (TOY_FOLDER[0] / f"{name}.safetensors",)


def toy_network(name, options):
    width = int(options.get("width", 4))
    return nn.Sequential(nn.Conv2d(3, width, 8, 8), nn.ReLU(), nn.Flatten(), nn.Linear(width, 5))


def toy_model(name, spec):
    options = dict(spec.arch_options)
    network = toy_network(name, options)
    load_weights(network, toy_files(name)[0])
    card = {"architecture": f"toy/{name}", "arch_options": options}
    labels = LabelSpace(("red", "green", "blue", "white", "black"))
    return Model(spec.reference, network, Preprocessing(resize=8, crop=(8, 8)), labels, card)


TOY_FOLDER = []
TOY = ModelSpec("toy/one", arch_options=(("width", "6"),))


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """The toy source's row, with the weights of `toy/one` on disk."""
    row = SourceRow(
        load=f"{__name__}:toy_model",
        help="toy/NAME: networks of one layer.",
        build=f"{__name__}:toy_network",
        files=f"{__name__}:toy_files",
        suggested=("one",),
    )
    monkeypatch.setitem(SOURCES, "toy", row)
    monkeypatch.setattr(sys.modules[__name__], "TOY_FOLDER", [tmp_path])
    torch.manual_seed(0)
    save_file(toy_network("one", {"width": "6"}).state_dict(), tmp_path / "one.safetensors")
    return row


@pytest.fixture
def colours(tmp_path):
    """A folder of 30 noisy squares, 10 of each of three colours."""
    generator = np.random.default_rng(0)
    for channel, name in enumerate(("red", "green", "blue")):
        (tmp_path / "colours" / name).mkdir(parents=True)
        for i in range(10):
            pixels = generator.integers(0, 120, (8, 8, 3))
            pixels[..., channel] += 120
            picture = Image.fromarray(pixels.astype(np.uint8))
            picture.save(tmp_path / "colours" / name / f"{i}.png")
    return str(tmp_path / "colours")


def test_a_source_is_added_by_its_functions_and_its_row(toy, colours, capsys):
    _, accuracy = jobs.run_here(AccuracyConfig(TOY, DatasetSpec(colours, "all")))
    schedule = Schedule(epochs=1, batch_size=8)
    run, trained = jobs.run_here(FineTuningConfig(TOY, DatasetSpec(colours), schedule=schedule))
    again = load_model(f"run/{run.id}")
    _, tuned = jobs.run_here(AccuracyConfig(ModelSpec(again.name), DatasetSpec(colours)))

    assert len(accuracy.records) == 30
    assert again.card["base"] == "toy/one"
    assert again.labels.names == ("blue", "green", "red")
    assert again(torch.rand(2, 3, 8, 8)).shape == (2, 3)
    assert tuned.provenance.model_fingerprint == again.fingerprint
    assert trained.card["architecture"] == "toy/one"
    assert "toy/NAME" in reference_forms()
    assert cli.main(["models", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["sources"]["toy"] == toy.help


def test_other_files_are_another_model(toy, tmp_path):
    before = file_facts("toy/one")
    (tmp_path / "one.safetensors").write_bytes(b"other")

    assert len(before) == 1
    assert file_facts("toy/one") != before


def test_a_source_that_builds_nothing_refuses_to_be_trained_from_before_the_work(
    toy, colours, monkeypatch
):
    monkeypatch.setitem(SOURCES, "toy", SourceRow(toy.load, toy.help, files=toy.files))
    seen = []

    with pytest.raises(CheckpointError, match="could not be loaded again"):
        jobs.run_here(
            FineTuningConfig(TOY, DatasetSpec(colours)),
            lambda done, total, message, **metrics: seen.append(message),
        )

    assert seen == ["Loading the model and the data"]

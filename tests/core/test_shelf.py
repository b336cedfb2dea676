"""The shelf: a model under a short name, with its weights, classes and preparation."""

import json
import subprocess
import sys

import pytest
import torch

from usable_core import cli, shelf
from usable_core.catalog.known_names import known_references
from usable_core.errors import CheckpointError, ConfigError, UnknownName
from usable_core.evaluations.specs import ModelSpec
from usable_core.models import load_model

THREE = (("num_classes", "3"),)


def weights_of(seed):
    from torchvision.models import squeezenet1_1

    torch.manual_seed(seed)
    return squeezenet1_1(num_classes=3).state_dict()


def uploaded(tmp_path, seed=0, name="ours.pth"):
    torch.save(weights_of(seed), tmp_path / name)
    return shelf.keep_file((tmp_path / name).read_bytes(), name, shelf.WEIGHT_ENDINGS)


def test_a_model_is_its_name_everywhere_with_its_weights_classes_and_preparation(tmp_path):
    labels = shelf.keep_file(b"ant\nbee\ncat\n", "labels.txt", shelf.LABEL_ENDINGS)
    file = uploaded(tmp_path)
    spec = ModelSpec(
        "torchvision/squeezenet1_1",
        file,
        THREE,
        preprocessing=(("crop", "64"), ("resize", "64"), ("mean", "0.5,0.5,0.5")),
        labels=labels,
    )

    entry = shelf.put("Our  net, v2", spec, file="ours.pth")
    model = load_model("shelf/Our net, v2")

    assert (entry.reference, model.name) == ("shelf/Our net, v2", "shelf/Our net, v2")
    assert model.spec == ModelSpec("shelf/Our net, v2")
    assert model.labels.names == ("ant", "bee", "cat")
    assert model.preprocessing.mean == (0.5, 0.5, 0.5)
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    from torchvision.models import squeezenet1_1

    alone = squeezenet1_1(num_classes=3).eval()
    alone.load_state_dict(weights_of(0))
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.no_grad():
        expected = alone((x - 0.5) / std)
    torch.testing.assert_close(model(x).detach(), expected, atol=1e-4, rtol=1e-4)


def test_other_weights_under_one_name_are_another_model(tmp_path):
    shelf.put("Mine", ModelSpec("torchvision/squeezenet1_1", uploaded(tmp_path, 0), THREE))
    first = load_model("shelf/mine").fingerprint
    shelf.remove("Mine")
    shelf.put("mine", ModelSpec("torchvision/squeezenet1_1", uploaded(tmp_path, 1), THREE))

    assert load_model("shelf/mine").fingerprint != first


def test_files_go_with_the_last_entry_that_uses_them(tmp_path):
    file = uploaded(tmp_path)
    own = tmp_path / "own.pth"
    torch.save(weights_of(2), own)
    for name in ("a", "b"):
        shelf.put(name, ModelSpec("torchvision/squeezenet1_1", file))
    shelf.put("c", ModelSpec("torchvision/squeezenet1_1", str(own)))

    shelf.remove("a")
    kept = shelf.files_behind("b")
    shelf.remove("b")
    shelf.remove("c")

    assert kept[1].name in file
    assert not kept[1].exists()
    assert own.exists()  # it was never uploaded
    assert shelf.listed() == []


@pytest.mark.parametrize("name", ["", " ", "a/b", "../x", "x" * 61, "a#b", "timm", "a\x00b"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ConfigError, match="name has 1 to 60"):
        shelf.put(name, ModelSpec("bundled/vgg"))


def test_what_cannot_be_is_refused_and_nothing_is_kept(tmp_path):
    shelf.put("vgg", ModelSpec("bundled/vgg"))
    program = tmp_path / "p.pt2"
    program.write_bytes(b"x")

    for spec, error in [
        (ModelSpec("bundled/vgg"), ConfigError),  # taken
        (ModelSpec("bundled/vggg"), UnknownName),
        (ModelSpec("torchvision/vgg16", str(tmp_path / "none.pth")), CheckpointError),
        (ModelSpec("shelf/vgg"), ConfigError),
        (ModelSpec(f"file/{program}"), CheckpointError),  # without trust
    ]:
        with pytest.raises(error):
            shelf.put("VGG" if spec.reference == "bundled/vgg" else "new", spec)
    with pytest.raises(ConfigError, match=r"none of \.safetensors"):
        shelf.keep_file(b"", "a.exe", shelf.WEIGHT_ENDINGS)
    with pytest.raises(UnknownName):
        load_model("shelf/new")
    assert [one.name for one in shelf.listed()] == ["vgg"]


def test_a_damaged_entry_is_a_sentence_and_passed_over_in_the_list():
    shelf.put("one", ModelSpec("bundled/vgg"))
    shelf.put("two", ModelSpec("bundled/vit"))
    for text in ("[", "[1]", "{}", '{"name": 3}'):
        shelf.files_behind("one")[0].write_text(text)
        with pytest.raises(CheckpointError, match="damaged"):
            shelf.entry_of("one")
        assert [one.name for one in shelf.listed()] == ["two"]
        shelf.remove("one")
        shelf.put("one", ModelSpec("bundled/vgg"))


def test_the_command_adds_lists_and_removes(capsys):
    assert (
        cli.main(["models", "add", "Small one", "bundled/vgg", "--preprocessing", "std=1,1,1"]) == 0
    )
    assert "shelf/Small one is bundled/vgg" in capsys.readouterr().out
    assert cli.main(["models", "--json", "-"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["shelf"]
    assert (one["name"], one["spec"]["reference"]) == ("Small one", "bundled/vgg")
    assert cli.main(["models", "remove", "shelf/Small one"]) == 0
    assert cli.main(["models", "remove", "Small one"]) == 2


def test_every_model_of_torchvision_and_timm_is_known_without_importing_them():
    import timm
    import torchvision

    known = set(known_references())

    theirs = torchvision.models.list_models(module=torchvision.models)
    assert {f"torchvision/{name}" for name in theirs} <= known
    tagged = {f"timm/{name}" for name in timm.list_models(pretrained=True)}
    assert len(tagged & known) > 0.95 * len(tagged)  # any other can be typed
    assert {f"timm/{name}" for name in timm.list_models()} <= known
    code = (
        "import sys; from usable_core.catalog.known_names import known_references as k; k(); "
        "sys.exit(bool({'torch', 'timm', 'torchvision'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

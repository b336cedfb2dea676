"""How strangers name models, rightly and wrongly, and what the command line then says."""

import numpy as np
import pytest
import torch
from PIL import Image

import usable_core as usable
from usable_core.catalog.references import absolute, source_of
from usable_core.cli import main
from usable_core.errors import CheckpointError, IncompatibleLabels, UsableError

# What somebody types; what the sentence must say, word for word.
WRONG = {
    "gone": "Unknown model 'gone'",
    "my models/gone": "nothing is at {here}/my models/gone",
    "./gone": "Expected a model at gone, but nothing is there",
    "/gone/model": "Expected a model at /gone/model, but nothing is there",
    "folder/gone": "Expected a model at gone, but nothing is there",
    "hf/./gone": "no folder is there",
    "gone.onnx": "Expected an ONNX file at gone.onnx",
    "my models/gone.ONNX": "Expected an ONNX file at my models/gone.ONNX",
    "gone.keras": "Expected a Keras model at gone.keras",
    "gone.pt2": "Expected an exported program at gone.pt2",
    "gone.safetensors": "Expected a model at gone.safetensors, but nothing is there",
    "my models": "holds vit, weights.pth, which is no model",
    "my models/": "holds vit, weights.pth, which is no model",
    "my models/weights.pth": "no model by itself. A file of weights goes with its architecture",
    "folder/my models/vit": "a folder of Hugging Face's form. Name it hf/FOLDER",
    "onnx/gone.keras": "Name it as a model of Keras: keras/FILE",
    "keras/my models/gone.onnx": "Name it as an ONNX file: onnx/FILE.onnx",
    "file/gone.onnx": "Name it as an ONNX file: onnx/FILE.onnx",
    "onnx/gone.pt2": "Name it as a program of torch.export: file/PATH.pt2",
    "google/vit-base": "hf/google/vit-base of the Hugging Face Hub",
    "resnet18": "torchvision/resnet18",
    "resnt18": "timm/resnet18",
    "vgg_digits": "bundled/vgg_digits",
    "Resnet50": "keras/ResNet50",
    "ours": "shelf/Ours",
    "torchvison/resnet18": "Nearest choices: torchvision",
    "torchvision/resnt18": "resnet18",
    "timm/resnt18": "resnet18",
    "hf/": "hf/FOLDER",
    "onnx": "onnx/FILE.onnx",
    "": "bundled/resnet",
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, which holds a folder of models."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my models" / "vit").mkdir(parents=True)
    (tmp_path / "my models" / "vit" / "config.json").write_text("{}")
    (tmp_path / "my models" / "weights.pth").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("reference", WRONG)
def test_what_names_no_model_is_told_with_what_was_meant(reference, here, capsys):
    if reference == "ours":
        main(["models", "add", "Ours", "bundled/vgg_digits"])
    said = WRONG[reference].format(here=here)

    status = main(["models", "show", reference])

    assert status == 2
    assert said in capsys.readouterr().err.replace("\n", " ")
    with pytest.raises(UsableError) as refused:
        usable.load_model(reference)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("path", "source"),
    [("a.onnx", "onnx"), ("a b.keras", "keras"), ("sub/a.H5", "keras"), ("./a.pt2", "file")],
)
def test_the_path_of_a_whole_network_is_a_reference(path, source, here):
    (here / "sub").mkdir()
    (here / path).write_bytes(b"")

    row, name = source_of(path)

    assert (row.form.partition("/")[0], name) == (source, path)
    assert absolute(path) == f"{source}/{(here / path).resolve()}"


def test_a_folder_called_like_a_network_is_what_it_holds(here):
    usable.fine_tune(
        "bundled/vgg_digits",
        (torch.rand(8, 3, 32, 32), [0, 1] * 4),
        here / "mine.onnx",
        schedule=usable.Schedule(epochs=1, batch_size=4),
    )

    assert usable.load_model(str(here / "mine.onnx")).spec.reference == str(here / "mine.onnx")


@pytest.fixture
def nothing_here(tmp_path, monkeypatch):
    """Caches of downloads that hold nothing."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.fixture
def fish(tmp_path):
    """Pictures of two classes of ImageNet, in folders that are called by their WordNet ids."""
    for name in ("n01440764", "n01443537"):
        (tmp_path / "fish" / name).mkdir(parents=True)
        picture = Image.fromarray(np.full((8, 8, 3), len(name), np.uint8))
        picture.save(tmp_path / "fish" / name / "a.png")
    return tmp_path / "fish"


@pytest.mark.usefixtures("nothing_here")
@pytest.mark.parametrize("reference", ["torchvision/resnet18", "timm/resnet18"])
def test_weights_of_other_classes_are_refused_before_they_are_fetched(reference, capsys):
    said = "does not know 10 of the data set's 10 classes"

    status = main(["evaluate", "accuracy", "--model", reference, "--dataset", "digits"])

    assert status == 2
    assert said in capsys.readouterr().err
    for data in ("digits", usable.load_dataset("digits", limit=20)):
        with pytest.raises(IncompatibleLabels, match=said):
            usable.evaluate_robustness(reference, data)
    with pytest.raises(CheckpointError, match="not on this machine"):  # time is of no class
        usable.evaluate_cost(reference, "digits")
    with pytest.raises(CheckpointError, match="not on this machine"):  # its head is made anew
        usable.fine_tune(reference, "digits")


@pytest.mark.usefixtures("nothing_here")
@pytest.mark.parametrize(
    "reference", ["torchvision/resnet18", "timm/resnet18", "timm/vit_tiny_patch16_224.augreg_in21k"]
)
def test_weights_that_may_know_the_classes_by_another_name_are_fetched(reference, fish):
    with pytest.raises(CheckpointError, match="not on this machine"):
        usable.evaluate_accuracy(reference, fish)

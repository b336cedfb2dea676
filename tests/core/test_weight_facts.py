"""What lies in or beside a file of weights decides the input and the names of the classes."""

import argparse
import json
from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.data.imagenet_info import ImageNetInfo
from torchvision import models

from usable_core import answering
from usable_core.catalog.references import file_facts
from usable_core.datasets import load_dataset
from usable_core.errors import CheckpointError
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.models import load_model

MEAN, STD = (0.1, 0.5, 0.9), (0.25, 0.2, 0.3)
SQUEEZENET = "torchvision/squeezenet1_1"


@pytest.fixture(scope="module")
def states():
    torch.manual_seed(0)
    return {
        "timm": timm.create_model("resnet10t", num_classes=3).state_dict(),
        "torchvision": models.squeezenet1_1(num_classes=3).state_dict(),
    }


def hub_folder(folder, state, **changes):
    """A model folder as timm's `save_for_hf` writes it."""
    save_file(
        {name: tensor.contiguous() for name, tensor in state.items()}, folder / "w.safetensors"
    )
    (folder / "w.safetensors").rename(folder / "model.safetensors")
    config = {
        "architecture": "resnet10t",
        "num_classes": 3,
        "label_names": ["red", "green", "blue"],
        "label_descriptions": {"red": "red, crimson"},
        "pretrained_cfg": {
            "input_size": [3, 48, 64],
            "interpolation": "bilinear",
            "crop_pct": 0.8,
            "mean": list(MEAN),
            "std": list(STD),
            "num_classes": 3,
        },
    }
    (folder / "config.json").write_text(json.dumps(config | changes))
    return folder


@pytest.mark.parametrize("given", ["file", "folder"])
def test_the_config_beside_timm_weights_decides_as_in_timm_itself(tmp_path, states, given):
    folder = hub_folder(tmp_path, states["timm"])
    theirs = timm.create_model(f"local-dir:{folder}", pretrained=True)
    config = timm.data.resolve_model_data_config(theirs)

    weights = folder if given == "folder" else folder / "model.safetensors"
    model = load_model("timm/resnet10t", weights=weights)

    p = model.preprocessing
    assert (3, *p.crop) == tuple(config["input_size"])
    assert p.resize == (60, 80)  # 48 / 0.8, 64 / 0.8
    assert (p.mean, p.std, p.interpolation) == (MEAN, STD, "bilinear")
    assert set(p.sources.values()) == {"config.json beside model.safetensors"}
    assert model.labels.names == ("red", "green", "blue")
    assert model.labels.index("crimson") == 0
    assert not any("guess" in sentence for sentence in model.warnings)
    x = torch.rand(2, 3, 48, 64)
    expected = theirs.eval()(
        (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    )
    torch.testing.assert_close(model(x), expected)


def test_the_older_form_of_the_config_is_read(tmp_path, states):
    folder = hub_folder(tmp_path, states["timm"])
    config = json.loads((folder / "config.json").read_text())
    old = {**config.pop("pretrained_cfg"), "architecture": "resnet10t", "labels": ["a", "b", "c"]}
    (folder / "config.json").write_text(json.dumps(old))

    model = load_model("timm/resnet10t", weights=folder)

    assert (model.preprocessing.mean, model.labels.names) == (MEAN, ("a", "b", "c"))


def test_what_the_user_says_wins_over_the_config(tmp_path, states):
    folder = hub_folder(
        tmp_path, states["timm"], model_args={"num_classes": 3, "act_layer": "silu"}
    )

    own = load_model("timm/resnet10t", weights=folder)
    said = load_model(
        "timm/resnet10t",
        weights=folder,
        arch_options={"act_layer": "relu"},
        preprocessing={"mean": "0.5"},
    )

    assert "SiLU" in repr(own.network)
    assert "SiLU" not in repr(said.network)
    assert said.preprocessing.mean == (0.5, 0.5, 0.5)


def test_the_config_of_another_architecture_gives_no_options(tmp_path, states):
    folder = hub_folder(tmp_path, states["timm"], architecture="resnet50")

    model = load_model("timm/resnet10t", weights=folder, arch_options={"num_classes": "3"})

    assert "config.json beside model.safetensors is for resnet50" in model.warnings[0]


@pytest.mark.parametrize("text", ["", "[1]", "no json", '{"a": 1}', '{"model_type": "bert"}'])
def test_a_config_of_another_form_changes_nothing(tmp_path, states, text):
    folder = hub_folder(tmp_path, states["torchvision"])
    (folder / "config.json").write_text(text)

    model = load_model(SQUEEZENET, weights=folder, arch_options={"num_classes": "3"})

    assert (model.preprocessing.resize, model.labels.is_named) == (256, False)


def test_a_config_whose_numbers_are_none_is_one_sentence(tmp_path, states):
    folder = hub_folder(tmp_path, states["timm"], pretrained_cfg={"mean": "ImageNet"})

    with pytest.raises(CheckpointError, match=r"mean must be numbers in config\.json"):
        load_model("timm/resnet10t", weights=folder)


NAMES = ("cat", "dog", "owl")
LISTS = {
    "class_to_idx": {"class_to_idx": {"owl": 2, "cat": 0, "dog": 1}},
    "idx_to_class": {"idx_to_class": {2: "owl", 0: "cat", 1: "dog"}},
    "classes": {"classes": list(NAMES)},
    "hyper_parameters": {"hyper_parameters": {"classes": list(NAMES), "lr": 0.1}},
    "args": {"args": argparse.Namespace(classes=list(NAMES), model="squeezenet1_1")},
    "mmpretrain": {"meta": {"CLASSES": NAMES}},
    "newer mmpretrain": {"meta": {"dataset_meta": {"classes": NAMES}}},
    "transformers": {"config": {"id2label": {"0": "cat", "1": "dog", "2": "owl"}}},
}


def with_facts(tmp_path, state, **facts):
    torch.save({"model": state, **facts}, tmp_path / "w.pth")
    return ModelSpec(SQUEEZENET, str(tmp_path / "w.pth"), (("num_classes", "3"),))


@pytest.mark.parametrize("form", LISTS)
def test_the_classes_in_a_checkpoint_are_those_of_the_logits(tmp_path, states, form):
    model = load_model(with_facts(tmp_path, states["torchvision"], **LISTS[form]))

    assert model.labels.names == NAMES
    assert model.labels.is_named
    assert any("names of the classes" in sentence for sentence in model.warnings)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"classes": ["a", "b"]}, "lists 2 classes, but the network has 3 logits"),
        (
            {"classes": ["a", "b", "c"], "args": {"classes": ["c", "b", "a"]}},
            "list different classes",
        ),
    ],
)
def test_classes_that_do_not_fit_or_disagree_are_not_used_and_said(
    tmp_path, states, facts, sentence
):
    model = load_model(with_facts(tmp_path, states["torchvision"], **facts))

    assert not model.labels.is_named
    assert any(sentence in warning for warning in model.warnings)


@pytest.mark.parametrize(
    "facts",
    [
        {"classes": 3},
        {"id2label": {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}},
        {"class_to_idx": {"a": 0, "b": 0, "c": 1}},
        {"classes": {"a": 1, "b": 2, "c": 3}},
    ],
)
def test_what_is_no_list_of_classes_is_taken_for_none(tmp_path, states, facts):
    assert not load_model(with_facts(tmp_path, states["torchvision"], **facts)).labels.is_named


def test_the_arguments_of_torchvisions_training_script_are_no_guess(tmp_path, states):
    args = argparse.Namespace(
        model="squeezenet1_1", val_resize_size=40, val_crop_size=32, interpolation="bicubic"
    )

    p = load_model(with_facts(tmp_path, states["torchvision"], args=args)).preprocessing

    assert (p.resize, p.crop, p.interpolation) == (40, (32, 32), "bicubic")
    assert p.sources["resize"] == "args in w.pth"
    assert p.sources["mean"].startswith("a guess: ")


def test_the_arguments_of_timms_training_script_are_read(tmp_path, states):
    args = argparse.Namespace(
        model="resnet10t", mean=[0.5], std=None, interpolation="", crop_pct=0.5, img_size=64
    )
    torch.save({"state_dict": states["timm"], "args": args}, tmp_path / "w.pth")

    p = load_model(
        "timm/resnet10t", weights=tmp_path / "w.pth", arch_options={"num_classes": "3"}
    ).preprocessing

    assert (p.mean, p.crop, p.resize) == ((0.5,) * 3, (64, 64), 128)
    assert p.std == (0.229, 0.224, 0.225)
    assert p.sources["std"].startswith("a guess: ")


def test_a_passport_that_no_file_tells_is_a_guess_beside_every_number(tmp_path):
    save_file(models.resnet18().state_dict(), tmp_path / "w.safetensors")
    save_file(models.mobilenet_v2().state_dict(), tmp_path / "m.safetensors")

    all_said = {
        "resize": "256",
        "crop": "224",
        "interpolation": "bilinear",
        "mean": "0",
        "std": "1",
    }
    resnet = {"reference": "torchvision/resnet18", "weights": tmp_path / "w.safetensors"}
    one, said = load_model(**resnet), load_model(**resnet, preprocessing=all_said)
    two = load_model("torchvision/mobilenet_v2", weights=tmp_path / "m.safetensors")

    assert "ResNet18_Weights" in one.warnings[0]
    assert "IMAGENET1K_V1 resizes to 256" in two.warnings[0]
    assert said.warnings == ()


@pytest.mark.parametrize("reference", [f"{SQUEEZENET}@IMAGENET1K_V1", "timm/resnet10t.c3_in1k"])
def test_a_recipe_that_the_user_names_is_no_guess(tmp_path, states, reference):
    state = states["timm" if reference.startswith("timm") else "torchvision"]
    save_file({name: t.contiguous() for name, t in state.items()}, tmp_path / "w.safetensors")

    model = load_model(
        reference, weights=tmp_path / "w.safetensors", arch_options={"num_classes": "3"}
    )

    assert model.warnings == ()


def test_torchvisions_own_file_is_recognised_by_its_hash(tmp_path, monkeypatch):
    import hashlib

    from torchvision.models import SqueezeNet1_1_Weights

    torch.save(models.squeezenet1_1().state_dict(), tmp_path / "w.pth")
    digest = hashlib.sha256((tmp_path / "w.pth").read_bytes()).hexdigest()[:8]
    (tmp_path / "w.pth").rename(tmp_path / f"squeezenet1_1-{digest}.pth")
    weights = tmp_path / f"squeezenet1_1-{digest}.pth"

    before = load_model(SQUEEZENET, weights=weights).warnings
    url = f"https://download.pytorch.org/models/squeezenet1_1-{digest}.pth"
    monkeypatch.setattr(SqueezeNet1_1_Weights.DEFAULT.value, "url", url, raising=False)

    assert len(before) == 1
    assert load_model(SQUEEZENET, weights=weights).warnings == ()


def test_two_files_and_two_tables_are_two_questions(tmp_path, states):
    state = states["torchvision"]
    other = {name: tensor + 1 for name, tensor in state.items()}
    torch.save({"student": state, "teacher": other}, tmp_path / "w.pth")
    torch.save({"model": state, "classes": list(NAMES)}, tmp_path / "named.pth")
    torch.save({"model": state, "classes": list(NAMES[::-1])}, tmp_path / "turned.pth")
    torch.save({"model": {**state, "criterion.w": torch.ones(1)}}, tmp_path / "more.pth")

    digits = load_dataset("digits")

    def key(weights):
        spec = ModelSpec(SQUEEZENET, str(tmp_path / weights), (("num_classes", "3"),))
        config = AccuracyConfig(spec, DatasetSpec("digits"))
        return answering.key(config, {"model": load_model(spec), "dataset": digits})

    weights = ("w.pth#student", "w.pth#teacher", "named.pth", "turned.pth", "more.pth")
    assert len({key(one) for one in weights}) == len(weights)


def test_the_names_that_the_user_gives_win_and_are_part_of_the_question(tmp_path, states):
    spec = with_facts(tmp_path, states["torchvision"], classes=list(NAMES))
    digits, keys = load_dataset("digits"), set()
    for text in ("x\ny\nz\n", "z\ny\nx\n"):
        (tmp_path / "names.txt").write_text(text)
        own = replace(spec, labels=str(tmp_path / "names.txt"))
        model = load_model(own)
        keys.add(
            answering.key(
                AccuracyConfig(own, DatasetSpec("digits")), {"model": model, "dataset": digits}
            )
        )

        assert model.labels.names == tuple(text.split())
        assert not any("names of the classes" in sentence for sentence in model.warnings)
    assert len(keys) == 2


def test_a_list_of_imagenets_classes_has_their_synonyms(tmp_path):
    ids = list(ImageNetInfo().label_names())
    torch.save({"model": models.squeezenet1_1().state_dict(), "classes": ids}, tmp_path / "w.pth")

    labels = load_model(SQUEEZENET, weights=tmp_path / "w.pth").labels

    assert (labels.index("n01440764"), labels.index("tench")) == (0, 0)


def test_a_changed_config_beside_the_weights_is_a_changed_model(tmp_path, states):
    folder = hub_folder(tmp_path, states["timm"])
    before = file_facts("timm/resnet10t", str(folder))
    (folder / "config.json").write_text("{}")

    assert file_facts("timm/resnet10t", str(folder)) != before

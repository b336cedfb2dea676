"""`--labels FILE`: each form in which people keep class names, and where the names count."""

import json

import numpy as np
import pytest
import torch
from timm.data.imagenet_info import ImageNetInfo
from torch import nn
from torch.export import Dim, export, save

from usable_core import answering, api
from usable_core.errors import ConfigError, UsableError
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.models import load_model
from usable_core.models.label_files import labels_in
from usable_core.runs.store import RunStore

NAMES = ("cat", "dog", "crème brûlée")


def written(folder, content, name="names.txt"):
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


@pytest.mark.parametrize(
    "content",
    [
        "cat\ndog\ncrème brûlée",
        "cat\ndog\ncrème brûlée\n\n\n",
        "\ufeffcat\r\ndog\r\ncrème brûlée\r\n".encode(),
        "0: cat\n1: dog\n2: crème brûlée\n",
        "0,cat\n1,dog\n2,crème brûlée\n",
        "{0: 'cat',\n 1: 'dog',\n 2: 'crème brûlée'}",
        list(NAMES),
        {"2": "crème brûlée", "0": "cat", "1": "dog"},
        {"dog": 1, "cat": 0, "crème brûlée": 2},
        {"id2label": {"0": "cat", "1": "dog", "2": "crème brûlée"}, "label2id": {"cat": 0}},
        {"architecture": "resnet18", "num_classes": 3, "label_names": list(NAMES)},
        {"class_to_idx": {"crème brûlée": 2, "dog": 1, "cat": 0}},
    ],
    ids=[
        *("lines", "blank end", "bom and crlf", "numbered", "csv", "python", "list"),
        *("by index", "to index", "id2label", "label_names", "class_to_idx"),
    ],
)
def test_names_are_read_in_the_order_of_the_logits(tmp_path, content):
    assert labels_in(written(tmp_path, content), 3).names == NAMES


def test_ten_and_more_indices_are_numbers_and_no_text(tmp_path):
    table = {str(i): f"class of {i}" for i in (10, 11, 2, 1, 0, 3, 4, 5, 6, 7, 8, 9)}

    assert labels_in(written(tmp_path, table), 12).names[10] == "class of 10"


def test_names_that_are_numbers_stay_names(tmp_path):
    assert labels_in(written(tmp_path, "0\n1\n10\n2"), 4).names == ("0", "1", "10", "2")
    assert labels_in(written(tmp_path, [5, 3]), 2).names == ("5", "3")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("cat\ndog", "names 2 classes, but the model has 3 logits"),
        ("cat\ndog\ncat", "the name 'cat' to logit 0 and to logit 2"),
        ("cat\n\ndog", "no name for logit 1"),
        ("cat\ndog\n\xff".encode("latin-1"), "no text in UTF-8"),
        ("[cat, dog", "begins like JSON and is none"),
        ({"0": "cat", "1": "dog", "3": "ox"}, "indices 0 to 2, each once"),
        ([["cat", "dog"], None, 1], "has None for a name"),
        ("{}", "is a table, but not of"),
    ],
)
def test_what_is_no_list_of_the_classes_is_a_sentence(tmp_path, content, said):
    with pytest.raises(ConfigError, match=said):
        labels_in(written(tmp_path, content), 3)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(UsableError, match=r"class names at .* no file is there"):
        load_model("bundled/resnet", labels=tmp_path / "missing.txt")


def imagenet_class_index():
    info = ImageNetInfo()
    names = [text.split(",")[0].replace(" ", "_") for text in info.label_descriptions()]
    return {str(i): [wnid, names[i]] for i, wnid in enumerate(info.label_names())}


def test_the_class_index_of_torchvision_and_keras_names_imagenet(tmp_path):
    space = labels_in(written(tmp_path, imagenet_class_index(), "imagenet_class_index.json"), 1000)

    assert space.names[0] == "tench"
    assert len(set(space.names)) == 1000, "two cranes and two maillots are told apart"
    assert space.index("n02012849") == 134
    assert space.index("n03126707") == 517
    assert space.index("Tinca tinca") == 0


def test_lines_with_wordnet_ids_name_a_part_of_imagenet(tmp_path):
    lines = "n01440764 tench, Tinca tinca\nn02012849 crane\nn03126707 crane\n"

    space = labels_in(written(tmp_path, lines, "LOC_synset_mapping.txt"), 3)

    assert space.names == ("tench, Tinca tinca", "crane (n02012849)", "crane (n03126707)")
    assert space.index("N03126707") == 2


def test_whole_descriptions_of_imagenet_get_its_ids(tmp_path):
    table = {"id2label": dict(enumerate(ImageNetInfo().label_descriptions()))}

    space = labels_in(written(tmp_path, table, "config.json"), 1000)

    assert space.names[0] == "tench, Tinca tinca"
    assert (space.names[134], space.names[517]) == ("crane bird", "crane")
    assert space.index("n02007558") == 130


class Colours(nn.Module):
    def forward(self, x):
        return 10 * x.mean((2, 3))


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "colours.pt2"
    shapes = ({0: Dim("n")},)
    save(export(Colours(), (torch.rand(2, 3, 8, 8),), dynamic_shapes=shapes), path)
    return f"file/{path}"


@pytest.fixture
def folders(tmp_path):
    """Pictures in which one channel is brighter, in folders of its name."""
    from PIL import Image

    pixels = np.random.default_rng(0).integers(60, 140, (12, 8, 8, 3), dtype=np.uint8)
    for i, picture in enumerate(pixels):
        picture[..., i % 3] += 100
        folder = tmp_path / "data" / ("red", "green", "blue")[i % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / f"{i}.png")
    return tmp_path / "data"


def test_given_names_win_and_are_matched_by_name(program, folders, tmp_path):
    names = written(tmp_path, "red\ngreen\nblue")
    nameless = load_model(program, trust=True)
    named = load_model(program, trust=True, labels=names)
    renamed = load_model(program, trust=True, labels=written(tmp_path, "green\nred\nblue", "b.txt"))

    assert api.evaluate_accuracy(nameless, str(folders)).accuracy.value < 1, "by the alphabet"
    found = api.evaluate_accuracy(named, str(folders))
    assert (found.accuracy.value, found.provenance.warnings) == (1, ())
    assert found.provenance.class_names == ("red", "green", "blue")
    assert api.evaluate_accuracy(renamed, str(folders)).accuracy.value == pytest.approx(1 / 3)


def test_names_replace_those_of_a_bundled_model(tmp_path):
    names = written(tmp_path, [f"thing {i}" for i in range(10)])

    assert load_model("bundled/resnet", labels=names).labels.names[3] == "thing 3"


def test_other_names_are_another_question_wherever_the_file_lies(program, folders, tmp_path):
    spec = {"trust": True, "reference": program}
    files = [
        written(tmp_path, "red\ngreen\nblue", "a.txt"),
        written(tmp_path, ["red", "green", "blue"], "b.json"),
        written(tmp_path, "green\nred\nblue", "c.txt"),
    ]
    configs = [
        AccuracyConfig(ModelSpec(**spec, labels=str(file)), DatasetSpec(str(folders)))
        for file in files
    ]

    keys = [answering.key(config, answering.resolve(config)) for config in configs]

    assert keys[0] == keys[1]
    assert keys[0] != keys[2]


def test_the_command_takes_names_and_the_store_keeps_them(program, folders, tmp_path, capsys):
    from usable_core.cli import main

    names = written(tmp_path, "red\ngreen\nblue")
    words = ["--model", program, "--trust", "--labels", str(names), "--dataset", str(folders)]

    assert main(["evaluate", "accuracy", *words, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"]["value"] == 1
    (run,) = RunStore().list()
    assert run.config.model.labels == str(names)

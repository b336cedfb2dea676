"""What the user says of a model's input replaces what its source says, and is shown as such."""

import pytest
import torch
from safetensors.torch import save_file

from usable_core import answering
from usable_core.cli import main
from usable_core.datasets import load_dataset
from usable_core.datasets.pixels import batches
from usable_core.errors import ConfigError, UnknownName
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.models import load_model
from usable_core.models.overrides import overridden, with_preprocessing
from usable_core.models.sources import torchvision_models
from usable_core.records import from_json, to_json
from usable_core.training.command_line import command

OWN = Preprocessing(resize=256, crop=(224, 224), sources={"resize": "its file", "mean": "its file"})


def test_given_values_replace_the_own_ones_and_say_so():
    pairs = [
        ("mean", "0.5,0.25,0.125"),
        ("std", "0.5"),
        ("crop", "160x192"),
        ("resize", "none"),
        ("interpolation", "BICUBIC"),
    ]

    found = overridden(OWN, pairs)

    assert (found.mean, found.std) == ((0.5, 0.25, 0.125), (0.5, 0.5, 0.5))
    assert (found.resize, found.crop, found.interpolation) == (None, (160, 192), "bicubic")
    assert set(found.sources.values()) == {"given by the user"}


def test_what_is_not_given_stays_with_its_source():
    found = overridden(OWN, [("resize", "240x320")])

    assert found.resize == (240, 320)
    assert found.crop == OWN.crop
    assert found.sources == {"resize": "given by the user", "mean": "its file"}


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("mean", "123,117,104", "Divide values for 0 to 255 by 255"),
        ("mean", "0.5,0.5", "one number or three"),
        ("std", "0", "from 0.001 to 10"),
        ("std", "nan", "from 0.001 to 10"),
        ("mean", "grey", "'grey'"),
        ("crop", "0", "number of pixels"),
        ("resize", "-3", "number of pixels"),
        ("resize", "224x224x3", "number of pixels"),
        ("crop", "1000000", "up to 4096"),
    ],
)
def test_a_value_out_of_its_range_is_refused(field, text, sentence):
    with pytest.raises(ConfigError, match=sentence):
        overridden(OWN, [(field, text)])


def test_unknown_fields_and_interpolations_list_the_choices():
    with pytest.raises(UnknownName, match="mean"):
        overridden(OWN, [("maen", "0.5")])
    with pytest.raises(UnknownName, match="bicubic"):
        overridden(OWN, [("interpolation", "bicubical")])


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    network = torchvision_models.build("squeezenet1_1", {})
    save_file(network.state_dict(), path)
    return path


def test_a_model_is_loaded_with_what_was_given(weights):
    given = {"mean": "0.5", "std": "0.5", "crop": "64", "resize": "64"}
    own = load_model("torchvision/squeezenet1_1", weights=weights)
    model = load_model("torchvision/squeezenet1_1", weights=weights, preprocessing=given)
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    assert model.input_size == (64, 64)
    assert torch.allclose(model(x), own.network((x - 0.5) / 0.5))
    assert model.fingerprint != own.fingerprint


def test_an_input_size_that_the_network_cannot_take_is_a_sentence(weights):
    with pytest.raises(ConfigError, match="does not take pictures of 4 × 4"):
        load_model("torchvision/squeezenet1_1", weights=weights, preprocessing={"crop": "4"})


def test_stored_configs_of_before_stay_readable():
    old = to_json(AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec("digits")))
    del old["model"]["preprocessing"]

    assert from_json(AccuracyConfig, old).model == ModelSpec("bundled/vgg")


def test_the_same_input_said_twice_is_the_same_question(weights):
    """Only the fingerprint counts: keys of runs that were stored before stay what they were."""
    said = [
        AccuracyConfig(
            ModelSpec("torchvision/squeezenet1_1", str(weights), preprocessing=pairs),
            DatasetSpec("digits"),
        )
        for pairs in ((), (("resize", "256"),), (("resize", "260"),))
    ]

    same, also_same, other = (answering.key(config, answering.resolve(config)) for config in said)

    assert same == also_same
    assert same != other


def test_the_command_line_shows_the_given_passport(capsys, weights):
    asked = [
        "models",
        "show",
        "torchvision/squeezenet1_1",
        "--weights",
        str(weights),
        "--preprocessing",
        "mean=0.5 std=0.25",
        "--preprocessing",
        "interpolation=bicubic",
    ]

    assert main(asked) == 0
    out = capsys.readouterr().out

    assert out.count("given by the user") == 3
    assert "[0.25, 0.25, 0.25]" in out
    assert main([*asked, "--preprocessing", "crop"]) == 2
    assert "KEY=VALUE" in capsys.readouterr().err


@torch.inference_mode()
def test_mobilenetv1_needs_the_normalisation_that_its_file_was_made_with(shared_data):
    folder = shared_data / "imagenet"
    part = load_dataset(str(folder / "dev.parquet")).take(range(25, 50))
    given = {
        "mean": "0.485,0.456,0.406",
        "std": "0.229,0.224,0.225",
        "resize": "256",
        "crop": "224",
        "interpolation": "bilinear",
    }
    own = load_model(
        "timm/mobilenetv1_100",
        weights=folder / "mobilenetv1_100_same.safetensors",
        arch_options={"pad_type": "same"},
    )
    to_model = torch.tensor(own.labels.mapping_from(part.labels))

    def right(model):
        ((x, y, _),) = batches(part, model.preprocessing, 25)
        return int((model(x).argmax(1) == to_model[y]).sum())

    assert right(with_preprocessing(own, given.items())) == 23
    assert right(own) <= 20


def test_the_command_on_a_card_names_all_that_the_model_was_loaded_with():
    spec = ModelSpec(
        "timm/x", "folder/w.safetensors", (("pad_type", "same"),), False, (("mean", "0.5"),)
    )

    words = command(FineTuningConfig(spec, DatasetSpec("digits", limit=40))).split()

    given = [
        "--model",
        "timm/x",
        "--weights",
        "w.safetensors",
        "--arch-option",
        "pad_type=same",
        "--preprocessing",
        "mean=0.5",
    ]
    assert words[2:10] == given
    assert words[words.index("--limit") + 1] == "40"

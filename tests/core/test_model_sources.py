import importlib.util
import json

import pytest
import timm
import torch
from safetensors.torch import save_file
from torchvision import models

from usable_core import settings
from usable_core.catalog import implementation
from usable_core.catalog.models import SOURCES
from usable_core.catalog.references import list_references
from usable_core.errors import CheckpointError, UnknownName
from usable_core.evaluations.specs import ModelSpec
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.models import load_model
from usable_core.models.architectures import small_resnet
from usable_core.models.heads import replace_head
from usable_core.models.sources import timm_models, torchvision_models
from usable_core.models.sources.from_card import model_from_card
from usable_core.models.weights.checkpoints import save_model
from usable_core.records import to_json


@pytest.fixture(autouse=True)
def empty_caches(tmp_path, monkeypatch):
    """Caches of downloads that hold nothing."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))


def saved(network, path):
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
    return path


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_is_implemented_and_says_what_it_takes(source):
    row = SOURCES[source]
    assert all(callable(implementation(name)) for name in (row.load, row.build, row.files) if name)
    assert row.form.startswith(f"{source}/")


def test_suggested_references_name_models_that_exist():
    for reference in list_references():
        source, _, name = reference.partition("/")
        if source == "torchvision":
            assert name in models.list_models(module=models)
        if source == "timm":
            assert timm.is_model(name.split(".")[0])


def test_unknown_names_list_the_nearest():
    for reference, near in {
        "torchvisoin/resnet18": "torchvision",
        "torchvision/resnet19": "resnet18",
        "torchvision/resnet50@IMAGENET1K_V3": "IMAGENET1K_V2",
        "timm/mobilnetv2_100": "mobilenetv2_100",
        "timm/resnet50.a9_in1k": "resnet50.a1_in1k",
        "bundled/resnt": "resnet",
    }.items():
        with pytest.raises(UnknownName, match=near):
            load_model(reference)


def test_models_that_are_no_float_classifiers_are_refused_with_a_sentence():
    with pytest.raises(CheckpointError, match="Use torchvision/resnet50"):
        load_model("torchvision/quantized_resnet50")
    with pytest.raises(CheckpointError, match="no classifier of single pictures"):
        load_model("torchvision/fcn_resnet50")


def test_a_failed_download_names_the_file_the_cache_and_the_way_out(tmp_path):
    with pytest.raises(CheckpointError) as refused:
        load_model("torchvision/squeezenet1_1")

    message = str(refused.value)
    assert "https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth" in message
    assert str(tmp_path / "torch" / "checkpoints") in message
    assert "--weights FILE" in message
    assert not list((tmp_path / "torch").rglob("*.pth*"))


def test_a_failed_download_of_timm_names_the_file_the_cache_and_the_way_out(tmp_path):
    with pytest.raises(CheckpointError) as refused:
        load_model("timm/mobilenetv2_100")

    message = str(refused.value)
    assert "https://huggingface.co/timm/mobilenetv2_100.ra_in1k" in message
    assert str(tmp_path / "hf") in message
    assert "--weights FILE" in message


def test_a_file_in_torchs_cache_is_used_without_the_network(tmp_path):
    folder = tmp_path / "torch" / "checkpoints"
    folder.mkdir(parents=True)
    network = models.squeezenet1_1()
    torch.save(network.state_dict(), folder / "squeezenet1_1-b8a52dc0.pth")

    model = load_model("torchvision/squeezenet1_1")

    x = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(model(x), network.eval()(model.preprocessing.normalise(x)))


def test_local_weights_take_the_passport_and_names_of_the_reference(tmp_path):
    path = saved(models.squeezenet1_1(), tmp_path / "mine.safetensors")

    model = load_model("torchvision/squeezenet1_1", weights=path)

    p = model.preprocessing
    assert (p.resize, p.crop, p.interpolation) == (256, (224, 224), "bilinear")
    assert "SqueezeNet1_1_Weights" in p.sources["mean"]
    assert model.labels.names[134] == "crane bird"
    assert model.card["weights"] == "mine.safetensors"


def test_options_reach_the_architecture_and_a_wrong_one_is_named(tmp_path):
    path = saved(timm.create_model("mobilenetv2_035", pad_type="same"), tmp_path / "w.safetensors")

    same = load_model("timm/mobilenetv2_035", weights=path, arch_options={"pad_type": "same"})
    plain = load_model("timm/mobilenetv2_035", weights=path)

    assert "Conv2dSame" in repr(same.network)
    assert "Conv2dSame" not in repr(plain.network)
    assert same.fingerprint != plain.fingerprint
    with pytest.raises(UnknownName, match=r"pad_typo.*: pad_type"):
        load_model("timm/mobilenetv2_035", weights=path, arch_options={"pad_typo": "same"})
    with pytest.raises(CheckpointError, match="no option of an architecture"):
        load_model("timm/mobilenetv2_035", weights=path, arch_options={"pretrained": "true"})


def test_another_number_of_classes_has_no_names(tmp_path):
    path = saved(models.squeezenet1_1(num_classes=4), tmp_path / "w.safetensors")

    model = load_model("torchvision/squeezenet1_1", weights=path, arch_options={"num_classes": "4"})

    assert (len(model.labels), model.labels.is_named) == (4, False)


def test_weights_of_another_architecture_name_the_first_mismatch(tmp_path):
    path = saved(models.squeezenet1_1(), tmp_path / "w.safetensors")

    with pytest.raises(CheckpointError, match=r"features.0.weight has shape \(64, 3, 3, 3\)"):
        load_model("torchvision/squeezenet1_0", weights=path)


@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenetv2_035"])
def test_a_fine_tuned_model_of_a_catalog_comes_back_from_its_card(tmp_path, name):
    torch.manual_seed(0)
    source = torchvision_models if name == "squeezenet1_1" else timm_models
    network = replace_head(source.build(name, {}), 3).eval()
    kind = source.__name__.rsplit(".", 1)[-1].removesuffix("_models")
    card = {
        "architecture": f"{kind}/{name}",
        "arch_options": {},
        "labels": ["a", "b", "c"],
        "preprocessing": to_json(Preprocessing((70, 64), (64, 64))),
    }
    save_model(tmp_path, network, card)

    model = model_from_card("run/1", tmp_path / "model.safetensors", json.loads(json.dumps(card)))

    x = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(model(x), network(x))
    assert model.labels.names == ("a", "b", "c")
    assert model.preprocessing.resize == (70, 64)


@pytest.mark.filterwarnings("ignore:The default weight initialization:FutureWarning")
@pytest.mark.parametrize("name", ["googlenet", "densenet121", "mnasnet0_5"])
def test_torchvisions_own_files_load_as_its_builders_load_them(tmp_path, name):
    """GoogLeNet renormalises inside, DenseNet's files have old names, MNASNet asks a version."""
    own = {"init_weights": False} if name == "googlenet" else {}
    network = models.get_model_builder(name)(**own).eval()
    if name == "googlenet":
        network.transform_input = True
    state = network.state_dict()
    old = {
        key.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): value
        for key, value in state.items()
    }
    save_file(old if name == "densenet121" else dict(state), tmp_path / "w.safetensors")

    model = load_model(f"torchvision/{name}", weights=tmp_path / "w.safetensors")

    x = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(model(x), network(model.preprocessing.normalise(x)))


@pytest.fixture
def assets(tmp_path, monkeypatch):
    """A folder of bundled models that holds one, called resnet."""
    monkeypatch.setattr(settings, "assets", lambda: tmp_path / "assets")
    network = small_resnet(3)
    save_model(
        tmp_path / "assets" / "models",
        network,
        {
            "architecture": "small_resnet",
            "labels": ["a", "b", "c"],
            "command": "usable pretrain",
            "preprocessing": to_json(Preprocessing(32, (32, 32), mean=(0.5, 0.5, 0.5))),
        },
    )
    folder = tmp_path / "assets" / "models"
    (folder / "model.safetensors").rename(folder / "resnet.safetensors")
    (folder / "card.json").rename(folder / "resnet.json")
    return network.eval()


def test_a_bundled_backbone_comes_with_its_card(assets):
    model = load_model(ModelSpec("bundled/resnet"))
    x = torch.rand(2, 3, 32, 32)

    torch.testing.assert_close(model(x), assets(x - 0.5))
    assert model.card["command"] == "usable pretrain"


def test_a_bundled_backbone_that_is_not_there_says_what_to_do(assets):
    with pytest.raises(CheckpointError, match="usable pretrain"):
        load_model("bundled/vgg")


def test_our_architectures_have_no_options(assets):
    with pytest.raises(CheckpointError, match="has no options"):
        load_model("bundled/resnet", arch_options={"width": "3"})


@pytest.mark.skipif(
    importlib.util.find_spec("usable_core.runs.store") is None, reason="the store is not there yet"
)
def test_a_run_that_does_not_exist_is_unknown():
    with pytest.raises(UnknownName):
        load_model("run/nothing")


def test_a_damaged_program_is_one_sentence_and_no_traceback(tmp_path, capfd):
    (tmp_path / "broken.pt2").write_bytes(b"no program")

    with pytest.raises(CheckpointError, match="cannot be read as an exported program"):
        load_model(f"file/{tmp_path / 'broken.pt2'}", trust=True)

    assert "Traceback" not in capfd.readouterr().err

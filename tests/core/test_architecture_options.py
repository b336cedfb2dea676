"""Who may name an option: whoever it is, only what the architecture is made of is heard."""

import inspect
import json
import os
import pickle
import random
import re
import sys

import pytest
import timm
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from usable_core import cli
from usable_core.answering import resolve
from usable_core.errors import CheckpointError, UnknownName, UsableError
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.measuring.interactive import answer
from usable_core.measuring.memory import ModelCache
from usable_core.models import load_model
from usable_core.models.sources import timm_models, torchvision_models
from usable_core.records import from_json, to_json

TIMM, TORCHVISION = "timm/resnet10t", "torchvision/squeezenet1_1"
# What builders of timm and torchvision take beside settings of an architecture.
FOREIGN = re.findall(
    r"\w+",
    """
    checkpoint_path cache_dir pretrained_cfg pretrained_cfg_overlay pretrained_strict url file
    pretrained_custom_load pretrained_filter_fn pretrained_model_args kwargs_filter features_only
    feature_cfg feature_cls out_indices scriptable exportable no_jit pruned model_cls model_cfg
    cfg hf_hub_id hf_hub_filename custom_load weights_backbone progress device dtype
    block_args block self __class__ __init__ norm_layers
    """,
)
ODD_VALUES = (
    *("hf-hub:a/b", "local-dir:.", "../x", "/x", "C:\\x", "os.system", "__import__", "a" * 40),
    *("", " ", "a b", "1e999", "-1e999", "9" * 400, "(" * 5000, "-" * 5000 + "1", "[[1]]", "1j"),
    *("{'a': 1}", "b'x'", "('x',)", "x\n", "١x", "\0", "file://x", "~", "$HOME", "%2e"),
)
ODD_NAMES = (
    *("hf-hub:a/b", "hf_hub:a/b", "HF-HUB:a/b", "local-dir:{}", "LOCAL-DIR:{}", "file:{}", "{}"),
    *("resnet10t@{}", "resnet10t.{}", "https://x/resnet10t", "a/resnet10t", " resnet10t"),
    *("resnet10t#x", "../resnet10t", "local-dir:{}.resnet10t", "resnet10t.local-dir:{}"),
)
opened: list[str] = []
sys.addaudithook(
    lambda event, told: opened.append(str(told[0])) if event == "open" and told else None
)


class Code:
    """A pickle of it leaves a mark where it is read."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def canary(tmp_path):
    """A file of code, which no test lets anybody open."""
    path = tmp_path / "canary.pth"
    path.write_bytes(pickle.dumps(Code(tmp_path / "executed")))
    opened.clear()
    yield path
    assert str(path) not in opened
    assert not (tmp_path / "executed").exists()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights that fit the architectures, so that nothing else is refused."""
    folder = tmp_path_factory.mktemp("weights")
    for name, network in (
        (TIMM, timm.create_model("resnet10t")),
        (TORCHVISION, models.squeezenet1_1()),
    ):
        save_file(network.state_dict(), folder / f"{name.replace('/', '_')}.safetensors")
    return lambda reference: folder / f"{reference.replace('/', '_')}.safetensors"


def by_python(reference, file, option, value, tmp_path):
    load_model(reference, weights=file, arch_options={option: value})


def by_command(reference, file, option, value, tmp_path):
    words = ("models", "show", reference, "--weights", str(file))
    assert cli.main([*words, "--arch-option", f"{option}={value}"]) == 2
    raise UsableError("said by the command")


def by_page_or_link(reference, file, option, value, tmp_path):
    """Answer what the Explain page asks of the worker, whatever its form or address says."""
    model = ModelSpec(reference, str(file), ((option, value),))
    request = ImageRequest("time", model)
    answer(request, ModelCache(), None, tmp_path, lambda *_: None)


def by_card(reference, file, option, value, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(file.read_bytes())
    card = {
        "architecture": reference,
        "arch_options": {option: value},
        "labels": [str(k) for k in range(1000)],
        "preprocessing": {"resize": 64, "crop": [64, 64]},
    }
    (folder / "card.json").write_text(json.dumps(card))
    load_model(str(folder))


def by_config_beside_weights(reference, file, option, value, tmp_path):
    folder = tmp_path / "hub"
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(file.read_bytes())
    name = reference.partition("/")[2]
    (folder / "config.json").write_text(
        json.dumps({"architecture": name, "model_args": {option: value}})
    )
    load_model(reference, weights=folder)


def by_stored_question(reference, file, option, value, tmp_path):
    model = ModelSpec(reference, str(file), ((option, value),))
    stored = to_json(AccuracyConfig(model, DatasetSpec("digits", limit=1)))
    resolve(from_json(AccuracyConfig, stored))


WAYS = (
    by_python,
    by_command,
    by_page_or_link,
    by_card,
    by_config_beside_weights,
    by_stored_question,
)


@pytest.mark.parametrize("reference", [TIMM, TORCHVISION])
@pytest.mark.parametrize("way", WAYS)
def test_a_file_of_code_is_opened_by_no_option(way, reference, weights, canary, tmp_path):
    for option in ("checkpoint_path", "pretrained_cfg", "cache_dir", "norm_layer", "num_classes"):
        with pytest.raises(UsableError):
            way(reference, weights(reference), option, str(canary), tmp_path)


@pytest.mark.parametrize("reference", [TIMM, TORCHVISION])
def test_no_option_is_heard_that_is_no_setting_of_the_architecture(reference, weights, canary):
    for option in FOREIGN:
        for value in ("true", "1", str(canary)):
            with pytest.raises(UnknownName, match=f"option of {reference}"):
                by_python(reference, weights(reference), option, value, None)


def test_settings_are_told_by_rule_and_hold_nothing_that_a_builder_takes():
    drawn = random.Random(0).sample(timm.list_models(), 60)
    of_timm = {name: timm_models.settings(name) for name in drawn}
    of_torchvision = {
        name: torchvision_models.settings(name)
        for name in models.list_models(module=models)
        if not name.startswith("quantized_")
    }

    taken = set(inspect.signature(timm.create_model).parameters) | set(FOREIGN)
    for name, settings in (of_timm | of_torchvision).items():
        assert not settings & taken, name
        assert "num_classes" in settings, name
    assert {"img_size", "depth", "global_pool"} <= timm_models.settings("vit_tiny_patch16_224")
    assert {"pad_type", "in_chans", "act_layer"} <= timm_models.settings("mobilenetv2_100")
    assert "act_layer" in timm_models.settings("regnetx_002")  # of its configuration
    assert {"transform_input", "dropout"} <= torchvision_models.settings("inception_v3")


@pytest.mark.parametrize("value", ODD_VALUES)
def test_a_value_is_numbers_or_one_short_word(value, weights):
    with pytest.raises(CheckpointError, match="must be a number"):
        by_python(TIMM, weights(TIMM), "global_pool", value, None)


@pytest.mark.parametrize("value", [{"a": 1}, ["a"], [[1]], float("nan"), 10**400, b"x", print])
def test_a_card_and_python_give_no_other_values_either(value, weights):
    with pytest.raises(CheckpointError, match="must be a number"):
        timm_models.build("resnet10t", {"stem_width": value})


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("value", ["0", "-1", "1x1", "none", "true", "0.5", "word", "(1,2,3)"])
@pytest.mark.parametrize("option", ["num_classes", "layers", "groups", "stem_width", "drop_rate"])
def test_a_value_that_does_not_fit_is_one_sentence_or_builds(option, value):
    built = None
    for build, name in ((timm_models.build, "resnet10t"), (torchvision_models.build, "resnet18")):
        sentence = ""
        try:
            built = build(name, {option: value})
        except UsableError as error:
            sentence = str(error)
        assert isinstance(built, nn.Module) if not sentence else "\n" not in sentence


@pytest.mark.parametrize("name", ODD_NAMES)
def test_no_name_of_an_architecture_names_a_folder_or_a_hub(name, weights, canary):
    for source in ("timm", "torchvision"):
        with pytest.raises(UsableError):
            load_model(f"{source}/{name.format(canary.parent)}", weights=weights(TIMM))

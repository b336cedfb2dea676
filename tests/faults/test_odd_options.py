"""Options of strangers: a network or one sentence, and no file, whatever is said of whichever."""

import inspect
import random

import pytest
import timm
from linked import paths_opened
from torch import nn
from torchvision import models

from usable_core.errors import UsableError
from usable_core.models.sources import options, timm_models, torchvision_models

pytestmark = [pytest.mark.faults, pytest.mark.filterwarnings("ignore")]
NUMBERS = ("0", "-1", "1", "2", "3", "0.5", "-0.5", "7.5", "1e400", "nan", "9" * 30, "true", "none")
SEVERAL = ("2x2", "1,1", "(1,2,3,4)", "()", "(0,0)", "[1,1,1,1]", "(-1,)", "true,false")
WORDS = (
    "relu",
    "avg",
    "max",
    "map",
    "same",
    "evil",
    "x" * 32,
    "x" * 33,
    "os.system",
    "../x",
    "a b",
)
SMALL = {
    timm_models: """
        resnet10t mobilenetv2_035 vit_tiny_patch16_224 regnetx_002 convnext_atto
        mobilenetv3_small_050 levit_128s swin_tiny_patch4_window7_224 coat_lite_tiny
        repvgg_a0 ghostnet_050 hrnet_w18_small
    """,
    torchvision_models: """
        squeezenet1_1 mobilenet_v3_small shufflenet_v2_x0_5 resnet18 regnet_y_400mf mnasnet0_5
    """,
}
CASES = [(source, name) for source, names in SMALL.items() for name in names.split()]


def said(build, name, chosen):
    """Return the network or the sentence."""
    try:
        return build(name, chosen)
    except UsableError as error:
        return str(error)


@pytest.mark.parametrize(("source", "name"), CASES)
def test_odd_values_build_or_are_one_sentence(source, name, tmp_path):
    draw = random.Random(name)
    secret = str(tmp_path / "secret")
    settings = sorted(source.settings(name))
    for _ in range(12):
        keys = draw.sample(settings, draw.choice((1, 1, 2)))
        chosen = {key: draw.choice((*NUMBERS, *SEVERAL, *WORDS, secret)) for key in keys}
        with paths_opened() as paths:
            answer = said(source.build, name, chosen)
        assert isinstance(answer, nn.Module) or "\n" not in answer, chosen
        assert not [path for path in paths if secret in path], chosen


def test_no_architecture_takes_an_option_of_its_builder():
    taken = set(inspect.signature(timm.create_model).parameters)
    for name in timm.list_models():
        found = timm_models.settings(name)
        assert not found & taken, name
        assert not [key for key in found if key.startswith("pretrained_") and "win" not in key]
    for name in models.list_models(module=models):
        builder = models.get_model_builder(name)
        assert not torchvision_models.settings(name) & set(inspect.signature(builder).parameters)


def test_a_builder_that_says_nothing_of_its_class_has_no_settings():
    def build(checkpoint_path: str = "", **more: int):
        return nn.Identity()

    class Network(nn.Module):
        def __init__(self, width: int, path, layer: type[nn.Module], names: list[str], **more):
            super().__init__()

    def build_network(width: int = 1, depth: int = 1, **more) -> Network:
        return Network(width, None, nn.ReLU, [])

    assert options.settings_of(build) == frozenset()
    assert options.settings_of(build_network) == frozenset()  # its width is the builder's own

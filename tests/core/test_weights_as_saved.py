"""The network's tensors are found however a training script nested and named them, or refused."""

from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from usable_core.errors import CheckpointError
from usable_core.models.weights.checkpoints import load_weights
from usable_core.models.weights.nearest import nearest
from usable_core.models.weights.tables import Search


class Tiny(nn.Module):
    """Names as a residual network has them, with a head that is one linear layer."""

    def __init__(self, classes=3, width=6):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.layer1 = nn.Sequential(nn.Conv2d(4, width, 3), nn.BatchNorm2d(width))
        self.fc = nn.Linear(width, classes)

    def forward(self, x):
        return self.fc(self.layer1(self.conv1(x)).mean((2, 3)))


def state(seed=0, **shape):
    torch.manual_seed(seed)
    return dict(Tiny(**shape).state_dict())


def under(prefix, table):
    return {f"{prefix}{name}": tensor for name, tensor in table.items()}


OWN, OTHER = state(0), state(1)


def optimizer():
    network = Tiny()
    made = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    network(torch.rand(2, 3, 8, 8)).sum().backward()
    made.step()
    return made.state_dict()


def loaded(path, **how):
    network = Tiny()
    return load_weights(network, path, **how), network.state_dict()


def has(found, expected):
    return all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def saved(content, tmp_path, name="w.pth"):
    torch.save(content, tmp_path / name)
    return tmp_path / name


def renamed(*pairs):
    table = dict(OWN)
    for old, new in pairs:
        table[new] = table.pop(old)
    return table


QUIETLY = {
    "torch.compile": under("_orig_mod.", OWN),
    "compile in DataParallel": under("module._orig_mod.", OWN),
    "DataParallel in compile": {"model": under("_orig_mod.module.", OWN)},
    "of a part": {name.replace("layer1.", "layer1.module.", 1): t for name, t in OWN.items()},
    "Lightning": {"state_dict": under("model.", OWN), "optimizer_states": [optimizer()]},
    "fastai": {"model": OWN, "opt": optimizer()},
    "DeepSpeed": {"module": OWN, "optimizer": None, "ds_config": {"a": 1}},
    "FSDP": {"model_state_dict": under("_fsdp_wrapped_module.", OWN)},
    "a pair with its optimizer": (OWN, optimizer()),
    "a list": [{"epoch": 3}, OWN],
    "timm_wrapper of transformers": under("timm_model.", OWN),
    "MoCo": {"state_dict": under("module.encoder_q.", OWN)},
    "keys nobody has": {"a": {"b": OrderedDict(under("net.backbone.", OWN))}},
    "twice the same": {"model": OWN, "best": dict(OWN)},
}


@pytest.mark.parametrize("form", QUIETLY)
def test_weights_are_found_behind_any_keys_and_prefixes(tmp_path, form):
    notes, found = loaded(saved(QUIETLY[form], tmp_path))

    assert has(found, OWN)
    assert notes == ()


def test_safetensors_with_prefixes_are_found(tmp_path):
    save_file(under("model.module.", OWN), tmp_path / "w.safetensors")

    assert has(loaded(tmp_path / "w.safetensors")[1], OWN)


@pytest.mark.parametrize(
    ("content", "left"),
    [
        ({**under("module.", OWN), "n_averaged": torch.tensor(3)}, "n_averaged"),
        ({"state_dict": {**under("model.", OWN), "loss.w": torch.ones(2)}}, "state_dict.loss.w"),
        ({**under("encoder.", OWN), "projector.0.weight": torch.ones(2, 2)}, "projector.0.weight"),
        ({**OWN, "criterion.weight": torch.ones(3)}, "criterion.weight"),
    ],
)
def test_what_is_left_out_is_named(tmp_path, content, left):
    (note,), found = loaded(saved(content, tmp_path))

    assert has(found, OWN)
    assert left in note


@pytest.mark.parametrize(
    "pairs",
    [
        [("fc.weight", "fc.1.weight"), ("fc.bias", "fc.1.bias")],
        [("fc.weight", "head.weight"), ("fc.bias", "head.bias")],
    ],
)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_head_of_another_name_is_taken_and_said(tmp_path, pairs, prefix):
    (note,), found = loaded(saved(under(prefix, renamed(*pairs)), tmp_path))

    assert has(found, OWN)
    assert f"{prefix}{pairs[0][1].removesuffix('.weight')}" in note


def test_backbone_and_head_under_prefixes_of_their_own_are_one_network(tmp_path):
    """As mmpretrain has it: `backbone.…` and `head.fc.…`."""
    body = {n: t for n, t in OWN.items() if not n.startswith("fc.")}
    head = {n: t for n, t in OWN.items() if n.startswith("fc.")}

    (note,), found = loaded(
        saved({"state_dict": {**under("backbone.", body), **under("head.", head)}}, tmp_path)
    )

    assert has(found, OWN)
    assert "head.fc" in note


def test_a_head_of_several_layers_is_refused_with_their_names(tmp_path):
    table = renamed(("fc.weight", "fc.1.weight"), ("fc.bias", "fc.1.bias"))
    table |= {"fc.4.weight": OTHER["fc.weight"], "fc.4.bias": OTHER["fc.bias"]}

    with pytest.raises(
        CheckpointError, match=r"lacks 2 .* fc.weight.*fc.1.weight.*All but the head"
    ):
        loaded(saved(table, tmp_path))


AVERAGED = {
    "timm": {"state_dict": OTHER, "state_dict_ema": OWN},
    "timm's older": {"model": OTHER, "model_ema": OWN},
    "in one table": {"state_dict": {**under("model.", OTHER), **under("ema_model.module.", OWN)}},
    "Lightning's callback": {
        "state_dict": under("model.", OWN),
        "current_model_state": under("model.", OTHER),
    },
}


@pytest.mark.parametrize("form", AVERAGED)
def test_averages_are_taken_before_raw_weights_and_said(tmp_path, form):
    (note,), found = loaded(saved(AVERAGED[form], tmp_path))

    assert has(found, OWN)
    assert "were taken" in note


def test_two_tables_that_nothing_tells_apart_are_refused_and_can_be_chosen(tmp_path):
    path = saved({"student": under("module.", OTHER), "teacher": OWN}, tmp_path)

    with pytest.raises(CheckpointError, match=r"student\.module.*#"):
        loaded(path)
    assert has(loaded(f"{path}#teacher")[1], OWN)
    assert has(loaded(f"{path}#student")[1], OTHER)
    with pytest.raises(CheckpointError, match="no table 'nobody'"):
        loaded(f"{path}#nobody")


def test_the_raw_weights_can_be_chosen_instead_of_the_averages(tmp_path):
    path = saved({"state_dict": OTHER, "state_dict_ema": OWN}, tmp_path)

    assert has(loaded(f"{path}#state_dict")[1], OTHER)


def test_a_layer_more_is_no_leftover(tmp_path):
    """A network that has it says something else than one that has not."""
    with pytest.raises(CheckpointError, match=r"layer1\.2\.weight"):
        loaded(saved({**OWN, "layer1.2.weight": torch.ones(6)}, tmp_path))


def test_a_head_for_other_classes_says_the_option(tmp_path):
    with pytest.raises(CheckpointError, match=r"--arch-option num_classes=5"):
        loaded(saved(state(classes=5), tmp_path))


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_weights_that_are_no_finite_numbers_are_refused(tmp_path, value):
    with pytest.raises(CheckpointError, match=r"fc\.bias holds (NaN|infinity)"):
        loaded(saved({**OWN, "fc.bias": torch.tensor([1.0, value, 0.0])}, tmp_path))


def test_whole_numbers_are_no_weights(tmp_path):
    whole = {**OWN, "fc.weight": (OWN["fc.weight"] * 100).to(torch.int8)}

    with pytest.raises(CheckpointError, match=r"torch\.int8"):
        loaded(saved(whole, tmp_path))


@pytest.mark.filterwarnings("ignore")
def test_quantised_weights_are_said_to_be_that(tmp_path):
    tensor = torch.quantize_per_tensor(OWN["fc.weight"], 0.1, 0, torch.qint8)

    with pytest.raises(CheckpointError, match="quantised"):
        loaded(saved({**OWN, "fc.weight": tensor}, tmp_path))


@pytest.mark.parametrize(
    ("made", "asked", "said"),
    [
        ("torchvision/resnet34", "torchvision/resnet18", ""),
        ("timm/mobilenetv3_small_100", "torchvision/mobilenet_v2", ""),
        ("torchvision/squeezenet1_0", "torchvision/resnet18", "squeezenet1_0"),
    ],
)
def test_the_nearest_architecture_is_the_one_that_a_file_was_made_with(made, asked, said):
    import timm
    from torchvision import models

    def built(reference, **how):
        source, _, name = reference.partition("/")
        with torch.device("meta"):
            make = models.get_model if source == "torchvision" else timm.create_model
            return dict(make(name, **how).state_dict())

    search = Search(built(asked), under("model.", built(made, num_classes=7)))

    assert f"Its tensors are those of {made}" in nearest(search, said)


def test_a_file_that_is_near_nothing_gets_no_advice_to_choose_something():
    search = Search(dict(OWN), {"a.weight": torch.ones(3), "b.weight": torch.ones(2)})

    assert "No usual architecture" in nearest(search, "")

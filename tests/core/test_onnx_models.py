"""ONNX files: the answers of their torch twin, what they take, what they refuse."""

import copy
import json
import warnings
from pathlib import Path

import made_onnx
import numpy as np
import pytest
import torch
from made_onnx import exported, graph_file
from torch import nn

import usable_core as usable
from usable_core.catalog.references import has_gradients
from usable_core.errors import CheckpointError, NoGradients, UsableError
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.verdicts.assessment import AssessmentConfig
from usable_core.verdicts.plan import questions

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
helper = onnx.helper
FEW = DatasetSpec("digits", limit=40)


class Ending(nn.Module):
    """A network with something behind it."""

    def __init__(self, network, end):
        super().__init__()
        self.network, self.end = network, end

    def forward(self, x):
        return self.end(self.network(x))


@pytest.fixture(scope="module")
def twin():
    return usable.load_model("bundled/vgg_digits")


@pytest.fixture(scope="module")
def passport(twin):
    named = {"mean": twin.preprocessing.mean, "std": twin.preprocessing.std}
    return {name: ",".join(map(str, values)) for name, values in named.items()}


@pytest.fixture(scope="module")
def model(twin, passport, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "digits.onnx"
    names = json.dumps(list(twin.labels.names))
    exported(twin.network, path, classes=names)
    return usable.load_model(f"onnx/{path}", preprocessing=passport)


def test_it_answers_as_its_twin_of_torch(model, twin):
    x = torch.rand(13, 3, 32, 32, generator=torch.Generator().manual_seed(1))

    assert model.labels.names == twin.labels.names
    assert model.parameter_count == pytest.approx(twin.parameter_count, rel=0.01)  # BatchNorm folds
    assert not model.has_gradients
    for count in (1, 5, 13):
        with torch.no_grad():
            torch.testing.assert_close(model(x[:count]), twin(x[:count]), atol=1e-4, rtol=1e-4)


def test_what_needs_answers_alone_says_the_same(model, twin):
    data = usable.load_dataset("digits").take(range(40))
    one, other = (usable.evaluate_accuracy(m, data) for m in (model, twin))
    assert one.records["prediction"].tolist() == other.records["prediction"].tolist()
    assert one.ece().value == pytest.approx(other.ece().value, abs=1e-4)

    asked = {"corruptions": ("gaussian_noise", "contrast"), "severities": (3,)}
    one, other = (usable.evaluate_corruption(m, data, **asked) for m in (model, twin))
    np.testing.assert_array_equal(one.corrupted, other.corrupted)

    asked = {"attack": "square", "steps": 30, "epsilons": (4 / 255, 16 / 255), "walked": 0}
    one, other = (
        usable.evaluate_robustness(m, data.take(range(10)), **asked) for m in (model, twin)
    )
    assert one.records["prediction"].tolist() == other.records["prediction"].tolist()
    assert one.cost.backward == 0


@pytest.mark.parametrize("method", ["lime", "kernel_shap", "partition_shap", "occlusion"])
def test_maps_of_hidden_parts_are_those_of_its_twin(model, twin, method):
    picture = usable.load_dataset("digits").open(0)
    asked = {"method": method, "target": 0, "options": usable.ExplainerOptions(64)}

    one, other = (usable.explain(m, picture, **asked).values for m in (model, twin))

    np.testing.assert_allclose(one, other, atol=1e-3 * np.abs(other).max())


@pytest.mark.parametrize("name", ["glance", "standard"])
def test_attacks_that_follow_gradients_are_refused(model, name):
    with pytest.raises(NoGradients, match=r"follows a model's gradients.*ONNX graph.*`square`"):
        usable.evaluate_robustness(model, FEW, preset=name)
    with pytest.raises(NoGradients, match="Choose the attack `square`"):
        usable.attack(model, torch.rand(1, 3, 32, 32), [0], epsilon=1 / 255, preset=name)


@pytest.mark.parametrize(
    "method", ["grad_cam", "saliency", "integrated_gradients", "gradient_shap"]
)
def test_maps_that_follow_gradients_are_refused(model, method):
    picture = usable.load_dataset("digits").open(0)
    with pytest.raises(NoGradients, match=r"has none\. Choose LIME, Kernel SHAP.* or Occlusion"):
        usable.explain(model, picture, method=method, target=0)


def test_gradients_are_never_silently_zero(model):
    from usable_core.asking.oracle import Oracle

    with pytest.raises(NoGradients):
        Oracle(model).gradient(torch.rand(1, 3, 32, 32), lambda logits, _: logits[:, 0])
    with pytest.raises(NoGradients):
        next(Oracle(model).gradients(1, lambda _: torch.rand(1, 3, 32, 32), [0]))


def test_it_cannot_be_a_surrogate_or_be_trained(model, twin):
    asked = {"attack": "pgd", "steps": 1, "epsilons": (1 / 255,)}
    with pytest.raises(NoGradients, match="Choose another surrogate"):
        usable.evaluate_robustness(twin, FEW, surrogate=model, **asked)
    with pytest.raises(UsableError, match="An ONNX graph shows only its logits"):
        usable.fine_tune(model, "digits", "nowhere", schedule=usable.Schedule(epochs=1))


def test_its_cost_is_timed_and_what_cannot_be_counted_is_unknown(model):
    found = usable.evaluate_cost(model, FEW, timings=20)

    known = {number.metric: number.found.value for number in found.numbers() if not number.at}
    assert known["parameters"] == model.parameter_count > 0
    assert np.isnan(known["macs"])
    assert all(np.isnan(n.found.value) for n in found.numbers() if n.metric == "peak_memory")
    assert any("torch does not run" in said for said in found.provenance.warnings)


def test_an_assessment_attacks_it_with_what_asks_alone(model):
    spec = ModelSpec(model.name)
    config = AssessmentConfig((spec,), FEW)

    asked = questions(spec, config)["robustness"]

    assert [attack.name for attack in asked.attacks] == ["square"]
    assert asked.preset is None
    of_torch = questions(ModelSpec("bundled/vgg"), config)["robustness"]
    assert [attack.name for attack in of_torch.attacks] == ["fgsm", "pgd"]


def test_a_name_on_the_shelf_is_known_to_have_no_gradients(model, tmp_path, monkeypatch):
    from usable_core import shelf

    monkeypatch.setenv("USABLE_HOME", str(tmp_path))
    content = Path(model.name.partition("/")[2]).read_bytes()
    kept = shelf.keep_file(content, "mine.onnx", shelf.WEIGHT_ENDINGS)
    shelf.put("mine", ModelSpec(f"onnx/{kept}"))

    assert not has_gradients("shelf/mine")
    assert has_gradients("bundled/vgg")
    assert len(usable.load_model("shelf/mine").labels) == 10
    shelf.remove("mine")
    assert not list((tmp_path / "shelf" / "files").iterdir()), "its file goes with it"


@pytest.mark.parametrize(
    ("end", "classes"), [(nn.Softmax(1), 10), (nn.Sigmoid(), 2)], ids=["softmax", "one sigmoid"]
)
def test_logits_come_from_before_the_last_layer(tmp_path, twin, end, classes):
    network = copy.deepcopy(twin.network)
    if classes == 2:
        network = Ending(network, nn.Linear(10, 1))
    path = exported(Ending(network, end), tmp_path / "end.onnx")
    x = torch.rand(4, 3, 32, 32)

    found = usable.load_model(f"onnx/{path}", preprocessing={"mean": "0", "std": "1"})

    assert len(found.labels) == classes
    assert found.examination.outputs == "logits"
    with torch.no_grad():
        due = network.eval()(x)
    due = torch.cat([torch.zeros_like(due), due], 1) if classes == 2 else due
    torch.testing.assert_close(found(x), due, atol=1e-4, rtol=1e-4)


def test_a_fixed_batch_is_filled_up_and_divided(tmp_path, twin):
    path = exported(twin.network, tmp_path / "four.onnx", (4, 3, 32, 32), batch=None)
    found = usable.load_model(f"onnx/{path}", preprocessing={"mean": "0", "std": "1"})
    x = torch.rand(6, 3, 32, 32)

    for count in (1, 4, 6):
        with torch.no_grad():
            due = twin.network.eval()(x[:count])
        torch.testing.assert_close(found(x[:count]), due, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("shape", "kind", "scale"),
    [
        (("n", 3, 8, 8), "FLOAT", 1),
        (("n", 8, 8, 3), "FLOAT", 1),
        (("n", 8, 8, 3), "UINT8", 255),
        (("n", 3, 8, 8), "FLOAT16", 1),
        ((1, 3, 8, 8), "DOUBLE", 1),
        (("n", 3, "h", "w"), "FLOAT", 1),
    ],
)
def test_layouts_and_numbers_are_those_of_the_graph(tmp_path, shape, kind, scale):
    path = graph_file(tmp_path / "a.onnx", shape=shape, kind=getattr(onnx.TensorProto, kind))
    spec = {"mean": "0", "std": "1", "crop": "8", "resize": "8"}
    found = usable.load_model(f"onnx/{path}", preprocessing=spec)
    x = torch.randint(0, 256, (5, 3, 8, 8)) / 255

    atol = 2e-3 if kind == "FLOAT16" else 1e-4 * scale
    torch.testing.assert_close(found(x), scale * x.mean((2, 3)), atol=atol, rtol=1e-4)


def test_a_graph_that_normalises_gets_pixels_and_another_a_guess_that_is_told(tmp_path):
    shift = helper.make_tensor("shift", onnx.TensorProto.FLOAT, [1], [0.5])
    nodes = [
        helper.make_node("Constant", [], ["half"], value=shift),
        helper.make_node("Sub", ["pictures", "half"], ["moved"]),
        helper.make_node("ReduceMean", ["moved", "axes"], ["answers"], keepdims=0),
    ]
    inside = usable.load_model(f"onnx/{graph_file(tmp_path / 'a.onnx', nodes=nodes)}")
    bare = usable.load_model(f"onnx/{graph_file(tmp_path / 'b.onnx')}")

    assert (inside.preprocessing.mean, inside.preprocessing.std) == ((0, 0, 0), (1, 1, 1))
    assert "mean" not in " ".join(inside.warnings)
    assert bare.preprocessing.mean == (0.485, 0.456, 0.406)
    assert "mean, std as in ImageNet" in " ".join(bare.warnings)


class Beginning(nn.Module):
    """A network that prepares its pictures."""

    def __init__(self, network, begin):
        super().__init__()
        self.network, self.begin = network, begin

    def forward(self, x):
        return self.network(self.begin(x))


@pytest.mark.parametrize(
    ("begin", "pixels"),
    [
        (lambda x: x / 255, lambda p: 255 * p),
        (lambda x: x * (1 / 127.5) - 1, lambda p: 255 * p),
        (lambda x: x.permute(0, 1, 3, 2) - 120.0, lambda p: 255 * p),
        (lambda x: (x - 0.45) / 0.23, lambda p: p),
        (lambda x: 2 * x - 1, lambda p: p),
        (lambda x: x * 255.0, lambda p: p),
        (lambda x: (x + 1) / 2, lambda p: 2 * p - 1),
        (lambda x: x[:, [2, 1, 0]] / 255, lambda p: 255 * p),
    ],
    ids=["/255", "/127.5-1", "-120", "(-.45)/.23", "2x-1", "x255", "(+1)/2", "bgr/255"],
)
def test_a_graph_that_prepares_pictures_gets_the_range_that_it_takes(tmp_path, begin, pixels):
    torch.manual_seed(0)
    small = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )
    network = Beginning(small, begin).eval()
    found = usable.load_model(f"onnx/{exported(network, tmp_path / 'a.onnx', (2, 3, 8, 8))}")
    x = torch.rand(4, 3, 8, 8)

    with torch.no_grad():
        torch.testing.assert_close(found(x), network(pixels(x)), atol=1e-4, rtol=1e-3)
    assert "mean" not in " ".join(found.warnings)


def test_steps_that_do_not_tell_the_range_leave_a_guess_that_is_told(tmp_path):
    norm = nn.BatchNorm2d(3)  # of pixels that were normalised outside, for all that is known
    network = Beginning(nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(3, 2)), norm)
    found = usable.load_model(f"onnx/{exported(network, tmp_path / 'a.onnx', (2, 3, 8, 8))}")

    assert "mean, std as in ImageNet" in " ".join(found.warnings)


def test_probabilities_that_cannot_be_undone_are_taken_by_their_logarithm(tmp_path, twin):
    path = exported(Ending(twin.network, lambda y: y.softmax(1) * 1.0), tmp_path / "a.onnx")
    found = usable.load_model(f"onnx/{path}", preprocessing={"mean": "0", "std": "1"})
    x = torch.rand(4, 3, 32, 32)

    with torch.no_grad():
        due = twin.network.eval()(x).softmax(1)
    torch.testing.assert_close(found(x).softmax(1), due, atol=1e-4, rtol=1e-3)
    assert found.examination.outputs == "logits"


def test_a_sigmoid_for_each_class_is_told(tmp_path, twin):
    path = exported(Ending(twin.network, nn.Sigmoid()), tmp_path / "a.onnx")

    assert "a sigmoid of its own" in " ".join(usable.load_model(f"onnx/{path}").warnings)


def test_a_softmax_of_half_precision_is_taken_off_too(tmp_path):
    kind = onnx.TensorProto.FLOAT16
    axes = helper.make_node("ReduceMean", ["pictures", "axes"], ["means"], keepdims=0)
    nodes = [axes, helper.make_node("Softmax", ["means"], ["answers"], axis=1)]
    path = graph_file(tmp_path / "a.onnx", kind=kind, nodes=nodes, gives=kind)
    found = usable.load_model(f"onnx/{path}", preprocessing={"mean": "0", "std": "1"})
    x = torch.rand(4, 3, 8, 8)

    torch.testing.assert_close(found(x), x.mean((2, 3)), atol=2e-3, rtol=0)


def test_of_answers_and_the_class_that_is_told_the_answers_are_taken(tmp_path, twin):
    path = exported(Ending(twin.network, lambda y: (y.argmax(1), y)), tmp_path / "a.onnx")

    assert len(usable.load_model(f"onnx/{path}").labels) == 10


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_a_graph_of_grey_pictures_sees_their_luma(tmp_path, layout):
    order = (0, 3, 1, 2) if layout == "nhwc" else (0, 1, 2, 3)
    network = Beginning(nn.Flatten(), lambda x: (x / 255).permute(*order).mean((2, 3)) @ weights)
    weights = torch.tensor([[1.0, 2.0]])
    shape = (2, 8, 8, 1) if layout == "nhwc" else (2, 1, 8, 8)
    found = usable.load_model(f"onnx/{exported(network, tmp_path / 'a.onnx', shape)}")
    x = torch.rand(4, 3, 8, 8)

    grey = (x * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1).mean((1, 2))
    torch.testing.assert_close(found(x), grey[:, None] @ weights, atol=1e-4, rtol=1e-3)


def test_a_graph_of_any_size_is_run_on_the_size_that_is_said(tmp_path, twin):
    names = {"input_names": ["pictures"], "dynamic_axes": {"pictures": {0: "n", 2: "h", 3: "w"}}}
    path = tmp_path / "any.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = torch.rand(2, 3, 32, 32)
        torch.onnx.export(copy.deepcopy(twin.network).eval(), (x,), path, dynamo=False, **names)

    with pytest.raises(CheckpointError, match=r"on pictures of 224 × 224 .*crop=SIDE"):
        usable.load_model(f"onnx/{path}")
    found = usable.load_model(f"onnx/{path}", preprocessing={"crop": "32", "mean": "0", "std": "1"})
    assert (found.preprocessing.resize, found.input_size) == (32, (32, 32))
    with torch.no_grad():
        torch.testing.assert_close(found(x), twin.network.eval()(x), atol=1e-4, rtol=1e-4)


def test_weights_beside_the_graph_are_read_and_are_part_of_the_model(tmp_path, twin):
    proto = onnx.load(exported(twin.network, tmp_path / "one.onnx"))
    path = tmp_path / "two.onnx"
    onnx.save(proto, path, save_as_external_data=True, location="two.onnx.data", size_threshold=0)
    assert path.stat().st_size < 100_000 < (tmp_path / "two.onnx.data").stat().st_size

    found = usable.load_model(f"onnx/{path}")

    x = torch.rand(2, 3, 32, 32)
    whole = usable.load_model(f"onnx/{tmp_path / 'one.onnx'}")
    torch.testing.assert_close(found(x), whole(x))
    data = bytearray((tmp_path / "two.onnx.data").read_bytes())
    data[3] ^= 1
    (tmp_path / "two.onnx.data").write_bytes(bytes(data))
    assert usable.load_model(f"onnx/{path}").fingerprint != found.fingerprint


def test_a_whole_graph_takes_no_weights(tmp_path):
    whole = graph_file(tmp_path / "whole.onnx")

    with pytest.raises(CheckpointError, match="leave --weights"):
        usable.load_model(f"onnx/{whole}", weights=whole)


def test_class_names_that_cannot_be_read_are_none(tmp_path):
    path = graph_file(tmp_path / "a.onnx")
    proto = onnx.load(path)
    for text in ("[" * 100_000, '["a", "a", "b"]', "[1, 2", "x" * 10**7, '{"a": NaN}'):
        helper.set_model_props(proto, {"classes": text})
        onnx.save(proto, path)
        assert not usable.load_model(f"onnx/{path}").labels.is_named


def test_weights_in_a_constant_are_part_of_the_model_too(tmp_path):
    found = set()
    for value in (0.5, 0.25):
        shift = onnx.numpy_helper.from_array(np.float32([value]), "shift")
        (tmp_path / "a.onnx.data").write_bytes(np.float32([value]).tobytes())
        onnx.external_data_helper.set_external_data(shift, "a.onnx.data")
        shift.ClearField("raw_data")
        nodes = [
            helper.make_node("Constant", [], ["half"], value=shift),
            helper.make_node("ReduceMean", ["pictures", "axes"], ["means"], keepdims=0),
            helper.make_node("Mul", ["means", "half"], ["answers"]),
        ]
        (tmp_path / "a.onnx").write_bytes(made_onnx.graph(nodes=nodes).SerializeToString())
        model = usable.load_model(
            f"onnx/{tmp_path / 'a.onnx'}", preprocessing={"mean": "0", "std": "1"}
        )
        found.add(model.fingerprint)
        assert float(model(torch.ones(1, 3, 8, 8))[0, 0]) == pytest.approx(value)
    assert len(found) == 2


def test_without_the_packages_the_way_out_is_said(tmp_path, monkeypatch):
    import sys

    path = graph_file(tmp_path / "a.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(CheckpointError, match=r"not installed\. Install them: pip install"):
        usable.load_model(f"onnx/{path}")

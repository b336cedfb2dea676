"""Every source of models with every operation: it works, or is refused with its reason.

README's table of what works for which source is held to `REFUSED`.
"""

import copy
import warnings
from importlib.util import find_spec
from pathlib import Path

import made_classifiers
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import usable_core as usable
from usable_core.catalog.models import SOURCES
from usable_core.errors import UsableError

SHADES = 16
PIXELS = {"mean": "0", "std": "1"}
QUICK = {"epsilons": (8 / 255,), "walked": 2, "gallery": 0}
# What is refused where, and in which words. All else must work.
_NO_GRADIENTS = dict.fromkeys(("gradient", "pgd", "saliency", "grad_cam"), "has none")
_NO_ROLLOUT = {"rollout": "attention"}
REFUSED = {
    "bundled": {},
    "torchvision": _NO_ROLLOUT,
    "timm": _NO_ROLLOUT,
    "hf": {},
    "folder": {},
    "file": {
        "grad_cam": "program|shows only its logits",
        "rollout": "program|shows only its logits|attention",
        "fine_tune": "shows only its logits|program",
    },
    "keras": _NO_ROLLOUT | {"fine_tune": "could not be loaded again"},
    "keras.applications": _NO_ROLLOUT,
    "onnx": {**_NO_GRADIENTS, "rollout": "has none", "fine_tune": "shows only its logits"},
    "function": {**_NO_GRADIENTS, "rollout": "has none", "fine_tune": "shows only its logits"},
    "network": _NO_ROLLOUT | {"fine_tune": "could not be loaded again"},
}
# They lead to a model of another source, or are such an architecture with its weights.
ALIASES = {"imagenet", "run", "shelf"}
# As README's rows and columns call them.
ROWS = {
    "`bundled/`, `imagenet/`": ("bundled",),
    "`torchvision/`, `timm/`": ("torchvision", "timm"),
    "`hf/`": ("hf",),
    "`folder/`, `run/`": ("folder",),
    "`file/` (`.pt2`)": ("file",),
    "`keras/FILE`": ("keras",),
    "`keras/NAME`": ("keras.applications",),
    "`onnx/`": ("onnx",),
    "`usable.wrap(function)`": ("function",),
    "`usable.wrap_model(network)`": ("network",),
}
COLUMNS = {
    "gradient attacks": "pgd",
    "Square, noise": "square",
    "LIME, SHAP, occlusion": "lime",
    "gradient maps": "saliency",
    "Grad-CAM": "grad_cam",
    "fine-tuned": "fine_tune",
}


def needs(*packages):
    for package in packages:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")


def bundled(_):
    return usable.load_model("bundled/vit")


def torchvision(folder):
    from torchvision.models import squeezenet1_1

    save_file(squeezenet1_1(num_classes=2).state_dict(), folder / "a.safetensors")
    said = {"weights": folder / "a.safetensors", "preprocessing": {"crop": "64", "resize": "64"}}
    return usable.load_model("torchvision/squeezenet1_1", arch_options={"num_classes": "2"}, **said)


def timm(folder):
    import timm

    network = timm.create_model("test_resnet", num_classes=2)
    save_file(network.state_dict(), folder / "a.safetensors")
    options = {"num_classes": "2"}
    return usable.load_model(
        "timm/test_resnet", weights=folder / "a.safetensors", arch_options=options
    )


def hf(folder):
    made_classifiers.save("vit", folder)
    return usable.load_model(f"hf/{folder}")


def trained(folder):
    usable.fine_tune(
        "bundled/vit", pictures(), folder, schedule=usable.Schedule(epochs=1, batch_size=8)
    )
    return usable.load_model(folder)


def program(folder):
    network = usable.load_model("bundled/vgg_digits").network
    dynamic = {"x": {0: torch.export.Dim("n", min=1, max=64)}}
    made = torch.export.export(_Named(network), (torch.rand(2, 3, 32, 32),), dynamic_shapes=dynamic)
    torch.export.save(made, folder / "a.pt2")
    return usable.load_model(f"file/{folder / 'a.pt2'}", trust=True)


class _Named(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = copy.deepcopy(network).eval()

    def forward(self, x):
        return self.network(x)


def keras(folder):
    needs("keras")
    from usable_core.models.sources.keras_network import keras_of_torch

    layers = keras_of_torch().layers
    steps = [keras_of_torch().Input((32, 32, 3)), layers.Conv2D(6, 3, activation="relu")]
    steps += [layers.Conv2D(6, 3), layers.GlobalAveragePooling2D()]
    made = keras_of_torch().Sequential([*steps, layers.Dense(2, activation="softmax")], name="own")
    made.save(folder / "a.keras")
    return usable.load_model(f"keras/{folder / 'a.keras'}", preprocessing=PIXELS)


def keras_applications(folder):
    needs("keras")
    from usable_core.models.sources.keras_network import keras_of_torch

    said = {"classes": 2, "input_shape": (32, 32, 3), "alpha": 0.35}
    made = keras_of_torch().applications.MobileNetV2(weights=None, **said)
    made.save_weights(folder / "a.weights.h5")
    options = {"num_classes": "2", "input_size": "32", "alpha": "0.35"}
    weights = folder / "a.weights.h5"
    return usable.load_model("keras/MobileNetV2", weights=weights, arch_options=options)


def onnx(folder):
    needs("onnx", "onnxruntime")
    network = copy.deepcopy(usable.load_model("bundled/vgg_digits").network)
    said = {"input_names": ["x"], "dynamic_axes": {"x": {0: "n"}}, "dynamo": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter without further packages is an older one
        torch.onnx.export(network.eval(), (torch.rand(2, 3, 32, 32),), folder / "a.onnx", **said)
    return usable.load_model(f"onnx/{folder / 'a.onnx'}")


def function(_):
    served = usable.load_model("bundled/vgg_digits")

    def answer(images):
        with torch.no_grad():
            return served(torch.from_numpy(images)).numpy()

    return usable.wrap(answer, labels=served.labels, input_size=32)


def network(_):
    own = usable.load_model("bundled/vgg_digits")
    return usable.wrap_model(
        copy.deepcopy(own.network), preprocessing=own.preprocessing, labels=own.labels
    )


MADE = {
    **{"bundled": bundled, "torchvision": torchvision, "timm": timm, "hf": hf, "folder": trained},
    **{"file": program, "keras": keras, "keras.applications": keras_applications},
    **{"onnx": onnx, "function": function, "network": network},
}


def pictures():
    pixels = np.random.default_rng(0).integers(0, 256, (SHADES, 40, 40, 3), np.uint8)
    return usable.dataset_from_arrays(pixels, [0, 1] * (SHADES // 2), ["0", "1"])


@pytest.fixture(scope="module", params=MADE)
def source(request, tmp_path_factory):
    torch.manual_seed(0)
    model = MADE[request.param](tmp_path_factory.mktemp("made"))
    model.labels = usable.LabelSpace(tuple(str(k) for k in range(len(model.labels))))
    return request.param, model, pictures()


def _explained(model, data, method):
    found = usable.explain(
        model, data.open(0), method=method, target="0", options=usable.ExplainerOptions(64)
    )
    assert np.isfinite(found.values).all()
    assert found.values.shape == model.input_size


def _answers(model, data, _):
    found = usable.evaluate_accuracy(model, data)
    with torch.no_grad():
        x = torch.stack([model.preprocessing.geometry(data.open(k)) for k in range(4)])
        due = model(x).argmax(1).tolist()
    assert found.records.set_index("index")["prediction"].loc[range(4)].tolist() == due


def _gradient(model, data, _):
    from usable_core.asking.oracle import Oracle

    x = torch.rand(2, 3, *model.input_size, generator=torch.Generator().manual_seed(1))
    found = Oracle(model).gradient(x, lambda logits, _: logits[:, 0])[2]
    assert float(found.abs().max()) > 0


def _attacked(model, data, name):
    found = usable.evaluate_robustness(model, data, attack=name, steps=3, **QUICK)
    assert not [
        check for check in found.checks if check.name == "epsilon_zero" and check.verdict == "red"
    ]


def _fine_tuned(model, data, folder):
    schedule = usable.Schedule(epochs=1, batch_size=8)
    tuned, _ = usable.fine_tune(model, data, folder, schedule=schedule, method="linear_probe")
    again = usable.load_model(folder)
    x = torch.rand(2, 3, *model.input_size)
    with torch.no_grad():
        torch.testing.assert_close(again(x), tuned.to("cpu")(x), atol=1e-5, rtol=1e-4)


def _compared(model, data, _):
    other = usable.load_model("bundled/vgg_digits")
    results = [usable.evaluate_accuracy(one, data) for one in (model, other)]
    assert len(usable.compare(results).to_frame()) == 1


OPERATIONS = {
    "answers": (_answers, None),
    "gradient": (_gradient, None),
    "pgd": (_attacked, "pgd"),
    "square": (_attacked, "square"),
    "lime": (_explained, "lime"),
    "saliency": (_explained, "saliency"),
    "grad_cam": (_explained, "grad_cam"),
    "rollout": (_explained, "attention_rollout"),
    "fine_tune": (_fine_tuned, "folder"),
    "compared": (_compared, None),
}


@pytest.mark.reference  # a minute
@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_works_or_is_refused_with_its_reason(source, operation, tmp_path):
    name, model, data = source
    run, said = OPERATIONS[operation]
    said = tmp_path / "tuned" if said == "folder" else said
    reason = REFUSED[name].get(operation)
    if reason is None:
        run(model, data, said)
        return
    with pytest.raises(UsableError, match=reason) as refused:
        run(model, data, said)
    assert str(refused.value).endswith(".")


def test_every_source_stands_in_the_table():
    assert {name.partition(".")[0] for name in MADE} - {"function", "network"} | ALIASES == set(
        SOURCES
    )


def test_the_readme_says_what_works_for_which_source():
    text = (Path(usable.__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    head = f"| source | {' | '.join(COLUMNS)} |\n"
    _, found, rest = text.partition(head)
    lines = rest.partition("\n\n")[0].splitlines()[1:]
    due = []
    for title, sources in ROWS.items():
        refused = [{name: name in REFUSED[one] for name in COLUMNS.values()} for one in sources]
        assert all(one == refused[0] for one in refused)
        cells = ["–" if refused[0][name] else "yes" for name in COLUMNS.values()]
        due.append(f"| {title} | {' | '.join(cells)} |")

    assert found
    assert lines == due
    assert {one for sources in ROWS.values() for one in sources} == set(MADE)

"""Every source that reads files × every verb of the command line: an answer, or the told reason."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from test_sources import MADE, REFUSED

import usable_core as usable
from usable_core.cli import main

FILES = ("hf", "keras", "keras.applications", "onnx", "file", "folder")
FEW = ("--limit", "4")
# Of each verb the words, and the operation of `test_sources.REFUSED` that says where it is refused.
VERBS = {
    "show": (("models", "show"), None),
    "accuracy": (("evaluate", "accuracy", *FEW), None),
    "pgd": (
        ("evaluate", "robustness", "--limit", "2", "--steps", "2", "--epsilons", "8/255"),
        "pgd",
    ),
    "corruption": (
        ("evaluate", "corruption", *FEW, "--corruption", "fog", "--severity", "1"),
        None,
    ),
    "lime": (
        ("evaluate", "explanation", "--limit", "2", "--method", "lime", "--evaluations", "64"),
        None,
    ),
    "saliency": (
        ("evaluate", "explanation", "--limit", "2", "--method", "saliency"),
        "saliency",
    ),
    "finetune": (("finetune", "--epochs", "1", "--method", "linear_probe"), "fine_tune"),
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of pictures of two classes, of grey, colour and transparent ones."""
    folder, generator = tmp_path_factory.mktemp("my data"), np.random.default_rng(0)
    for name in ("0", "1"):
        (folder / name).mkdir()
        for k, mode in enumerate(["L", "RGB", "RGBA"] * 4):
            pixels = generator.integers(0, 256, (40, 40, len(mode)), np.uint8)
            Image.fromarray(pixels.squeeze(), mode).save(folder / name / f"{k}.png")
    return folder


@pytest.fixture(scope="module", params=FILES)
def source(request, tmp_path_factory):
    """A source, the words that name its model, and the model."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("my models")
    model = MADE[request.param](folder)
    names = folder / "names.txt"
    names.write_text("\n".join(str(k) for k in range(len(model.labels))))
    spec = model.spec
    words = ["--labels", str(names), *(["--trust"] if spec.trust else [])]
    words += ["--weights", spec.weights] if spec.weights else []
    words += [w for pair in spec.arch_options for w in ("--arch-option", "=".join(pair))]
    words += [w for pair in spec.preprocessing for w in ("--preprocessing", "=".join(pair))]
    model = usable.load_model(replace(spec, labels=str(names)))
    return request.param, spec.reference, words, model


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_answers_or_says_why_not(verb, source, pictures, tmp_path, capsys):
    name, reference, words, model = source
    asked, operation = VERBS[verb]
    named = [reference] if verb == "show" else ["--model", reference, "--dataset", str(pictures)]

    status = main([*asked, *named, *words, "--json", str(tmp_path / "said.json")])

    err = capsys.readouterr().err.replace("\n", " ")
    if operation in REFUSED[name]:
        assert status == 2
        assert any(reason in err for reason in REFUSED[name][operation].split("|"))
        return
    assert status == 0, err
    said = json.loads((tmp_path / "said.json").read_text())
    if verb == "show":
        assert said["fingerprint"] == model.fingerprint
    if verb == "accuracy":  # to the digit what Python says
        own = usable.evaluate_accuracy(model, pictures, limit=4).summary()
        assert said["accuracy"] == json.loads(json.dumps(own["accuracy"]))
        assert said["ece"] == json.loads(json.dumps(own["ece"]))
    if verb == "finetune":  # loaded again it is a model like any other
        again = ["evaluate", "accuracy", "--model", said["reference"], "--dataset", str(pictures)]
        assert main([*again, "--json", str(tmp_path / "tuned.json")]) == 0
        tuned = json.loads((tmp_path / "tuned.json").read_text())
        own = usable.evaluate_accuracy(said["reference"], str(pictures)).summary()
        assert tuned["accuracy"] == json.loads(json.dumps(own["accuracy"]))

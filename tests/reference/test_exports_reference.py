"""Exports of whole families, read by the libraries that they are for."""

import made_classifiers
import made_texts
import pytest
import torch

import usable_core as usable
from usable_core.errors import ExportError
from usable_core.images import gallery
from usable_core.measuring.calibration import known_calibration

pytestmark = pytest.mark.reference
NAMES = {"onnx": "net.onnx", "program": "net.pt2"}
TYPES = ("bert", "deberta-v2", "gpt2", "llama", "opt")


def ran(path, name, *given):
    """Logits by ONNX Runtime, or by torch's own reader."""
    if name == "program":
        return torch.export.load(path).module()(*given)
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(path)
    names = [one.name for one in session.get_inputs()]
    fed = {key: value.numpy() for key, value in zip(names, given, strict=True)}
    return torch.from_numpy(session.run(None, fed)[0])


@pytest.fixture(scope="module", params=TYPES)
def texts(request, tmp_path_factory):
    """A classifier of texts and the folder that it is from."""
    folder = tmp_path_factory.mktemp(request.param)
    made_texts.save_classifier(folder, request.param)
    return usable.load_model(f"hf/{folder}")


@pytest.mark.parametrize("name", NAMES)
def test_texts_of_other_lengths_are_answered_as_each_of_them_alone(texts, tmp_path, name):
    found = usable.export_model(texts, tmp_path / NAMES[name], format=name)

    ids = [texts.input.read(text).flatten() for text in made_texts.TEXTS[:3]]
    filled = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=5)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(i) for i in ids], batch_first=True)
    alone = torch.cat([texts(one[None, None, None]) for one in ids])
    together = ran(found.path, name, filled, mask)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    again = usable.load_model(found.reference, trust=True)
    assert again.input.identity == texts.input.identity


def test_transformers_reads_classifiers_of_texts(texts, tmp_path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    usable.export_model(texts, tmp_path / "net", format="transformers")

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "net")
    network = AutoModelForSequenceClassification.from_pretrained(tmp_path / "net").eval()
    for text in made_texts.TEXTS:
        with torch.no_grad():
            theirs = network(**tokenizer(text, return_tensors="pt")).logits
        own = texts(texts.input.read(text)[None])
        torch.testing.assert_close(theirs, own, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["vit", "resnet", "swin", "levit", "mobilevit"])
def test_transformers_reads_classifiers_of_pictures_with_their_processor(kind, tmp_path):
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    made_classifiers.save(kind, tmp_path / kind)
    model = usable.load_model(f"hf/{tmp_path / kind}")

    usable.export_model(model, tmp_path / "net", format="transformers")

    processor = AutoImageProcessor.from_pretrained(tmp_path / "net", backend="pil")
    network = AutoModelForImageClassification.from_pretrained(tmp_path / "net").eval()
    for picture in (one.open() for one in gallery()[:3]):
        with torch.no_grad():
            theirs = network(**processor(picture, return_tensors="pt")).logits
        own = model(model.input.geometry(picture)[None])
        torch.testing.assert_close(theirs, own, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("architecture", ["resnet18", "convnext_tiny", "swin_t"])
def test_torchvisions_families_answer_any_number_of_pictures(architecture, name, tmp_path):
    import torchvision

    torch.manual_seed(0)
    network = getattr(torchvision.models, architecture)(num_classes=7)
    takes = usable.Preprocessing(72, (64, 64), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.25))
    model = usable.wrap_model(network, preprocessing=takes)

    found = usable.export_model(model, tmp_path / NAMES[name], format=name)

    for count in (1, 3, 5):
        x = torch.rand(count, 3, 64, 64)
        torch.testing.assert_close(ran(found.path, name, x), model(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reference", ["bundled/bert", "bundled/gpt", "bundled/vit"])
def test_what_is_bundled_comes_back_with_its_calibration(reference, name, tmp_path):
    model = usable.load_model(reference)

    found = usable.export_model(model, tmp_path / NAMES[name], format=name)

    again = usable.load_model(found.reference, trust=True)
    fitted = known_calibration(again)
    assert fitted.temperature == known_calibration(model).temperature
    data = usable.load_dataset("languages" if model.kind == "text" else "digits", limit=20)
    if model.kind == "text":
        own, others = (usable.evaluate_accuracy(one, data) for one in (model, again))
        assert own.accuracy == others.accuracy


def test_networks_whose_length_is_fixed_when_they_are_traced_are_refused(tmp_path):
    made_texts.save_classifier(tmp_path / "neo", "gpt_neo")

    with pytest.raises(ExportError, match=r"cannot be traced .* Export it as safetensors"):
        usable.export_model(tmp_path / "neo", tmp_path / "net.pt2", format="program")

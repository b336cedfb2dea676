"""Exports: each format, read by the library that it is for, gives the model's own logits."""

import copy
import json
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch import nn
from toy_models import digit_pixels

import usable_core as usable
from usable_core import cli
from usable_core.catalog.exports import EXPORTS
from usable_core.errors import Cancelled, ExportError, StorageError, UnknownName, UsableError
from usable_core.evaluations.calibration import Calibration
from usable_core.evaluations.exported import TOLERANCE
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.specs import ModelSpec
from usable_core.images import gallery
from usable_core.measuring.calibration import known_calibration
from usable_core.measuring.exports import save_export
from usable_core.models.exporting import comparing, exporting
from usable_core.models.exporting.comparing import Difference, difference
from usable_core.models.exporting.networks import OfPictures
from usable_core.models.model import Model
from usable_core.models.sources.cards_inside import entry_of
from usable_core.records import to_json

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
NAMES = {"onnx": "net.onnx", "program": "net.pt2"}
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.25)


class Small(nn.Module):
    """A network of few weights whose answers depend on size, normalisation and company alike."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


@pytest.fixture(scope="module")
def toy():
    """A model of pictures that are not square, classes of its own and a calibration."""
    torch.manual_seed(0)
    labels = usable.LabelSpace(("nought", "one ✓", "two"))
    takes = usable.Preprocessing(20, (14, 18), "bicubic", MEAN, STD)
    model = Model("toy", Small(), takes, labels, {"title": "Toy"})
    fitted = Calibration(1.5, 0.1, 99, "99 digits", "data", model.fingerprint, 1.0, 0.9)
    model.card["calibration"] = to_json(fitted)
    return model


@pytest.fixture(scope="module")
def vgg():
    return usable.load_model("bundled/vgg_digits")


@pytest.fixture(scope="module")
def files(toy, tmp_path_factory):
    """The toy in both formats of one file."""
    folder = tmp_path_factory.mktemp("exports")
    return {
        name: usable.export_model(toy, folder / file, format=name) for name, file in NAMES.items()
    }


def digits(model, count):
    """Real digits, as a model sees them: (count, 3, H, W) in [0, 1]."""
    pixels, _ = digit_pixels()
    return torch.stack([model.input.geometry(Image.fromarray(p)) for p in pixels[:count]])


def answered(path, name, x):
    """What the format's own library says of pictures."""
    if name == "program":
        return torch.export.load(path).module()(x)
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    return torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [1, 3])
def test_its_own_library_gives_the_models_logits_of_pictures_that_are_not_normalised(
    files, toy, name, count
):
    x = digits(toy, count)

    found = answered(files[name].path, name, x)

    torch.testing.assert_close(found, toy(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_usable_reads_it_with_preparation_classes_and_calibration(files, toy, name):
    model = usable.load_model(files[name].reference, trust=True)

    x = digits(toy, 3)
    torch.testing.assert_close(model(x), toy(x), atol=1e-5, rtol=0)
    assert model.labels.names == toy.labels.names
    outside = replace(toy.input, mean=(0.0,) * 3, std=(1.0,) * 3)
    assert model.input.values == outside.values
    assert "normalises inside, by 0.5, 0.4, 0.3" in model.input.sources["mean"]
    fitted = known_calibration(model)
    assert (fitted.temperature, fitted.model_fingerprint) == (1.5, model.fingerprint)
    assert model.warnings == ()


@pytest.mark.parametrize("name", NAMES)
def test_it_says_how_near_it_is(files, toy, name):
    exported = files[name]
    said = usable.load_model(exported.reference, trust=True).card["export"]

    assert said["largest_difference"] == exported.largest_difference <= TOLERANCE
    assert (said["format"], said["fingerprint"]) == (name, toy.fingerprint)
    assert exported.examples >= 4


def test_metadata_of_onnx_tell_a_stranger_what_goes_in(files, toy):
    held = {one.key: one.value for one in onnx.load(files["onnx"].path).metadata_props}

    assert held["normalisation"] == "inside"
    assert json.loads(held["labels"]) == list(toy.labels.names)
    prepared = json.loads(held["preprocessing"])
    assert (prepared["resize"], prepared["crop"]) == (20, [14, 18])
    assert (prepared["mean"], prepared["std"]) == ([0, 0, 0], [1, 1, 1])


@pytest.mark.parametrize("changes", [{}, {"channels": 1}, {"channel_order": "bgr"}])
def test_grey_and_turned_channels_are_inside(changes):
    takes = usable.Preprocessing(8, (8, 8), mean=MEAN, std=STD, **changes)
    network = nn.Sequential(nn.AvgPool2d(4), nn.Flatten())
    classes = usable.LabelSpace.unnamed(4 * takes.channels)
    x = takes.trial()

    found = OfPictures(network, takes)(x)

    torch.testing.assert_close(found, Model("toy", network, takes, classes)(x))


def test_timm_creates_the_model_with_its_transform(tmp_path):
    import timm

    network = timm.create_model("test_resnet.r160_in1k", pretrained=False, num_classes=3)
    takes = usable.Preprocessing(75, (64, 64), "bicubic", MEAN, STD)
    card = {"architecture": "timm/test_resnet"}
    model = Model("ours", network, takes, usable.LabelSpace(("a", "b", "c")), card)

    usable.export_model(model, tmp_path / "net", format="timm")

    made = timm.create_model(f"local-dir:{tmp_path / 'net'}", pretrained=True).eval()
    config = timm.data.resolve_model_data_config(made)
    transform = timm.data.create_transform(**config, is_training=False)
    picture = gallery()[0].open()
    theirs = made(transform(picture)[None])
    torch.testing.assert_close(theirs, model(takes.geometry(picture)[None]), atol=1e-5, rtol=0)
    assert made.pretrained_cfg["label_names"] == ["a", "b", "c"]


def test_transformers_reads_a_decoder_with_its_tokenizer_and_the_biases_it_has_no_place_for(
    tmp_path,
):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = usable.load_model("bundled/gpt")
    texts = ["Guten Tag", "A longer one, which fills the batch: one, two, three."]

    usable.export_model(model, tmp_path / "gpt", format="transformers")

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "gpt")
    network = AutoModelForSequenceClassification.from_pretrained(tmp_path / "gpt")
    with torch.no_grad():
        given = tokenizer(texts, padding=True, return_tensors="pt")
        theirs = network(given["input_ids"], attention_mask=given["attention_mask"]).logits
    own = model(model.input.stack([model.input.read(text) for text in texts]))
    torch.testing.assert_close(theirs, own, atol=1e-5, rtol=0)
    assert network.config.id2label[7] == model.labels.names[7]
    assert known_calibration(usable.load_model(tmp_path / "gpt")).temperature > 1


def test_what_is_exported_already_is_refused(files, tmp_path):
    for exported in files.values():
        model = usable.load_model(exported.reference, trust=True)
        with pytest.raises(ExportError, match=r"already.* Export the model that it was made of"):
            usable.export_model(model, tmp_path / "net.onnx", format="onnx")


@pytest.mark.parametrize("step", range(exporting.STEPS))
def test_an_export_that_is_stopped_leaves_nothing(vgg, tmp_path, step):
    def report(done, total, message, **_):
        if done == step:
            raise Cancelled

    with pytest.raises(Cancelled):
        exporting.export(vgg, "safetensors", tmp_path / "net", report=report)

    assert list(tmp_path.iterdir()) == []


def test_the_lane_stops_an_export_whose_question_was_withdrawn(vgg, tmp_path):
    request = ImageRequest("export", ModelSpec("bundled/vgg_digits"), format="safetensors")
    told = []

    def publish(answer):
        told.append((answer.state, answer.done, answer.total))
        if answer.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        save_export(request, lambda spec: vgg, tmp_path, publish)

    assert told == [("working", done, 4) for done in range(3)]
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_keras_is_told_its_own_way_out(toy, tmp_path):
    network = type(exporting.KERAS, (Small,), {})()
    model = Model("keras/net", network, toy.input, toy.labels)

    for name in EXPORTS:
        if "picture" in EXPORTS[name].kinds:
            with pytest.raises(ExportError, match="model of Keras, which exports its own"):
                exporting.export(model, name, tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_model_on_a_gpu_is_written_from_the_cpu_and_stays_where_it_is(vgg, tmp_path):
    placed = vgg.to("cuda")

    found = usable.export_model(placed, tmp_path / "net", format="safetensors")

    assert placed.device.type == "cuda"
    assert usable.load_model(found.reference).fingerprint == vgg.fingerprint


def test_a_network_that_a_library_has_not_is_told_the_other_formats(toy, vgg, tmp_path):
    for name in ("timm", "transformers"):
        with pytest.raises(ExportError, match=f"{name} has none. Export it as safetensors, onnx"):
            usable.export_model(vgg, tmp_path / "net", format=name)
    with pytest.raises(ExportError, match="does not say how its network is built"):
        usable.export_model(toy, tmp_path / "net", format="safetensors")
    with pytest.raises(ExportError, match="the mean of a text's last states"):
        usable.export_model("bundled/bert", tmp_path / "net", format="transformers")
    assert list(tmp_path.iterdir()) == []


def test_what_differs_is_an_error_and_no_file(vgg, tmp_path, monkeypatch):
    def other(reference):
        found = comparing.loaded(reference)
        return Model("other", Shifted(found.network), found.input, found.labels, found.card)

    monkeypatch.setattr(exporting, "loaded", other)

    with pytest.raises(ExportError, match=r"differ from its own by up to 0\.01"):
        usable.export_model(vgg, tmp_path / "net", format="safetensors")
    assert list(tmp_path.iterdir()) == []


class Shifted(nn.Module):
    """A network whose logits are a little higher."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x) + 0.01


def test_models_are_told_apart_by_logits_preparation_and_classes(toy):
    nan = copy.copy(toy)
    nan.network = nn.Sequential(toy.network, nn.Threshold(1e9, float("nan")))
    same = difference(toy, toy)
    assert same == Difference(0.0, same.largest_logit, 4)
    assert not difference(toy, nan).is_small
    resized, renamed = copy.copy(toy), copy.copy(toy)
    resized.input = replace(toy.input, resize=21)
    renamed.labels = usable.LabelSpace(("nought", "one", "two"))
    for other, said in ((resized, "no words for how toy prepares"), (renamed, "other classes")):
        with pytest.raises(ExportError, match=said):
            difference(toy, other)


def test_places_that_cannot_be_written_are_sentences(toy, vgg, tmp_path, monkeypatch):
    (tmp_path / "there.pt2").write_text("mine")
    with pytest.raises(StorageError, match="is there already"):
        usable.export_model(toy, tmp_path / "there.pt2", format="program")
    with pytest.raises(ExportError, match=r"ends in \.onnx.* Name it net\.onnx"):
        usable.export_model(toy, tmp_path / "net.zip", format="onnx")
    with pytest.raises(UnknownName, match="Unknown export format 'tflite'"):
        usable.export_model(toy, tmp_path / "net", format="tflite")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match=r"[Dd]isk is full"):
        usable.export_model(vgg, tmp_path / "net", format="safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["there.pt2"]


def test_a_missing_package_is_named_with_its_extra(toy, tmp_path, monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "onnxscript":
            raise ImportError("gone", name="onnxscript")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ExportError, match=r"onnxscript is not installed.*usable\[onnx\]"):
        usable.export_model(toy, tmp_path / "net.onnx", format="onnx")


def test_the_command_writes_a_folder_of_the_same_model_and_says_so(vgg, tmp_path, capsys):
    words = ["models", "export", "bundled/vgg_digits", "--format", "safetensors"]

    assert cli.main([*words, "--out", str(tmp_path / "net"), "--json", "-"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert (said["format"], said["largest_difference"]) == ("safetensors", 0)
    again = usable.load_model(tmp_path / "net")
    assert again.fingerprint == vgg.fingerprint
    assert known_calibration(again) == known_calibration(vgg)
    assert cli.main([*words, "--out", str(tmp_path / "net")]) == cli.USER_MISTAKE
    assert "is there already" in capsys.readouterr().err


def test_a_card_in_a_file_of_a_stranger_is_checked(files, tmp_path):
    proto = onnx.load(files["onnx"].path)
    held = {one.key: one for one in proto.metadata_props}
    whole = held["card.json"].value
    for broken, said in (
        ("{", "cannot be read as JSON"),
        (whole.replace('"crop": [14, 18]', '"crop": [14, 14]'), "the network takes"),
        (whole.replace('"std": [1.0', '"std": [0.0'), "std"),
    ):
        held["card.json"].value = broken
        onnx.save(proto, tmp_path / "net.onnx")
        with pytest.raises(UsableError, match=said):
            usable.load_model(tmp_path / "net.onnx")


def test_an_entry_of_a_configuration_is_a_card_or_a_sentence():
    config = {"usable": 1, "num_labels": 3}

    assert entry_of(config, "hf/x") == {}
    assert config == {"num_labels": 3}
    with pytest.raises(UsableError, match="The card of hf/x cannot be used"):
        entry_of({"usable": {"architecture": "vit", "labels": 3}}, "hf/x")


def test_every_format_is_told_on_the_command_line_with_the_side_of_its_normalisation():
    for row in EXPORTS.values():
        assert "normalise" in row.help
        assert row.readers.endswith("/PATH)") or "Usable (" in row.readers

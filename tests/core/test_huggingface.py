"""`hf/…`: folders and the hub's cache, what is refused and why, heads, passports."""

import json
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import made_classifiers
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import usable_core as usable
from usable_core.catalog.references import absolute, files_of
from usable_core.cli import main
from usable_core.errors import CheckpointError, UsableError
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.models import load_model
from usable_core.models.heads import features, head, replace_head
from usable_core.models.model import Model
from usable_core.models.sources.huggingface import build

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def vit(tmp_path):
    made_classifiers.save("vit", tmp_path / "vit")
    return tmp_path / "vit"


def change(folder, name, **entries):
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def cached(folder, cache, *, revision="main"):
    """Put a folder into a cache of the hub's form, as OWNER/NAME `some/one`."""
    place = cache / "models--some--one"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / revision).write_text(COMMIT)
    (place / "snapshots").mkdir()
    folder.rename(place / "snapshots" / COMMIT)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_names_of_classes_do_not_steer_a_terminal(tmp_path, capsys):
    names = ["<b>", "a\x1b[31mred", "\u202eevil", "bell\a", "ein Wort"]
    made_classifiers.save("vit", tmp_path / "vit", labels=names)

    assert main(["models", "show", f"hf/{tmp_path / 'vit'}"]) == 0

    said = capsys.readouterr().out
    assert r"<b>, a\x1b[31mred, \u202eevil, bell\x07, ein Wort" in said
    assert not set(said) & set("\x1b\u202e\a")


def test_a_path_alone_is_a_folder_of_transformers_too(vit, monkeypatch):
    monkeypatch.chdir(vit.parent)

    found = [load_model(name).fingerprint for name in (f"hf/{vit}", "hf/vit", "./vit", str(vit))]

    assert len(set(found)) == 1
    assert absolute("hf/vit") == f"hf/{vit}"
    assert absolute("hf/some/one@v1") == "hf/some/one@v1"
    assert "model.safetensors" in {path.name for path in files_of("hf/vit")}


def test_a_name_of_the_hub_is_found_in_its_cache_by_revision(vit, cache, monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("asked the network"))
    cached(vit, cache, revision="v1")

    model = load_model("hf/some/one@v1")

    assert load_model(f"hf/some/one@{COMMIT}").fingerprint == model.fingerprint
    assert model.card["weights"] == f"some/one, revision v1 (commit {COMMIT[:12]})"
    assert all(COMMIT in str(path) for path in files_of("hf/some/one@v1"))


def test_what_neither_cache_nor_network_has_is_said_within_two_seconds(cache, monkeypatch):
    def asleep(*_, **__):
        time.sleep(60)  # a network that loses everything

    monkeypatch.setattr("usable_core.reach.urllib.request.urlopen", asleep)
    start = time.perf_counter()

    with pytest.raises(CheckpointError, match="neither a folder here nor in the cache") as refused:
        load_model("hf/some/one")

    assert time.perf_counter() - start < 2.5  # with the time that imports take
    assert "hf download some/one" in str(refused.value)


@pytest.mark.parametrize("name", ["a/b/c", "../x", "some/one@", "some/one@../x", "a--b/c", ""])
def test_what_is_no_name_of_a_hub_is_refused(name, cache):
    with pytest.raises(UsableError, match=r"\.$"):
        load_model(f"hf/{name}")


def test_code_beside_a_known_type_and_what_else_lies_there_is_not_run(vit):
    (vit / "evil.py").write_text("raise SystemExit('ran')")
    (vit / "pytorch_model.bin").write_bytes(b"cbuiltins\nexit\n)R.")  # beside safetensors
    (vit / "adapter_config.json").write_text('{"base_model_name_or_path": "evil/base"}')
    code = {"AutoConfig": "evil.E", "AutoModelForImageClassification": "evil.E"}
    said = {
        "_name_or_path": "evil/base",
        "gguf_file": "a.gguf",
        "attn_implementation": "evil/kernel",
    }
    change(vit, "config.json", auto_map=code, dtype="float16", **said)
    change(vit, "preprocessor_config.json", auto_map={"AutoImageProcessor": "evil.E"})

    assert load_model(f"hf/{vit}").labels.is_named


def test_a_model_of_timms_is_not_had_from_where_its_configuration_points(tmp_path):
    wrapped = made_classifiers.save("timm_wrapper", tmp_path / "one")
    said = json.loads((tmp_path / "one" / "config.json").read_text())["pretrained_cfg"]
    where = {"url": "https://evil.example/a", "hf_hub_id": "evil/a", "file": "/etc/passwd"}
    change(tmp_path / "one", "config.json", pretrained_cfg=said | where)

    model = load_model(f"hf/{tmp_path / 'one'}")

    own = wrapped.timm_model.state_dict()["fc.weight"]
    torch.testing.assert_close(model.network.state_dict()["fc.weight"], own)


def test_half_precision_is_computed_in_float32_and_said(vit):
    weights = load_file(vit / "model.safetensors")
    save_file({k: v.half() for k, v in weights.items()}, vit / "model.safetensors")
    change(vit, "config.json", dtype="float16")

    model = load_model(f"hf/{vit}")

    assert {p.dtype for p in model.network.parameters()} == {torch.float32}
    assert "stored as float16" in model.notes[0]


def test_weights_in_several_files_are_one_model(vit):
    whole = load_model(f"hf/{vit}")
    weights = load_file(vit / "model.safetensors")
    (vit / "model.safetensors").unlink()
    names = sorted(weights)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, own in parts.items():
        save_file({name: weights[name] for name in own}, vit / file)
    index = {"weight_map": {name: file for file, own in parts.items() for name in own}}
    (vit / "model.safetensors.index.json").write_text(json.dumps(index))

    assert load_model(f"hf/{vit}").fingerprint == whole.fingerprint


def test_without_a_processor_the_user_says_how_pictures_are_prepared(vit):
    (vit / "preprocessor_config.json").unlink()
    with pytest.raises(CheckpointError, match="--preprocessing mean=…"):
        load_model(f"hf/{vit}", preprocessing={"resize": "36", "crop": "32"})

    said = {"resize": "36", "crop": "32", "mean": "0.5", "std": "0.5"}
    model = load_model(f"hf/{vit}", preprocessing=said)

    assert (model.preprocessing.resize, model.preprocessing.crop) == (36, (32, 32))


@pytest.mark.parametrize(
    "said",
    [
        {"do_normalize": None},
        {"do_rescale": False},
        {"rescale_factor": 1 / 127.5, "image_mean": [1.0, 1.0, 1.0], "image_std": [1.0, 1.0, 1.0]},
        {"resample": 1},
        {"resample": 0},
        {"image_processor_type": None, "feature_extractor_type": "ViTFeatureExtractor"},
        {"size": 32},
    ],
)
def test_odd_processors_are_read_right(vit, said):
    from transformers import AutoImageProcessor

    change(vit, "preprocessor_config.json", **said)
    picture = Image.fromarray(np.random.default_rng(3).integers(0, 256, (77, 91, 3), np.uint8))

    passport = load_model(f"hf/{vit}").preprocessing

    own = passport.normalise(passport.geometry(picture)[None])[0]
    processor = AutoImageProcessor.from_pretrained(vit, backend="pil")
    theirs = processor(picture, return_tensors="pt")["pixel_values"][0].float()
    assert 255 * float((own - theirs).abs().max()) * passport.std[0] < 0.01


@pytest.mark.parametrize("kind", ["deit", "levit"])
def test_a_teachers_head_is_a_head_too(kind, tmp_path):
    made_classifiers.save(kind, tmp_path, teacher=True)
    model = load_model(f"hf/{tmp_path}")
    x = torch.rand(2, 3, *model.input_size)

    network = replace_head(model.network, 3)

    assert len(head(network)) == 2
    assert network(x).shape == (2, 3)
    assert features(network, x).shape == (2, 2 * 16 if kind == "deit" else 2 * 32)
    change(tmp_path, "config.json", architectures=None)
    with pytest.raises(CheckpointError, match="architectures"):
        load_model(f"hf/{tmp_path}")


@pytest.mark.parametrize("method", ["linear_probe", "full"])
def test_what_was_fine_tuned_is_loaded_without_the_folder_it_began_from(method, vit, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), np.uint8)
    data = usable.dataset_from_arrays(pixels, [0, 1] * 20, ["dark", "light"])
    schedule = usable.Schedule(epochs=1, batch_size=10)

    tuned, _ = usable.fine_tune(
        f"hf/{vit}", data, tmp_path / "tuned", method=method, schedule=schedule
    )
    vit.rename(tmp_path / "elsewhere")
    again = load_model(tmp_path / "tuned")

    assert again.labels.names == ("dark", "light")
    assert again.fingerprint == tuned.fingerprint
    assert again.preprocessing.crop_anchor == "floor"
    x = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(again(x), tuned.to("cpu")(x))


def test_a_card_with_another_configuration_builds_nothing_strange():
    for name, said in {
        "vit": "[1]",
        "timm_wrapper": json.dumps({"architecture": "hf-hub:some/one"}),
        "llama": json.dumps({"hidden_size": 8}),
        "deit": json.dumps({"hidden_size": 8}),
        "swin": "{}",
        "beit": json.dumps({"hidden_size": -1}),
    }.items():
        with pytest.raises(UsableError, match=r"\.$"):
            build(name, {"config": said})


def test_a_folder_of_timms_is_prepared_and_answers_as_timm_does(tmp_path):
    wrapped = made_classifiers.save("timm_wrapper", tmp_path / "one")
    save_file(wrapped.timm_model.state_dict(), tmp_path / "plain.safetensors")
    said = {"num_classes": "5"}
    prepared = {"mean": "0.5", "std": "0.5", "crop": "64", "resize": "71"}

    model = load_model(f"hf/{tmp_path / 'one'}")

    twin = load_model(
        "timm/test_resnet",
        weights=tmp_path / "plain.safetensors",
        arch_options=said,
        preprocessing=prepared | {"interpolation": "bicubic"},
    )
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (90, 131, 3), np.uint8))
    x = model.preprocessing.geometry(picture)[None]
    assert torch.equal(x, twin.preprocessing.geometry(picture)[None])
    assert torch.equal(model(x), twin(x))
    assert model.card["architecture"] == "timm/test_resnet"


def test_the_defaults_of_later_fields_are_part_of_no_fingerprint():
    def fingerprint(**said):
        passport = Preprocessing(resize=8, crop=(8, 8), **said)
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 2))
        return Model("m", network, passport, made_labels()).fingerprint

    assert fingerprint() == "e83f9d46403fb464"  # as before there were such fields
    assert fingerprint(crop_anchor="floor") != fingerprint()
    assert fingerprint(channel_order="bgr") != fingerprint()


def made_labels():
    from usable_core.labels import LabelSpace

    return LabelSpace.unnamed(2)


@pytest.mark.parametrize("size", [(50, 32), (51, 33), (20, 40), (7, 9), (33, 31)])
def test_a_crop_anchored_down_begins_where_it_says(size):
    width, height = size
    pixels = np.random.default_rng(0).integers(1, 256, (height, width, 3), np.uint8)
    passport = Preprocessing(resize=None, crop=(32, 32), crop_anchor="floor")

    found = passport.pixels(Image.fromarray(pixels)).permute(1, 2, 0).numpy()

    top, left = (height - 32) // 2, (width - 32) // 2
    rows, columns = np.arange(32) + top, np.arange(32) + left
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    expected = pixels[rows.clip(0, height - 1)][:, columns.clip(0, width - 1)] * inside[..., None]
    assert np.array_equal(found, expected)
    assert passport.seen(size)[:2] == (left / width, top / height)


def test_bgr_turns_the_channels_after_normalising_rgb():
    passport = Preprocessing(
        resize=None, crop=(1, 1), mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0), channel_order="bgr"
    )

    found = passport.normalise(torch.tensor([0.5, 0.6, 0.7]).view(1, 3, 1, 1)).flatten()

    torch.testing.assert_close(found, torch.tensor([0.1, 0.2, 0.4]))


def test_the_core_is_imported_without_transformers_and_says_what_is_missing(vit):
    code = (
        "import sys\nsys.modules['transformers'] = None\nimport usable_core as usable\n"
        f"try:\n    usable.load_model('hf/{vit}')\n"
        "except usable.errors.CheckpointError as error:\n    print(error)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "needs transformers" in done.stdout
    assert "pip install" in done.stdout


def test_what_the_hub_does_not_show_is_said_without_its_clients_words(cache, monkeypatch):
    class Refused(Exception):
        response = SimpleNamespace(status_code=404)

    def refused(*_, **__):
        raise Refused("Client error '404 Not Found' for url 'https://host.example/api'")

    monkeypatch.setattr("usable_core.catalog.hub_client.why_not", lambda: "")
    monkeypatch.setattr("usable_core.models.sources.fetching.HfApi.model_info", refused)

    with pytest.raises(CheckpointError, match="the hub has no such model") as said:
        load_model("hf/some/one")

    assert "host.example" not in str(said.value)

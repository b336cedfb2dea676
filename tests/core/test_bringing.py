"""Models brought as files: what a path is, and what uploads are together."""

import io
import zipfile
from pathlib import Path

import pytest

from usable_core import bringing, shelf
from usable_core.errors import UsableError
from usable_core.evaluations.specs import ModelSpec


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


HUB = {"config.json": b"{}", "preprocessor_config.json": b"{}", "model.safetensors": b"x"}


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"a.onnx": b"x"}, "onnx/"),
        ({"a.keras": b"x"}, "keras/"),
        ({"Old.H5": b"x"}, "keras/"),
        ({"a.pt2": b"x"}, "file/"),
        ({"net.onnx": b"x", "net.onnx.data": b"y"}, "onnx/"),
        (HUB, "hf/"),
        ({"my model/" + name: data for name, data in HUB.items()}, "hf/"),
        ({"up.zip": zipped({"deep/er/" + n: d for n, d in HUB.items()} | {"a.py": b"1"})}, "hf/"),
        ({"card.json": b"{}", "model.safetensors": b"x"}, "folder/"),
    ],
)
def test_uploads_of_every_source_are_one_model(files, kind):
    found = bringing.recognised(bringing.keep(files))

    assert found.weights is None
    source, _, path = found.reference.partition("/")
    assert f"{source}/" == kind
    assert Path(path).resolve().is_relative_to(shelf._files().resolve())


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth", "a.weights.h5", "a.bin", "a.ckpt"])
def test_weights_alone_need_an_architecture_and_keep_their_ending(name):
    found = bringing.recognised(bringing.keep({name: b"x"}))

    assert found.reference == ""
    assert found.weights.endswith(name[1:])


@pytest.mark.parametrize(
    "files",
    [
        {"a.exe": b"x"},
        {"a.zip": b"no zip"},
        {"a.zip": zipped({"readme.rst": b"x"})},
        {"a/model.safetensors": b"1", "b/model.safetensors": b"2"},
        {"..": b"x", "model.safetensors": b"y"},
        {"a.onnx": b"x", "b.onnx": b"y"},
    ],
)
def test_what_is_no_model_is_a_sentence_and_nothing_lies_elsewhere(files, tmp_path):
    with pytest.raises(UsableError):
        bringing.recognised(bringing.keep(files))


def test_a_zip_that_would_fill_the_disk_or_lies_about_its_size_is_refused(monkeypatch):
    data = zipped({"model.safetensors": b"\0" * 100_000})
    monkeypatch.setattr(bringing, "MOST_BYTES", 99_999)
    with pytest.raises(UsableError, match="would hold more"):
        bringing.keep({"a.zip": data})


def test_a_path_is_recognised_and_a_folder_shows_what_lies_in_it(tmp_path):
    for name in ("b.onnx", "sub/config.json", "sub/model.safetensors", ".hidden/x", "note.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")

    assert bringing.recognised(tmp_path).reference == f"onnx/{tmp_path / 'b.onnx'}"
    assert bringing.recognised(tmp_path / "sub").reference == f"hf/{tmp_path / 'sub'}"
    assert bringing.inside(tmp_path) == ("b.onnx", "sub")
    with pytest.raises(UsableError, match="nothing is there"):
        bringing.recognised(tmp_path / "none")
    (tmp_path / "m.tflite").write_bytes(b"x")
    with pytest.raises(UsableError, match="tf2onnx"):
        bringing.recognised(tmp_path / "m.tflite")


def test_uploaded_folders_and_keras_files_go_with_their_entry_and_unused_ones_in_time():
    hub = bringing.recognised(bringing.keep(HUB))
    keras = bringing.recognised(bringing.keep({"a.keras": b"x"}))
    left = bringing.keep({"b.keras": b"y"})
    shelf.put("a hub", ModelSpec(hub.reference))
    shelf.put("a keras", ModelSpec(keras.reference))
    places = [Path(one.reference.partition("/")[2]) for one in (hub, keras)]

    shelf.prune(seconds=3600)
    assert Path(left).exists()
    shelf.prune(seconds=-1)
    assert not Path(left).exists()
    assert all(place.exists() for place in places)
    for name in ("a hub", "a keras"):
        shelf.remove(name)
    assert not any(place.exists() for place in places)


def test_a_keras_file_means_the_same_in_every_folder(tmp_path, monkeypatch):
    (tmp_path / "m.keras").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)

    assert ModelSpec("keras/m.keras").placed().reference == f"keras/{tmp_path / 'm.keras'}"
    assert ModelSpec("keras/VGG16").placed().reference == "keras/VGG16"

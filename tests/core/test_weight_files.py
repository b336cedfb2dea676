"""Harmless things in a pickle do not keep its weights from being read; nothing of it is run."""

import argparse
import collections
import datetime
import decimal
import enum
import json
import pathlib
import subprocess
import sys
import types
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from usable_core.errors import CheckpointError
from usable_core.models.weights.checkpoints import read_checkpoint

TABLE = {"conv.weight": torch.arange(6.0).view(2, 3), "conv.bias": torch.ones(2)}


class AttributeDict(dict):
    """As Lightning keeps its hyper-parameters."""


class Keeper(dict):
    """A table by another name."""


class Settings:
    """A class of a training script that is not at hand where its weights are used."""

    def __init__(self):
        self.classes = ["a", "b"]
        self.nested = {"rate": np.float32(0.1)}


class Mode(enum.Enum):
    FAST = "fast"


HARMLESS = {
    "Namespace": argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("/tmp/x"), device="cuda"),
    "SimpleNamespace": types.SimpleNamespace(a=1),
    "numpy scalars": {"best": np.float64(0.9), "epoch": np.int64(3), "is": np.bool_(True)},
    "numpy arrays": np.arange(3),
    "paths": pathlib.Path("/tmp/x"),
    "AttributeDict": AttributeDict(lr=0.1, sizes=[1, 2]),
    "defaultdict": collections.defaultdict(list, {"a": [1]}),
    "Counter": collections.Counter("aab"),
    "OrderedDict": collections.OrderedDict(a=1),
    "times": [datetime.datetime(2026, 1, 2), datetime.timedelta(3), datetime.date(2026, 1, 2)],
    "torch's own": [torch.Size([1, 2]), torch.float16, torch.device("cpu")],
    "sets": [{1, 2}, frozenset((3,)), complex(1, 2), slice(1, 2), decimal.Decimal("0.1")],
    "a class of the script": Settings(),
    "a table by another name, with arrays": {"k": Keeper(a=1), "n": np.arange(3)},
    "a deque": collections.deque([1, 2], maxlen=3),
    "an enumeration": Mode.FAST,
    "a loss": nn.CrossEntropyLoss(label_smoothing=0.1),
    "a function": nn.functional.relu,
    "a class": nn.Linear,
}


# The form of torch before 1.6 keeps the source of a network's class instead of its name.
BY_NAME = [form for form in HARMLESS if form not in ("a loss", "a class")]


@pytest.mark.parametrize(
    ("form", "is_zip"), [*((f, True) for f in HARMLESS), *((f, False) for f in BY_NAME)]
)
def test_what_scripts_keep_beside_weights_does_not_hinder(tmp_path, form, is_zip):
    content = {"model": TABLE, "kept": HARMLESS[form]}
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=is_zip)

    tensors = read_checkpoint(tmp_path / "w.pth").tensors

    assert tensors.keys() == {f"model.{name}" for name in TABLE}
    assert all(torch.equal(tensors[f"model.{name}"], tensor) for name, tensor in TABLE.items())


def test_a_type_whose_module_is_gone_is_read_without_it(tmp_path, monkeypatch):
    """Lightning need not be installed to read its checkpoints."""
    module = types.ModuleType("absent_framework")
    absent = type("AttributeDict", (dict,), {"__module__": "absent_framework"})
    plain = type("Trainer", (), {"__module__": "absent_framework"})
    module.AttributeDict, module.Trainer = absent, plain
    monkeypatch.setitem(sys.modules, "absent_framework", module)
    torch.save({"state_dict": TABLE, "h": absent(lr=1), "t": plain()}, tmp_path / "w.ckpt")
    monkeypatch.delitem(sys.modules, "absent_framework")

    assert len(read_checkpoint(tmp_path / "w.ckpt").tensors) == len(TABLE)


class Calls:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("is_zip", [True, False])
def test_what_could_act_is_refused_by_name_and_not_run(tmp_path, is_zip):
    mark = tmp_path / "ran"
    for call, name in (
        (Calls(eval, f"open({str(mark)!r}, 'w')"), "builtins.eval"),
        (Calls(subprocess.Popen, ["touch", str(mark)]), "subprocess.Popen"),
        (Calls(exec, f"open({str(mark)!r}, 'w')"), "builtins.exec"),
    ):
        content = {"model": TABLE, "x": call}
        torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=is_zip)

        with pytest.raises(CheckpointError, match=f"refused and not run.*{name}"):
            read_checkpoint(tmp_path / "w.pth")

    assert not mark.exists()


class Unpickled:
    count = 0

    def __setstate__(self, state):
        Unpickled.count += 1

    def __getstate__(self):
        return {"a": 1}


def test_methods_of_foreign_types_are_not_called(tmp_path):
    torch.save({"model": TABLE, "x": Unpickled()}, tmp_path / "w.pth")

    read_checkpoint(tmp_path / "w.pth")

    assert Unpickled.count == 0


@pytest.mark.parametrize(
    "wrap", [lambda n: n, lambda n: {"model": n, "epoch": 1}, lambda n: (n, {"lr": 1})]
)
@pytest.mark.parametrize("is_zip", [True, False])
def test_a_whole_pickled_network_is_said_to_be_one(tmp_path, wrap, is_zip):
    content = wrap(nn.Sequential(nn.Linear(2, 2)))
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=is_zip)

    with pytest.raises(CheckpointError, match=r"whole pickled network.*state_dict") as refused:
        read_checkpoint(tmp_path / "w.pth")

    assert "weights_only" not in str(refused.value)


def write_torchscript(path):
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.rand(1, 2)), str(path))


def write_program(path):
    torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.rand(1, 2),)), path)


def write_zip(*names):
    def write(path):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, "{}")

    return write


def write_bytes(content):
    return lambda path: path.write_bytes(content)


INDEX = {"metadata": {}, "weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}
OTHERS = {
    "w.pt": (write_torchscript, "TorchScript"),
    "w.pth": (write_program, "--model file/PATH.pt2"),
    "w.onnx": (write_bytes(b"\x08\x07\x12\x07pytorch"), "ONNX"),
    "model.bin": (write_bytes(b"\x08\x08\x12\x07pytorch\x1a\x052.9.0"), "ONNX"),
    "lfs.safetensors": (write_bytes(b"version https://git-lfs.github.com/spec/v1\n"), "Git LFS"),
    "page.pth": (write_bytes(b"\n<!DOCTYPE html><html><body>"), "web page"),
    "w.h5": (write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(90)), "Keras"),
    "w.keras": (write_zip("config.json", "metadata.json", "model.weights.h5"), "Keras"),
    "saved_model.pb": (write_bytes(b"\x08\x01\x12"), "TensorFlow"),
    "w.ckpt.data-00000-of-00001": (write_bytes(bytes(90)), "TensorFlow"),
    "w.npz": (lambda path: np.savez(path, a=np.zeros(2)), "NumPy"),
    "w.zip": (write_zip("folder/w.pth"), "zip of files"),
    "w.tar.gz": (write_bytes(b"\x1f\x8b\x08" + bytes(90)), "gzip"),
    "model.safetensors.index.json": (write_bytes(json.dumps(INDEX).encode()), "2 files"),
    "config.json": (write_bytes(b'{"architecture": "resnet18"}'), "configuration"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OTHERS)
def test_a_file_of_another_kind_is_told_by_its_content(tmp_path, name):
    write, sentence = OTHERS[name]
    write(tmp_path / name)

    with pytest.raises(CheckpointError, match=sentence) as refused:
        read_checkpoint(tmp_path / name)

    assert str(refused.value).startswith(name)
    assert "weights_only" not in str(refused.value)


def test_safetensors_of_another_name_are_read(tmp_path):
    save_file(TABLE, tmp_path / "pytorch_model.bin")

    assert read_checkpoint(tmp_path / "pytorch_model.bin").tensors.keys() == TABLE.keys()


def test_a_cut_off_pickle_is_one_sentence(tmp_path):
    torch.save(TABLE, tmp_path / "w.pth")
    whole = (tmp_path / "w.pth").read_bytes()
    (tmp_path / "w.pth").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(CheckpointError, match=r"w.pth cannot be read as a weights file"):
        read_checkpoint(tmp_path / "w.pth")


def test_a_folder_of_the_hubs_form_is_its_weights(tmp_path):
    save_file(TABLE, tmp_path / "model.safetensors")

    assert read_checkpoint(tmp_path).path.name == "model.safetensors"


def test_a_folder_without_weights_says_what_it_holds(tmp_path):
    (tmp_path / "notes.txt").write_text("")

    with pytest.raises(CheckpointError, match=r"model.safetensors.*notes.txt"):
        read_checkpoint(tmp_path)

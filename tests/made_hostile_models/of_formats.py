"""Files of other programs, in the place of models: each is told apart, and what to do with it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import made_weights
from safetensors.torch import save

from made_hostile_models.case import PYTHON, SECRET, Asked, Case
from made_hostile_models.of_weights import program, script

CASES: list[Case] = []
# What other programs write, by the usual endings: what each begins with.
FORMATS = {
    "gguf": (b"GGUF\3\0\0\0", ".gguf", "GGUF"),
    "TFLite": (b"\x1c\0\0\0TFL3", ".tflite", "TensorFlow"),
    "a graph of TensorFlow": (b"\n\x10\n\x05input", ".pb", "TensorFlow"),
    "an index of TensorFlow": (b"\0\0\x01\x02abc", ".index", "TensorFlow"),
    "a part of TensorFlow": (b"\0" * 9, ".ckpt.data-00000-of-00001", "TensorFlow"),
    "Core ML": (b"\x08\x04\x12\x0bcom.example", ".mlmodel", "cannot be read|refused"),
    "Flax": (b"\x82\xa6params\x80", ".msgpack", "Flax"),
    "Paddle": (b"\x80\x02}q\0X\x06\0\0\0conv.wq\x01K\x01s.", ".pdparams", "cannot be read"),
    "Keras": (b"\x89HDF\r\n\x1a\n", ".h5", "HDF5"),
    "NumPy": (b"\x93NUMPY\1\0", ".npy", "NumPy"),
    "ONNX": (b"\x08\x08\x12\x07pytorch", ".onnx", "ONNX"),
    "a picture": (b"\x89PNG\r\n\x1a\n", ".pt", "cannot be read|refused"),
    "a photograph": (b"\xff\xd8\xff\xe0\0\x10JFIF", ".pth", "cannot be read|refused"),
    "a page": (b"<!DOCTYPE html><html>", ".pth", "web page"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\n", ".pth", "git lfs pull"),
    "a text": (SECRET.encode(), ".pth", "cannot be read|refused"),
    "a library": (b"\x7fELF\2\1\1", ".pt", "cannot be read|refused"),
    "nothing": (b"", ".pth", "cannot be read|refused"),
}


def add(name: str, says: str, make: Callable[[Path], Asked], source: str) -> None:
    """Add a case."""
    CASES.append(Case(name, source, says, make))


def given(name: str, content: bytes, ending: str, says: str) -> None:
    """Add the case of a file of another program as weights."""

    def make(folder: Path) -> Asked:
        path = folder / f"photos{ending}"
        path.write_bytes(content + (bytes(64) if content else b""))
        return Asked("torchvision/squeezenet1_1", path.name, {"weights": path})

    add(f"{name} for weights", says, make, "torchvision")


for name, (content, ending, says) in FORMATS.items():
    given(name, content, ending, says)


def whole(source: str, name: str, says: str, file: str, content: bytes = b"x" * 99) -> None:
    """Add the case of a file that a source is to read whole."""

    def make(folder: Path) -> Asked:
        path = folder / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return Asked(f"{source}/{path if '/' not in file else path.parent}")

    add(name, says, make, source)


whole("keras", "TFLite", "Models of TensorFlow", "photos.tflite")
whole("keras", "a folder of TensorFlow", "Models of TensorFlow", "photos/saved_model.pb")
whole("keras", "a graph of TensorFlow", "Models of TensorFlow", "photos.pb")
whole("keras", "an ONNX file", "onnx/FILE", "photos.onnx")
whole("onnx", "weights of torch", "--weights FILE", "photos.pth")
whole("onnx", "a model of Keras", "keras/FILE", "photos.keras")
whole("onnx", "TFLite", "Models of TensorFlow", "photos.tflite")
whole("hf", "a model of TensorFlow", "Expected config.json", "photos/tf_model.h5")
whole("hf", "a model of Flax", "Expected config.json", "photos/flax_model.msgpack")
whole("hf", "a file of weights", "Expected a folder|OWNER/NAME", "photos.safetensors")
whole("file", "an ONNX file", "onnx/FILE", "photos.onnx")
whole("file", "a file of weights", "--weights FILE", "photos.pth")
whole("file", "a model of Keras", "keras/FILE", "photos.keras")


def programs(name: str, says: str, content: Callable[[], bytes], *, trust: bool = False) -> None:
    """Add the case of a file called as programs of torch are."""

    def make(folder: Path) -> Asked:
        path = folder / "photos.pt2"
        path.write_bytes(content())
        return Asked(f"file/{path}", given={"trust": True} if trust else {})

    add(name, says, make, "file")


def pickled() -> bytes:
    """Return a pickle that runs code."""
    return made_weights.saved(made_weights.Calls(exec, PYTHON))


programs("a program without trust", "--trust", program)
programs("a pickle without trust", "--trust", pickled)
programs("a text that is trusted", "cannot be read", lambda: SECRET.encode(), trust=True)
programs("a script that is trusted", "cannot be read", script, trust=True)
programs("numbers that are trusted", "must take one tensor", program, trust=True)


def card(name: str, says: str, change: Callable[[Path], object]) -> None:
    """Add the case of a folder of ours that is changed."""

    def make(folder: Path) -> Asked:
        model = folder / "photos"
        model.mkdir()
        (model / "card.json").write_text(json.dumps(made_weights.good_card()))
        (model / "model.safetensors").write_bytes(save(made_weights.good_state()))
        change(model)
        return Asked(f"folder/{model}")

    add(name, says, make, "folder")


def said(**entries: object) -> Callable[[Path], object]:
    """Return what puts entries into a card."""
    text = made_weights.good_card() | entries
    return lambda model: (model / "card.json").write_text(json.dumps(text))


def _device(model: Path) -> None:
    (model / "card.json").unlink()
    (model / "card.json").symlink_to("/dev/zero")


def _large(model: Path) -> None:
    with (model / "card.json").open("r+b") as file:
        file.truncate(200_000_000)


def _pickle(model: Path) -> None:
    (model / "model.safetensors").write_bytes(pickled())


card("a program for an architecture", "builds no architectures", said(architecture="file/x.pt2"))
card(
    "an address for an architecture",
    "no source of models",
    said(architecture="https://evil.example/a"),
)
card("a hub for an architecture", "Unknown|timm", said(architecture="timm/hf-hub:evil/a"))
card(
    "a checkpoint for an option",
    "option|Weights are no",
    said(architecture="timm/test_resnet", arch_options={"checkpoint_path": "/etc/passwd"}),
)
card(
    "code in a configuration",
    "model_type|cannot be",
    said(architecture="hf/evil", arch_options={"config": '{"auto_map": {"AutoConfig": "evil.E"}}'}),
)
card("a device for a card", "which is no model", _device)
card("200 MB of card", "card.json", _large)
card("a pickle for safetensors", "no complete safetensors", _pickle)
card("no weights", "which is no model", lambda model: (model / "model.safetensors").unlink())
card(
    "levels of a card",
    "nested",
    lambda m: (m / "card.json").write_bytes(made_weights.TEXTS["deep"]),
)
card("no folder", "nothing is there", shutil.rmtree)

"""Hostile folders of Hugging Face's form: configurations, processors, shards, code beside them."""

import json
import shutil
import struct
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import made_classifiers
import made_weights
import torch
from safetensors.torch import load_file, save, save_file

from made_hostile_models.case import MODULE, PYTHON, SECRET, Asked, Case

CONFIG, PROCESSOR, WEIGHTS = "config.json", "preprocessor_config.json", "model.safetensors"
SEVERAL = "multi_label_classification"
INDEX = f"{WEIGHTS}.index.json"
CASES: list[Case] = []


@cache
def good(kind: str = "vit") -> Path:
    """Return a folder with a small model of a type, made once."""
    folder = Path(tempfile.mkdtemp()) / kind
    made_classifiers.save(kind, folder)
    return folder


def case(name: str, says: str, kind: str = "vit") -> Callable[..., object]:
    """Add the case that a function makes of a good folder."""

    def add(change: Callable[[Path], Asked | None]) -> object:
        def make(folder: Path) -> Asked:
            model = folder / "photos"
            shutil.copytree(good(kind), model)
            return change(model) or Asked(f"hf/{model}")

        CASES.append(Case(name, "hf", says, make))
        return change

    return add


def changed(file: str, name: str, says: str, kind: str = "vit", **entries: object) -> None:
    """Add the case of a good folder with other entries in one of its files of JSON."""
    case(name, says, kind)(lambda model: change(model / file, **entries))


def change(path: Path, **entries: object) -> None:
    """Put entries into a file of JSON."""
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def text(file: str, name: str, says: str, content: bytes) -> None:
    """Add the case of a good folder with a file of another content."""

    def write(model: Path) -> None:
        (model / file).write_bytes(content)

    case(name, says)(write)


def evil(model: Path) -> None:
    """Lay code beside a model."""
    (model / f"{MODULE}.py").write_text(f"{PYTHON}\nclass Evil: pass\n")


@case("code of an unknown type", "Unknown model_type")
def _(model: Path) -> None:
    evil(model)
    code = {"AutoConfig": f"{MODULE}.Evil", "AutoModelForImageClassification": f"{MODULE}.Evil"}
    change(model / CONFIG, model_type="evil", auto_map=code)


@case("a processor's code", "Code of a repository is never run")
def _(model: Path) -> None:
    evil(model)
    code = {"AutoImageProcessor": f"{MODULE}.Evil", "AutoProcessor": f"{MODULE}.Evil"}
    change(model / PROCESSOR, image_processor_type="Evil", auto_map=code)


for name, says, said in (
    ("a type that is a list", "Unknown model_type", {"model_type": ["vit"]}),
    ("20,000 layers", "more than", {"num_hidden_layers": 20_000}),
    ("a word for a width", "config.json", {"hidden_size": "many"}),
    ("a negative width", "cannot be", {"hidden_size": -16}),
    ("no heads", "cannot be", {"num_attention_heads": 0}),
    ("patches of nothing", "cannot be", {"patch_size": 0}),
    ("a billion layers", "no network has", {"num_hidden_layers": 10**9}),
    ("a giant picture", "no network has", {"image_size": 10**9}),
    ("a giant width", "no network has", {"hidden_size": 2**40}),
    ("a billion classes", "no network has", {"num_labels": 10**9, "id2label": None}),
    ("a word for the classes", "config.json|cannot be", {"num_labels": "x", "id2label": None}),
    ("a number for the names", "config.json", {"id2label": 5}),
    ("names without numbers", "config.json", {"id2label": {"--1": "a", "x": "b"}}),
    ("a function for an activation", "cannot be", {"hidden_act": "os.system"}),
    ("weights of bits", "quantised", {"quantization_config": {"quant_method": "gptq"}}),
    ("a model of texts", "tensors are missing", {"model_type": "bert"}),
    ("channels in words", "channel", {"num_channels": "three"}),
    ("one class", "no classes", {"id2label": {"0": "x"}, "label2id": {"x": 0}}),
    ("several at once", "several classes at once", {"problem_type": SEVERAL}),
    ("four channels", "4 channel", {"num_channels": 4}),
):
    changed(CONFIG, name, says, **said)
changed(CONFIG, "classes of a number", "architectures", "deit", architectures=5)
text(CONFIG, "10,000 levels", "nested", b'{"a":' * 10_000 + b"1" + b"}" * 10_000)
text(CONFIG, "NaN", "NaN", b'{"model_type": "vit", "initializer_range": NaN}')
text(CONFIG, "one name twice", "twice", b'{"model_type": "vit", "model_type": "evil"}')
text(CONFIG, "a list", "must be a JSON object", b"[1, 2]")
text(CONFIG, "no text", "UTF-8", b"\xff\xfe\0\0" * 9)


@case("200 MB of configuration", "config.json")
def _(model: Path) -> None:
    with (model / CONFIG).open("r+b") as file:
        file.truncate(200_000_000)


for file in (CONFIG, PROCESSOR, WEIGHTS):

    @case(f"a link to another's {file}", file)
    def _(model: Path, file: str = file) -> None:
        (model.parent / "hidden").write_text(f"{SECRET}: {SECRET}")
        (model / file).unlink()
        (model / file).symlink_to(model.parent / "hidden")

    @case(f"a device for {file}", file if file != PROCESSOR else "does not say how")
    def _(model: Path, file: str = file) -> None:
        (model / file).unlink()
        (model / file).symlink_to("/dev/zero")


for name, says, said in (
    ("pictures of a million pixels a side", "4096", {"size": {"height": 10**6, "width": 10**6}}),
    ("pictures of negative sides", "cannot be|numbers", {"size": {"height": -4, "width": -4}}),
    ("a size in words", "cannot be", {"size": {"height": "a", "width": "b"}}),
    ("a factor of nothing", "cannot be", {"rescale_factor": 0}),
    ("a factor in words", "cannot be", {"rescale_factor": "x"}),
    ("a mean in words", "cannot be", {"image_mean": ["x", "y", "z"]}),
    ("a deviation of nothing", "cannot be", {"image_std": [0, 0, 0]}),
    ("an infinite deviation", "cannot be", {"image_std": [1e308, 1e308, 1e308]}),
    ("an interpolation of a list", "cannot be", {"resample": [1]}),
):
    changed(PROCESSOR, name, says, **said)
text(PROCESSOR, "a processor of levels", "nested", b"[" * 10_000 + b"]" * 10_000)
text(PROCESSOR, "a processor of a list", "preprocessor_config.json", b"[]")


@case("a crop of almost nothing", "cannot be", "convnext")
def _(model: Path) -> None:
    change(model / PROCESSOR, crop_pct=1e-300)


@case("weights that are pickled", "pickled")
def _(model: Path) -> None:
    (model / WEIGHTS).unlink()
    evil_pickle(model / "pytorch_model.bin")


def evil_pickle(path: Path) -> None:
    """Write a pickle that runs code."""
    path.write_bytes(made_weights.saved(made_weights.Calls(exec, PYTHON)))


@case("weights of a language model alone", "Expected model.safetensors")
def _(model: Path) -> None:
    (model / WEIGHTS).unlink()
    (model / "model.gguf").write_bytes(b"GGUF\3\0\0\0" + bytes(64))
    change(model / CONFIG, gguf_file="model.gguf")


@case("an adapter alone", "Expected model.safetensors")
def _(model: Path) -> None:
    (model / WEIGHTS).rename(model / "adapter_model.safetensors")
    said = {"base_model_name_or_path": "evil/base", "peft_type": "LORA"}
    (model / "adapter_config.json").write_text(json.dumps(said))


def sharded(name: str, says: str, files: list[str], beside: Callable[[Path], None] = evil) -> None:
    """Add the case of an index that names files for all tensors."""

    def write(model: Path) -> None:
        names = load_file(model / WEIGHTS)
        (model / WEIGHTS).rename(model.parent / "outside.safetensors")
        beside(model)
        held = dict(zip(names, files * len(names), strict=False))
        (model / INDEX).write_text(json.dumps({"weight_map": held}))

    case(name, says)(write)


sharded("shards above the folder", "no such file is beside", ["../outside.safetensors"])
sharded("shards anywhere", "no such file is beside", ["/etc/passwd"])
sharded("shards that are missing", "no such file is beside", ["a.safetensors", "b.safetensors"])
sharded("shards that are pickled", "safetensors", ["a.bin"], lambda m: evil_pickle(m / "a.bin"))
sharded("shards of nothing", "names no weights", [])


@case("one tensor in two shards", "twice|both")
def _(model: Path) -> None:
    tensors = load_file(model / WEIGHTS)
    (model / WEIGHTS).unlink()
    save_file(tensors, model / "a.safetensors")
    save_file({"classifier.bias": 1 + tensors["classifier.bias"]}, model / "b.safetensors")
    held = dict.fromkeys(tensors, "a.safetensors") | {"classifier.bias": "b.safetensors"}
    (model / INDEX).write_text(json.dumps({"weight_map": held}))


def header(name: str, says: str, lie: Callable[[dict[str, dict[str, object]]], None]) -> None:
    """Add the case of safetensors whose header says something else."""

    def write(model: Path) -> None:
        data = (model / WEIGHTS).read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        table = json.loads(data[8 : 8 + length])
        lie(table)
        told = json.dumps(table).encode()
        (model / WEIGHTS).write_bytes(struct.pack("<Q", len(told)) + told + data[8 + length :])

    case(name, says)(write)


def _overlap(table: dict[str, dict[str, object]]) -> None:
    table["classifier.bias"]["data_offsets"] = [4, 24]


header("tensors within each other", "no complete safetensors", _overlap)
header("numbers of no kind", "safetensors", lambda t: t["classifier.bias"].update(dtype="F128"))
header("a shape of no number", "safetensors", lambda t: t["classifier.bias"].update(shape=[-5]))


@case("a header of 2^63 bytes", "no complete safetensors")
def _(model: Path) -> None:
    data = (model / WEIGHTS).read_bytes()
    (model / WEIGHTS).write_bytes(struct.pack("<Q", 2**63) + data[8:])


@case("weights cut off", "no complete safetensors")
def _(model: Path) -> None:
    data = (model / WEIGHTS).read_bytes()
    (model / WEIGHTS).write_bytes(data[:-100])


def tensors(name: str, says: str, lie: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Add the case of other tensors."""

    def write(model: Path) -> None:
        held = load_file(model / WEIGHTS)
        lie(held)
        (model / WEIGHTS).write_bytes(save(held))

    case(name, says)(write)


BIAS = "classifier.bias"
tensors("no head", "missing, first classifier.bias", lambda t: t.pop(BIAS))
tensors("more than its own", "not its own, first more", lambda t: t.update(more=torch.zeros(3)))
tensors("a head for others", "another shape", lambda t: t.update({BIAS: torch.zeros(9)}))
tensors("weights of NaN", "NaN", lambda t: t.update({BIAS: t[BIAS] * torch.nan}))
tensors("weights of integers", "int8", lambda t: t.update({BIAS: t[BIAS].to(torch.int8)}))
tensors("weights of truth", "bool", lambda t: t.update({BIAS: t[BIAS] > 0}))
tensors(
    "weights too large",
    "cannot hold|infinity",
    lambda t: t.update({BIAS: t[BIAS].double() + 1e300}),
)

for name, says, said in (
    (
        "a model of timm at an address",
        "Unknown timm model",
        {"architecture": "https://evil.example/a"},
    ),
    ("a model of timm from a hub", "Unknown timm model", {"architecture": "hf-hub:evil/a"}),
    ("a model of timm in a folder", "Unknown timm model", {"architecture": "local-dir:/tmp/a"}),
    ("no name of timm's", "Unknown timm model", {"architecture": ["resnet18"]}),
    ("a checkpoint of timm's", "option", {"model_args": {"checkpoint_path": "/etc/passwd"}}),
    ("a billion classes of timm's", "no network has", {"num_classes": 10**9}),
):
    changed(CONFIG, name, says, "timm_wrapper", **said)

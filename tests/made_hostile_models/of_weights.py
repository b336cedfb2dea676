"""Hostile files of weights for an architecture: pickles of every kind, zips, headers, labels."""

import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import made_weights
import torch
from safetensors.torch import save

from made_hostile_models.case import PYTHON, SHELL, Asked, Case

CASES: list[Case] = []
SOURCES = {"timm": "timm/test_resnet", "torchvision": "torchvision/squeezenet1_1"}


def weights(
    source: str, name: str, says: str, content: bytes | Callable[[], bytes], ending: str = ".pth"
) -> None:
    """Add the case of a file of weights."""

    def make(folder: Path) -> Asked:
        path = folder / f"photos{ending}"
        path.write_bytes(content() if callable(content) else content)
        return Asked(SOURCES[source], path.name, {"weights": path})

    CASES.append(Case(name, source, says, make))


def text(said: str) -> bytes:
    """Return the operation that puts a text onto a pickle's stack."""
    return b"X" + struct.pack("<I", len(said.encode())) + said.encode()


def named(module: str, name: str) -> bytes:
    """Return the operations of a name, called with what follows."""
    return b"\x80\x04c" + f"{module}\n{name}\n".encode()


RUN = text(SHELL)
DUNDER = text("__call__")
SYSTEM, CALL = named("posix", "system"), b"\x85R."
STACKED = b"\x80\x04" + text("posix") + text("system") + b"\x93"
# One pickle for each way in which one can have something called.
PICKLES = {
    "a call": SYSTEM + RUN + CALL,
    "a call by names from the stack": STACKED + RUN + CALL,
    "a call of Python 2": b"ccommands\ngetoutput\n(S'true'\ntR.",
    "an object of old": b"(" + RUN + b"iposix\nsystem\n.",
    "an object by a mark": b"(cposix\nsystem\n" + RUN + b"o.",
    "a new object": SYSTEM + RUN + b"\x85\x81.",
    "a new object with names": SYSTEM + RUN + b"\x85}\x92.",
    "a state": named("builtins", "set")
    + b")R}"
    + text("__setstate__")
    + SYSTEM
    + b"sb"
    + RUN
    + b"b.",
    "a registered number": b"\x80\x02\x82\x01" + RUN + CALL,
    "a persistent name": b"\x80\x02" + RUN + b"Q.",
    "text that is run": named("builtins", "exec") + text(PYTHON) + CALL,
    "an attribute": named("builtins", "getattr")
    + SYSTEM[2:]
    + text("__call__")
    + b"\x86R"
    + RUN
    + CALL,
    "a partial call": named("functools", "partial") + SYSTEM[2:] + RUN + b"\x86R)R.",
    "code of torch": named("torch.hub", "load") + text("evil/one") + text("model") + b"\x86R.",
    "a file of torch": named("torch.serialization", "load") + text("/etc/passwd") + CALL,
    "a library": named("ctypes", "CDLL") + text("libc.so.6") + CALL,
    "a module that is run": named("runpy", "run_path") + text("/tmp/evil") + CALL,
    "a page": named("urllib.request", "urlopen") + text("http://127.0.0.1:9") + CALL,
}
REFUSED = "was refused and not run|holds no weights|cannot be read"
for k, (name, stream) in enumerate(PICKLES.items()):
    source = tuple(SOURCES)[k % 2]
    weights(source, name, REFUSED, stream, ".bin" if k % 3 else ".pt")
    weights(source, f"{name} in a zip", REFUSED, lambda s=stream: made_weights.with_pickle(s))


def odd(name: str, says: str, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Add the case of a state with another tensor, for the wrong architecture at that."""

    def content() -> bytes:
        state = made_weights.good_state()
        change(state)
        return made_weights.saved(state)

    weights("timm", name, says, content)


odd("another's weights", "does not fit", lambda state: None)
odd("sparse weights", "sparse", lambda s: s.update(a=torch.eye(3).to_sparse()))
odd("weights without numbers", "meta device", lambda s: s.update(a=torch.eye(3, device="meta")))
odd("quantised weights", "quantised", lambda s: s.update(a=quantised()))
odd("a trillion numbers", "not fit", lambda s: s.update(a=torch.zeros(1).expand(10**6, 10**6)))


def quantised() -> torch.Tensor:
    """Return a tensor of integers that stand for others."""
    with warnings.catch_warnings(action="ignore"):
        return torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)


def script() -> bytes:
    """Return a TorchScript program."""
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), buffer)
    return buffer.getvalue()


def program() -> bytes:
    """Return a program of torch.export."""
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(torch.nn.Linear(2, 2), (torch.ones(1, 2),)), buffer)
    return buffer.getvalue()


def _twice() -> bytes:
    return next(data for name, data in made_weights.zips() if name.startswith("a name twice"))


def _bomb() -> bytes:
    members = made_weights.members_of(made_weights.saved(made_weights.good_state()))
    name = next(name for name in members if name.endswith("/data/0"))
    return made_weights.zipped(members | {name: bytes(400_000_000)}, zipfile.ZIP_DEFLATED)


weights("torchvision", "a script of torch", "TorchScript", script, ".pt")
weights("torchvision", "a program of torch", "program of torch.export", program, ".pt2")
weights("torchvision", "a member twice", "twice", _twice)
weights("torchvision", "400 MB of zeros", "unpacks to", _bomb)
weights("torchvision", "a whole network", "whole pickled", lambda: made_weights.saved(_whole()))


def _whole() -> torch.nn.Module:
    return torch.nn.Linear(2, 2)


def header(name: str, says: str, length: int | None = None, **entry: object) -> None:
    """Add the case of safetensors with another header."""
    good = save({"a": torch.zeros(4)})
    (own,) = struct.unpack("<Q", good[:8])
    table = json.loads(good[8 : 8 + own])
    table["a"] |= entry
    said = json.dumps(table).encode()
    size = struct.pack("<Q", len(said) if length is None else length)
    weights("torchvision", name, says, size + said + good[8 + own :], ".safetensors")


BROKEN = "no complete safetensors"
header("a header of 2^63 bytes", BROKEN, 2**63)
header("numbers of no kind", BROKEN, dtype="F128")
header("numbers elsewhere", BROKEN, data_offsets=[2**60, 2**60 + 16])
header("fewer numbers", BROKEN, shape=[2**40])


def beside(name: str, says: str, **entries: object) -> None:
    """Add the case of good weights with a config.json beside them that says something odd."""

    def make(folder: Path) -> Asked:
        import timm

        torch.manual_seed(0)
        path = folder / "photos.safetensors"
        path.write_bytes(save(timm.create_model("test_resnet", num_classes=5).state_dict()))
        said = {"architecture": "test_resnet", "num_classes": 5, **entries}
        (folder / "config.json").write_text(json.dumps(said))
        return Asked("timm/test_resnet", path.name, {"weights": path})

    CASES.append(Case(name, "timm", says, make))


beside("a mean in words", "mean must be", pretrained_cfg={"mean": "grey", "std": [1, 1, 1]})
beside("a checkpoint beside", "option", model_args={"checkpoint_path": "/etc/passwd"})
beside("a giant width", "must be a number", model_args={"stem_width": 10**9})
beside("a million pixels", "4096", pretrained_cfg={"input_size": [3, 10**6, 10**6]})
beside("a crop of almost nothing", "4096", pretrained_cfg={"crop_pct": 1e-300})


def labels(name: str, says: str, content: bytes) -> None:
    """Add the case of names of classes for a bundled model of ten."""

    def make(folder: Path) -> Asked:
        path = folder / "names.json"
        path.write_bytes(content)
        return Asked("bundled/vgg_digits", path.name, {"labels": path})

    CASES.append(Case(name, "bundled", says, make))


labels("10 MB of names", "more than the 4 MB", b"x\n" * 5_000_000)
labels("one name ten times", "gives the name", b"x\n" * 10)
labels("one name", "names 1 classes", b'"x"')
labels("10,000 levels of names", "nested|begins like JSON", b"[" * 10_000 + b"]" * 10_000)
labels("a sum without an end", "begins like JSON", b"[" + b"1+" * 200_000 + b"1]")
labels("signs without an end", "begins like JSON", b"[" + b"-" * 200_000 + b"1]")
labels("numbers of names", "not of the indices", b'{"' + b"9" * 5000 + b'": "a"}')
labels("lists of names", "for a name", b"[[1, 2, 3]]")
labels("no text", "no text in UTF-8", b"\xff\xfe\x00" * 20)
labels("code for names", "names 1 classes|begins like", PYTHON.encode())

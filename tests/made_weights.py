"""Malformed cards, pickles, safetensors and zips of weights, made by rule and by a seed.

Each maker yields (name, bytes) of files that differ from a good one in one way. Nothing here knows
how the product checks anything.
"""

import dataclasses
import io
import json
import pickle
import pickletools
import random
import struct
import types
import zipfile
from collections.abc import Iterator
from typing import Literal, Union, get_args, get_origin, get_type_hints

import torch
from safetensors.torch import save

from usable_core.inputs.preprocessing import Preprocessing
from usable_core.models.architectures import small_resnet
from usable_core.models.cards import Card, TokensFacts
from usable_core.records import to_json

Case = tuple[str, bytes]
LABELS = tuple("abcdefghij")
# One value of every type and size that JSON has.
VALUES = (
    *(None, True, 0, 5, -1, 10**30, 2.5, 1e300, "", "x", "x" * 100_000, "two\nlines"),
    *([], [1], [0.5] * 3, [-1, -1], [10**9, 10**9], ["x"], [["x"]], [None] * 3),
    *({}, {"a": 1}, {"a": {"b": []}}),
)
# JSON that a card's text may hold, or be.
TEXTS = {
    "empty": b"",
    "cut off": b'{"architecture": "small',
    "array": b"[]",
    "number": b"5",
    "null": b"null",
    "deep": b"[" * 100_000,
    "deep and whole": b'{"measured": ' + b"[" * 3000 + b"]" * 3000 + b"}",
    "deep objects": b'{"a":' * 100_000,
    "not UTF-8": b'{"title": "\xff\xfe"}',
    "UTF-16": '{"title": "x"}'.encode("utf-16"),
    "NaN": b'{"seed": NaN}',
    "Infinity": b'{"seed": -Infinity}',
    "long number": b'{"seed": ' + b"9" * 6000 + b"}",
    "100 MB": b'{"title": "' + b"x" * 100_000_000 + b'"}',
    "NULs": bytes(1000),
}


def good_state() -> dict[str, torch.Tensor]:
    """Return the weights of a small network, the same in every process."""
    torch.manual_seed(0)
    return {k: v.contiguous() for k, v in small_resnet(len(LABELS)).state_dict().items()}


def good_card() -> dict[str, object]:
    """Return a card that those weights load with, with an entry of each kind that cards have."""
    card = Card("small_resnet", LABELS, Preprocessing(32, (32, 32)), title="Good", seed=3)
    calibration = {"temperature": 1.1, "energy_threshold": 2.0, "n": 50, "data": "some"}
    calibration |= {"dataset_fingerprint": "a", "model_fingerprint": "b"}
    calibration |= {"nll": 1.0, "nll_calibrated": 0.9, "warnings": []}
    dataset = {"reference": "x", "split": "all", "limit": None, "seed": 0}
    return {**to_json(card), "calibration": calibration, "config": {"dataset": dataset}}


def cards() -> Iterator[tuple[str, bytes, bool]]:
    """Yield cards with one entry of another value; True where its type is not the entry's."""
    for place, hint in _places(Card):
        for k, value in enumerate(VALUES):
            card = json.loads(json.dumps(good_card()))
            if place[0] == "tokens" and len(place) > 1:  # of a model of texts
                card |= {"preprocessing": None, "tokens": to_json(TokensFacts("0" * 64, 8, 9, 7))}
            inner = card
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = value
            name = f"{'.'.join(place)} = value {k}"
            yield name, json.dumps(card).encode(), not _fits(hint, value)
    for place, _ in _places(Card):
        card = json.loads(json.dumps(good_card()))
        text = json.dumps(card)
        yield f"{place[0]} twice", f'{text[:-1]}, "{place[0]}": null}}'.encode(), True


def _places(kind: type, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield every field of a record and of those within it, with its annotation."""
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        yield (*above, field.name), hint
        inner = [k for k in (hint, *get_args(hint)) if dataclasses.is_dataclass(k)]
        for record in inner:
            yield from _places(record, (*above, field.name))


def _fits(hint: object, value: object) -> bool:
    """Tell whether a value of JSON is of an annotated type; records are asked for no more."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(part, value) for part in inner)
    if origin is Literal:
        return any(value == one and type(value) is type(one) for one in inner)
    if origin is tuple:
        kinds = inner[:1] * len(value) if inner[-1] is ... and isinstance(value, list) else inner
        return (
            isinstance(value, list) and len(kinds) == len(value) and all(map(_fits, kinds, value))
        )
    if origin is dict:
        return isinstance(value, dict) and all(_fits(inner[1], v) for v in value.values())
    if dataclasses.is_dataclass(hint):
        return isinstance(value, dict)
    if hint is float:  # a NaN is stored as null
        return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    return hint not in (str, int, bool, type(None)) or type(value) is hint


def saved(value: object, **options: object) -> bytes:
    """Return what torch.save writes."""
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def members_of(data: bytes) -> dict[str, bytes]:
    """Return the files of a zip."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    return {name: archive.read(name) for name in archive.namelist()}


def with_pickle(data: bytes) -> bytes:
    """Return a good checkpoint with other operations in the place of its own."""
    members = members_of(saved(good_state()))
    return zipped({n: data if n.endswith("data.pkl") else d for n, d in members.items()})


class Calls:
    """Unpickles to the call of a function."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


def operations(count: int, seed: int) -> Iterator[Case]:
    """Yield checkpoints whose pickle has an operation dropped, doubled, moved or changed."""
    good = next(d for n, d in members_of(saved(good_state())).items() if n.endswith("data.pkl"))
    starts = [at for _, _, at in pickletools.genops(good)]
    parts = [good[a:b] for a, b in zip(starts, [*starts[1:], len(good)], strict=True)]
    draw = random.Random(seed)
    for k in range(count):
        own, at = list(parts), draw.randrange(len(parts))
        how = draw.choice(("drop", "double", "swap", "insert", "number", "global", "cut", "byte"))
        if how == "drop":
            del own[at]
        elif how == "double":
            own.insert(at, own[at])
        elif how == "swap":
            other = draw.randrange(len(parts))
            own[at], own[other] = own[other], own[at]
        elif how == "insert":
            own.insert(at, bytes([draw.randrange(256)]) + draw.randbytes(draw.choice((0, 1, 4, 8))))
        elif how == "number":
            numbers = [i for i, part in enumerate(own) if part[:1] in b"KMJ"]
            value = draw.choice((-1, 0, 2**31 - 1, -(2**31), 10**6))
            own[draw.choice(numbers)] = b"J" + struct.pack("<i", value)
        elif how == "global":
            globals_ = [i for i, part in enumerate(own) if part[:1] == b"c"]
            own[draw.choice(globals_)] = draw.choice(GLOBALS)
        elif how == "cut":
            own = own[:at]
        else:
            flat = bytearray(b"".join(own))
            flat[draw.randrange(len(flat))] = draw.randrange(256)
            own = [bytes(flat)]
        yield f"{how} {k}", with_pickle(b"".join(own))


GLOBALS = tuple(
    f"c{module}\n{name}\n".encode()
    for module, name in (
        *(("builtins", "bytearray"), ("builtins", "set"), ("builtins", "eval"), ("os", "system")),
        *(("torch", "FloatTensor"), ("torch", "Tensor"), ("torch", "Size"), ("torch", "device")),
        *(("torch._utils", "_rebuild_qtensor"), ("torch._utils", "_rebuild_sparse_tensor")),
        *(("torch._utils", "_rebuild_nested_tensor"), ("torch._utils", "_rebuild_tensor")),
        *(("torch._utils", "_rebuild_tensor_v3"), ("torch", "DoubleStorage"), ("torch", "float64")),
        *(("torch._utils", "_rebuild_meta_tensor_no_storage"), ("_codecs", "encode")),
        *(("torch.nn.parameter", "Parameter"), ("collections", "Counter"), ("nobody", "knows")),
    )
)


def hostile_pickles() -> Iterator[Case]:
    """Yield pickles that ask for memory, for time or for the machine, each as a checkpoint."""
    state = good_state()
    first = next(name for name, tensor in state.items() if tensor.ndim > 1)
    one = state[first]
    stream = _hostile_streams()
    for name, data in stream.items():
        yield f"{name} in a zip", with_pickle(data)
        yield f"{name} as torch's older form", _legacy(data)
    odd = {
        "sparse": one.to_sparse(),
        "sparse rows": one.reshape(one.shape[0], -1).to_sparse_csr(),
        "meta": one.to("meta"),
        "complex": one.to(torch.complex64),
        "bool": one > 0,
        "int8": one.to(torch.int8),
        "float8": one.to(torch.float8_e4m3fn),
        "float8 of two": one.to(torch.float8_e5m2),
        "NaN": one * torch.nan,
        "infinity": one * torch.inf,
        "too large for float32": one.double() + 1e300,
        "expanded": torch.zeros(1).expand(10**6, 10**6),
        "expanded to its shape": torch.zeros(1).expand(one.shape),
        "no tensor": [one.tolist()],
        "empty": torch.zeros(0),
        "scalar": torch.tensor(1.0),
        "64 dimensions": torch.zeros((1,) * 64),
        "nested": torch.nested.nested_tensor([one[0], one[0]]),
    }
    for name, tensor in odd.items():
        yield f"tensor: {name}", saved({**state, first: tensor})
        yield f"left out: {name}", saved({**state, "criterion.weight": tensor})
    loop: dict[str, object] = {}
    loop["state_dict"], loop["model"] = loop, {"module": loop, **state}
    laughs: object = dict(state)
    for _ in range(11):
        laughs = dict.fromkeys("abcdefgh", laughs)
    deep: object = state
    for _ in range(300):
        deep = {"state_dict": deep}
    yield from (("loop", saved(loop)), ("laughs", saved(laughs)), ("deep", saved(deep)))
    yield "long names", saved({"x\n" * 50_000 + name: tensor for name, tensor in state.items()})
    yield "one long name", saved({**state, "y" * 10**6: one})
    yield "long architecture", saved({"state_dict": {"a": one}, "arch": "z" * 10**6})
    arguments = {"crop_pct": one, "mean": [one], "std": loop, "interpolation": 5, "img_size": one}
    yield "odd arguments", saved({"state_dict": state, "args": arguments})


def _hostile_streams() -> dict[str, bytes]:
    named = {name: b"\x80\x02" + name for name in GLOBALS}

    def call(function: bytes, arguments: bytes) -> bytes:
        return named[function] + arguments + b"R."

    def number(value: int) -> bytes:
        return pickle.dumps(value, 2)[2:-1]

    fill, tensor, codec = GLOBALS[0], GLOBALS[4], GLOBALS[16]
    ten = b"X\x02\0\0\0" + b"ab"
    punycode = ten + b"X\x08\0\0\0punycode\x86"
    return {
        "10 GB of bytes": call(fill, number(10**10) + b"\x85"),
        "10 GB in a tensor": call(tensor, number(50_000) * 2 + b"\x86"),
        "10 GB in a new tensor": named[tensor] + number(50_000) * 2 + b"\x86\x81.",
        "another encoding": call(codec, punycode),
        "os.system": call(GLOBALS[3], b"X\x04\0\0\0true\x85"),
        "eval": call(GLOBALS[2], b"X\x01\0\0\x001\x85"),
        "marks": b"\x80\x02" + b"(" * 300_000 + b".",
        "nested tuples": b"\x80\x02)" + b"\x85" * 300_000 + b".",
        "nested tuples as a key": b"\x80\x02})" + b"\x85" * 300_000 + b"Ns.",
        "long line": b"\x80\x02c" + b"a" * 10**6 + b"\nb\n.",
        "line without end": b"\x80\x02c" + b"a" * 10**6,
        "many operations": b"\x80\x02" + b"N0" * 5_000_000 + b"N.",
        "memo of nothing": b"\x80\x02h\x05.",
        "memo far away": b"\x80\x02Nr\xff\xff\xff\xff.",
        "long text": b"\x80\x02X" + struct.pack("<I", 2**32 - 1) + b"abc.",
        "long number": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b".",
        "negative length": b"\x80\x02\x8b" + struct.pack("<i", -5) + b".",
        "frame": b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"N.",
        "text of 2^60": b"\x80\x04\x8d" + struct.pack("<Q", 2**60) + b".",
        "bytes of 2^60": b"\x80\x05\x96" + struct.pack("<Q", 2**60) + b".",
        "unknown protocol": b"\x80\x09N.",
        "decimal": b"I" + b"9" * 100_000 + b"\n.",
        "nothing": b"",
        "stop": b".",
        "pop": b"\x80\x020.",
    }


def _legacy(stream: bytes) -> bytes:
    heads = (torch.serialization.MAGIC_NUMBER, torch.serialization.PROTOCOL_VERSION, {})
    return b"".join(pickle.dumps(head, 2) for head in heads) + stream + pickle.dumps([], 2)


def cut_and_flipped(data: bytes, count: int, seed: int) -> Iterator[Case]:
    """Yield a file cut off, with bits turned over, with parts doubled, zeroed or overwritten."""
    draw = random.Random(seed)
    for k in range(count):
        own, at = bytearray(data), draw.randrange(len(data))
        within = draw.choice((min(3000, len(data)), len(data)))
        how = draw.choice(("cut", "bits", "zeros", "doubled", "head", "grown"))
        if how == "cut":
            own = own[:at]
        elif how in ("bits", "head"):
            for _ in range(draw.choice((1, 8, 100))):
                place = draw.randrange(within if how == "bits" else 64)
                own[place] ^= 1 << draw.randrange(8)
        elif how == "zeros":
            own[at : at + 64] = bytes(64)
        elif how == "doubled":
            own = own[:at] + own[at : at + 500] + own[at:]
        else:
            own += draw.randbytes(300)
        yield f"{how} {k}", bytes(own)


def headers(seed: int) -> Iterator[Case]:
    """Yield safetensors whose header says something else of one tensor, or of all."""
    good = save(good_state())
    (length,) = struct.unpack("<Q", good[:8])
    table, body, draw = json.loads(good[8 : 8 + length]), good[8 + length :], random.Random(seed)

    def written(said: object) -> bytes:
        text = said if isinstance(said, bytes) else json.dumps(said).encode()
        return struct.pack("<Q", len(text)) + text + body

    fields = {
        "dtype": ["F64", "F16", "BF16", "I8", "I64", "BOOL", "F8_E4M3", "C64", "F128", 5, None],
        "shape": [[], [0], [-1], [1.5], [2**62, 4], [10**30], ["x"], None, [1] * 100],
        "data_offsets": [[0, 0], [8, 4], [-8, 8], [0, 10**15], [2**63, 2**63], [0], "x", None],
    }
    for field, values in fields.items():
        for value in values:
            name = draw.choice(sorted(table))
            yield f"{field} {value}"[:60], written({**table, name: {**table[name], field: value}})
            everywhere = {n: {**entry, field: value} for n, entry in table.items()}
            yield f"every {field} {value}"[:60], written(everywhere)
    name = draw.choice(sorted(table))
    twice = json.dumps(table)[:-1] + f", {json.dumps(name)}: {json.dumps(table[name])}}}"
    yield "twice", written(twice.encode())
    yield "lacks one", written({n: entry for n, entry in table.items() if n != name})
    yield "deep", written(b"[" * 100_000)
    yield "array", written([1])
    yield "notes of numbers", written({**table, "__metadata__": {"a": 1}})
    yield "long name", written({**table, "z\n" * 100_000: table[name]})
    for size in (0, 1, 10**8, 2**40, 2**63, 2**64 - 1):
        yield f"length {size}", struct.pack("<Q", size) + good[8:]


def zips() -> Iterator[Case]:
    """Yield zips that are read in two ways, or grow."""
    good = saved(good_state())
    members = members_of(good)
    root = next(iter(members)).partition("/")[0]
    twice = io.BytesIO(good)
    with zipfile.ZipFile(twice, "a") as archive:
        archive.writestr(f"{root}/DATA.PKL", pickle.dumps(Calls(print, 1), 2))
    yield "a name twice but for its case", twice.getvalue()
    moved = {
        n.replace(f"{root}/", "other/", 1) if "data/1" in n else n: d for n, d in members.items()
    }
    yield "two roots", zipped(moved)
    yield "no root", zipped({n.partition("/")[2]: d for n, d in members.items()})
    yield "two in front", good[:100] + good
    yield "two behind", good + good
    yield "compressed", zipped(members, zipfile.ZIP_DEFLATED)
    bomb = {**members, f"{root}/data/0": bytes(400_000_000)}
    yield "400 MB of zeros", zipped(bomb, zipfile.ZIP_DEFLATED)
    large = {n: bytes(300_000_000) if n.endswith("data.pkl") else d for n, d in members.items()}
    yield "300 MB of pickle", zipped(large, zipfile.ZIP_DEFLATED)
    short = {n: d[:1] if "/data/" in n else d for n, d in members.items()}
    yield "storages cut off", zipped(short)
    yield "no storages", zipped({n: d for n, d in members.items() if "/data/" not in n})
    for name, data in (
        ("byteorder", b"middle"),
        (".storage_alignment", b"x"),
        ("version", b"9" * 40),
    ):
        yield f"odd {name}", zipped({**members, f"{root}/{name}": data})
    yield "big-endian", zipped({**members, f"{root}/byteorder": b"big"})

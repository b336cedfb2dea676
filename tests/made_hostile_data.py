"""Data sets that nobody would make: folders, zips, Parquet files and tables, each case by name.

A case is a function of a new folder that returns the path to be read.
"""

import io
import json
import os
import random
import socket
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from made_hostile import damaged
from made_pictures import png

Case = Callable[[Path], Path]
CLASSES = ("airplane", "bird")
LONG = "x" * 5000
# Names that mean something to a screen, a shell, a spreadsheet, a page or a file system.
NAMES = (
    *("new\nline", "\x1b[31mred\x07", "\u202egnp.exe", "=1+1", "+cmd|' /C calc'!A0", "@sum", "-1"),
    *(
        "<img src=x onerror=alert(1)>",
        "**[x](javascript:a)**",
        "$x$",
        "a|b",
        "`x`",
        "{0}%s",
        "100%",
    ),
    *("CON", "nul.txt", 'it\'s "q"', "  spaces  ", "鳥", "🐦", "e\u0301", "\u00e9", "class=bird"),
    *("train", "c" * 240, "\t", "~", "#", "?", "*", ";", "&", "a,b", "null", "NaN", "true"),
)


def pictures(each: int = 4) -> dict[str, bytes]:
    """Return a good tree of two classes: path to bytes."""
    return {
        f"{name}/{k}.png": png(10 * label + k, size=(12, 12))
        for label, name in enumerate(CLASSES)
        for k in range(each)
    }


def tree(folder: Path, more: dict[str | bytes, bytes] | Callable[[Path], object] = {}) -> Path:  # noqa: B006
    """Write a good tree and something more into a folder, and return it."""
    files = more if isinstance(more, dict) else {}
    for name, data in {**pictures(), **files}.items():
        path = folder / (os.fsdecode(name) if isinstance(name, bytes) else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    if callable(more):
        more(folder)
    return folder


def folders() -> dict[str, Case]:
    """Return folders with odd things and odd names in them."""

    def link(target: str, name: str = "bird/link.png") -> Case:
        return partial(tree, more=lambda top: (top / name).symlink_to(target))

    def bound(top: Path) -> None:
        here = Path.cwd()
        os.chdir(top)  # a socket's address is short
        socket.socket(socket.AF_UNIX).bind("bird.png")
        os.chdir(here)

    def deep(top: Path, steps: int = 300) -> None:
        here = os.open(top / "bird", os.O_RDONLY)
        for _ in range(steps):
            os.mkdir("dd", dir_fd=here)
            below = os.open("dd", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)

    def woven(top: Path) -> None:
        for one in range(8):
            (top / f"w{one}").mkdir()
            for other in range(8):
                (top / f"w{one}" / f"l{other}").symlink_to(top / f"w{other}")

    png_of = png(99, size=(12, 12))
    found: dict[str, Case] = {
        "as it should be": tree,
        "pipe": partial(tree, more=lambda top: os.mkfifo(top / "bird/pipe.png")),
        "pipe at the top": partial(tree, more=lambda top: os.mkfifo(top / "labels.csv")),
        "socket": partial(tree, more=bound),
        "folder like a picture": partial(tree, more=lambda top: (top / "bird/x.png").mkdir()),
        "folder like a table": partial(tree, more=lambda top: (top / "labels.csv").mkdir()),
        "link to a device": link("/dev/zero"),
        "link to the terminal": link("/dev/tty"),
        "link to memory": link("/proc/self/mem"),
        "link to the kernel's log": link("/proc/kmsg"),
        "link to nothing": link("/nowhere/at/all"),
        "link to itself": link("link.png"),
        "link upwards": link("..", "bird/up"),
        "link to the processes": link("/proc", "bird/proc"),
        "link to devices": link("/sys", "sys"),
        "link to a long name": link("n" * 255),
        "links that lead everywhere": partial(tree, more=woven),
        "very deep": partial(tree, more=deep),
        "large": partial(tree, more={"bird/big.png": bytes(60_000_000)}),
        "many that are none": partial(tree, more={f"bird/{k}.png": b"none" for k in range(3000)}),
        "many empty": partial(tree, more={f"bird/{k}.png": b"" for k in range(3000)}),
        "not UTF-8": partial(tree, more={b"v\xf6gel/\xff\xfe.png": png_of}),
        "two spellings of a name": partial(
            tree, more={"vögel/0.png": png_of, "vögel/0.png".encode("latin-1"): png_of}
        ),
        "empty": lambda folder: folder,
        "the system": lambda _: Path("/"),
        "the processes": lambda _: Path("/proc"),
        "a pipe as a zip": lambda folder: os.mkfifo(folder / "p.zip") or folder / "p.zip",
        "a pipe as Parquet": lambda f: os.mkfifo(f / "p.parquet") or f / "p.parquet",
        "a device": lambda _: Path("/dev/zero"),
        "a device as a zip": lambda f: (f / "z.zip").symlink_to("/dev/zero") or f / "z.zip",
        "a folder as a zip": lambda f: (f / "z.zip").mkdir() or f / "z.zip",
        "a long name": lambda _: Path("/" + LONG),
        "nobody's home": lambda _: Path("~nobody-of-this-name/data"),
        "a NUL": lambda _: Path("a\0b/c.zip"),
        "a surrogate": lambda _: Path("\udcff\ud800.zip"),
    }
    for name in NAMES:
        found[f"class {name!r}"] = partial(tree, more={f"{name}/0.png": png_of})
        found[f"picture {name!r}"] = partial(tree, more={f"bird/{name}.png": png_of})
    return found


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def member(name: str, data: bytes = b"", mode: int = 0) -> bytes:
    """Return a good zip with one more member."""
    buffer = io.BytesIO(zipped(pictures()))
    with zipfile.ZipFile(buffer, "a") as archive:
        info = zipfile.ZipInfo(name or "placeholder")
        info.filename, info.external_attr = name, mode << 16
        archive.writestr(info, data or png(98, size=(12, 12)))
    return buffer.getvalue()


def twice(name: str) -> bytes:
    """Return a good zip with two files of one name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return member(name)


def overlapping(count: int, size: int) -> bytes:
    """Return a zip whose members all share one body."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(bytes(size)) + packer.flush()
    sizes = struct.pack("<III", zlib.crc32(bytes(size)), len(body), size)
    start = b"PK\3\4" + struct.pack("<HHHHH", 20, 0, 8, 0, 33) + sizes + struct.pack("<HH", 1, 0)
    parts = []
    for number in range(count):
        name = f"{CLASSES[number % 2]}/{number}.png".encode()
        parts.append(b"PK\1\2" + struct.pack("<HHHHHH", 20, 20, 0, 8, 0, 33) + sizes)
        parts.append(struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, 0) + name)
    entries = b"".join(parts)
    local = start + b"x" + body
    count = min(count, 65535)
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(entries), len(local), 0)
    return local + entries + b"PK\5\6" + end


def with_fields(place: int, form: str, value: int) -> bytes:
    """Return a good zip with a number written over in each entry of its list."""
    data = bytearray(zipped(pictures()))
    at = data.find(b"PK\1\2")
    while at >= 0:
        struct.pack_into(form, data, at + place, value)
        at = data.find(b"PK\1\2", at + 4)
    return bytes(data)


def zips(seed: str = "", count: int = 60) -> dict[str, Case]:
    """Return zips: damaged by rule, and hand-made."""
    good = zipped(pictures())
    some = png(97, size=(12, 12))
    bomb = b"\0" * 80_000_000
    files: dict[str, bytes | Callable[[], bytes]] = {
        "empty": b"",
        "no members": zipped({}),
        "only an end": b"PK\5\6" + bytes(18),
        "before the start": good[100:],
        "in a picture": some + good,
        "with a comment": good[:-2] + struct.pack("<H", 5) + b"hello",
        "upwards": member("../../x.png"),
        "upwards from within": member("bird/../../../x.png"),
        "absolute": member("/tmp/x.png"),
        "a drive": member("C:\\x.png"),
        "upwards by Windows": member("..\\..\\x.png"),
        "a share": member("\\\\host\\share\\x.png"),
        "no name": member(""),
        "a dot": member("."),
        "a slash": member("bird//"),
        "like a class": member("bird"),
        "a long name": member("bird/" + "x" * 60_000 + ".png"),
        "a link": member("bird/l.png", b"/etc/passwd", stat.S_IFLNK | 0o777),
        "a link to a folder": member("cat", b"/etc", stat.S_IFLNK | 0o777),
        "a pipe": member("bird/p.png", b"x", stat.S_IFIFO),
        "a device": member("bird/d.png", b"x", stat.S_IFCHR),
        "very deep": lambda: member("d/" * 3000 + "0.png"),
        "twice": twice("bird/0.png"),
        "name not UTF-8": member("bird/ö.png").replace("ö".encode(), b"\xff\xfe"),
        "NUL in a name": member("bird/aZb.png").replace(b"aZb", b"a\0b"),
        "encrypted": with_fields(8, "<H", 1),
        "strongly encrypted": with_fields(8, "<H", 65),
        "patched": with_fields(8, "<H", 0x20),
        "of version 99": with_fields(6, "<H", 990),
        "claims to be short": with_fields(24, "<I", 10),
        "claims to be long": with_fields(24, "<I", 2**31),
        "lies elsewhere": with_fields(42, "<I", 2**31),
        "of the future": with_fields(14, "<I", 2**32 - 1),
        "wrong sums": with_fields(16, "<I", 1),
        "says 64 bits": with_fields(20, "<I", 2**32 - 1),
        "bomb": lambda: zipped({**pictures(), "bird/b.png": bomb * 4}),
        "small bomb": lambda: zipped({**pictures(), "bird/b.png": bomb[: 60 * 2**20]}),
        "zips in zips": lambda: zipped(
            {**pictures(), "bird/i.zip": zipped({"x": zipped({"y": bomb})})}
        ),
        "overlapping": lambda: overlapping(140, 50_000_000),
        "overlapping in numbers": lambda: overlapping(20_000, 100),
        "very many": lambda: overlapping(900_000, 10),
        "many empty": lambda: zipped(
            {**pictures(), **{f"bird/e{k}.png": b"" for k in range(20_000)}}, zipfile.ZIP_STORED
        ),
        "many classes": lambda: zipped(
            {f"c{k}/0.png": some for k in range(2000)}, zipfile.ZIP_STORED
        ),
        "bzip2": zipped(pictures(), zipfile.ZIP_BZIP2),
        "lzma": zipped(pictures(), zipfile.ZIP_LZMA),
        "damaged lzma": zipped(pictures(), zipfile.ZIP_LZMA).replace(b"]\0\0", b"]\xff\xff"),
        "damaged bzip2": zipped(pictures(), zipfile.ZIP_BZIP2).replace(b"1AY&SY", b"1AY&SX"),
        "pipe in Parquet's place": zipped({"data/train.parquet": b"PAR1" + bytes(40) + b"PAR1"}),
    }
    files |= {f"method {method}": with_fields(10, "<H", method) for method in (1, 6, 9, 93, 98, 99)}
    files |= {f"named {name!r}": member(f"{name}/0.png") for name in NAMES}
    files |= dict(damaged(good, f"zip {seed}", count))
    tail = good.find(b"PK\1\2")
    files |= {
        f"list {what}": good[:tail] + made for what, made in damaged(good[tail:], seed, count)
    }
    return {name: partial(_file, name="data.zip", data=data) for name, data in files.items()}


def _file(folder: Path, name: str, data: bytes | Callable[[], bytes]) -> Path:
    (folder / name).write_bytes(data() if callable(data) else data)
    return folder / name


def parquet(metadata: dict[bytes, bytes] | None = None, **columns: object) -> bytes:
    """Return a Parquet file."""
    buffer = io.BytesIO()
    table = pa.table(columns)
    pq.write_table(table.replace_schema_metadata(metadata), buffer, compression="zstd")
    return buffer.getvalue()


def named(names: object) -> dict[bytes, bytes]:
    """Return Hugging Face's metadata of the names of classes."""
    said = {"info": {"features": {"label": {"names": names}}}}
    return {b"huggingface": json.dumps(said).encode()}


def columns() -> dict[str, dict[str, object]]:
    """Return arrays of every kind that may stand for labels, names or pictures, by kind."""
    six = [0, 1] * 3
    texts = [name for _ in range(3) for name in CLASSES]
    return {
        "whole numbers": pa.array(six),
        "8 bits": pa.array(six, pa.uint8()),
        "all bits": pa.array([2**64 - 1, 1] * 3, pa.uint64()),
        "63 bits": pa.array([2**62, -(2**62)] * 3),
        "negatives": pa.array([-1, -2] * 3),
        "floats": pa.array([0.0, 1.0] * 3),
        "fractions": pa.array([0.5, 1.0] * 3),
        "not numbers": pa.array([float("nan"), float("inf")] * 3),
        "truth": pa.array([True, False] * 3),
        "texts": pa.array(texts),
        "large texts": pa.array(texts, pa.large_string()),
        "categories": pa.array(texts).dictionary_encode(),
        "some texts": pa.array(["bird", None, "airplane"] * 2),
        "odd texts": pa.array([*NAMES[:3], "", " ", LONG]),
        "no texts": pa.Array.from_buffers(
            pa.string(), 6, pa.array([b"\xff", b"\xfe"] * 3, pa.binary()).buffers()
        ),
        "bytes": pa.array([b"a", b"\xff"] * 3),
        "fixed bytes": pa.array([b"abcd"] * 6, pa.binary(4)),
        "lists": pa.array([[0], [1]] * 3),
        "lists of texts": pa.array([["a", "b"], []] * 3),
        "structs": pa.array([{"a": 1}] * 6),
        "structs of bytes": pa.array([{"bytes": b"x", "path": "../../etc/passwd"}] * 6),
        "structs of texts": pa.array([{"bytes": "x", "path": "/etc/passwd"}] * 6),
        "structs of numbers": pa.array([{"bytes": 1, "path": 2}] * 6),
        "maps": pa.array([[("a", 1)]] * 6, pa.map_(pa.string(), pa.int64())),
        "times": pa.array(six, pa.timestamp("s")),
        "decimals": pa.array(six).cast(pa.decimal128(20)),
        "nulls": pa.nulls(6),
        "null numbers": pa.array([None] * 6, pa.int64()),
        "null texts": pa.array([None] * 6, pa.string()),
        "null structs": pa.array([None] * 6, pa.struct([("bytes", pa.binary())])),
    }


def parquets(seed: str = "", count: int = 60) -> dict[str, Case]:
    """Return Parquet files: every kind of column in every place, odd metadata, damaged ones."""
    pictures_ = [png(k, size=(12, 12)) for k in range(6)]
    image = pa.array([{"bytes": data, "path": "x"} for data in pictures_])
    label = pa.array([0, 1] * 3)
    good = parquet(image=image, label=label)
    files: dict[str, bytes | Callable[[], bytes]] = {}
    for kind, values in columns().items():
        files[f"labels: {kind}"] = parquet(image=image, label=values)
        files[f"names: {kind}"] = parquet(image=image, label=label, label_name=values)
        files[f"pictures: {kind}"] = parquet(image=values, label=label)
    told = (["a"], ["a", "a"], [1, 2], [None, "a"], [{}, []], "ab", 5, {"a": 1}, [LONG] * 2)
    files |= {f"named {str(n)[:30]}": parquet(named(n), image=image, label=label) for n in told}
    junk = (b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"info": {"features": [1]}}', b"1" * 5000)
    for number, metadata in enumerate(junk):
        found = {b"huggingface": metadata}
        files[f"metadata {number}"] = parquet(found, image=image, label=label)
    twice = pa.table([image, label, label], ["image", "label", "label"])
    buffer = io.BytesIO()
    pq.write_table(twice, buffer)
    footer = struct.unpack("<I", good[-8:-4])[0]
    flat = pa.array([bytes(1_000_000)])
    half = pa.array([0, 1] * 1000)
    files |= {
        "good": good,
        "empty": b"",
        "magic": b"PAR1PAR1",
        "encrypted": good[:-4] + b"PARE",
        "a long footer": good[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1",
        "column twice": buffer.getvalue(),
        "no rows": parquet(image=image[:0], label=label[:0]),
        "no columns": parquet(),
        "one column": parquet(image=image),
        "very many columns": lambda: parquet(
            image=image, label=label, **{f"c{k}": label for k in range(20_000)}
        ),
        "columns without names": lambda: parquet(**{LONG + str(k): label for k in range(300)}),
        "a bomb of one value": lambda: parquet(image=flat.take(pa.array([0] * 2000)), label=half),
        "a bomb of a category": lambda: parquet(
            image=pa.DictionaryArray.from_arrays(pa.array([0] * 2000), flat), label=half
        ),
        "a bomb of pictures": lambda: parquet(
            image=pa.array([pictures_[0] + bytes(8_000_000)]).take(pa.array([0] * 200)),
            label=half[:200],
        ),
        "a large comment": lambda: parquet({b"x": b"a" * 20_000_000}, image=image, label=label),
    }
    files |= dict(damaged(good, f"parquet {seed}", count))
    start = len(good) - 8 - footer
    files |= {
        f"footer {what}": good[:start] + made + good[-8:]
        for what, made in damaged(good[start:-8], seed, count)
        if "cut" not in what and "double" not in what
    }
    return {name: partial(_file, name="data.parquet", data=data) for name, data in files.items()}


def tables(seed: str = "", count: int = 30) -> dict[str, Case]:
    """Return folders of pictures with odd tables of labels beside them."""
    names = [f"{name}/{k}.png" for name in CLASSES for k in range(4)]
    rows = [(f"p/{name}", name.split("/")[0]) for name in names]
    good = "file_name,label\n" + "".join(f"{file},{label}\n" for file, label in rows)
    head = "file_name,label\n"
    objects = [{"file_name": file, "label": label} for file, label in rows]
    labels = (
        *(None, 1.5, True, "", [1, 2], [], {}, {"a": 1}, 10**400, -(10**30), float("nan"), LONG),
        *(*NAMES[:9], "\ud800", 2**63, -1),
    )
    files: dict[str, bytes | Callable[[], bytes]] = {
        "good.csv": good.encode(),
        "empty.csv": b"",
        "one line.csv": b"file_name,label",
        "utf16.csv": good.encode("utf-16"),
        "utf16 cut.csv": good.encode("utf-16")[:-1],
        "utf32.csv": good.encode("utf-32"),
        "cp1252 without.csv": good.encode() + b"p/bird/0.png,\x81\x8d\n",
        "latin.csv": good.encode() + "p/bird/9.png,vögel\n".encode("latin-1"),
        "nul.csv": good.replace("bird", "bi\0rd").encode(),
        "quote.csv": (head + '"p/bird/0.png,bird\n' + good).encode(),
        "field.csv": lambda: (head + '"' + "x" * 200_000 + '",bird\n').encode(),
        "wide.csv": lambda: (",".join(["a"] * 1_000_000) + "\n" + "1\n" * 100_000).encode(),
        "short rows.csv": lambda: (",".join(["label"] * 3000) + "\n" + "a\n" * 10**6).encode(),
        "rows.csv": lambda: (head + "p/bird/0.png,bird\n" * 20_000).encode(),
        "large.csv": lambda: b"file_name,label\n" + b"x" * (51 * 2**20),
        "ragged.csv": (good + "p/bird/0.png\np/bird/1.png,bird,more,and more\n").encode(),
        "separated.csv": good.replace(",", ";").encode(),
        "tabs.tsv": good.replace(",", "\t").encode(),
        "pipes.csv": good.replace(",", "|").encode(),
        "upwards.csv": (good + "../../etc/passwd,bird\n/etc/passwd,bird\n").encode(),
        "elsewhere.csv": (
            head + "../../x.png,a\n/etc/passwd,b\nC:\\x.png,a\nhttp://a/b,b"
        ).encode(),
        "absent.csv": (head + "none/1.png,a\nnone/2.png,b\n").encode(),
        "same name.csv": (head + "0.png,a\n0.png,b\n").encode(),
        "twice.csv": (good + "p/bird/0.png,airplane\n").encode(),
        "columns twice.csv": good.replace("label\n", "label,label\n").encode(),
        "no json.jsonl": b"{\n[",
        "deep.jsonl": b"[" * 100_000 + b"\n",
        "deep value.jsonl": b'{"file_name": "p/bird/0.png", "label": ' + b"[" * 100_000,
        "list.jsonl": b"[1, 2]\n",
        "digits.jsonl": b'{"file_name": "p/bird/0.png", "label": ' + b"1" * 5000 + b"}",
        "keys.jsonl": lambda: b"".join(b'{"k%d": 1}\n' % k for k in range(30_000)),
        "files.jsonl": b'{"file_name": {"a": 1}, "label": 1}\n{"file_name": 5, "label": 2}\n',
    }
    for number, label in enumerate(labels):
        lines = [json.dumps({**row, "label": label}) for row in objects[:4]]
        lines += [json.dumps(row) for row in objects[4:]]
        files[f"label {number}.jsonl"] = "\n".join(lines).encode()
        if isinstance(label, str) and label != "\ud800":
            quoted = label.replace('"', '""')
            more = "".join(f'{file},"{quoted}"\n' for file, _ in rows[:4])
            files[f"label {number}.csv"] = (head + more + good[len(head) :]).encode()
    files |= {f"{what}.csv": data for what, data in damaged(good.encode(), f"csv {seed}", count)}
    lines = "\n".join(map(json.dumps, objects)).encode()
    files |= {f"{what}.jsonl": data for what, data in damaged(lines, f"json {seed}", count)}
    return {name: partial(_labelled, suffix=Path(name).suffix, data=d) for name, d in files.items()}


def _labelled(folder: Path, suffix: str, data: bytes | Callable[[], bytes]) -> Path:
    for name, picture in pictures().items():
        path = folder / "p" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    return _file(folder, f"labels{suffix}", data).parent


def some(cases: dict[str, Case], count: int, seed: int = 0) -> dict[str, Case]:
    """Return some cases, drawn."""
    return {name: cases[name] for name in random.Random(seed).sample(sorted(cases), count)}

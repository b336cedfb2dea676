"""Data as people keep them on disk: pictures in folders, tables beside them, Parquet files."""

import io
import itertools
import struct
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from made_pictures import png
from PIL import Image

_SEEDS = itertools.count()


def write_pictures(root, *places, each=2):
    """Write pictures below `root`: a place that ends in `/` is a folder of `each` of them."""
    for place in places:
        names = [f"{place}{i}.png" for i in range(each)] if place.endswith("/") else [place]
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(png(next(_SEEDS), size=(8, 8)))
    return root


def write_files(root, **texts):
    """Write text (or bytes) to files; `__` in a name is a folder's end, the last `_` a dot."""
    for name, text in texts.items():
        path = root / name.replace("__", "/")
        stem, _, suffix = path.name.rpartition("_")
        path = path.with_name(f"{stem}.{suffix}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def pictures_column(count, *, as_bytes=True, at=None):
    """Pictures as the Hub stores them; without bytes, as files in the folder `at`."""
    found = []
    for i in range(count):
        data = png(next(_SEEDS), size=(8, 8))
        if at is not None:
            at.mkdir(parents=True, exist_ok=True)
            (at / f"{i}.png").write_bytes(data)
        found.append({"bytes": data if as_bytes else None, "path": f"{i}.png"})
    return pa.array(found, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))


def write_parquet(path, metadata=None, /, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)
    return path


def grey_16(values, kind="PNG", **options):
    """A grey picture of 16 bits as a file."""
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(values, dtype=np.uint16)).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind, body):
    """A chunk of a PNG file."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(data, kind, body):
    """A PNG file with one more chunk, just after its header."""
    return data[:33] + chunk(kind, body) + data[33:]


def hollow_png(size=8):
    """A PNG whose checksums are right and whose pixels are missing: it fails when decoded."""
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(size * (3 * size + 1)))[:-6]
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", body[:4])
        + chunk(b"IEND", b"")
    )

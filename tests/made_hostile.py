"""Pictures that nobody would save: damaged by rule, or made by hand to take time or memory."""

import random
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from made_data import chunk, grey_16
from made_pictures import encoded, photo
from PIL import Image

Made = bytes | Callable[[], bytes]  # large ones are made when they are needed
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def damaged(data: bytes, seed: str, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield (what, bytes): cut off, bits flipped, runs zeroed, doubled, overwritten or swapped."""
    for number in range(count):
        chance = random.Random(f"{seed} {number}")
        what = ("cut", "flip", "zero", "double", "head", "swap")[number % 6]
        at = chance.randrange(1, len(data))
        other = chance.randrange(1, len(data))
        run = chance.choice((1, 2, 8, 60))
        made = bytearray(data)
        if what == "cut":
            del made[at:]
        elif what == "flip":
            for _ in range(run):
                made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
        elif what == "zero":
            made[at : at + run] = bytes(len(made[at : at + run]))
        elif what == "double":
            made[at:at] = made[other : other + run]
        elif what == "head":
            made[chance.randrange(min(len(made), 64))] = chance.choice((0, 1, 127, 128, 255))
        else:
            made[at], made[other] = made[other], made[at]
        yield f"{what} {number}", bytes(made)


def good() -> dict[str, bytes]:
    """Return a good file of each format and mode that is read."""
    picture = photo(size=(48, 36))
    frames = {"save_all": True, "append_images": [photo(1, (48, 36)), photo(2, (48, 36))]}
    exif = Image.Exif()
    exif[0x0112] = 8
    files = {
        "jpeg": encoded(picture, "JPEG", exif=exif.tobytes()),
        "progressive jpeg": encoded(picture, "JPEG", progressive=True),
        "cmyk jpeg": encoded(picture.convert("CMYK"), "JPEG"),
        "png": encoded(picture, "PNG"),
        "rgba png": encoded(picture.convert("RGBA"), "PNG"),
        "palette png": encoded(picture.convert("P"), "PNG", transparency=1),
        "16 bit png": grey_16(np.arange(48 * 36).reshape(36, 48) * 37),
        "animated png": encoded(picture, "PNG", **frames),
        "gif": encoded(picture, "GIF", **frames),
        "webp": encoded(picture, "WEBP"),
        "lossless webp": encoded(picture, "WEBP", lossless=True),
        "animated webp": encoded(picture, "WEBP", **frames),
        "bmp": encoded(picture, "BMP"),
        "palette bmp": encoded(picture.convert("P"), "BMP"),
        "tiff": encoded(picture, "TIFF"),
        "lzw tiff": encoded(picture, "TIFF", compression="tiff_lzw"),
        "deflate tiff": encoded(picture, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg tiff": encoded(picture, "TIFF", compression="jpeg"),
        "pages tiff": encoded(picture, "TIFF", **frames),
    }
    if "AVIF" in Image.SAVE:
        files["avif"] = encoded(picture, "AVIF")
    return files


def png(width: int, height: int, *chunks: tuple[bytes, bytes], depth: int = 8, colour: int = 0):
    """Return a PNG of chunks by hand; without pixels of its own."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = b"".join(chunk(kind, data) for kind, data in ((b"IHDR", header), *chunks))
    return SIGNATURE + body + chunk(b"IEND", b"")


def flat(width: int, height: int, depth: int = 8) -> tuple[bytes, bytes]:
    """Return the pixels of a black picture."""
    return b"IDAT", zlib.compress(bytes((1 + (width * depth + 7) // 8) * height), 9)


def many_scans(side: int, scans: int) -> bytes:
    """Return a progressive JPEG of grey with many scans that say nothing (EOB runs)."""
    base = encoded(Image.new("L", (side, side)), "JPEG", progressive=True, quality=20)
    second = base.index(b"\xff\xda", base.index(b"\xff\xda") + 2)
    table = b"\xff\xc4" + struct.pack(">H", 20) + b"\x10" + bytes([1, *[0] * 15]) + b"\xe0"
    head = b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 1, 63, 0)
    bits = "0" * 15 * ((side // 8) ** 2 // 2**14 + 1)  # EOB14: 16,384 blocks and more
    bits += "1" * (-len(bits) % 8)
    coded = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    return base[:second] + table + (head + coded) * scans + b"\xff\xd9"


def tiff(*entries: tuple[int, int, int, int], blob: bytes = b"", after: int = 0) -> bytes:
    """Return a TIFF of (tag, type, count, value) by hand; `blob` begins where they end."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    count = struct.pack("<H", len(entries))
    return b"II*\0" + struct.pack("<I", 8) + count + body + struct.pack("<I", after) + blob


def strips(count: int) -> bytes:
    """Return a TIFF of one column with a strip for each of its rows."""
    at = 8 + 2 + 12 * 9 + 4
    shape = [(256, 4, 1, 1), (257, 4, 1, count), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    places = [(273, 4, count, at), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, count, at + 4 * count)]
    blob = struct.pack("<I", at) * count + struct.pack("<I", 1) * count
    return tiff(*shape, *places, blob=blob)


def large_tile(side: int) -> bytes:
    """Return a TIFF of 16 pixels in one tile that unpacks to side² · 3 bytes."""
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(side * 3)) for _ in range(side)) + packer.flush()
    entries = [(256, 4, 1, 4), (257, 4, 1, 4), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 2)]
    at = 8 + 2 + 12 * 10 + 4
    entries += [(277, 3, 1, 3), (322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, at)]
    return tiff(*entries, (325, 4, 1, len(data)), blob=data)


def gif_of_comments(blocks: int) -> bytes:
    """Return a GIF whose comment has many parts."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0)
    return head + b"\x21\xfe" + (b"\xff" + b"a" * 255) * blocks + b"\0" + GIF_FRAME


GIF_FRAME = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0;"


def bmp(width: int, height: int, compression: int, data: bytes) -> bytes:
    """Return a BMP of a palette by hand."""
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, compression, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", len(data) + 1078, 0, 0, 1078) + head + bytes(1024) + data


def hostile() -> dict[str, Made]:
    """Return files made to take time or memory, or to be another thing than they say."""
    files = good()
    small = flat(8, 8)
    many = 3_000_000
    return {
        "empty": b"",
        "signature only": SIGNATURE,
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n",
        "pdf": b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF",
        "fits": b"SIMPLE  =                    T" + b" " * 2850,
        "python": b"import os\nos.system('true')\n",
        "ppm": encoded(photo(), "PPM"),
        "ico": encoded(photo(), "ICO"),
        "icns": b"icns" + struct.pack(">I", 8),
        "psd": b"8BPS\0\1" + bytes(20),
        "jpeg 2000": encoded(photo(), "JPEG2000"),
        "scans of 1 megapixel": lambda: many_scans(1024, 20_000),
        "scans of 40 megapixels": lambda: many_scans(6320, 20_000),
        "99 scans of 40 megapixels": lambda: many_scans(6320, 97),
        "jpeg of fill bytes": lambda: b"\xff\xd8" + b"\xff" * 2**24 + files["jpeg"][2:],
        "jpeg of markers": lambda: b"\xff\xd8" + b"\xff\xe5\0\2" * many + files["jpeg"][2:],
        "jpeg of exif": lambda: (
            b"\xff\xd8"
            + (b"\xff\xe1\xff\xff" + b"Exif\0\0" + bytes(2**16 - 9)) * 700
            + files["jpeg"][2:]
        ),
        "jpeg of photoshop": lambda: (
            b"\xff\xd8"
            + (b"\xff\xed\xff\xff" + b"Photoshop 3.0\0" + b"8BIM\0\0\0\0\0\0\0\0" * 5459 + b"abc")
            * 700
            + files["jpeg"][2:]
        ),
        "jpeg of icc": lambda: (
            b"\xff\xd8"
            + (b"\xff\xe2\xff\xff" + b"ICC_PROFILE\0\1\1" + bytes(2**16 - 17)) * 700
            + files["jpeg"][2:]
        ),
        "png of chunks": lambda: png(8, 8, *[(b"abCd", b"")] * many, small),
        "png of empty pixels": lambda: png(8, 8, *[(b"IDAT", b"")] * many, small),
        "png of late chunks": lambda: png(8, 8, small, *[(b"abCd", b"")] * many),
        "png of a text": lambda: png(8, 8, (b"tEXt", b"a\0" + b"b" * 45 * 2**20), small),
        "png of a packed text": lambda: png(
            8, 8, (b"zTXt", b"a\0\0" + zlib.compress(bytes(10**9), 9)), small
        ),
        "png of a packed profile": lambda: png(
            8, 8, (b"iCCP", b"a\0\0" + zlib.compress(bytes(10**9), 9)), small
        ),
        "png of an exif": lambda: png(8, 8, (b"eXIf", tags(3000)), small),
        "png of more pixels": lambda: png(8, 8, (b"IDAT", zlib.compress(bytes(10**9), 9))),
        "png of frames": png(8, 8, (b"acTL", struct.pack(">II", 2**31 - 1, 0)), small),
        "png of no size": png(0, 0, small),
        "png of all sizes": png(2**31 - 1, 2**31 - 1, small),
        "png of one column": lambda: png(1, 40_000_000, flat(1, 40_000_000, 1), depth=1),
        "png of one row": lambda: png(40_000_000, 1, flat(40_000_000, 1, 1), depth=1),
        "png of a long side": lambda: png(65_000, 615, flat(65_000, 615, 1), depth=1),
        "png of 40 megapixels, 16 bit": lambda: png(
            6324, 6324, flat(6324, 6324, 16), depth=16, colour=0
        ),
        "png of 40 megapixels, rgba 16 bit": lambda: png(
            6324, 6324, flat(6324, 6324, 64), depth=16, colour=6
        ),
        "gif of comments": lambda: gif_of_comments(190_000),
        "gif of blocks": lambda: b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xfe\0" * 10_000_000 + GIF_FRAME,
        "gif of frames": lambda: b"GIF89a\1\0\1\0\0\0\0" + GIF_FRAME[:-1] * 2_000_000 + b";",
        "gif without frames": b"GIF89a\1\0\1\0\0\0\0;",
        "gif of a large screen": b"GIF89a" + struct.pack("<HHBBB", 65535, 600, 0, 0, 0) + GIF_FRAME,
        "bmp of runs": lambda: bmp(6324, 6324, 1, b"\1\0" * 20_000_000),
        "bmp of line ends": lambda: bmp(6324, 6324, 1, b"\0\0" * 20_000_000),
        "bmp of jumps": lambda: bmp(6324, 6324, 1, b"\0\2\0\0" * 10_000_000),
        "bmp of no height": bmp(10, -(2**31), 0, bytes(100)),
        "bmp of bit fields": bmp(10, 10, 3, bytes(100)),
        "tiff of strips": lambda: strips(5_000_000),
        "tiff of a large tile": lambda: large_tile(16_000),
        "tiff of tags": lambda: tags(60_000),
        "tiff of itself": tiff((256, 4, 1, 8), (257, 4, 1, 8), after=8),
        "tiff of a loop in exif": tiff((256, 4, 1, 8), (257, 4, 1, 8), (0x8769, 4, 1, 8)),
        "tiff of pages": lambda: pages(100_000),
        "tiff of floats": encoded(Image.fromarray(np.full((8, 8), np.nan, np.float32)), "TIFF"),
        "tiff of negatives": encoded(Image.fromarray(np.full((8, 8), -5, np.int32)), "TIFF"),
        "webp of a large canvas": b"RIFF"
        + struct.pack("<I", 40)
        + b"WEBPVP8L"
        + struct.pack("<I", 20)
        + b"\x2f\xff\xff\xff\x0f"
        + bytes(20),
        "webp of frames": lambda: webp_of_frames(200_000),
        "picture, then a zip": files["gif"] + b"PK\5\6" + bytes(18),
        "picture, then a page": files["jpeg"] + b"<script>alert(1)</script>",
    }


def tags(count: int) -> bytes:
    """Return a TIFF whose unknown tags all claim the same long run of bytes."""
    at = 8 + 2 + 12 * (9 + count) + 4
    shape = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    places = [(273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 8), (279, 4, 1, 64)]
    own = [(1000 + number, 7, 2**20, at) for number in range(count)]
    return tiff(*shape, *places, *own, blob=bytes(2**20))


def pages(count: int) -> bytes:
    """Return a TIFF of many pages of one pixel."""
    made = bytearray(b"II*\0" + struct.pack("<I", 8))
    shape = [(256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 4), (277, 1), (278, 1)]
    for number in range(count):
        made += struct.pack("<H", 9)
        for tag, value in (*shape, (279, 1)):
            made += struct.pack("<HHII", tag, 4, 1, value)
        made += struct.pack("<I", len(made) + 4 if number < count - 1 else 0)
    return bytes(made)


def webp_of_frames(count: int) -> bytes:
    """Return a WebP with the same small frame many times."""
    file = encoded(photo(size=(16, 16)), "WEBP", save_all=True, append_images=[photo(1, (16, 16))])
    at = file.index(b"ANMF")
    size = struct.unpack("<I", file[at + 4 : at + 8])[0] + 8
    body = file[8:at] + file[at : at + size + size % 2] * count
    return b"RIFF" + struct.pack("<I", len(body)) + body


def all_pictures(seed: str = "", each: int = 24) -> dict[str, Made]:
    """Return every picture of this file by name: damaged ones of each format, and hostile ones."""
    found: dict[str, Made] = {}
    for name, data in good().items():
        found |= {f"{name}, {what}": made for what, made in damaged(data, seed + name, each)}
    return found | hostile()

"""Pictures from strangers: bytes to an upright 8-bit RGB picture, or a sentence why not.

Size and format are checked before a pixel is decoded. Pillow and numpy only.
"""

import functools
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError, features

from usable_core.decoding_limits import (
    Reader,
    check_file,
    check_opened,
    too_many_pixels,
)
from usable_core.depth import FULL, Reach, grey_of, mark
from usable_core.errors import ImageRefused

# AVIF where Pillow was built with it, as its wheels are.
FORMATS = (
    "PNG",
    "JPEG",
    "WEBP",
    "GIF",
    "BMP",
    "TIFF",
    *(["AVIF"] if features.check("avif") else []),
)
# What people give as pictures and Pillow does not know, by how such files begin.
HEIC_SUFFIXES = (".heic", ".heif")
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_KINDS: dict[str, tuple[bytes, ...]] = {
    "a PDF": (b"%PDF",),
    "a JPEG XL picture": (b"\xff\x0a", b"\x00\x00\x00\x0cJXL "),
    "a JPEG 2000 picture": (b"\x00\x00\x00\x0cjP  ",),
    "a Photoshop file": (b"8BPS",),
    "a zip": (b"PK\x03\x04",),
}
# What Pillow's decoders raise on broken files, beside their own errors.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
)


def decode(data: bytes, name: str, white: int | None = None) -> Image.Image:
    """Return the picture in `data` upright, in 8-bit RGB.

    Transparency is laid over white, 16-bit grey is scaled to 8 bits, of an animation the first
    frame counts, metadata is dropped.

    Args:
        data: The file's bytes.
        name: What the file is called in the sentence of a refusal.
        white: The value of 16-bit grey that is white, for files that do not say it.

    Raises:
        ImageRefused: the bytes are no picture of an allowed format, too large, or broken, or grey
            of unknown range.
    """
    image = _opened(data, name)
    try:
        image.load()
        return as_rgb(upright(image), name, white)
    except _BROKEN as error:
        raise _broken(name) from error


def upright(image: Image.Image) -> Image.Image:
    """Return a picture turned as its EXIF says; as it is stored where that is broken."""
    try:
        return ImageOps.exif_transpose(image)
    except _BROKEN:
        return image


def verify(data: bytes, name: str, reach: Reach | None = None) -> None:
    """Check a file cheaply: format, size, and that it has its end; decode only what is suspicious.

    Args:
        data: The file's bytes.
        name: What the file is called in the sentence of a refusal.
        reach: Told of pictures of 16 bits, which are decoded until their range is known.

    Raises:
        ImageRefused: as `decode` would.
    """
    image = _opened(data, name)
    if image.format == "PNG":
        try:
            image.verify()  # reads the chunks' checksums, decodes nothing
        except _BROKEN as error:
            raise _broken(name) from error
    if not _has_its_end(data, image.format or "") or image.mode in ("I", "F"):
        decode(data, name, FULL if reach else None)
    if reach is not None:
        try:
            reach.see(image, data)
        except _BROKEN as error:
            raise _broken(name) from error


def suffixes() -> list[str]:
    """Return the endings of the formats read here, such as `.jfif`, the usual ones first."""
    kinds = Image.registered_extensions()
    known = [suffix for suffix, kind in kinds.items() if kind in FORMATS]
    return sorted(known, key=lambda s: (FORMATS.index(kinds[s]), s not in (".png", ".jpg"), s))


def encode_png(array: np.ndarray) -> bytes:
    """Return `array` as a PNG file.

    Args:
        array: Picture (H, W, 3) or (H, W); uint8, or floats in [0, 1].
    """
    if array.dtype != np.uint8:
        array = np.round(np.clip(array, 0, 1) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def _opened(data: bytes, name: str) -> Image.Image:
    check_file(data, name)
    reader = Reader(data, name)
    try:
        image = Image.open(reader, formats=FORMATS)
        reader.opened()
        check_opened(image, name)
        if image.mode.startswith("I"):
            mark(image, data)
        return image
    except Image.DecompressionBombError as error:
        raise too_many_pixels(name, "far more than") from error
    except UnidentifiedImageError as error:
        raise _unknown(data, name) from error
    except _BROKEN as error:
        raise _broken(name) from error


def _unknown(data: bytes, name: str) -> ImageRefused:
    """Return the refusal of a file that Pillow does not know, by what it is if that is plain."""
    is_box = data[4:8] == b"ftyp"  # ISO base media: HEIC and AVIF pictures, videos
    if is_box and data[8:12] in _HEIC:
        return ImageRefused(
            f"{name} is a HEIC picture, as phones take them, which is not read here. Save or "
            "export it as JPEG (an iPhone takes JPEG with Settings, Camera, Formats, Most "
            "Compatible)."
        )
    starts = (kind for kind, signs in _KINDS.items() if data.startswith(signs))
    kind = next(starts, "a video" if is_box else "an SVG drawing" if b"<svg" in data[:1024] else "")
    if kind:
        return ImageRefused(f"{name} is {kind}, which is not read here. Save it as PNG or JPEG.")
    return ImageRefused(
        f"{name} is not a picture of a known format ({', '.join(FORMATS)}), whatever its "
        "name says. Save it as PNG or JPEG."
    )


def as_rgb(image: Image.Image, name: str, white: int | None = None) -> Image.Image:
    """Return an opened picture in 8-bit RGB, as `decode` does, whose arguments these are.

    Raises:
        ImageRefused: its values have no known range.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        result = image
    elif image.mode.startswith("I"):
        result = Image.fromarray(grey_of(image, name, white)).convert("RGB")
    elif image.mode == "F":
        raise ImageRefused(f"{name} holds floating-point pixels of unknown range. Save it as PNG.")
    elif image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        result = Image.alpha_composite(paper, layer).convert("RGB")
    else:
        result = image.convert("RGB")
    clean = result if type(result) is Image.Image else result.copy()  # lets the file's buffer go
    clean.info = {}
    return clean


def _has_its_end(data: bytes, kind: str) -> bool:
    tail = data[-64:]
    if kind == "JPEG":
        return b"\xff\xd9" in tail
    if kind == "PNG":
        return b"IEND" in tail
    if kind == "WEBP":
        return len(data) >= int.from_bytes(data[4:8], "little") + 8
    return False  # GIF, BMP, TIFF: rare in data sets, decode them


def _broken(name: str) -> ImageRefused:
    return ImageRefused(
        f"{name} is damaged or cut off and cannot be decoded. Export or copy it again."
    )


@dataclass(frozen=True)
class GalleryImage:
    """A real photograph that is shipped inside an installed package.

    Attributes:
        name: Key of the picture.
        title: As people call it.
        open: Returns it as upright RGB.
        label: Which of ImageNet's 1,000 classes it shows, by torchvision's name, given by hand;
            empty where it shows none, as an astronaut, coins, a dahlia, a motorcycle, a rocket.
    """

    name: str
    title: str
    open: Callable[[], Image.Image]
    label: str = ""


# name, title, package, file: public-domain or freely licensed photographs, see the packages.
_GALLERY = (
    ("cat", "Cat", "skimage.data", "chelsea.png", "tabby"),
    ("coffee", "Coffee cup", "skimage.data", "coffee.png", "espresso"),
    ("rocket", "Rocket", "skimage.data", "rocket.jpg", ""),
    ("astronaut", "Astronaut", "skimage.data", "astronaut.png", ""),
    ("camera", "Photographer", "skimage.data", "camera.png", "tripod"),
    ("coins", "Coins", "skimage.data", "coins.png", ""),
    ("motorcycle", "Motorcycle", "skimage.data", "motorcycle_left.png", ""),
    ("temple", "Temple", "sklearn.datasets.images", "china.jpg", "palace"),
    ("flower", "Flower", "sklearn.datasets.images", "flower.jpg", ""),
    (
        "officer",
        "Officer",
        "matplotlib",
        "mpl-data/sample_data/grace_hopper.jpg",
        "military uniform",
    ),
)


def gallery() -> list[GalleryImage]:
    """Return the photographs that are at hand without a download."""
    return [
        GalleryImage(name, title, functools.partial(_read, path), label)
        for name, title, package, file, label in _GALLERY
        if (path := _folder(package) / file).is_file()
    ]


def _read(path: Path) -> Image.Image:
    return decode(path.read_bytes(), path.name)


@functools.cache
def _folder(package: str) -> Path:
    """Return a package's folder without importing it: scikit-learn's import takes a second."""
    top, *rest = package.split(".")
    spec = find_spec(top)
    root = Path(spec.origin).parent if spec is not None and spec.origin else Path(top)
    return root.joinpath(*rest)

"""Pictures of more than 8 bits, and pictures whose EXIF is broken."""

import io
import struct
import zlib

import numpy as np
import pytest
from made_data import chunk, grey_16, with_chunk
from made_pictures import encoded, photo, png
from PIL import Image, ImageFile

from usable_core import images
from usable_core.datasets import load_dataset
from usable_core.errors import ImageRefused

RAMP = np.array([[0, 1000, 2048, 4095]], dtype=np.uint16)  # of 12 bits
RAMP_IN_8_BITS = np.round(RAMP / 4095 * 255).astype(np.uint8)[0].tolist()


def greys(data, **options):
    return np.asarray(images.decode(data, "a", **options))[0, :, 0].tolist()


def tiff_of_12_bits(values):
    """A TIFF of 12 bits per grey value, packed (TIFF 6.0, BitsPerSample 12)."""
    bits = "".join(f"{v:012b}" for v in np.ravel(values))
    raw = int(bits, 2).to_bytes(len(bits) // 8, "big")
    height, width = np.shape(values)
    entries = [
        *((256, 3, width), (257, 3, height), (258, 3, 12), (259, 3, 1), (262, 3, 1)),
        *((273, 4, 8), (277, 3, 1), (278, 3, height), (279, 4, len(raw))),
    ]
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    count = struct.pack("<H", len(entries))
    return b"II*\0" + struct.pack("<I", 8 + len(raw)) + raw + count + table + bytes(4)


@pytest.mark.parametrize(
    "data",
    [
        grey_16(RAMP, "TIFF", tiffinfo={281: 4095}),
        tiff_of_12_bits(RAMP),
        with_chunk(grey_16(RAMP), b"sBIT", bytes([12])),
    ],
    ids=["MaxSampleValue", "BitsPerSample", "sBIT"],
)
def test_the_file_itself_says_what_is_white(data):
    images.verify(data, "a")

    assert greys(data) == RAMP_IN_8_BITS


def test_a_largest_value_that_is_a_statistic_says_nothing_of_white():
    data = grey_16(RAMP[:, :3] * 16, "TIFF", tiffinfo={281: 2048 * 16})

    assert greys(data) == [0, 62, 128]


def test_a_png_of_12_bits_that_was_scaled_to_16_is_read_as_16():
    data = with_chunk(grey_16(RAMP * 16), b"sBIT", bytes([12]))

    assert greys(data) == np.round(RAMP[0] * 16 / 257).tolist()


def test_grey_whose_zero_is_white_is_turned_round():
    data = grey_16(RAMP, "TIFF", tiffinfo={262: 0, 281: 4095})

    assert greys(data) == [255 - value for value in RAMP_IN_8_BITS]


def test_a_picture_of_unknown_range_is_refused_and_not_made_black():
    with pytest.raises(ImageRefused, match=r"up to 4095 of 65535.* which value is white"):
        images.decode(grey_16(RAMP), "a")

    assert greys(grey_16(RAMP * 0)) == [0, 0, 0, 0]
    assert greys(grey_16(RAMP), white=4095) == RAMP_IN_8_BITS


def write_greys(root, brightest):
    """Two classes of flat grey pictures, the brightest with the value `brightest`."""
    for name, share in (("dark", 0.25), ("light", 1.0)):
        (root / name).mkdir(parents=True)
        for i in range(3):
            value = round(brightest * share * (i + 1) / 3)
            (root / name / f"{i}.png").write_bytes(grey_16(np.full((4, 4), value)))
    return root


@pytest.mark.parametrize(
    ("brightest", "white", "bits"),
    [(200, 255, 8), (3900, 4095, 12), (15000, 16383, 14), (40000, 65535, None)],
)
def test_a_data_set_decides_once_what_is_white_and_says_so(tmp_path, brightest, white, bits):
    data = load_dataset(str(write_greys(tmp_path / "greys", brightest)))

    lightest = [np.asarray(data[i][0]).max() for i in range(len(data))]
    expected = [round(brightest * s * k / 3) for s in (0.25, 1.0) for k in (1, 2, 3)]
    assert lightest == [round(value * 255 / white) for value in expected]
    said = [note for note in data.notes if f"{bits}-bit" in note and str(white) in note]
    assert len(said) == len(data.notes) == (bits is not None)


def test_only_as_many_pictures_are_decoded_at_reading_as_it_takes(tmp_path, monkeypatch):
    root = write_greys(tmp_path / "greys", 40_000)
    decoded = []
    load = ImageFile.ImageFile.load
    monkeypatch.setattr(
        ImageFile.ImageFile, "load", lambda image: decoded.append(image) or load(image)
    )

    load_dataset(str(root))

    assert len({id(image) for image in decoded}) == 5  # the fifth reaches 26,667


def colour_16(value):
    """A PNG of 16 bits per colour, all of one value."""
    header = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)
    rows = (b"\0" + struct.pack(">H", value) * 12) * 4
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("brightest", "is_told"), [(4095, True), (60_000, False)])
def test_colour_of_12_bits_that_turns_black_is_told(tmp_path, brightest, is_told):
    for name, value in (("a", brightest // 2), ("b", brightest)):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "0.png").write_bytes(colour_16(value))

    data = load_dataset(str(tmp_path / "data"))

    assert any("nearly black" in note for note in data.notes) == is_told


BROKEN = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0\x01\0"


def jpeg_with_broken_exif():
    data = encoded(photo(), "JPEG")
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(BROKEN) + 2) + BROKEN + data[2:]


@pytest.mark.parametrize(
    "data",
    [
        with_chunk(png(), b"eXIf", bytes([0, 8, 0, 2, 1, 18, 0, 3])),
        jpeg_with_broken_exif(),
        encoded(photo(), "WEBP", exif=BROKEN, lossless=True),
    ],
    ids=["PNG", "JPEG", "WebP"],
)
def test_a_picture_with_broken_exif_is_used_as_it_is_stored(data):
    images.verify(data, "a")

    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.array_equal(np.asarray(images.decode(data, "a")), expected)


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (Image.fromarray(np.array([[False, True]])), [0, 255]),
        (Image.fromarray(np.array([[0, 65535]], dtype=np.int32)), [0, 255]),
    ],
    ids=["1 bit", "32 bits"],
)
def test_grey_of_other_depths_keeps_black_and_white(picture, expected):
    assert greys(encoded(picture, "TIFF")) == expected


def test_floating_point_pixels_are_refused_for_their_range_is_unknown():
    data = encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF")

    with pytest.raises(ImageRefused, match="floating-point"):
        images.verify(data, "a")

import io

import numpy as np
import pytest
from made_pictures import bomb, encoded, photo, png
from PIL import Image

from usable_core import decoding_limits, images
from usable_core.errors import ImageRefused

GOOD_UPLOADS = {
    "photo.jpg": None,
    "alpha_rgba.png": None,
    "gray_8bit.png": None,
    "gray_16bit.png": None,
    "cmyk.jpg": None,
    "photo.webp": None,
    "animated.gif": None,
    "large_4000x3000.jpg": (4000, 3000),
    "tiny_8x8.png": (8, 8),
    "exif_rotated.jpg": None,
    "palette.png": None,
    "wide_640x40.jpg": (640, 40),
}
BAD_UPLOADS = ("bad_truncated.jpg", "bad_text.jpg", "bad_empty.png", "bad_bomb_30000x30000.png")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_a_lossless_rgb_file_comes_back_pixel_for_pixel(kind):
    picture = photo()

    decoded = images.decode(encoded(picture, kind), "a")

    assert decoded.mode == "RGB"
    assert np.array_equal(np.asarray(decoded), np.asarray(picture))


def test_transparent_pixels_become_white():
    layer = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    layer.putpixel((1, 0), (0, 0, 0, 0))

    decoded = images.decode(encoded(layer, "PNG"), "a")

    assert decoded.getpixel((0, 0)) == (255, 0, 0)
    assert decoded.getpixel((1, 0)) == (255, 255, 255)


def test_a_transparent_palette_colour_becomes_white():
    picture = Image.new("P", (2, 1))
    picture.putpalette([0, 0, 0, 0, 0, 255])
    picture.putdata([0, 1])

    decoded = images.decode(encoded(picture, "PNG", transparency=0), "a")

    assert [decoded.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (0, 0, 255)]


def test_a_transparent_colour_of_an_rgb_file_becomes_white():
    picture = Image.new("RGB", (2, 1), (10, 20, 30))
    picture.putpixel((1, 0), (1, 2, 3))

    decoded = images.decode(encoded(picture, "PNG", transparency=(1, 2, 3)), "a")

    assert [decoded.getpixel((x, 0)) for x in (0, 1)] == [(10, 20, 30), (255, 255, 255)]


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    values = np.array([[0, 257 * 100, 65535]], dtype=np.uint16)

    decoded = images.decode(encoded(Image.fromarray(values), "PNG"), "a")

    assert [decoded.getpixel((x, 0)) for x in range(3)] == [(0,) * 3, (100,) * 3, (255,) * 3]


def test_exif_rotation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned to the left

    decoded = images.decode(encoded(photo(size=(24, 16)), "JPEG", exif=exif), "a")

    assert decoded.size == (16, 24)


def test_a_cmyk_jpeg_keeps_its_colours():
    picture = Image.new("RGB", (16, 16), (200, 30, 40))

    decoded = images.decode(encoded(picture.convert("CMYK"), "JPEG", quality=95), "a")

    assert np.allclose(decoded.getpixel((8, 8)), (200, 30, 40), atol=8)


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]

    decoded = images.decode(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), "a")

    assert decoded.getpixel((0, 0)) == (255, 0, 0)


def test_metadata_is_dropped():
    exif = Image.Exif()
    exif[0x010E] = "secret place"

    decoded = images.decode(encoded(photo(), "JPEG", exif=exif), "a")

    assert decoded.info == {}
    assert b"secret" not in encoded(decoded, "PNG")


BAD = {
    "empty": b"",
    "text": b"this is a text and no picture" * 10,
    "cut off JPEG": encoded(photo(size=(256, 256)), "JPEG")[:1500],
    "cut off PNG": png(size=(64, 64))[:300],
    "a bomb of 900 megapixels": bomb(30_000, 30_000),
    "just above the limit": bomb(8_000, 5_001),
    "a known but not allowed format": encoded(photo(), "PPM"),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("check", [images.decode, images.verify])
def test_a_bad_file_is_refused_in_a_sentence_that_names_it(data, check):
    with pytest.raises(ImageRefused, match=r"^holiday\.jpg .*\.$"):
        check(data, "holiday.jpg")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture, as phones take them"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic", "a HEIC picture, as phones take them"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "a video"),
        (b"%PDF-1.7\n", "a PDF"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"\xff\x0a\xfa\x7f", "a JPEG XL picture"),
    ],
)
@pytest.mark.parametrize("check", [images.decode, images.verify])
def test_what_people_take_for_a_picture_is_called_by_its_kind(data, said, check):
    with pytest.raises(ImageRefused, match=rf"^IMG_1 is {said}, .* JPEG"):
        check(data, "IMG_1")


def test_too_many_pixels_are_refused_before_decoding(monkeypatch):
    def explode(self):
        pytest.fail("the pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", explode)

    with pytest.raises(ImageRefused, match="40 million"):
        images.decode(bomb(8_000, 5_001), "a")


def test_too_many_bytes_are_refused(monkeypatch):
    monkeypatch.setattr(decoding_limits, "MAX_BYTES", 100)

    with pytest.raises(ImageRefused, match="Save it smaller"):
        images.decode(png(), "a")


def test_a_damaged_checksum_is_found_without_decoding():
    data = bytearray(png(size=(64, 64)))
    data[200] ^= 0xFF

    with pytest.raises(ImageRefused, match="damaged"):
        images.verify(bytes(data), "a")


@pytest.mark.parametrize("name", GOOD_UPLOADS)
def test_a_good_upload_is_decoded(shared_data, name):
    data = (shared_data / "uploads" / name).read_bytes()

    images.verify(data, name)
    decoded = images.decode(data, name)

    assert decoded.mode == "RGB"
    assert GOOD_UPLOADS[name] in (None, decoded.size)
    assert np.asarray(decoded).std() > 5


def test_the_rotated_upload_is_upright(shared_data):
    data = (shared_data / "uploads" / "exif_rotated.jpg").read_bytes()

    assert images.decode(data, "a").size == Image.open(io.BytesIO(data)).size[::-1]


@pytest.mark.parametrize("name", BAD_UPLOADS)
@pytest.mark.parametrize("check", [images.decode, images.verify])
def test_a_bad_upload_is_refused(shared_data, name, check):
    with pytest.raises(ImageRefused, match=name):
        check((shared_data / "uploads" / name).read_bytes(), name)


def test_a_png_holds_what_was_given():
    array = np.linspace(0, 1, 12, dtype=np.float32).reshape(2, 2, 3)

    decoded = images.decode(images.encode_png(array), "a")

    assert np.array_equal(np.asarray(decoded), np.round(array * 255).astype(np.uint8))


def test_the_gallery_holds_real_photographs_without_a_download():
    shelf = images.gallery()

    assert len(shelf) >= 4
    assert len({entry.name for entry in shelf}) == len(shelf)
    for entry in shelf:
        picture = entry.open()
        assert picture.mode == "RGB"
        assert min(picture.size) >= 200

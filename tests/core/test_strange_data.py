"""A few data sets and pictures that nobody would make; all of them are in `tests/faults`."""

import made_hostile
import made_hostile_data as made
import pytest

from usable_core import images
from usable_core.datasets import load_dataset
from usable_core.errors import ImageRefused, UsableError

PICTURES = {name: data for name, data in made_hostile.hostile().items() if isinstance(data, bytes)}
SLOW = {
    name: make
    for name, make in made_hostile.hostile().items()
    if name in ("scans of 1 megapixel", "jpeg of fill bytes", "tiff of strips")
}
REFUSED = {
    "svg": "SVG drawing",
    "postscript": "known format",
    "pdf": "is a PDF",
    "python": "known format",
    "ico": "known format",
    "png of all sizes": "million pixels",
    "tiff of floats": "floating-point",
}
FOLDERS = (
    *("pipe", "pipe at the top", "socket", "link to a device", "link to the kernel's log"),
    *("link upwards", "link to itself", "not UTF-8", "a pipe as a zip", "a long name"),
    *("a pipe as Parquet", "a device as a zip", "nobody's home", "a NUL", "a surrogate"),
)
ZIPS = (
    *("upwards", "absolute", "a drive", "upwards by Windows", "no name", "very deep", "encrypted"),
    *("name not UTF-8", "claims to be short", "damaged lzma", "damaged bzip2", "method 9"),
)
PARQUETS = (
    *("labels: all bits", "labels: structs", "names: bytes", "names: lists", "names: no texts"),
    *("pictures: structs of texts", "pictures: structs of numbers", "column twice", "metadata 3"),
    *("named [1, 2]", "named [None, 'a']", "no rows", "a long footer", "labels: odd texts"),
)
TABLES = (
    *("cp1252 without.csv", "nul.csv", "deep.jsonl", "deep value.jsonl", "digits.jsonl"),
    *("upwards.csv", "elsewhere.csv", "files.jsonl", "label 8.jsonl", "columns twice.csv"),
)
DATA = [
    pytest.param(make, id=f"{kind}: {name}")
    for kind, names in (
        ("folders", FOLDERS),
        ("zips", ZIPS),
        ("parquets", PARQUETS),
        ("tables", TABLES),
    )
    for name, make in getattr(made, kind)().items()
    if name in names
]


def tried(make):
    """Return what was made and no sentence, or nothing and the sentence of a refusal."""
    try:
        return make(), ""
    except UsableError as refused:
        return None, str(refused)


@pytest.mark.parametrize("name", PICTURES)
def test_a_strange_picture_is_a_sentence_or_rgb(name):
    found, said = tried(lambda: images.decode(PICTURES[name], "x"))

    assert found.mode == "RGB" if found else "x" in said
    assert REFUSED.get(name, "") in said


@pytest.mark.parametrize("name", SLOW)
def test_a_picture_that_would_take_minutes_is_refused_before(name):
    with pytest.raises(ImageRefused, match="would take too long to decode"):
        images.decode(SLOW[name](), "x")


def test_an_album_of_good_pictures_is_read():
    for name, data in made_hostile.good().items():
        images.verify(data, name)
        assert images.decode(data, name).size in ((48, 36), (36, 48)), name


def test_a_jpeg_whose_metadata_look_like_scans_is_read():
    data = made_hostile.good()["jpeg"]
    comment = b"\xff\xda" * 1000
    data = data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]

    assert images.decode(data + b"\xff\xda" * 1000, "x").size == (36, 48)


@pytest.mark.parametrize("make", DATA)
def test_strange_data_are_a_sentence_or_an_answer(make, tmp_path):
    (tmp_path / "case").mkdir()
    path = make(tmp_path / "case")
    found, said = tried(lambda: load_dataset(str(path)))

    assert found[0][0].mode == "RGB" if found else 20 < len(said) <= 700
    assert said.isprintable()


def test_labels_of_many_digits_are_not_rounded(tmp_path):
    ids = (9007199254740992, 9007199254740993)  # equal as floating-point numbers
    rows = "file_name,label\n"
    for k, data in enumerate(made.pictures().values()):
        (tmp_path / f"{k}.png").write_bytes(data)
        rows += f"{k}.png,{ids[k % 2]}\n"
    (tmp_path / "labels.csv").write_text(rows, encoding="utf-8")

    assert load_dataset(str(tmp_path)).labels.ids == ids


def test_a_folder_of_all_kinds_of_files_is_given_up(tmp_path, monkeypatch):
    from usable_core.datasets import folder

    monkeypatch.setattr(folder, "TOO_MANY_OTHERS", 200)
    made.tree(tmp_path, {f"bird/{k}.log": b"" for k in range(900)})

    with pytest.raises(UsableError, match=r"given up after 80\d files and folders, of which 8 "):
        load_dataset(str(tmp_path))


def test_a_folder_with_hardly_a_picture_is_refused_and_not_answered(tmp_path, monkeypatch):
    from usable_core.datasets import verified

    monkeypatch.setattr(verified, "MOST_BROKEN", 100)
    made.tree(tmp_path, {f"bird/{k:03}.x": b"none" for k in range(300)})

    with pytest.raises(UsableError, match=r"101 files of the first 10\d are no pictures"):
        load_dataset(str(tmp_path))


def test_the_last_of_two_files_of_one_name_in_a_zip_counts_and_that_is_said(tmp_path):
    path = made.zips()["twice"](tmp_path)

    dataset = load_dataset(str(path))

    assert any("more than once, such as 'bird/0.png'" in note for note in dataset.notes)


@pytest.mark.parametrize("name", ["x" * 5000, "\0", "\ud800", "~nobody-of-this-name/x", "a\nb"])
def test_a_path_that_cannot_be_is_a_sentence_wherever_it_is_given(name):
    from usable_core.catalog import references
    from usable_core.evaluations.specs import DatasetSpec, ModelSpec

    for ask in (
        lambda: references.source_of(name),
        lambda: references.files_of(f"folder/{name}"),
        lambda: references.files_of(f"file/{name}.pt2"),
        lambda: references.files_of("bundled/resnet", weights=name),
        lambda: references.files_of("bundled/resnet", labels=name),
        lambda: load_dataset(name),
    ):
        assert tried(ask)[1].isprintable()
        assert tried(ask)[0] is None
    assert ModelSpec(f"folder/{name}", weights=name, labels=name).placed()
    assert DatasetSpec(name).placed()

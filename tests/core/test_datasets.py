import json
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from made_pictures import bomb, encoded, photo, png

from usable_core.datasets import archive, load_dataset
from usable_core.datasets.dataset import select
from usable_core.datasets.draws import nested_order, stratified_parts, stratified_sample
from usable_core.datasets.pixels import batches, load_pixels
from usable_core.errors import ConfigError, DatasetRefused, ImageRefused, UnknownName
from usable_core.evaluations.specs import DatasetSpec
from usable_core.inputs.preprocessing import Preprocessing

PIXELS = Preprocessing(resize=(8, 8), crop=(8, 8))


def write_folder(root, classes=("cats", "dogs"), each=4, start=0):
    for position, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i in range(each):
            (root / name / f"{i}.png").write_bytes(png(seed=start + 100 * position + i))
    return root


def write_zip(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return path


def two_classes(prefix=""):
    return {
        f"{prefix}{name}/{i}.png": png(seed=100 * k + i)
        for k, name in enumerate(("cats", "dogs"))
        for i in range(4)
    }


def write_parquet(path, rows, columns=("image", "label", "label_name"), class_names=None):
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    kinds = {"image": image, "label": pa.int64(), "label_name": pa.string()}
    arrays = {c: pa.array([row[c] for row in rows], kinds[c]) for c in columns}
    table = pa.table(arrays)
    if class_names:
        features = {"info": {"features": {"label": {"names": class_names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    pq.write_table(table, path)
    return str(path)


def row(seed, label, name):
    return {"image": {"bytes": png(seed), "path": None}, "label": label, "label_name": name}


# Splits


def imbalanced():
    return np.repeat([0, 1, 2], [100, 10, 3])


def test_the_parts_of_a_split_are_disjoint_and_complete():
    parts = stratified_parts(imbalanced(), {"train": 0.7, "validation": 0.1, "test": 0.2}, 0)

    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(113))


def test_each_class_is_divided_by_the_fractions_and_is_in_every_part():
    parts = stratified_parts(imbalanced(), {"train": 0.7, "validation": 0.1, "test": 0.2}, 0)

    counts = {name: np.bincount(imbalanced()[p]).tolist() for name, p in parts.items()}
    assert counts == {"train": [70, 7, 1], "validation": [10, 1, 1], "test": [20, 2, 1]}


def test_a_split_depends_on_the_seed_alone():
    targets = np.repeat(np.arange(5), 40)
    split = [stratified_parts(targets, {"train": 0.8, "test": 0.2}, s)["test"] for s in (0, 0, 1)]

    assert np.array_equal(split[0], split[1])
    assert not np.array_equal(split[0], split[2])


def test_smaller_parts_are_within_larger_ones_and_stratified():
    data = load_dataset("digits").split("train")
    classes = len(data.labels)

    parts = {size: data.nested(size, seed=1) for size in (10, 37, 200, len(data) - 1)}

    for (size, part), larger in zip(parts.items(), [*list(parts.values())[1:], data], strict=True):
        assert len(part) == size
        assert set(part.positions) < set(larger.positions)
        due = np.bincount(data.targets, minlength=classes) * size / len(data)
        assert np.abs(np.bincount(part.targets, minlength=classes) - due).max() <= 1
    assert set(data.nested(10, seed=2).positions) != set(parts[10].positions)
    assert data.nested(len(data)) is data
    assert data.nested(None) is data


def test_a_nested_part_is_drawn_by_what_pictures_show_not_by_their_order():
    targets, hashes = np.array([0, 0, 1, 1, 0, 1]), np.array(list("abcdef"))
    turned = np.array([3, 5, 0, 4, 1, 2])

    first = set(hashes[nested_order(targets, hashes, 7)[:4]])

    assert set(hashes[turned][nested_order(targets[turned], hashes[turned], 7)[:4]]) == first


@pytest.mark.parametrize("limit", [1, 7, 20, 50, 99])
def test_a_sample_has_exactly_its_size_and_every_class_its_share(limit):
    targets = np.repeat(np.arange(3), [60, 30, 10])

    chosen = stratified_sample(targets, limit, seed=3)

    assert len(set(chosen)) == limit
    share = np.bincount(targets[chosen], minlength=3) - limit * np.array([0.6, 0.3, 0.1])
    assert np.abs(share).max() < 1


def test_digits_are_divided_once_for_the_same_seed():
    digits = load_dataset("digits")

    parts = {name: digits.split(name) for name in ("train", "validation", "test")}

    assert len(digits) == 1797
    assert digits.labels.names == tuple("0123456789")
    assert sum(map(len, parts.values())) == 1797
    again = load_dataset("digits", "test")
    assert again.ids == parts["test"].ids
    assert again.fingerprint == digits.fingerprint
    assert load_dataset("digits", "test", seed=1).ids != again.ids


def test_a_picture_and_its_label_stay_together_through_split_and_sample():
    digits = load_dataset("digits")

    part = load_dataset("digits", "test", limit=30)

    whole = {identity: i for i, identity in enumerate(digits.ids)}
    for i in range(30):
        picture, label = part[i]
        expected, expected_label = digits[whole[part.ids[i]]]
        assert label == expected_label == part.targets[i]
        assert np.array_equal(np.asarray(picture), np.asarray(expected))


def test_auto_is_the_test_split_only_for_a_model_trained_on_this_data():
    digits = load_dataset("digits")

    assert len(select(digits, DatasetSpec("digits"))) == 1797
    assert select(digits, DatasetSpec("digits"), is_seen=True).split_name == "test"


# Folders


def test_a_folder_has_its_subfolders_as_classes_in_the_order_of_their_names(tmp_path):
    data = load_dataset(str(write_folder(tmp_path / "pets", ("10", "2", "cats"))))

    assert data.labels.names == ("10", "2", "cats")
    assert np.bincount(data.targets).tolist() == [4, 4, 4]
    assert np.array_equal(np.asarray(data[4][0]), np.asarray(photo(seed=100)))


def test_what_is_no_picture_is_listed_and_the_rest_is_used(tmp_path):
    root = write_folder(tmp_path / "pets")
    (root / "cats" / "notes.txt").write_text("not a picture")
    (root / "cats" / "cut.jpg").write_bytes(encoded(photo(size=(256, 256)), "JPEG")[:1500])
    (root / "dogs" / "bomb.png").write_bytes(bomb(9_000, 5_000))
    (root / "README.md").write_text("in no class")
    (root / "cats" / ".DS_Store").write_bytes(b"litter")

    data = load_dataset(str(root))

    assert len(data) == 8
    named = {entry.name: entry.reason for entry in data.refused}
    assert set(named) == {"cats/notes.txt", "cats/cut.jpg", "dogs/bomb.png", "README.md"}
    assert "no class folder" in named["README.md"]


@pytest.mark.parametrize(
    ("classes", "extra", "sentence"),
    [
        (("cats",), None, "only the class 'cats'"),
        ((), None, "no class folder"),
        (("cats", "dogs"), "birds", "no usable picture of 1 of its 3 classes"),
    ],
)
def test_a_folder_without_two_filled_classes_is_refused(tmp_path, classes, extra, sentence):
    root = tmp_path / "pets"
    root.mkdir()
    write_folder(root, classes)
    if extra:
        (root / extra).mkdir()

    with pytest.raises(DatasetRefused, match=sentence):
        load_dataset(str(root))


def test_train_and_test_folders_are_the_data_sets_own_split(tmp_path):
    root = tmp_path / "pets"
    write_folder(root / "train", each=10)
    write_folder(root / "test", each=3, start=1000)

    data = load_dataset(str(root))

    assert data.labels.names == ("cats", "dogs")
    held_out = {
        identity
        for identity, place in zip(data.ids, range(26), strict=True)
        if place in data.own_split["test"]
    }
    assert set(data.split("test").ids) == held_out
    assert len(data.split("test")) == 6
    assert (len(data.split("train")), len(data.split("validation"))) == (18, 2)
    assert select(data, DatasetSpec("pets")).split_name == "test"


def test_a_split_too_small_to_draw_is_refused(tmp_path):
    data = load_dataset(str(write_folder(tmp_path / "pets", each=1)))

    with pytest.raises(DatasetRefused, match=r"test split .* is empty"):
        data.split("test")


def test_a_picture_that_vanished_after_loading_is_left_out_and_listed(tmp_path):
    root = write_folder(tmp_path / "pets")
    data = load_dataset(str(root))
    (root / "cats" / "1.png").unlink()

    pixels, places = load_pixels(data, PIXELS)

    assert places.tolist() == [0, 2, 3, 4, 5, 6, 7]
    assert torch.equal(pixels[1], PIXELS.pixels(data[2][0]))
    (left_out,) = data.left_out
    assert left_out.reason.startswith("cats/1.png cannot be read: No such file")
    with pytest.raises(ImageRefused, match=r"cats/1\.png cannot be read"):
        data[1]


def test_a_picture_that_was_exchanged_after_loading_is_left_out_and_listed(tmp_path):
    root = write_folder(tmp_path / "pets")
    data = load_dataset(str(root))
    (root / "cats" / "1.png").write_bytes(png(seed=77))

    _, places = load_pixels(data, PIXELS)

    assert places.tolist() == [0, 2, 3, 4, 5, 6, 7]
    (left_out,) = data.left_out
    assert left_out.reason.startswith("cats/1.png is another file than when the data were read")


# Zips


@pytest.mark.parametrize("prefix", ["", "my pets/", "a/b/"])
def test_a_zip_holds_what_the_folder_holds_whatever_wraps_it(tmp_path, prefix):
    folder = load_dataset(str(write_folder(tmp_path / "pets")))
    entries = two_classes(prefix) | {"__MACOSX/pets/._0.png": b"litter"}

    zipped = load_dataset(str(write_zip(tmp_path / "pets.zip", entries)))

    assert zipped.labels == folder.labels
    assert zipped.ids == folder.ids
    assert zipped.fingerprint == folder.fingerprint
    assert np.array_equal(np.asarray(zipped[5][0]), np.asarray(folder[5][0]))


@pytest.mark.parametrize(
    "name", ["../evil.png", "cats/../../evil.png", "/etc/evil.png", "C:/x.png", "..\\evil.png"]
)
def test_a_zip_that_points_outside_of_itself_is_refused(tmp_path, name):
    path = write_zip(tmp_path / "pets.zip", two_classes() | {name: png()})

    with pytest.raises(DatasetRefused, match="points outside"):
        load_dataset(str(path))


def test_a_zip_bomb_is_refused_before_unpacking(tmp_path, monkeypatch):
    path = write_zip(tmp_path / "pets.zip", two_classes() | {"cats/zeros.bmp": bytes(70 * 2**20)})
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("it was unpacked"))

    with pytest.raises(DatasetRefused, match="zip bombs"):
        load_dataset(str(path))


@pytest.mark.parametrize(
    ("cap", "value", "sentence"),
    [("MAX_MEMBERS", 5, "holds 8 files"), ("MAX_TOTAL", 900, "would unpack to")],
)
def test_a_zip_beyond_the_caps_is_refused(tmp_path, monkeypatch, cap, value, sentence):
    monkeypatch.setattr(archive, cap, value)

    with pytest.raises(DatasetRefused, match=sentence):
        load_dataset(str(write_zip(tmp_path / "pets.zip", two_classes())))


def test_a_zip_with_one_class_is_refused(tmp_path):
    path = write_zip(tmp_path / "pets.zip", {f"cats/{i}.png": png(i) for i in range(3)})

    with pytest.raises(DatasetRefused, match="only the class 'cats'"):
        load_dataset(str(path))


def test_a_file_that_is_no_zip_is_refused(tmp_path):
    (tmp_path / "pets.zip").write_bytes(b"PK nothing")

    with pytest.raises(DatasetRefused, match="cannot be read as a zip"):
        load_dataset(str(tmp_path / "pets.zip"))


def test_a_damaged_member_is_listed_and_the_rest_is_used(tmp_path):
    path = write_zip(tmp_path / "pets.zip", two_classes())
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 30] ^= 0xFF  # inside the first picture
    path.write_bytes(data)

    loaded = load_dataset(str(path))

    assert [entry.name for entry in loaded.refused] == ["cats/0.png"]
    assert len(loaded) == 7


# Parquet


def test_a_parquet_file_names_the_classes_in_the_order_of_their_ids(tmp_path):
    rows = [row(0, 7, "crane"), row(1, 2, "zebra"), row(2, 7, "crane")]

    data = load_dataset(write_parquet(tmp_path / "a.parquet", rows))

    assert data.labels.names == ("zebra", "crane")
    assert data.labels.ids == (2, 7)
    assert data.targets.tolist() == [1, 0, 1]
    assert np.array_equal(np.asarray(data[1][0]), np.asarray(photo(1)))


def test_class_names_come_from_the_metadata_without_a_name_column(tmp_path):
    rows = [row(0, 2, ""), row(1, 0, "")]

    path = write_parquet(tmp_path / "a.parquet", rows, ("image", "label"), ["ant", "bee", "cow"])

    assert load_dataset(path).labels.names == ("ant", "cow")


def test_classes_nobody_named_are_marked_so(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", [row(0, 2, ""), row(1, 0, "")], ("image", "label"))

    labels = load_dataset(path).labels

    assert labels.names == ("class 0", "class 2")
    assert not labels.is_named


def test_unusable_rows_are_listed_and_the_rest_is_used(tmp_path):
    rows = [row(0, 0, "ant"), row(1, 1, "bee"), row(2, -1, "ant"), row(3, 0, "ant")]
    rows[3]["image"] = {"bytes": b"no picture", "path": None}
    rows.append({"image": {"bytes": None, "path": "x.png"}, "label": 0, "label_name": "ant"})

    data = load_dataset(write_parquet(tmp_path / "a.parquet", rows))

    assert len(data) == 2
    assert [entry.name for entry in data.refused] == ["row 2", "row 3", "row 4"]


def test_a_parquet_file_of_other_columns_says_what_is_expected(tmp_path):
    pq.write_table(pa.table({"x": ["a"], "label": [0]}), tmp_path / "a.parquet")

    with pytest.raises(DatasetRefused, match=r"columns x, label\. Expected are .* image.* text"):
        load_dataset(str(tmp_path / "a.parquet"))


def test_a_file_that_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"nothing of the kind")

    with pytest.raises(DatasetRefused, match="cannot be read as Parquet"):
        load_dataset(str(tmp_path / "a.parquet"))


def test_the_shared_imagenet_half_is_named_by_its_ids(shared_data):
    data = load_dataset(str(shared_data / "imagenet" / "dev.parquet"))

    assert (len(data), len(data.labels)) == (500, 500)
    assert data.labels.ids == tuple(range(0, 1000, 2))
    assert data.labels.names[:2] == ("tench", "great white shark")


# References


@pytest.mark.parametrize(
    ("reference", "kind", "sentence"),
    [
        ("digitz", UnknownName, "Nearest choices: digits"),
        ("no/such/folder", DatasetRefused, "no file"),
        ("gone.parquet", DatasetRefused, "no file"),
    ],
)
def test_an_unknown_reference_is_a_sentence(reference, kind, sentence):
    with pytest.raises(kind, match=sentence):
        load_dataset(reference)


def test_another_kind_of_file_is_refused(tmp_path):
    (tmp_path / "data.xlsx").write_text("a,b")

    with pytest.raises(DatasetRefused, match=r"neither a folder, a \.zip, a \.parquet, a table"):
        load_dataset(str(tmp_path / "data.xlsx"))


def test_unknown_splits_and_limits_are_sentences():
    with pytest.raises(UnknownName, match="validation"):
        load_dataset("digits", "validatoin")
    with pytest.raises(ConfigError, match="limit"):
        load_dataset("digits", limit=0)


def test_cifar10_without_a_network_says_what_to_put_where(tmp_path):
    with pytest.raises(DatasetRefused, match=r"cifar-10-python\.tar\.gz into that folder"):
        load_dataset("cifar10")


# Pixels


def test_streamed_batches_equal_the_pixels_loaded_at_once():
    digits = load_dataset("digits", "test", limit=50)

    loaded, _ = load_pixels(digits, PIXELS)
    streamed = list(batches(digits, PIXELS, 16))

    assert loaded.dtype == torch.uint8
    assert [len(y) for _, y, _ in streamed] == [16, 16, 16, 2]
    x = torch.cat([x for x, _, _ in streamed])
    assert torch.equal((x * 255).round().to(torch.uint8), loaded)
    assert torch.equal(x[7], PIXELS.geometry(digits[7][0]))
    assert torch.equal(torch.cat([y for _, y, _ in streamed]), torch.from_numpy(digits.targets))
    assert torch.equal(torch.cat([i for _, _, i in streamed]), torch.arange(50))


def test_reading_pixels_tells_its_progress():
    told = []

    load_pixels(
        load_dataset("digits", limit=200),
        PIXELS,
        lambda done, total, message, **metrics: told.append((done, total)),
    )

    assert told[-1] == (200, 200)
    assert len(told) > 1


def test_a_stream_abandoned_early_decodes_only_a_few_batches_ahead():
    digits = load_dataset("digits")
    opened = []
    counting = type(digits)(
        **{**digits.__dict__, "open": lambda i: opened.append(i) or digits.open(i)}
    )

    stream = batches(counting, PIXELS, 8)
    next(stream)
    stream.close()

    assert 8 <= len(opened) < 300


def test_an_archive_can_be_read_by_several_threads(tmp_path):
    entries = {
        f"{name}/{i}.png": png(seed=1000 * k + i, size=(40, 40))
        for k, name in enumerate(("cats", "dogs"))
        for i in range(150)
    }
    data = load_dataset(str(write_zip(tmp_path / "pets.zip", entries)))

    loaded, _ = load_pixels(data, PIXELS)

    assert torch.equal(loaded[211], PIXELS.pixels(data[211][0]))


def test_a_spec_says_everything_that_is_loaded():
    found = load_dataset(DatasetSpec("digits", "test", 20, seed=3))

    assert found.ids == load_dataset("digits", "test", limit=20, seed=3).ids
    assert len(load_dataset(DatasetSpec("digits"))) == 1797

"""Parquet files in the forms of the Hub and of pandas: shards, parts, paths, other columns."""

import datetime
import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
from made_data import pictures_column, write_files, write_parquet, write_pictures

from usable_core.datasets import load_dataset
from usable_core.errors import DatasetRefused


def shard(path, labels, **more):
    labels = pa.array(labels, pa.int64())
    return write_parquet(path, image=pictures_column(len(labels)), label=labels, **more)


def counts(data):
    return {part: len(rows) for part, rows in (data.own_split or {}).items()}


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (
            ["data/train-00000-of-00002", "data/train-00001-of-00002", "data/test-00000-of-00001"],
            {"train": 4, "test": 2},
        ),
        (["train/0000", "train/0001", "dev/0000"], {"train": 4, "validation": 2}),
        (["default/train/0000", "default/partial-test/0000"], {"train": 2, "test": 2}),
        (["cifar10-train", "cifar10-test"], {"train": 2, "test": 2}),
        (["0000", "0001"], {}),
    ],
)
def test_a_folder_of_shards_is_one_data_set_with_its_parts(tmp_path, names, parts):
    for name in names:
        shard(tmp_path / "hub" / f"{name}.parquet", [0, 1])
    write_files(tmp_path / "hub", README_md="---\nlicense: mit\n---\n")

    data = load_dataset(str(tmp_path / "hub"))

    assert counts(data) == parts
    assert data.targets.tolist() == [0, 1] * len(names)
    assert [np.asarray(data[i][0]).shape for i in range(len(data))] == [(8, 8, 3)] * len(data)
    assert len(set(data.ids)) == len(data)


def test_parts_of_shards_hold_their_own_rows(tmp_path):
    shard(tmp_path / "train.parquet", [0, 1, 0])
    shard(tmp_path / "test.parquet", [1, 0])

    data = load_dataset(str(tmp_path))

    alone = load_dataset(str(tmp_path / "test.parquet"))
    assert data.split("test").ids == alone.ids
    assert data.split("test").targets.tolist() == [1, 0]


def test_unusual_names_of_shards_parts_are_said(tmp_path):
    shard(tmp_path / "train-00000-of-00001.parquet", [0, 1])
    shard(tmp_path / "test20_png.parquet", [0, 1])

    data = load_dataset(str(tmp_path))

    assert data.notes == ("Read as parts of the data set: test20_png as test.",)


def test_shards_in_a_zip_are_read_too(tmp_path):
    shard(tmp_path / "hub" / "data" / "train-00000-of-00001.parquet", [0, 1])
    shard(tmp_path / "hub" / "data" / "test-00000-of-00001.parquet", [1, 0])
    plain = load_dataset(str(tmp_path / "hub"))

    data = load_dataset(shutil.make_archive(str(tmp_path / "hub"), "zip", tmp_path / "hub"))

    assert (data.ids, data.fingerprint) == (plain.ids, plain.fingerprint)
    assert counts(data) == {"train": 2, "test": 2}


def test_a_file_beside_the_parts_is_left_out_and_listed(tmp_path):
    shard(tmp_path / "data" / "train-0-of-1.parquet", [0, 1])
    shard(tmp_path / "data" / "test-0-of-1.parquet", [0, 1])
    shard(tmp_path / "data" / "unsupervised-0-of-1.parquet", [0, 1])

    (refused,) = load_dataset(str(tmp_path)).refused

    assert refused.name == "data/unsupervised-0-of-1.parquet"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda root: [shard(root / c / "train" / "0.parquet", [0, 1]) for c in ("de", "fr")],
            ["several data sets", "'de', 'fr'"],
        ),
        (
            lambda root: [shard(root / "a.parquet", [0]), write_pictures(root, "cat/", "dog/")],
            ["class folders and in Parquet files", "a.parquet"],
        ),
    ],
)
def test_several_data_sets_in_one_folder_are_refused(tmp_path, make, words):
    make(tmp_path)

    with pytest.raises(DatasetRefused) as refused:
        load_dataset(str(tmp_path))

    assert all(word in str(refused.value) for word in words), str(refused.value)


def test_a_parquet_file_of_something_else_decides_nothing(tmp_path):
    write_pictures(tmp_path, "cat/", "dog/")
    write_parquet(tmp_path / "embeddings.parquet", vector=pa.array([0.1, 0.2]))

    data = load_dataset(str(tmp_path))

    assert data.labels.names == ("cat", "dog")
    assert [one.name for one in data.refused] == ["embeddings.parquet"]


def test_shards_that_lack_a_class_say_so(tmp_path):
    shard(tmp_path / "train.parquet", [0, 1])
    shard(tmp_path / "test.parquet", [1, 1])

    data = load_dataset(str(tmp_path))

    assert data.notes == ("The test part has no picture of 1 of the 2 classes.",)


# Pictures


def paths(count):
    return pa.array([f"images/{i}.png" for i in range(count)])


@pytest.mark.parametrize(
    "columns",
    [
        lambda root: {"image": pictures_column(4, as_bytes=False, at=root)},
        lambda root: {"image": pa.array([f"{i}.png" for i in range(4)])},
        lambda root: {"file_name": pa.array([f"./{i}.png" for i in range(4)])},
        lambda root: {"path": pa.array([f"{i}.png" for i in range(4)]).dictionary_encode()},
        lambda root: {"image": pictures_column(4).field("bytes")},
        lambda root: {"img": pictures_column(4).field("bytes").cast(pa.large_binary())},
    ],
    ids=["struct", "image is a path", "file_name", "category", "bytes", "large"],
)
def test_pictures_are_bytes_or_lie_beside_the_file(tmp_path, columns):
    write_pictures(tmp_path, *(f"{i}.png" for i in range(4)))
    labels = pa.array([0, 1, 0, 1], pa.int8())
    path = write_parquet(tmp_path / "d.parquet", **columns(tmp_path), label=labels)

    data = load_dataset(str(path))

    assert data.targets.tolist() == [0, 1, 0, 1]
    assert data.refused == ()
    assert [np.asarray(data[i][0]).shape for i in range(4)] == [(8, 8, 3)] * 4


@pytest.mark.parametrize("place", ["../secret.png", "/secret.png", "a/../../secret.png"])
def test_a_path_that_leads_outside_is_listed_and_not_read(tmp_path, place):
    write_pictures(tmp_path, "secret.png", "data/0.png", "data/1.png")
    image = pa.array(["0.png", "1.png", place])
    path = write_parquet(tmp_path / "data" / "d.parquet", image=image, label=pa.array([0, 1, 1]))

    (refused,) = load_dataset(str(path)).refused

    assert refused.name == "row 2"
    assert "points outside of the data" in refused.reason


# Labels


CAT_DOG = ["cat", "dog", "cat", "dog"]


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ({"labels": pa.array([0, 1, 0, 1])}, ("class 0", "class 1")),
        ({"target": pa.array([0, 1, 0, 1], pa.uint8())}, ("class 0", "class 1")),
        ({"label": pa.array([3.0, 7.0, 3.0, 7.0])}, ("class 3", "class 7")),
        ({"class": pa.array(CAT_DOG)}, ("cat", "dog")),
        ({"label": pa.array(CAT_DOG).dictionary_encode()}, ("cat", "dog")),
        ({"category": pa.array(CAT_DOG, pa.large_string())}, ("cat", "dog")),
        ({"y": pa.array([False, True, False, True])}, ("False", "True")),
        ({"labels": pa.array([[0], [1], [0], [1]])}, ("class 0", "class 1")),
    ],
)
def test_labels_have_other_names_and_types(tmp_path, columns, names):
    path = write_parquet(tmp_path / "d.parquet", image=pictures_column(4), **columns)

    data = load_dataset(str(path))

    assert data.labels.names == names
    assert data.targets.tolist() == [0, 1, 0, 1]


def test_a_label_that_is_missing_leaves_its_row_out(tmp_path):
    labels = pa.array([0.0, 1.0, None, float("nan")])
    path = write_parquet(tmp_path / "d.parquet", image=pictures_column(4), label=labels)

    data = load_dataset(str(path))

    assert [(one.name, one.reason) for one in data.refused] == [
        ("row 2", "has no label"),
        ("row 3", "has no label"),
    ]


def test_the_fine_labels_are_taken_and_this_is_said(tmp_path):
    features = {"fine_label": {"names": ["ant", "bee"], "_type": "ClassLabel"}}
    path = write_parquet(
        tmp_path / "d.parquet",
        {"huggingface": json.dumps({"info": {"features": features}})},
        img=pictures_column(2),
        coarse_label=pa.array([0, 0]),
        fine_label=pa.array([1, 0]),
    )

    data = load_dataset(str(path))

    assert data.labels.names == ("ant", "bee")
    assert data.targets.tolist() == [1, 0]
    assert data.notes == ("The labels are those of the column fine_label, not of coarse_label.",)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"weight": pa.array([1, 2])}, ["columns image, weight", "fine_label", "category"]),
        ({"label": pa.array([0.5, 1.0])}, ["column label", "holds 0.5, a float", "whole numbers"]),
        ({"label": pa.array([[0, 1], [1]])}, ["column label", "several labels of one picture"]),
        ({"label": pa.array([{"id": 1}, {"id": 2}])}, ["column label", "a dict"]),
    ],
)
def test_labels_that_are_not_clear_are_a_sentence(tmp_path, columns, words):
    path = write_parquet(tmp_path / "d.parquet", image=pictures_column(2), **columns)

    with pytest.raises(DatasetRefused) as refused:
        load_dataset(str(path))

    assert all(word in str(refused.value) for word in words), str(refused.value)


def test_numbers_in_one_shard_and_names_in_another_are_refused(tmp_path):
    shard(tmp_path / "train.parquet", [0, 1])
    names = pa.array(["a", "b"])
    write_parquet(tmp_path / "test.parquet", image=pictures_column(2), label=names)

    with pytest.raises(DatasetRefused, match="numbers in one file and names in another"):
        load_dataset(str(tmp_path))


def test_other_columns_are_kept_with_their_pictures(tmp_path):
    """Numbers, texts, dates and truth values; lists, bytes and constants are not."""
    days = [datetime.date(2024, 1, 1 + i) for i in range(4)]
    shard(
        tmp_path / "a.parquet",
        [0, 1, 0, 1],
        camera=pa.array(["x", None, "x", "y"]),
        lux=pa.array([1.5, 2.5, None, 4.0]),
        night=pa.array([True, False, True, None]),
        day=pa.array(days),
        kind=pa.array(["p", "q", "p", "q"]).dictionary_encode(),
        same=pa.array([7, 7, 7, 7]),
        boxes=pa.array([[1], [2], [3], [4]]),
        raw=pa.array([b"1", b"2", b"3", b"4"]),
    )
    data = load_dataset(str(tmp_path / "a.parquet"))
    assert dict(data.columns) == {
        "camera": ("x", None, "x", "y"),
        "lux": (1.5, 2.5, None, 4.0),
        "night": ("true", "false", "true", None),
        "day": tuple(day.isoformat() for day in days),
        "kind": ("p", "q", "p", "q"),
    }


def test_columns_follow_the_rows_that_are_kept_and_the_shards_that_have_them(tmp_path):
    shard(tmp_path / "hub" / "0.parquet", [0, -1, 1], lux=pa.array([4, 5, 6]))
    shard(tmp_path / "hub" / "1.parquet", [0, 1, 1])
    data = load_dataset(str(tmp_path / "hub"))
    assert data.columns["lux"] == (4.0, 6.0, None, None, None)

"""Folders as people have them: parts by name and form, stray files, links, foreign names."""

import os
import struct
import zipfile

import numpy as np
import pytest
from made_data import write_files, write_pictures
from made_pictures import png

from usable_core.datasets import load_dataset
from usable_core.datasets.parts import is_fold, part_of, part_within
from usable_core.errors import DatasetRefused
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.files import write_json
from usable_core.runs.store import RunStore


def two_classes(*parts):
    return [f"{part}/{name}/" for part in parts for name in ("cat", "dog")]


def counts(data):
    return {part: len(rows) for part, rows in (data.own_split or {}).items()}


def read(root, *places):
    return load_dataset(str(write_pictures(root / "data", *places)))


# Parts


@pytest.mark.parametrize(
    ("name", "part"),
    [
        *(("train", "train"), ("Training", "train"), ("TRAIN", "train"), ("train2017", "train")),
        *(("trainset", "train"), ("train_images", "train"), ("images-train", "train")),
        *(("val", "validation"), ("valid", "validation"), ("dev", "validation")),
        *(("Devel", "validation"), ("val_split", "validation"), ("validation-set", "validation")),
        *(("test", "test"), ("Test_set", "test"), ("eval", "test"), ("evaluation", "test")),
        *(("holdout", "test"), ("hold_out", "test"), ("Hold-Out Set", "test")),
        *(
            ("cat", None),
            ("trainers", None),
            ("test_tube", None),
            ("data", None),
            ("invalid", None),
        ),
        *(("contest", None), ("bullet train", None), ("set", None)),
    ],
)
def test_what_a_folder_is_called_says_whether_it_is_a_part(name, part):
    assert part_of(name) == part


def test_a_word_within_a_name_is_a_part_only_where_it_is_the_only_one():
    assert part_within("seg_train") == part_within("cifar10Train") == "train"
    assert part_within("train_test") is None
    assert part_within("trainers") is None
    assert is_fold("fold_3")
    assert is_fold("split1")
    assert not is_fold("folder")


@pytest.mark.parametrize(
    ("places", "parts"),
    [
        (two_classes("train", "dev"), {"train": 4, "validation": 4}),
        (two_classes("train", "eval"), {"train": 4, "test": 4}),
        (two_classes("train", "eval", "test"), {"train": 4, "validation": 4, "test": 4}),
        (two_classes("Training", "Test_set"), {"train": 4, "test": 4}),
        (two_classes("train2017", "val2017"), {"train": 4, "validation": 4}),
        (two_classes("pets/train", "pets/test"), {"train": 4, "test": 4}),
        (two_classes("images/train", "images/val"), {"train": 4, "validation": 4}),
        (two_classes("train/images", "holdout/images"), {"train": 4, "test": 4}),
        (two_classes("seg_train", "seg_test"), {"train": 4, "test": 4}),
        (
            [*two_classes("seg_train/seg_train", "seg_test/seg_test"), "seg_pred/seg_pred/"],
            {"train": 4, "test": 4},
        ),
        (["cat/train/", "cat/test/", "dog/train/", "dog/test/"], {"train": 4, "test": 4}),
        ([*two_classes("train", "test"), "unlabelled/"], {"train": 4, "test": 4}),
        (two_classes("train", "pet_test"), {"train": 4, "test": 4}),
        ([*two_classes("train", "test"), "test_of_many/"], {"train": 4, "test": 4}),
    ],
)
def test_parts_are_known_by_name_and_form(tmp_path, places, parts):
    data = read(tmp_path, *places)

    assert data.labels.names == ("cat", "dog")
    assert counts(data) == parts
    assert np.bincount(data.targets).tolist() == [sum(parts.values()) // 2] * 2


def test_unusual_names_of_parts_are_said_and_usual_ones_are_not(tmp_path):
    assert read(tmp_path / "a", *two_classes("train", "test")).notes == ()
    (note,) = read(tmp_path / "b", *two_classes("train", "dev")).notes
    assert note == "Read as parts of the data set: dev as validation."


def test_a_flat_folder_without_labels_is_named_and_left_out(tmp_path):
    data = read(tmp_path, *two_classes("train"), "test/")

    assert data.labels.names == ("cat", "dog")
    assert [one.name for one in data.refused] == ["test/0.png", "test/1.png"]
    assert data.notes == (
        "2 files were left out, such as test/0.png: It is in 'test', which has no class folders.",
    )


def test_stray_files_decide_nothing(tmp_path):
    root = write_pictures(tmp_path / "data", *two_classes("train", "test"))
    plain = load_dataset(str(root))
    write_files(root, train___classes_csv="filename,cat,dog\n0.png,1,0\n", README_md="# Pets")
    write_files(root, train__cat__notes_txt="later", docs__paper_pdf=b"%PDF", test___DS_Store=b"x")
    write_files(root, annotations__0_xml="<a/>")

    data = load_dataset(str(root))

    assert (data.labels, data.fingerprint) == (plain.labels, plain.fingerprint)
    assert counts(data) == {"train": 4, "test": 4}
    names = {one.name for one in data.refused}
    assert {"README.md", "train/_classes.csv", "docs/paper.pdf", "annotations/0.xml"} <= names


def test_a_folder_without_pictures_is_no_class(tmp_path):
    root = write_pictures(tmp_path / "data", "cat/", "dog/")
    write_files(root, annotations__0_xml="<a/>", code__split_py="import this")

    assert load_dataset(str(root)).labels.names == ("cat", "dog")


@pytest.mark.parametrize(
    ("places", "words"),
    [
        (["train/", "bus/", "car/"], ["two ways", "'class=train'"]),
        (["valid/", "invalid/"], ["two ways", "'class=valid'"]),
        (["train/cat/", "train/dog/", "extra/"], ["two ways", "'class=train'", "'extra'"]),
        (["train/", "test/"], ["nothing says the classes", "table"]),
        (["my_train/", "pet_test/"], ["nothing says the classes"]),
        (two_classes("train", "test", "extra"), ["'extra'", "same classes"]),
        (two_classes("train", "val", "valid"), ["'val', 'valid'", "one part"]),
        (two_classes("art", "photo"), ["two ways", "'cat', 'dog'", "'class=art'"]),
        (two_classes(*(f"fold{i}" for i in range(5))), ["numbered folds 'fold0'", "held out"]),
        ([f"split_{i}/" for i in range(3)], ["numbered folds", "'class=split_0'"]),
        (["train/train/", "train/bus/", "test/train/", "test/bus/"], ["'class=train'"]),
        (["train/Cat/", "train/dog/", "test/cat/", "test/dog/"], ["'Cat', which differs"]),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_with_the_way_out(tmp_path, places, words):
    with pytest.raises(DatasetRefused) as refused:
        read(tmp_path, *places)

    assert all(word in str(refused.value) for word in words), str(refused.value)


@pytest.mark.parametrize(
    ("places", "classes"),
    [
        (["class=train/", "bus/", "car/"], ("bus", "car", "train")),
        (["class=art/cat/", "class=art/dog/", "photo/cat/", "photo/dog/"], ("art", "photo")),
        (["train/class=train/", "train/bus/", "test/class=train/", "test/bus/"], ("bus", "train")),
        (["class=fold0/", "fold1/"], ("fold0", "fold1")),
    ],
)
def test_a_folder_may_say_that_it_is_a_class(tmp_path, places, classes):
    assert read(tmp_path, *places).labels.names == classes


def test_class_folders_may_have_folders_inside(tmp_path):
    data = read(tmp_path, "cat/siamese/", "cat/persian/", "dog/pug/", "dog/images/")

    assert data.labels.names == ("cat", "dog")
    assert len(data) == 8


def test_a_class_without_a_readable_picture_in_test_is_said_and_in_train_refused(tmp_path):
    root = write_pictures(tmp_path / "data", *two_classes("train", "test"))
    (root / "test" / "cat" / "0.png").write_bytes(b"nothing")
    (root / "test" / "cat" / "1.png").write_bytes(b"nothing")

    assert load_dataset(str(root)).notes == ("The test part has no picture of 1 of the 2 classes.",)

    (root / "train" / "dog" / "0.png").write_bytes(b"nothing")
    (root / "train" / "dog" / "1.png").write_bytes(b"nothing")
    with pytest.raises(DatasetRefused, match=r"train part of .* no usable picture .*'dog'"):
        load_dataset(str(root))


def test_parts_without_train_never_lend_their_pictures_to_it(tmp_path):
    data = read(tmp_path, *two_classes("val", "test"))

    assert len(data.split("test")) == len(data.split("validation")) == 4
    with pytest.raises(DatasetRefused, match=r"parts test, validation, .* for the train split"):
        data.split("train")


def test_an_archive_within_the_folder_is_named(tmp_path):
    root = write_pictures(tmp_path / "data")
    root.mkdir()
    with zipfile.ZipFile(root / "train.zip", "w") as file:
        file.writestr("cat/0.png", png())

    with pytest.raises(DatasetRefused, match=r"train\.zip: It is an archive\. Unpack it"):
        load_dataset(str(root))


# Links


def test_links_to_folders_are_followed_and_circles_are_not(tmp_path):
    source = write_pictures(tmp_path / "source", "cat/", "dog/")
    plain = load_dataset(str(source))
    root = tmp_path / "data"
    root.mkdir()
    for name in ("cat", "dog"):
        (root / name).symlink_to(source / name)
    (source / "cat" / "up").symlink_to(root)
    (root / "dog2.png").symlink_to(source / "gone.png")

    data = load_dataset(str(root))

    assert data.labels.names == ("cat", "dog")
    assert (data.ids, data.fingerprint) == (plain.ids, plain.fingerprint)
    assert np.array_equal(np.asarray(data[3][0]), np.asarray(plain[3][0]))
    assert {one.name: one.reason for one in data.refused} == {
        "cat/up": "It is a link to a folder that it lies in.",
        "dog2.png": "It is a link that leads nowhere.",
    }


def test_a_pipe_in_the_folder_is_not_waited_for(tmp_path):
    root = write_pictures(tmp_path / "data", "cat/", "dog/")
    os.mkfifo(root / "cat" / "pipe.png")

    (refused,) = load_dataset(str(root)).refused

    assert refused.reason == "It is no file."


# Names


def test_a_folder_whose_name_is_not_utf8_is_read_and_can_be_stored(tmp_path):
    root = write_pictures(tmp_path / "data", "x/", "dog/")
    os.rename(os.fsencode(root) + b"/x", os.fsencode(root) + b"/caf\xe9")  # noqa: PTH104

    data = load_dataset(str(root))

    assert data.labels.names == ("café", "dog")
    assert len([data[i] for i in range(4)]) == 4
    assert "not UTF-8" in data.notes[0]
    write_json(tmp_path / "names.json", {"names": data.labels.names})
    assert "café" in (tmp_path / "names.json").read_text(encoding="utf-8")


def test_two_files_that_only_an_encoding_tells_apart_are_refused(tmp_path):
    root = write_pictures(tmp_path / "data", "cat/", "dog/é.png")
    (root / "dog" / "x.png").write_bytes(png())
    os.rename(os.fsencode(root) + b"/dog/x.png", os.fsencode(root) + b"/dog/\xe9.png")  # noqa: PTH104

    with pytest.raises(DatasetRefused, match=r"two files called dog/é\.png"):
        load_dataset(str(root))


def test_a_path_that_is_not_utf8_is_part_of_a_stored_question(tmp_path):
    config = AccuracyConfig(ModelSpec("bundled/resnet"), DatasetSpec(os.fsdecode(b"/caf\xe9")))

    write_json(tmp_path / "config.json", config)

    assert b"/caf\\udce9" in (tmp_path / "config.json").read_bytes()


def unmarked(data):
    """A zip file whose names are not marked as UTF-8."""
    data = bytearray(data)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(signature)
        while place >= 0:
            (flags,) = struct.unpack_from("<H", data, place + offset)
            struct.pack_into("<H", data, place + offset, flags & ~0x800)
            place = data.find(signature, place + 4)
    return bytes(data)


@pytest.mark.parametrize("old", [False, True])
def test_names_in_a_zip_without_the_mark_are_read_as_utf8_or_else_as_code_page_437(tmp_path, old):
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name in ("café", "dog"):
            file.writestr(f"{name}/0.png", png(len(name)))
    data = unmarked(path.read_bytes())
    e = "é".encode()
    path.write_bytes(data.replace(b"caf" + e, b"caf\x82s") if old else data)  # \x82: é of DOS

    loaded = load_dataset(str(path))

    assert loaded.labels.names == ("cafés" if old else "café", "dog")
    assert "not marked as UTF-8" in loaded.notes[0]
    assert loaded[0][0].size == (24, 16)


def test_a_link_in_a_zip_is_never_followed(tmp_path):
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name in ("cat", "dog"):
            file.writestr(f"{name}/0.png", png(len(name)))
        link = zipfile.ZipInfo("dog/secret.png")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")

    (refused,) = load_dataset(str(path)).refused

    assert refused.reason == "dog/secret.png is a link, not a picture."


def test_a_path_that_is_not_utf8_can_be_in_the_run_store():
    question = AccuracyConfig(ModelSpec("bundled/resnet"), DatasetSpec(os.fsdecode(b"/caf\xe9")))

    kept = RunStore().get(RunStore().create(question).id)

    assert kept.title.endswith("caf\\udce9")
    assert kept.config.dataset.reference == os.fsdecode(b"/caf\xe9")

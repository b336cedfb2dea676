"""Pictures whose labels are in a table beside them, and what a table may not do."""

import json

import pytest
from made_data import write_files, write_pictures

from usable_core.datasets import load_dataset
from usable_core.errors import DatasetRefused

FOUR = [f"train/{i}.png" for i in range(4)]


def labels_of(data):
    return [data.labels.names[target] for target in data.targets]


def counts(data):
    return {part: len(rows) for part, rows in (data.own_split or {}).items()}


def lines(header, *rows):
    return "\n".join([header, *rows]) + "\n"


BY_HAND = lines("file_name,label", "0.png,b", "1.png,a", "2.png,b", "3.png,a")


@pytest.mark.parametrize(
    "files",
    [
        {"train__metadata_csv": BY_HAND},
        {"metadata_csv": BY_HAND.replace("\n", "\ntrain/").removesuffix("train/")},
        {"labels_csv": BY_HAND.replace(".png", "").replace("file_name,label", "id,breed")},
        {"labels_tsv": BY_HAND.replace(",", "\t")},
        {"train__labels_csv": b"\xef\xbb\xbf" + BY_HAND.replace(",", " ; ").encode()},
        {"labels_csv": BY_HAND.replace("\n", "\r\n").encode("utf-16")},
        {
            "train___classes_csv": lines(
                "filename, a, b", "0.png, 0, 1", "1.png, 1, 0", "2.png, 0, 1", "3.png, 1, 0"
            )
        },
        {
            "train__metadata_jsonl": "".join(
                json.dumps({"file_name": f"{i}.png", "label": "ba"[i % 2]}) + "\n" for i in range(4)
            )
        },
        {
            "data_csv": lines(
                "Unnamed: 0,Image Path,Class,width",
                *(f"{i},train\\{i}.png,{'ba'[i % 2]},8" for i in range(4)),
            )
        },
    ],
    ids=["metadata", "top", "Kaggle", "tabs", "BOM", "UTF-16", "one-hot", "jsonl", "Windows"],
)
def test_labels_are_read_from_tables_of_many_kinds(tmp_path, files):
    root = write_files(write_pictures(tmp_path / "data", *FOUR), **files)

    data = load_dataset(str(root))

    assert labels_of(data) == ["b", "a", "b", "a"]
    assert data.refused == ()
    assert data[3][0].size == (8, 8)


def test_whole_numbers_are_ids_of_classes_without_names(tmp_path):
    table = lines("file,label", "0.png,10", "1.png,2.0", "2.png,2", "3.png,10")
    root = write_files(write_pictures(tmp_path / "data", *FOUR), labels_csv=table)

    data = load_dataset(str(root))

    assert (data.labels.names, data.labels.ids) == (("class 2", "class 10"), (2, 10))
    assert not data.labels.is_named
    assert data.targets.tolist() == [1, 0, 0, 1]


PARTED = ["train/0.png", "train/1.png", "test/0.png", "test/1.png"]
TWO = lines("image_id,target", "0,a", "1,b")


@pytest.mark.parametrize(
    ("places", "files"),
    [
        (PARTED, {"train_csv": TWO, "test_csv": lines("image_id,target", "0,b", "1,a")}),
        (PARTED, {"train__l_csv": TWO, "test__l_csv": lines("image_id,target", "0,b", "1,a")}),
        (
            [f"all/{i}.png" for i in range(4)],
            {
                "d_csv": lines(
                    *("path,y,split", "all/0.png,b,Test", "all/1.png,a,Test"),
                    *("all/2.png,a,training", "all/3.png,b,training"),
                )
            },
        ),
        (
            ["Train/0/0.png", "Train/1/1.png", "Test/0.png", "Test/1.png"],  # GTSRB
            {
                "Train_csv": lines("Width,ClassId,Path", "8,7,Train/0/0.png", "8,9,Train/1/1.png"),
                "Test_csv": lines("Width,ClassId,Path", "8,9,Test/0.png", "8,7,Test/1.png"),
            },
        ),
    ],
    ids=["tables", "folders", "column", "GTSRB"],
)
def test_a_table_says_the_part_by_its_name_its_place_or_a_column(tmp_path, places, files):
    data = load_dataset(str(write_files(write_pictures(tmp_path / "data", *places), **files)))

    assert counts(data) == {"test": 2, "train": 2}
    names = data.labels.names
    parts = {p: [labels_of(data)[i] for i in rows] for p, rows in data.own_split.items()}
    assert parts == {"test": [names[1], names[0]], "train": [names[0], names[1]]}


def test_a_form_for_answers_and_pictures_that_no_table_names_are_no_examples(tmp_path):
    root = write_pictures(tmp_path / "data", *FOUR[:3], "test/9.png")
    table = lines("id,label", "0,a", "1,b", "2,", "7,a")
    write_files(root, train_csv=table, sample_submission_csv=lines("id,label", "9,a"))

    data = load_dataset(str(root))

    assert len(data) == 2
    assert {one.name: one.reason for one in data.refused} == {
        "sample_submission.csv": "No table of labels names it.",
        "test/9.png": "No table of labels names it.",
        "train/2.png": "The table of labels gives it none.",
        "7": "train.csv names it, but it is not there, or several are called so.",
    }


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (lines("file,label", "/etc/passwd,a", "../0.png,b"), ["'../0.png' points outside"]),
        (lines("file,label", "C:\\0.png,a", "http://x/0.png,b"), ["points outside of the data"]),
        (lines("file,width,height", "0.png,3,4", "1.png,5,6"), ["(file, width, height)", "label"]),
        (lines("file,label", "0.png,3.5", "1.png,4.5"), ["holds 3.5", "whole numbers or names"]),
        (lines("file,cat,dog", "0.png,1,1", "1.png,0,1"), ["Row 1", "several labels (cat, dog)"]),
        (lines("file,label", "0.png,a", "1.png,b", "0.png,b"), ["0.png is labelled 'a' and"]),
        (lines("file,label", "0.png,a", "1.png,a"), ["only the class 'a'"]),
    ],
)
def test_a_table_that_cannot_be_used_is_a_sentence(tmp_path, table, words):
    root = write_pictures(tmp_path / "outer", "0.png") / "data"
    write_files(write_pictures(root, *FOUR), train__labels_csv=table)

    with pytest.raises(DatasetRefused) as refused:
        load_dataset(str(root / "train"))

    assert all(word in str(refused.value) for word in words), str(refused.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{nope", ["Line 1", "no JSON"]),
        ("[1]", ["Line 1", "no JSON object"]),
        ('{"file_name": "0.png", "label": {"id": 1}}', ["holds {'id': 1}, a dict"]),
        ('{"file_name": "0.png", "label": [1, 2]}', ["several labels of one picture"]),
    ],
)
def test_lines_of_json_that_are_no_labels_are_a_sentence(tmp_path, line, words):
    root = write_files(write_pictures(tmp_path / "data", *FOUR), train__metadata_jsonl=line + "\n")

    with pytest.raises(DatasetRefused) as refused:
        load_dataset(str(root))

    assert all(word in str(refused.value) for word in words), str(refused.value)


def test_a_path_may_lead_up_as_long_as_it_stays_inside(tmp_path):
    table = lines("file,label", *(f"../train/{i}.png,{'ab'[i % 2]}" for i in range(4)))
    root = write_files(write_pictures(tmp_path / "data", *FOUR), tables__labels_csv=table)

    assert labels_of(load_dataset(str(root))) == ["a", "b", "a", "b"]


def test_a_table_that_agrees_with_the_folders_changes_nothing(tmp_path):
    root = write_pictures(tmp_path / "data", "cat/", "dog/")
    plain = load_dataset(str(root))
    rows = [f"{name}/{i}.png,{label}" for name, label in (("cat", 3), ("dog", 1)) for i in (0, 1)]
    write_files(root, labels_csv=lines("file,label", *rows))

    data = load_dataset(str(root))

    assert (data.labels, data.fingerprint) == (plain.labels, plain.fingerprint)


@pytest.mark.parametrize(
    "table",
    [lines("file,target", "cat/0.png,0.5"), "file,label\n" + "x" * 200_000, '"', "\n"],
    ids=["numbers", "huge", "quote", "empty"],
)
def test_a_table_of_something_else_beside_class_folders_decides_nothing(tmp_path, table):
    root = write_pictures(tmp_path / "data", "cat/", "dog/")
    plain = load_dataset(str(root))

    data = load_dataset(str(write_files(root, stray_csv=table, stray_jsonl="{nope")))

    assert (data.labels, data.fingerprint, data.notes) == (plain.labels, plain.fingerprint, ())
    assert {one.name for one in data.refused} == {"stray.csv", "stray.jsonl"}


def test_a_table_without_clear_labels_beside_folders_is_said(tmp_path):
    root = write_pictures(tmp_path / "data", "part_1/", "part_2/")
    table = lines("lesion,image,dx,age", "9,part_1/0.png,nv,80", "8,part_2/0.png,mel,70")

    (note,) = load_dataset(str(write_files(root, metadata_csv=table))).notes

    assert note.startswith("The classes are the folders. metadata.csv names pictures, but which")


def test_a_table_that_cannot_be_read_beside_one_that_is_used_is_said(tmp_path):
    root = write_files(write_pictures(tmp_path / "data", *FOUR), train__a_csv=BY_HAND)

    (note,) = load_dataset(str(write_files(root, train__b_jsonl="{nope"))).notes

    assert note.startswith("Line 1 of train/b.jsonl is no JSON")


@pytest.mark.parametrize("rows", [["cat/0.png,a", "cat/1.png,b"], ["cat/0.png,a", "dog/0.png,a"]])
def test_a_table_that_contradicts_the_folders_is_refused_with_both_readings(tmp_path, rows):
    root = write_pictures(tmp_path / "data", "cat/", "dog/")
    write_files(root, labels_csv=lines("file,label", *rows))

    with pytest.raises(DatasetRefused, match=r"two ways: its table .* remove the table; if"):
        load_dataset(str(root))


ABOUT = lines(
    "file_name,label,camera,lux,when",
    "0.png,b,x,1,2024-01-01",
    "1.png,a,,2,2024-01-02",
    "2.png,b,x,,2024-01-03",
    "3.png,a,y,4,2024-01-04",
)


def test_other_columns_of_a_table_are_kept_with_their_pictures(tmp_path):
    write_files(write_pictures(tmp_path, *FOUR), train__metadata_csv=ABOUT)
    data = load_dataset(str(tmp_path))
    assert dict(data.columns) == {
        "camera": ("x", None, "x", "y"),
        "lux": (1.0, 2.0, None, 4.0),
        "when": ("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"),
    }


def test_a_table_beside_class_folders_says_more_of_their_pictures(tmp_path):
    """It lists two of the four, in another order."""
    write_pictures(tmp_path, "cat/", "dog/")
    table = lines("file_name,site,hour", "dog/1.png,north,7", "cat/0.png,south,8")
    data = load_dataset(str(write_files(tmp_path, metadata_csv=table)))
    of = {data.place(i): value for i, value in enumerate(data.columns["hour"])}
    assert of == {"cat/0.png": 8.0, "cat/1.png": None, "dog/0.png": None, "dog/1.png": 7.0}
    assert sorted(data.labels.names) == ["cat", "dog"]

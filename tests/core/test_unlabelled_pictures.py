"""Pictures of which nothing says the classes: refused, but by what needs none."""

import zipfile

import numpy as np
import pytest
from made_data import pictures_column, write_files, write_parquet, write_pictures

from usable_core import answering
from usable_core.datasets import load_dataset, load_examples
from usable_core.errors import DatasetRefused
from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.evaluations.specs import DatasetSpec


def zipped(root):
    path = root.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for one in sorted(root.rglob("*.png")):
            archive.write(one, one.relative_to(root.parent))
    return path


def in_parquet(root):
    return write_parquet(root.with_suffix(".parquet"), image=pictures_column(4), site=["a"] * 4)


def with_table(root):
    return write_files(root, metadata_csv="file_name,site,day\n0.png,a,2\n1.png,b,3\n")


FORMS = {
    "flat": (lambda root: root, "no class folder"),
    "zip": (zipped, "only the class 'photos'"),
    "parquet": (in_parquet, "has the columns image, site"),
    "table": (with_table, "metadata.csv"),
}


@pytest.mark.parametrize("form", FORMS)
def test_pictures_without_classes_are_taken_where_none_are_needed(form, tmp_path):
    make, sentence = FORMS[form]
    reference = str(make(write_pictures(tmp_path / "photos", "./", each=4)))
    supervised = PretrainingConfig("small_vgg", DatasetSpec(reference))
    contrastive = PretrainingConfig("small_vgg", DatasetSpec(reference), objective="contrastive")

    data = answering.resolve(contrastive)["dataset"]

    assert data.labels.names == ("unlabelled",)
    assert len(data) == 4
    assert all(np.asarray(data[i][0]).shape == (8, 8, 3) for i in range(4))
    assert "Nothing says the classes" in " ".join(data.notes)
    with pytest.raises(DatasetRefused, match=sentence):
        answering.resolve(supervised)


def test_parts_without_classes_stay_parts(tmp_path):
    flat = load_examples(str(write_pictures(tmp_path / "flat", "train/", "test/")))
    lone = load_examples(str(write_pictures(tmp_path / "lone", "train/all/", "test/all/")))

    for data, folder in ((flat, ""), (lone, "all/")):
        parts = {name: [data.place(i) for i in own] for name, own in data.own_split.items()}
        assert parts == {p: [f"{p}/{folder}{i}.png" for i in (0, 1)] for p in ("test", "train")}


def test_what_has_classes_has_them_here_too_and_what_is_no_data_is_refused(tmp_path):
    pets = write_pictures(tmp_path / "pets", "cat/", "dog/")
    empty = write_files(tmp_path / "empty", README_md="# Nothing")
    mixed = write_pictures(tmp_path / "mixed", "cat/", "dog/")
    (mixed / "bird").mkdir()

    assert load_examples(str(pets)).fingerprint == load_dataset(str(pets)).fingerprint
    with pytest.raises(DatasetRefused, match="no usable picture"):
        load_examples(str(empty))
    with pytest.raises(DatasetRefused, match="no usable picture of 1 of its 3"):
        load_examples(str(mixed))

"""Pictures, folders, zips, Parquet, tables that nobody would make: a sentence or an answer."""

import shutil
import warnings
from pathlib import Path

import made_hostile
import made_hostile_data as made
import numpy as np
import pytest
from judging import faults, judge

from usable_core import images
from usable_core.datasets import load_dataset
from usable_core.datasets.pixels import load_pixels
from usable_core.errors import ImageRefused, UsableError
from usable_core.inputs.preprocessing import Preprocessing

pytestmark = pytest.mark.faults
warnings.simplefilter("ignore")
RECIPES = [
    Preprocessing(resize, crop) for resize in (None, 8, (6, 9)) for crop in ((8, 8), (1, 40))
]


def looks_at(path: Path) -> None:
    """Look at a picture in every way in which one is looked at."""
    data = path.read_bytes()
    images.verify(data, path.name)
    picture = images.decode(data, path.name)
    assert picture.mode == "RGB"
    for recipe in RECIPES:
        try:
            assert recipe.pixels(picture).shape == (3, *recipe.crop)
        except ImageRefused:
            continue


def reads(path: Path) -> None:
    """Read a data set whole and in parts, and all pictures of it."""
    whole = load_dataset(str(path))
    load_pixels(whole.sample(64), RECIPES[0])
    whole.split("train")


@pytest.mark.parametrize("seed", ["", "another"])
def test_damaged_pictures_are_refused_or_answered(tmp_path, seed):
    files = {}
    for name, data in made_hostile.good().items():
        files |= {f"{name}, {w}": d for w, d in made_hostile.damaged(data, seed + name, 18)}
    cases = []
    for number, (name, data) in enumerate(files.items()):
        (tmp_path / str(number)).write_bytes(data)
        cases.append((name, tmp_path / str(number)))

    verdicts = judge(cases, "faults.test_data:looks_at")

    assert faults(verdicts) == []
    assert {verdict.outcome for verdict in verdicts} == {"refused", "answered"}


def test_hostile_pictures_are_refused_or_answered(tmp_path):
    def cases():
        for name, data in made_hostile.hostile().items():
            (tmp_path / "picture").write_bytes(data() if callable(data) else data)
            yield name, tmp_path / "picture"

    assert faults(judge(cases(), "faults.test_data:looks_at")) == []


@pytest.mark.parametrize("kind", ["folders", "zips", "parquets", "tables"])
def test_data_sets_are_refused_or_answered(tmp_path, kind):
    def cases():
        for name, make in getattr(made, kind)().items():
            shutil.rmtree(tmp_path / "case", ignore_errors=True)
            (tmp_path / "case").mkdir()
            yield name, make(tmp_path / "case")

    verdicts = judge(cases(), "faults.test_data:reads")

    assert faults(verdicts) == []
    assert {verdict.outcome for verdict in verdicts} == {"refused", "answered"}


@pytest.mark.parametrize("form", ["folder", "zip", "parquet"])
def test_what_only_decoding_finds_is_left_out_and_listed(tmp_path, form):
    import pyarrow as pa

    files = {f"bird/{k}.png": d for k, d in enumerate(made.pictures(200).values())}
    files |= made.pictures()
    damaged = {}
    for name, data in made_hostile.good().items():
        for what, broken in made_hostile.damaged(data, f"listed {name}", 18):
            damaged[f"bird/{name} {what}.x"] = broken
    files |= damaged
    expected = set()
    for name, data in damaged.items():
        try:
            images.verify(data, name)  # wrong checksums, which no pixel shows
            images.decode(data, name, 65535)
        except UsableError:
            expected.add(name)
    if form == "folder":
        path = made.tree(tmp_path, files)
    elif form == "zip":
        path = tmp_path / "d.zip"
        path.write_bytes(made.zipped(files))
    else:
        path = tmp_path / "d.parquet"
        rows = pa.array([{"bytes": data, "path": None} for data in files.values()])
        labels = pa.array([name.split("/")[0] for name in files])
        path.write_bytes(made.parquet(image=rows, label=labels))
        expected = {f"row {list(files).index(name)}" for name in expected}

    dataset = load_dataset(str(path))
    kept = [load_pixels(dataset, recipe)[1] for recipe in RECIPES[:2]]

    assert {one.name for one in dataset.left_out} == expected
    assert all(np.array_equal(kept[0], other) for other in kept)
    assert len(kept[0]) == len(files) - len(expected)

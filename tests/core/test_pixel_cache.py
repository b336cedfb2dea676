"""Decoded pictures in a file: the same pixels, decoded once, never half, within the disk."""

import errno
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_data import hollow_png, write_pictures
from made_pictures import png
from sklearn.datasets import load_digits

from usable_core import machine, settings
from usable_core.datasets import load_dataset, pixel_cache, pixels
from usable_core.datasets.arrays import dataset_from_arrays
from usable_core.datasets.pixel_cache import PixelCache
from usable_core.errors import Cancelled, DatasetRefused, StorageError
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.models import load_model
from usable_core.training import material
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.objective import Objective

GEOMETRY = Preprocessing(resize=6, crop=(6, 6))
CPU = torch.device("cpu")
SIZE = 3 * 6 * 6
DAMAGED = 13  # the place of cat/3.png, behind 0, 1 and 10 to 19, then 2


@pytest.fixture
def root(tmp_path):
    return write_pictures(tmp_path / "data", "cat/", "dog/", each=20)


@pytest.fixture
def data(root):
    (root / "cat" / "3.png").write_bytes(hollow_png())
    return load_dataset(str(root))


@pytest.fixture
def no_memory(monkeypatch):
    monkeypatch.setattr(material, "free_memory", lambda: 0)


def watched(data):
    """The data set, and the positions of the pictures that are decoded."""
    found = []

    def opened(position):
        found.append(position)
        return data.open(position)

    return replace(data, open=opened), found


def loaded(data):
    return material.load_material(data, GEOMETRY, CPU, silent)


def filled(data, report=silent):
    cache = PixelCache(data, GEOMETRY)
    return cache, cache.fill(report)


def test_a_file_holds_what_memory_holds(data, monkeypatch):
    part = data.take(np.arange(30)[::-1])
    expected = loaded(part)
    unreadable = part.left_out
    monkeypatch.setattr(material, "free_memory", lambda: 4 * SIZE * 30 - 1)
    data.unreadable.clear()

    found = loaded(part)

    assert isinstance(expected.pixels, torch.Tensor)
    assert isinstance(found.pixels, PixelCache)
    assert found.labels.tolist() == expected.labels.tolist()
    rows = torch.randperm(len(found))
    for asked in (slice(0, len(found)), slice(3, 7), rows, rows[:4]):
        assert torch.equal(found.images(asked), expected.images(asked))
    assert part.left_out == unreadable
    assert len(unreadable) == 1


def test_memory_is_used_while_a_quarter_of_it_is_enough(data, monkeypatch):
    monkeypatch.setattr(material, "free_memory", lambda: 4 * SIZE * len(data))

    assert isinstance(loaded(data).pixels, torch.Tensor)
    assert not (settings.home() / settings.PIXELS).exists()


def test_parts_seeds_and_later_trainings_decode_each_picture_once(data, no_memory):
    watching, decoded = watched(data)
    for seed in (0, 1):
        for part in ("train", "validation"):
            loaded(watching.split(part, seed=seed))
    decoded.clear()
    loaded(watching.split("train", seed=0))
    loaded(watching.split("validation", seed=1))

    assert set(decoded) <= {DAMAGED}, "only what cannot be decoded is tried again"
    assert len(list((settings.home() / settings.PIXELS).iterdir())) == 1


def test_another_geometry_or_other_data_are_another_file_and_a_mean_is_not(data, root):
    path = PixelCache(data, GEOMETRY).path
    other = replace(GEOMETRY, interpolation="nearest")
    (root / "cat" / "4.png").write_bytes(png(99, size=(8, 8)))

    assert PixelCache(data, other).path != path
    assert PixelCache(load_dataset(str(root)), GEOMETRY).path != path
    assert PixelCache(data.take([4, 5]), replace(GEOMETRY, mean=(0.5,) * 3)).path == path


def test_what_a_cancelled_training_decoded_is_kept_and_the_rest_is_decoded(data, monkeypatch):
    monkeypatch.setattr(pixels.os, "sched_getaffinity", lambda _: [0], raising=False)
    monkeypatch.setattr(pixel_cache, "CHUNK", 2)
    expected, _ = pixels.load_pixels(data, GEOMETRY)
    watching, decoded = watched(data)

    def report(done, total, message):
        if done >= 10:
            raise Cancelled

    with pytest.raises(Cancelled):
        filled(watching, report)
    before = set(decoded)
    decoded.clear()
    cache, _ = filled(watching)

    assert len(before & set(decoded)) <= 7, "of those, only what was decoded ahead"
    assert min(decoded) >= 10
    assert torch.equal(cache[slice(0, 39)], expected)


@pytest.mark.parametrize("place", ["pixels", "mark", "end"])
def test_what_a_disk_damages_is_decoded_again(place, data):
    expected, _ = pixels.load_pixels(data, GEOMETRY)
    cache, _ = filled(data)
    with cache.path.open("r+b") as file:
        if place == "end":
            file.truncate(SIZE * 30)
        else:
            file.seek(SIZE * 7 + 5 if place == "pixels" else SIZE * len(data) + 8 * 7)
            file.write(b"\xa5\x5a\x01")

    again, _ = filled(data)

    for _ in range(2):
        assert torch.equal(again[slice(0, 39)], expected)
        assert torch.equal(cache[slice(0, 39)], expected)


def test_a_picture_that_is_damaged_here_and_gone_there_ends_it_with_a_sentence(data, root):
    cache, _ = filled(data)
    (root / "dog" / "1.png").unlink()
    assert len(cache[slice(0, 39)]) == 39, "what is decoded needs no picture"
    with cache.path.open("r+b") as file:
        file.seek(SIZE * 21)
        file.write(b"\xa5\x5a\x01")

    cache[slice(0, 19)]
    with pytest.raises(DatasetRefused, match=r"dog/1\.png .*no longer be read.* Put it back"):
        cache[torch.tensor([4, 20])]


def test_a_batch_that_is_expected_is_read_once(data, monkeypatch):
    cache, _ = filled(data)
    read, own = [], PixelCache._read
    monkeypatch.setattr(
        PixelCache, "_read", lambda self, rows: read.append(rows) or own(self, rows)
    )
    first, second = torch.tensor([5, 1]), torch.tensor([7, 2])

    cache.expect(first)
    cache.expect(second)
    cache._thread.submit(int).result()  # behind both
    assert len(read) == 2
    found = cache[first], cache[second]

    assert len(read) == 2
    assert torch.equal(found[0], cache[torch.tensor([1, 5])].flip(0))
    assert torch.equal(found[1], cache[slice(2, 8)][[5, 0]])
    assert len(read) == 4


def test_the_next_batch_is_expected_while_the_one_before_is_trained_on():
    told = []
    objective = Objective(
        parts=[],
        loss=lambda indices, step: None,
        validate=lambda: None,
        examples=10,
        classes=2,
        device=CPU,
        expect=told.append,
    )
    schedule = Schedule(epochs=1, batch_size=4)
    expected = [rows.tolist() for rows in objective.batches(schedule, 1)]

    for place, rows in enumerate(objective.batches_from(schedule, 1, 1), start=1):
        assert rows.tolist() == expected[place]
        assert [one.tolist() for one in told] == expected[2 : place + 2]
    assert place == 2


def test_what_neither_memory_nor_disk_holds_is_a_sentence(data, monkeypatch):
    monkeypatch.setattr(pixel_cache, "free_bytes", lambda folder: 2 * SIZE * 40 - 1)
    monkeypatch.setattr(material, "free_memory", lambda: 2 * SIZE * 40)
    assert isinstance(loaded(data).pixels, torch.Tensor), "there is memory enough, if no more"

    monkeypatch.setattr(material, "free_memory", lambda: SIZE * 40)
    with pytest.raises(
        DatasetRefused, match=r"40 pictures .* 4 kB at 6 × 6 .*--limit.*USABLE_HOME"
    ):
        loaded(data)
    assert not (settings.home() / settings.PIXELS).exists()


def test_a_disk_that_fills_up_is_a_sentence_and_keeps_what_is_decoded(data, monkeypatch):
    class Full:
        def __init__(self, file):
            self.file, self.left = file, 20

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, data):
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(data)

    opened = PixelCache._opened
    watching, decoded = watched(data)
    with monkeypatch.context() as full:
        full.setattr(PixelCache, "_opened", lambda self: Full(opened(self)))
        with pytest.raises(StorageError, match=r"disk is full.*USABLE_HOME"):
            filled(watching)
    decoded.clear()

    filled(watching)

    assert len(decoded) == 40 - 10


@pytest.mark.parametrize(("free", "stays"), [(10_000, False), (100_000, True)])
def test_files_of_other_data_give_way_where_the_disk_is_short(free, stays, data, monkeypatch):
    monkeypatch.setattr(pixel_cache, "free_bytes", lambda folder: free)
    old = settings.home() / settings.PIXELS / "old.pixels"
    old.parent.mkdir(parents=True)
    old.write_bytes(bytes(5_000))
    os.utime(old, (1000, 1000))

    cache, _ = filled(data)

    assert old.exists() is stays
    assert cache.path.exists()


def digits():
    found = load_digits()
    return dataset_from_arrays((found.images * 15.9).astype(np.uint8), found.target)


def test_a_training_from_a_file_is_one_from_memory_to_the_bit(tmp_path, monkeypatch):
    model, data = load_model("bundled/resnet_digits"), digits()
    schedule = Schedule(epochs=2, batch_size=16, precision="float32", augmentation="shift_flip")
    task, source = DatasetSpec("task", "train", 40), DatasetSpec("source", "train", 50)
    config = FineTuningConfig(ModelSpec(model.name), task, source=source, schedule=schedule)

    def tuned(name, report=silent):
        fine_tune(
            model=model,
            dataset=data,
            source=data,
            config=config,
            report=report,
            folder=tmp_path / name,
        )
        return (tmp_path / name / "model.safetensors").read_bytes()

    def until_the_fourth(done, total, message, **figures):
        if message.startswith("Epoch") and done >= 4:
            raise Cancelled

    expected = tuned("memory")
    monkeypatch.setattr(material, "free_memory", lambda: 0)
    expecting = []
    own = PixelCache.expect
    monkeypatch.setattr(
        PixelCache, "expect", lambda self, rows: expecting.append(rows) or own(self, rows)
    )
    with pytest.raises(Cancelled):
        tuned("file", until_the_fourth)

    assert tuned("file") == expected
    assert expecting


def test_free_memory_is_that_of_the_narrowest_container(tmp_path, monkeypatch):
    def group(place, most, used, idle):
        folder = tmp_path / "limits" / place
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "memory.max").write_text(most)
        (folder / "memory.current").write_text(str(used))
        (folder / "memory.stat").write_text(f"anon 5\ninactive_file {idle}\n")

    (tmp_path / "memory").write_text("MemTotal: 9 kB\nMemAvailable:      8 kB\n")
    (tmp_path / "groups").write_text("0::/outer/inner\n")
    monkeypatch.setattr(machine, "MEMORY", tmp_path / "memory")
    monkeypatch.setattr(machine, "GROUPS", tmp_path / "groups")
    monkeypatch.setattr(machine, "LIMITS", tmp_path / "limits")
    assert machine.free_memory() == 8 * 1024

    group("outer/inner", "max\n", 3000, 0)
    assert machine.free_memory() == 8 * 1024
    group("outer", "5000\n", 3000, 400)
    assert machine.free_memory() == 2400
    group("", "100\n", 3000, 0)
    assert machine.free_memory() == 0

    old = tmp_path / "limits" / "memory"
    old.mkdir()
    (tmp_path / "limits" / "memory.max").write_text("max\n")
    (old / "memory.limit_in_bytes").write_text("1000\n")
    (old / "memory.usage_in_bytes").write_text("700\n")
    (old / "memory.stat").write_text("total_inactive_file 50\n")
    assert machine.free_memory() == 350

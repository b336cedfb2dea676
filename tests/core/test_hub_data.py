"""`hf/ID` as data: the hub's cache first, parts and configurations by name, nothing half."""

import json
import logging
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_data import pictures_column, write_parquet, write_pictures

import usable_core as usable
from usable_core.catalog import hub_client
from usable_core.catalog.datasets import absolute_data, reader_of
from usable_core.catalog.fitting import is_at_hand
from usable_core.catalog.hub_data import cached_data
from usable_core.datasets import load_dataset
from usable_core.errors import DatasetRefused

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FEATURES = {"label": {"names": ["7", "3"], "_type": "ClassLabel"}}
METADATA = {b"huggingface": json.dumps({"info": {"features": FEATURES}}).encode()}


def shard(path, count=4):
    labels = [row % 2 for row in range(count)]
    return write_parquet(path, METADATA, image=pictures_column(count), label=labels)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of the hub's form, and no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub_client, "unreachable", lambda _: "it is far away")
    return tmp_path / "hub"


def cached(cache, make, *, revision="main", id="some/one"):
    """Keep what `make` writes into a folder as the hub's client does: blobs, and links to them."""
    place = cache / f"datasets--{id.replace('/', '--')}"
    made, snapshot, blobs = place / "made", place / "snapshots" / COMMIT, place / "blobs"
    ref = place / "refs" / revision
    for folder in (made, snapshot, blobs, ref.parent):
        folder.mkdir(parents=True, exist_ok=True)
    ref.write_text(COMMIT)
    make(made)
    for number, file in enumerate(sorted(p for p in made.rglob("*") if p.is_file())):
        link = snapshot / file.relative_to(made)
        link.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, blobs / str(number))
        link.symlink_to(blobs / str(number))
    shutil.rmtree(made)
    return snapshot


def two_parts(folder):
    shard(folder / "data" / "train-00000-of-00002.parquet", 6)
    shard(folder / "data" / "train-00001-of-00002.parquet")
    shard(folder / "data" / "test-00000-of-00001.parquet", 2)
    (folder / "README.md").write_text("A data set.")


def class_folders(folder):
    write_pictures(folder, *(f"{p}/{c}/" for p in ("train", "test") for c in ("cat", "dog")))


class Hub:
    """What the hub holds, for its client's two questions."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.asked, self.came = folder, [], []
        monkeypatch.setattr(hub_client, "unreachable", lambda _: "")
        monkeypatch.setattr(huggingface_hub, "HfApi", lambda: self)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", self.download)

    def files(self):
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def dataset_info(self, id, *, revision, files_metadata, timeout):
        self.asked.append((id, revision))
        names = [(str(p.relative_to(self.folder)), p.stat().st_size) for p in self.files()]
        siblings = [SimpleNamespace(rfilename=name, size=size) for name, size in names]
        return SimpleNamespace(sha=COMMIT, siblings=siblings)

    def download(self, id, *, repo_type, revision, allow_patterns):
        from huggingface_hub import constants
        from huggingface_hub.utils import filter_repo_objects

        place = Path(constants.HF_HUB_CACHE) / f"{repo_type}s--{id.replace('/', '--')}"
        names = [str(path.relative_to(self.folder)) for path in self.files()]
        for name in filter_repo_objects(names, allow_patterns=allow_patterns):
            self.came.append(name)
            (place / "snapshots" / COMMIT / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.folder / name, place / "snapshots" / COMMIT / name)
        (place / "refs").mkdir(parents=True, exist_ok=True)
        if revision != COMMIT:
            (place / "refs" / revision).write_text(COMMIT)
        return str(place / "snapshots" / COMMIT)


def counts(data):
    return {part: len(rows) for part, rows in (data.own_split or {}).items()}


def test_shards_in_the_cache_are_read_with_their_classes_and_parts(cache):
    cached(cache, two_parts)

    data = load_dataset("hf/some/one")

    assert data.labels.names == ("7", "3")
    assert counts(data) == {"train": 10, "test": 2}
    assert len(load_dataset("hf/some/one", "test")) == 2
    assert COMMIT[:12] in data.notes[0]
    assert load_dataset(f"hf/some/one@{COMMIT}").fingerprint == data.fingerprint
    accuracy = usable.evaluate_accuracy("bundled/vgg_digits", "hf/some/one:train")
    assert accuracy.records.label.value_counts().to_dict() == {7: 5, 3: 5}


def test_class_folders_in_the_cache_are_read(cache):
    cached(cache, class_folders, revision="v1.0", id="one")

    data = load_dataset("hf/one@v1.0")

    assert data.labels.names == ("cat", "dog")
    assert counts(data) == {"train": 4, "test": 4}
    assert len(load_dataset("hf/one@v1.0:test")) == 4
    with pytest.raises(DatasetRefused, match="revision main"):
        load_dataset("hf/one")


@pytest.mark.parametrize(
    ("name", "count"),
    [("a", 8), ("b", 6), ("a:test", 2), ("a:train", 6), ("b:validation", 6)],
)
def test_a_configuration_and_a_part_are_chosen_by_name(cache, name, count):
    def make(folder):
        shard(folder / "a" / "train-00000-of-00001.parquet", 6)
        shard(folder / "a" / "test-00000-of-00001.parquet", 2)
        shard(folder / "b" / "dev-00000-of-00001.parquet", 6)

    cached(cache, make)

    assert len(load_dataset(f"hf/some/one:{name}")) == count


def test_parquet_that_the_hub_has_made_is_read_by_its_revision(cache):
    def make(folder):
        shard(folder / "default" / "train" / "0000.parquet", 6)
        shard(folder / "default" / "test" / "0000.parquet", 2)

    cached(cache, make, revision="refs/convert/parquet")

    assert counts(load_dataset("hf/some/one@refs/convert/parquet")) == {"train": 6, "test": 2}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("some/one", "several data sets: 'a', 'b'. Name one as hf/some/one:a"),
        ("some/one:c", "no folder 'c'"),
        ("some/one:a:validation", "no files|No files"),
        ("some/one:a:b:c", "names no data"),
        ("some/one:../a", "names no data"),
        ("../one", "names no data"),
        ("a--b", "names no data"),
        ("some/one@", "names no data"),
        ("", "names no data"),
        ("a/b/c", "names no data"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_can(cache, name, why):
    def make(folder):
        for which in "ab":
            shard(folder / which / "train-00000-of-00001.parquet")

    cached(cache, make)

    with pytest.raises(DatasetRefused, match=why):
        load_dataset(f"hf/{name}")


def test_what_neither_cache_nor_network_has_is_said_within_two_seconds(cache, monkeypatch):
    def asleep(*_, **__):
        time.sleep(60)  # a network that loses everything
        raise OSError

    monkeypatch.undo()  # the network's own answer, which tests do not get
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("usable_core.reach.urllib.request.urlopen", asleep)
    start = time.perf_counter()

    with pytest.raises(DatasetRefused, match="hf download some/one --repo-type dataset"):
        load_dataset("hf/some/one")

    assert time.perf_counter() - start < 2.5  # with the time that imports take
    assert reader_of("hf/some/one")  # a name alone asks nobody


def test_shards_that_are_not_all_there_are_not_taken_for_all(cache):
    snapshot = cached(cache, two_parts)
    (snapshot / "data" / "train-00001-of-00002.parquet").unlink()

    with pytest.raises(DatasetRefused, match="1 of the 2 files train"):
        load_dataset("hf/some/one")

    assert len(load_dataset("hf/some/one:test")) == 2


def test_what_is_fetched_is_told_before_and_is_there_afterwards(
    cache, tmp_path, monkeypatch, caplog
):
    two_parts(tmp_path / "theirs")
    hub = Hub(tmp_path / "theirs", monkeypatch)
    assert not is_at_hand("hf/some/one")

    with caplog.at_level(logging.WARNING):
        part = load_dataset("hf/some/one:test")

    assert len(part) == 2
    assert hub.asked == [("some/one", "main")]
    assert hub.came == ["data/test-00000-of-00001.parquet"]
    assert "huggingface.co" in caplog.text
    assert "MB of hf/some/one" in caplog.text
    assert is_at_hand("hf/some/one")

    whole = load_dataset("hf/some/one")  # the cache holds a part of it alone

    assert counts(whole) == {"train": 10, "test": 2}
    assert len(hub.asked) == 2

    monkeypatch.setattr(hub_client, "unreachable", lambda _: pytest.fail("asked the network"))
    assert len(load_dataset("hf/some/one")) == 12


def test_a_part_in_the_cache_is_not_taken_for_the_whole_without_a_network(
    cache, tmp_path, monkeypatch
):
    class_folders(tmp_path / "theirs")
    Hub(tmp_path / "theirs", monkeypatch)
    load_dataset("hf/some/one:test")
    monkeypatch.setattr(hub_client, "unreachable", lambda _: "it is far away")

    assert len(load_dataset("hf/some/one:test")) == 4
    with pytest.raises(DatasetRefused, match="not, or not whole, in the cache"):
        load_dataset("hf/some/one")


def test_a_data_set_without_pictures_or_too_large_is_refused_before_it_comes(
    cache, tmp_path, monkeypatch
):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "images.zip").write_bytes(b"PK")
    hub = Hub(theirs, monkeypatch)

    with pytest.raises(DatasetRefused, match="@refs/convert/parquet"):
        load_dataset("hf/some/one")

    (theirs / "train.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr("usable_core.datasets.hub.MAX_TOTAL", 3)
    with pytest.raises(DatasetRefused, match="nothing was fetched"):
        load_dataset("hf/some/one")
    assert hub.came == []


def texts(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 6), ("test", 4)):
        rows = "".join(f"a film {part} {k},{('calm', 'angry')[k % 2]}\n" for k in range(count))
        (folder / f"{part}.csv").write_text(f"text,label\n{rows}")
    (folder / "README.md").write_text("Texts.")
    (folder / "loading.py").write_text("raise SystemExit")


def test_texts_in_the_cache_are_read_without_a_network(cache, monkeypatch):
    def shards(folder):
        (folder / "data").mkdir(parents=True)
        for part, count in (("train", 6), ("test", 4)):
            said = [f"a film {part} {k}" for k in range(count)]
            table = pa.table({"text": said, "label": [k % 2 for k in range(count)]})
            pq.write_table(table, folder / "data" / f"{part}-00000-of-00001.parquet")

    monkeypatch.setattr(hub_client, "unreachable", lambda _: "it is far away")
    cached(cache, shards)

    data = load_dataset("hf/some/one")

    assert data.kind == "text"
    assert counts(data) == {"train": 6, "test": 4}
    assert load_dataset("hf/some/one", "test")[1][0] == "a film test 1"
    assert COMMIT[:12] in data.notes[0]


def test_of_tables_of_texts_those_of_a_part_alone_are_fetched(cache, tmp_path, monkeypatch, caplog):
    texts(tmp_path / "theirs")
    hub = Hub(tmp_path / "theirs", monkeypatch)

    with caplog.at_level(logging.WARNING):
        part = load_dataset("hf/some/one:test")

    assert [part[i][0] for i in range(len(part))] == [f"a film test {k}" for k in range(4)]
    assert hub.came == ["test.csv"]
    assert "MB of hf/some/one from huggingface.co" in caplog.text
    assert counts(load_dataset("hf/some/one")) == {"train": 6, "test": 4}
    assert sorted(hub.came) == ["test.csv", "test.csv", "train.csv"]


def test_a_folder_of_that_name_is_the_folder(cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    class_folders(tmp_path / "hf" / "one")

    assert counts(load_dataset("hf/one")) == {"train": 4, "test": 4}
    assert absolute_data("hf/one") == str(tmp_path / "hf" / "one")
    assert absolute_data("hf/some/one") == "hf/some/one"


def test_data_in_the_cache_are_listed(cache):
    cached(cache, two_parts)
    cached(cache, two_parts, id="mnist")
    (cache / "datasets--half--one").mkdir()
    (cache / "models--a--b" / "refs").mkdir(parents=True)

    assert cached_data() == ["hf/mnist", "hf/some/one"]


def test_folders_come_by_few_patterns():
    every = [*(f"train/{c}/{i}.png" for c in "ab" for i in range(99)), "test/[1].png", "test/2.bin"]

    assert hub_client.patterns(every, every) == ["test/*", "train/*"]
    assert hub_client.patterns(every, every[:-1]) == ["test/[[]1].png", "train/*"]
    assert hub_client.patterns(every, every[:99]) == ["train/a/*"]

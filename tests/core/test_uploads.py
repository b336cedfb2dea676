"""What people uploaded: listed under their names, with the runs that use it, and deleted."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from made_pictures import png

from usable_core import files, settings
from usable_core.catalog import implementation
from usable_core.catalog.datasets import reader_of
from usable_core.cli import main
from usable_core.errors import DatasetRefused
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.look import LookConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig
from usable_core.runs import RunStore, uploads


def archive(name, seed=0):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a/1.png", png(seed))
    return uploads.keep_data(buffer.getvalue(), name)


def asked(capsys, *words):
    """Status and JSON of a command."""
    status = main([*words, "--json", "-"])
    return status, json.loads(capsys.readouterr().out or "null")


def test_an_upload_has_the_name_kind_size_and_runs(capsys):
    store, path = RunStore(), archive("my data.zip")
    uploads.keep(png(3), "Übung 日本.jpeg")
    model = ModelSpec("bundled/vgg")
    first = store.create(AccuracyConfig(model, DatasetSpec(path)))
    second = store.create(FineTuningConfig(model, DatasetSpec("digits"), source=DatasetSpec(path)))
    store.create(AccuracyConfig(model, DatasetSpec("digits")))

    found = {upload.name: upload for upload in store.uploads()}

    assert set(found) == {"my data.zip", "Übung 日本.jpeg"}
    assert set(found["my data.zip"].runs) == {first.id, second.id}
    assert found["my data.zip"].kind == "archive"
    assert found["Übung 日本.jpeg"].runs == ()
    assert (
        found["Übung 日本.jpeg"].size == uploads._path(found["Übung 日本.jpeg"].id).stat().st_size
    )
    status, said = asked(capsys, "uploads")
    assert status == 0
    assert {u["name"] for u in said["uploads"]} == set(found)
    assert said["bytes"] == sum(upload.size for upload in found.values())


def test_a_table_of_texts_is_data_that_can_be_read_and_deleted():
    table = b"text,label\nvery good,good\nvery bad,bad\n"
    path = uploads.keep_data(table, "My Reviews.CSV")
    run = RunStore().create(LookConfig(DatasetSpec(path)))

    (found,) = RunStore().uploads()

    assert (found.kind, found.name, found.runs) == ("table", "My Reviews.CSV", (run.id,))
    assert implementation(reader_of(path))(Path(path), path).labels.names == ("bad", "good")
    assert uploads.data_title(path) == "My Reviews.CSV"
    RunStore().delete_uploads([found.id])
    assert not Path(path).exists()
    assert uploads.is_deleted(path)


@pytest.mark.parametrize("name", ["reviews.txt", "reviews", "a.json", "weights.pt"])
def test_what_is_no_data_by_its_ending_is_refused_with_those_that_are(name):
    with pytest.raises(DatasetRefused, match=r"\.zip.*\.parquet.*\.csv"):
        uploads.keep_data(b"text,label\na,b\n", name)


def test_unused_ones_are_deleted_and_named_ones(capsys):
    store, path = RunStore(), archive("used.zip")
    store.create(AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec(path)))
    picture = uploads.keep(png(1), "a.png")
    archive("unused.zip", 1)

    assert asked(capsys, "uploads", "delete", picture)[1]["deleted"] == [picture]
    status, said = asked(capsys, "uploads", "delete", "--unused")

    assert (status, len(said["deleted"])) == (0, 1)
    assert [upload.name for upload in store.uploads()] == ["used.zip"]
    assert not uploads.is_kept(picture)


@pytest.mark.parametrize("words", [[], ["0" * 24], ["../../x"], ["runs.sqlite", "--unused"]])
def test_what_is_no_upload_is_a_sentence_and_nothing_is_deleted(capsys, words):
    uploads.keep(png(1), "a.png")

    assert main(["uploads", "delete", *words]) == 2

    assert len(capsys.readouterr().err.splitlines()) == 1
    assert len(RunStore().uploads()) == 1


def test_a_deleted_archive_keeps_its_name_for_its_runs_and_says_what_happened():
    store, path = RunStore(), archive("birds.zip")
    store.create(AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec(path)))
    assert not uploads.is_deleted(path)

    store.delete_uploads([upload.id for upload in store.uploads()])

    assert uploads.is_deleted(path)
    assert uploads.data_title(path) == "birds.zip"
    with pytest.raises(DatasetRefused, match="deleted since"):
        reader_of(path)
    again = archive("birds again.zip")
    assert again == path
    assert not uploads.is_deleted(path)


def test_with_data_go_the_decoded_pictures_of_trainings_and_with_a_picture_they_stay():
    archive("birds.zip")
    uploads.keep(png(3), "bird.png")
    decoded = settings.home() / settings.PIXELS / "0.pixels"
    decoded.parent.mkdir()
    decoded.write_bytes(b"pixels")
    picture, data = sorted(RunStore().uploads(), key=lambda upload: upload.kind != "picture")

    uploads.delete(picture.id)
    assert decoded.exists()
    uploads.delete(data.id)
    assert not decoded.exists()


def test_a_failed_run_calls_an_upload_by_its_own_name():
    store, path = RunStore(), archive("my birds ünï.zip")
    run = store.create(AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec(path)))

    store.fail(run.id, f"{path} holds no class folder, and {path}.bak neither; /a/b.zip does.")

    said = store.get(run.id).error
    assert said.startswith("my birds ünï.zip holds no class folder")
    assert said.endswith("/a/b.zip does.")


def test_files_of_others_in_the_folder_are_neither_listed_nor_deleted():
    uploads.keep(png(1), "a.png")
    stranger = uploads._folder() / "notes.zip"
    stranger.write_bytes(b"mine")
    (uploads._folder() / f"{'0' * 24}.json").write_text("[1", encoding="utf-8")

    store = RunStore()
    store.delete_uploads([upload.id for upload in store.uploads()])

    assert stranger.read_bytes() == b"mine"
    assert store.uploads() == []


@pytest.mark.parametrize(("size", "said"), [(5, "5 B"), (1500, "2 kB"), (3_140_000, "3.1 MB")])
def test_sizes_as_people_say_them(size, said):
    assert files.size_said(size) == said

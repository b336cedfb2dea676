"""Uploads on the Runs page: listed as people called them, with their size, and deleted."""

import io
import zipfile

import pytest
from made_pictures import png
from shown import links, texts
from test_runs_page import select

from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.runs import uploads


def archive(name, seed=0):
    """A kept zip of two classes; its path."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for label in "ab":
            file.writestr(f"{label}/{seed}.png", png(size=(8 + seed, 8)))
    return uploads.keep_data(buffer.getvalue(), name)


@pytest.fixture
def used(store):
    """A run on an uploaded archive."""
    path = archive("Our birds.zip")
    run = store.create(AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec(path)))
    store.fail(run.id, "Broken.")
    return run


def test_nothing_uploaded_is_said_with_where_to_begin(open_page):
    app = open_page("runs", runs_shelf="uploads")

    assert "Nothing was uploaded" in texts(app)
    assert links(app)["Explain a picture"] == "explain?"


def test_uploads_are_listed_by_their_own_names_with_size_and_runs(open_page, used):
    uploads.keep(png(size=(30, 20)), "<b>me</b> & 日本.png")

    app = open_page("runs", runs_shelf="uploads")

    table = app.dataframe[0].value.set_index("name")
    assert set(table.index) == {"Our birds.zip", "<b>me</b> & 日本.png"}
    assert dict(table["kind"]) == {"Our birds.zip": "archive", "<b>me</b> & 日本.png": "picture"}
    assert dict(table["runs"]) == {"Our birds.zip": 1, "<b>me</b> & 日本.png": 0}
    assert all(table["size"] > 50)
    assert "2 files" in texts(app)


def test_all_that_no_run_uses_is_deleted_at_once(open_page, store, used):
    uploads.keep(png(size=(30, 20)), "me.png")
    archive("Unused.zip", seed=1)
    app = open_page("runs", runs_shelf="uploads")

    app.button(key="uploads_delete_unused").click().run()

    assert [upload.name for upload in store.uploads()] == ["Our birds.zip"]
    assert "uploads_delete_unused" not in [button.key for button in app.button]
    assert len(list(uploads._folder().iterdir())) == 2  # the archive and its name


def test_a_deleted_archive_is_told_on_the_page_of_its_run(open_page, store, used):
    app = select(open_page("runs", runs_shelf="uploads"), 0)
    assert links(app)[f"Run {used.id}"] == f"runs?run={used.id}"
    assert "data of runs" in texts(app)

    app.button(key="uploads_delete").click().run()
    assert store.uploads() == []

    app = open_page("runs", run=used.id)
    assert "The archive Our birds.zip that this run is about was deleted" in texts(app)
    assert list(app.dataframe[0].value["data"]) == ["Our birds.zip"]


@pytest.mark.parametrize("page", ["accuracy", "robustness", "corruption", "explanation"])
def test_asking_again_on_a_deleted_archive_is_a_sentence(open_page, store, used, page):
    store.delete_uploads([upload.id for upload in store.uploads()])

    app = open_page(page, run=used.id)

    assert not app.exception


def test_one_chosen_picture_can_be_explained(open_page):
    image_id = uploads.keep(png(size=(30, 20)), "me.png")

    app = select(open_page("runs", runs_shelf="uploads"), 0)

    assert links(app)["Explain this picture"] == f"explain?image={image_id}"


def test_the_name_of_a_picture_survives_a_reload_of_explain(open_page, monkeypatch):
    image_id = uploads.keep(png(size=(30, 20)), "me and my dog.png")

    assert "me and my dog" in texts(open_page("explain", image=image_id))

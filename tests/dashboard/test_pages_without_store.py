"""Pages whose store cannot be used, or a row of it: a sentence, and the rest of the page."""

import socket

import made_stores
import pytest
from shown import texts

from usable_core.runs.database import forget


@pytest.fixture
def ids(tmp_path):
    yield made_stores.sound(tmp_path / "home")
    forget()


@pytest.mark.parametrize("page", ["overview", "accuracy", "compare", "fine_tune"])
def test_a_damaged_store_is_one_sentence_above_the_rest_of_the_page(open_page, ids, tmp_path, page):
    (tmp_path / "home" / "runs.sqlite").write_bytes(b"no database at all" * 99)

    app = open_page(page)

    (error,) = app.error
    assert "is no database of Usable" in error.value
    assert "keep nothing" in error.value
    assert len(texts(app)) > 200  # the page is there


@pytest.mark.parametrize("page", ["overview", "runs"])
def test_a_server_that_is_away_is_one_sentence(open_page, monkeypatch, page):
    pytest.importorskip("psycopg")
    with socket.socket() as taken:  # bound and not listening: nobody else gets the port
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}/usable"
        monkeypatch.setenv("USABLE_DATABASE_URL", f"postgresql://usable:top%3Asecret@{place}")

        app = open_page(page)

    (error,) = app.error
    assert place in error.value.replace("\\", "")
    assert "the server does not answer" in error.value
    assert "secret" not in " ".join(texts(app))


@pytest.mark.parametrize("page", ["runs", "accuracy", "robustness", "explanation"])
@pytest.mark.parametrize("damage", ["status", "config", "task", "created"])
def test_a_run_that_cannot_be_read_is_a_sentence_on_its_page(
    open_page, ids, tmp_path, page, damage
):
    made_stores.cell(damage, "odd", 0)(tmp_path / "home")

    app = open_page(page, run=ids[0])

    assert [error.value for error in app.error if ids[0] in error.value] != []


def test_a_store_whose_reading_fails_later_is_a_sentence_too(open_page, ids, tmp_path):
    open_page("overview")
    path = tmp_path / "home" / "runs.sqlite"
    forget()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)

    app = open_page("overview")

    assert "damaged" in app.error[0].value


def test_a_broken_answer_is_a_sentence_on_its_page(open_page, ids, tmp_path):
    (tmp_path / "home" / "runs" / ids[0] / "result.json").write_text("[1]")

    app = open_page("accuracy", run=ids[0])

    assert ["cannot be read" in error.value for error in app.error] == [True]

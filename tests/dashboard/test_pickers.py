import io
import zipfile

import runs_at_hand
from made_pictures import png

from dashboard import link, state
from usable_core.catalog import hub_client
from usable_core.catalog.hub_client import Listing
from usable_core.catalog.models import SOURCES, SourceRow
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.runs import uploads


def test_models_trained_here_are_chosen_first(open_page, store):
    runs = [runs_at_hand.done(store) for _ in range(3)]

    app = open_page("accuracy")

    assert _models(app) == [f"run/{run.id}" for run in (runs[2], runs[1])]


def _models(app):
    return app.multiselect(key="models").value


def test_a_link_chooses_the_models_and_another_page_keeps_them(open_page):
    app = open_page("accuracy", models=["bundled/vgg", "run/typed"])
    assert _models(app) == ["bundled/vgg", "run/typed"]

    app.query_params.clear()  # what choosing a page in the navigation does
    app.switch_page("app_pages/robustness.py").run()

    assert _models(app) == ["bundled/vgg", "run/typed"]
    assert app.query_params["models"] == ["bundled/vgg", "run/typed"]


def test_the_address_names_the_default_too_and_follows_the_choice(open_page):
    app = open_page("accuracy")
    assert app.query_params["models"] == _models(app)[0] == "bundled/vgg_digits"

    app.multiselect(key="models").set_value(["bundled/vit"]).run()

    assert _models(app) == ["bundled/vit"]
    assert app.query_params["models"] == "bundled/vit"


def test_no_more_models_than_the_picker_takes_come_from_the_address(open_page):
    app = open_page("accuracy", models=[f"run/{i}" for i in range(9)])

    assert len(_models(app)) == 4


def test_what_a_model_needs_beside_its_name_is_asked_as_its_source_says(open_page, monkeypatch):
    monkeypatch.setitem(SOURCES, "code", SourceRow("a:b", "code/NAME: code.", needs_trust=True))
    monkeypatch.setitem(SOURCES, "bare", SourceRow("a:b", "bare/NAME: bare.", takes_weights=True))

    app = open_page("accuracy", models=["code/one", "bare/one", "bundled/vgg"])

    assert [box.key for box in app.checkbox if "trust" in box.key] == ["models_trust_code/one"]
    assert [text.key for text in app.text_input if "_weights_" in text.key] == []
    app.session_state["models_bare/one"] = True  # its box is opened
    app.run()
    texts = [text.key for text in app.text_input]
    assert [key for key in texts if "_weights_" in key] == ["models_weights_bare/one"]
    named = [key for key in texts if "_labels_" in key]
    assert named == ["models_labels_code/one", "models_labels_bare/one"]
    assert "`code/NAME`" in app.multiselect(key="models").help


def test_a_misspelt_model_is_a_sentence_and_starts_no_run(open_page, store):
    app = open_page("accuracy", models=["bundled/vgg", "bundled/resnt"])

    next(button for button in app.button if button.label == "Evaluate").click().run()

    assert any("resnt" in error.value for error in app.error)
    assert store.list() == []


def test_a_file_of_class_names_goes_into_the_question(open_page, store, tmp_path, monkeypatch):
    monkeypatch.setitem(SOURCES, "bare", SourceRow("a:b", "bare/NAME: bare.", takes_weights=True))
    names = tmp_path / "names.txt"
    names.write_text("cat\ndog", encoding="utf-8")

    app = open_page("accuracy", models=["bare/one"])
    app.session_state["models_bare/one"] = True
    app.run()
    app.text_input(key="models_labels_bare/one").set_value(str(names)).run()
    app.session_state["models_bare/one"] = False  # closed, its names go into the question still
    app.run()
    next(button for button in app.button if button.label == "Evaluate").click().run()

    (run,) = store.list()
    assert run.config.model.labels == str(names)


def archive():
    """A zip of two classes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for name in "ab":
            packed.writestr(f"{name}/1.png", png())
    return content.getvalue()


def test_an_uploaded_zip_stays_chosen_where_the_page_begins_anew_before_its_end(
    open_page, monkeypatch
):
    """As by a quick click on what the upload has just allowed: the address is not written yet."""
    app = open_page("data", data="upload")

    with monkeypatch.context() as interrupted:
        interrupted.setattr(state, "flush_address", lambda: None)
        app.file_uploader(key="data_upload").upload("my.zip", archive()).run()
    app.run()

    chosen = app.selectbox(key="data").value
    assert chosen.endswith(".zip")
    assert app.query_params["data"] in (chosen, [chosen])
    app.query_params["data"] = "digits"  # and a link is heard again
    app.run()
    assert app.selectbox(key="data").value == "digits"


def test_a_link_names_the_data_also_where_they_came_first_before(open_page, store):
    path = uploads.keep_data(archive(), "my.zip")
    store.create(AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec(path)))
    app = open_page("data", data=path)
    app.run()

    app.query_params.clear()
    app.query_params["data"] = path
    app.switch_page("app_pages/assess.py").run()
    app.run()

    assert app.selectbox(key="data").value == path


def test_data_of_the_hub_are_chosen_from_its_cache_and_told_before_they_come(
    open_page, tmp_path, monkeypatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    commit, place = "0" * 40, tmp_path / "datasets--some--one"
    (place / "snapshots" / commit).mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    monkeypatch.setattr(hub_client, "why_not", lambda: "")
    monkeypatch.setattr(hub_client, "listing", lambda _: Listing(commit, {"a.parquet": 3_100_000}))

    monkeypatch.setattr(link, "is_named", lambda *_: False)  # as if it was typed

    app = open_page("data", data=["hf/some/other"])

    assert "one" in app.selectbox(key="data").options
    assert "(at most 3.1 MB, from huggingface.co)" in app.info[0].value

    monkeypatch.setattr(hub_client, "why_not", lambda: "nothing can be reached")
    app = open_page("data", data=["hf/some/third"])
    assert "nothing can be reached" in app.error[0].value

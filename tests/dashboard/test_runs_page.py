import runs_at_hand
from shown import links, texts

from dashboard import state
from usable_core.errors import StorageError
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec


def test_runs_says_that_there_are_none_and_where_to_begin(open_page):
    app = open_page("runs")

    assert "No runs yet" in texts(app)
    assert links(app)["Start with the demo"] == "?"
    assert len(app.dataframe) == 0


def test_runs_lists_every_run_newest_first(open_page, store):
    runs_at_hand.done(store)
    runs_at_hand.failed(store, "Broken.")
    waiting = store.create(AccuracyConfig(ModelSpec("bundled/vit"), DatasetSpec("cifar10")))

    table = open_page("runs").dataframe[0].value

    assert list(table["status"]) == ["… queued", "✗ failed", "✓ done"]
    assert list(table["model"]) == ["bundled/vit", "bundled/resnet", "bundled/resnet"]
    assert list(table["progress"]) == [0.0, 0.0, 1.0]
    assert table["run"][0] == waiting.id


def test_a_filter_leaves_only_the_runs_of_its_kind(open_page, store):
    runs_at_hand.done(store)
    store.create(AccuracyConfig(ModelSpec("bundled/vit"), DatasetSpec("digits")))
    app = open_page("runs")

    app.pills(key="runs_task").set_value(["accuracy"]).run()

    assert list(app.dataframe[0].value["task"]) == ["Accuracy"]


def test_the_address_opens_a_run_with_its_settings_log_and_files(open_page, store):
    run = runs_at_hand.done(store)
    store.log_path(run.id).write_text("\n".join(f"line {i}" for i in range(100)))

    app = open_page("runs", run=run.id)

    assert app.code[0].value.startswith("line 60")
    assert '"reference": "bundled/resnet"' in app.json[0].value
    labels = [button.proto.label for button in app.get("download_button")]
    assert labels == ["Records, CSV", "Summary, JSON", "Settings, JSON"]
    assert links(app)["Show its result"] == f"fine_tune?run={run.id}"


def test_a_failed_run_says_why_and_offers_no_records(open_page, store):
    run = runs_at_hand.failed(store, "The model does not know these classes.")

    app = open_page("runs", run=run.id)

    assert app.error[0].value == "The model does not know these classes."
    labels = [button.proto.label for button in app.get("download_button")]
    assert labels == ["Settings, JSON"]


def test_a_running_run_can_be_cancelled_but_not_deleted(open_page, store):
    run = runs_at_hand.running(store)
    app = open_page("runs", run=run.id)

    app.button(key=f"cancel_{run.id}").click().run()

    assert store.is_cancel_requested(run.id)
    assert "runs_delete" not in [button.key for button in app.button]


def test_delete_removes_the_run_and_its_files(open_page, store):
    run = runs_at_hand.done(store)
    folder = store.folder(run.id)
    app = open_page("runs", run=run.id)

    app.button(key="runs_delete").click().run()

    assert store.list() == []
    assert not folder.exists()
    assert "No runs yet" in texts(app)


def test_a_lost_run_is_marked(open_page, store):
    run = runs_at_hand.running(store)
    store.lose(run.id)

    app = open_page("runs", run=run.id)

    assert list(app.dataframe[0].value["status"]) == ["? lost"]
    assert "Start it again" in app.warning[0].value


def test_a_store_that_cannot_be_read_is_a_sentence_on_the_page(open_page, monkeypatch):
    def refuse():
        raise StorageError("Stored by a newer version.")

    monkeypatch.setattr(state, "runs", refuse)

    assert [error.value for error in open_page("runs").error] == ["Stored by a newer version."]


def test_data_are_listed_by_their_own_name_not_by_their_folder(open_page, store, tmp_path):
    for reference in (str(tmp_path / "my_images.zip"), "digits"):
        store.create(AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec(reference)))

    assert set(open_page("runs").dataframe[0].value["data"]) == {"my_images.zip", "Digits"}

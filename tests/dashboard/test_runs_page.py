import os

import pytest
import runs_at_hand
from made_results import accuracy_result
from shown import links, texts

from dashboard.components.shelves import choosing
from usable_core import jobs
from usable_core.errors import StorageError
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.runs import RunStore


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
    assert list(table["model"]) == ["ViT", "ResNet", "ResNet"]
    assert list(table["result"]) == ["–", "–", "80.0 %"]
    assert table["run"][0] == waiting.id


def test_a_filter_leaves_only_the_runs_of_its_kind(open_page, store):
    runs_at_hand.done(store)
    store.create(AccuracyConfig(ModelSpec("bundled/vit"), DatasetSpec("digits")))
    app = open_page("runs")

    app.pills(key="runs_task").set_value(["accuracy"]).run()

    assert list(app.dataframe[0].value["task"]) == ["Accuracy"]


def many(store, count, model="bundled/vit"):
    """Runs that failed, cheap to make; the newest comes first."""
    made = []
    for k in range(count):
        config = AccuracyConfig(ModelSpec(model), DatasetSpec("digits", seed=k))
        made.insert(0, store.create(config, title=f"Entry-{k}x of {model}").id)
        store.fail(made[0], "Broken.")
    return made


def select(app, *rows):
    """Choose rows of the list, as a click on their boxes does."""
    table = app.dataframe[0]
    app.session_state[table.proto.id.split("-", 2)[-1]] = {"selection": {"rows": list(rows)}}
    return app.run()


def listed(app):
    return list(app.dataframe[0].value["run"])


def test_every_run_can_be_reached_page_by_page(open_page, store):
    ids = many(store, 120)
    app = open_page("runs")

    assert listed(app) == ids[:50]
    assert "1 to 50 of 120 runs" in texts(app)

    app.pagination(key="runs_page").set_value(3).run()

    assert listed(app) == ids[100:]
    assert "101 to 120 of 120 runs" in texts(app)


def test_the_last_page_is_shown_where_the_list_has_shrunk(open_page, store):
    ids = many(store, 52)
    app = open_page("runs")
    app.pagination(key="runs_page").set_value(2).run()

    for name in ids[50:]:
        store.delete(name)
    app.run()

    assert listed(app) == ids[:50]


@pytest.mark.parametrize(
    "words", ["ENTRY-7x", "VGG entry-7x", "-7x bundled/vgg", "  -7x   accuracy vgg "]
)
def test_words_find_runs_of_any_age_and_begin_at_the_first_page(open_page, store, words):
    many(store, 9, "bundled/vgg")
    many(store, 60)
    app = open_page("runs")
    app.pagination(key="runs_page").set_value(2).run()

    app.text_input(key="runs_search").set_value(words).run()

    titles = [store.get(name).title for name in listed(app)]
    others = ["Entry-7x of bundled/vit"] if words == "ENTRY-7x" else []
    assert titles == [*others, "Entry-7x of bundled/vgg"]


def test_a_link_holds_words_and_filters(open_page, store):
    (wanted,) = many(store, 1, "bundled/vgg")
    many(store, 3)
    runs_at_hand.done(store)

    app = open_page("runs", runs_search="vgg", runs_status="failed", runs_task="accuracy")

    assert listed(app) == [wanted]


def test_unknown_words_and_filters_of_a_link_are_no_error(open_page, store):
    many(store, 1)

    app = open_page("runs", runs_search="%_'\"", runs_status="gone", runs_task="x", runs_shelf="y")

    assert "No run matches" in texts(app)


def test_one_chosen_run_is_opened_and_several_can_be_deleted(open_page, store):
    ids = many(store, 4)
    app = select(open_page("runs"), 1)
    assert app.query_params["run"] == ids[1]
    assert "Details" in texts(app)

    select(app, 1, 3)
    assert "run" not in app.query_params
    app.button(key="runs_delete_several").click().run()

    assert listed(app) == [ids[0], ids[2]]
    assert {run.id for run in store.list()} == {ids[0], ids[2]}


def test_a_choice_never_means_a_run_that_has_come_in_between(open_page, store):
    ids = many(store, 3)
    app = select(open_page("runs"), 0, 1)
    (newer,) = many(store, 1)

    app.button(key="runs_delete_several").click().run()

    assert {run.id for run in store.list()} == {ids[2], newer}
    assert "runs_delete_several" not in [button.key for button in app.button]


def test_a_run_that_is_not_over_is_not_deleted_with_the_others(open_page, store):
    ids = many(store, 1)
    waiting = store.create(AccuracyConfig(ModelSpec("bundled/vit"), DatasetSpec("digits")))
    app = select(open_page("runs"), 0, 1)

    assert "1 of the chosen are not over" in texts(app)
    app.button(key="runs_delete_several").click().run()

    assert [run.id for run in store.list()] == [waiting.id]
    assert ids[0] not in listed(app)


def test_a_part_that_went_with_its_run_is_no_error(open_page, store):
    parent = runs_at_hand.done(store)
    runs_at_hand.done(store, parent=parent.id)
    app = select(open_page("runs"), 0, 1)

    app.button(key="runs_delete_several").click().run()

    assert store.list() == []
    assert not app.warning


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
    assert "Start it again" in app.warning[0].value  # it left no checkpoint


def test_a_store_that_cannot_be_read_is_a_sentence_on_the_page(open_page, monkeypatch):
    def refuse(*_, **__):
        raise StorageError("Stored by a newer version.")

    monkeypatch.setattr(RunStore, "listing", refuse)

    assert [error.value for error in open_page("runs").error] == ["Stored by a newer version."]


def test_data_are_listed_by_their_own_name_not_by_their_folder(open_page, store, tmp_path):
    for reference in (str(tmp_path / "my_images.zip"), "digits"):
        store.create(AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec(reference)))

    assert set(open_page("runs").dataframe[0].value["data"]) == {"my_images.zip", "Digits"}


def test_a_run_is_named_and_tagged_in_a_form_and_found_by_its_tag(open_page, store):
    ids = many(store, 3)
    app = open_page("runs", run=ids[1])
    app.text_input(key=f"runs_name_{ids[1]}").set_value("The one")
    app.text_input(key=f"runs_tags_{ids[1]}").set_value("final, for print")
    app.text_area(key=f"runs_note_{ids[1]}").set_value("<b>why</b>")
    app.button(key="runs_save").click().run()

    run = store.get(ids[1])
    assert (run.name, run.tags, run.note) == ("The one", ("final", "for print"), "<b>why</b>")
    assert list(app.dataframe[0].value["name"]) == ["", "The one", ""]
    app.pills(key="runs_tags").set_value(["final"]).run()
    assert listed(app) == [ids[1]]
    assert app.query_params["runs_tags"] == "final"


def test_a_tag_that_is_too_long_is_a_sentence(open_page, store):
    (name,) = many(store, 1)
    app = open_page("runs", run=name)
    app.text_input(key=f"runs_tags_{name}").set_value("x" * 41)
    app.button(key="runs_save").click().run()

    assert any("at most 40 characters" in error.value for error in app.error)
    assert store.get(name).tags == ()


def test_several_runs_are_tagged_and_compared(open_page, store):
    results = [accuracy_result([0, 1], [0, 1], model=f"bundled/{m}") for m in ("vgg", "vit")]
    done = []
    for result in results:
        done.append(store.create(result.config).id)
        store.start(done[-1], os.getpid())
        store.finish(done[-1], result)
    app = select(open_page("runs"), 0, 1)

    assert links(app)["Compare 2 runs"] == f"compare?run={done[1]}&run={done[0]}"
    app.text_input(key="runs_given_tags").set_value("both").run()
    app.button(key="runs_tag_several").click().run()

    assert [store.get(name).tags for name in done] == [("both",)] * 2


def test_a_run_that_ended_early_is_run_again_and_one_with_parts_resumed(
    open_page, store, monkeypatch
):
    monkeypatch.setattr(jobs, "_spawn", lambda *_, **__: None)
    (name,) = many(store, 1)
    app = open_page("runs", run=name)
    assert app.button(key="runs_again").label == "Run again"
    assert links(app)["Change and ask again"] == f"accuracy?run={name}"

    (store.folder(name) / "shards").mkdir()
    app.run()
    assert app.button(key="runs_again").label == "Resume"
    app.button(key="runs_again").click().run()

    newest = store.list()[0]
    assert newest.id != name
    assert newest.config == store.get(name).config
    assert app.query_params["run"] == newest.id


def test_no_column_is_narrower_than_its_longest_text():
    names = [
        "one",
        "two",
        "three",
        "four",
        "five",
        "a rather long name of one run alone",
        "写真" * 9,
    ]

    assert choosing._wide_enough("name", names) >= 6.5 * 36, "14 px letters are half as wide"
    assert choosing._wide_enough("name", ["", "写真" * 9]) >= 14 * 18
    assert choosing._wide_enough("tags", [[], ["second camera", "berlin"]]) >= 6.5 * 19 + 2 * 16
    assert choosing._wide_enough("a heading", [""]) >= 6.5 * 9
    assert choosing._wide_enough("name", ["x" * 500]) == choosing.MOST
    assert choosing._wide_enough("size", [1, 2]) is None

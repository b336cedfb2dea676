import io
import zipfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import runs_at_hand
from shown import figures, links, texts

from dashboard.components.shared.opening import OPEN
from dashboard.components.train.all_settings import OTHERS
from usable_core import images, jobs, shelf
from usable_core.catalog.recipes import RECIPES
from usable_core.errors import StorageError
from usable_core.evaluations.interactive import Answer
from usable_core.evaluations.look import LookConfig
from usable_core.evaluations.rehearsal import Rehearsal, Seen, Worst
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig
from usable_core.jobs import interactive
from usable_core.runs.run import Status
from usable_core.runs.uploads import keep_data


def test_fine_tune_says_what_will_appear_before_anything_runs(open_page):
    app = open_page("fine_tune")

    assert "Nothing is running here" in texts(app)
    assert app.selectbox(key="fine_tune_model").value == "bundled/resnet"
    assert not app.button(key="fine_tune_start").disabled


def test_start_asks_exactly_what_the_form_says(open_page, started):
    app = open_page("fine_tune", fine_tune_model="bundled/vgg", fine_tune_dataset="digits")
    app.number_input(key="fine_tune_epochs").set_value(3)
    app.number_input(key="fine_tune_rate").set_value(0.01)
    app.selectbox(key="fine_tune_augmentation").select("none")
    app.toggle(key="fine_tune_has_source").set_value(True).run()
    app.selectbox(key="fine_tune_source").select("cifar10")
    app.number_input(key="fine_tune_weight").set_value(0.5)

    app.button(key="fine_tune_start").click().run()

    config = started[0]
    assert isinstance(config, FineTuningConfig)
    assert config.model.reference == "bundled/vgg"
    assert config.dataset == DatasetSpec("digits")
    assert (config.schedule.epochs, config.schedule.learning_rate) == (3, 0.01)
    assert (config.schedule.augmentation, config.method) == ("none", "full")
    assert (config.source, config.task_weight) == (DatasetSpec("cifar10"), 0.5)


def test_a_recipe_fills_the_form_and_says_what_is_wrong_about_it(open_page, started):
    app = open_page("fine_tune", fine_tune_dataset="digits")
    app.selectbox(key="fine_tune_recipe").select("seed-recipe").run()

    assert app.number_input(key="fine_tune_rate").value == 0.001
    assert app.selectbox(key="fine_tune_augmentation").value == "none"
    assert RECIPES["seed-recipe"].faults[0] in texts(app)
    app.number_input(key="fine_tune_epochs").set_value(2)
    app.button(key="fine_tune_start").click().run()

    config = started[0]
    assert config.recipe == "seed-recipe"
    assert config.schedule == Schedule(**{**RECIPES["seed-recipe"].schedule, "epochs": 2})
    assert dict(config.model.preprocessing)["std"] == "0.5,0.5,0.5"

    app.selectbox(key="fine_tune_recipe").select("careful").run()
    assert app.number_input(key="fine_tune_rate").value is None
    app.button(key="fine_tune_start").click().run()
    assert (started[1].backbone_rate, started[1].schedule.label_smoothing) == (0.1, 0.1)
    assert started[1].model.preprocessing == ()

    for recipe in ("layer-decay", "probe-then-full"):
        app.selectbox(key="fine_tune_recipe").select(recipe).run()
        app.button(key="fine_tune_start").click().run()
    assert (started[2].layer_decay, started[2].schedule.optimizer) == (0.75, "adamw")
    assert (started[3].layer_decay, started[3].method) == (1.0, "probe_then_full")


def test_texts_are_offered_no_recipe_of_pictures(open_page):
    app = open_page("fine_tune", fine_tune_model="bundled/bert", fine_tune_dataset="languages")

    assert "Augmented" not in app.selectbox(key="fine_tune_recipe").options
    assert "Careful" in app.selectbox(key="fine_tune_recipe").options


def test_a_linear_probe_asks_for_no_source(open_page, started):
    app = open_page("fine_tune")
    app.segmented_control(key="fine_tune_method").set_value("linear_probe").run()

    app.button(key="fine_tune_start").click().run()

    assert [t.key for t in app.toggle] == []
    assert (started[0].method, started[0].source) == ("linear_probe", None)


def test_after_start_the_run_stands_in_the_address_and_waits_with_a_cancel_button(open_page, store):
    app = open_page("fine_tune")
    app.button(key="fine_tune_start").click().run()
    run = store.list()[0]

    app.button(key=f"cancel_{run.id}").click().run()

    assert app.query_params["run"] == run.id
    assert store.get(run.id).status is Status.CANCELLED
    assert "– cancelled" in texts(app)


def test_a_running_training_shows_progress_and_curves(open_page, store):
    run = runs_at_hand.running(store, epochs=2)

    app = open_page("fine_tune", run=run.id)

    assert "Epoch 2 of 3" in texts(app)
    assert app.button(key=f"cancel_{run.id}").label == "Cancel"
    assert {trace["name"] for trace in figures(app)[0]["data"]} == {"training", "validation"}


def test_a_cancel_that_was_asked_for_says_that_it_was_heard(open_page, store):
    run = runs_at_hand.running(store)
    store.request_cancel(run.id)

    app = open_page("fine_tune", run=run.id)

    assert app.button(key=f"cancel_{run.id}").label == "Cancelling …"
    assert app.button(key=f"cancel_{run.id}").disabled


def test_a_trained_model_can_be_measured_from_here(open_page, store):
    run = runs_at_hand.done(store)

    app = open_page("fine_tune", run=run.id)

    expected = f"models=run%2F{run.id}&data=digits"
    assert links(app)["Measure accuracy"] == f"accuracy?{expected}"
    assert f"run/{run.id}" in texts(app)
    assert [w.value for w in app.warning] == ["Only a warning."]
    assert app.get("download_button")[0].proto.label == "Epochs, CSV"


def test_a_failed_training_shows_its_sentence_and_no_traceback(open_page, store):
    run = runs_at_hand.failed(store, "Training diverged. Lower the learning rate.")

    app = open_page("fine_tune", run=run.id)

    assert app.error[0].value == "Training diverged. Lower the learning rate."
    assert "Measure accuracy" not in links(app)


def test_a_run_that_does_not_exist_is_said_to_be_gone(open_page):
    app = open_page("fine_tune", run="../../etc/passwd")

    assert "There is no run" in app.warning[0].value
    assert links(app)["All runs"] == "runs?"


def test_a_start_that_fails_is_one_sentence(open_page, monkeypatch):
    def refuse(config, **_):
        raise StorageError("At most 200 runs can wait.")

    app = open_page("fine_tune")
    monkeypatch.setattr(jobs, "start", refuse)
    app.button(key="fine_tune_start").click().run()

    assert app.error[0].value == "At most 200 runs can wait."
    assert not app.exception


def test_an_uploaded_zip_is_kept_by_the_core_and_used(open_page, started):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("cats/a.txt", "x")
    app = open_page("fine_tune", fine_tune_dataset="upload")
    assert app.button(key="fine_tune_start").disabled

    app.file_uploader(key="fine_tune_dataset_upload").upload("my.zip", content.getvalue()).run()
    app.button(key="fine_tune_start").click().run()

    looked, trained = started
    assert isinstance(looked, LookConfig)
    assert looked.dataset == trained.dataset
    assert Path(trained.dataset.reference).read_bytes() == content.getvalue()


def test_what_is_in_own_data_is_said_before_anything_starts(open_page, store):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.png", "x")
    path = keep_data(content.getvalue(), "my birds.zip")
    run = store.create(LookConfig(DatasetSpec(path)))
    app = open_page("fine_tune", fine_tune_dataset=path)
    assert "Looking at the data" in texts(app)

    store.fail(run.id, f"{path} holds no class folder.")
    app.run()
    assert "my birds.zip holds no class folder." in [warning.value for warning in app.warning]
    assert "Classes, counts, examples" in links(app)


def test_an_upload_that_is_no_zip_is_refused_in_a_sentence(open_page):
    app = open_page("fine_tune", fine_tune_dataset="upload")

    app.file_uploader(key="fine_tune_dataset_upload").upload("my.zip", b"not a zip").run()

    assert "no zip file" in app.error[0].value
    assert app.button(key="fine_tune_start").disabled


def test_a_path_is_the_data_set(open_page, started):
    app = open_page("fine_tune", fine_tune_dataset="/data/flowers")

    app.button(key=OPEN).click().run()  # AppTest cannot type a new option
    app.button(key="fine_tune_start").click().run()

    assert started[0].dataset.reference == "/data/flowers"


def test_a_backbone_that_only_answers_is_told_before_the_start(open_page, tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"any")
    shelf.put("Exported", ModelSpec(f"onnx/{tmp_path / 'net.onnx'}"))

    app = open_page("fine_tune", fine_tune_model="shelf/Exported", fine_tune_dataset="digits")

    assert "Exported answers and has no gradients, so it cannot be trained" in texts(app)
    assert app.button(key="fine_tune_start").disabled


@pytest.fixture
def text_model(tmp_path):
    """A model of texts on the shelf: its files' names alone are looked at."""
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    shelf.put("Reader", ModelSpec(f"hf/{tmp_path}"))
    return "shelf/Reader"


def test_what_only_pictures_have_is_not_asked_of_texts(open_page, started, text_model):
    app = open_page("fine_tune", fine_tune_model=text_model, fine_tune_dataset="languages")

    app.button(key="fine_tune_start").click().run()

    assert "fine_tune_augmentation" not in [box.key for box in app.selectbox]
    assert started[0].model.reference == text_model
    assert started[0].dataset == DatasetSpec("languages")
    assert started[0].schedule.augmentation is None


def test_texts_are_asked_for_a_prompt_and_usual_epochs(open_page, started, text_model):
    app = open_page("fine_tune", fine_tune_model=text_model, fine_tune_dataset="languages")
    app.text_input(key="fine_tune_prompt").set_value(" The language is ").run()

    app.button(key="fine_tune_start").click().run()

    assert started[0].prompt == "The language is"
    assert started[0].schedule.epochs is None
    assert not [one for one in open_page("fine_tune").text_input if one.key == "fine_tune_prompt"]


@pytest.mark.parametrize("of", ["data", "source"])
def test_a_model_and_data_of_two_kinds_are_told_before_the_start(open_page, text_model, of):
    app = open_page("fine_tune", fine_tune_model=text_model, fine_tune_dataset="languages")
    if of == "data":
        app.selectbox(key="fine_tune_dataset").select("digits").run()
    else:
        app.toggle(key="fine_tune_has_source").set_value(True).run()
        app.selectbox(key="fine_tune_source").select("digits").run()

    assert "Reader takes texts, and digits holds pictures." in texts(app)
    assert app.button(key="fine_tune_start").disabled


def test_a_backbone_of_pictures_is_offered_no_texts(open_page):
    app = open_page("fine_tune", fine_tune_model="bundled/resnet", fine_tune_dataset="languages")

    assert "ResNet takes pictures, and languages holds texts." in texts(app)
    assert app.button(key="fine_tune_start").disabled


OF_A_TERMINAL = FineTuningConfig(
    ModelSpec("bundled/resnet", preprocessing=(("resize", "24"),)),
    DatasetSpec("digits", "all", 300, seed=5),
    schedule=Schedule(
        4, 16, "adamw", learning_rate=0.002, warmup=0.1, decay="step", clip=0.0, mixup=0.3, seed=7
    ),
    proxy="distance",
    task_weight=2.0,
    backbone_rate=0.5,
    train_size=200,
)


def test_a_run_of_the_command_line_is_asked_again_exactly(open_page, store, started):
    run = store.create(OF_A_TERMINAL)
    store.cancelled(run.id)

    app = open_page("fine_tune", run=run.id)
    said = texts(app)
    app.button(key="fine_tune_start").click().run()

    assert app.number_input(key="fine_tune_batch_size").value == 16
    assert "this form was filled from\\: preprocessing resize=24." in said
    assert "split all, seed 5" in said
    schedule = replace(OF_A_TERMINAL.schedule, augmentation="shift")
    assert started == [replace(OF_A_TERMINAL, schedule=schedule)]


def test_every_setting_of_a_schedule_has_a_widget(open_page, started):
    app = open_page("fine_tune")
    widgets = [*app.number_input, *app.selectbox, *app.checkbox]

    names = {field.name for field in fields(Schedule)} - {"learning_rate"}  # fine_tune_rate
    assert {f"fine_tune_{name}" for name in names} <= {widget.key for widget in widgets}
    app.selectbox(key="fine_tune_optimizer").select("adamw")
    app.number_input(key="fine_tune_clip").set_value(1.5)
    app.button(key="fine_tune_start").click().run()
    assert started[0].schedule == Schedule(optimizer="adamw", clip=1.5, augmentation="shift")


def test_every_question_of_a_training_is_asked_or_carried():
    """A new field of the config must not be lost where a run is asked again."""
    asked = {"model", "dataset", "method", "schedule", "source", "proxy", "task_weight"}
    asked |= {"from_scratch", "prompt", "recipe", *OTHERS}

    assert {field.name for field in fields(FineTuningConfig)} == asked


def test_settings_that_contradict_are_one_sentence_before_the_start(open_page):
    app = open_page("fine_tune")
    app.segmented_control(key="fine_tune_method").set_value("linear_probe")
    app.number_input(key="fine_tune_mixup").set_value(0.2).run()

    assert "0 for a linear probe" in app.error[0].value
    assert app.button(key="fine_tune_start").disabled


@pytest.fixture
def lane_says(monkeypatch, tmp_path):
    """What the lane answers, by the kind of question; questions that were asked."""
    answers, asked = {}, {}

    def submit(request):
        asked[f"{len(asked):024x}"] = request
        return f"{len(asked) - 1:024x}"

    monkeypatch.setattr(interactive, "submit", submit)
    monkeypatch.setattr(
        interactive, "poll", lambda key: answers.get(asked[key].kind, Answer("working"))
    )
    monkeypatch.setattr(interactive, "cancel", lambda key: asked.pop(key))
    monkeypatch.setattr(interactive, "files", lambda key: tmp_path)
    return answers, asked


def test_time_and_pictures_are_told_before_the_start(open_page, lane_says, tmp_path):
    answers, asked = lane_says
    answers["rehearsal"] = Answer("done", rehearsal=Rehearsal(640, 80, 64, 10, 9, 720, 2, 1, 1, 1))
    seen = Seen(("3",), (1.0,)), Seen(("5", "8"), (0.7, 0.3))
    answers["augmented"] = Answer("done", seen=seen)
    (tmp_path / "augmented").mkdir()
    for k in range(2):
        png = images.encode_png(np.zeros((8, 8, 3), np.uint8))
        (tmp_path / f"augmented/{k}.png").write_bytes(png)

    app = open_page("fine_tune")
    app.number_input(key="fine_tune_epochs").set_value(3).run()

    assert "for 3 epochs of 640 examples, from 9 timed steps of 64" in texts(app)
    assert len(app.get("image")) == 2
    assert "5 70 %, 8 30 %" in texts(app)
    assert {one.kind for one in asked.values()} == {"rehearsal", "augmented"}
    assert len(asked) == 2  # the epochs change neither


def test_a_changed_form_withdraws_what_it_asked(open_page, lane_says):
    _, asked = lane_says
    app = open_page("fine_tune")
    app.number_input(key="fine_tune_batch_size").set_value(8).run()

    sizes = [one.training.schedule.batch_size for one in asked.values()]
    assert sizes == [8, 8]


def test_nothing_is_timed_beside_a_training(open_page, store, lane_says):
    run = runs_at_hand.running(store)

    open_page("fine_tune", run=run.id)

    assert lane_says[1] == {}


def test_texts_are_timed_and_have_no_pictures(open_page, lane_says, text_model):
    open_page("fine_tune", fine_tune_model=text_model, fine_tune_dataset="languages")

    assert [one.kind for one in lane_says[1].values()] == ["rehearsal"]


def test_earlier_trainings_are_drawn_behind_and_can_be_left_out(open_page, store, lane_says):
    earlier, run = runs_at_hand.done(store), runs_at_hand.done(store)
    store.describe(earlier.id, name="The first")

    app = open_page("fine_tune", run=run.id)
    names = [trace["name"] for trace in figures(app)[0]["data"]]
    app.multiselect(key="behind").set_value([]).run()

    assert [name for name in names if name.startswith("The first, full")]
    assert app.query_params["run"] == run.id
    assert {trace["name"] for trace in figures(app)[0]["data"]} == {"training", "validation"}


def test_a_link_that_names_no_earlier_training_draws_none(open_page, store, lane_says):
    runs_at_hand.done(store)
    run = runs_at_hand.done(store)

    app = open_page("fine_tune", run=run.id, behind="../../etc")

    assert app.multiselect(key="behind").value == []


def test_learning_rate_and_throughput_are_drawn(open_page, store):
    run = runs_at_hand.running(store)
    told = {"epoch": 2.5, "learning_rate": 0.01, "examples_per_second": 70.0}
    store.progress(run.id, 3, 3, "Epoch 3 of 3", **told)

    app = open_page("fine_tune", run=run.id)

    drawn = {trace["name"]: trace for trace in figures(app)[1]["data"]}
    assert set(drawn) == {"Learning rate", "Examples a second"}


def test_a_training_that_was_ended_goes_on_from_its_checkpoint(
    open_page, store, started, monkeypatch
):
    run = runs_at_hand.running(store)
    parts = store.folder(run.id) / "shards"
    parts.mkdir()
    for step in (20, 130):
        (parts / f"{step:09d}.abc.checkpoint").write_bytes(b"x")
    store.cancelled(run.id)

    app = open_page("fine_tune", run=run.id)
    button = app.button(key="fine_tune_go_on")
    button.click().run()

    assert button.label == "Go on from step 130"
    assert started == [run.config]
    assert app.query_params["run"] != run.id


def test_where_no_checkpoint_is_left_nothing_goes_on(open_page, store):
    run = runs_at_hand.failed(store, "Training diverged.")

    app = open_page("fine_tune", run=run.id)

    assert "No checkpoint was left" in texts(app)
    assert not [one for one in app.button if one.key == "fine_tune_go_on"]


def test_worst_examples_are_shown_after_a_training(open_page, store, lane_says):
    answers, asked = lane_says
    answers["worst"] = Answer("done", worst=(Worst("a", "3", "5", 0.91, 4.2),))
    run = runs_at_hand.done(store)

    app = open_page("fine_tune", run=run.id)

    assert "**3**, called *5* · 91.0 %, loss 4.20" in texts(app)
    examples = next(one for one in asked.values() if one.kind == "examples")
    assert (examples.dataset, examples.examples) == ("digits", ("a",))


def test_worst_texts_open_explain(open_page, store, lane_says):
    answers, _ = lane_says
    answers["worst"] = Answer("done", worst=(Worst("a", "one", "other", 0.9, 4.0, "rain *fell*"),))
    run = runs_at_hand.done(store)

    app = open_page("fine_tune", run=run.id)
    buttons = [one for one in app.button if one.label == "Explain"]

    assert "rain" in texts(app)
    assert len(buttons) == 1


def test_a_trained_model_is_assessed_from_here(open_page, store, lane_says):
    run = runs_at_hand.done(store)

    app = open_page("fine_tune", run=run.id)

    assert links(app)["Is it fit?"] == f"assess?models=run%2F{run.id}&data=digits"


def test_a_backbone_of_texts_begins_with_source_data_of_texts(open_page, started):
    app = open_page("fine_tune", fine_tune_model="bundled/bert", fine_tune_dataset="languages")

    app.toggle(key="fine_tune_has_source").set_value(True).run()

    assert app.selectbox(key="fine_tune_source").value == "languages"
    assert "nothing could be forgotten" in texts(app)

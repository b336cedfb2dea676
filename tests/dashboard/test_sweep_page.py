from dataclasses import replace

import pandas as pd
from made_results import accuracy_result
from shown import figures, links, texts

from usable_core import jobs
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Provenance
from usable_core.evaluations.sweep import SweepConfig
from usable_core.evaluations.sweep_result import SweepResult
from usable_core.evaluations.training import Retained, TrainingResult
from usable_core.evaluations.trainings import Measures
from usable_core.metrics.intervals import Estimate, wilson
from usable_core.plots.sweep import places

CONFIG = SweepConfig(
    ModelSpec("bundled/vgg_digits"),
    DatasetSpec("digits"),
    source=DatasetSpec("digits"),
    lambdas=(0, 1, 1000),
    seeds=(0, 1),
)
SHARES = {0: (0.1, 0.9), 1: (0.7, 0.8), 1000: (0.9, 0.5)}


def done(store):
    rows = [
        {
            "lambda": float(weight),
            "seed": seed,
            "accuracy": task + seed / 100,
            "n": 100,
            "ece": 0.1,
            "before": 0.9,
            "retained": kept,
            "retained_n": 100,
            "training": f"t{weight}{seed}",
            "measured": "m",
            "refused": "",
        }
        for weight, (task, kept) in SHARES.items()
        for seed in (0, 1)
    ]
    run = store.create(CONFIG)
    store.start(run.id, 1)
    store.finish(run.id, SweepResult(CONFIG, pd.DataFrame(rows), "test"))
    return run


def trained(config):
    """The answer of a training that keeps 8 of 10 pictures of its source."""
    records = pd.DataFrame({"epoch": [1], "validation_accuracy": [0.5], "validation_loss": [1.0]})
    kept = Retained("digits", wilson(9, 10), wilson(8, 10), Estimate(-0.1, -0.2, 0.0, 10))
    about = Provenance("bundled/vgg_digits", "m", "digits", "d", "train", tuple("0123456789"))
    return TrainingResult(config, about, records, {}, retained=kept)


def test_the_untouched_form_starts_a_sweep_without_data_that_are_not_at_hand(open_page, started):
    app = open_page("sweep")
    assert "Nothing is running here" in texts(app)

    app.button(key="sweep_start").click().run()

    assert not app.exception
    (asked,) = started
    assert (asked.model.reference, asked.dataset.reference) == ("bundled/resnet", "digits")
    assert (asked.source, asked.proxy) == (None, "distillation")
    assert asked.lambdas == (0, 0.1, 1, 10, 1000)
    assert asked.seeds == (0, 1, 2)


def test_a_source_that_is_the_task_is_said_and_not_started(open_page, started):
    app = open_page("sweep", sweep_model="bundled/vgg_digits", sweep_dataset="digits")

    app.segmented_control(key="sweep_proxy").set_value("none").run()
    app.selectbox(key="sweep_source").set_value("digits").run()

    assert "nothing could be forgotten" in texts(app)
    assert app.button(key="sweep_start").disabled


def test_what_the_form_says_is_asked_and_bad_input_is_a_sentence(open_page, started):
    app = open_page("sweep", sweep_dataset="digits")
    app.text_input(key="sweep_lambdas").set_value("1, -1").run()
    app.button(key="sweep_start").click().run()
    assert "lambda must be numbers, 0 or more" in app.error[0].value

    app.text_input(key="sweep_lambdas").set_value("2")
    app.text_input(key="sweep_seeds").set_value("7")
    app.number_input(key="sweep_epochs").set_value(3)
    app.segmented_control(key="sweep_proxy").set_value("distance").run()
    app.button(key="sweep_start").click().run()

    (asked,) = started
    assert (asked.lambdas, asked.seeds, asked.schedule.epochs) == ((2.0,), (7,), 3)
    assert (asked.source, asked.proxy) == (None, "distance")


def test_an_answer_is_shown_with_both_figures_and_its_models(open_page, store):
    run = done(store)

    app = open_page("sweep", run=run.id)

    against, front = figures(app)
    task = next(trace for trace in against["data"] if trace["name"] == "task accuracy")
    assert [x for _, x in places([0, 1, 1000]).items()] == [-1, 0, 3]
    assert task["customdata"][0][0] == "λ = 0"
    assert [a["text"] for a in against["layout"]["annotations"]] == [
        "task accuracy, %",
        "retained of the source, %",
        "calibration error (ECE), %",
        "not tuned",
        "plain fine-tuning",
    ]
    assert front["data"][0]["name"] == "Pareto front"
    assert "On the Pareto front of both" in texts(app)
    assert app.text_input(key="sweep_lambdas").value == "0, 1, 1000"
    app.selectbox(key="sweep_up").set_value("calibration").run()
    front = figures(app)[1]
    assert front["layout"]["yaxis"]["title"]["text"] == "calibration error (ECE), %"
    assert front["layout"]["yaxis"]["autorange"] == "reversed"
    app.selectbox(key="sweep_use").select("t10001").run()
    assert links(app)["Its training"] == "fine_tune?run=t10001"


def test_a_sweep_that_was_stopped_shows_what_is_done_and_can_be_resumed(
    open_page, store, monkeypatch
):
    run = store.create(CONFIG)
    store.start(run.id, 1)
    for training, kept in zip(CONFIG.trainings[:3], ("0", "1", None), strict=True):
        child = store.create(training, parent=run.id)
        store.start(child.id, 1)
        if kept is not None:
            store.finish(child.id, trained(training))
            asked = AccuracyConfig(ModelSpec(f"run/{child.id}"), CONFIG.measured_part)
            measured = store.create(asked, parent=run.id)
            store.start(measured.id, 1)
            store.finish(measured.id, replace(accuracy_result([0, 1, 1], [0, 1, 0]), config=asked))
    store.progress(child.id, 3, 9, "Epoch 1")
    store.progress(run.id, 250, 630, "λ = 1, seed 0: Epoch 1")

    app = open_page("sweep", run=run.id)

    rows = app.dataframe[0].value
    assert list(rows["λ"]) == ["0", "0", "1"]
    assert list(rows[""]) == ["done", "done", "Epoch 1"]
    assert list(rows["task accuracy"]) == ["66.7 %", "66.7 %", ""]
    assert list(rows["retained of the source"]) == ["80.0 %", "80.0 %", ""]
    assert app.get("progress")[0].proto.text == "250 of 630"  # a moment tells of no pace

    store.cancelled(run.id)
    resumed = []
    monkeypatch.setattr(jobs, "again", lambda run_id, **_: resumed.append(run_id) or run.id)
    app = open_page("sweep", run=run.id)
    assert list(app.dataframe[0].value[""]) == ["done", "done", "stopped"]
    app.button(key="sweep_resume").click().run()
    assert resumed == [run.id]


def test_what_else_is_measured_is_asked_and_restored(open_page, started, store):
    app = open_page("sweep", sweep_dataset="digits")
    app.text_input(key="sweep_epsilon").set_value("x").run()
    assert "must be a number or a fraction" in app.error[0].value
    assert app.button(key="sweep_start").disabled

    app.text_input(key="sweep_epsilon").set_value("4/255").run()
    app.number_input(key="sweep_attacked").set_value(7)
    app.selectbox(key="sweep_explanation").set_value("lime").run()
    app.button(key="sweep_start").click().run()

    (asked,) = started
    assert asked.measures == Measures(epsilon=4 / 255, attacked=7, explanation="lime")
    app = open_page("sweep", run=store.create(asked).id)
    assert app.text_input(key="sweep_epsilon").value == "4/255"
    assert app.selectbox(key="sweep_explanation").value == "lime"
    assert app.number_input(key="sweep_attacked").value == 7

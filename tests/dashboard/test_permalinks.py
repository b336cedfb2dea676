"""A link to a run puts the run's own question into the form, and gives way to another question."""

import os
from dataclasses import replace

import numpy as np
import pytest
from made_results import accuracy_result, robustness_result
from shown import links, texts

from usable_core.catalog.attacks import AttackSpec
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.evaluations.explanation import ExplainerOptions, ExplanationConfig
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig

LABELS = np.array([0] * 5 + [1] * 5)
RESNET = ModelSpec("bundled/resnet")
DEV = DatasetSpec("/data/dev.parquet", limit=300)


def done(store, config, result=None):
    """A finished run of a question."""
    made = result or accuracy_result(LABELS, LABELS, model=config.model.reference)
    run = store.create(config)
    store.start(run.id, os.getpid())
    store.finish(run.id, replace(made, config=config))
    return run.id


def waiting(store, config):
    return store.create(config).id


QUESTIONS = [
    AccuracyConfig(RESNET, DEV),
    AccuracyConfig(ModelSpec("run/deleted"), DatasetSpec("/gone/away.zip")),
    AccuracyConfig(ModelSpec("timm/resnet50", "/w.pth", (("pad_type", "same"),)), DEV),
    RobustnessConfig(RESNET, DEV, epsilons=(0, 0.01, 3 / 255), seed=7, draws=2),
    RobustnessConfig(
        RESNET,
        DEV,
        norm="l2",
        attacks=(AttackSpec("pgd", steps=5, restarts=2, loss="margin"),),
        surrogate=ModelSpec("bundled/vit"),
    ),
    CorruptionConfig(RESNET, DEV, corruptions=("snow", "fog"), severities=(2, 4)),
    ExplanationConfig(
        RESNET, DEV, ("occlusion",), "true", ExplainerOptions(evaluations=100), evidence="all"
    ),
]


@pytest.mark.parametrize("config", QUESTIONS)
def test_a_link_restores_the_whole_question_and_the_button_asks_it_again(
    open_page, store, started, monkeypatch, config
):
    monkeypatch.setattr("dashboard.visitor.check_names", lambda _: None)
    page = {AccuracyConfig: "accuracy", RobustnessConfig: "robustness"}.get(type(config))
    page = page or ("corruption" if isinstance(config, CorruptionConfig) else "explanation")

    app = open_page(page, run=waiting(store, config))
    app.button(key=f"{page}_start").click().run()

    assert started == [config]


def test_the_link_wins_over_what_stands_in_the_form_and_in_the_address(open_page, store):
    run = done(store, AccuracyConfig(RESNET, DEV))
    app = open_page("accuracy")
    assert app.selectbox(key="data").value == "digits"

    app.query_params["run"] = run
    app.query_params["data"] = "cifar10"
    app.run()

    assert app.multiselect(key="models").value == ["bundled/resnet"]
    assert app.selectbox(key="data").value == "/data/dev.parquet"
    assert app.number_input(key="accuracy_dataset_limit").value == 300


def test_the_headline_names_model_data_part_and_number(open_page, store):
    run = done(store, AccuracyConfig(RESNET, DEV))

    assert "ResNet on Digits, test · 10 images" in texts(open_page("accuracy", run=run)).replace(
        "\\", ""
    )


def test_another_question_lets_go_of_the_run_and_its_numbers(open_page, store):
    run = done(store, AccuracyConfig(RESNET, DEV))
    app = open_page("accuracy", run=run)
    assert app.metric

    app.number_input(key="accuracy_dataset_limit").set_value(200).run()

    assert not app.metric
    assert "run" not in app.query_params
    before = next(label for label in links(app) if label.startswith("Measured before"))
    assert "asked otherwise: Accuracy of ResNet on dev.parquet" in before.replace("\\", "")
    assert run in links(app)[before]


def test_a_run_of_another_size_is_not_shown_as_if_it_were_asked(open_page, store):
    done(store, AccuracyConfig(RESNET, DEV))
    app = open_page("accuracy", models="bundled/resnet", data="/data/dev.parquet")
    app.button(key="open_what_the_link_names").click().run()
    app.number_input(key="accuracy_dataset_limit").set_value(64).run()

    assert not app.metric

    app.number_input(key="accuracy_dataset_limit").set_value(300).run()

    assert app.metric


def test_the_page_opens_with_what_was_measured_last_of_these_models(open_page, store):
    demo = AccuracyConfig(ModelSpec("bundled/vgg_digits"), DatasetSpec("digits", "test", 100))
    done(store, demo)

    app = open_page("accuracy")

    assert app.metric
    assert app.number_input(key="accuracy_dataset_limit").value == 100
    assert "Asked with split test" in texts(app)


def test_settings_that_the_form_lacks_are_told(open_page, store):
    asked = AccuracyConfig(RESNET, DatasetSpec("/data/dev.parquet", seed=5), batch_size=7)

    shown = texts(open_page("accuracy", run=done(store, asked)))

    assert "Asked with seed 5, batch size 7, which the form above does not offer" in shown


def test_a_link_to_a_run_of_another_kind_changes_no_form(open_page, store):
    result = robustness_result(LABELS, LABELS, [LABELS] * 2, epsilons=(0.0, 1 / 255))
    run = done(store, result.config, result)

    app = open_page("accuracy", run=run)

    assert "is not of this page" in texts(app)
    assert app.multiselect(key="models").value == ["bundled/vgg_digits"]


def test_several_runs_of_one_link_are_all_in_the_form(open_page, store):
    specs = [RESNET, ModelSpec("bundled/vgg")]
    runs = [done(store, AccuracyConfig(spec, DEV)) for spec in specs]

    app = open_page("accuracy", run=runs)

    assert app.multiselect(key="models").value == [spec.reference for spec in specs]
    assert "ResNet, VGG on Digits, test · 10 images" in texts(app).replace("\\", "")


def test_coming_back_to_a_link_restores_its_question_again(open_page, store):
    run = done(store, AccuracyConfig(RESNET, DEV))
    app = open_page("accuracy", run=run)
    app.query_params.clear()
    app.switch_page("app_pages/robustness.py").run()
    app.multiselect(key="models").set_value(["bundled/vit"]).run()

    app.query_params.clear()
    app.query_params["run"] = run
    app.switch_page("app_pages/accuracy.py").run()

    assert app.multiselect(key="models").value == ["bundled/resnet"]
    assert app.metric


def test_a_model_that_does_not_fit_is_told_before_the_button(open_page, started):
    app = open_page("accuracy", models="bundled/resnet", data="digits")

    assert "ResNet does not fit Digits" in texts(app)
    assert "airplane" in texts(app)
    assert app.button(key="accuracy_start").disabled
    assert "fine_tune_dataset=digits" in str(links(app))


def test_what_must_be_downloaded_is_told_before_the_button(open_page):
    shown = texts(open_page("accuracy", models="bundled/resnet", data="cifar10"))

    assert "CIFAR-10 is not on this machine yet" in shown
    assert "(170 MB from www.cs.toronto.edu)" in shown


def test_a_link_to_a_training_restores_its_form(open_page, store, started, monkeypatch):
    config = FineTuningConfig(
        ModelSpec("bundled/vit"),
        DatasetSpec("digits"),
        schedule=Schedule(epochs=7, learning_rate=0.003, augmentation="shift"),
        source=DatasetSpec("cifar10"),
        task_weight=2.5,
    )

    app = open_page("fine_tune", run=waiting(store, config))
    app.button(key="fine_tune_start").click().run()

    assert started == [config]


def test_a_failed_run_leads_back_to_its_form(open_page, store):
    run = waiting(store, AccuracyConfig(RESNET, DEV))
    store.fail(run, "The data set is empty.")

    assert links(open_page("runs", run=run))["Change and ask again"] == f"accuracy?run={run}"


def test_data_that_are_gone_or_were_written_anew_are_told(open_page, store, tmp_path):
    data = tmp_path / "mine.zip"
    data.write_bytes(b"what was measured")
    os.utime(data, (0, 0))
    run = done(store, AccuracyConfig(RESNET, DatasetSpec(str(data))))
    before = texts(open_page("accuracy", run=run))
    assert "written anew" not in before
    assert "is not at" not in before

    os.utime(data, (2e9, 2e9))
    assert "mine.zip was written anew since this was measured" in texts(
        open_page("accuracy", run=run)
    )

    data.unlink()
    assert "mine.zip is not at" in texts(open_page("accuracy", run=run))

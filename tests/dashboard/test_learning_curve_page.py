import pandas as pd
from shown import figures, links, texts

from usable_core.evaluations.learning_curve import ALL, LearningCurveConfig
from usable_core.evaluations.learning_curve_result import LearningCurveResult
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training_axes import UNKNOWN

CONFIG = LearningCurveConfig(
    (ModelSpec("bundled/resnet"), ModelSpec("bundled/vgg")),
    DatasetSpec("digits"),
    (10, ALL),
    (0, 1),
    "linear_probe",
    Schedule(epochs=4),
    from_scratch=True,
    counted="per_class",
)


def done(store):
    rows = [
        {**UNKNOWN, **CONFIG.place(asked), "accuracy": 0.5 + asked.train_size / 1000, "n": 100}
        | {"ece": 0.1, "training": f"t{k}", "measured": "m"}
        for spec in CONFIG.models
        for k, asked in enumerate(CONFIG.trainings(spec, 400))
    ]
    run = store.create(CONFIG)
    store.start(run.id, 1)
    store.finish(run.id, LearningCurveResult(CONFIG, pd.DataFrame(rows), "test", 400))
    return run


def test_the_untouched_form_asks_of_data_at_hand_and_bad_sizes_are_a_sentence(open_page, started):
    app = open_page("learning_curve")
    assert "Nothing is running here" in texts(app)

    app.button(key="learning_curve_start").click().run()

    assert not app.exception
    (asked,) = started
    assert asked.dataset == DatasetSpec("digits")
    assert asked.train_sizes == (20, 50, 100, 200, 500, ALL)
    assert (asked.seeds, asked.method, asked.from_scratch) == ((0, 1, 2), "full", False)
    assert asked.counted == "in_all"

    app.text_input(key="learning_curve_sizes").set_value("1, all").run()
    app.button(key="learning_curve_start").click().run()

    assert "must be whole numbers from 2" in app.error[0].value
    assert "but is 1." in app.error[0].value
    assert len(started) == 1


def test_an_answer_is_shown_and_its_question_put_into_the_form(open_page, store):
    run = done(store)

    app = open_page("learning_curve", run=run.id)

    assert not app.exception
    (figure,) = figures(app)
    names = {trace["name"] for trace in figure["data"] if "customdata" in trace}
    assert names == {
        f"bundled/{name}{start}"
        for name in ("resnet", "vgg")
        for start in ("", " from random weights")
    }
    assert "from 10 to 400 images task accuracy goes from 51.0 % to 90.0 %" in texts(app)
    assert app.text_input(key="learning_curve_sizes").value == "10, all"
    assert app.segmented_control(key="learning_curve_counted").value == "per_class"
    assert app.toggle(key="learning_curve_scratch").value
    app.selectbox(key="learning_curve_use").select("t1").run()
    assert links(app)["Its training"] == "fine_tune?run=t1"

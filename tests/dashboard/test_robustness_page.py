"""The Robustness page: presets and their cost, checks, survival, examples, corruptions."""

import json
import os
from dataclasses import replace
from urllib.parse import unquote

import numpy as np
import pytest
from made_corruptions import corruption_result
from made_results import robustness_result
from shown import figures, links, texts

from dashboard.components.measure.attacked_pictures import chosen_examples, clicked_epsilon
from dashboard.components.measure.checks import FIGURES, figure_of
from dashboard.components.measure.corruption_and_attack import verdict
from usable_core import shelf
from usable_core.attacked_images import kept_images
from usable_core.catalog.attacks import PRESETS, AttackSpec
from usable_core.catalog.checks import CHECKS
from usable_core.catalog.corruptions import COMMON
from usable_core.evaluations.attack_choice import AttackChoice
from usable_core.evaluations.corruption import SEVERITIES, CorruptionConfig
from usable_core.evaluations.interactive import Answer
from usable_core.evaluations.robustness import Check, Cost, RobustnessConfig
from usable_core.evaluations.robustness_cost import most_work
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.images import encode_png
from usable_core.jobs import interactive
from usable_core.metrics.intervals import Estimate

MODEL, OTHER = "bundled/vgg_digits", "bundled/vgg"
GRID = (0.0, 1 / 255, 4 / 255)
LABELS = np.zeros(40, int)
GREEN = Check("loss_rises", "green", "Higher for 100 % of 16 examples.", {"n": 16, "rising": 1.0})
RED = Check("logits", "red", "The outputs are probabilities.", {"softmax": 1.0})
AMBER = Check("raw_curve", "amber", "Largest rise: 1 of 16.", {"n": 16, "rise": 1})
GREY = Check("white_box", "not run", "No black-box attack works in this norm.", {"n": 16})


def wrong_from(count):
    """Predictions of which the first `count` are wrong."""
    return np.where(np.arange(40) < count, 1, 0)


def robust(*checks, model=MODEL, falls=(4, 24, 36), **settings):
    attacked = [wrong_from(count) for count in falls]
    # The examples that fall are those at the end, after the four that are wrong when clean.
    result = robustness_result(
        LABELS, attacked[0], attacked, [attacked[0]] * 3, epsilons=GRID, model=model, **settings
    )
    return replace(result, checks=checks, cost=Cost(600, 300, 100, 9.0, 1.0))


def corrupted(model=MODEL, cells=None):
    config = CorruptionConfig(ModelSpec(model), DatasetSpec("digits"))
    hits = np.zeros((40, len(COMMON), len(SEVERITIES)), int) if cells is None else cells
    result = corruption_result(
        LABELS, wrong_from(4), hits, corruptions=COMMON, severities=SEVERITIES, model=model
    )
    return replace(result, config=config)


def tab(app, title):
    """Open another section of the page."""
    app.session_state["robustness_tab"] = title
    return app.run()


def done(store, result):
    made = store.create(result.config)
    store.start(made.id, os.getpid())
    store.finish(made.id, result)
    return made.id


def on_other_data(result):
    """The same answer on data that the page does not show at first."""
    return replace(result, config=replace(result.config, dataset=DatasetSpec("cifar10")))


def badges(app):
    """Return what every badge says: its text to its tooltip."""
    return {b.value: b.proto.help for b in app.markdown if "-badge[" in b.value}


def choose(app, key, value):
    group = next(g for g in app.get("button_group") if g.key == key)
    return group.set_value(value).run()


# Presets and what they cost


def test_a_preset_is_asked_for_with_its_usual_number_of_examples(open_page, started):
    app = open_page("robustness")
    assert app.number_input(key="robustness_dataset_limit").value == PRESETS["glance"].examples

    choose(app, "robustness_preset", "standard")
    app.button(key="robustness_start").click().run()

    assert started[0].preset == "standard"
    assert started[0].dataset.limit == PRESETS["standard"].examples
    assert PRESETS["standard"].help in texts(app)


def test_norms_are_those_in_which_every_attack_of_the_preset_works(open_page):
    app = open_page("robustness")
    assert app.selectbox(key="robustness_norm").options == ["L∞", "L2", "L1"]

    choose(app, "robustness_preset", "benchmark")  # of which FAB alone works in L1

    assert app.selectbox(key="robustness_norm").options == ["L∞", "L2"]


def test_draws_and_surrogate_are_asked_for_and_no_model_is_its_own_surrogate(open_page, started):
    app = open_page("robustness", models=["bundled/resnet", OTHER])

    app.number_input(key="robustness_draws").set_value(3)
    app.selectbox(key="robustness_surrogate").select(OTHER).run()
    app.button(key="robustness_start").click().run()

    assert [config.draws for config in started] == [3, 3]
    assert [config.surrogate for config in started] == [ModelSpec(OTHER), None]


def test_a_model_without_gradients_is_attacked_by_square_alone_and_that_is_told(
    open_page, started, tmp_path
):
    (tmp_path / "net.onnx").write_bytes(b"any")
    shelf.put("Exported", ModelSpec(f"onnx/{tmp_path / 'net.onnx'}"))
    app = open_page("robustness", models=["shelf/Exported", MODEL], data="digits")
    assert "Exported: no gradients to follow, so Square alone attacks" in texts(app)
    assert MODEL not in texts(app)
    app.button(key="robustness_start").click().run()

    asked = {config.model.reference: config for config in started}
    assert asked["shelf/Exported"].attacks == (
        AttackSpec("square", steps=PRESETS["glance"].queries),
    )
    assert (asked["shelf/Exported"].preset, asked[MODEL].preset) == (None, "glance")

    app = open_page("robustness", models="shelf/Exported", data="digits")
    app.segmented_control(key="robustness_preset").set_value("single").run()
    app.selectbox(key="robustness_attack").set_value("pgd").run()
    assert "PGD follows a model's gradients, and Exported has none" in app.error[0].value
    assert app.button(key="robustness_start").disabled
    app.selectbox(key="robustness_attack").set_value("square").run()
    assert not app.error
    assert not app.button(key="robustness_start").disabled


def test_the_estimate_takes_the_speed_of_the_models_newest_run(open_page, store):
    done(store, on_other_data(robust()))

    app = open_page("robustness")

    assert "Estimate:" in texts(app)
    asked = RobustnessConfig(
        ModelSpec(MODEL),
        DatasetSpec("digits"),
        attacks=AttackChoice("glance").attacks,
        preset="glance",
    )
    assert f"{most_work(asked, PRESETS['glance'].examples).passes:,} passes" in texts(app)


def test_the_estimate_grows_with_the_preset(open_page, store):
    done(store, on_other_data(robust()))
    app = open_page("robustness")
    before = next(c.value for c in app.caption if "Estimate" in c.value)

    choose(app, "robustness_preset", "benchmark")

    after = next(c.value for c in app.caption if "Estimate" in c.value)
    assert "seconds" in before or "minutes" in before
    assert "hours" in after
    assert "Fewer examples" in texts(app)


def test_a_model_that_never_ran_is_timed_first(open_page, monkeypatch):
    asked = []
    monkeypatch.setattr(interactive, "submit", lambda request: asked.append(request) or "key")
    monkeypatch.setattr(interactive, "poll", lambda key: Answer("waiting"))
    app = open_page("robustness")
    assert "Timing the model" in texts(app)
    assert [(r.kind, r.model.reference) for r in asked] == [("time", MODEL)]

    said = Answer("done", forward_seconds=0.001, gradient_seconds=0.003)
    monkeypatch.setattr(interactive, "poll", lambda key: said)
    app.run()

    assert "Estimate: " in texts(app)
    assert "seconds" in next(c.value for c in app.caption if "Estimate" in c.value)
    assert len(asked) == 1


def test_a_model_that_cannot_be_timed_says_why(open_page, monkeypatch):
    monkeypatch.setattr(interactive, "submit", lambda request: "key")
    monkeypatch.setattr(interactive, "poll", lambda key: Answer("failed", error="Not trusted."))

    assert "No estimate: Not trusted." in texts(open_page("robustness"))


def test_all_examples_have_no_estimate(open_page, store):
    done(store, robust())
    app = open_page("robustness")

    app.number_input(key="robustness_dataset_limit").set_value(0).run()

    assert "choose a number" in texts(app)


# The checks


def test_every_check_of_the_catalog_has_a_figure_for_its_badge():
    assert set(FIGURES) == set(CHECKS)


def test_what_did_not_pass_stands_in_a_row_and_every_check_in_words(open_page, store):
    run = done(store, robust(GREEN, AMBER, GREY))

    app = open_page("robustness", run=run)

    found = badges(app)
    assert not any("Loss rises" in text for text in found)  # it passed
    amber = next(text for text in found if "(doubtful): rise 1" in text)
    assert "orange-badge" in amber
    assert "1 of 16" in found[amber]
    assert any("gray-badge" in t and "(not run)" in t for t in found)
    assert "1 doubtful, 1 passed, 1 not run" in texts(app)
    words = next(m.value for m in app.markdown if "Loss rises, passed." in m.value)
    assert "Higher for 100 % of 16" in words
    assert "shattered gradients" in words
    assert "upper bound only" not in texts(app)


def test_a_red_check_comes_first_and_marks_curve_heads_and_table(open_page, store):
    runs = [done(store, robust(GREEN, RED)), done(store, robust(GREEN, model=OTHER))]

    app = open_page("robustness", run=runs)

    ordered = [text for text in badges(app) if "Outputs are" in text or "Loss rises" in text]
    assert len(ordered) == 1
    assert "(failed): probabilities" in ordered[0]
    traces = [
        trace["name"] for figure in figures(app) for trace in figure["data"] if "name" in trace
    ]
    assert "VGG · digits (upper bound only)" in traces
    assert "VGG" in traces
    assert "VGG (upper bound only)" not in traces
    table = next(t.value for t in app.dataframe if "metric" in t.value)
    assert "VGG · digits (upper bound only)" in table.columns
    marked = [m.value for m in app.markdown if "upper bound only" in m.value]
    assert all("digits" in text for text in marked)
    assert any("1 failed, 1 passed" in text for text in marked)


def test_a_run_without_checks_says_so(open_page, store):
    assert "no checks were made" in texts(open_page("robustness", run=done(store, robust())))


@pytest.mark.parametrize(
    ("name", "numbers", "text"),
    [
        ("losses_agree", {"n": 16, "cross_entropy": 9, "margin": 7}, "9 against 7"),
        ("white_box", {"n": 16, "white_box": 2, "square": 3, "transfer": 1}, "4 more by black box"),
        ("deterministic", {"difference": 0.0}, "exact"),
        ("more_steps", {"n": 3, "fallen": 1, "change": 0.12, "margin": 0.05}, "12 points"),
    ],
)
def test_a_badge_says_the_number_of_its_check(name, numbers, text):
    assert figure_of(Check(name, "green", "", numbers)) == text


# Survival and classes


def test_survival_comes_with_median_and_censored_share(open_page, store):
    app = tab(open_page("robustness", run=done(store, robust())), "How much does it take?")

    metrics = {(m.label, m.value) for m in app.metric}
    assert ("Median smallest ε", "1/255") in metrics  # 20 of the 36 right when clean
    assert ("Not broken", "11.1 %") in metrics
    title = "still right, % of those right when clean"
    assert any(f["layout"]["yaxis"]["title"].get("text") == title for f in figures(app))


def test_a_median_beyond_the_grid_is_said_to_be_beyond_it(open_page, store):
    run = done(store, robust(falls=(4, 5, 6)))
    app = tab(open_page("robustness", run=run), "How much does it take?")

    assert ("Median smallest ε", "> 4/255") in {(m.label, m.value) for m in app.metric}


def test_classes_are_shown_when_asked_for(open_page, store):
    app = open_page("robustness", run=done(store, robust()))
    assert not any(f["data"][0].get("type") == "heatmap" for f in figures(app))

    tab(app, "By class")

    heat = next(f for f in figures(app) if f["data"][0].get("type") == "heatmap")
    assert heat["layout"]["yaxis"]["ticktext"] == ["cat (n = 40)"]


# Examples


def with_pictures(store, run, indices):
    folder = store.folder(run) / "gallery"
    folder.mkdir()
    entries = []
    for index in indices:
        for k, epsilon in enumerate(GRID):
            name = f"{index}_{k}.png"
            (folder / name).write_bytes(encode_png(np.full((8, 8, 3), 40 * k, np.uint8)))
            entries.append(
                {
                    "file": name,
                    "index": index,
                    "epsilon": epsilon,
                    "prediction": min(k, 1),
                    "saved_prediction": 0,
                }
            )
    (folder / "gallery.json").write_text(json.dumps({"entries": entries, "kept": {}}))
    return folder.parent


def test_examples_are_ordered_by_where_they_break(store):
    result = robust()
    kept = kept_images(with_pictures(store, done(store, result), (10, 30, 38)))

    def order(mode, epsilon=0.0):
        rows, total = chosen_examples(result, kept, mode, epsilon)
        return list(rows["index"]), total

    assert order("fragile") == ([10, 30, 38], 36)  # broken at 1/255, at 4/255, at none
    assert order("firm") == ([38, 30, 10], 36)
    assert order("broken", 1 / 255) == ([10], 20)
    assert order("broken", 4 / 255) == ([30], 12)


def test_an_example_shows_original_adversarial_and_change_and_what_broke_it(open_page, store):
    result = robust()
    records = result.records.assign(
        found_attack=np.where(result.records["found_epsilon"].notna(), "pgd", ""), found_step=7
    )
    run = done(store, replace(result, records=records))
    with_pictures(store, run, (10, 38))

    app = tab(open_page("robustness", run=run), "Examples")

    captions = [picture.captions[0] for picture in app.get("image")]
    assert captions == ["original · adversarial · change × 10"] * 2
    shown = texts(app)
    assert "cat, called dog; this 8-bit picture is called cat." in shown
    assert "Breaks first at 1/255 by pgd, question 7." in shown
    assert "No ε of the grid breaks it." in shown


def test_a_run_without_pictures_says_so(open_page, store):
    app = tab(open_page("robustness", run=done(store, robust())), "Examples")

    assert "kept no pictures" in texts(app)


def test_examples_that_break_at_the_chosen_epsilon_are_counted(open_page, store):
    run = done(store, robust())
    with_pictures(store, run, (10,))
    app = open_page("robustness", run=run)

    app.session_state["robustness_examples"] = "broken"
    app.session_state["robustness_at"] = 4 / 255
    tab(app, "Examples")

    assert "12 of 36 right when clean break first at 4/255." in texts(app)
    assert "kept no pictures of such examples" in texts(app)


@pytest.mark.parametrize(
    ("event", "epsilon"),
    [
        ({"selection": {"points": [{"customdata": ["1/255", 10, 20, 64, 1 / 255]}]}}, 1 / 255),
        (
            {
                "selection": {
                    "points": [{"customdata": {"0": "0.5", "1": 1, "2": 2, "3": 9, "4": 0.5}}]
                }
            },
            0.5,
        ),
        ({"selection": {"points": []}}, None),
        ({}, None),
        (None, None),
        ({"selection": {"points": [{"x": 3}]}}, None),
    ],
)
def test_a_click_on_the_curve_chooses_its_epsilon(event, epsilon):
    assert clicked_epsilon(event) == epsilon


# Corruptions


def test_corruptions_that_were_not_measured_are_a_link_to_their_page(open_page, store):
    runs = [done(store, robust()), done(store, robust(model=OTHER))]
    app = tab(open_page("robustness", run=runs), "Beside corruptions")

    target = links(app)["Measure them"]
    assert "data=digits" in target
    assert all(name in unquote(target) for name in (MODEL, OTHER))


def test_measured_corruptions_stand_beside_the_attack_with_their_agreement(open_page, store):
    run = done(store, robust())
    cells = np.zeros((40, len(COMMON), len(SEVERITIES)), int)
    for index in range(40):
        cells[index, :, : (39 - index) // 8] = 1  # the later an example, the more it survives
    done(store, corrupted(cells=cells))

    app = tab(open_page("robustness", run=run), "Beside corruptions")

    assert "Measure them" not in links(app)
    assert "also fall to more corruptions" in texts(app)
    axes = [f["layout"]["xaxis"]["title"]["text"] for f in figures(app)]
    assert "smallest ε that breaks the example" in axes


def test_models_that_are_upper_bounds_are_kept_out_of_the_ranking(open_page, store):
    models = [MODEL, OTHER, "bundled/vit"]
    for model in models:
        done(store, corrupted(model))
    sound = [done(store, robust(model=model)) for model in models]
    beside = "Beside corruptions"
    assert "Over 3 models" in texts(tab(open_page("robustness", run=sound), beside))

    weak = [*sound[:2], done(store, robust(RED, model="bundled/vit"))]

    said = texts(tab(open_page("robustness", run=weak), beside))
    assert "Over" not in said.split("Do attack and corruptions")[1]


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Estimate(0.5, 0.2, 0.7, 30), "also fall to more"),
        (Estimate(-0.5, -0.7, -0.2, 30), "fall to fewer"),
        (Estimate(0.1, -0.2, 0.4, 30), "no agreement is shown"),
        (Estimate(float("nan"), float("nan"), float("nan"), 30), "undefined"),
    ],
)
def test_rank_agreement_is_said_with_its_interval(found, text):
    assert text in verdict(found)


# Compare


def test_compare_labels_upper_bounds_and_does_not_rank_them(open_page, store):
    runs = [done(store, robust(RED)), done(store, robust(model=OTHER, falls=(4, 5, 6)))]

    app = open_page("compare", run=runs)

    assert "are not ranked" in texts(app)
    assert "is drawn hatched and is not ranked" in app.warning[0].value
    assert "is better than" not in texts(app)
    names = {t.get("name") for f in figures(app) for t in f["data"]}
    assert "VGG · digits (upper bound only)" in names
    assert "not ranked: an upper bound only" in names
    sound = [runs[1], done(store, robust())]
    assert "hatched" not in texts(open_page("compare", run=sound))


def test_a_question_that_runs_shows_its_progress_and_no_result(open_page, store):
    run = store.create(RobustnessConfig(ModelSpec(MODEL), DatasetSpec("digits"))).id
    store.start(run, os.getpid())
    store.progress(run, 0, 64, "Checking the attack on a sample")

    app = open_page("robustness", run=run)

    assert "Checking the attack on a sample" in texts(app)
    assert not figures(app)

"""The page "Is it fit?": requirements become a question, and the answer begins with the verdict."""

import io
import os
import zipfile
from dataclasses import replace

import pandas as pd
import pytest
from made_results import accuracy_result
from made_texts import save_classifier
from shown import figures, texts

from dashboard import state
from dashboard.components.assess.evidence_file import zipped
from usable_core import files, shelf, tasks
from usable_core.catalog.starts import STARTS
from usable_core.evaluations.interactive import Answer, ImageRequest
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.jobs import interactive
from usable_core.jobs.steps import Part, SoFar
from usable_core.metrics.intervals import Proportion
from usable_core.records import to_json
from usable_core.verdicts.assessment import USUAL, AssessmentConfig, AssessmentResult, row_of
from usable_core.verdicts.checking import Checked
from usable_core.verdicts.finding import findings_of
from usable_core.verdicts.findings import Findings
from usable_core.verdicts.kinds import start_of
from usable_core.verdicts.plan import questions
from usable_core.verdicts.precedence import Precedence
from usable_core.verdicts.requirements import requirement

MODEL = "bundled/vgg_digits"


def row(text, outcome, value=None, reason="", run=""):
    found = None if value is None else Proportion(value, value - 0.1, min(1, value + 0.1), 50)
    checked = Checked(
        requirement(text), found, outcome, reason, 120 if outcome == "undecided" else None
    )
    return {**row_of(checked), "run": run}


def done(
    store,
    *candidates,
    require=("accuracy >= 50 %", "ece <= 5 %"),
    precedence=Precedence(),  # noqa: B008
    findings=Findings(),  # noqa: B008
):
    """A finished assessment; a candidate is a name and its rows."""
    models = tuple(ModelSpec(f"bundled/{name}") for name, _ in candidates)
    config = AssessmentConfig(models, DatasetSpec("digits", limit=50), require)
    rows = [
        {"model": f"bundled/{name}", "name": name, **one}
        for name, found in candidates
        for one in found
    ]
    run = store.create(config)
    store.start(run.id, os.getpid())
    store.finish(run.id, AssessmentResult(config, pd.DataFrame(rows), precedence, findings))
    return run.id


def test_it_asks_the_usual_requirements_of_the_chosen_models(open_page, started):
    app = open_page("assess")
    app.button(key="assess_start").click().run()
    (asked,) = started
    assert asked == AssessmentConfig((ModelSpec(MODEL),), DatasetSpec("digits"), USUAL)


def test_fields_and_lines_become_requirements(open_page, started):
    app = open_page("assess")
    app.select_slider(key="assess_accuracy").set_value(95.0)
    app.select_slider(key="assess_ece").set_value("not required")
    app.text_input(key="assess_epsilon").set_value("2/255")
    app.text_area(key="assess_more").set_value(
        "top5 >= 99 %\n\n corruption_accuracy at Fog >= 0.7 "
    )
    app.run()
    app.button(key="assess_start").click().run()
    (asked,) = started
    assert asked.require == (
        "accuracy >= 95 %",
        "worst_class >= 70 %",
        "mean_corruption_accuracy >= 60 %",
        "robust_accuracy at 2/255 >= 50 %",
        "faithfulness at lime >= 0",
        "top5 >= 99 %",
        "corruption_accuracy at fog >= 70 %",
    )


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("assess_more", "acuracy >= 1 %", "Unknown requirement"),
        ("assess_more", "x", "written like"),
    ],
)
def test_a_line_that_is_none_is_told_and_cannot_be_asked(open_page, key, text, said):
    app = open_page("assess")
    app.text_area(key=key).set_value(text).run()
    assert said in app.error[0].value
    assert app.button(key="assess_start").disabled


def test_a_budget_that_is_none_is_told(open_page):
    app = open_page("assess")
    app.text_input(key="assess_epsilon").set_value("a lot").run()
    assert "a number or a fraction" in app.error[0].value
    assert app.button(key="assess_start").disabled


def test_the_fit_come_first_with_every_requirement_and_the_way_to_its_page(open_page, store):
    bad = [row("accuracy >= 50 %", "not met", 0.2, run="r1"), row("ece <= 5 %", "met", 0.01)]
    good = [row("accuracy >= 50 %", "met", 0.9, run="r2"), row("ece <= 5 %", "met", 0.01)]
    app = open_page("assess", run=done(store, ("vgg", bad), ("resnet", good)))
    assert not app.exception
    assert "resnet is fit for this use" in app.success[0].value
    assert "vgg is not fit for this use" in app.error[0].value
    assert "at least 50 % is required" in app.error[0].value
    said = texts(app)
    assert "not met" in said
    assert len(figures(app)) == 2


def test_an_undecided_one_says_why_and_how_many_would_decide(open_page, store):
    rows = [
        row("accuracy >= 50 %", "undecided", 0.52),
        row("ece <= 5 %", "undecided", None, "it was not measured: there is none."),
    ]
    app = open_page("assess", run=done(store, ("vgg_digits", rows)))
    said = texts(app)
    assert "is not shown to be fit" in app.warning[0].value
    assert "about 120" in said
    assert "there is none" in said


def test_a_link_restores_the_question(open_page, store, started):
    rows = [row("ece <= 3 %", "met", 0.01), row("top5 >= 90 %", "met", 0.99)]
    require = ("ece <= 3 %", "top5 >= 90 %", "robust_accuracy at 4/255 >= 25 %")
    app = open_page("assess", run=done(store, ("vgg_digits", rows), require=require))
    assert app.select_slider(key="assess_accuracy").value == "not required"
    assert app.select_slider(key="assess_ece").value == 3
    assert app.text_input(key="assess_epsilon").value == "4/255"
    app.button(key="assess_start").click().run()
    (asked,) = started
    assert set(asked.require) == set(require)
    assert asked.dataset.limit == 50
    assert asked.models == (ModelSpec(MODEL),)


def timed(model=MODEL, forward=0.002, gradient=0.006):
    """The lane has timed a model."""
    key = interactive.submit(ImageRequest("time", ModelSpec(model)))
    answer = Answer("done", forward_seconds=forward, gradient_seconds=gradient)
    interactive.write_answer(key, answer)
    interactive.request_path(key).unlink()


def test_the_time_is_told_before_the_button_and_what_is_known_costs_nothing(open_page, store):
    timed()
    app = open_page("assess")
    assert "5 parts, none of them known yet" in texts(app)
    assert "counted with 1,000 examples" in texts(app)

    config = AssessmentConfig((ModelSpec(MODEL),), DatasetSpec("digits"))
    for task, question in questions(config.models[0], config).items():
        run = store.create(tasks.placed(question))
        store.start(run.id, os.getpid())
        if task == "accuracy":
            result = accuracy_result([0, 1], [0, 1])
            store.finish(run.id, replace(result, config=run.config))

    app = open_page("assess")
    assert "1 of 5 parts are known already" in texts(app)
    assert "counted with" not in texts(app)


def test_each_part_is_shown_while_it_runs_with_what_is_decided(open_page, store):
    config = AssessmentConfig((ModelSpec(MODEL),), DatasetSpec("digits", limit=50))
    run = store.create(config)
    store.start(run.id, os.getpid())
    store.progress(run.id, 3, 10, "Corruptions of it: fog")
    rows = [
        {"model": MODEL, "name": "VGG", **row("accuracy >= 90 %", "not met", 0.5)},
        {"model": MODEL, "name": "VGG", **row("ece <= 10 %", "met", 0.05)},
    ]
    known = SoFar(
        "About 2 minutes; 1 of 4 parts are known already.",
        (
            Part("VGG", "accuracy", 2.0, "known"),
            Part("VGG", "corruption", 40.0, "refused", "the disk is full"),
            Part("VGG", "robustness", 60.0, "under way"),
            Part("VGG", "explanation", 20.0),
        ),
        [to_json(one) for one in rows],
    )
    files.write_json(store.folder(run.id) / "shards" / "so_far.json", known)

    app = open_page("assess", run=run.id)

    said = texts(app)
    assert "About 2 minutes" in said
    assert "✓ known" in said
    assert "▸ under way" in said
    assert "about 1 minute" in said
    assert "the disk is full" in said
    assert "ece \\<\\= 10 %" in said or "ece" in said
    assert "is not fit for this use" in app.error[0].value
    assert app.button(key=f"cancel_{run.id}")


def test_a_start_fills_the_form_and_goes_into_a_file(open_page, started):
    app = open_page("assess")
    app.selectbox(key="assess_from").set_value("internal_tool").run()
    assert app.select_slider(key="assess_worst_class").value == 75
    assert app.select_slider(key="assess_robust_accuracy").value == "not required"
    app.button(key="assess_start").click().run()
    assert set(started[0].require) == set(STARTS["internal_tool"].require)


def test_a_file_of_requirements_fills_the_form_with_its_words(open_page, started):
    app = open_page("assess")
    text = 'use = "Post codes"\nset_by = "QA"\nnorm = "l2"\nrequire = ["accuracy >= 91 %"]\n'
    app.file_uploader(key="assess_file").upload("usable.toml", text.encode("utf-8-sig")).run()
    assert app.select_slider(key="assess_accuracy").value == 91
    app.button(key="assess_start").click().run()
    (asked,) = started
    assert (asked.use, asked.set_by, asked.norm) == ("Post codes", "QA", "l2")
    assert asked.require == ("accuracy >= 91 %",)


def test_a_file_that_is_none_is_told_and_changes_nothing(open_page):
    app = open_page("assess")
    app.file_uploader(key="assess_file").upload("usable.toml", b"require = []").run()
    assert "no requirements" in app.error[0].value
    assert app.select_slider(key="assess_accuracy").value == 90


@pytest.mark.parametrize("is_after", [True, False])
def test_requirements_that_came_after_a_look_are_marked(open_page, store, is_after):
    times = ("2026-02-02T00:00:00+00:00", "2026-01-01T00:00:00+00:00")
    found = Precedence(*times) if is_after else Precedence(*times[::-1])
    rows = [row("accuracy >= 50 %", "met", 0.9)]
    run = done(store, ("vgg_digits", rows), precedence=found)

    app = open_page("assess", run=run)

    assert any("after models had been" in one.value for one in app.warning) is is_after
    assert ("before these data were first looked at" in texts(app)) is not is_after


def test_trust_and_what_was_not_measured_stand_beside_the_verdict(open_page, store):
    made = accuracy_result([0, 1, 2] * 50, [0, 1, 2] * 50)
    found = findings_of(
        {"vgg": {"accuracy": made}},
        {"vgg": {"robustness": "No gradient."}},
        {"robustness": "Attacks"},
    )
    rows = [row("accuracy >= 50 %", "met", 0.9), row("ece <= 5 %", "met", 0.01)]
    app = open_page("assess", run=done(store, ("vgg", rows), findings=found))
    said = ""
    for title in ("Where it fails", "Trust", "Cost", "Not measured"):
        app.session_state["assess_tab"] = title
        said += texts(app.run()).replace("\\", "")
    assert not app.exception
    assert "Attacks of vgg: No gradient" in said
    assert "Seen in pre-training" in said
    assert "is shown to be worse" in said or "too few" in said


def test_the_evidence_file_is_one_zip(open_page, store):
    run = done(store, ("vgg_digits", [row("accuracy >= 50 %", "met", 0.9)]))
    app = open_page("assess", run=run)
    app.session_state["assess_tab"] = "Runs and files"
    app.run()
    assert "Evidence file" in [button.proto.label for button in app.get("download_button")]
    with zipfile.ZipFile(io.BytesIO(zipped(store.load(run)))) as archive:
        assert {"evidence/verdict.html", "evidence/verdict.json"} <= set(archive.namelist())


def test_of_many_candidates_one_is_shown_with_its_requirements(open_page, store):
    names = [f"m{number}" for number in range(5)]
    run = done(store, *((name, [row("accuracy >= 50 %", "met", 0.9)]) for name in names))

    app = open_page("assess", run=run)
    assert app.selectbox(key="assess_of").options == names
    app.selectbox(key="assess_of").select("m3").run()

    assert not app.exception
    assert [m.value for m in app.markdown if m.value in {f"**{n}**" for n in names}] == ["**m3**"]
    assert len([e for e in app.expander if e.label == "Every requirement"]) == 1


def test_the_question_of_many_candidates_is_shown_whole_and_in_part_where_fewer_fit(
    open_page, store
):
    names = [f"torchvision/resnet{depth}" for depth in (18, 34, 50, 101, 152)] + [MODEL]
    run = store.create(AssessmentConfig(tuple(map(ModelSpec, names)), DatasetSpec("digits")))

    app = open_page("assess", run=run.id)

    assert app.multiselect(key="models").value == names
    app.switch_page("app_pages/accuracy.py").run()
    assert not app.exception
    assert app.multiselect(key="models").value == names[:4]


def agreed(app):
    while opening := [button for button in app.button if "Open what" in button.label]:
        opening[0].click().run()
    return app


def test_models_of_texts_are_asked_for_shares_of_words_and_nothing_of_pictures(
    open_page, started, tmp_path
):
    save_classifier(tmp_path / "bert", "bert")
    (tmp_path / "reviews.csv").write_text("text,label\nfine,calm\nno,angry\nso,sad\n")
    reference = f"hf/{tmp_path / 'bert'}"

    app = open_page("assess", models=reference, data=str(tmp_path / "reviews.csv"))
    agreed(app)

    app.button(key="assess_start").click().run()

    (asked,) = started
    assert asked.kind == "text"
    assert asked.require == start_of("text")
    assert app.text_input(key="assess_word_share").value == "10 %"
    assert "fog" not in app.text_area(key="assess_more").placeholder


def test_swaps_and_a_judge_are_asked_for_of_texts_alone_and_come_back_with_a_link(
    open_page, started, store, tmp_path
):
    save_classifier(tmp_path / "bert", "bert")
    (tmp_path / "reviews.csv").write_text("text,label\nfine,calm\nno,angry\nso,sad\n")
    reference = f"hf/{tmp_path / 'bert'}"
    judge = shelf.put("judge", ModelSpec(reference)).reference
    assert state.ASSESS_SWAPS not in {one.key for one in open_page("assess").segmented_control}

    app = open_page("assess", models=reference, data=str(tmp_path / "reviews.csv"))
    agreed(app)
    app.segmented_control(key=state.ASSESS_SWAPS).set_value("synonym").run()
    app.selectbox(key=state.ASSESS_JUDGE).set_value(judge).run()
    app.button(key="assess_start").click().run()

    (asked,) = started
    assert (asked.swaps, asked.judge) == ("synonym", ModelSpec(judge))
    again = agreed(open_page("assess", run=store.create(asked).id))
    assert again.segmented_control(key=state.ASSESS_SWAPS).value == "synonym"
    assert again.selectbox(key=state.ASSESS_JUDGE).value == judge
    own = agreed(open_page("assess", models=judge, data=str(tmp_path / "reviews.csv")))
    own.selectbox(key=state.ASSESS_JUDGE).set_value(judge).run()
    assert "nobody judges their own case" in own.error[0].value
    assert own.button(key="assess_start").disabled

"""The Robustness page of models of texts: what it asks, and texts with old and new words."""

import os
from dataclasses import replace

import numpy as np
import pytest
from made_results import robustness_result
from made_texts import save_classifier
from shown import texts

from dashboard import state
from dashboard.components.measure.attacked_texts import shown
from dashboard.components.measure.text_attack_settings import shown_of
from usable_core import shelf
from usable_core.catalog.text_attacks import TEXT_PRESETS
from usable_core.evaluations.epsilon import grid
from usable_core.evaluations.specs import ModelSpec
from usable_core.texts import changed_words

ODD = "<b>so</b> *good* \u202etext here, really"
ROWS = (  # text, what broke it, by how many words
    (ODD, ODD.replace("good", "grand"), 1),
    ("not a bad film", "not a evil film", 1),
    ("it holds whatever is done", "", 0),
)


def measured(judge=None):
    """Three texts: one breaks at 20 %, one at 30 %, one withstands."""
    attacked = [[1, 1, 1], [0, 1, 1], [0, 0, 1]]
    made = robustness_result(
        [1, 1, 1], [1, 1, 1], attacked, epsilons=(0.0, 0.2, 0.3), preset="synonym", judge=judge
    )
    index = made.records["index"].to_numpy()
    of_text = [np.array(values)[index] for values in zip(*ROWS, strict=True)]
    words = np.array([12, 4, 5])[index]
    broken = of_text[2] > 0
    made.records["text"], made.records["adversarial_text"] = of_text[:2]
    made.records["changed"], made.records["words"] = of_text[2], words
    made.records["found_attack"], made.records["found_step"] = "synonym (8)", 31
    made.records["judge_clean_prediction"] = np.where(broken, 1, -1)
    made.records["judge_prediction"] = np.where(broken, np.where(index == 0, 1, 0), -1)
    made.records["similarity"] = np.where(broken, 0.91, np.nan)
    return made


def opened(open_page, store, made):
    run = store.create(made.config)
    store.start(run.id, os.getpid())
    store.finish(run.id, made)
    return open_page("robustness", run=run.id)


@pytest.fixture
def page(open_page, store):
    app = opened(open_page, store, measured())
    app.session_state[state.ROBUSTNESS_TAB] = "Examples"
    return app.run()


def at_share(app, epsilon):
    app.session_state[state.ROBUSTNESS_AT] = epsilon
    return texts(app.run()).replace("\\", "")


def test_what_a_judge_reads_stands_beside_the_numbers(open_page, store):
    app = opened(open_page, store, measured(ModelSpec("hf/some/judge")))

    said = at_share(app, 0.3)

    assert "reads 50.0 % of the broken texts as before" in said
    assert "n = 2" in said
    assert "is 0.91 in the middle" in said
    assert "texts are too short" not in said
    assert "33.3 % of the texts are too short" in at_share(app, 0.2)  # the one of 4 words
    assert "No text is broken here" in at_share(app, 0.0)


def test_without_a_judge_it_is_said(open_page, store):
    assert "Nobody judged" in at_share(opened(open_page, store, measured()), 0.3)


@pytest.fixture
def text_model(tmp_path):
    save_classifier(tmp_path / "bert", "bert")
    (tmp_path / "a.csv").write_text("text,label\nfine,calm\nhow dare you,angry\n")
    return {"models": f"hf/{tmp_path / 'bert'}", "data": str(tmp_path / "a.csv")}


def agreed(app):
    while opening := [button for button in app.button if "Open what" in button.label]:
        opening[0].click().run()
    return app


def test_a_model_of_texts_is_asked_of_attacks_on_texts(open_page, started, text_model):
    app = agreed(open_page("robustness", **text_model))
    app.text_input(key=state.ROBUSTNESS_TEXT_EPSILONS).set_value("10 %, 25%").run()
    app.segmented_control(key=state.ROBUSTNESS_TEXT_PRESET).set_value("typo").run()

    app.button(key="robustness_start").click().run()

    (asked,) = started
    assert (asked.preset, asked.norm) == ("typo", "words")
    assert asked.epsilons == (0.0, 0.1, 0.25)
    assert asked.attacks == TEXT_PRESETS["typo"].attacks
    assert asked.model.reference == text_model["models"]


def test_a_judge_is_another_model(open_page, started, text_model):
    shelf.put("judge", ModelSpec(text_model["models"]))
    app = agreed(open_page("robustness", **text_model))
    for name, judge in (("shelf/judge", ModelSpec("shelf/judge")), ("none", None)):
        app.selectbox(key=state.ROBUSTNESS_JUDGE).set_value(name).run()
        app.button(key="robustness_start").click().run()
        assert started[-1].judge == judge


def test_nobody_judges_their_own_case(open_page, started, text_model):
    own = shelf.put("judge", ModelSpec(text_model["models"])).reference
    app = agreed(open_page("robustness", models=own, data=text_model["data"]))
    app.selectbox(key=state.ROBUSTNESS_JUDGE).set_value(own).run()
    app.button(key="robustness_start").click().run()
    assert started[-1].judge is None


def test_the_attack_of_a_question_is_shown_again():
    made = replace(measured().config, judge=ModelSpec("hf/some/judge"), seed=3)
    kept = shown_of(made)
    assert kept[state.ROBUSTNESS_TEXT_PRESET] == "synonym"
    assert grid(str(kept[state.ROBUSTNESS_TEXT_EPSILONS])) == made.epsilons
    assert kept[state.ROBUSTNESS_JUDGE] == "hf/some/judge"
    assert kept["robustness_kind"] == "text"


def test_fragile_texts_stand_with_old_and_new_words(page):
    said = texts(page).replace("\\", "")
    first, second = (said.index(word) for word in ("**grand**", "**evil**"))
    assert first < second  # 1 of 12 words before 1 of 4
    assert ":gray[~~good~~] **grand**" in said
    assert "1 of 12 words changed (8.3 %)" in said
    assert "Breaks first at 20 % by synonym (8), question 31." in said
    assert "it holds whatever" not in said  # it is not fragile
    assert "The judge still reads" in said
    assert "and now reads" in said
    assert "similarity 0.91" in said


def test_signs_of_texts_are_shown_as_signs(page):
    said = texts(page)
    assert "<b>" not in said
    assert "\u202e" not in said
    assert r"⟨U\+202E⟩" in said
    assert r"\*" in said


def test_a_text_that_withstands_is_shown_as_it_is():
    assert shown({"text": "a *b*", "adversarial_text": ""}) == r"a \*b\*"


def test_a_text_is_explained_at_a_click(page):
    next(b for b in page.button if b.label == "Explain it").click().run()
    page.query_params[state.EXPLAIN_KIND] = "text"
    page.switch_page("app_pages/explain.py").run()
    assert page.text_area(key=state.EXPLAIN_TEXT).value == ROWS[0][1]


def test_words_are_told_apart_where_a_text_has_other_words():
    assert changed_words("so, good!", "so, bad!") == [
        ("", "so", "so"),
        ("", ",", ","),
        (" ", "good", "bad"),
        ("", "!", "!"),
        ("", "", ""),
    ]
    with pytest.raises(ValueError, match="2 and 1 words"):
        changed_words("so good", "so")

"""Explain, of a text: a real model of texts answers, in the place of the lane's worker."""

import hashlib
import itertools
import json
import re
from pathlib import Path

import pytest
from made_texts import save_classifier
from streamlit.testing.v1 import AppTest

from dashboard.components.explain.text_panel import DEFAULT_METHODS, METHODS, SAMPLES
from dashboard.components.shared import reading
from usable_core import explain, load_model
from usable_core.errors import UsableError
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.interactive import TRIAL_TEXT, Answer
from usable_core.jobs import interactive
from usable_core.measuring.instances import Instance
from usable_core.measuring.interactive import ModelCache, answer
from usable_core.measuring.refinement import explain as explain_instance
from usable_core.plots.words import chips_html

HOME = Path(__file__).parents[2] / "dashboard" / "Home.py"


class Worker:
    """Answers at once."""

    def __init__(self, folder):
        self.folder, self.models, self.asked, self.said = folder, ModelCache(), [], {}

    def submit(self, request):
        key = hashlib.sha256(repr(request).encode()).hexdigest()[:24]
        self.asked.append(request)
        try:
            answer(
                request,
                self.models,
                None,
                self.files(key),
                lambda one: self.said.update({key: one}),
            )
        except UsableError as error:
            self.said[key] = Answer("failed", error=str(error))
        return key

    def poll(self, key):
        return self.said[key]

    def files(self, key):
        return self.folder / key


@pytest.fixture
def worker(monkeypatch, tmp_path):
    worker = Worker(tmp_path / "lane")
    for name in ("submit", "poll", "files"):
        monkeypatch.setattr(interactive, name, getattr(worker, name))
    monkeypatch.setattr(interactive, "cancel", lambda key: None)
    monkeypatch.setattr(interactive, "ensure_worker", lambda: None)
    return worker


@pytest.fixture
def folder(tmp_path):
    save_classifier(tmp_path / "calm", "bert")
    return tmp_path / "calm"


def opened(*models, text=None):
    at = AppTest.from_file(str(HOME), default_timeout=60)
    at.switch_page("app_pages/explain.py").run()
    at.segmented_control(key="explain_kind").set_value("text").run()
    at.multiselect(key="text_models").set_value([f"hf/{model}" for model in models]).run()
    if text is not None:
        at.text_area(key="explain_text").set_value(text).run()
    assert not at.exception
    return at


def shown(at):
    said = [*(m.value for m in at.markdown), *(c.value for c in at.caption)]
    return " ".join(said).replace("\\", "")


def chips(at, *, coloured=True):
    """What the browser is told of each row of words."""
    found = [one.proto for one in at.get("bidi_component")]
    rows = [json.loads(one.json) for one in found if one.component_name == "usable_words"]
    return [row for row in rows if any(row["styles"]) or not coloured]


def test_a_written_text_is_predicted_and_its_words_are_coloured(worker, folder):
    text = "Rain fell, <b>all</b> day."

    at = opened(folder, text=text)

    model = load_model(folder)
    first = model.predict(text)[0][0]
    assert f"{first.name} {100 * first.probability:.1f} %" in shown(at)
    assert len(chips(at)) == len(DEFAULT_METHODS)
    own = explain(model, text, method=DEFAULT_METHODS[0])
    row = chips(at)[0]
    whole = [*itertools.chain(*zip(row["gaps"], row["words"], strict=False)), row["gaps"][-1]]
    assert "".join(whole) == text  # the browser sets it as text
    assert row["said"] == re.findall(r'title="([^"]*)"', chips_html(own))
    assert "hidden: the model's mask" in shown(at)


def test_first_answers_are_looked_for_often_and_later_ones_each_second(worker, folder, monkeypatch):
    looks, now = [], [100.0]

    def fragment(function=None, run_every=None):
        if function is None:
            return lambda function: fragment(function, run_every)
        if function.__module__ == reading.__name__:
            looks.append(run_every)
        return function

    at = opened(folder)
    monkeypatch.setattr(reading.st, "fragment", fragment)
    monkeypatch.setattr(reading, "monotonic", lambda: now[0])
    monkeypatch.setattr(worker, "poll", lambda key: Answer("working"))
    monkeypatch.setattr(interactive, "poll", worker.poll)

    at.text_area(key="explain_text").set_value("Rain fell.").run()
    now[0] += 6
    at.run()
    at.text_area(key="explain_text").set_value("Snow fell.").run()

    assert not at.exception
    assert looks == [reading.SOON, reading.POLL, reading.SOON]


def test_a_sample_fills_the_box(worker, folder):
    at = opened(folder)
    assert not chips(at)

    at.button_group(key="explain_text_sample").set_value(SAMPLES[1]).run()

    assert at.text_area(key="explain_text").value == SAMPLES[1]
    assert {one.text for one in worker.asked} == {SAMPLES[1]}
    assert chips(at)


def test_maps_of_one_unit_have_one_scale(worker, folder, tmp_path):
    save_classifier(tmp_path / "sad", "gpt2", seed=5)

    at = opened(folder, tmp_path / "sad", text="Rain fell all day.")

    assert len(chips(at)) == 2 * len(DEFAULT_METHODS)
    strengths = [
        [
            (abs(float(title.partition(",")[0])), float(opacity))
            for title, style in zip(one["said"], one["styles"], strict=True)
            for opacity in re.findall(r",([\d.]+)\);", style)[:1]
        ]
        for one in chips(at)
    ]
    ratios = {
        round(opacity / credit, 2)
        for one in strengths
        for credit, opacity in one
        if 0.1 < opacity < 0.7
    }
    assert max(ratios) / min(ratios) < 1.1  # equal colours mean equal credit
    assert "hidden: left out" in shown(at)  # GPT has no mask


def test_evidence_is_measured_where_it_is_asked_for(worker, folder):
    at = opened(folder, text="Rain fell all day.")
    assert "deletion gain" not in shown(at)

    at.selectbox(key="explain_text_evidence").set_value("yes").run()

    assert "deletion gain" in shown(at)
    assert "insertion gain" in shown(at)


def test_attention_has_a_scale_of_its_own_and_is_said_to_be_no_evidence(worker, folder):
    at = opened(folder, text="Rain fell all day.")
    before = chips(at)[0]["styles"]
    assert "Attention is no evidence" not in shown(at)

    at.button_group(key="explain_text_methods").set_value(["kernel_shap", "attention_rollout"])
    at.run()

    attended = chips(at)[1]
    assert max(float(style.split(",")[3].split(")")[0]) for style in attended["styles"]) > 0.7
    assert chips(at)[0]["styles"] == before
    assert "unit: share of attention" in shown(at)
    assert "Attention is no evidence" in shown(at)


def test_a_class_can_be_chosen_among_those_that_the_backbone_knows(worker, folder):
    at = opened(folder, text="Rain fell all day.")

    at.selectbox(key="explain_text_target").set_value("sad").run()

    assert "of *sad*" in shown(at)
    assert at.selectbox(key="explain_text_target").options[1:] == ["calm", "angry", "sad"]


def test_a_model_of_pictures_says_that_it_is_one(worker):
    at = AppTest.from_file(str(HOME), default_timeout=60)
    at.switch_page("app_pages/explain.py").run()
    at.segmented_control(key="explain_kind").set_value("text").run()
    at.multiselect(key="text_models").set_value(["bundled/vgg"]).run()
    at.text_area(key="explain_text").set_value("Rain.").run()

    assert not at.exception
    assert "model of pictures" in shown(at)


def test_every_method_of_texts_can_be_asked(worker, folder):
    at = opened(folder, text="Rain fell all day.")

    at.button_group(key="explain_text_methods").set_value(list(METHODS)).run()

    assert not at.exception
    assert len(chips(at)) == len(METHODS)


def test_a_model_of_texts_is_tried_on_a_text_before_it_is_added(worker, folder):
    at = AppTest.from_file(str(HOME), default_timeout=60)
    at.switch_page("app_pages/models.py").run()
    at.segmented_control(key="shelf_way").set_value("path").run()
    at.text_input(key="shelf_path").set_value(str(folder)).run()

    assert not at.exception
    assert TRIAL_TEXT in shown(at)
    first = load_model(folder).predict(TRIAL_TEXT)[0][0]
    said = [one.proto.text for one in at.get("progress")]
    assert f"{first.name} · {100 * first.probability:.1f} %" in said[0].replace("\\", "")


def hidden(at, text, *numbers):
    """Hide words of the text, as clicks do."""
    at.session_state["explain_words_hidden"] = text, frozenset(numbers)
    return at.run()


@pytest.mark.parametrize(
    ("way", "written"),
    [
        ("usual", "Rain <mask>, all <mask>."),
        ("delete", "Rain , all ."),
        ("neutral", "Rain …, all …."),
    ],
)
def test_hidden_words_are_out_of_predictions_and_maps(way, written, worker, folder):
    text = "Rain fell, all day."
    at = opened(folder, text=text)
    at.selectbox(key="explain_text_background").set_value(way).run()

    hidden(at, text, 1, 4)

    assert not at.exception
    model = load_model(folder)
    first, whole = model.predict(written)[0][0], model.predict(text)[0][0]
    assert f"**: {first.name} {100 * first.probability:.1f} %" in shown(at)
    assert f"All words shown: {whole.name} {100 * whole.probability:.1f} %" in shown(at)
    assert "2 of 6 words are hidden" in shown(at)
    rows = chips(at)
    assert len(rows) == len(DEFAULT_METHODS)
    for row in rows:
        assert row["words"] == ["Rain", "fell", ",", "all", "day", "."]
        assert row["hidden"] == [1, 4]
        assert [said == "hidden" for said in row["said"]] == [
            False,
            True,
            False,
            False,
            True,
            False,
        ]
        assert [bool(style) for style in row["styles"]] == [True, False, True, True, False, True]
    assert at.text_area(key="explain_text").value == text

    at.button(key="explain_show_all_words").click().run()

    assert "are hidden" not in shown(at)
    assert chips(at)[0]["hidden"] == []


def test_other_hidden_words_are_another_question(worker, folder):
    text = "Rain fell, all day."
    at = hidden(opened(folder, text=text), text, 1)

    hidden(at, text, 3)

    seen = Instance.of_text(load_model(folder), text, "mask", hidden=(3,))
    target = int(seen.logits.argmax())
    due = explain_instance(seen, "kernel_shap", target, ExplainerOptions(background="mask"))
    assert [said for said in chips(at)[0]["said"] if said != "hidden"] == [
        f"{value:+.3g}" for value in due.values[0]
    ]


def test_words_are_hidden_from_every_backbone_each_in_its_way(worker, folder, tmp_path):
    save_classifier(tmp_path / "sad", "gpt2", seed=5)
    text = "Rain fell all day."

    at = hidden(opened(folder, tmp_path / "sad", text=text), text, 0)

    for path, written in ((folder, "<mask> fell all day."), (tmp_path / "sad", "fell all day.")):
        first = load_model(path).predict(written)[0][0]
        assert f"**: {first.name} {100 * first.probability:.1f} %" in shown(at)
    assert "1 of 5 words is hidden" in shown(at)


def test_a_text_of_which_all_is_hidden_has_predictions_and_chips_without_maps(worker, folder):
    at = opened(folder, text="Rain fell.")

    hidden(at, "Rain fell.", 0, 1, 2)

    assert not at.exception
    first = load_model(folder).predict("<mask> <mask><mask>")[0][0]
    assert f"**: {first.name} {100 * first.probability:.1f} %" in shown(at)
    assert [row["hidden"] for row in chips(at, coloured=False)] == [[0, 1, 2]]
    assert {one.kind for one in worker.asked if len(one.hidden) == 3} == {"predict"}


def test_another_text_shows_all_its_words(worker, folder):
    at = hidden(opened(folder, text="Rain fell."), "Rain fell.", 0)

    at.text_area(key="explain_text").set_value("Snow fell.").run()

    assert "hidden" not in " ".join(row["said"][0] for row in chips(at))
    assert "words are hidden" not in shown(at)


def test_a_click_on_a_word_hides_it_and_another_shows_it_again(monkeypatch):
    from dashboard.components.explain import word_chips

    session = {}
    monkeypatch.setattr(word_chips.st, "session_state", session)

    word_chips.hide("a b", 1)
    word_chips.hide("a b", 0)
    word_chips.hide("a b", 1)
    assert word_chips.hidden("a b") == (0,)
    assert word_chips.hidden("a c") == ()
    word_chips.hide("a c", 1)

    assert word_chips.hidden("a c") == (1,)
    word_chips.show_all()
    assert word_chips.hidden("a c") == ()


def linked(folder, **named):
    """The page as a link opens it, once the model is let in."""
    at = AppTest.from_file(str(HOME), default_timeout=60)
    for key, value in {"explain_kind": "text", "text_models": f"hf/{folder}", **named}.items():
        at.query_params[key] = value
    at.switch_page("app_pages/explain.py").run()
    for button in at.button:
        if "Open what" in button.label:
            button.click().run()
            break
    assert not at.exception
    return at


def test_text_hidden_words_and_class_stand_in_the_address(worker, folder):
    text = "Rain fell, all day & night\nin Köln."
    at = hidden(opened(folder, text=text), text, 1, 4)
    at.selectbox(key="explain_text_target").set_value("sad").run()

    assert at.query_params["explain_text"] == text
    assert at.query_params["explain_hidden"] == ["1", "4"]
    assert at.query_params["explain_text_target"] == "sad"

    at.button(key="explain_show_all_words").click().run()

    assert "explain_hidden" not in at.query_params


def test_a_link_shows_the_text_with_its_words_hidden(worker, folder):
    text = "Rain fell, all day."

    at = linked(folder, explain_text=text, explain_hidden=["1", "4"], explain_text_target="sad")

    assert at.text_area(key="explain_text").value == text
    assert chips(at, coloured=False)[0]["hidden"] == [1, 4]
    assert at.selectbox(key="explain_text_target").value == "sad"

    at.text_area(key="explain_text").set_value("Snow fell.").run()

    assert at.text_area(key="explain_text").value == "Snow fell."
    assert at.query_params["explain_text"] == "Snow fell."
    assert "explain_hidden" not in at.query_params


def test_numbers_of_a_link_that_no_word_has_hide_nothing(worker, folder):
    numbers = ["0", "7", "-1", "x", "٣", "9" * 5000]

    at = linked(folder, explain_text="Rain fell.", explain_hidden=numbers)

    assert chips(at, coloured=False)[0]["hidden"] == [0]
    assert at.query_params["explain_hidden"] == "0"


def test_a_text_too_long_for_an_address_stays_in_its_box(worker, folder):
    text = "Köln " * 300

    at = hidden(opened(folder, text=text), text.strip(), 2)

    assert "explain_text" not in at.query_params
    assert "explain_hidden" not in at.query_params
    assert at.text_area(key="explain_text").value == text
    assert chips(at, coloured=False)[0]["hidden"] == [2]

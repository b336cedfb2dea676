"""Explain, of a text: a real model of texts answers, in the place of the lane's worker."""

import hashlib
import re
from pathlib import Path

import pytest
from made_texts import save_classifier
from streamlit.testing.v1 import AppTest

from dashboard.components.explain.text_panel import DEFAULT_METHODS, METHODS, SAMPLES
from usable_core import explain, load_model
from usable_core.errors import UsableError
from usable_core.evaluations.interactive import TRIAL_TEXT, Answer
from usable_core.jobs import interactive
from usable_core.measuring.interactive import ModelCache, answer
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


def chips(at):
    return [one.proto.body for one in at.get("html") if "<span title=" in one.proto.body]


def test_a_written_text_is_predicted_and_its_words_are_coloured(worker, folder):
    text = "Rain fell, <b>all</b> day."

    at = opened(folder, text=text)

    model = load_model(folder)
    first = model.predict(text)[0][0]
    assert f"{first.name} {100 * first.probability:.1f} %" in shown(at)
    assert len(chips(at)) == len(DEFAULT_METHODS)
    own = explain(model, text, method=DEFAULT_METHODS[0])
    plain = re.sub(r"<[^>]*>", "", chips(at)[0])
    assert plain == "Rain fell, &lt;b&gt;all&lt;/b&gt; day."
    assert re.findall(r'title="([^"]*)"', chips(at)[0]) == re.findall(
        r'title="([^"]*)"', chips_html(own)
    )
    assert "hidden: the model's mask" in shown(at)


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
            for title, opacity in re.findall(r'title="([^"]*)" style="[^"]*,([\d.]+)\);', one)
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

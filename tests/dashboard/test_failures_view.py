"""Where a candidate fails, with pictures: wrong with maps, broken, right for another; remarks."""

from dataclasses import replace

import numpy as np
import pytest
from lane_answers import read_pictures
from made_results import accuracy_result, robustness_result
from shown import texts
from test_assess_page import done as assessed
from test_assess_page import row
from test_images_behind import done, tiles_of
from test_text_robustness_page import measured

from usable_core.verdicts.findings import Findings, Remark
from usable_core.verdicts.slices import worst_of

NAMES = ("vgg", "resnet")
N = 60
LABELS = np.arange(N) % 3
WRONG = (LABELS + 1) % 3
IS_WRONG = {"vgg": np.arange(N) >= 50, "resnet": np.isin(np.arange(N), (1, 50, 51))}


def accuracy(name):
    """VGG is wrong on images 50 to 59, ResNet on 1, 50 and 51; the last are the surest."""
    predicted = np.where(IS_WRONG[name], WRONG, LABELS)
    sure = np.linspace(0.5, 0.9, N)
    result = accuracy_result(LABELS, predicted, confidence=sure, model=f"bundled/{name}")
    dark = np.where(np.arange(N) >= 44, 0.1, 0.6) + np.arange(N) / 10000
    looks = {"width": 32.0, "height": 32.0, "contrast": 0.2, "alike": np.arange(N)}
    return replace(result, records=result.records.assign(**looks, brightness=dark))


def robustness(name):
    """Images 0 and 1 break at 4/255, 0 to 4 at 8/255."""
    falls = [np.where(np.arange(N) < until, WRONG, LABELS) for until in (0, 2, 5)]
    grid = (0.0, 4 / 255, 8 / 255)
    return robustness_result(LABELS, LABELS, falls, epsilons=grid, model=f"bundled/{name}")


@pytest.fixture
def page(open_page, store):
    """An assessment of two candidates with its parts, and a function that opens one of its tabs."""
    slices = {name: worst_of(accuracy(name)) for name in NAMES}
    assert slices["vgg"].worst, "the scene is not set"
    remark = Remark("Labels of low probability", "doubt", "resnet calls 2.", ("image51", "image1"))
    findings = Findings(slices, (remark, Remark("Seeds", "unknown", "One seed.")), ("Attacks",))
    rows = [row("accuracy >= 50 %", "met", 0.9), row("ece <= 5 %", "met", 0.01)]
    whole = assessed(store, *((name, rows) for name in NAMES), findings=findings)
    for name in NAMES:
        for result in (accuracy(name), robustness(name)):
            done(store, result, parent=whole)

    def opened(tab, **address):
        app = open_page("assess", run=whole, **address)
        app.session_state["assess_tab"] = tab
        app.run()
        assert not app.exception, app.exception
        return app

    opened.whole = whole
    return opened


def choose(app, key, value):
    group = next(g for g in app.get("button_group") if g.key == key)
    group.set_value(value).run()
    assert not app.exception, app.exception


def test_wrong_images_stand_there_and_three_of_them_with_maps(page):
    app = page("Where it fails")

    assert "10 of 60 answers are wrong" in texts(app)
    maps, tiles = sorted(read_pictures(), key=lambda one: one.method is None)
    assert (maps.method, maps.model.reference) == ("grad_cam", "bundled/vgg")
    assert maps.examples == ("image59", "image58", "image57")
    assert tiles.examples == tuple(f"image{i}" for i in range(59, 53, -1))
    app.run()
    assert len(app.get("image")) == 3 + 6
    assert len([c.value for c in app.caption if "Saliency for" in c.value]) == 3
    assert len([b for b in app.button if b.label == "Explain"]) == 9


def test_broken_images_and_those_that_another_gets_right(page):
    app = page("Where it fails")

    choose(app, "fails_kind", "Broken by the attack")
    assert "5 of the 60 attacked images break within" in texts(app)
    assert len(tiles_of(app)) == 5
    choose(app, "fails_kind", "Right for another model")
    assert "wrong for vgg and right for another: 8." in texts(app)
    choose(app, "fails_of", "resnet")
    assert "wrong for resnet and right for another: 1." in texts(app)


def test_a_slice_keeps_the_images_in_it(page):
    app = page("Where it fails")
    (text, *_) = app.selectbox(key="fails_slice").options
    inside = worst_of(accuracy("vgg")).worst[0].members(accuracy("vgg"))
    expected = int((inside & IS_WRONG["vgg"]).sum())

    app.selectbox(key="fails_slice").set_value(text).run()

    assert f"{expected} of 60 answers where" in texts(app).replace("\\", "")


def test_the_images_are_those_of_the_slice_and_epsilon_of_the_sidebar(page):
    """Of VGG's wrong images 50 to 59, dog are 52, 55, 58; of those that break, 1 and 4."""
    app = page("Where it fails", slice="class dog", epsilon="4/255")

    assert "3 of 20 answers where class dog are wrong" in texts(app)
    asked = {one.examples for one in read_pictures()}
    assert asked == {("image58", "image55", "image52")}
    choose(app, "fails_kind", "Broken by the attack")
    assert "1 of the 20 attacked images where class dog break within ε = 4/255" in texts(app)
    app.selectbox("epsilon").set_value("8/255").run()
    assert "2 of the 20 attacked images where class dog break within ε = 8/255" in texts(app)
    app.selectbox("epsilon").set_value("16/255").run()
    assert "break within ε = 8/255" in texts(app)
    assert "ε = 16/255 was not measured here" in texts(app)
    choose(app, "fails_kind", "Right for another model")
    assert "where class dog that are wrong for vgg and right for another: 3." in texts(app)


def test_a_slice_of_the_sidebar_that_is_not_known_is_a_sentence(page):
    assert "colour is not recorded" in texts(page("Where it fails", slice="colour is red"))


def test_the_images_of_a_remark_open_below_it(page):
    app = page("Trust")
    assert not read_pictures(), "nothing is read before it is asked for"

    app.session_state["remark_0"] = True
    app.run()

    (asked,) = read_pictures()
    assert asked.examples == ("image51", "image1")
    assert asked.model.reference == "bundled/resnet", "the remark is about it"
    assert len(tiles_of(app.run())) == 2


def test_runs_that_were_deleted_leave_the_words(page, store):
    for part in store.children(page.whole):
        store.delete(part.id)

    app = page("Where it fails")

    assert "no examples to show" in texts(app)
    assert "shown to be worse" in texts(app)


def test_broken_texts_show_old_and_new_words_and_what_broke_them(open_page, store):
    """Two of three texts break, the first at 20 % of its words."""
    made = measured()
    findings = Findings({"vgg": worst_of(accuracy("vgg"))})
    whole = assessed(store, ("vgg", [row("accuracy >= 50 %", "met", 0.9)]), findings=findings)
    model = replace(made.config.model, reference="bundled/vgg")
    done(store, replace(made, config=replace(made.config, model=model)), parent=whole)

    app = open_page("assess", run=whole)
    app.session_state["assess_tab"] = "Where it fails"
    app.run()

    assert not app.exception, app.exception
    said = texts(app).replace("\\", "")
    assert "2 of the 3 attacked texts break within ε = 30 %" in said
    assert "Breaks first at 20 % by synonym (8), question 31" in said
    assert "~~bad~~] **evil**" in said

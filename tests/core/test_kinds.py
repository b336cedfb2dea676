"""What a model takes and what data are of, told from names and files before anything is loaded."""

import pytest
from made_texts import save_classifier

from usable_core.catalog.fitting import facts_of, kind_of_data, kind_of_model, misfit


@pytest.fixture(scope="module")
def text_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "bert"
    save_classifier(folder, "bert")
    return f"hf/{folder}"


def test_a_tokenizer_tells_a_model_of_texts(text_model):
    assert kind_of_model(text_model) == facts_of(text_model).kind == "text"
    assert kind_of_model("bundled/resnet") == "picture"
    assert kind_of_model("torchvision/resnet18") == "picture"


def test_what_prepares_pictures_beside_a_tokenizer_tells_a_model_of_pictures(tmp_path):
    save_classifier(tmp_path, "bert")
    (tmp_path / "preprocessor_config.json").write_text("{}")
    assert kind_of_model(f"hf/{tmp_path}") == "picture"


def test_files_that_are_not_here_tell_nothing():
    assert kind_of_model("hf/some/one-not-here") is None
    assert kind_of_model("run/nothing") is None


def test_a_table_is_of_texts_and_a_folder_must_be_read(tmp_path):
    assert kind_of_data("digits") == "picture"
    assert kind_of_data(str(tmp_path / "reviews.CSV")) == "text"
    assert kind_of_data(str(tmp_path)) is None


def test_texts_and_pictures_do_not_fit(text_model):
    assert "takes texts" in misfit(facts_of(text_model), "digits", {})
    assert "takes pictures" in misfit(facts_of("bundled/resnet"), "reviews.csv", {})
    assert misfit(facts_of(text_model), "reviews.csv", {}) == ""
    assert misfit(facts_of(text_model), "some/folder", {}) == ""

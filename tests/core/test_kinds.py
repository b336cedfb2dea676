"""What models take and data consist of is told from files alone."""

import pandas as pd
import pytest

from usable_core import shelf
from usable_core.catalog.fitting import facts_of, misfit
from usable_core.catalog.kinds import kind_of_data, kind_of_model
from usable_core.evaluations.specs import ModelSpec


def folder_of(place, *names):
    place.mkdir()
    for name in ("config.json", "model.safetensors", *names):
        (place / name).write_text("{}")
    return place


def test_a_tokenizer_tells_a_model_of_texts(tmp_path):
    texts = folder_of(tmp_path / "texts", "tokenizer.json")
    both = folder_of(tmp_path / "both", "tokenizer.json", "preprocessor_config.json")
    shelf.put("Reader", ModelSpec(f"hf/{texts}"))

    assert kind_of_model(f"hf/{texts}") == kind_of_model(str(texts)) == "text"
    assert kind_of_model("shelf/Reader") == "text"
    assert kind_of_model(f"hf/{both}") == "picture"
    assert kind_of_model("bundled/resnet") == kind_of_model("timm/resnet18") == "picture"
    assert kind_of_model("hf/some/model") is None
    assert kind_of_model("run/none") is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [("digits", "picture"), ("languages", "text"), ("nowhere", None)],
)
def test_named_data_have_a_kind(name, kind):
    assert kind_of_data(name) == kind


def test_tables_alone_are_of_texts_and_pictures_are_bytes(tmp_path):
    (tmp_path / "a.csv").write_text("text,label")
    pd.DataFrame({"text": ["a"], "label": [1]}).to_parquet(tmp_path / "t.parquet")
    pd.DataFrame({"image": [{"bytes": b"x", "path": "p"}], "label": [1]}).to_parquet(
        tmp_path / "p.parquet"
    )
    (tmp_path / "broken.parquet").write_text("x")

    found = [kind_of_data(str(tmp_path / n)) for n in ("a.csv", "t.parquet", "p.parquet")]

    assert found == ["text", "text", "picture"]
    (tmp_path / "plain.txt").write_text("a text")
    assert kind_of_data(str(tmp_path / "plain.txt")) == "text"
    assert kind_of_data(str(tmp_path / "broken.parquet")) is None
    assert kind_of_data(str(tmp_path)) is None


def test_texts_and_pictures_do_not_fit(tmp_path):
    text_model = f"hf/{folder_of(tmp_path / 'texts', 'tokenizer.json')}"
    (tmp_path / "reviews.CSV").write_text("text,label")
    reviews = str(tmp_path / "reviews.CSV")

    assert "takes texts" in misfit(facts_of(text_model), "digits", {})
    assert "takes pictures" in misfit(facts_of("bundled/resnet"), reviews, {})
    assert misfit(facts_of(text_model), reviews, {}) == ""
    assert misfit(facts_of(text_model), "some/folder", {}) == ""

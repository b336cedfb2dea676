"""The bundled models of texts: what they were trained on, and that their cards' figures are so."""

import re

import pytest

from usable_core import evaluate_accuracy, load_dataset, load_model, settings
from usable_core.catalog.fitting import card_of
from usable_core.texts import alike_key

MODELS = ("bert", "gpt")


def key(text):
    return alike_key(re.sub(r"\d+", "", text))


@pytest.fixture(scope="module")
def corpus():
    return load_dataset(settings.assets() / "data" / "cldr.txt")


def test_no_text_of_the_pretraining_is_like_one_for_testing(corpus):
    held_out = load_dataset("languages", "test")

    tested = {key(held_out[i][0]) for i in range(len(held_out))}
    seen = {key(corpus[i][0]) for i in range(len(corpus))}

    assert len(tested) == 3000
    assert len(seen) > 20_000
    assert not tested & seen


@pytest.mark.parametrize("name", MODELS)
def test_a_card_tells_of_both_trainings(name, corpus):
    card = card_of(f"bundled/{name}")

    first = card["pretraining"]
    assert first["command"].startswith(f"usable pretrain --architecture {name} --dataset cldr.txt")
    assert first["data"]["fingerprint"] == corpus.fingerprint
    assert first["data"]["reference"] == "cldr.txt"
    assert first["objective"] == {"bert": "masked", "gpt": "causal"}[name]
    assert first["measured"]["validation_loss"] > 0
    assert "--dataset languages --split train" in card["command"]
    assert card["data"]["fingerprint"] == load_dataset("languages").fingerprint
    assert "test part" in card["unseen"]


@pytest.mark.parametrize("name", MODELS)
def test_the_figures_of_a_card_are_those_of_the_command(name):
    result = evaluate_accuracy(f"bundled/{name}", "languages")

    promised = card_of(f"bundled/{name}")["measured"]
    assert result.n == 3000
    assert result.provenance.split == "test"
    assert result.accuracy.value == pytest.approx(promised["accuracy"]["value"], abs=0.001)
    assert result.summary()["ece"]["value"] == pytest.approx(promised["ece"]["value"], abs=0.002)


@pytest.mark.parametrize("name", MODELS)
def test_it_is_asked_about_a_text(name):
    model = load_model(f"bundled/{name}")

    found = model.predict("tidssone for det nordlige Norge")

    assert model.kind == "text"
    assert found[0][0].name in ("Norwegian", "Danish", "Swedish")
    assert not model.input.is_cut("One sentence of usual length, with nothing odd about it.")

"""Explanation quality of texts: against models of which it is known what a good map is."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from made_texts import save_classifier
from test_text_explanations import WEIGHTS, WORDS, Bag, bag
from torch import nn
from typer.testing import CliRunner

from usable_core import load_model
from usable_core.catalog import explainers as catalog
from usable_core.catalog.explainers import ExplainerRow
from usable_core.cli import app
from usable_core.datasets.texts import from_texts
from usable_core.evaluations.explanation import ExplainerOptions, ExplanationConfig
from usable_core.evaluations.explanation_columns import TEXT_COLUMNS
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.explainers.attribution import Attribution
from usable_core.labels import LabelSpace
from usable_core.measuring.explanation import measure

LONG = "the film the not bad the film good the bad the not film the"  # 14 words, one of them good
PLANTED = 8.0


class Mirrored(Bag):
    """The words that speak for a class speak against the other."""

    def forward(self, x):
        return (super().forward(x)[:, 1:] / 2) * torch.tensor([-1.0, 1.0])


def data(*texts):
    labels = LabelSpace(("calm", "angry"))
    return from_texts("toy", texts, np.ones(len(texts), dtype=np.int64), labels)


def planted(weights=tuple(PLANTED * (word == "good") for word in WORDS)):
    """A model whose logit of `angry` is the sum of its words' weights: that of good alone."""
    model = bag()
    network = Mirrored()
    network.table = nn.Embedding.from_pretrained(torch.tensor(weights)[:, None])
    model.network = network
    return model


def quality(model, *texts, methods=("kernel_shap", "occlusion", "lime"), evidence="all"):
    options = ExplainerOptions(evaluations=400)
    config = ExplanationConfig(
        ModelSpec("toy"), DatasetSpec("toy"), methods, "angry", options, evidence
    )
    return measure(model=model, dataset=data(*texts), config=config)


def test_a_planted_word_has_all_the_comprehensiveness_and_sufficiency_that_there_are():
    result = quality(planted(), LONG)

    rows = result.records
    assert tuple(rows.columns) == TEXT_COLUMNS
    words, p = len(LONG.split()), 1 / (1 + np.exp(-PLANTED))
    assert np.allclose(rows["deletion_area"], 0.5 + (p - 0.5) / 2 / words, atol=1e-6)
    assert np.allclose(rows["insertion_area"], p - (p - 0.5) / 2 / words, atol=1e-6)
    for figure in ("deletion_gain", "insertion_gain", "deletion_gain_delete"):
        assert (rows[figure] > 0.25).all(), figure
    assert rows["deletion_gain_neutral"].isna().all()
    assert (rows["words"] == words).all()
    assert (rows["answer_span"] > 0.49).all()


def test_a_planted_word_passes_the_checks_of_sanity():
    result = quality(planted(), LONG, methods=("kernel_shap", "occlusion"))

    assert (result.records["randomised"].abs() < 0.5).all()
    assert (result.records["other_class"] < 0.5).all()
    assert (result.per_method["doubtful"] == 0).all()


def by_place(game, target, options):
    """A map of where words stand, whatever the model is."""
    return Attribution(np.arange(game.count, dtype=np.float32)[None], 0.0)


def upside_down(game, target, options):
    """A map that says the opposite of what each word does."""
    masks = ~np.eye(game.count, dtype=bool)
    alone = game.ask(masks)[:, target] - game.ask(np.ones((1, game.count), dtype=bool))[:, target]
    return Attribution(alone.astype(np.float32)[None], 0.0)


@pytest.fixture
def bad_methods(monkeypatch):
    for name in ("by_place", "upside_down"):
        path = f"{__name__}:{name}"
        monkeypatch.setitem(
            catalog.EXPLAINERS, name, ExplainerRow(name, path, "", "", of_texts=path)
        )
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])


def test_a_map_that_is_the_same_for_every_network_is_doubted(bad_methods):
    result = quality(planted(WEIGHTS), LONG, methods=("kernel_shap", "by_place"))

    rows = result.records.set_index("method")
    assert rows.loc["by_place", "randomised"] == pytest.approx(1)
    assert rows.loc["by_place", "other_class"] == pytest.approx(1)
    assert "random weights give nearly the same map" in result.worst(1)["reason"].iloc[0]


def test_a_map_upside_down_is_worse_than_random_orders_in_both_ways_of_hiding(bad_methods):
    result = quality(planted(WEIGHTS), LONG, methods=("kernel_shap", "upside_down"))

    rows = result.records.set_index("method")
    gains = ["deletion_gain", "insertion_gain", "deletion_gain_delete", "insertion_gain_delete"]
    assert (rows.loc["kernel_shap", gains] > 0.1).all()
    assert (rows.loc["upside_down", gains] < -0.1).all()
    assert result.worst(1)["method"].iloc[0] == "upside_down"
    assert rows.loc["upside_down", "agreement"] < 0


@pytest.mark.parametrize("evidence", ["curves", "all"])
def test_maps_of_a_model_that_always_answers_the_same_are_flagged(evidence):
    result = quality(planted((0.0,) * len(WORDS)), LONG, evidence=evidence)

    assert (result.per_method["doubtful"] == 1).all()
    assert "the answer stays the same" in result.worst(1)["reason"].iloc[0]
    assert result.records["deletion_gain"].isna().all()


def test_what_so_few_words_cannot_tell_is_left_out_and_said():
    result = quality(planted(), LONG, "the good film", "good", methods=("kernel_shap",))

    rows = result.records.set_index("words")
    assert rows["randomised"].isna().tolist() == [False, True, True]
    assert rows["other_class"].isna().tolist() == [False, True, True]
    assert rows["deletion_gain"].isna().tolist() == [False, False, True]
    said = " ".join(result.provenance.warnings)
    assert "2 of 3 texts have fewer than 12 words" in said
    assert "1 of 3 texts are one word" in said


def test_sanity_of_gradients_asks_a_network_that_has_forgotten_everything(tmp_path):
    save_classifier(tmp_path, "bert")
    model = load_model(tmp_path)
    text = "It rained all day, and nobody minded: the garden needed it, said some."
    config = ExplanationConfig(
        ModelSpec("toy"),
        DatasetSpec("toy"),
        ("integrated_gradients",),
        "angry",
        ExplainerOptions(evaluations=32),
        "all",
    )
    before = {name: w.clone() for name, w in model.network.state_dict().items()}

    result = measure(model=model, dataset=data(text), config=config)

    assert result.records["randomised"].notna().all()
    assert abs(result.records["randomised"].iloc[0]) < 0.999
    after = model.network.state_dict()
    assert all(torch.equal(after[name], w) for name, w in before.items())


def test_the_command_line_measures_maps_of_texts_and_keeps_their_words(tmp_path, monkeypatch):
    monkeypatch.setenv("USABLE_HOME", str(tmp_path / "home"))
    save_classifier(tmp_path / "gpt", "gpt2")
    texts = ["It rained all day, and nobody minded it.", "Why would anyone read this <b>twice</b>?"]
    table = pd.DataFrame({"text": texts, "label": ["calm", "angry"]})
    table.to_csv(tmp_path / "texts.csv", index=False)
    asked = ["evaluate", "explanation", "--model", f"hf/{tmp_path / 'gpt'}", "--limit", "2"]
    asked += ["--dataset", str(tmp_path / "texts.csv"), "--method", "occlusion,kernel_shap"]
    asked += ["--evaluations", "32", "--evidence", "--json", str(tmp_path / "a.json")]

    answer = CliRunner().invoke(app, asked)

    assert answer.exit_code == 0, answer.output
    said = json.loads((tmp_path / "a.json").read_text())
    first = said["methods"][0]
    assert first["deletion_gain_neutral"] is not None
    assert first["deletion_gain_delete"] is None
    assert "road_gain" not in first
    assert "ROAD" not in answer.output
    (path,) = (tmp_path / "home").rglob("maps.npz")
    with np.load(path) as maps:
        assert sorted(str(maps[f"{index}_text"]) for index in (0, 1)) == sorted(texts)
        spans = maps["0_spans"]
        assert maps["0_occlusion"].shape == (1, len(spans))

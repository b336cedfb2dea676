"""One record of a map: the same doubts whoever asks, and a folder that holds all of it."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from explained import instance_of
from made_results import provenance
from toy_models import images, linear_model

from dashboard.components.explain.map_facts import warnings
from dashboard.components.explain.overlay import MapView
from usable_core.cli import explain as command
from usable_core.comparison.maps import with_agreement
from usable_core.errors import OutputsRefused, StorageError
from usable_core.evaluations import record_files
from usable_core.evaluations.doubts import DOUBTS
from usable_core.evaluations.evidence import Drift, Evidence, PerturbationCurve, Sanity, Stability
from usable_core.evaluations.explained import Explanation, Prediction
from usable_core.evaluations.explanation import (
    ExplainerOptions,
    ExplanationConfig,
    ExplanationResult,
)
from usable_core.evaluations.explanation_columns import COLUMNS
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.explainers import saliency
from usable_core.measuring.explaining import Wanted, explain_methods

SEGMENTS = np.arange(64, dtype=np.int32).reshape(8, 8) // 4


def curve(kind):
    """A curve that is worse than chance."""
    rising = kind == "insertion"
    worse, chance = ((0, 0.1, 1), (0, 0.5, 1)) if rising else ((1, 0.9, 0), (1, 0.5, 0))
    return PerturbationCurve(kind, "blur", (0, 0.5, 1), worse, *[chance] * 4)


def doubtful():
    """A map against which everything speaks."""
    values = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)
    return Explanation(
        predictions=(Prediction(1, "cat", 0.9),),
        method="lime",
        target="cat",
        values=values,
        segments=SEGMENTS,
        superpixels=np.arange(16, dtype=np.int32),
        x=np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8),
        compared={"randomised": values, "other_class": -values},
        drift_maps=tuple(values * k for k in range(12)),
        output=1.0,
        base=0.0,
        unit="logit",
        r2=0.1,
        additivity_gap=0.2,
        convergence=0.3,
        stability=Stability((1.0,) * 16, (-1.0,) * 16, (3.0,) * 16, 0.9, 10, False),
        agreement=-0.4,
        evaluations=64,
        seconds=1.5,
        precision="float32",
        evidence=Evidence((curve("deletion"), curve("insertion")), Sanity(0.9, 0.8, "dog"), 9, 0.1),
        drift=Drift((0.0, 0.1), (1.0, 0.5), (1.0, 0.4), (True, False), (0.9, 0.2), 128, 2.0),
    )


def test_every_reason_of_the_table_is_found_and_none_without_figures():
    *rest, constant = DOUBTS  # a map of an answer that never changes has no order to speak against
    assert [name for name, _ in doubtful().doubts()] == [doubt.name for doubt in rest]
    assert constant.name == "constant"
    same = replace(curve("deletion"), outputs=(0.5, 0.5), random_mean=(0.5, 0.5))
    still = replace(doubtful(), evidence=Evidence((same,), None, 9, 0.1))
    assert "constant" in [name for name, _ in still.doubts()]
    assert Explanation(method="lime", target="cat").doubts() == []


def test_page_command_line_and_data_set_give_the_doubts_of_the_record(tmp_path):
    found = doubtful()
    sentences = [sentence for _, sentence in found.doubts()]
    row = {"index": 0, "id": "a", "method": "lime", **found.figures()}
    config = ExplanationConfig(ModelSpec("toy"), DatasetSpec("digits"), ("lime",))
    records = pd.DataFrame([row]).reindex(columns=list(COLUMNS))

    of_data_set = ExplanationResult(config, provenance(), records).worst(1)["reason"][0]
    of_command = command._map_part(found, command.MapFiles(tmp_path, "picture", "0"))["doubts"]

    assert of_data_set == "; ".join(sentences)
    assert [doubt["sentence"] for doubt in of_command] == sentences
    shown = warnings(MapView.of(found, "1"))
    assert [words.lower() for words in shown] == [f"{s}.".lower() for s in sentences]


def test_a_folder_holds_all_of_a_record(tmp_path):
    found = doubtful()

    found.save(tmp_path)
    again = Explanation.load(tmp_path)

    assert again == found
    for name in ("values", "segments", "superpixels", "x"):
        assert np.array_equal(getattr(again, name), getattr(found, name)), name
    assert again.compared.keys() == found.compared.keys()
    assert np.array_equal(again.compared["other_class"], found.compared["other_class"])
    assert np.array_equal(again.drift_maps, found.drift_maps)  # the 11th after the 2nd
    assert json.loads((tmp_path / "explanation.json").read_text())["r2"] == 0.1


def test_files_of_two_explanations_are_not_one(tmp_path, monkeypatch):
    monkeypatch.setattr(record_files, "_WAITS", (0.0,))
    found = doubtful()
    replace(found, values=found.values + 1).save(tmp_path / "other")
    found.save(tmp_path / "own")
    (tmp_path / "other" / "map.npy").replace(tmp_path / "own" / "map.npy")

    with pytest.raises(StorageError, match="not all of one answer"):
        Explanation.load(tmp_path / "own")


def test_a_folder_that_is_used_again_holds_no_map_of_before(tmp_path):
    found = doubtful()
    found.save(tmp_path)
    replace(found, compared={}).save(tmp_path)

    assert Explanation.load(tmp_path).compared == {}


def test_a_record_of_before_there_were_hashes_is_read(tmp_path):
    found = doubtful()
    found.save(tmp_path)
    record = json.loads((tmp_path / "explanation.json").read_text())
    del record["files"]
    (tmp_path / "explanation.json").write_text(json.dumps(record))

    assert np.array_equal(Explanation.load(tmp_path).values, found.values)


def test_a_folder_without_a_record_is_refused(tmp_path):
    with pytest.raises(StorageError, match="holds no explanation"):
        Explanation.load(tmp_path)


def test_the_agreement_of_maps_is_their_mean_correlation_with_the_others():
    found = doubtful()
    opposite = replace(found, method="occlusion", values=-found.values)

    alike, other, against = with_agreement([found, replace(found, method="kernel_shap"), opposite])

    assert (alike.agreement, against.agreement) == (pytest.approx(0), pytest.approx(-1))
    assert other.agreement is not None
    assert with_agreement([replace(found, agreement=None)])[0].agreement is None


def test_a_method_whose_outputs_are_refused_leaves_the_others(monkeypatch):
    def refuse(*_):
        raise OutputsRefused("NaN.")

    monkeypatch.setattr(saliency, "explain", refuse)
    instance = instance_of(linear_model(), images(1)[0], SEGMENTS)
    options = ExplainerOptions(evaluations=16)
    told = []

    found = explain_methods(
        instance,
        1,
        Wanted(("saliency", "lime"), options),
        lambda place: silent,
        lambda method, why: told.append((method, str(why))),
    )

    assert [one.method for one in found] == ["lime"]
    assert told == [("saliency", "NaN.")]

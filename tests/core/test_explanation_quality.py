"""Explanation quality over a data set: figures beside each map, the worst, and going on."""

import json
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_explanations import ten_class_model
from toy_models import digits_dataset, digits_model

from usable_core.catalog import explainers as catalog
from usable_core.catalog.explainers import ExplainerRow
from usable_core.errors import Cancelled, ConfigError
from usable_core.evaluations.explanation import (
    ExplainerOptions,
    ExplanationConfig,
    ExplanationResult,
)
from usable_core.evaluations.explanation_columns import COLUMNS, FIGURES
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.explainers.attribution import Attribution
from usable_core.measuring import shards
from usable_core.measuring.explanation import measure


def config_of(*methods, limit=4, **more):
    options = ExplainerOptions(evaluations=64, segments=16, background="grey")
    return ExplanationConfig(
        ModelSpec("toy"), DatasetSpec("digits", limit=limit), methods, options=options, **more
    )


@pytest.fixture(scope="module")
def trained():
    return digits_model()


def upside_down(oracle, picture, target, options):
    """A map that says the opposite of what the model looks at: minus gradient times input."""
    ((_, _, gradients),) = oracle.gradients(1, picture.x[None].__getitem__, [target])
    values = -(gradients[0, 0] * (picture.x - 0.5)).sum(0).numpy()
    return Attribution(values.astype(np.float32), 0.0)


@pytest.fixture
def planted(monkeypatch):
    row = ExplainerRow("Upside down", f"{__name__}:upside_down", "", "", needs_gradients=True)
    monkeypatch.setitem(catalog.EXPLAINERS, "upside_down", row)
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])


def test_a_planted_bad_map_is_the_worst_of_every_example_and_the_reason_is_given(trained, planted):
    config = config_of("integrated_gradients", "upside_down")

    result = measure(model=trained, dataset=digits_dataset(), config=config)

    worst = result.worst(10)
    assert len(worst) == 4
    assert set(worst["method"]) == {"upside_down"}
    assert worst["reason"].str.contains("no better than chance").all()
    assert worst["doubts"].is_monotonic_decreasing
    by_method = result.per_method.set_index("method")
    assert by_method.loc["integrated_gradients", "deletion_gain"] > 0
    assert by_method.loc["upside_down", "deletion_gain"] < 0
    assert by_method.loc["upside_down", "doubtful"] == 1
    assert (result.records["agreement"] < 0).all()


def test_records_hold_the_curves_of_each_map_and_no_more_when_that_is_asked():
    result = measure(
        model=ten_class_model(),
        dataset=digits_dataset(),
        config=config_of("lime", "gradient_shap", limit=2),
    )

    records = result.records
    assert tuple(records.columns) == COLUMNS
    for column in ("deletion_area", "deletion_gain", "insertion_area", "insertion_gain"):
        assert records[column].notna().all()
    assert records["agreement"].between(-1, 1).all()
    assert records[["road_gain", "randomised", "deletion_gain_mean"]].isna().all(axis=None)


def test_no_evidence_costs_nothing_and_all_of_it_includes_sanity_and_road():
    model, dataset = ten_class_model(), digits_dataset()

    bare = measure(model=model, dataset=dataset, config=config_of("lime", evidence="none", limit=2))
    whole = measure(model=model, dataset=dataset, config=config_of("lime", evidence="all", limit=2))

    assert bare.records["deletion_gain"].isna().all()
    assert whole.records[["road_gain", "insertion_gain_mean"]].notna().all(axis=None)
    assert whole.records["other_class"].between(-1, 1).all()
    assert whole.records["randomised"].between(-1, 1).all()
    with pytest.raises(ConfigError, match="evidence"):
        config_of("lime", evidence="some")


def test_a_killed_run_is_gone_on_from_and_gives_the_same_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "PART_SECONDS", 0.0)
    config = config_of("lime", "gradient_shap", limit=4)
    work = {"model": ten_class_model(), "dataset": digits_dataset(), "config": config}
    alone = measure(**work, folder=tmp_path / "alone")
    made = []

    def kill(done, total, message, **_):
        if done > total // 2 + 40:
            raise Cancelled

    with pytest.raises(Cancelled):
        measure(**work, folder=tmp_path / "killed", report=kill)
    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "killed/shards/images").iterdir()}
    again = measure(
        **work, folder=tmp_path / "killed", report=lambda done, *_, **__: made.append(done)
    )

    exact = [c for c in COLUMNS if c != "seconds"]
    pd.testing.assert_frame_equal(alone.records[exact], again.records[exact])
    assert len(kept) == 2
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    assert made == sorted(made)
    with (
        np.load(tmp_path / "alone" / "maps.npz") as one,
        np.load(tmp_path / "killed" / "maps.npz") as other,
    ):
        assert sorted(one) == sorted(other)
        assert len(one) == 4 * 2
        assert all(np.array_equal(one[name], other[name]) for name in one)
    assert len(list((tmp_path / "killed" / "images").iterdir())) == 4


def made_result(**columns):
    count = len(next(iter(columns.values())))
    records = pd.DataFrame(
        {
            "index": range(count),
            "id": list("abcdefgh"[:count]),
            "label": 0,
            "prediction": 0,
            "target": 0,
            "method": "lime",
            "evaluations": 10,
            "seconds": 1.0,
            **columns,
        }
    ).reindex(columns=list(COLUMNS))
    from made_results import provenance

    return ExplanationResult(config_of("lime"), provenance(), records)


def test_medians_come_with_intervals_that_hold_them_and_nothing_where_nothing_is_known():
    gains = [0.1, 0.2, 0.3, 0.4, 5.0, np.nan]

    row = made_result(deletion_gain=gains).per_method.iloc[0]

    assert row["deletion_gain"] == pytest.approx(0.3)
    assert 0.1 <= row["deletion_gain_low"] < 0.3 < row["deletion_gain_high"] <= 5.0
    assert np.isnan(row["r2"])
    assert np.isnan(row["r2_low"])
    assert {f"{name}_high" for name in FIGURES} <= set(row.index)


def test_a_median_of_a_skewed_figure_is_bounded_by_the_maps_at_any_confidence():
    gains = [0.05, 0.06, 0.07, 0.5, 0.9, 0.95, 0.97]
    (number,) = (
        n for n in made_result(deletion_gain=gains).numbers() if n.metric == "deletion_gain"
    )

    found = [number.within(confidence) for confidence in (0.95, 0.975, 0.9999)]

    assert found[0] == number.found
    assert all(0.05 <= one.low < one.value == 0.5 < one.high <= 0.97 for one in found)
    assert found[0].low >= found[1].low >= found[2].low == 0.05


@pytest.mark.parametrize(
    ("column", "bad", "good", "words"),
    [
        ("deletion_gain", -0.1, 0.1, "hiding"),
        ("insertion_gain", 0.0, 0.1, "showing"),
        ("randomised", 0.5, 0.4, "random weights"),
        ("other_class", 0.9, -0.9, "another class"),
        ("error_share", 0.6, 0.1, "Monte Carlo"),
        ("error_share", np.inf, 0.1, "too few evaluations"),
        ("r2", 0.3, 0.8, "R²"),
        ("gap_share", 0.05, 0.04, "due sum"),
        ("convergence", 0.8, 0.9, "half the evaluations"),
        ("agreement", -0.2, 0.2, "contradict"),
    ],
)
def test_each_doubt_is_a_reason_and_maps_with_more_of_them_are_worse(column, bad, good, words):
    result = made_result(**{column: [good, bad, np.nan]})

    worst = result.worst(3)

    assert worst["index"].tolist()[0] == 1
    assert worst["doubts"].tolist() == [1, 0, 0]
    assert words in worst["reason"][0]
    assert result.per_method["doubtful"][0] == pytest.approx(1 / 3)


def test_records_of_before_a_figure_was_measured_raise_no_doubt_about_it():
    older = made_result(additivity_gap=[0.9, 0.1])
    older = replace(older, records=older.records.drop(columns="gap_share"))

    assert older.worst(2)["doubts"].tolist() == [0, 0]
    assert older.per_method["gap_share"].isna().all()


def test_among_maps_without_doubts_the_least_confirmed_is_the_worst():
    result = made_result(deletion_gain=[0.5, 0.1, 0.3], insertion_gain=[0.5, 0.2, 0.3])

    assert result.worst(2)["index"].tolist() == [1, 2]
    assert result.worst(1)["reason"][0] == "nothing speaks against it"


def test_a_summary_is_json_and_names_the_worst():
    summary = made_result(deletion_gain=[0.1, -0.2]).summary()

    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["worst"][0]["id"] == "b"
    assert summary["methods"][0]["r2"] is None

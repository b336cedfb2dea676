"""The evidence file of an assessment that measured times, sizes and counts."""

import os
import re

import numpy as np
import pandas as pd
import pytest
from torch import nn
from toy_models import dataset_of, model_of

import usable_core as usable
from usable_core.catalog.metrics import METRICS
from usable_core.catalog.units import written
from usable_core.evaluations.cost import CostConfig
from usable_core.evaluations.specs import DatasetSpec
from usable_core.measuring import cost
from usable_core.metrics.intervals import Estimate
from usable_core.runs import RunStore
from usable_core.verdict_files import verify
from usable_core.verdict_files.rerunning import Sample
from usable_core.verdicts import check, requirement
from usable_core.verdicts.assessment import AssessmentConfig, AssessmentResult, row_of
from usable_core.verdicts.finding import findings_of
from usable_core.verdicts.verdict import with_interval

RULES = ("latency_p95 at batch 1 <= 100 s", "parameters <= 1 k", "file_size <= 1 GB")


@pytest.fixture
def measured(monkeypatch):
    """The cost of a small network, in the store, with its run."""
    monkeypatch.setattr(cost, "WARM_UP_SECONDS", 0.0)
    monkeypatch.setattr(cost, "FOUND_SECONDS", 0.1)
    pixels = np.random.default_rng(0).integers(0, 255, (5, 8, 8, 3), dtype=np.uint8)
    data = dataset_of(pixels, np.arange(5) % 2, ["a", "b"])
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 10))
    result = usable.evaluate_cost(model_of(network, size=8), data, timings=5)
    store = RunStore()
    run = store.create(CostConfig(result.config.model, DatasetSpec("digits")))
    store.start(run.id, os.getpid())
    store.finish(run.id, result)
    return result, run.id


def test_times_sizes_and_counts_stand_in_it_in_their_units(measured, tmp_path):
    result, run = measured
    rows = [
        {"model": "m", "name": "m", **row_of(check(requirement(rule), [result])), "run": run}
        for rule in RULES
    ]
    config = AssessmentConfig((result.config.model,), DatasetSpec("digits"), RULES)
    findings = findings_of({"m": {"cost": result}}, {}, {"cost": "Cost"})
    answer = AssessmentResult(config, pd.DataFrame(rows), findings=findings)

    answer.save(tmp_path / "evidence")

    assert verify(tmp_path / "evidence", sample=Sample(count=0)).problems == ()
    page = (tmp_path / "evidence" / "verdict.html").read_text(encoding="utf-8")
    assert "1.93 k" in page  # 192 × 10 + 10 parameters
    assert "7.72 kB" in page  # four bytes each


def test_the_result_says_its_time_in_its_unit(measured):
    assert re.search(
        r"forward p95 at batch 1 \S+ m?s \(\S+ m?s to not bounded\)", repr(measured[0])
    )


@pytest.mark.parametrize("unit", sorted({row.unit for row in METRICS.values()}))
def test_a_number_of_every_unit_is_written_with_its_interval(unit):
    found = with_interval(Estimate(0.5, 0.25, 0.75, 10), unit)

    assert found == f"{written(0.5, unit)} ({written(0.25, unit)} to {written(0.75, unit)})"
    assert with_interval(Estimate(3.0, 3.0, 3.0, 1), unit) == written(3.0, unit)
    assert with_interval(Estimate(0.5, np.nan, np.nan, 10), unit) == written(0.5, unit)


def test_hundredths_are_written_as_people_say_them_and_nothing_as_a_number_that_is_none():
    assert written(-0.123, "points") == "-12.3 points"
    assert written(0.5, "share") == "50.0 %"
    assert written(float("nan"), "share") == "–"

"""`usable verify` asks the models again: right records pass, others are named."""

from dataclasses import replace

import numpy as np
import pytest

import usable_core as usable
from usable_core.evaluations.specs import ModelSpec
from usable_core.verdict_files.rerunning import Sample, rerun

NAME = "bundled/vgg_digits"


@pytest.fixture(scope="module")
def measured():
    return usable.evaluate_accuracy(NAME, "digits", limit=12)


def test_true_records_are_answered_again_alike(measured):
    found = rerun({"a": measured}, Sample(count=5))
    assert found.problems == []
    assert found.notes == ["bundled/vgg_digits was asked 5 of 12 examples again."]
    assert "No example" in rerun({"a": measured}, Sample(count=0)).notes[0]


@pytest.fixture(scope="module")
def attacked():
    """Four budgets; the network breaks between the first and the last."""
    grid = {"epsilons": "0, 1/255, 8/255, 16/255, 64/255", "walked": 0, "gallery": 0}
    return usable.evaluate_robustness(NAME, "digits", limit=10, attack="pgd", steps=4, **grid)


@pytest.fixture(scope="module")
def corrupted():
    cells = {"corruptions": ["gaussian_noise", "fog", "snow", "contrast"], "severities": [2, 5]}
    return usable.evaluate_corruption(NAME, "digits", limit=10, **cells)


@pytest.fixture(scope="module")
def explained():
    options = usable.ExplainerOptions(evaluations=48, segments=12)
    return usable.evaluate_explanation(NAME, "digits", limit=3, methods=["lime"], options=options)


@pytest.fixture(scope="module")
def timed():
    return usable.evaluate_cost(NAME, timings=5)


def with_records(answer, **columns):
    changed = {name: make(answer.records) for name, make in columns.items()}
    return replace(answer, records=answer.records.assign(**changed))


def lost(records):
    """Every example withstands every budget."""
    return records["label"]


LIES = {
    "attacked": [{"prediction": lost}, {"clean_prediction": lambda r: (r["label"] + 1) % 10}],
    "corrupted": [
        {"confidence": lambda r: r["confidence"] / 2},
        {"nll": lambda r: r["nll"] + 1},
        {"label": lambda r: (r["label"] + 1) % 10},
    ],
    "explained": [
        {"r2": lambda r: 0.99},
        {"deletion_gain": lambda r: r["deletion_gain"] + 1},
        {"target": lambda r: (r["target"] + 1) % 10},
        {"insertion_gain": lambda r: np.nan},
    ],
}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("attacked", "was attacked on 2 of 10 examples again"),
        ("corrupted", "was asked 4 of 10 examples again under "),
        ("explained", "explained 1 of 3 examples again"),
    ],
)
def test_every_kind_is_measured_again_alike_and_lies_are_named(kind, said, request):
    answer = request.getfixturevalue(kind)
    true = rerun({"a": answer}, Sample(count=16))
    assert true.problems == []
    assert said in true.notes[0]
    for lie in LIES[kind]:
        found = rerun({"a": with_records(answer, **lie)}, Sample(count=16))
        assert {part for part, _ in found.problems} == {"records"}, lie
        assert NAME in found.problems[0][1]


def test_a_few_examples_alone_are_attacked_as_they_were_among_all(attacked):
    """All ten are asked for: each breaks at the very same budget."""
    assert not (attacked.records["prediction"] == attacked.records["label"]).all()
    assert rerun({"a": attacked}, Sample(count=80)).problems == []


def test_what_is_counted_is_counted_again(timed):
    true = rerun({"a": timed}, Sample())
    assert true.problems == []
    assert "times and energy were not measured again" in true.notes[0]
    for name in ("parameters", "macs"):
        facts = replace(timed.facts, **{name: getattr(timed.facts, name) + 1})
        ((part, why),) = rerun({"a": replace(timed, facts=facts)}, Sample()).problems
        assert part == "records"
        assert name in why


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda r: {"records": r.records.assign(confidence=0.4)}, "records"),
        (lambda r: {"records": r.records.assign(prediction=(r.records.label + 1) % 10)}, "records"),
        (lambda r: {"records": r.records.assign(label=(r.records.label + 1) % 10)}, "records"),
        (lambda r: {"records": r.records.assign(nll=0.7)}, "records"),
        (lambda r: {"records": r.records.assign(id="none")}, "records"),
        (lambda r: {"provenance": replace(r.provenance, model_fingerprint="0")}, "weights"),
        (lambda r: {"provenance": replace(r.provenance, dataset_fingerprint="0")}, "data"),
    ],
)
def test_records_of_something_else_are_named(measured, change, part):
    found = rerun({"a": replace(measured, **change(measured))}, Sample(count=5))
    assert {name for name, _ in found.problems} == {part}


def test_what_cannot_be_asked_again_says_why(measured):
    def of(spec):
        return replace(measured, config=replace(measured.config, model=spec))

    code = rerun({"a": of(ModelSpec("file/net.pt2", trust=True))}, Sample())
    assert "can run code" in code.notes[0]
    gone = rerun({"a": of(ModelSpec("bundled/nobody"))}, Sample())
    assert "was not measured again" in gone.notes[0]
    assert code.problems == gone.problems == []

"""`usable verify` asks the models again: right records pass, others are named."""

from dataclasses import replace

import pytest

import usable_core as usable
from usable_core.evaluations.specs import ModelSpec
from usable_core.verdict_files.rerunning import Sample, rerun


@pytest.fixture(scope="module")
def measured():
    return usable.evaluate_accuracy("bundled/vgg_digits", "digits", limit=12)


def test_true_records_are_answered_again_alike(measured):
    found = rerun({"a": measured}, Sample(count=5))
    assert found.problems == []
    assert found.notes == ["bundled/vgg_digits was asked 5 of 12 examples again."]
    assert "No example" in rerun({"a": measured}, Sample(count=0)).notes[0]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda r: {"records": r.records.assign(confidence=0.4)}, "records"),
        (lambda r: {"records": r.records.assign(prediction=(r.records.label + 1) % 10)}, "records"),
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
    assert "was not asked again" in gone.notes[0]
    assert code.problems == gone.problems == []

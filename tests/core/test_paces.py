"""How many attacked examples and maps a second, from what the parts of an assessment took."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from made_evidence import assessed
from made_results import accuracy_result, provenance, robustness_result

from usable_core.cli.findings import finding_lines
from usable_core.evaluations.explanation import ExplanationConfig, ExplanationResult
from usable_core.evaluations.robustness import Cost
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.verdict_files import verify
from usable_core.verdict_files.rerunning import Sample
from usable_core.verdicts.finding import findings_of
from usable_core.verdicts.paces import paces_of

LABELS = [0, 1, 2, 0]
CLEAN = [0, 1, 2, 1]  # the last is wrong when clean, so three are attacked


def attacked(seconds=6.0, **settings):
    found = robustness_result(LABELS, CLEAN, [CLEAN] * 3, attack="apgd", steps=7, **settings)
    where = replace(found.provenance, device="cuda:0", batch_size=64)
    return replace(found, cost=Cost(seconds=seconds, check_seconds=99.0), provenance=where)


def explained():
    """Two maps of LIME in 3 s; Grad-CAM refused the model."""
    config = ExplanationConfig(ModelSpec("m"), DatasetSpec("digits"), ("lime", "grad_cam"))
    columns = {"method": ["lime"] * 2, "seconds": [1.0, 2.0], "evaluations": [150, 250]}
    return ExplanationResult(config, provenance(), pd.DataFrame({"index": [0, 1], **columns}))


def test_a_second_is_the_work_by_the_time_of_its_part_alone():
    found = paces_of({"A": {"robustness": attacked(), "explanation": explained()}})
    by_what = {one.what: one for one in found}
    assert by_what["attacked examples"].a_second == pytest.approx(3 / 6)
    assert (by_what["attacked examples"].n, by_what["attacked examples"].seconds) == (3, 6.0)
    for word in ("apgd (7 steps)", "L∞", "cuda:0", "batch 64"):
        assert word in by_what["attacked examples"].measured_on
    assert by_what["maps by LIME"].a_second == pytest.approx(2 / 3)
    assert "200 evaluations a map" in by_what["maps by LIME"].measured_on
    assert by_what["maps by Grad-CAM"].found == "not measured"


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"robustness": attacked(seconds=0.0)},  # an older version did not count
        {"robustness": replace(attacked(), records=attacked().records.assign(clean_prediction=9))},
    ],
)
def test_what_was_not_measured_says_so(answers):
    found = {one.what: one for one in paces_of({"A": answers})}
    assert set(found) == {"answers", "attacked examples", "maps"}
    assert {one.found for one in found.values()} == {"not measured"}
    assert all(one.a_second is None for one in found.values())


def test_what_the_store_had_keeps_its_figure_and_says_so():
    answers = {"A": {"robustness": attacked()}, "B": {"robustness": attacked()}}
    found = paces_of(answers, earlier={("A", "robustness")})
    ours, theirs = (one for one in found if one.task == "robustness")
    assert ours.a_second == theirs.a_second
    assert ours.told == f"{ours.measured_on}; measured by an earlier run"
    assert theirs.told == theirs.measured_on


def test_terminal_page_and_json_say_it_and_the_evidence_verifies(tmp_path):
    """`made_evidence` measures accuracy and robustness, of which the time was not counted."""
    whole = assessed(tmp_path)
    answers = {"net 0": {"robustness": attacked()}, "<b>": {"accuracy": accuracy_result([0], [0])}}
    findings = findings_of(answers, {}, {}, earlier={("net 0", "robustness")})
    told = [line for line in finding_lines(findings) if isinstance(line, str)]
    assert any(
        line.startswith("net 0: attacked examples 0.5 /s (apgd (7 steps), L∞")
        and line.endswith("; measured by an earlier run)")
        for line in told
    )
    assert "<b>: maps not measured" in told
    assert json.dumps(findings.summary()["paces"])  # no NaN, which JSON has not

    whole.save(tmp_path / "out")
    assert verify(tmp_path / "out", sample=Sample(count=0)).problems == ()
    page = (tmp_path / "out" / "verdict.html").read_text(encoding="utf-8")
    assert "<h2>Cost</h2>" in page
    assert page.count("<td>attacked examples</td><td>not measured</td>") == 2

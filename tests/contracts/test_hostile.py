"""Model files of strangers, over every source that reads files: none runs, hangs or loads.

Each is refused in one sentence that names the file and says what to do, by Python and by the
command line; `made_hostile_models` has the table.
"""

import re
from importlib.util import find_spec

import pytest
from judging import judge
from made_hostile_models import CASES

VERBS = (
    "choose|give|save|export|fetch|copy|get|correct|download|take|say|install|leave|name|write|"
    "unpack|join|gather|lay|merge|nearest choices"
)
ADVICE = re.compile(rf"(?<=[.:;,] )({VERBS})\b|\bor ({VERBS})\b|--[a-z]", re.IGNORECASE)
NEEDS = {"keras": "keras", "onnx": "onnxruntime"}
LEAKS = re.compile(r"Traceback|site-packages|File \"|\.py\b|object at 0x")


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """What became of each case, tried in one process of its own."""
    folder = tmp_path_factory.mktemp("hostile")
    cases = [
        (name, folder / name) for name, c in CASES.items() if find_spec(NEEDS.get(c.source, "re"))
    ]
    return {v.case: v for v in judge(cases, "made_hostile_models:tried")}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.timeout(600)
def test_it_is_refused_in_a_sentence(name, verdicts):
    if name not in verdicts:
        pytest.skip(f"the extra {CASES[name].source} is not installed")
    verdict = verdicts[name]

    assert verdict.outcome == "refused", verdict.detail
    assert re.search(CASES[name].says, verdict.detail), verdict.detail
    assert ADVICE.search(verdict.detail), f"no way out: {verdict.detail}"
    assert not LEAKS.search(verdict.detail), verdict.detail

"""Model files of strangers, over every source that reads files: none runs, hangs or loads.

Each is refused in one sentence that names the file and says what to do, by Python and by the
command line; `made_hostile_models` has the table.
"""

import contextlib
import importlib
import pickle
import re
import shutil
import sys
from collections import Counter
from importlib.util import find_spec

import pytest
from judging import judge
from made_hostile_models import CASES, Ran, of_hf, of_texts, of_weights
from made_hostile_models.case import MODULE, watched

from usable_core.catalog.models import SOURCES
from usable_core.models import load_model

# Sources that lead to files of strangers: by their path, or as weights of an architecture.
OF_FILES = [name for name, row in SOURCES.items() if row.is_path or row.takes_weights]

VERBS = (
    "choose|give|save|export|fetch|copy|get|correct|download|take|say|install|leave|name|write|"
    "unpack|join|gather|lay|merge|nearest choices|expected is"
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


@pytest.mark.parametrize("name", of_texts.HARMLESS)
def test_what_a_tokenizer_says_beside_its_pieces_changes_no_answer(name, tmp_path):
    model = tmp_path / "words"
    shutil.copytree(of_texts.good(), model)
    of_texts.HARMLESS[name](model)
    texts = ["It rained all day.", "no"]

    with watched(tmp_path):
        found = load_model(model).predict(texts)

    assert found == load_model(of_texts.good()).predict(texts)


def test_there_are_cases_for_every_source_that_reads_files():
    found = Counter(one.source for one in CASES.values())

    assert len(CASES) >= 60
    assert {name: found[name] for name in OF_FILES if found[name] < 3} == {}


@pytest.mark.parametrize("how", ["a call", "text that is run", "a page", "an attribute"])
def test_a_payload_that_is_let_run_is_seen(how, tmp_path):
    with pytest.raises(Ran), watched(tmp_path), contextlib.suppress(OSError):
        pickle.loads(of_weights.PICKLES[how])


def test_code_beside_a_model_that_is_imported_is_seen(tmp_path, monkeypatch):
    of_hf.evil(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(Ran), watched(tmp_path):
        importlib.import_module(MODULE)

    del sys.modules[MODULE]

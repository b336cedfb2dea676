"""Homes that something is wrong with: every command and page says so in a sentence and goes on."""

from itertools import chain

import made_stores
import pytest
from judging import faults, judge
from store_looks import damaged

pytestmark = pytest.mark.faults

GENERATORS = {
    "files": made_stores.files_of_the_database,
    "forms": made_stores.forms_of_the_table,
    "rows": lambda: list(made_stores.rows())[::2],  # eleven values: each with every other column
    "queued rows": lambda: list(made_stores.rows(which=3))[::5],
    "questions": made_stores.questions,
    "artifacts": made_stores.artifacts,
    "places": made_stores.places,
}


@pytest.mark.parametrize("kind", GENERATORS)
def test_whatever_is_wrong_with_a_home_is_a_sentence(kind, tmp_path):
    cases = list(damaged(tmp_path, GENERATORS[kind]()))

    verdicts = judge(cases, "store_looks:look")

    assert faults(verdicts) == []
    assert len(verdicts) == len(cases) > 10


def test_whatever_is_wrong_with_a_home_is_a_sentence_on_its_pages(tmp_path):
    each = [list(generator()) for generator in GENERATORS.values()]
    sample = chain.from_iterable(damages[:: max(1, len(damages) // 5)] for damages in each)
    cases = list(damaged(tmp_path, sample))

    verdicts = judge(cases, "store_looks:pages", seconds=60)

    assert faults(verdicts) == []

import re

import pytest

from dashboard.Home import PAGES
from usable_core import cli
from usable_core.catalog.attacks import PRESETS
from usable_core.catalog.words import WORDS, words_of

DIALECT = re.compile(r"\b(shelf|shelves|walked|striped|question 1|spend)\b", re.IGNORECASE)


def test_every_word_stands_on_a_page_that_there_is():
    assert {page for row in WORDS.values() for page in row.pages} <= set(PAGES)
    assert all(row.pages and row.meaning.endswith(".") for row in WORDS.values())


def test_pages_that_measure_have_their_words():
    words = {name: set(words_of(name)) for name in PAGES}

    assert {"epsilon", "attack", "upper_bound", "surrogate"} <= words["robustness"]
    assert {"calibration", "interval"} <= words["accuracy"]
    assert {"superpixel", "coalition", "random_band", "faithfulness"} <= words["explain"]
    assert {"holm", "pareto"} <= words["compare"]
    assert "passport" in words["models"]
    assert words_of("nowhere") == {}


def test_words_are_plain():
    for row in WORDS.values():
        assert not DIALECT.search(row.meaning), row.title
        assert len(row.meaning) < 300, row.title
    titles = ", ".join(row.title.lower() for row in PRESETS.values())
    assert WORDS["preset"].title.lower() == titles


def test_the_command_says_one_word_or_all(capsys):
    assert cli.main(["words", "epsilon"]) == 0
    assert capsys.readouterr().out.startswith("ε (epsilon): How much an attack may change.")
    assert cli.main(["words"]) == 0
    assert capsys.readouterr().out.count("\n") >= len(WORDS)


def test_a_misspelt_word_is_refused_with_the_nearest(capsys):
    assert cli.main(["words", "epsilan"]) == 2
    assert "epsilon" in capsys.readouterr().err


@pytest.mark.parametrize("page", ["fine_tune", "data", "runs", "cost", "corruption"])
def test_other_pages_have_some_too(page):
    assert words_of(page)

"""The data set of phrases in fifteen languages: balanced, disjoint, nothing that two share."""

import re
from collections import Counter

import pytest

from usable_core import load_dataset, settings
from usable_core.cli import main
from usable_core.errors import DatasetRefused
from usable_core.texts import alike_key

PARTS = {"train": 444, "validation": 49, "test": 200}  # phrases of each language


@pytest.fixture(scope="module")
def languages():
    return load_dataset("languages")


def test_each_language_has_equally_many_phrases_in_each_part(languages):
    for part, expected in PARTS.items():
        counts = Counter(languages.split(part).targets.tolist())

        assert counts == dict.fromkeys(range(15), expected)


def test_no_phrase_is_like_another_but_for_case_signs_and_numbers(languages):
    texts = [languages[index][0] for index in range(len(languages))]

    counts = Counter(alike_key(re.sub(r"\d+", "", text)) for text in texts)

    assert counts.most_common(1)[0][1] == 1
    assert min(map(len, counts)) >= 3


def test_the_parts_have_no_phrase_in_common_and_those_for_testing_stay(languages):
    for seed in (0, 1):
        parts = [languages.split(part, seed=seed) for part in PARTS]
        ids = [set(part.ids) for part in parts]

        assert sum(map(len, ids)) == len(set.union(*ids)) == len(languages) == 15 * 693
    tests = [set(languages.split("test", seed=seed).ids) for seed in (0, 1)]
    drawn = [set(languages.split("validation", seed=seed).ids) for seed in (0, 1)]
    assert tests[0] == tests[1]
    assert drawn[0] != drawn[1]


def test_a_language_is_what_it_says(languages):
    said = {
        languages[index][0]: languages.labels.names[languages[index][1]]
        for index in range(len(languages))
    }

    assert said["tidssone for Fernando de Noronha"] == "Norwegian"
    assert said["tjekkisk"] == "Danish"
    assert said["Fernando de Noronha, sommartid"] == "Swedish"
    assert said["Hora estàndard de Bangladesh"] == "Catalan"
    assert said["hora de verano de Fernando de Noronha"] == "Spanish"
    assert said["francúzština (švajčiarska)"] == "Slovak"


def test_it_is_small_and_its_licence_lies_beside_it():
    folder = settings.assets() / "data"

    assert (folder / "languages.tsv.gz").stat().st_size < 300_000
    assert "UNICODE LICENSE V3" in (folder / "LICENSE.unicode").read_text(encoding="utf-8")


def test_it_can_be_looked_at(capsys):
    main(["look", "--dataset", "languages"])

    said = capsys.readouterr().out
    assert "Norwegian" in said
    assert "10,395" in said


def test_an_installation_without_it_says_where_it_was_expected(tmp_path, monkeypatch):
    monkeypatch.setattr("usable_core.settings.assets", lambda: tmp_path)

    with pytest.raises(DatasetRefused, match=r"expected languages\.tsv\.gz"):
        load_dataset("languages")

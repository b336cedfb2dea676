"""Files of requirements as people write them, and the sets to start from."""

import json

import pytest

from usable_core import cli
from usable_core.catalog.starts import STARTS
from usable_core.errors import ConfigError, UsableError
from usable_core.verdicts.requirement_files import read_requirements, requirements_in, to_toml
from usable_core.verdicts.requirements import Requirements, requirement, requirements_of

TEXT = 'use = "Größe 5"\nset_by = "QA"\nrequire = ["accuracy >= 90 %", "ece <= 0.05"]\n'


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r\n").encode("utf-16"),  # as PowerShell's `>` writes it
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
    ],
    ids=["plain", "BOM", "CRLF", "UTF-16", "UTF-16, big end first"],
)
def test_a_file_is_read_however_an_editor_saved_it(tmp_path, data):
    path = tmp_path / "usable.toml"
    path.write_bytes(data)

    found = read_requirements(path)

    assert [one.text for one in found.required] == ["accuracy >= 90 %", "ece <= 5 %"]
    assert (found.use, found.set_by, found.norm) == ("Größe 5", "QA", "linf")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no requirements"),
        ("require = []", "no requirements"),
        ('require = "accuracy >= 90 %"', "must be a list"),
        ("require = [0.9]", "must be a list"),
        ("[require]\naccuracy = 0.9", "must be a list"),
        ('require = ["accuracy >= 90 %", "accuracy >= 95 %"]', "bound one number"),
        ('require = ["accuracy >= 90 %", "accuracy <= 80 %"]', "Turn the sign round"),
        (
            'require = ["robust_accuracy at 1/255 >= 5 %", "robust_accuracy at 2/510 >= 9 %"]',
            "bound one number",
        ),
        ('require = ["accuracy >= 90,5 %"]', "with a point"),
        ('require = ["accuracy >= 90"]', "a share from 0 to 1"),
        ('require = ["accuracy >= nan"]', "written like"),
        ('require = ["accuracy > 90 %"]', "written like"),
        ('require = ["speed >= 1"]', "Unknown requirement"),
        ('requirements = ["accuracy >= 90 %"]', "the entry 'requirements'"),
        ('require = ["ece <= 5 %"]\nnorm = "l3"', "linf, l2 or l1"),
        ('require = ["ece <= 5 %"]\nnorm = ["l2"]', "linf, l2 or l1"),
        ('require = ["ece <= 5 %"]\nuse = 3', "a text"),
        ("require = [", "is no TOML"),
        ("\x00", "is no TOML"),
        ("#" * 1_000_001, "larger than"),
    ],
)
def test_a_file_that_says_nothing_clear_is_refused_in_a_sentence(text, said):
    with pytest.raises(UsableError, match=said) as refused:
        requirements_in(text.encode())
    assert "\n" not in str(refused.value)


def test_what_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "latin.toml").write_bytes('use = "Größe"'.encode("latin-1"))
    for name, said in (
        ("", "cannot be read"),
        ("a\0b", "cannot be read"),
        ("latin.toml", "not written in UTF-8"),
    ):
        with pytest.raises(ConfigError, match=said):
            read_requirements(tmp_path / name)


@pytest.mark.parametrize("text", ["accuracy>=90%", " accuracy ≥ 0.9 ", "accuracy >= 9e1 %"])
def test_one_requirement_has_one_form(text):
    assert requirement(text).text == "accuracy >= 90 %"


@pytest.mark.parametrize("name", STARTS)
def test_a_start_is_a_set_that_can_be_written_and_read_again(name):
    wanted = requirements_of(STARTS[name].require)

    assert requirements_in(to_toml(wanted, title="two\nlines").encode()) == wanted


def test_any_words_survive_the_file():
    wanted = Requirements(
        requirements_of(["ece <= 5 %"]).required, use='a "b"\n\x7f\t\\', set_by="#", norm="l2"
    )

    assert requirements_in(to_toml(wanted).encode()) == wanted


def test_the_command_prints_a_file_to_start_from(capsys):
    assert cli.main(["requirements", "--start", "safety_relevant"]) == 0
    found = requirements_in(capsys.readouterr().out.encode())
    assert [one.text for one in found.required] == list(STARTS["safety_relevant"].require)

    assert cli.main(["requirements", "--start", "safety"]) == 2
    assert "safety_relevant" in capsys.readouterr().err
    assert cli.main(["requirements", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["require"] == list(STARTS["first_look"].require)

"""Sentences: one line of bounded length that every screen can show, whatever they quote."""

import pickle
from pathlib import Path

import pytest

from usable_core.datasets.unlabelled import WithoutClasses
from usable_core.errors import (
    Cancelled,
    DatasetRefused,
    Diverged,
    ProcessLost,
    StorageError,
    UnknownName,
    UsableError,
    one_line,
)
from usable_core.jobs.execution import Unkept


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("A message\nof a library,\r\n\tover lines. ", "A message of a library, over lines."),
        ("x\x1b[31m.png", "x\\x1b[31m.png"),
        ("x\x00.png", "x\\x00.png"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("v\udcf6gel", "v\\udcf6gel"),
        ("鳥, Kätzchen and 🐦 of 3 × 4 µm …", "鳥, Kätzchen and 🐦 of 3 × 4 µm …"),
    ],
)
def test_a_sentence_is_one_line_that_can_be_printed(said, shown):
    assert str(DatasetRefused(said)) == shown
    shown.encode()


def test_a_long_sentence_keeps_its_beginning_and_its_end():
    sentence = str(UsableError(f"The file {'x' * 5000} is none. Choose another one."))

    assert len(sentence) <= 700
    assert sentence.startswith("The file xxx")
    assert sentence.endswith("is none. Choose another one.")
    assert one_line(sentence) == sentence


def test_an_unknown_name_is_quoted_in_short():
    sentence = str(UnknownName("run", "x" * 5000, ["a", "b"]))

    assert len(sentence) < 150
    assert sentence.endswith("Nearest choices: a, b.")


def test_where_there_is_nothing_to_choose_from_that_is_said():
    assert str(UnknownName("run", "x", [])) == "Unknown run 'x'. There is none to choose from."


ODD = {  # those that are made of more than their sentence
    UnknownName: ("run", "x", ["y", "z"]),
    Diverged: ("The loss ran away.", "Kept.", Path("checkpoint")),
    Cancelled: ("It goes on.",),
    ProcessLost: (),
    Unkept: (StorageError("The disk is full."), 3),
    WithoutClasses: ("It\nis.", len),
}


def kinds_of(kind):
    return [kind, *(found for below in kind.__subclasses__() for found in kinds_of(below))]


@pytest.mark.parametrize("kind", sorted({*kinds_of(UsableError)}, key=lambda kind: kind.__name__))
def test_an_error_survives_its_way_between_processes(kind):
    error = kind(*ODD.get(kind, ("It\nis.",)))
    error.add_note("a note")

    again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(error))))

    assert type(again) is kind
    assert str(again) == str(error)
    assert vars(again) == vars(error)

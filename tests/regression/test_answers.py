"""A fixed set of questions has the answers that the regression file holds.

On the kind of machine that recorded it: exact, but for maps and what is read off them, which
depend in their last digits on the size of a batch. Elsewhere floats round differently, and what an
attack or a training makes of that is compared as far as it must agree.
"""

import json
import math

import pytest
from recording import CIFAR, FILE, answered

RECORDED = json.loads(FILE.read_text(encoding="utf-8"))
SLOW = ("benchmark withstood",)
CLOSE = 1e-6  # of maps, whose batches are as large as is fastest
# Filling in stops by a tolerance of its own, so these gains tell batches apart: 4e-5 measured.
CLOSE_ROAD = 1e-4
NAMES = [name for name in RECORDED["answers"] if name not in SLOW]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    return answered(tmp_path_factory.mktemp("answers"), slow=False)


@pytest.mark.timeout(900)  # all questions are asked at once
@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_the_recorded_one(name, answers):
    check(name, answers)


@pytest.mark.reference
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SLOW)
def test_the_slow_answer_is_the_recorded_one(name, tmp_path):
    check(name, answered(tmp_path, slow=True))


def check(name, answers):
    if name not in answers["answers"]:
        pytest.skip(f"needs {CIFAR}")
    expected, got = RECORDED["answers"][name], answers["answers"][name]
    assert "error" not in got, got
    differing = list(differences(name, expected, got))
    assert not differing, "\n".join([f"{name}:", *differing])


def differences(question, expected, got):
    """Yield a line for each figure that is not as recorded."""
    for figure, value in expected.items():
        if figure not in got:
            yield f"  {figure} is missing; expected {value}"
        elif not agree(value, got[figure], tolerance(question, figure)):
            yield f"  {figure}: expected {value}, got {got[figure]}"


def tolerance(question, figure):
    """Return how far a float may be off."""
    if "expla" not in question:
        return 0.0
    return CLOSE_ROAD if "road" in figure else CLOSE


def agree(expected, got, tolerance):
    """Tell whether two values, or all in two lists, are the same or as close as `tolerance`."""
    if isinstance(expected, list) and isinstance(got, list):
        pairs = zip(expected, got, strict=False)
        return len(expected) == len(got) and all(agree(a, b, tolerance) for a, b in pairs)
    if isinstance(expected, float) and isinstance(got, int | float):
        return math.isclose(expected, got, rel_tol=max(tolerance, 1e-12), abs_tol=tolerance)
    return expected == got

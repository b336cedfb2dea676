import pytest

from usable_core.errors import ConfigError
from usable_core.evaluations.epsilon import epsilon_label, grid, number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8/255", 8 / 255),
        ("0.25/255", 0.25 / 255),
        ("0.03", 0.03),
        ("1e-3", 0.001),
        ("0", 0.0),
        (" 1/2 ", 0.5),
    ],
)
def test_a_number_is_read_as_people_write_it(text, value):
    assert number(text) == value


@pytest.mark.parametrize("text", ["x", "1/0", "1/2/3", "", "8/"])
def test_what_is_no_number_is_refused_by_the_name_of_its_setting(text):
    with pytest.raises(ConfigError, match="step_size must be a number or a fraction"):
        number(text, "step_size")


@pytest.mark.parametrize(
    "asked",
    [
        "4/255, 8/255",
        "8/255 4/255",
        "4/255,8/255,4/255",
        "0, 4/255 ,8/255",
        "8/255\n4/255",
        (8 / 255, 4 / 255),
    ],
)
def test_however_budgets_are_written_the_question_is_the_same(asked):
    assert grid(asked) == (0.0, 4 / 255, 8 / 255)


@pytest.mark.parametrize("nothing", ["", " , ", ()])
def test_no_budget_is_no_grid(nothing):
    with pytest.raises(ConfigError, match="at least one number"):
        grid(nothing)


def test_what_is_written_is_read_back():
    assert [grid(epsilon_label(e))[-1] for e in (0.25 / 255, 8 / 255, 0.5)] == [
        0.25 / 255,
        8 / 255,
        0.5,
    ]

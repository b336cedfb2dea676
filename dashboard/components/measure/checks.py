"""The checks beside a robustness curve: a row of badges per model, each with its number."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.components.shared.formats import escaped
from dashboard.components.shared.metrics import bound_mark
from usable_core.catalog.checks import CHECKS
from usable_core.evaluations.robustness import Check
from usable_core.evaluations.robustness_result import RobustnessResult

Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Look:
    """How a verdict is shown: by colour, by sign and by word."""

    color: str
    icon: str
    word: str


LOOKS = {
    "red": Look("red", ":material/close:", "failed"),
    "amber": Look("orange", ":material/priority_high:", "doubtful"),
    "green": Look("green", ":material/check:", "passed"),
    "not run": Look("gray", ":material/remove:", "not run"),
}

# What a badge says of a check's numbers.
FIGURES: dict[str, Callable[[Numbers], str]] = {
    "epsilon_zero": lambda v: f"{v['changed']:.0f} of {v['n']:.0f} differ",
    "deterministic": lambda v: f"differ by {v['difference']:.0e}" if v["difference"] else "exact",
    "logits": lambda v: "probabilities" if v["softmax"] else "logits",
    "gradient": lambda v: f"{v['blind']:.0f} of {v['n']:.0f} blind",
    "loss_rises": lambda v: f"{100 * v['rising']:.0f} %",
    "iterative": lambda v: f"{v['iterative']:.0f} against {v['one_step']:.0f}",
    "white_box": lambda v: (
        f"{sum(v.get(k, 0) for k in ('square', 'transfer', 'black_box')):.0f} more by black box"
    ),
    "noise": lambda v: f"excess {max(v['excess'], 0):.0f}",
    "unbounded": lambda v: f"{100 * v['left']:.0f} % left",
    "more_steps": lambda v: f"{100 * v['change']:.0f} points",
    "losses_agree": lambda v: " against ".join(f"{v[k]:.0f}" for k in v if k != "n"),
    "raw_curve": lambda v: f"rise {v['rise']:.0f}",
    "swappable": lambda v: f"{v['none']:.0f} of {v['n']:.0f} without",
    "truncation": lambda v: f"{v['cut']:.0f} of {v['n']:.0f} cut",
    "descent": lambda v: f"{v['missed']:.0f} of {v['n']:.0f} missed",
}


def checks_of(results: Sequence[RobustnessResult], names: Sequence[str]) -> None:
    """Show of each model what did not pass, and every check in words."""
    st.markdown(
        "**Checks of the attack**",
        help="Signs of an attack that was too weak. Passing them is no proof: it says that no "
        "sign was found. One failed check makes the whole curve an upper bound only: it is drawn "
        "hatched and is not ranked.",
    )
    for result, name in zip(results, names, strict=True):
        _row(result, name)
    with st.expander("Every check in words"):
        for result, name in zip(results, names, strict=True):
            _words(result, name)


def figure_of(check: Check) -> str:
    """Return the number of a check as a badge shows it; empty where it has none."""
    if check.verdict == "not run" or check.name not in FIGURES:
        return ""
    return FIGURES[check.name](check.numbers)


def _row(result: RobustnessResult, name: str) -> None:
    st.markdown(f"**{escaped(name)}**{bound_mark(result)} :gray[{_counts(result.checks)}]")
    with st.container(horizontal=True, gap="xsmall"):
        for check in _ordered(result.checks):
            if check.verdict != "green":
                _badge(check)


def _badge(check: Check) -> None:
    look, row = LOOKS[check.verdict], CHECKS[check.name]
    number = figure_of(check)
    st.badge(
        f"{row.title} ({look.word})" + (f": {number}" if number else ""),
        icon=look.icon,
        color=look.color,
        help=f"**{look.word.capitalize()}.** {escaped(check.sentence)}\n\n{row.help}",
    )


def _words(result: RobustnessResult, name: str) -> None:
    """Say every check as text: tooltips cannot be read on a touch screen."""
    st.markdown(f"**{escaped(name)}**")
    for check in _ordered(result.checks):
        look, row = LOOKS[check.verdict], CHECKS[check.name]
        st.markdown(
            f"- :{look.color}[{look.icon} **{row.title}, {look.word}.**] "
            f"{escaped(check.sentence)} :gray[{row.help}]"
        )


def _ordered(checks: Sequence[Check]) -> list[Check]:
    return sorted(checks, key=lambda check: list(LOOKS).index(check.verdict))


def _counts(checks: Sequence[Check]) -> str:
    if not checks:
        return "no checks were made: no example was attacked at every ε"
    found = [(sum(check.verdict == v for check in checks), look.word) for v, look in LOOKS.items()]
    return ", ".join(f"{count} {word}" for count, word in found if count)

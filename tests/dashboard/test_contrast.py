"""What is written can be read: WCAG 2.2's 4.5 : 1, computed from the colours of the theme."""

import re
import tomllib
from pathlib import Path

import pytest

from usable_core.plots.style import NEUTRAL

DASHBOARD = Path(__file__).parents[2] / "dashboard"
THEME = tomllib.loads((DASHBOARD / ".streamlit" / "config.toml").read_text())["theme"]
CSS = (DASHBOARD / "static" / "page.css").read_text()
# Streamlit's own, where the theme says nothing.
GROUNDS = {
    "light": {"backgroundColor": "#ffffff", "secondaryBackgroundColor": "#f8f8f7"},
    "dark": {},
}
STREAMLIT = 0.6  # of the text's colour: how Streamlit writes placeholders and captions
TINT = 0.1  # of the primary colour behind a chosen button


def channels(colour):
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def mixed(colour, ground, share):
    return [share * c + (1 - share) * g for c, g in zip(colour, ground, strict=True)]


def luminance(colour):
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (value / 255 for value in colour)
    ]
    return sum(part * c for part, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def shares_of_css():
    """What page.css leaves of the text's colour, by where."""
    found = re.findall(r"([^{}]+)\{[^{}]*color-mix\(in srgb, currentColor (\d+)%", CSS)
    return {where.strip(): int(share) / 100 for where, share in found}


def grounds(scheme):
    return [channels(c) for n, c in (GROUNDS[scheme] | THEME[scheme]).items() if "ackground" in n]


def test_the_formula_is_that_of_wcag():
    assert contrast([0, 0, 0], [255, 255, 255]) == pytest.approx(21)
    assert contrast(channels("#767676"), [255, 255, 255]) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_captions_and_axes_can_be_read(scheme):
    text, shares = channels(THEME[scheme]["textColor"]), shares_of_css()

    assert len(shares) == 2  # captions, and the texts of charts
    for ground in grounds(scheme):
        for share in (*shares.values(), STREAMLIT):
            assert contrast(mixed(text, ground, share), ground) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_chosen_buttons_and_what_charts_write_themselves_can_be_read(scheme):
    chosen = re.search(r"color: light-dark\((#\w{6}), (#\w{6})\)", CSS).groups()
    colour = channels(chosen[scheme == "dark"])
    primary, ground = channels(THEME[scheme]["primaryColor"]), grounds(scheme)[0]

    assert contrast(colour, mixed(primary, ground, TINT)) >= 4.5
    assert contrast(colour, ground) >= 4.5
    assert contrast([255, 255, 255], primary) >= 4.5  # of a chip and of a main button
    assert contrast(channels(NEUTRAL[scheme]), ground) >= 4.5

import base64
import re

import plotly.graph_objects as go
import pytest

from usable_core.images import encode_png
from usable_core.reports.page import Card, Data, Picture, Plot, Row, Section, Table, Text, page

HOSTILE = '<script>alert("x")</script>'


def png(width):
    import numpy as np

    return encode_png(np.zeros((4, width, 3), np.uint8))


BLOCKS = {
    "text": Text(HOSTILE),
    "picture": Picture(png(8), HOSTILE, HOSTILE),
    "table": Table((HOSTILE,), ((HOSTILE,),), HOSTILE),
    "data": Data({HOSTILE: HOSTILE}, HOSTILE),
    "row": Row((Card(HOSTILE, (Text(HOSTILE),)),)),
    "plot": Plot(go.Figure(layout={"title": HOSTILE}), HOSTILE),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_no_text_becomes_markup(name):
    made = page(HOSTILE, [Section(HOSTILE, (BLOCKS[name],))])

    assert HOSTILE not in made
    assert "&lt;script&gt;" in made


def test_nothing_is_fetched_from_anywhere():
    made = page("All", [Section("All", tuple(BLOCKS.values()))])
    own = re.sub(r"<script.*?</script>", "", made, flags=re.DOTALL)  # plotly.js holds addresses

    assert not re.search(r"(src|href)=[\"'](?!data:)", own)
    assert "url(" not in own
    assert not re.search(r"<script[^>]*\ssrc=", made)


def test_the_plotting_library_is_inside_once_and_only_where_a_figure_needs_it():
    figures = tuple(Plot(go.Figure(), "empty") for _ in range(2))

    assert len(page("None", [Section("None", (Text("words"),))])) < 10_000
    assert page("Two", [Section("Two", figures)]).count("plotly.js v") == 1


def test_a_picture_is_in_the_file_with_its_words():
    made = page("One", [Section("One", (Picture(png(8), "a cat"),))])

    assert base64.b64encode(png(8)).decode() in made
    assert 'alt="a cat"' in made


@pytest.mark.parametrize(("width", "kind"), [(96, "small"), (97, "usual")])
def test_the_pixels_of_a_small_picture_are_shown(width, kind):
    assert f'<img class="{kind}"' in page("", [Section("", (Picture(png(width), ""),))])


def test_numbers_that_are_missing_are_dashes_and_others_are_short():
    made = page("", [Section("", (Table((), ((None, float("nan"), 0.123456, 7),)),))])

    assert re.findall(r"<td>(.*?)</td>", made) == ["–", "–", "0.1235", "7"]


def test_a_table_with_a_summary_is_folded_away():
    table = (("a",), (("b",),))

    assert "<details>" not in page("", [Section("", (Table(*table),))])
    assert "<summary>More</summary>" in page("", [Section("", (Table(*table, "More"),))])

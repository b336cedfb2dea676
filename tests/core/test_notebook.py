"""What a notebook, the screen and a file show of an explanation."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from usable_core.errors import ConfigError
from usable_core.evaluations.explained import Explanation, Prediction
from usable_core.plots import notebook
from usable_core.plots.heatmap import FOR


@pytest.fixture
def explanation():
    values = np.zeros((8, 8), np.float32)
    values[0, 7] = 1.0
    return Explanation(
        method="lime",
        target="<b>cat</b>",
        predictions=(Prediction(0, "<b>cat</b>", 0.75), Prediction(1, "dog", 0.25, 0.4)),
        values=values,
        segments=np.zeros((8, 8), np.int32),
        x=np.full((8, 8, 3), 100, np.uint8),
    )


def test_the_map_stands_beside_the_picture_and_small_pictures_are_enlarged(explanation):
    view = np.asarray(Image.open(io.BytesIO(notebook.view_png(explanation))))

    assert view.shape == (224, 224 + 8 + 224, 3)
    assert (view[:, :224] == 100).all()
    assert (view[:, 224:232] == 255).all()
    assert view[5, -5].tolist() == [round(100 * 0.2 + 0.8 * c) for c in FOR]
    assert (view[100:, 232:] == 100).all()


def test_the_notebook_shows_method_class_and_predictions_and_escapes_them(explanation):
    text = explanation._repr_html_()

    assert "LIME: &lt;b&gt;cat&lt;/b&gt;" in text
    assert "<b>cat</b>" not in text
    assert "75.0 %" in text
    assert "dog 25.0 %" in text
    assert "at the upper right" in text


def test_a_view_is_saved_as_its_ending_says(explanation, tmp_path):
    explanation.save(tmp_path / "a.PNG")
    explanation.save(str(tmp_path / "a.html"))

    assert (tmp_path / "a.PNG").read_bytes() == notebook.view_png(explanation)
    assert notebook.view_html(explanation) in (tmp_path / "a.html").read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match=r"\.png or \.html"):
        explanation.save(tmp_path / "a.gif")


def test_show_uses_the_notebook_where_there_is_one_and_the_screen_elsewhere(
    explanation, monkeypatch
):
    shown, opened = [], []
    display = SimpleNamespace(display=shown.append, HTML=lambda text: ("html", text))
    monkeypatch.setitem(
        sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: object(), display=display)
    )
    monkeypatch.setattr(Image.Image, "show", lambda image: opened.append(image.size))

    explanation.show()
    monkeypatch.setitem(
        sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None, display=display)
    )
    notebook.show_view(explanation)

    assert shown == [("html", notebook.view_html(explanation))]
    assert opened == [(456, 224)]


def test_a_notebook_shows_nothing_before_there_is_a_map():
    assert Explanation(predictions=(Prediction(0, "cat", 0.75),))._repr_html_() is None

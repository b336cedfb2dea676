"""One explanation where a person works: in a notebook, on the screen, or in a file.

The picture as the model saw it stands beside the picture with the map, in the map's own colours.
"""

import base64
import html
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from usable_core.catalog.explainers import EXPLAINERS
from usable_core.errors import ConfigError
from usable_core.evaluations.explained import Explanation
from usable_core.files import write_bytes
from usable_core.images import encode_png
from usable_core.plots.heatmap import blend, colour_limit, describe
from usable_core.plots.style import percent
from usable_core.plots.words import chips_html, describe_words

OPACITY = 0.8  # of the strongest pixels, as in the pages' downloads
_SIDE = 224  # px: smaller pictures are enlarged to about this, their pixels kept
_GAP = 8  # px of white between the two


def view_png(explanation: Explanation) -> bytes:
    """Return picture and map side by side as a PNG file."""
    values = explanation.values
    shown = blend(explanation.x, values, colour_limit(values), OPACITY)
    times = max(1, round(_SIDE / max(values.shape)))
    both = [part.repeat(times, 0).repeat(times, 1) for part in (explanation.x, shown)]
    gap = np.full((len(both[0]), _GAP, 3), 255, dtype=np.uint8)
    return encode_png(np.concatenate([both[0], gap, both[1]], axis=1))


def view_html(explanation: Explanation) -> str:
    """Return picture, or text, with map and predictions as HTML that needs nothing else."""
    title = f"{EXPLAINERS[str(explanation.method)].title}: {explanation.target}"
    predictions = ", ".join(f"{p.name} {percent(p.probability)}" for p in explanation.predictions)
    if explanation.spans:
        return (
            f"<figure>{chips_html(explanation)}<figcaption><b>{html.escape(title)}</b> "
            f"({html.escape(describe_words(explanation))})<br>{html.escape(predictions)}"
            "</figcaption></figure>"
        )
    source = base64.b64encode(view_png(explanation)).decode()
    words = describe(explanation.values)
    return (
        f'<figure><img alt="{html.escape(f"{title}: {words}", quote=True)}" '
        f'src="data:image/png;base64,{source}"><figcaption><b>{html.escape(title)}</b> '
        f"({html.escape(words)})<br>{html.escape(predictions)}</figcaption></figure>"
    )


def save_view(explanation: Explanation, path: str | Path) -> None:
    """Write picture and map to a file, as its ending says: .png or .html.

    Raises:
        ConfigError: another ending.
        StorageError: the disk is full.
    """
    path = Path(path).expanduser()
    kind = path.suffix.lower()
    if kind == ".png" and not explanation.spans:
        write_bytes(path, view_png(explanation))
    elif kind == ".html":
        page = f'<!doctype html><meta charset="utf-8">{view_html(explanation)}'
        write_bytes(path, page.encode())
    else:
        forms = ".html" if explanation.spans else ".png or .html"
        raise ConfigError(
            f"A map is saved as {forms}, or into a folder of a name without an ending, but "
            f"{path.name} is neither. Choose another name."
        )


def show_view(explanation: Explanation) -> None:
    """Show picture and map: in the notebook that runs this, else in the system's viewer."""
    notebook = sys.modules.get("IPython")
    if notebook is not None and notebook.get_ipython() is not None:
        notebook.display.display(notebook.display.HTML(view_html(explanation)))
    elif explanation.spans:
        sys.stdout.write(f"{describe_words(explanation)}\n")
    else:
        Image.open(io.BytesIO(view_png(explanation))).show()

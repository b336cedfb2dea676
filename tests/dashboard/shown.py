"""Reading what a page shows."""

import json

from streamlit.testing.v1 import AppTest


def texts(app: AppTest) -> str:
    """Return all Markdown, captions and boxes of a page as one text, with plain spaces."""
    kinds = ("title", "subheader", "markdown", "caption", "info", "warning", "error", "success")
    shown = (element.value for kind in kinds for element in getattr(app, kind))
    return "\n".join(shown).replace("\u00a0", " ")


def links(app: AppTest) -> dict[str, str]:
    """Return the page links: label to the page and its parameters."""
    return {e.proto.label: f"{e.proto.page}?{e.proto.query_string}" for e in app.get("page_link")}


def figures(app: AppTest) -> list[dict]:
    """Return the Plotly figures of a page as JSON."""
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]

"""For `pytest -p toys.plugin`: every toy is in its table before a test is read.

Of the contracts only tests of toys run, and those that are not made for single rows. The ids of all
are written to the file that `TOYS_COLLECTED` names.
"""

import os
from pathlib import Path

import pytest

from dashboard.Home import PAGES, PageRow
from toys import rows

rows.add_all()
PAGES["toy"] = PageRow(*rows.PAGE)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    ids = [item.nodeid for item in items]
    Path(os.environ["TOYS_COLLECTED"]).write_text("\n".join(ids), encoding="utf-8")
    items[:] = [
        item
        for item in items
        if not hasattr(item, "callspec")
        or "toy" in item.callspec.id.split("-")
        or item.path.name == "test_docs.py"
    ]

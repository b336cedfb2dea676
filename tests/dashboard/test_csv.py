"""Tables to take away: names stay names in a spreadsheet."""

from io import StringIO

import pandas as pd
import pytest

from dashboard.components.shared.formats import csv_text


@pytest.mark.parametrize("name", ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "\tx"])
def test_a_name_is_no_formula(name):
    text = csv_text(pd.DataFrame({"label": [name, "bird"], "gain": [-1.5, 2.0]}))

    read = pd.read_csv(StringIO(text))
    assert read["label"].tolist() == [f"'{name}", "bird"]
    assert read["gain"].tolist() == [-1.5, 2.0]

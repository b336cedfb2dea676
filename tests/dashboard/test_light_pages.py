"""The dashboard's process asks and shows; what computes is never imported into it."""

import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.Home import PAGES

HEAVY = ("torch", "torchvision", "timm", "shap", "lime", "captum")
# What takes long to import and an overview without runs has no need of.
LATER = ("pandas", "pyarrow", "sqlalchemy", "usable_core.plots", "scipy", "sklearn", "skimage")
LONGEST_PAGE = 120  # lines; parts of a page are components
ROOT = Path(__file__).parents[2]
EVERY_PAGE = """
import sys
from streamlit.testing.v1 import AppTest
for name in sys.argv[2:]:
    app = AppTest.from_file(sys.argv[1], default_timeout=60)
    if name != "overview":
        app.switch_page(f"app_pages/{name}.py")
    app.run()
    assert not app.exception, (name, app.exception)
    assert app.title, name
print(*sys.modules)
"""


def test_no_page_imports_what_computes():
    home = ROOT / "dashboard" / "Home.py"

    ran = subprocess.run(
        [sys.executable, "-c", EVERY_PAGE, str(home), *PAGES],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr[-2000:]
    modules = ran.stdout.split()
    assert "usable_core.tasks" in modules
    assert [name for name in HEAVY if name in modules] == []


def test_every_page_file_is_in_the_table():
    files = (ROOT / "dashboard" / "app_pages").glob("[a-z]*.py")

    assert {path.stem for path in files} == set(PAGES)


def test_the_first_screen_without_runs_comes_before_tables_plots_and_the_database():
    home = ROOT / "dashboard" / "Home.py"

    ran = subprocess.run(
        [sys.executable, "-c", EVERY_PAGE, str(home), "overview"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr[-2000:]
    modules = ran.stdout.split()
    assert "usable_core.jobs" in modules
    assert [name for name in LATER if name in modules] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_reads_from_top_to_bottom_in_few_lines(name):
    page = ROOT / "dashboard" / "app_pages" / f"{name}.py"

    assert len(page.read_text(encoding="utf-8").splitlines()) <= LONGEST_PAGE

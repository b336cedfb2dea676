"""The asking half knows no tensor, and imports run one way."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEASURING = (
    "measuring",
    "training",
    "attacks",
    "corruptions",
    "explainers",
    "models",
    "datasets",
    "device",
    "randomness",
    "asking",
)
HEAVY = ("torch", "torchvision", "timm", "shap", "lime", "captum")
ENTRANCES = (
    "runs",
    "runs.uploads",
    "jobs",
    "jobs.interactive",
    "jobs.worker",
    "jobs.queue",
    "jobs.locks",
    "tasks",
    "evaluations",
    "evaluations.accuracy",
    "evaluations.interactive",
    "catalog",
    "metrics",
    "comparison",
    "plots",
    "images",
    "samples",
    "settings",
    "records",
    "labels",
    "errors",
    "versions",
    "attacked_images",
    "reports.page",
    "api",
    "cli",
)
# What each part of the asking half may ask, lowest first: nothing may ask what is above it.
LAYERS = (
    ("errors", "settings", "labels", "records", "versions", "images"),
    ("catalog", "metrics"),
    ("evaluations",),
    ("comparison", "samples", "attacked_images"),
    ("tasks",),
    ("runs", "plots"),
    ("reports",),
    ("jobs",),
    ("api",),
    ("cli",),
)


def modules(folder):
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def part_of(path):
    """The first name below usable_core: `jobs` for usable_core/jobs/queue.py."""
    return path.relative_to(ROOT / "usable_core").parts[0].removesuffix(".py")


def module_level_imports(source):
    """Dotted names that a module imports when it is imported itself."""
    found = set()

    def visit(body):
        for node in body:
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.update(f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, (ast.If, ast.Try, ast.With, ast.ClassDef)):
                is_type_checking = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(
                    node.test
                )
                visit([] if is_type_checking else node.body)
                visit(getattr(node, "orelse", []))

    visit(ast.parse(source).body)
    return found


def test_the_check_sees_imports_at_module_level_only():
    source = (
        "import torch.nn\nfrom usable_core import device\n"
        "try:\n    import shap\nexcept ImportError:\n    shap = None\n"
        "def later():\n    import timm\n"
    )

    assert module_level_imports(source) == {"torch.nn", "usable_core.device", "shap"}


ASKING = [p for p in modules(ROOT / "usable_core") if part_of(p) not in (*MEASURING, "__init__")]


@pytest.mark.parametrize("path", ASKING, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_asking_half_imports_nothing_of_the_measuring_half(path):
    for name in module_level_imports(path.read_text(encoding="utf-8")):
        top, _, rest = name.partition(".")
        assert top not in HEAVY
        assert not (top == "usable_core" and rest.split(".")[0] in MEASURING), name


@pytest.mark.parametrize("path", ASKING, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_asking_half_imports_downwards_only(path):
    height = {name: level for level, names in enumerate(LAYERS) for name in names}
    assert part_of(path) in height, f"give {part_of(path)} a place in LAYERS"
    for name in module_level_imports(path.read_text(encoding="utf-8")):
        top, _, rest = name.partition(".")
        part = rest.split(".")[0]
        if top == "usable_core" and part in height:
            assert height[part] <= height[part_of(path)], f"{part_of(path)} asks {name} above it"


def test_streamlit_is_imported_in_the_dashboard_only():
    for path in modules(ROOT / "usable_core"):
        names = module_level_imports(path.read_text(encoding="utf-8"))
        assert not any(name.split(".")[0] == "streamlit" for name in names), path


def test_the_asking_half_loads_nothing_heavy_not_even_indirectly():
    exists = [
        name
        for name in ENTRANCES
        if (ROOT / "usable_core" / f"{name.replace('.', '/')}.py").is_file()
        or (ROOT / "usable_core" / name.replace(".", "/") / "__init__.py").is_file()
    ]
    code = "import sys, importlib\n"
    code += "".join(f"importlib.import_module('usable_core.{name}')\n" for name in exists)
    code += f"print([name for name in {(*HEAVY, 'streamlit')!r} if name in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"

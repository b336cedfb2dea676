"""The asking half knows no tensor; imports run one way, those inside functions too."""

import ast
import os
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "torchvision", "timm", "transformers", "shap", "lime", "captum")
# What takes long to import: an import inside a function is there to spare one of them.
SLOW = (
    *HEAVY,
    "alembic",
    "numpy",
    "pandas",
    "plotly",
    "pyarrow",
    "PIL",
    "h5py",
    "huggingface_hub",
    "keras",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "scipy",
    "skimage",
    "sklearn",
    "sqlalchemy",
    "streamlit",
)
ENTRANCES = (
    "runs",
    "runs.uploads",
    "runs.trained",
    "jobs",
    "jobs.planning",
    "jobs.interactive",
    "jobs.worker",
    "jobs.queue",
    "jobs.locks",
    "tasks",
    "evaluations",
    "evaluations.accuracy",
    "evaluations.interactive",
    "catalog",
    "catalog.model_files",
    "files",
    "metrics",
    "comparison",
    "plots",
    "images",
    "pictures",
    "samples",
    "settings",
    "records",
    "labels",
    "errors",
    "versions",
    "attacked_images",
    "reports.page",
    "arguments",
    "api",
    "exporting",
    "recipes",
    "several_trainings",
    "slicing",
    "tuning",
    "catalog.listing",
    "cli",
)
# What each part of the asking half may ask, lowest first: nothing may ask what is above it.
ASKING_LAYERS = (
    (
        "errors",
        "settings",
        "labels",
        "records",
        "versions",
        "images",
        "files",
        "json_files",
        "bounds",
        "pictures",
        "texts",
        "depth",
        "decoding_limits",
        "machine",
        "reach",
    ),
    ("catalog", "metrics"),
    ("evaluations",),
    (
        "comparison",
        "samples",
        "attacked_images",
        "verdicts",
        "shelf",
        "saved_slices",
        "downloads",
        "download_process",
        "bringing",
    ),
    ("tasks", "progress"),
    ("runs", "plots", "answering"),
    ("reports",),
    ("verdict_files",),
    ("jobs",),
    ("arguments",),
    (
        "api",
        "assessing",
        "attacking",
        "costing",
        "exporting",
        "recipes",
        "several_trainings",
        "slicing",
        "tuning",
    ),
    ("cli",),
)
# The same for the measuring half; of the parts of one layer none may ask another.
MEASURING_LAYERS = (
    ("device", "randomness"),
    ("inputs",),
    ("datasets", "models"),
    ("asking",),
    ("attacks", "corruptions", "games", "word_corruptions"),
    ("explainers", "word_attacks"),
    ("measuring",),
    ("training",),
)
ASKING, MEASURING = (
    {part: level for level, parts in enumerate(layers) for part in parts}
    for layers in (ASKING_LAYERS, MEASURING_LAYERS)
)
# Up to here the measuring half may ask the asking half; measuring also finds calibrations in runs,
# and both that leave finished parts ask where.
HIGHEST_ASKED = ASKING["comparison"]
ALSO_ASKED = {("measuring", "runs"), ("training", "runs")}
# The doors to the measuring half: files that import it inside functions, and those that name what
# it has by a dotted name, which `catalog.implementation` fetches.
DOORS = (
    "usable_core.answering",
    "usable_core.api",
    "usable_core.arguments",
    "usable_core.attacking",
    "usable_core.exporting",
    "usable_core.recipes",
    "usable_core.slicing",
)
DOTTED = ("usable_core.catalog.", "usable_core.tasks", "usable_core.jobs.worker")


class Import(NamedTuple):
    module: str
    is_late: bool


def _names():
    """Dotted name of every module of the product, to its file."""
    names = {}
    for folder in ("usable_core", "dashboard"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def imports_of(source, modules=()):
    """Imports of a module's source, those for type checkers aside; `modules` are known as such."""
    found = set()

    def visit(node, is_late):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.update(Import(alias.name, is_late) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                for alias in child.names:
                    whole = f"{child.module}.{alias.name}"
                    found.add(Import(whole if whole in modules else child.module, is_late))
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                for other in child.orelse:
                    visit(ast.Module([other], []), is_late)
            else:
                is_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
                visit(child, is_late or is_function)

    visit(ast.parse(source), False)
    return found


NAMES = _names()
IMPORTS = {
    name: imports_of(path.read_text(encoding="utf-8"), NAMES) for name, path in NAMES.items()
}
CORE = [name for name in NAMES if name.startswith("usable_core.")]


def part_of(module):
    """The first name below usable_core, `jobs` for usable_core.jobs.queue; None for all else."""
    top, _, rest = module.partition(".")
    return rest.partition(".")[0] if top == "usable_core" and rest else None


def slow_libraries(module, seen=None):
    """The slow libraries that importing a module imports, by whatever way."""
    seen = set() if seen is None else seen
    if module not in IMPORTS:
        return {module.partition(".")[0]} & set(SLOW)
    if module in seen:
        return set()
    seen.add(module)
    parents = [module[: dot.start()] for dot in re.finditer(r"\.", module)]
    asked = [*parents, *(i.module for i in IMPORTS[module] if not i.is_late)]
    return set().union(*(slow_libraries(name, seen) for name in asked))


def needless(imports, module):
    """Those imports inside functions of a module that spare nothing when it is imported."""
    own = slow_libraries(module)
    late = (i.module for i in imports if i.is_late)
    return [name for name in late if slow_libraries(name) <= own]


def test_the_check_sees_imports_inside_functions_but_not_those_for_types():
    source = (
        "import torch.nn\nfrom usable_core import device\nfrom usable_core.jobs import start\n"
        "if TYPE_CHECKING:\n    import lime\nelse:\n    import shap\n"
        "class A:\n    import numpy\n    def later(self):\n        with self:\n"
        "            import timm\n"
    )

    assert imports_of(source, {"usable_core.device"}) == {
        Import("torch.nn", False),
        Import("usable_core.device", False),
        Import("usable_core.jobs", False),
        Import("shap", False),
        Import("numpy", False),
        Import("timm", True),
    }


def test_the_check_tells_an_import_that_spares_something():
    late = {Import("usable_core.models", True), Import("usable_core.errors", True)}

    assert needless(late, "usable_core.tasks") == ["usable_core.errors"]
    assert needless(late, "usable_core.measuring.accuracy") != ["usable_core.errors"]


def test_every_part_has_a_place():
    assert {part_of(module) for module in CORE} == {*ASKING, *MEASURING}, "mend the LAYERS"


@pytest.mark.parametrize("module", [name for name in CORE if part_of(name) in ASKING])
def test_the_asking_half_imports_downwards_and_the_measuring_half_through_doors(module):
    own = part_of(module)
    for name, is_late in IMPORTS[module]:
        part = part_of(name)
        may_be_heavy = is_late and module in DOORS
        assert name.partition(".")[0] not in HEAVY or may_be_heavy, name
        assert part not in MEASURING or may_be_heavy, name
        assert ASKING.get(part, 0) <= ASKING[own], f"{own} asks {name} above it"


@pytest.mark.parametrize("module", [name for name in CORE if part_of(name) in MEASURING])
def test_the_measuring_half_imports_downwards(module):
    own = part_of(module)
    for name, _ in IMPORTS[module]:
        part = part_of(name)
        if part in ASKING:
            assert ASKING[part] <= HIGHEST_ASKED or (own, part) in ALSO_ASKED, name
        elif part in MEASURING and part != own:
            assert MEASURING[part] < MEASURING[own], f"{own} asks {name} beside or above it"


@pytest.mark.parametrize("module", [name for name in NAMES if part_of(name) not in MEASURING])
def test_the_measuring_half_is_named_in_tables_only(module):
    halves = "|".join(MEASURING)
    dotted = re.compile(rf"usable_core\.({halves})(\.\w+)*:\w+")
    texts = [
        node.value
        for node in ast.walk(ast.parse(NAMES[module].read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]

    assert module.startswith(DOTTED) or not any(map(dotted.fullmatch, texts))


@pytest.mark.parametrize("module", [name for name in NAMES if name.startswith("dashboard")])
def test_the_dashboard_imports_nothing_of_the_measuring_half(module):
    for name, _ in IMPORTS[module]:
        assert name.partition(".")[0] not in HEAVY
        assert part_of(name) not in MEASURING, name


def test_no_file_imports_itself_by_way_of_others():
    """Counted with imports inside functions; a package's own `__init__` is a file like others."""
    graph = {name: {i.module for i in imports} for name, imports in IMPORTS.items()}

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' → '.join(error.args[1])}")


@pytest.mark.parametrize("module", NAMES)
def test_an_import_inside_a_function_spares_a_slow_library(module):
    late = set(needless(IMPORTS[module], module))
    through_doors = {name for name in late if module in DOORS and part_of(name) in MEASURING}

    assert late == through_doors


def test_streamlit_is_imported_in_the_dashboard_only():
    for module in CORE:
        assert not any(i.module.partition(".")[0] == "streamlit" for i in IMPORTS[module]), module


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


# Who may reach into a model past its pixels and logits: those that read activations, change
# weights, or do not ask through the oracle yet.
INSIDE = ("models", "asking", "training")
ALSO_INSIDE = (
    "explainers/activations.py",
    "explainers/sanity.py",
    "measuring/evidence.py",
    "measuring/explanation.py",
    "measuring/interactive.py",
)


def reaches(source):
    """Lines on which an attribute `network` of something is used, but for an object's own."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and node.attr == "network"
        and not (isinstance(node.value, ast.Name) and node.value.id == "self")
    ]


def test_the_check_sees_a_reach_past_the_model():
    assert reaches("def f(model):\n    self.network = 1\n    return model.network.eval()\n") == [3]


@pytest.mark.parametrize("module", CORE)
def test_a_models_network_is_its_own_business(module):
    name = NAMES[module].relative_to(ROOT / "usable_core").as_posix()
    if part_of(module) not in INSIDE and name not in ALSO_INSIDE:
        assert reaches(NAMES[module].read_text(encoding="utf-8")) == []

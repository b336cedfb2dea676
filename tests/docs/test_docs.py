"""README and CONTRIBUTING say all there is, and nothing that there is not; their code runs."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from made_pictures import photo
from made_texts import save_classifier

import usable_core as usable
from dashboard.Home import PAGES
from usable_core.catalog.architectures import ARCHITECTURES, BUNDLED
from usable_core.catalog.attacks import ATTACKS, LOSSES, PRESETS
from usable_core.catalog.checks import CHECKS
from usable_core.catalog.corruptions import CORRUPTIONS
from usable_core.catalog.datasets import DATASETS, LAYOUTS
from usable_core.catalog.explainers import BACKGROUNDS, EXPLAINERS
from usable_core.catalog.exports import EXPORTS
from usable_core.catalog.imagenet import IMAGENET
from usable_core.catalog.metrics import METRICS
from usable_core.catalog.models import SOURCES
from usable_core.catalog.recipes import RECIPES
from usable_core.catalog.requirements import REQUIREMENTS
from usable_core.catalog.starts import STARTS
from usable_core.catalog.text_attacks import TEXT_ATTACKS, TEXT_PRESETS
from usable_core.cli import app
from usable_core.tasks import TASKS
from usable_core.verdicts import read_requirements

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
COMMAND = typer.main.get_command(app)


def commands(command, words=("usable",)):
    """Every command that does something, such as `usable models show`."""
    inner = getattr(command, "commands", {})
    if not inner or (len(words) > 1 and command.invoke_without_command):
        yield " ".join(words)
    for name, one in inner.items():
        yield from commands(one, (*words, name))


NAMES = {
    "requirements": REQUIREMENTS,
    "starts": STARTS,
    "recipes": RECIPES,
    "attacks": ATTACKS,
    "attacks on texts": TEXT_ATTACKS,
    "losses": LOSSES,
    "presets": PRESETS,
    "presets of texts": TEXT_PRESETS,
    "checks": CHECKS,
    "corruptions": CORRUPTIONS,
    "explanation methods": EXPLAINERS,
    "backgrounds": BACKGROUNDS,
    "model sources": SOURCES,
    "export formats": EXPORTS,
    "bundled models": BUNDLED,
    "ImageNet models": IMAGENET,
    "architectures": ARCHITECTURES,
    "data sets": DATASETS,
    "layouts": LAYOUTS,
    "tasks": TASKS,
    "metrics": METRICS,
    "pages": PAGES,
    "commands": tuple(commands(COMMAND)),
    "Python": tuple(usable.__all__),
}


def blocks(text, language):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for name, block in found if name == language]


def rows(text, heading):
    """First cell to second of the table under a heading."""
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return {row[0].strip(): row[1] for row in cells[2:]}


@pytest.mark.parametrize("kind", NAMES)
def test_every_name_is_documented_and_none_that_is_gone(kind):
    documented = re.findall(r"`([^`]+)`", rows(CONTRIBUTING, "Every name").get(kind, ""))

    assert sorted(documented) == sorted(NAMES[kind]), (
        f"The row {kind!r} of CONTRIBUTING's table should be: "
        + ", ".join(f"`{name}`" for name in NAMES[kind])
    )


def test_the_table_has_no_row_that_nobody_checks():
    assert set(rows(CONTRIBUTING, "Every name")) == set(NAMES)


@pytest.mark.parametrize(
    "kind",
    ["presets", "bundled models", "ImageNet models", "model sources", "data sets", "layouts"],
)
def test_the_readme_names_what_a_user_chooses_first(kind):
    for name in NAMES[kind]:
        assert re.search(rf"`(\w+/)?{name}(/[^`]*)?`", README), f"{name} is not in README"


def test_every_folder_of_the_package_has_its_place_in_the_layout():
    folders = {path.parent.name for path in (ROOT / "usable_core").glob("*/__init__.py")}

    layout = CONTRIBUTING.split("## How the code is laid out")[1].split("\n## ")[0]
    assert folders <= set(re.findall(r"`([a-z_]+)`", layout))


PATHS = set(re.findall(r"`(\S+\.py(?:: \w+)?)`", CONTRIBUTING))


@pytest.mark.parametrize("named", sorted(PATHS - {"dashboard/app_pages/NAME.py"}))
def test_a_path_and_a_name_of_contributing_exist(named):
    path, _, name = named.partition(": ")

    file = next((f for f in (ROOT / "usable_core" / path, ROOT / path) if f.is_file()), None)
    assert file is not None, f"{path} is no file"
    if name:
        pattern = rf"^\s*(def|class) {name}\b|^{name}\b.* = "
        assert re.search(pattern, file.read_text(encoding="utf-8"), re.MULTILINE), named


def test_the_names_of_the_package_that_are_mentioned_exist():
    mentioned = set(re.findall(r"\busable\.(?!toml\b)(\w+)", README + CONTRIBUTING))

    assert mentioned <= set(usable.__all__)


def test_readmes_requirements_are_some(tmp_path):
    (source,) = blocks(README, "toml")
    (tmp_path / "usable.toml").write_text(source, encoding="utf-8")

    assert len(read_requirements(tmp_path / "usable.toml").required) >= 3


def test_readmes_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo(size=(64, 48)).save("photo.jpg")
    save_classifier(tmp_path / "my-bert", "bert", classes=("negative", "positive"))
    scope = {}

    found = blocks(README, "python")
    for source in found:
        exec(compile(source, "README.md", "exec"), scope)  # as a reader would, in turn

    assert len(found) >= 2
    assert "usable" in scope


LINES = [
    line
    for text in (README, CONTRIBUTING)
    for block in blocks(text, "")
    for line in block.splitlines()
    if line.startswith("usable ")
]


def test_readme_shows_commands():
    assert len(LINES) >= 12


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_documents_parses(line):
    parse(shlex.split(line)[1:])


def test_a_wrong_command_does_not_parse():
    for line in ("evaluate accuracy --model m", "evaluat", "models show REF --nope"):
        with pytest.raises(Exception, match=r"(?i)missing|no such"):
            parse(line.split())


def parse(words):
    """Read the words of a command as the command line does, without running it."""
    command, context = COMMAND, None
    while hasattr(command, "commands"):
        context = command.make_context(command.name, words, parent=context)
        words = [*context._protected_args, *context.args]
        if not words:
            return
        _, command, words = command.resolve_command(context, words)
    command.make_context(command.name, words, parent=context)

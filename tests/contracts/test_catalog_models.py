"""What every architecture and every model source of the catalog promises."""

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import usable_core
from usable_core.catalog import implementation
from usable_core.catalog.architectures import ARCHITECTURES, BUNDLED
from usable_core.catalog.models import SOURCES
from usable_core.catalog.references import list_references, reference_forms
from usable_core.errors import CheckpointError, UsableError
from usable_core.models import load_model
from usable_core.models.heads import features, head, replace_head

CLASSES = 7


@pytest.fixture(params=[name for name, row in ARCHITECTURES.items() if row.kind == "picture"])
def network(request):
    torch.manual_seed(0)
    return implementation(ARCHITECTURES[request.param].function)(CLASSES).eval()


@torch.no_grad()
def test_an_architecture_gives_one_logit_per_class_and_its_head_sees_its_features(network):
    x = torch.rand(2, 3, 32, 32)

    logits = network(x)

    assert logits.shape == (2, CLASSES)
    assert torch.allclose(head(network)(features(network, x)), logits, atol=1e-5)


def test_a_new_head_changes_the_head_only(network):
    before = {k: v.clone() for k, v in network.features.state_dict().items()}

    replace_head(network, 3)

    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 3)
    assert all(torch.equal(v, before[k]) for k, v in network.features.state_dict().items())


def test_every_bundled_backbone_is_of_a_known_architecture():
    assert {row.architecture for row in BUNDLED.values()} <= set(ARCHITECTURES)


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_answers_an_unknown_name_with_a_sentence(source):
    with pytest.raises(UsableError) as refused:
        load_model(f"{source}/no_such_model_1", trust=True)

    assert str(refused.value).endswith(".")
    assert "no_such_model_1" in str(refused.value)


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_says_how_its_references_look(source):
    row = SOURCES[source]

    assert row.form.startswith(f"{source}/")
    assert row.form in reference_forms()
    assert row.help.endswith(".")
    assert {f"{source}/{name}" for name in row.suggested} <= set(list_references())


@pytest.mark.parametrize("source", [name for name, row in SOURCES.items() if row.build])
def test_a_source_that_builds_refuses_an_unknown_architecture_with_a_sentence(source):
    with pytest.raises(UsableError, match=r"no_such_model_1.*\.$"):
        implementation(SOURCES[source].build)("no_such_model_1", {})


@pytest.mark.parametrize("source", [name for name, row in SOURCES.items() if row.needs_trust])
def test_a_source_that_can_run_code_is_not_even_called_without_trust(source, tmp_path, monkeypatch):
    (tmp_path / "x.pt2").write_bytes(b"code")
    monkeypatch.setitem(SOURCES, source, replace(SOURCES[source], load="no:no"))

    with pytest.raises(CheckpointError, match="--trust"):
        load_model(f"{source}/{tmp_path / 'x.pt2'}")


def test_files_of_models_are_found_without_torch():
    code = (
        "import sys\nfrom usable_core.catalog.models import SOURCES\n"
        "from usable_core.catalog.references import file_facts\n"
        "print(*(source for source in SOURCES if file_facts(f'{source}/resnet')))\n"
        "assert not {'torch', 'timm', 'torchvision'} & set(sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["bundled"]


def test_nobody_but_the_row_and_its_functions_tells_a_source_by_its_name():
    root = Path(usable_core.__file__).parents[1]
    own = ("usable_core/catalog/", "usable_core/models/sources/")
    prefixes = {f"{source}/" for source in SOURCES}
    for path in (*root.glob("usable_core/**/*.py"), *root.glob("dashboard/**/*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        made = {part for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for part in n.values}
        constants = {n for n in ast.walk(tree) if isinstance(n, ast.Constant)} - made
        if not str(path.relative_to(root)).startswith(own):
            assert not prefixes & {n.value for n in constants if isinstance(n.value, str)}, path

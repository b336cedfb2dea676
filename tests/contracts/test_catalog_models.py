"""What every architecture and every model source of the catalog promises."""

import pytest
import torch

from usable_core.catalog import implementation
from usable_core.catalog.models import ARCHITECTURES, BUNDLED, SOURCES
from usable_core.errors import UsableError
from usable_core.models import load_model
from usable_core.models.heads import features, head, replace_head

CLASSES = 7


@pytest.fixture(params=ARCHITECTURES)
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

"""What every explanation method of texts promises, on a model of which one word decides."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from planted_words import CLASSES, Planted, planted
from torch import nn

from usable_core import ExplainerOptions, explain
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.errors import ExplanationError, NoGradients, OutputsRefused
from usable_core.inputs.tokens import PADDING

METHODS = [name for name, row in EXPLAINERS.items() if row.of_texts]
TEXT = "that actor was seen again the story was great calm the film"
PLACE = TEXT.split().index("great")
OPTIONS = ExplainerOptions(evaluations=300)


class Attending(Planted):
    """Every word looks at the words that it minds, and the mean of them is the answer."""

    def forward(self, x):
        ids = x.flatten(1)
        e = self.network.table(ids.clamp_min(0))  # (N, L, 2)
        keys, is_text = 2 * e[:, None, :, 1:], (ids != PADDING)[:, None, None, :]
        mixed = F.scaled_dot_product_attention(
            torch.ones_like(keys), keys, e[:, None], attn_mask=is_text
        )
        seen = is_text[:, 0, 0, :, None]
        mean = (mixed[:, 0] * seen).sum(1) / seen.sum(1)
        return self.ending(3 * mean + torch.tensor([0.5, 0.0]))


def attending(ending=None, **says):
    """Return a model as `planted`, which looks at words by attention."""
    model = planted(**says)
    network = Attending(model.network.network.table.weight.tolist(), ending or nn.Identity())
    model.network = network.requires_grad_(False)
    return model


def mapped(method, model=None, text=TEXT, **more):
    model = attending(great=2.0) if model is None else model
    return explain(model, text, method=method, target="good", options=OPTIONS, **more)


@pytest.mark.parametrize("method", METHODS)
def test_the_one_word_that_decides_has_the_credit(method):
    found = mapped(method)

    assert found.words == tuple(TEXT.split())
    assert found.values.shape == (1, len(found.words))
    assert found.values.dtype == np.float32
    others = np.delete(found.values[0], PLACE)
    assert found.values[0, PLACE] > 3 * np.abs(others).max()


@pytest.mark.parametrize("method", METHODS)
def test_each_place_of_a_repeated_word_is_a_word_of_its_own(method):
    found = mapped(method, text=f"{TEXT} great")

    assert len(found.words) == len(TEXT.split()) + 1
    credits = found.values[0, [PLACE, -1]]
    if method != "occlusion":  # to which neither is missing while the other is there
        assert credits.min() > 0
    assert credits.max() >= found.values.max()


@pytest.mark.parametrize("method", METHODS)
def test_its_order_of_words_is_better_than_random_ones_in_every_way_of_hiding(method):
    found = mapped(method, evidence=True)

    gains = {(c.kind, c.background): c.gain for c in found.evidence.curves}
    assert {background for _, background in gains} == {"delete", "neutral"}  # it has no mask
    assert {kind for kind, _ in gains} == {"deletion", "insertion"}
    assert min(gains.values()) > 0.05


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_map_whatever_numpy_drew_before(method):
    first = mapped(method)
    np.random.random(7)  # noqa: NPY002
    torch.rand(7)

    assert np.array_equal(first.values, mapped(method).values)


@pytest.mark.parametrize("method", [m for m in METHODS if EXPLAINERS[m].is_additive])
def test_credits_sum_to_output_minus_base(method):
    found = mapped(method)

    due = found.output - found.base
    assert abs(due) > 1
    assert abs(found.values.sum() - due) <= 0.05 * abs(due)
    assert found.additivity_gap == pytest.approx(abs(found.values.sum() - due), abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_a_model_that_minds_no_word_gives_none_credit_or_says_so(method):
    model = planted()  # says bad to every text
    try:
        found = mapped(method, model)
    except (ExplanationError, NoGradients):  # no gradient, or no attention
        assert EXPLAINERS[method].needs_gradients
    else:
        assert np.abs(found.values).max() < 1e-6


class Broken(nn.Module):
    def forward(self, logits):
        return logits * torch.tensor([1.0, torch.nan])


@pytest.mark.parametrize("method", METHODS)
def test_a_model_without_finite_outputs_is_refused(method):
    with pytest.raises(OutputsRefused):
        mapped(method, attending(ending=Broken(), great=2.0))


@pytest.mark.parametrize("method", METHODS)
def test_the_model_is_left_as_it_was(method):
    model = attending(great=2.0)
    before = {name: weight.clone() for name, weight in model.network.state_dict().items()}
    is_training = model.network.training

    mapped(method, model, evidence=True)

    after = model.network.state_dict()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    assert model.network.training == is_training
    assert model.labels.names == CLASSES


@pytest.mark.parametrize("method", METHODS)
def test_a_text_of_one_word_is_explained(method):
    found = mapped(method, text="great")

    assert found.words == ("great",)
    assert np.isfinite(found.values).all()


@pytest.mark.parametrize("method", METHODS)
def test_words_that_are_not_read_have_no_credit_and_no_place(method):
    model = attending(great=2.0)
    short = planted(great=2.0, longest=4)
    model.input = short.input

    found = mapped(method, model)

    assert found.words == tuple(TEXT.split()[:4])

"""The smallest breaking change of one image is the analytic one, and its path is what it says."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from toy_models import images, linear_model, model_of

from usable_core.catalog.attacks import AttackSpec
from usable_core.errors import Cancelled
from usable_core.evaluations.evidence import Fragility
from usable_core.measuring.fragility import EPSILONS, adversarial_path

# From half a grey level in steps of half: the exact distance falls between two of them.
FINE = tuple(k / 510 for k in range(60))


def exact_distance(model, x):
    """The smallest Linf change that makes another logit of a linear model the largest."""
    weight = model.network.linear.weight
    logits = model(x[None])[0]
    y = int(logits.argmax())
    gaps = [
        float((logits[y] - logits[j]) / (weight[y] - weight[j]).abs().sum())
        for j in range(len(logits))
        if j != y
    ]
    return min(gaps)


class Band(nn.Module):
    """Class 1 where the mean is near 0.53, class 0 elsewhere: a long step leads back."""

    def forward(self, x):
        second = 1 - (x.mean((1, 2, 3)) - 0.53).abs() / 0.02
        return torch.stack([torch.zeros_like(second), second], 1)


class Constant(nn.Module):
    """The same answer to everything."""

    def forward(self, x):
        return torch.tensor([[2.0, 1.0]]).expand(len(x), 2) + 0 * x.mean((1, 2, 3))[:, None]


@pytest.mark.parametrize("attack", [None, AttackSpec("pgd", steps=20, loss="margin")])
def test_the_smallest_budget_of_a_linear_model_is_the_exact_one(attack):
    model = linear_model()
    settings = {} if attack is None else {"attack": attack}
    for x in images(6):
        exact = exact_distance(model, x)

        found = adversarial_path(model, x, epsilons=FINE, **settings).fragility

        first_above = next(epsilon for epsilon in FINE if epsilon > exact)
        assert found.smallest == first_above


def test_the_path_stays_in_its_budgets_and_in_the_pixel_range():
    model, x = linear_model(), images(1, low=0.0, high=1.0)[0]

    path = adversarial_path(model, x)

    assert torch.equal(path.images[0], x)
    assert float(path.images.min()) >= 0
    assert float(path.images.max()) <= 1
    for epsilon, image in zip(EPSILONS, path.images, strict=True):
        assert float((image - x).abs().max()) <= epsilon + 1e-6


def test_what_is_said_at_each_budget_is_what_the_model_says_to_that_image():
    model, x = linear_model(), images(1)[0]

    path = adversarial_path(model, x)

    answers = model(path.images).double().softmax(1)
    found = path.fragility
    assert path.prediction == int(answers[0].argmax())
    assert found.predictions == tuple(model.labels.names[i] for i in answers.argmax(1).tolist())
    assert found.confidences == pytest.approx(answers[:, path.prediction].tolist(), abs=1e-5)
    assert found.is_kept == tuple((answers.argmax(1) == path.prediction).tolist())
    assert found.smallest == EPSILONS[found.is_kept.index(False)]


def test_where_a_longer_step_leads_back_the_image_before_stays():
    x = torch.full((3, 8, 8), 0.5)

    path = adversarial_path(model_of(Band(), classes=2), x)

    assert path.fragility.is_kept == (True,) * 6 + (False,) * 3
    assert torch.equal(path.images[-1], path.images[-2])


def test_a_model_that_never_changes_its_mind_has_no_smallest_budget():
    found = adversarial_path(model_of(Constant(), classes=2), images(1)[0]).fragility

    assert found.smallest is None
    assert all(found.is_kept)


def test_the_words_say_what_was_tried():
    found = adversarial_path(linear_model(), images(1)[0]).fragility

    assert "APGD-20" in found.attack
    assert "1 random start" in found.attack
    assert "0.125, 0.25, 0.5, 1, 2, 4, 8, 16 /255" in found.attack


def test_the_weights_are_left_as_they_were():
    model = linear_model()
    before = {name: value.clone() for name, value in model.network.state_dict().items()}

    adversarial_path(model, images(1)[0])

    assert all(torch.equal(before[k], v) for k, v in model.network.state_dict().items())
    assert all(p.grad is None and not p.requires_grad for p in model.network.parameters())


def test_an_attack_shows_its_progress_and_stops_when_it_is_cancelled():
    told = []

    def report(done, total, message, **metrics):
        told.append((done, total))
        if len(told) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        adversarial_path(linear_model(), images(1)[0], report=report)

    assert [done for done, _ in told] == [1, 2, 3]
    assert all(done <= total for done, total in told)


@pytest.mark.parametrize(
    ("true", "said"),
    [
        (None, "The answer changes at ε ≤ 4/255: dog"),
        ("Cat", "Breaks at ε ≤ 4/255: dog"),
        ("dog", "Wrong as it is, turns right at ε ≤ 4/255: dog"),
        ("zebra", "Wrong as it is, stays wrong at ε ≤ 4/255: dog"),
    ],
)
def test_what_the_smallest_change_does_depends_on_what_is_true(true, said):
    epsilons = (0.0, 4 / 255)
    found = Fragility(
        "linf", "PGD", epsilons, ("cat", "dog"), (0.9, 0.1), (True, False), 4 / 255, 1.0
    )

    assert found.said(true) == said
    assert replace(found, smallest=None).said(true) == "The answer stays up to ε = 4/255"

"""Planted controls: models whose attack must not be believed turn red, ordinary ones do not."""

import numpy as np
import pytest
import torch
from made_results import resolved
from torch import nn
from toy_models import digits_dataset, digits_model, model_of

from usable_core.errors import ConfigError, IncompatibleLabels
from usable_core.evaluations.attack_choice import AttackChoice
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.measuring.robustness import measure
from usable_core.models import load_model

GRID = (0.0, 4 / 255, 8 / 255, 16 / 255, 32 / 255, 64 / 255)


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    return digits_model()


def examined(model, *, data=None, surrogate=None, **settings):
    settings = {"epsilons": GRID, "gallery": 0, "walked": 24} | settings
    config = RobustnessConfig(ModelSpec("toy"), DatasetSpec("toy", limit=40), **resolved(settings))
    result = measure(
        model=model, dataset=data or digits_dataset(), config=config, surrogate=surrogate
    )
    return result, {check.name: check for check in result.checks}


class Around(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network


class GradientKilled(Around):
    """The answer is the network's; its gradient is that of a constant."""

    def forward(self, x):
        return self.network(x).detach() + 0 * x.sum((1, 2, 3))[:, None]


class Quantised(Around):
    """Sixteen grey levels, so the gradient is zero almost everywhere."""

    def forward(self, x):
        return self.network((x * 15).round() / 15)


class Shattered(Around):
    """A gradient is there but points nowhere: it is that of a wave far finer than the images."""

    def forward(self, x):
        wave = torch.sin(x * 4000) / 4000
        return self.network((x * 15).round().detach() / 15 + 2 * wave)


class Softmax(Around):
    def forward(self, x):
        return self.network(x).softmax(1)


class Randomised(Around):
    def forward(self, x):
        return self.network(x + 0.1 * torch.randn_like(x))


def test_an_ordinary_network_is_green(trained):
    result, checks = examined(trained)

    assert {c.verdict for c in result.checks} <= {"green", "amber"}
    assert sum(c.verdict == "green" for c in result.checks) >= len(checks) - 2
    assert not result.is_upper_bound_only
    assert len(checks) == 13


@pytest.mark.parametrize(
    ("wrapper", "red"),
    [
        (GradientKilled, {"gradient", "loss_rises", "white_box", "unbounded"}),
        (Quantised, {"gradient", "white_box", "unbounded"}),
        (Shattered, {"white_box"}),
        (Softmax, {"logits"}),
        (Randomised, {"deterministic"}),
    ],
)
def test_planted_controls_turn_red(trained, wrapper, red):
    result, checks = examined(model_of(wrapper(trained.network)))

    assert red <= {name for name, check in checks.items() if check.verdict == "red"}
    assert result.is_upper_bound_only
    assert any("upper bound only" in warning for warning in result.provenance.warnings)


@pytest.mark.parametrize("wrapper", [GradientKilled, Quantised, Shattered, Softmax, Randomised])
def test_planted_controls_turn_red_at_a_glance_too(trained, wrapper):
    config = RobustnessConfig(ModelSpec("toy"), DatasetSpec("toy", limit=64), preset="glance")

    result = measure(
        model=model_of(wrapper(trained.network)), dataset=digits_dataset(), config=config
    )

    assert result.is_upper_bound_only


def test_the_checks_of_a_glance_cost_less_than_the_run(trained):
    config = RobustnessConfig(ModelSpec("toy"), DatasetSpec("toy", limit=64), preset="glance")

    result = measure(model=trained, dataset=digits_dataset(), config=config)

    assert result.cost.checks < 0.75 * (result.cost.forward + result.cost.backward)
    assert not result.is_upper_bound_only


def test_dropout_left_on_is_caught_as_a_random_model(trained):
    class Dropping(Around):
        def forward(self, x):
            return self.network(nn.functional.dropout(x, 0.3, training=True))

    _, checks = examined(model_of(Dropping(trained.network)))

    assert checks["deterministic"].verdict == "red"


def test_averaged_draws_make_a_random_model_amber_instead(trained):
    _, checks = examined(model_of(Randomised(trained.network)), draws=4, walked=8)

    assert checks["deterministic"].verdict == "amber"


def test_one_step_is_no_match_for_many_when_the_attack_is_too_short(trained):
    _, checks = examined(trained, steps=1, step_size=0.02)

    assert checks["iterative"].verdict == "red"
    assert checks["more_steps"].verdict != "green"


def test_images_made_for_another_backbone_are_tried(trained):
    torch.manual_seed(1)
    other = digits_model(epochs=3)

    _, checks = examined(trained, surrogate=other)

    assert "transfer" in checks["white_box"].numbers
    assert checks["white_box"].verdict in ("green", "amber")


def test_the_classes_of_a_surrogate_are_found_by_name(trained):
    class Reversed(Around):
        def forward(self, x):
            return self.network(x).flip(1)

    other = model_of(Reversed(trained.network), names=[str(9 - i) for i in range(10)])
    weak = {"steps": 1, "step_size": 0.02, "walked": 12}

    _, by_itself = examined(trained, surrogate=trained, **weak)
    _, by_reversed = examined(trained, surrogate=other, **weak)

    numbers = by_itself["white_box"].numbers
    assert numbers["transfer"] > 3
    assert by_reversed["white_box"].numbers == numbers


def test_a_surrogate_of_other_classes_is_refused(trained):
    other = model_of(trained.network, names=[f"animal {i}" for i in range(10)])

    with pytest.raises(IncompatibleLabels):
        examined(trained, surrogate=other)


@pytest.mark.parametrize("attack", ["fab", "square", "noise"])
def test_attacks_with_a_loss_of_their_own_agree_with_nothing(trained, attack):
    _, checks = examined(trained, attack=attack, steps=2, walked=4, epsilons=(0.0, 16 / 255))

    assert checks["losses_agree"].verdict == "not run"


def test_a_surrogate_of_other_images_is_refused(trained):
    other = model_of(trained.network, size=16)

    with pytest.raises(ConfigError, match="10 classes at 8 x 8 pixels, but it knows 10 classes at"):
        examined(trained, surrogate=other)


def test_where_the_descent_misses_everything_is_walked(trained, monkeypatch):
    from usable_core.attacks.sweep import SmallestEpsilons
    from usable_core.measuring import robustness, walked_sample

    walked = []

    def ascend(batch):
        walked.append(len(batch.x))
        return SmallestEpsilons.none(batch)

    monkeypatch.setattr(walked_sample, "descend", SmallestEpsilons.none)
    monkeypatch.setattr(robustness, "ascend", ascend)

    _, checks = examined(trained)

    assert checks["descent"].verdict == "amber"
    assert sum(walked) > 30


def test_without_a_walked_sample_only_the_noise_is_checked(trained):
    result, checks = examined(trained, walked=0)

    assert set(checks) == {"noise"}
    assert result.raw_curve == ()


def test_the_raw_curve_is_that_of_the_walked_sample(trained):
    result, checks = examined(trained)

    assert {p.n for p in result.raw_curve} == {24}
    assert result.raw_curve[0].value == 1.0
    broken = result.records.dropna(subset=["raw_broken"])
    assert broken["index"].nunique() == 24
    assert np.isclose(
        1 - broken.query("epsilon > 0")["raw_broken"].mean(),
        np.mean([p.value for p in result.raw_curve[1:]]),
    )
    assert checks["raw_curve"].numbers["n"] == 24


@pytest.mark.reference
@pytest.mark.parametrize("name", ["resnet", "vgg", "vit", "resnet_robust"])
def test_bundled_backbones_are_green(name, shared_data):
    from usable_core.datasets import load_dataset

    data = load_dataset(str(shared_data / "cifar10" / "dev.parquet"))
    result, _ = examined(
        load_model(f"bundled/{name}"),
        data=data,
        walked=12,
        epsilons=(0.0, 1 / 255, 4 / 255, 16 / 255),
        steps=20,
    )

    assert not result.is_upper_bound_only, [c for c in result.checks if c.verdict == "red"]


@pytest.mark.parametrize(
    ("attack", "silent"),
    [
        ("fgsm", {"iterative", "more_steps"}),
        ("square", {"white_box", "losses_agree"}),
        ("noise", {"iterative", "more_steps", "white_box", "losses_agree"}),
    ],
)
def test_an_attack_is_not_compared_with_itself(trained, attack, silent):
    _, checks = examined(trained, attack=attack, steps=20, walked=8)

    assert {name for name, check in checks.items() if check.verdict == "not run"} == silent


@pytest.mark.parametrize("setting", [{"steps": 7}, {"attack": "fgsm"}, {"loss": "margin"}])
def test_a_preset_names_its_attacks_itself(setting):
    with pytest.raises(ConfigError, match="the preset glance names it itself"):
        AttackChoice(preset="glance", **setting)

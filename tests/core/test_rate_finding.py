"""The learning-rate range test: a planted limit, weights left alone, every kind of training."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from made_results import provenance
from made_texts import save_classifier
from torch import nn
from toy_models import digits_dataset, model_of, small_network

import usable_core as usable
from usable_core import cli, load_model, tasks
from usable_core.datasets.texts import from_texts
from usable_core.errors import Cancelled, ConfigError
from usable_core.evaluations.rate import RateConfig, RateResult, in_words
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig
from usable_core.labels import LabelSpace
from usable_core.plots.rate import rate_curve
from usable_core.training.fine_tuning import prepared
from usable_core.training.meter import Validation
from usable_core.training.objective import Loss, Objective
from usable_core.training.rate_finding import range_test
from usable_core.training.resuming import Checkpoints

PLAIN = Schedule(
    epochs=1,
    batch_size=4,
    optimizer="sgd",
    momentum=0.0,
    momentum_form="classical",
    weight_decay=0.0,
    clip=0.0,
    precision="float32",
    augmentation="none",
)
RATES = np.geomspace(1e-3, 1e2, 101)


class Bowl(nn.Module):
    """A point, on which a bowl's height depends."""

    def __init__(self, width=3):
        super().__init__()
        self.point = nn.Parameter(torch.full((width,), 2.0, dtype=torch.float64))


def bowl(curvature, rise=0.0):
    """Return the objective ½ L |θ|² + rise, whose steps are stable up to a rate of 2 / L."""
    module = Bowl()

    def loss(indices, step):
        return Loss(module.point.square().sum() * curvature / 2 + rise, torch.zeros(()))

    objective = Objective(
        parts=[(module, 1.0)],
        loss=loss,
        validate=lambda: Validation(0.0, 0.0),
        examples=16,
        classes=2,
        device=torch.device("cpu"),
    )
    return objective, module


@pytest.mark.parametrize("curvature", [0.5, 4.0, 30.0])
def test_the_loss_turns_at_the_limit_of_a_quadratic(curvature):
    objective, _ = bowl(curvature)

    found = range_test(objective, PLAIN, RATES, silent)

    rates, losses = found["rate"].to_numpy(), found["loss"].to_numpy()
    # Each step multiplies θ by 1 - rate L, so that the loss grows from the limit 2 / L on.
    assert losses[1:] / losses[:-1] == pytest.approx((1 - rates[:-1] * curvature) ** 2)
    turn = int(np.argmin(losses))
    assert rates[turn - 1] <= 2 / curvature < rates[turn]
    assert len(found) < len(RATES)  # it ran away, and stopped
    kept = replace(result(losses), records=found)
    assert 0.02 / curvature < kept.suggested < 2 / curvature


def test_the_smoothed_loss_is_an_exponential_mean_without_its_bias():
    found = range_test(bowl(4.0, rise=0.1)[0], PLAIN, RATES[:30], silent)

    expected = pd.Series(found["loss"]).ewm(alpha=0.1, adjust=True).mean()
    assert found["smoothed"].to_numpy() == pytest.approx(expected.to_numpy())
    assert found["step"].tolist() == list(range(1, 31))
    assert found["rate"].to_numpy() == pytest.approx(RATES[:30])


def test_nothing_is_left_moved_not_even_by_who_stops_it():
    objective, module = bowl(4.0)
    state = torch.random.get_rng_state()

    def stop(done, total, message, **figures):
        if done == 5:
            raise Cancelled

    range_test(objective, PLAIN, RATES, silent)
    with pytest.raises(Cancelled):
        range_test(objective, PLAIN, RATES, stop)

    assert module.point.tolist() == [2.0] * 3
    assert module.point.grad is None
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_loss_that_is_no_number_before_any_step_is_a_sentence():
    objective, _ = bowl(math.nan)

    with pytest.raises(ConfigError, match="no learning rate mends"):
        range_test(objective, PLAIN, RATES, silent)


def result(losses, rates=None, *, usual=0.05):
    """A result of losses, one a step."""
    losses = np.asarray(losses, dtype=float)
    rates = np.geomspace(1e-6, 1, len(losses)) if rates is None else rates
    smoothed = pd.Series(losses).ewm(alpha=0.1, adjust=True).mean().to_numpy()
    steps = np.arange(1, len(losses) + 1)
    table = pd.DataFrame({"step": steps, "rate": rates, "loss": losses, "smoothed": smoothed})
    config = RateConfig(ModelSpec("bundled/vgg"), DatasetSpec("digits"))
    return RateResult(config, provenance(), table, usual, "sgd", ran_away=False)


@pytest.mark.parametrize(
    ("usual", "is_fit", "says"),
    [
        (0.05, True, "the usual one: it lies in the decade up to"),
        (1e-4, False, "the usual 0.0001 lies more than a decade below that"),
        (0.9, False, "the usual 0.9 lies above that, where the loss rises"),
    ],
)
def test_the_usual_rate_is_suggested_where_it_is_in_the_decade_below_the_least_loss(
    usual, is_fit, says
):
    draw = np.random.default_rng(0)
    places = np.linspace(-6, 0, 100)
    losses = 2.3 - 1.5 / (1 + np.exp(-4 * (places + 2.5))) + 40 * np.clip(places + 0.8, 0, 1) ** 2

    found = result(losses + 0.02 * draw.normal(size=100), usual=usual)

    assert not found.is_flat
    least = found.records.loc[found.records["smoothed"].idxmin(), "rate"]
    assert found.bound == pytest.approx(least / 10)
    assert 10**-2.7 < found.steepest < 10**-2  # the smoothed curve lags half a decade behind
    assert found.suggested == (usual if is_fit else found.bound)
    assert in_words(found).startswith(f"Take a learning rate of {found.suggested:.2g}, ")
    assert says in in_words(found)
    assert f"falls fastest at {found.steepest:.2g}" in in_words(found)
    assert found.summary()["suggested"] == found.suggested


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_flat_curve_suggests_nothing(noise):
    draw = np.random.default_rng(1)

    found = result(2.3 + noise * draw.normal(size=100))

    assert found.is_flat
    assert found.suggested is found.steepest is found.bound is None
    assert "The curve shows nothing" in in_words(found)
    assert tasks.in_short("rate", found.summary()) == "a flat curve"


def test_a_loss_that_only_rises_suggests_nothing():
    assert result(np.linspace(1, 3, 100)).is_flat


def test_the_figure_shows_the_curve_and_both_rates():
    found = result(np.linspace(3, 1, 100))

    figure = rate_curve(found)

    traces = {trace.name.partition(",")[0]: trace for trace in figure.data}
    assert list(traces["smoothed"].y) == pytest.approx(found.records["smoothed"].tolist())
    assert traces["usual"].x[0] == 0.05
    assert traces["suggested"].x[0] == found.suggested
    assert figure.layout.xaxis.type == "log"


DIGITS = digits_dataset(0, 200)
FEW = {
    "steps": 40,
    "lowest": 1e-4,
    "highest": 1.0,
    "schedule": Schedule(batch_size=32, precision="float32"),
}


@pytest.fixture(scope="module")
def model():
    found = model_of(small_network())
    found.card["architecture"] = "timm/x"
    return found


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"method": "linear_probe"},
        {"proxy": "distillation", "task_weight": 2.0},
        {"source": DIGITS, "task_weight": 10.0},
        {"from_scratch": True},
    ],
    ids=lambda asked: next(iter(asked), "full"),
)
def test_a_rate_is_found_for_every_kind_of_training(model, asked):
    before = {name: value.clone() for name, value in model.network.state_dict().items()}

    found = usable.find_rate(model, DIGITS, **FEW, **asked)

    assert 1e-4 < found.suggested < 0.3
    assert found.usual == 0.05
    assert found.provenance.split == "train"
    after = model.network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_a_question_has_one_answer_and_another_with_another_seed(model):
    seeded = {**FEW, "schedule": replace(FEW["schedule"], seed=1)}

    first, again, other = (usable.find_rate(model, DIGITS, **asked) for asked in (FEW, FEW, seeded))

    assert first.records.equals(again.records)
    assert not first.records.equals(other.records)


def test_the_steps_see_what_a_training_would(model):
    """At a rate of next to nothing an epoch has the losses of the test's first steps."""
    schedule = Schedule(epochs=1, batch_size=32, learning_rate=1e-9, precision="float32")
    still = usable.find_rate(model, DIGITS, steps=20, lowest=1e-12, highest=1e-9, schedule=schedule)

    config = FineTuningConfig(ModelSpec("toy"), DatasetSpec("toy"), schedule=schedule)
    tuning = prepared(model, DIGITS, config, None, silent)
    fitted = tuning.fitted(silent, Checkpoints(None, ""))

    sizes = [len(one) for one in tuning.objective().batches(tuning.config.schedule, 1)]
    mean = np.average(still.records["loss"][: len(sizes)], weights=sizes)
    assert mean == pytest.approx(fitted.records["train_loss"].iloc[0], rel=1e-4)


def test_texts_have_a_rate_too(tmp_path):
    save_classifier(tmp_path / "bert", "bert")
    model = load_model(tmp_path / "bert")
    texts = [f"{'rain' if i % 2 else 'sun'} {i} day" for i in range(30)]
    data = from_texts("texts", texts, np.arange(30) % 2, LabelSpace(("dry", "wet")))

    found = usable.find_rate(model, data, steps=20, highest=0.1)

    assert found.optimizer == "adamw"
    assert found.usual == 5e-5
    assert found.suggested is None or 1e-6 < found.suggested < 0.1


def test_what_moves_nothing_has_no_rate(model):
    with pytest.raises(ConfigError, match=r"λ must be above 0\.001"):
        usable.find_rate(model, DIGITS, proxy="distillation", task_weight=0.0)
    with pytest.raises(ConfigError, match="highest must be at least 10 times lowest"):
        RateConfig(ModelSpec("m"), DatasetSpec("d"), lowest=0.1, highest=0.5)


def test_the_command_takes_what_finetune_takes_and_its_answer_is_kept(tmp_path, capsys):
    words = ["find-rate", "--model", "bundled/vgg", "--dataset", "digits", "--limit", "64"]
    words += ["--steps", "20", "--method", "linear_probe", "--json", str(tmp_path / "a.json")]

    assert cli.main(words) == 0

    said = json.loads((tmp_path / "a.json").read_text())
    assert said["steps"] <= 20
    shown = capsys.readouterr().out
    assert said["in_words"] in shown.replace("\n", " ")
    assert "usable finetune --model bundled/vgg" in shown
    assert cli.main(words) == 0
    assert json.loads((tmp_path / "a.json").read_text())["answered_by"] == said["run"]
    assert cli.main(["find-rate", "--help"]) == 0
    helped = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "Learning rate of the first step" in helped
    assert "full moves every weight" in helped  # which is said of a fine-tuning

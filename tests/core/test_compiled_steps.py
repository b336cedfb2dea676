"""Compiled steps: tried where there is time to save, told, recorded, and left where they fail."""

import functools
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

from usable_core import load_model
from usable_core.datasets.arrays import dataset_from_arrays
from usable_core.errors import Cancelled, ConfigError
from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig
from usable_core.models.weights.checkpoints import read_card
from usable_core.training import compiling, forward, meter
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.forward import Forward
from usable_core.training.loop import fit
from usable_core.training.meter import Validation
from usable_core.training.objective import Loss, Objective
from usable_core.training.pretraining import pretrain
from usable_core.training.resuming import Checkpoints

TASK = DatasetSpec("digits", split="train")
PLAIN = {"epochs": 2, "batch_size": 16, "precision": "float32", "optimizer": "sgd"}


@pytest.fixture
def compiler(monkeypatch):
    """In place of torch's: a pass that answers otherwise by rounding, and a clock as one says."""
    found = SimpleNamespace(passes=[], clock=count(), error=None)

    def compiled(network):
        def call(x):
            if found.error is not None:
                raise found.error
            found.passes.append(len(x))
            return network(x) * (1 + 1e-5)

        return call

    monkeypatch.setattr(forward, "compiled", compiled)
    monkeypatch.setattr(compiling, "now", lambda _device: next(found.clock))
    return found


def times(eager, compiling, compiled):
    """What a clock says: of three steps as they are, of compiling, and of two compiled ones."""
    spans = [0, eager] * 3 + [0, 0, compiling, 0] + [0, compiled] * 2
    return iter(np.cumsum(spans).tolist())


def trained(schedule, report=silent, folder=None, examples=40):
    """Train a layer on noise; its weights, and how that went."""
    torch.manual_seed(0)
    network = torch.nn.Linear(5, 3)
    x, y = torch.randn(examples, 5), torch.arange(examples) % 3
    passes = Forward(network)

    def loss(indices, _step):
        logits = passes(x[indices])
        return Loss(F.cross_entropy(logits, y[indices]), logits.argmax(1).eq(y[indices]).sum())

    objective = Objective(
        parts=[(network, 1.0)],
        loss=loss,
        validate=lambda: Validation(1.0, 0.5),
        examples=examples,
        classes=3,
        device=torch.device("cpu"),
        forward=passes,
    )
    settings = Schedule(**{**PLAIN, "learning_rate": 0.1, "weight_decay": 0.0, **schedule})
    fitted = fit(objective, settings, report, Checkpoints(folder, "noise"))
    return network.weight.detach(), fitted


def test_only_whole_batches_are_compiled(compiler):
    """Of 40 examples two batches of 16 and one of 8, twice; one more is that which compiles."""
    plain, fitted = trained({})
    assert not compiler.passes
    assert not fitted.compiled.is_compiled

    weights, fitted = trained({"compile": "on"})

    assert compiler.passes == [16] * 5
    assert fitted.compiled.is_compiled
    assert 0 < float((plain - weights).abs().max()) < 1e-4


@pytest.mark.parametrize(
    ("spans", "is_compiled", "said"),
    [
        ((200, 50, 100), True, "took 50 s, and a step then 100 s instead of 200 s"),
        ((200, 700, 100), False, "took 700 s, and a step then 100 s instead of 200 s"),
        ((200, 50, 190), False, "took 50 s, and a step then 190 s instead of 200 s"),
        ((40, 1, 1), False, ""),
    ],
    ids=["pays", "takes too long", "hardly faster", "short"],
)
def test_steps_are_compiled_if_all_are_then_over_sooner(spans, is_compiled, said, compiler):
    """Six steps: 1,200 s as they are."""
    compiler.clock = times(*spans)
    weights, fitted = trained({"compile": "auto"})
    compiler.clock = count()
    again, _ = trained({"compile": "on" if is_compiled else "off"})

    assert fitted.compiled.is_compiled is is_compiled
    assert said in fitted.compiled.said
    assert bool(said) is bool(fitted.compiled.said)
    assert torch.equal(weights, again)


@pytest.mark.parametrize("error", [RuntimeError("No working C++ compiler found"), OSError("full")])
def test_what_cannot_be_compiled_goes_on_as_it_is_and_says_so(error, compiler):
    compiler.error = error
    plain, _ = trained({})
    weights, fitted = trained({"compile": "on"})

    assert f"torch.compile failed: {error}" in fitted.compiled.said
    assert not fitted.compiled.is_compiled
    assert torch.equal(plain, weights)


def test_a_training_goes_on_compiled_as_it_began(compiler, monkeypatch, tmp_path):
    """Whatever a clock would say now."""
    monkeypatch.setattr(meter, "SECONDS_BETWEEN_REPORTS", 0)

    def stop(done, *_said, **_metrics):
        if done == 4:
            raise Cancelled

    compiler.clock = times(200, 50, 100)
    whole, _ = trained({"compile": "auto"})
    compiler.clock = times(200, 50, 100)
    with pytest.raises(Cancelled):
        trained({"compile": "auto"}, stop, tmp_path)
    compiler.clock = count()
    compiler.passes.clear()

    weights, fitted = trained({"compile": "auto"}, folder=tmp_path)

    assert compiler.passes == [16] * 2, "one that compiles, and the fifth step"
    assert "took 50 s" in fitted.compiled.said
    assert torch.equal(whole, weights)


def test_the_card_says_it_and_its_command_asks_for_the_same_again(compiler, tmp_path):
    compiler.clock = times(200, 50, 100)
    found, model = load_digits(), load_model("bundled/vit")
    data = dataset_from_arrays((found.images[:40] * 15.9).astype(np.uint8), found.target[:40])
    schedule = Schedule(**PLAIN, compile="auto")
    config = FineTuningConfig(ModelSpec("bundled/vit"), TASK, schedule=schedule, last_blocks=1)

    fine_tune(model=model, dataset=data, config=config, report=silent, folder=tmp_path)

    card = read_card(tmp_path)
    assert card["compiled"]
    assert "--compile on" in card["command"]
    assert any("took 50 s" in said for said in card["warnings"])
    assert compiler.passes[-1] == 16


@pytest.mark.parametrize("settings", [{"epsilon": 0.1}, {"objective": "contrastive"}])
def test_what_is_not_compiled_refuses_it(settings, tmp_path):
    found = load_digits()
    data = dataset_from_arrays((found.images[:40] * 15.9).astype(np.uint8), found.target[:40])
    config = PretrainingConfig("small_vit", TASK, Schedule(**PLAIN, compile="on"), **settings)

    with pytest.raises(ConfigError, match="compile must be off or auto here"):
        pretrain(dataset=data, config=config, report=silent, folder=tmp_path)


def test_a_probe_is_not_compiled():
    schedule = Schedule(compile="auto")

    with pytest.raises(ConfigError, match="off for a linear probe"):
        FineTuningConfig(ModelSpec("m"), TASK, method="linear_probe", schedule=schedule)


class Counting(torch.nn.Module):
    """A network that is another one at every pass."""

    def __init__(self):
        super().__init__()
        self.passes, self.layer = 0, torch.nn.Linear(3, 2)

    def forward(self, x):
        self.passes += 1
        return self.layer(x) * self.passes


def test_in_the_middle_of_a_training_nothing_is_compiled(monkeypatch):
    """By torch's own compiler, in front of no backend."""
    graphs = []
    into = functools.partial(torch.compile, backend=lambda graph, _: graphs.append(graph) or graph)
    monkeypatch.setattr(torch, "compile", into)
    network = Counting()
    found, x = Forward(network), torch.ones(4, 3)
    found.compile()

    for turn in range(1, 13):  # torch's own limit is eight
        assert torch.equal(found(x), network.layer(x) * turn)
    assert torch.equal(found(x[:2]), network.layer(x[:2]) * 13)
    assert len(graphs) == 1


@pytest.mark.reference
def test_a_compiled_training_is_that_of_the_network_but_for_rounding(tmp_path):
    """By torch's own compiler; ended and gone on with, it is so to the bit."""
    plain, _ = trained({})
    weights, fitted = trained({"compile": "on"})
    again, _ = trained({"compile": "on"})

    assert fitted.compiled == forward.Choice(is_compiled=True)
    assert torch.equal(weights, again)
    assert float((plain - weights).abs().max()) < 1e-5

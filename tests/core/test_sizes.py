"""What asks for more memory than there is to have is refused before it is asked for."""

import time
from pathlib import Path

import made_weights as made
import pytest
import timm
import torch
from safetensors.torch import save_file

from usable_core.errors import CheckpointError, ConfigError
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.models import load_model, sizes
from usable_core.models.sizes import built


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    save_file(made.good_state(), tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet18", {"num_classes": 10**9}),
        ("resnet18", {"num_classes": 10**6}),
        ("vit_tiny_patch16_224", {"embed_dim": 30_000, "num_heads": 3}),
        ("vit_tiny_patch16_224", {"img_size": 100_000}),
    ],
)
def test_a_network_that_its_weights_cannot_fill_is_not_built(weights, name, options):
    began = time.process_time()

    with pytest.raises(CheckpointError, match=r"would have over .* more than w.safetensors could"):
        built(name, lambda: timm.create_model(name, **options), weights=weights)

    assert time.process_time() - began < 5


def test_the_machine_is_the_limit_where_there_is_no_file(monkeypatch):
    monkeypatch.setattr(sizes, "memory", lambda: 2 * 2**20)

    with pytest.raises(CheckpointError, match="half of this machine's memory"):
        built("linear", lambda: torch.nn.Linear(1000, 1000))


def test_many_small_tensors_are_too_many(monkeypatch):
    monkeypatch.setattr(sizes, "_MOST_TENSORS", 100)

    with pytest.raises(CheckpointError, match="over 101 tensors"):
        built("deep", lambda: torch.nn.Sequential(*(torch.nn.Linear(1, 1) for _ in range(10**6))))


def test_a_trial_changes_no_random_number():
    torch.manual_seed(3)
    expected = torch.nn.Linear(100, 100).weight.detach().clone()
    after = torch.rand(3)

    torch.manual_seed(3)
    found = built("linear", lambda: torch.nn.Linear(100, 100))

    assert torch.equal(found.weight, expected)
    assert torch.equal(torch.rand(3), after)


def test_what_a_builder_says_itself_is_passed_on():
    def refuses() -> torch.nn.Module:
        raise ValueError("no such width")

    with pytest.raises(ValueError, match="no such width"):
        built("x", refuses)


@pytest.mark.parametrize("crop", ["4096", "257", "32x4096"])
def test_a_crop_far_above_that_of_the_source_is_refused(crop):
    with pytest.raises(ConfigError, match="crop must be at most 8 times the 32 pixels"):
        load_model("bundled/resnet", preprocessing={"crop": crop})


def test_a_crop_a_few_times_that_of_the_source_is_taken():
    assert load_model("bundled/resnet", preprocessing={"crop": "64"}).input_size == (64, 64)


def test_layers_that_fit_no_memory_are_told_before_they_are_asked(monkeypatch):
    monkeypatch.setattr(sizes, "_PLAIN_SIDE", 16)
    monkeypatch.setattr(sizes, "MOST_ACTIVATION", 1000)

    with pytest.raises(ConfigError, match="Choose a smaller crop"):
        load_model("bundled/resnet")


@pytest.mark.parametrize("size", [10**20, 2**16 + 1, 0, True])
def test_a_batch_size_that_no_device_takes_is_refused(size):
    with pytest.raises(ConfigError, match="batch_size must be"):
        Schedule(batch_size=size)
    with pytest.raises(ConfigError, match="batch_size must be"):
        AccuracyConfig(ModelSpec("m"), DatasetSpec("d"), batch_size=size)


@pytest.mark.parametrize("limit", [10**20, 10**400])
def test_counts_that_nothing_reaches_are_refused(limit):
    with pytest.raises(ConfigError, match="limit must be"):
        DatasetSpec("d", limit=limit)

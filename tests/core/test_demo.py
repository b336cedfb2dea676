"""The tour on a tiny task, with two backbones of random weights in place of the bundled ones."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from usable_core import jobs, settings
from usable_core.catalog.models import ARCHITECTURES, ArchitectureRow
from usable_core.errors import Cancelled, UnknownName
from usable_core.evaluations.demo import DemoConfig
from usable_core.jobs import demo
from usable_core.models.architectures import SmallNetwork
from usable_core.models.preprocessing import Preprocessing
from usable_core.models.weights.checkpoints import save_model
from usable_core.records import to_json
from usable_core.runs import RunStore, Status

TINY = DemoConfig(epochs=1, robustness_examples=10, explained_examples=1)


def tiny(num_classes):
    return SmallNetwork(
        nn.Sequential(nn.Conv2d(3, 8, 8, 8), nn.ReLU(), nn.Flatten()), 128, num_classes
    )


def write_colours(folder):
    """Write 20 noisy squares of each of three colours, a folder per class."""
    generator = np.random.default_rng(0)
    for channel, name in enumerate(("red", "green", "blue")):
        (folder / name).mkdir(parents=True)
        for i in range(20):
            pixels = generator.integers(0, 120, (32, 32, 3))
            pixels[..., channel] += 120
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{i}.png")
    return str(folder)


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """Random weights as bundled/resnet and bundled/vgg, few images, few steps of everything."""
    torch.manual_seed(0)
    folder = tmp_path / "assets" / "models"
    card = {
        "architecture": "tiny",
        "labels": [str(i) for i in range(10)],
        "preprocessing": to_json(Preprocessing(32, (32, 32), mean=(0.5,) * 3, std=(0.25,) * 3)),
    }
    for name in ("resnet", "vgg"):
        save_model(folder, tiny(10), card)
        (folder / "model.safetensors").rename(folder / f"{name}.safetensors")
        (folder / "card.json").rename(folder / f"{name}.json")
    monkeypatch.setattr(settings, "assets", lambda: tmp_path / "assets")
    monkeypatch.setitem(ARCHITECTURES, "tiny", ArchitectureRow("Tiny", f"{__name__}:tiny", ""))
    monkeypatch.setattr(demo, "DATASET", write_colours(tmp_path / "colours"))
    monkeypatch.setattr(demo, "EPSILONS", (0.0, 4 / 255))
    monkeypatch.setattr(demo, "ATTACK_STEPS", 1)
    monkeypatch.setattr(demo, "EVALUATIONS", 64)


def test_the_tour_leaves_four_runs_per_backbone_whose_parent_it_is(quick):
    seen = []

    run, result = jobs.run_here(TINY, lambda done, total, message, **_: seen.append((done, total)))

    parts = [RunStore().get(run_id) for run_id in result.run_ids]
    assert [p.task for p in parts] == ["finetune", "accuracy", "robustness", "explanation"] * 2
    assert {p.parent for p in parts} == {run.id}
    assert {p.status for p in (run, *parts)} == {Status.DONE}
    assert parts[1].config.model.reference == f"run/{parts[0].id}"
    assert parts[1].summary["accuracy"]["n"] == 12  # the whole test split
    progress = [done for done, total in seen if total]
    assert progress == sorted(progress)
    assert progress[-1] == seen[-1][1]


def test_a_cancelled_tour_stops_and_its_part_is_cancelled_too(quick):
    def stop(done, total, message, **metrics):
        if "Epoch" in message:
            raise Cancelled

    with pytest.raises(Cancelled):
        jobs.run_here(TINY, stop)

    found = {run.task: run.status for run in RunStore().list()}
    assert found == {"demo": Status.CANCELLED, "finetune": Status.CANCELLED}


def test_a_backbone_that_is_not_bundled_is_unknown(quick):
    with pytest.raises(UnknownName, match="resnet"):
        DemoConfig(backbones=("resnt",))

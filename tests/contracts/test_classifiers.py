"""Every type of image classifier that transformers has: as its own processor has it, or refused."""

from pathlib import Path

import made_classifiers
import numpy as np
import pytest
import torch
from PIL import Image

from usable_core.errors import CheckpointError
from usable_core.models import load_model

TAKEN = sorted(made_classifiers.SMALL.keys() - made_classifiers.REFUSED.keys())
# Others than those that a passport is judged on when it is made.
PICTURES = ((517, 389), (61, 200), (75, 75))


def pictures():
    for seed, (width, height) in enumerate(PICTURES):
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
        yield Image.fromarray(pixels)


def grey_levels(model, folder):
    """Largest difference of a model's pictures from those of its own processor (Pillow's)."""
    from transformers import AutoImageProcessor

    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    std = torch.tensor(model.preprocessing.std)[:, None, None]
    std = std if model.preprocessing.channel_order == "rgb" else std.flip(0)
    found = 0.0
    for picture in pictures():
        own = model.preprocessing.normalise(model.preprocessing.geometry(picture)[None])[0]
        theirs = processor(picture, return_tensors="pt")["pixel_values"][0]
        found = max(found, 255 * float(((own - theirs).abs() * std).max()))
    return found


def test_the_table_has_every_type_and_at_least_33_of_them_are_taken():
    assert sorted(made_classifiers.types()) == sorted(made_classifiers.SMALL)
    assert len(TAKEN) >= 33


@pytest.mark.parametrize("kind", TAKEN)
def test_a_type_sees_what_its_processor_makes_and_answers_as_its_network_does(kind, tmp_path):
    network = made_classifiers.save(kind, tmp_path / kind)

    model = load_model(f"hf/{tmp_path / kind}")

    x = torch.rand(2, 3, *model.input_size)
    with torch.no_grad():
        logits = network(pixel_values=model.preprocessing.normalise(x)).logits
        torch.testing.assert_close(model(x), logits)
    assert logits.abs().max() > 0
    assert model.labels.names == tuple(f"class {k}" for k in range(made_classifiers.CLASSES))
    assert grey_levels(model, tmp_path / kind) < 0.01


@pytest.mark.parametrize("kind", made_classifiers.REFUSED)
def test_any_other_type_is_refused_with_its_reason(kind, tmp_path):
    made_classifiers.save(kind, tmp_path / kind)

    with pytest.raises(CheckpointError, match=made_classifiers.REFUSED[kind]):
        load_model(f"hf/{tmp_path / kind}")


@pytest.mark.parametrize("kind", made_classifiers.REFUSED)
def test_results_has_the_reason_that_is_told(kind):
    table = (Path(__file__).parents[2] / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")

    (row,) = (line for line in table.splitlines() if f"`{kind}`" in line and "| refused" in line)

    assert made_classifiers.REFUSED[kind] in row

"""Processes that are killed while they decode pictures into a file leave nothing that is read."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from made_data import write_pictures

from usable_core.datasets import load_dataset
from usable_core.datasets.pixel_cache import PixelCache
from usable_core.datasets.pixels import load_pixels
from usable_core.inputs.preprocessing import Preprocessing

pytestmark = pytest.mark.faults
KILLS = 12
GEOMETRY = Preprocessing(resize=96, crop=(96, 96))
DECODE = """
import sys
from usable_core.datasets import load_dataset
from usable_core.datasets.pixel_cache import PixelCache
from usable_core.inputs.preprocessing import Preprocessing

cache = PixelCache(load_dataset(sys.argv[1]), Preprocessing(resize=96, crop=(96, 96)))
print("begun", flush=True)
cache.fill()
"""


def test_of_a_killed_decoding_only_whole_pictures_are_read(tmp_path):
    root = write_pictures(tmp_path / "data", "cat/", "dog/", each=300)
    data = load_dataset(str(root))
    expected, _ = load_pixels(data, GEOMETRY)
    draw, left = random.Random(0), []

    for _ in range(KILLS):
        for path in PixelCache(data, GEOMETRY).path.parent.glob("*"):
            path.unlink()
        process = subprocess.Popen(
            [sys.executable, "-c", DECODE, str(root)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(draw.uniform(0.0, 0.25))
        process.kill()
        process.wait()
        cache = PixelCache(data, GEOMETRY)
        left.append(cache.needed // (3 * 96 * 96))
        cache.fill()
        assert torch.equal(cache[slice(0, 600)], expected)

    assert any(0 < count < 600 for count in left), "no kill met it at work"

"""Seconds from an upload's first questions to progress, predictions and coarse maps, warm.

python -m benchmarks.first_maps --model timm/mobilenetv2_100 --weights FILE --arch-option
pad_type=same --other bundled/resnet --image FILE

Every question is asked at once, as the page does it, of a worker that knows both models; the answer
is looked at every 20 ms. A first picture warms the worker and is not counted.
"""

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from usable_core import images
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.interactive import Answer, ImageRequest
from usable_core.evaluations.specs import ModelSpec
from usable_core.jobs import interactive as lane
from usable_core.runs import uploads

LOOK_SECONDS = 0.02
METHODS = ("lime", "kernel_shap", "partition_shap")


def main() -> None:
    """Print one row per event, the median of the repetitions and their range."""
    asked = _arguments()
    picture = smooth_noise(seed=0)
    if asked.image is not None:
        picture = images.decode(asked.image.read_bytes(), asked.image.name)
    specs = [
        ModelSpec(
            asked.model,
            asked.weights,
            tuple(tuple(o.split("=", 1)) for o in asked.arch_option),  # type: ignore[misc]
        ),
        ModelSpec(
            asked.other,
            asked.other_weights,
            tuple(
                tuple(o.split("=", 1))
                for o in asked.other_arch_option  # type: ignore[misc]
            ),
        ),
    ]
    with tempfile.TemporaryDirectory() as home:
        os.environ["USABLE_HOME"] = home
        options = ExplainerOptions(evaluations=asked.evaluations)
        _one(picture, specs, asked.methods, options)  # loads, warms, finds the batch sizes
        rows = [
            _one(_other(picture, k), specs, asked.methods, options)
            for k in range(1, asked.repetitions + 1)
        ]
    print("| event | seconds, median | lowest to highest |\n|---|---:|---:|")
    for event in rows[0]:
        times = sorted(row[event] for row in rows)
        print(f"| {event} | {times[len(times) // 2]:.2f} | {times[0]:.2f} to {times[-1]:.2f} |")


def _one(
    picture: Image.Image,
    specs: list[ModelSpec],
    methods: list[str],
    options: ExplainerOptions,
) -> dict[str, float]:
    """Return the seconds from the questions about one picture to each event."""
    image = uploads.keep(png(picture), "picture.png")
    began = time.perf_counter()
    predictions = [lane.submit(ImageRequest("predict", spec, image)) for spec in specs]
    maps = {
        method: [
            lane.submit(ImageRequest("explain", spec, image, method, options=options))
            for spec in specs
        ]
        for method in methods
    }
    everything = [*predictions, *(key for keys in maps.values() for key in keys)]
    events: dict[str, Callable[[dict[str, Answer]], bool]] = {
        "first sign of work": lambda seen: any(a.state != "waiting" for a in seen.values()),
        "predictions of both models": lambda seen: all(
            seen[k].explanation.predictions for k in predictions
        ),
    }
    for method, keys in maps.items():
        events[f"coarse maps of both, {method}"] = lambda seen, keys=keys: all(
            seen[key].state in ("coarse", "done") for key in keys
        )
    events["all full maps"] = lambda seen: all(a.state == "done" for a in seen.values())
    found: dict[str, float] = {}
    while len(found) < len(events):
        seen = {key: lane.poll(key) for key in everything}
        failed = [answer.error for answer in seen.values() if answer.state == "failed"]
        if failed:
            raise SystemExit(str(failed[0]))
        for event, is_over in events.items():
            if event not in found and is_over(seen):
                found[event] = time.perf_counter() - began
        time.sleep(LOOK_SECONDS)
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="bundled/resnet")
    parser.add_argument("--weights")
    parser.add_argument("--arch-option", action="append", default=[])
    parser.add_argument("--other", default="bundled/vgg")
    parser.add_argument("--other-weights")
    parser.add_argument("--other-arch-option", action="append", default=[])
    parser.add_argument("--image", type=Path, help="Else smooth noise.")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--evaluations", type=int, default=500)
    parser.add_argument("--repetitions", type=int, default=5)
    return parser.parse_args()


def _other(picture: Image.Image, number: int) -> Image.Image:
    """Return a picture that was never seen, of the same content: shifted by some pixels."""
    return ImageOps.expand(picture, border=(number, 0, 0, number), fill=(128, 128, 128))


def smooth_noise(seed: int) -> Image.Image:
    """Return a picture of 256 x 256 pixels that nobody has seen."""
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((256, 256))


def png(picture: Image.Image) -> bytes:
    """Return a picture as PNG."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


if __name__ == "__main__":
    main()

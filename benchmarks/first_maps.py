"""Seconds from a question to the first, coarse map and to the full one, in a warm process.

python -m benchmarks.first_maps --model torchvision/squeezenet1_1 --weights FILE --image FILE
"""

import argparse
import tempfile
import time
from pathlib import Path

from usable_core import images
from usable_core.evaluations.interactive import Answer, ImageRequest
from usable_core.evaluations.specs import ModelSpec
from usable_core.measuring.interactive import ModelCache, answer, warm_up


def main() -> None:
    """Print one row per method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="bundled/resnet")
    parser.add_argument("--weights")
    parser.add_argument("--image", type=Path, required=True)
    asked = parser.parse_args()
    for _ in warm_up():
        pass
    picture = images.decode(asked.image.read_bytes(), asked.image.name)
    models, spec = ModelCache(), ModelSpec(asked.model, asked.weights)
    models.get(spec)
    print("| method | coarse map, s | full map, s | evaluations |\n|---|---:|---:|---:|")
    for method in ("lime", "partition_shap", "gradient_shap"):
        told: list[tuple[float, Answer]] = []
        began = time.perf_counter()

        def publish(
            found: Answer, told: list[tuple[float, Answer]] = told, began: float = began
        ) -> None:
            told.append((time.perf_counter() - began, found))

        request = ImageRequest("explain", spec, "picture", method)
        with tempfile.TemporaryDirectory() as folder:
            answer(request, models, picture, Path(folder), publish)
        coarse = next(seconds for seconds, found in told if found.state in ("coarse", "done"))
        seconds, last = told[-1]
        print(f"| {method} | {coarse:.1f} | {seconds:.1f} | {last.evaluations} |", flush=True)


if __name__ == "__main__":
    main()

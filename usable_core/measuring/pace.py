"""How fast a model answers here: one quick timing, before a long measurement is begun."""

import time

from usable_core.asking.oracle import Oracle
from usable_core.datasets.dataset import Dataset
from usable_core.evaluations.robustness_cost import Speed
from usable_core.evaluations.specs import DatasetSpec
from usable_core.measuring.provenance import evaluated_part, ready
from usable_core.models.model import Model
from usable_core.verdicts.estimate import Pace

SIZES = (4, 32)  # images of a pass; the larger where the smaller was quick
QUICK_SECONDS = 0.1
PASSES = 3  # of which the fastest counts; the first of all finds its memory


def pace_of(model: Model, dataset: Dataset, spec: DatasetSpec) -> Pace:
    """Return the seconds of a picture with and without gradients, and how many there are."""
    model = ready(model)
    height, width = model.input_size if model.kind == "picture" else (0, 0)
    speed = Speed(*(_seconds(model, needs_gradient=needs) for needs in (False, True)))
    examples = len(evaluated_part(model, dataset, spec))
    return Pace(speed, examples, len(model.labels), height * width)


def _seconds(model: Model, *, needs_gradient: bool) -> float:
    taken = 0.0
    for size in SIZES:
        x = model.input.blank(size).to(model.device)
        oracle = Oracle(model, fixed_size=size)
        times = []
        for _ in range(PASSES):
            began = time.perf_counter()
            if needs_gradient and model.has_gradients and model.kind == "picture":
                oracle.gradient(x, lambda logits, _: logits.logsumexp(1))
            else:
                oracle.logits(x)
            times.append(time.perf_counter() - began)
        taken = min(times) / size
        if min(times) > QUICK_SECONDS:
            break
    return taken

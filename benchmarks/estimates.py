"""What an assessment says it will take, beside what it takes, part by part, in a fresh store.

    python -m benchmarks.estimates --model bundled/vgg_digits --model bundled/resnet_digits

The wall's clock, for that is what is promised; the processor's beside it says how much of it was
other work on the machine. Without models, the demo's pair.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from typing import Any

PAIR = ["bundled/vgg_digits", "bundled/resnet_digits"]


def main() -> None:
    """Assess once and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", action="append")
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--limit", type=int)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["USABLE_HOME"] = home
        for line in rows(asked.model or PAIR, asked.dataset, asked.limit):
            print(line)


def rows(models: list[str], dataset: str, limit: int | None) -> Iterator[str]:
    """Yield a table of seconds: said, by the wall's clock, by the processor's."""
    import usable_core as usable
    from usable_core import jobs
    from usable_core.jobs import assessment

    said: dict[str, float] = {}
    took: dict[str, tuple[float, float]] = {}
    planned, run_here = assessment.plan, jobs.run_here

    def plan(*given: Any, **named: Any) -> Any:  # noqa: ANN401
        found = planned(*given, **named)
        for part in found.estimate.parts:
            said[part.task] = said.get(part.task, 0.0) + part.seconds
        return found

    def timed(config: Any, *given: Any, **named: Any) -> Any:  # noqa: ANN401
        began, used = time.perf_counter(), time.process_time()
        try:
            return run_here(config, *given, **named)
        finally:
            task = type(config).__name__.removesuffix("Config").lower()
            wall, processor = took.get(task, (0.0, 0.0))
            wall += time.perf_counter() - began
            took[task] = (wall, processor + time.process_time() - used)

    assessment.plan, jobs.run_here = plan, timed  # type: ignore[assignment]
    usable.assess(models, dataset, limit=limit)
    said["assessment"] = sum(said.values())
    yield "| part | said, s | took, s | said / took | processor, s |"
    yield "|---|---:|---:|---:|---:|"
    for task, seconds in said.items():
        wall, processor = took[task]
        yield f"| {task} | {seconds:.1f} | {wall:.1f} | {seconds / wall:.2f} | {processor:.1f} |"


if __name__ == "__main__":
    main()

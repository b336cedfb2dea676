"""How much of a cluster's time goes into parts: measured on its nodes, simulated for many more.

    python -m benchmarks.cluster --ray 127.0.0.1:6379

With a cluster's address, corruptions of scikit-learn's digits are measured on its nodes; the share
of their workers' time that is spent in parts is printed, with and without what each worker loads
first. Then the very rule that hands out ranges (`spreading.Ranges`) plays 100 nodes of 8 workers,
half an hour of work each, with steps as long as the measured ones, as those are, each part longer
or shorter by chance (log-normal, σ = 0.5), 15 s of loading a worker and 0.5 ms of the run's own
process a part.
"""

import argparse
import heapq
import os
import statistics
import tempfile
import time
from collections import deque
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

SIGMA, LOADING, HANDLING, WORK = 0.5, 15.0, 0.0005, 1800.0


def main() -> None:
    """Measure, where there is a cluster, and simulate."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ray", metavar="HOST:PORT")
    parser.add_argument("--limit", type=int, default=355, help="examples that are measured")
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--workers", type=int, default=8, help="of each node")
    asked = parser.parse_args()
    lengths = measured(asked.ray, asked.limit)
    print(
        f"steps of {statistics.median(lengths):.3f} s (median; 5 to 95 %: "
        f"{np.quantile(lengths, 0.05):.3f} to {np.quantile(lengths, 0.95):.3f} s)"
    )
    for seed in range(3):
        share, parts = simulated(lengths, asked.nodes * asked.workers, seed)
        print(
            f"simulated, {asked.nodes} x {asked.workers}: {share:.3f}, {parts:.0f} parts a worker"
        )


def measured(address: str | None, limit: int) -> list[float]:
    """Return the seconds of a step in each part of a measurement, here or on a cluster."""
    from usable_core import jobs
    from usable_core.evaluations.corruption import CorruptionConfig
    from usable_core.evaluations.specs import DatasetSpec, ModelSpec
    from usable_core.measuring import shards, spreading

    stored: list[tuple[float, Any, Any]] = []
    taken: list[float] = []
    store, take = shards.Shards._store, spreading.Ranges.take

    def noted(self: Any, place: Any, part: Any, files: Any) -> None:  # noqa: ANN401
        stored.append((time.perf_counter(), place, part))
        store(self, place, part, files)

    def asked(self: Any, room: int) -> Any:  # noqa: ANN401
        taken.append(time.perf_counter())
        steps.append(self._work.number)
        return take(self, room)

    steps: list[Any] = []
    shards.Shards._store = noted  # type: ignore[method-assign]
    spreading.Ranges.take = asked  # type: ignore[method-assign]
    shards.PART_SECONDS = 0.2
    model, data = ModelSpec("bundled/vgg_digits"), DatasetSpec("digits", limit=limit)
    with tempfile.TemporaryDirectory() as home:
        os.environ["USABLE_HOME"], os.environ["USABLE_RAY_ADDRESS"] = home, address or ""
        jobs.run_here(CorruptionConfig(model, data, batch_size=32))
    if address is None:
        return [part.seconds / max(len(part.rows) / 32, 1) for _, _, part in stored]
    stored = [(when, place, part) for when, place, part in stored if part.host]
    number = steps[0]
    print(shares(stored, taken[0]))
    return [p.seconds / max(number(p.stop) - number(place), 1) for _, place, p in stored]


def shares(stored: list[tuple[float, Any, Any]], began: float) -> str:
    """Return how much of the workers' time went into parts, in words."""
    hosts = sorted({part.host for _, _, part in stored})
    spent = sum(part.seconds for _, _, part in stored)
    end = max(when for when, _, _ in stored)
    loaded = [min(w - p.seconds for w, _, p in stored if p.host == host) for host in hosts]
    alone = sum(end - start for start in loaded)
    return (
        f"{len(hosts)} nodes, {len(stored)} parts of {spent / len(stored):.1f} s: "
        f"{spent / (len(hosts) * (end - began)):.3f} of the workers' time, "
        f"{spent / alone:.3f} without the {statistics.mean(loaded) - began:.0f} s of loading"
    )


def simulated(lengths: list[float], workers: int, seed: int) -> tuple[float, float]:
    """Return the share of the workers' time that is spent in parts, and parts a worker."""
    from usable_core.measuring.spreading import LONGEST_SECONDS, Ranges
    from usable_core.measuring.work import Part, Place, Work

    draw = np.random.default_rng(seed)
    step = float(np.mean(lengths))
    work: Any = Work(*[SimpleNamespace()] * 8)  # type: ignore[arg-type]
    object.__setattr__(work, "dataset", range(int(workers * WORK / step)))
    ranges = Ranges(work, [(Place(), Place(len(work)))])
    waiting: deque[Any] = deque()
    free = [(0.0, worker) for worker in range(workers)]  # when each takes its next part
    running: list[Any] = []
    fresh, spent, parts, driver = set(range(workers)), 0.0, 0, 0.0
    while True:
        while len(waiting) < workers // 8 and (range_ := ranges.take(workers)):
            waiting.append(range_)
        while free and (waiting or (range_ := ranges.take(workers))):
            start, stop = waiting.popleft() if waiting else range_
            now, worker = heapq.heappop(free)
            count = stop.example - start.example
            each = float(draw.choice(lengths)) * draw.lognormal(-(SIGMA**2) / 2, SIGMA)
            done = min(count, max(1, int(np.ceil(LONGEST_SECONDS / each))))
            loading = LOADING if worker in fresh else 0.0
            fresh.discard(worker)
            end = max(now, driver) + loading + done * each
            heapq.heappush(
                running, (end, worker, start, Place(start.example + done), stop, done * each)
            )
        if not running:
            break
        end, worker, start, got, stop, took = heapq.heappop(running)
        driver = max(driver, end) + HANDLING
        ranges.finished((start, stop), Part(pd.DataFrame(), got, took, {}))
        heapq.heappush(free, (end, worker))
        spent, parts = spent + took, parts + 1
    return spent / (workers * driver), parts / workers


if __name__ == "__main__":
    main()

"""Parts of an evaluation that the nodes of a cluster measure, as many at a time as it has room for.

The run's own process plans, hands out, stores, reports and merges; a node only turns a range of the
examples into rows (`node.measured_part`). So whatever becomes of a node, or of this process, what
is finished stays finished, and the answer does not depend on who measured what.
"""

import math
import pickle
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from usable_core import settings
from usable_core.files import write_bytes
from usable_core.measuring import parts
from usable_core.measuring.node import Errand, Facts, measured_part, require_same_facts
from usable_core.measuring.parts import Cluster, Range
from usable_core.measuring.shards import Shards
from usable_core.measuring.work import Part, Place, Work, gathered
from usable_core.models.model import Model

PART_SECONDS = 15.0  # of work that a node does at once: long beside its way, short beside the whole
LONGEST_SECONDS = 30.0  # after which a node hands in what it has

Way = Callable[[parts.Measure, "Ranges"], parts.HandedIn]


class Ranges:
    """What is left to be measured, in ranges that take about `PART_SECONDS`."""

    def __init__(self, work: Work, gaps: list[Range]) -> None:
        self._work, self._gaps = work, deque(gaps)
        self._steps, self._seconds = 0, 0.0

    def take(self, room: int) -> Range | None:
        """Return the next range, for one of so many at once; None where there is none now."""
        if not self._gaps:
            return None
        count = self._count(room)
        start, end = self._gaps.popleft()
        stop = min(end, self._work.after(start, count))
        if stop < end:
            self._gaps.appendleft((stop, end))
        return start, stop

    def finished(self, range_: Range, part: Part) -> None:
        """Note what a range took; what is left of it is to be measured too."""
        self._steps += self._length((range_[0], part.stop))
        self._seconds += part.seconds
        if part.stop < range_[1]:
            self._gaps.appendleft((part.stop, range_[1]))

    def _count(self, room: int) -> int:
        """Return how many steps come next: fewer towards the end, when others would wait."""
        if not self._steps:
            return 1
        left = sum(map(self._length, self._gaps))
        usual = PART_SECONDS * self._steps / max(self._seconds, 1e-9)
        return max(1, int(min(usual, left / (2 * max(room, 1)))))

    def _length(self, range_: Range) -> int:
        return self._work.number(range_[1]) - self._work.number(range_[0])


def joined_cluster(model: Model, folder: Path | None) -> Cluster | None:
    """Return the cluster that is to measure a model; None where none is named.

    What is kept nowhere, without a folder, is measured here.

    Raises:
        ConfigError: it cannot be joined, or no node of it can take a part.
    """
    address = settings.ray_address()
    if address is None or folder is None:
        return None
    cluster = Cluster(address, torch.get_num_threads(), int(model.device.type == "cuda"))
    parts.require_room(parts.connected(address), cluster)
    return cluster


def spread(shards: Shards, work: Work, errand: Errand, cluster: Cluster | None) -> None:
    """Have a cluster, where there is one, measure what no finished part holds, and store it.

    Raises:
        ConfigError: a node has not what this process has, see `node`.
        UsableError: as measuring raises it, `Cancelled` among it.
    """
    if cluster is not None:
        fill(shards, work, errand, partial(parts.on_ray, cluster=cluster))


def fill(shards: Shards, work: Work, errand: Errand, way: Way) -> None:
    """Store a part for everything that none holds yet, measured in some way (`parts`)."""
    assert shards.folder is not None
    facts = Facts.of(work.oracle.model, work.dataset)
    if shards.plan is None:  # the first step says what all others follow
        part, names = gathered(work, Place(), work.after(Place(), 1), math.inf)
        shards.begin(work.plan())
        shards.add(Place(), part, names)
    gaps = shards.gaps(len(work))
    ranges = Ranges(work, gaps)
    done = work.count(Place(len(work))) - sum(work.count(b) - work.count(a) for a, b in gaps)
    sent = replace(
        errand,
        plan=shards.plan or {},
        facts=facts,
        device=work.oracle.device.type,
        home=str(settings.home()),
    )
    measure = partial(measured_part, pickle.dumps(sent), LONGEST_SECONDS)
    with closing(way(measure, ranges)) as handed_in:
        for one in handed_in:
            if one is not None:
                (start, stop), found = one
                require_same_facts(facts, found.facts, found.part.host)
                for name, data in found.files.items():
                    write_bytes(shards.folder / name, data)
                shards.add(start, found.part, found.files)
                ranges.finished((start, stop), found.part)
                done += work.count(found.part.stop) - work.count(start)
            work.reach(done)
            work.tell()

"""Where parts are measured: here, or by the tasks of a Ray cluster. Nothing else knows Ray."""

import pickle
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from usable_core.errors import ConfigError, StorageError, UsableError, first_line
from usable_core.measuring.work import Place

OPEN_SECONDS = 3.0  # for a port to open; Ray itself would not give up for minutes
BEAT_SECONDS = 1.0
RETRIES = 3  # of a part whose worker or node is gone
Range = tuple[Place, Place]
Measure = Callable[[tuple[int, int], tuple[int, int]], Any]
HandedIn = Generator[tuple[Range, Any] | None, None, None]


class Ranges(Protocol):
    """What is left to be measured."""

    def take(self, room: int) -> Range | None:
        """Return the next range, for one of so many at once; None where there is none now."""


@dataclass(frozen=True)
class Cluster:
    """Nodes that take parts.

    Attributes:
        address: Host and port of the head.
        threads: Processor cores that each part takes.
        gpus: GPUs that each part takes, 0 or 1.
    """

    address: str
    threads: int = 1
    gpus: int = 0


def here(part: Measure, ranges: Ranges) -> HandedIn:
    """Yield ranges and what is found in each, one after the other."""
    while (range_ := ranges.take(1)) is not None:
        yield range_, part(_plain(range_[0]), _plain(range_[1]))


def on_ray(part: Measure, ranges: Ranges, cluster: Cluster) -> HandedIn:
    """Yield ranges and what is found in each, in any order, and None from time to time.

    Args:
        part: Measures a range; made of what a module names, so that it can be sent.
        ranges: They.
        cluster: Where.

    Raises:
        ConfigError: the cluster cannot be joined, or has no room for a part.
        StorageError: a part ended its worker again and again.
        UsableError: as `part`.
    """
    ray = connected(cluster.address)
    require_room(ray, cluster)
    options = {"num_cpus": cluster.threads, "num_gpus": cluster.gpus, "max_retries": RETRIES}
    remote = ray.remote(**options)(_sent_whole())
    sent, waiting, room = pickle.dumps(part), dict[Any, Range](), Room(ray, cluster)
    try:
        while True:
            places = room.now()
            while len(waiting) < places + max(places // 8, 1) and (range_ := ranges.take(places)):
                waiting[remote.remote(sent, *map(_plain, range_))] = range_
            if not waiting:
                return
            done, _ = ray.wait(list(waiting), timeout=BEAT_SECONDS)
            for reference in done:
                yield waiting.pop(reference), _handed_in(ray, reference)
            yield None
    finally:
        for reference in waiting:
            with suppress(Exception):  # the cluster itself may be gone
                ray.cancel(reference, force=True)


def connected(address: str) -> Any:  # noqa: ANN401 - a module without types of ours
    """Return Ray, connected to a cluster.

    Raises:
        ConfigError: it is not installed, nobody listens there, or it refuses.
    """
    try:
        ray = import_module("ray")
    except ImportError as error:
        raise ConfigError(
            'A cluster needs Ray, which is not installed: pip install "usable[ray]", here and on '
            "every node."
        ) from error
    if ray.is_initialized():
        return ray
    _require_listener(address)
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except Exception as error:
        raise ConfigError(
            f"The cluster at {address} does not take this process: {first_line(error)} It must run "
            "on a node of the cluster (the head, say), with the same Python and Ray, and with the "
            "cluster's token where it asks for one."
        ) from error
    finally:
        if is_main:  # Ray takes it, and a command hears it itself
            signal.signal(signal.SIGTERM, before)
    return ray


def require_room(ray: Any, cluster: Cluster) -> None:  # noqa: ANN401 - as above
    """Check that some node can take a part: Ray would wait for ever for one that can.

    Raises:
        ConfigError: none can.
    """
    if Room(ray, cluster).now():
        return
    if cluster.gpus and not ray.cluster_resources().get("GPU"):
        raise ConfigError(
            f"This run measures on a GPU, and the cluster at {cluster.address} has none. Start a "
            "node with one (ray start --num-gpus 1), or measure on processors: USABLE_DEVICE=cpu."
        )
    raise ConfigError(
        f"Each part computes with {cluster.threads} threads, as this process does, and no node of "
        f"the cluster at {cluster.address} has so many processor cores. Set OMP_NUM_THREADS=1 "
        "here: then each core of a node takes a part."
    )


class Room:
    """How many parts a cluster takes at once; nodes come and go."""

    def __init__(self, ray: Any, cluster: Cluster) -> None:  # noqa: ANN401 - as above
        self._ray, self._cluster = ray, cluster
        self._places, self._looked = 0, 0.0

    def now(self) -> int:
        """Return it, as it was a second ago at most."""
        if time.monotonic() - self._looked > 1.0:
            self._looked = time.monotonic()
            with suppress(Exception):  # the head is gone; what is under way may still come
                alive = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
                self._places = sum(map(self._of, alive))
        return self._places

    def _of(self, resources: dict[str, float]) -> int:
        places = int(resources.get("CPU", 0) // self._cluster.threads)
        if self._cluster.gpus:
            return min(places, int(resources.get("GPU", 0) // self._cluster.gpus))
        return places


def _sent_whole() -> Callable[[bytes, tuple[int, int], tuple[int, int]], Any]:
    """Return what a task does: a function without a name, which needs nothing of ours to arrive."""

    def at_node(part: bytes, start: tuple[int, int], stop: tuple[int, int]) -> Any:  # noqa: ANN401
        try:
            measure = pickle.loads(part)
        except Exception as error:
            return f"Node {socket.gethostname()} has another Usable, or none ({error})."
        return measure(start, stop)

    return at_node


def _handed_in(ray: Any, reference: Any) -> Any:  # noqa: ANN401 - as above
    """Return what a task returned; its error is raised as it was there."""
    try:
        found = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, UsableError):
            raise cause from None
        raise
    except ray.exceptions.RayError as error:
        raise StorageError(
            f"A part was tried {RETRIES + 1} times on the cluster and ended its worker each time "
            f"({type(error).__name__}): the memory of a node may be too small. Start the same "
            "again: it goes on from its finished parts."
        ) from error
    if isinstance(found, str):
        raise ConfigError(f"{found} Install the same on all nodes.")
    return found


def _require_listener(address: str) -> None:
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isdecimal()) or "//" in address:
        raise ConfigError(
            f"The address of a cluster is HOST:PORT of its head, such as 10.0.0.1:6379, but this "
            f"is {address!r}."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), OPEN_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"Nobody listens at {address} ({first_line(error)}). Start the cluster (ray start "
            "--head), or mend USABLE_RAY_ADDRESS or --ray."
        ) from error


def _plain(place: Place) -> tuple[int, int]:
    return place.example, place.step

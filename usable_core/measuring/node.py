"""What a node of a cluster does of an evaluation: it measures a range of the examples.

It loads what the question names, once, and hands in nothing that the run's own process would have
found in another way: other software, weights, data or devices are refused.
"""

import dataclasses
import hashlib
import os
import pickle
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

import usable_core
from usable_core.datasets import load_dataset
from usable_core.datasets.dataset import Dataset, hash_all
from usable_core.device import device_name
from usable_core.errors import ConfigError, UsableError, first_line
from usable_core.evaluations.result import Evaluation
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.measuring.work import Part, Place, Work, gathered
from usable_core.models import load_model
from usable_core.models.model import Model
from usable_core.versions import versions


@dataclass(frozen=True)
class Facts:
    """What two processes must have in common for their numbers to be the same.

    Attributes:
        versions: Library name to version, and the hash of our own code.
        device: What computes, by its maker's name.
        threads: That compute.
        model: Fingerprint of the weights.
        data: Fingerprint of the examples.
    """

    versions: dict[str, str]
    device: str
    threads: int
    model: str
    data: str

    @classmethod
    def of(cls, model: Model, dataset: Dataset) -> "Facts":
        """Return those of this process."""
        return cls(
            software(),
            device_name(model.device),
            torch.get_num_threads(),
            f"{model.fingerprint} {hash_all(model.labels.names)}",
            f"{dataset.fingerprint} {hash_all(dataset.ids)}",
        )


@dataclass(frozen=True, eq=False)
class Errand:
    """What is asked of a node.

    Attributes:
        opened: Returns the work, called with what is `named`, `config`, `plan` and `folder`.
        config: The question.
        named: Its fields whose models and data the parts need.
        plan: What all parts follow.
        facts: Of the run's own process.
        device: Kind of device, `cpu` or `cuda`.
        home: Where the run's own process keeps its things; a node that sees it does so too.
    """

    opened: Callable[..., Work]
    config: Evaluation
    named: tuple[str, ...] = ("model", "dataset")
    plan: dict[str, Any] = dataclasses.field(default_factory=dict)
    facts: Facts | None = None
    device: str = "cpu"
    home: str = ""


@dataclass(frozen=True, eq=False)
class Found:
    """What a node hands in.

    Attributes:
        part: Finished steps from the start of the range on.
        files: What belongs to them, by name.
        facts: Of the node.
    """

    part: Part
    files: dict[str, bytes]
    facts: Facts


def measured_part(
    sent: bytes, seconds: float, start: tuple[int, int], stop: tuple[int, int]
) -> Found:
    """Return what is found between two places, less where it takes longer than `seconds`.

    Raises:
        ConfigError: this node has other software, weights or data, or cannot load them.
        UsableError, MemoryError: as measuring raises them.
    """
    errand: Errand = pickle.loads(sent)
    assert errand.facts is not None
    host = socket.gethostname()
    require_same(errand.facts.versions, software(), host)
    os.environ["USABLE_DEVICE"] = errand.device  # a node may have more than was asked for
    if Path(errand.home).is_dir():
        os.environ["USABLE_HOME"] = errand.home
    torch.set_num_threads(errand.facts.threads)
    objects = {name: _on_node(getattr(errand.config, name), host) for name in errand.named}
    with tempfile.TemporaryDirectory() as folder:
        work = errand.opened(**objects, config=errand.config, plan=errand.plan, folder=Path(folder))
        facts = Facts.of(work.oracle.model, work.dataset)
        require_same_facts(errand.facts, facts, host)
        with work.oracle:
            part, names = gathered(work, Place(*start), Place(*stop), seconds)
        files = {name: (Path(folder) / name).read_bytes() for name in names}
    return Found(dataclasses.replace(part, host=host), files, facts)


def require_same(expected: dict[str, str], found: dict[str, str], host: str) -> None:
    """Check that a node has the software of the run's own process.

    Raises:
        ConfigError: it has another version of something.
    """
    for name in sorted({*expected, *found}):
        here, there = expected.get(name), found.get(name)
        if here != there:
            raise ConfigError(
                f"Node {host} has {name} {there or '–'}, and this run {here or '–'}: their numbers "
                "may differ, so none of that node is taken. Install the same versions on all nodes."
            )


def require_same_facts(expected: Facts, found: Facts, host: str) -> None:
    """Check that a node measures what the run's own process would, and as that would.

    Raises:
        ConfigError: it does not.
    """
    require_same(expected.versions, found.versions, host)
    differing = {
        "computes on another device": (expected.device, found.device),
        "computes with another number of threads": (str(expected.threads), str(found.threads)),
        "finds other weights or classes under the model's name": (expected.model, found.model),
        "finds other examples under the data's name": (expected.data, found.data),
    }
    for said, (here, there) in differing.items():
        if here != there:
            raise ConfigError(
                f"Node {host} {said} ({there} instead of {here}), so nothing of it is taken. Let "
                "all nodes see the same files under the same names."
            )


def _on_node(spec: ModelSpec | DatasetSpec, host: str) -> Model | Dataset:
    try:
        return _loaded(spec)
    except (UsableError, OSError) as error:
        raise ConfigError(
            f"Node {host} cannot load {spec.reference}: {first_line(error)} Every node must see "
            "the model and the data under the names that the run says, as in a shared folder."
        ) from error


@lru_cache(maxsize=4)  # a run's model, data and judge stay for its next part
def _loaded(spec: ModelSpec | DatasetSpec) -> Model | Dataset:
    return load_model(spec) if isinstance(spec, ModelSpec) else load_dataset(spec.reference)


def software() -> dict[str, str]:
    """Return the versions of the libraries that a number can depend on, and of our own code."""
    return {**versions(), "Usable's code": _code()}


@lru_cache(maxsize=1)
def _code() -> str:
    """Return the hash of our own code, which may be changed where it is not installed anew."""
    root = Path(usable_core.__file__).parent
    found = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        found.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes())
    return found.hexdigest()[:12]

"""Pickles of weights, read by torch's weights-only reader: no code of the file is ever run.

Training scripts keep more than weights: their arguments, paths, times, settings of classes that
need not be installed. Each such type is read as a record of what it held, and nothing of its own
module is imported or called. Whatever reaches for the machine is refused.
"""

import pickle
import re
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import _weights_only_unpickler

from usable_core.errors import CheckpointError, first_line
from usable_core.models.weights.opcodes import NotOfWeights
from usable_core.models.weights.scans import names_in
from usable_core.records import brief

# Types of Python itself that only hold values; every other of its names could do something.
_PLAIN_BY_MODULE = {
    "builtins": "set frozenset list dict tuple int float str bool bytes bytearray complex slice "
    "range object type getattr",
    "pathlib": "Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath",
    "pathlib._local": "Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath",
    "datetime": "date time datetime timedelta timezone",
    "collections": "OrderedDict Counter defaultdict deque ChainMap UserDict UserList",
    "argparse": "Namespace",
    "types": "SimpleNamespace MappingProxyType",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "uuid": "UUID",
    "functools": "partial",
    "copyreg": "_reconstructor",
    "_codecs": "encode",
    "re": "_compile",
    "zoneinfo": "ZoneInfo._unpickle",
}
_PLAIN = {f"{module}.{n}" for module, names in _PLAIN_BY_MODULE.items() for n in names.split()}
_CONTAINER = re.compile(r"Can only (SETITEM|append)S? .*, but got <class '(?:.*\.)?(\w+)'>")
_LIKE_A_TABLE = re.compile(r"(dict|munch|bunch|box|config|cfgnode)$", re.IGNORECASE)
_MOST_TYPES = 200  # other than torch's own; far above what any training script keeps
_MOST_TRIES = 20  # each but the last finds a type that is derived from dict or list


class Record(dict[str, Any]):
    """What an object of a type that was not loaded held: its fields, where they have names."""

    def __init__(self, *_arguments: object, **_named: object) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, Mapping):
                self.update(part)


class _Table(OrderedDict[str, Any]):
    """Makes a plain ordered table in place of a type that is derived from `dict`."""

    def __new__(cls, *_arguments: object) -> "OrderedDict[str, Any]":  # type: ignore[misc]
        return OrderedDict()


class _Items(list[Any]):
    """Stands for a type that is derived from `list`, or is filled like one."""

    def __new__(cls, *_arguments: object) -> "_Items":
        return super().__new__(cls)

    def __init__(self, *_arguments: object) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        """Leave out what is no item."""


def read_pickle(path: Path) -> object:
    """Return what a pickle holds, on the CPU, with a `Record` for each object of a foreign type.

    Raises:
        CheckpointError: damaged, of a form that is not read, or it could run code or asks for more
            memory than the file has bytes.
    """
    try:
        names = names_in(path) - set(_weights_only_unpickler._get_allowed_globals())
    except NotOfWeights as error:
        raise _refusal(path, error) from error
    if not all(name.replace(".", "").isidentifier() for name in names):
        raise _refusal(path, NotOfWeights())
    if len(names) > _MOST_TYPES:
        raise CheckpointError(
            f"{path.name} holds objects of over {_MOST_TYPES} types, not weights."
        )
    types = {name: _stand_in(name, path) for name in sorted(names)}
    for _ in range(_MOST_TRIES):
        try:
            return _load(path, types)
        except pickle.UnpicklingError as error:
            if not _recast(types, str(error)):
                raise _refusal(path, error) from error
        except Exception as error:  # of a damaged file torch's reader raises anything
            said = first_line(error) if str(error).strip() else "it ends too early"
            reason = said.split(". ")[0].rstrip(".")[:200]
            if "weights_only" in reason:  # torch's advice to run whatever the file holds
                reason = "it is of a form that cannot be read without running it"
            raise CheckpointError(
                f"{path.name} cannot be read as a weights file: {reason}. "
                "Give a .safetensors, or a .pth written by torch.save(network.state_dict(), …)."
            ) from error
    raise _refusal(path, NotOfWeights())


def _recast(types: dict[str, type], refusal: str) -> bool:
    """Let a type that turned out to be derived from `dict` or `list` be read as one."""
    found = _CONTAINER.search(refusal)
    kind = _Table if found and found.group(1) == "SETITEM" else _Items
    names = [name for name in types if found and name.rpartition(".")[2] == found.group(2)]
    is_new = any(types[name] is not kind for name in names)
    types |= dict.fromkeys(names, kind)
    return is_new


def _load(path: Path, types: Mapping[str, type]) -> object:
    known: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = []
    known += [(kind, name) for name, kind in types.items()]
    with warnings.catch_warnings(), torch.serialization.safe_globals(known):
        warnings.simplefilter("ignore")  # about the format; what matters ends in an error
        return torch.load(path, map_location="cpu", weights_only=True)


def _stand_in(name: str, path: Path) -> type:
    """Return what is made instead of a type, or refuse it."""
    module, _, last = name.rpartition(".")
    if module.partition(".")[0] in sys.stdlib_module_names and name not in _PLAIN:
        raise CheckpointError(
            f"{path.name} was refused and not run: it is a pickle that calls {brief(name)}, which "
            "could run code. Get the weights as safetensors, from somebody you trust."
        )
    return _Table if _LIKE_A_TABLE.search(last) else type(last, (Record,), {})


def _refusal(path: Path, error: Exception) -> CheckpointError:
    if "torch.distributed" in str(error):
        return CheckpointError(
            f"{path.name} holds tensors that are spread over several processes. Gather them where "
            "they were written (torch.distributed.checkpoint.state_dict.get_model_state_dict with "
            "full_state_dict=True), and save that."
        )
    return CheckpointError(
        f"{path.name} was refused and not run: it is damaged, or a pickle of another form than "
        "torch.save writes by default. Save network.state_dict() as safetensors instead."
    )


def is_whole_network(thing: object) -> bool:
    """Tell whether something that was read is a pickled network, of which the code is missing."""
    return isinstance(thing, Record) and {"_modules", "_parameters"} <= thing.keys()

"""Pickles of weights, read by torch's weights-only reader: no code of the file is ever run.

Training scripts keep more than weights: their arguments, paths, times, settings of classes that
need not be installed. Each such type is read as a record of what it held, and nothing of its own
module is imported or called. Whatever reaches for the machine is refused.
"""

import pickle
import re
import sys
import warnings
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from usable_core.errors import CheckpointError, first_line

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
_GLOBAL = re.compile(r"GLOBAL (\S+) (?:was not|whose)")
_CONTAINER = re.compile(r"Can only (SETITEM|append)S? .*, but got <class '(?:.*\.)?(\w+)'>")
_LIKE_A_TABLE = re.compile(r"(dict|munch|bunch|box|config|cfgnode)$", re.IGNORECASE)
WHOLE = (
    "it holds a whole pickled network, whose weights cannot be had without running its code. Where "
    'it was made, save the weights alone: torch.save(network.state_dict(), "weights.pth").'
)
_MOST_TYPES = 200  # other than torch's own; far above what any training script keeps


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
        CheckpointError: damaged, of a form that is not read, or it could run code.
    """
    types: dict[str, type] = {}
    with suppress(ValueError, RuntimeError, pickle.UnpicklingError, OSError):
        found = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        types |= {name: _stand_in(name, path) for name in found}
    while len(types) < _MOST_TYPES:
        try:
            return _load(path, types)
        except pickle.UnpicklingError as error:
            asked = _GLOBAL.search(str(error))
            name = "" if asked is None else asked.group(1)
            name = name if "." in name or not name else f"builtins.{name}"
            if name and name not in types:
                types[name] = _stand_in(name, path)
            elif not _recast(types, str(error)):
                raise _refusal(path, error) from error
        except (RuntimeError, OSError, EOFError, ValueError, KeyError, TypeError) as error:
            said = first_line(error) if str(error).strip() else "it ends too early"
            reason = said.split(". ")[0].rstrip(".")
            if "weights_only" in reason:  # torch's advice to run whatever the file holds
                reason = "it is of a form that cannot be read without running it"
            raise CheckpointError(
                f"{path.name} cannot be read as a weights file: {reason}. "
                "Expected .safetensors, or a .pth written by torch.save(network.state_dict(), …)."
            ) from error
    raise CheckpointError(f"{path.name} holds objects of over {_MOST_TYPES} types, not weights.")


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
    # torch writes the names that Python 2 had, such as commands.Popen for subprocess.Popen.
    module, last = NAME_MAPPING.get((module, last), (IMPORT_MAPPING.get(module, module), last))
    current = f"{module}.{last}"
    if module.partition(".")[0] in sys.stdlib_module_names and current not in _PLAIN:
        raise CheckpointError(
            f"{path.name} was refused and not run: it is a pickle that calls {current}, which "
            "could run code. Get the weights as safetensors, from somebody you trust."
        )
    return _Table if _LIKE_A_TABLE.search(last) else type(last, (Record,), {})


def _refusal(path: Path, error: Exception) -> CheckpointError:
    if "must be imported" in str(error):
        return CheckpointError(
            f"{path.name} holds tensors that are spread over several processes. Gather them where "
            "they were written (torch.distributed.checkpoint.state_dict.get_model_state_dict with "
            "full_state_dict=True), and save that."
        )
    if "persistent_load of storage" in str(error):  # as torch before 1.6 wrote classes of networks
        return CheckpointError(f"{path.name} was not read: {WHOLE}")
    return CheckpointError(
        f"{path.name} was refused and not run: it is damaged, or a pickle of another form than "
        "torch.save writes by default. Save network.state_dict() as safetensors instead."
    )


def is_whole_network(thing: object) -> bool:
    """Tell whether something that was read is a pickled network, of which the code is missing."""
    return isinstance(thing, Record) and {"_modules", "_parameters"} <= thing.keys()

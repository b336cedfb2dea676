"""What a pickle of weights would do, found without doing it: names, calls, bytes asked for.

torch's weights-only reader runs nothing of the file, but it believes what it says of sizes: 41
bytes make it ask for 10 GB. So the same operations are gone through here first, with nothing
behind them, and only those of which a pickle of weights is made.
"""

import math
import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

import torch

from usable_core.errors import CheckpointError
from usable_core.records import shown

_MOST_BYTES = 64 * 2**20  # of one pickle; weights are beside it, and names take far less
_MOST_OPERATIONS = 2_000_000  # 60,000 tensors; three seconds
_LONGEST_LINE = 1000
_DEEPEST = 100  # tuples in tuples: their hash goes down without a limit
WHOLE = (
    "it holds a whole pickled network, whose weights cannot be had without running its code. Where "
    'it was made, save the weights alone: torch.save(network.state_dict(), "weights.pth").'
)
_ENCODINGS = ("latin1", "latin-1", "ascii", "utf-8", "utf8")
_REBUILDS = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3")
# Kinds of tensors that no network here takes, by the function that makes them.
_ODD = {
    "_rebuild_qtensor": "quantised to integers. Give those from before the quantisation",
    "_rebuild_sparse_tensor": "sparse. Save them as dense ones (tensor.to_dense())",
    "_rebuild_meta_tensor_no_storage": "on the meta device, without values. Save those with values",
    "_rebuild_nested_tensor": "nested. Save each tensor under a name of its own",
    "_rebuild_wrapper_subclass": "of a class that wraps others. Save plain tensors",
}


class NotOfWeights(Exception):
    """A pickle is damaged, or of another form than torch.save writes weights in."""


@dataclass(frozen=True)
class _Named:
    """A global: a class or function by its full name."""

    name: str

    @property
    def last(self) -> str:
        """Its own name, without the module's."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class _Stored:
    """Bytes of the file, as a tensor's storage."""

    size: int
    item: int


@dataclass(frozen=True)
class _Made:
    """What a call returns."""

    by: str


class _Tuple(tuple[Any, ...]):
    """A tuple that knows how many are within each other."""

    depth: int

    def __new__(cls, items: "list[Any] | tuple[Any, ...]") -> "_Tuple":
        made = super().__new__(cls, items)
        made.depth = 1 + max((i.depth for i in items if isinstance(i, _Tuple)), default=0)
        if made.depth > _DEEPEST:
            raise NotOfWeights
        return made


class _Bounded:
    """A file that is read up to a limit; what goes beyond is of another form."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._left = file, _MOST_BYTES

    def tell(self) -> int:
        return self._file.tell()

    def read(self, count: int) -> bytes:
        self._left -= count
        if self._left < 0:
            raise NotOfWeights
        return self._file.read(count)

    def readline(self) -> bytes:
        line = self._file.readline(_LONGEST_LINE)
        self._left -= len(line)
        if self._left < 0 or not line.endswith(b"\n"):
            raise NotOfWeights
        return line


@dataclass
class Machine:
    """The stack that a pickle's operations work on, with stand-ins on it.

    Attributes:
        file: Name of the file, for sentences.
        fits: Tells whether the storage of a key can have so many bytes.
        names: Globals that were asked for.
    """

    file: str
    fits: Callable[[str, int], bool]
    names: set[str] = field(default_factory=set)
    _stack: list[Any] = field(default_factory=list)
    _marks: list[list[Any]] = field(default_factory=list)
    _memo: dict[int, Any] = field(default_factory=dict)
    _count: int = 0

    def run(self, file: BinaryIO) -> object:
        """Return what one pickle leaves, with stand-ins for all that is no plain value."""
        self._stack, self._marks, self._memo = [], [], {}
        for operation, argument, _ in pickletools.genops(cast(BinaryIO, _Bounded(file))):
            self._count += 1
            if self._count > _MOST_OPERATIONS:
                raise NotOfWeights
            if operation.name == "STOP":
                return self._stack.pop()
            if operation.name in _VALUES:
                self._stack.append(argument)
            else:
                _OPERATIONS[operation.name](self, argument)
        raise NotOfWeights

    def _items(self) -> list[Any]:
        items, self._stack = self._stack, self._marks.pop()
        return items

    def _mark(self, _: object) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _put(self, place: int) -> None:
        self._memo[place] = self._stack[-1]

    def _get(self, place: int) -> None:
        self._stack.append(self._memo[place])

    def _named(self, said: str) -> None:
        module, _, last = said.partition(" ")
        # torch writes the names that Python 2 had, such as commands.Popen for subprocess.Popen.
        module, last = NAME_MAPPING.get((module, last), (IMPORT_MAPPING.get(module, module), last))
        name = f"{module}.{last}"
        self.names.add(name)
        self._stack.append(_Named(name))

    def _container(self, _: object) -> None:
        self._stack.append(_Made("container"))

    def _tuple(self, _: object) -> None:
        items = self._items()
        self._stack.append(_Tuple(items))

    def _tuple_of(self, count: int) -> None:
        items = [self._stack.pop() for _ in range(count)][::-1]
        self._stack.append(_Tuple(items))

    def _append(self, _: object) -> None:
        self._stack.pop()

    def _append_all(self, _: object) -> None:
        self._items()

    def _set_item(self, _: object) -> None:
        self._stack.pop()
        self._stack.pop()

    def _build(self, _: object) -> None:
        self._stack.pop()
        held = self._stack[-1]
        if isinstance(held, _Made) and held.by.startswith(("torch._utils", "torch._tensor")):
            raise NotOfWeights  # would give a tensor another storage
        if isinstance(held, _Made) and held.by == "torch.nn.parameter.Parameter":
            raise NotOfWeights

    def _stored(self, _: object) -> None:
        """Replace what names a storage by it."""
        place = self._stack.pop()
        if place[0] == "module":  # as torch before 1.6 wrote the classes of networks
            raise CheckpointError(f"{self.file} was not read: {WHOLE}")
        word, kind, key, _location, count, *view = place
        item = _item_size(kind)
        if word != "storage" or not isinstance(key, str) or not _is_count(count):
            raise NotOfWeights
        if not self.fits(key, count * item):
            raise CheckpointError(
                f"{self.file} says of a tensor's storage ({shown(key)}) that it has "
                f"{count * item:,} bytes, but holds fewer. Fetch or copy it again."
            )
        if view and view[0] is not None:
            _, offset, part = view[0]
            if not (_is_count(offset) and _is_count(part) and offset + part <= count):
                raise NotOfWeights
            count = part
        self._stack.append(_Stored(count * item, item))

    def _call(self, _: object) -> None:
        """Replace a function and its arguments by what the call returns."""
        arguments, function = self._stack.pop(), self._stack.pop()
        self._check_call(function, arguments)
        self._stack.append(_Made(function.name))

    def _check_call(self, function: Any, arguments: Any) -> None:  # noqa: ANN401 - of the file
        if not isinstance(function, _Named) or not isinstance(arguments, _Tuple):
            raise NotOfWeights
        last = function.last
        is_torch = function.name.startswith("torch.")
        if is_torch and last in _ODD:
            raise CheckpointError(f"{self.file} holds weights that are {_ODD[last]}.")
        if is_torch and last in _REBUILDS:
            _check_view(arguments[:4], arguments[6] if last.endswith("v3") else None)
        elif is_torch and last == "_rebuild_from_type_v2":
            self._check_call(arguments[0], arguments[2])
        # Those that make as much, or take as long, as their arguments say.
        is_dear = is_torch and last.endswith(("Tensor", "Storage"))
        is_filled = bool(arguments) and isinstance(arguments[0], str | _Made)
        is_dear |= function.name == "builtins.bytearray" and bool(arguments) and not is_filled
        is_dear |= function.name == "_codecs.encode" and arguments[1] not in _ENCODINGS
        if is_dear:
            raise NotOfWeights


def _check_view(view: tuple[Any, ...], item: object = None) -> None:
    """Check that a tensor lies within its storage: torch would make that larger otherwise.

    Args:
        view: Storage, offset, sizes, strides.
        item: The tensor's dtype, where it is not the storage's.
    """
    storage, offset, sizes, strides = view
    numbers = (offset, *sizes, *strides)
    if not isinstance(storage, _Stored) or not all(map(_is_count, numbers)):
        raise NotOfWeights
    if isinstance(sizes, _Made) or len(sizes) != len(strides) or len(sizes) > 64:
        raise NotOfWeights
    width = storage.item if item is None else _item_size(item)
    if math.prod(sizes):
        last = offset + sum((n - 1) * step for n, step in zip(sizes, strides, strict=True))
        if (last + 1) * width > storage.size:
            raise NotOfWeights


def _item_size(kind: Any) -> int:  # noqa: ANN401 - of the file
    """Return the bytes of an element, by the name of a storage or of a dtype."""
    if not isinstance(kind, _Named) or not kind.name.startswith("torch."):
        raise NotOfWeights
    if kind.last == "UntypedStorage":
        return 1
    named = getattr(torch, kind.last)
    dtype = named if isinstance(named, torch.dtype) else named._dtype  # .dtype warns
    return int(dtype.itemsize)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62


# Operations that put a plain value onto the stack.
_VALUES = frozenset(("NONE", "NEWFALSE", "NEWTRUE", "BININT", "BININT1", "BININT2", "LONG1"))
_VALUES |= {"BINFLOAT", "BINUNICODE", "SHORT_BINSTRING"}
_OPERATIONS: Mapping[str, Callable[[Machine, Any], None]] = {
    "PROTO": lambda machine, version: None,
    "MARK": Machine._mark,
    "GLOBAL": Machine._named,
    "BINPUT": Machine._put,
    "LONG_BINPUT": Machine._put,
    "BINGET": Machine._get,
    "LONG_BINGET": Machine._get,
    "EMPTY_LIST": Machine._container,
    "EMPTY_DICT": Machine._container,
    "EMPTY_SET": Machine._container,
    "EMPTY_TUPLE": lambda machine, _: machine._stack.append(_Tuple(())),
    "TUPLE": Machine._tuple,
    "TUPLE1": lambda machine, _: machine._tuple_of(1),
    "TUPLE2": lambda machine, _: machine._tuple_of(2),
    "TUPLE3": lambda machine, _: machine._tuple_of(3),
    "APPEND": Machine._append,
    "APPENDS": Machine._append_all,
    "SETITEM": Machine._set_item,
    "SETITEMS": Machine._append_all,
    "BUILD": Machine._build,
    "BINPERSID": Machine._stored,
    "REDUCE": Machine._call,
    "NEWOBJ": Machine._call,
}

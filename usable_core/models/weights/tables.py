"""Which tensors of a file are the network's: by names and shapes, under whatever prefixes.

Training scripts nest weights under keys (`state_dict`, `model`) and put prefixes before their names
(`module.`, `_orig_mod.`, `net.`, `backbone.`). Both are one thing here: the full name of a tensor
is all keys on the way to it, joined by points, and a table is what is left behind one beginning.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from usable_core.errors import CheckpointError
from usable_core.models.weights.nesting import joined
from usable_core.records import brief, shown

# What torch itself puts into names: DataParallel, compile, FSDP, checkpointing, the averaged model.
WRAPPERS = frozenset(
    ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_wrapped_module")
)
# What only the training needs, by the first part of its name.
_TRAINING_ONLY = re.compile(
    r"n_averaged|num_updates|decay|criterion\w*|\w*loss\w*|project\w*|proj_head|predictor\w*|"
    r"queue\w*|prototypes?|\w*_?ema|aux\w*|\w*metrics?|(train|val|valid|test)_\w+|\w*acc(uracy)?"
)
_BOOKKEEPING = re.compile(
    r"opt|optim\w*|lr_sched\w*|sched\w*|\w*scaler|amp\w*|rng\w*|\w*rng_states?|loops|loss_scale\w*"
)
_AVERAGED = re.compile(r"(^|[._])(ema|swa|avg|averaged?)([._]|$)|(^|[._])model_?ema|state_dict_ema")
_RAW = "current_model_state"  # Lightning's averaging callback: `state_dict` has the averages then
_HEADS = frozenset(("head", "heads", "fc", "classifier", "cls_head", "linear", "last_linear"))


@dataclass(frozen=True)
class Table:
    """The tensors behind one beginning of the file's names.

    Attributes:
        prefix: That beginning, without the last point; empty for the names as they are.
        names: The network's name of each tensor to the file's.
        head: The file's layer that was taken for the network's head, where its name differs.
        rest: Names behind the same beginning that the network does not have.
    """

    prefix: str
    names: dict[str, str]
    head: str = ""
    rest: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What the table is called in sentences."""
        return brief(self.prefix) or "the names without a prefix"


@dataclass(frozen=True)
class Choice:
    """The table that was taken for a network, and what a reader of its numbers must know."""

    tensors: dict[str, Tensor]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Search:
    """A network's tensors looked for among those of a file.

    Attributes:
        own: The network's tensors by name.
        found: The file's tensors by full name.
        rename: Turns the file's names into the network's.
        ignored: Top-level parts that the file may hold and the network need not.
    """

    own: Mapping[str, Tensor]
    found: Mapping[str, Tensor]
    rename: Callable[[str], str] = str
    ignored: tuple[str, ...] = ()
    needed: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        # Old files lack BatchNorm's batch counters, which only matter without a momentum.
        needed = tuple(n for n in self.own if not n.endswith("num_batches_tracked"))
        object.__setattr__(self, "needed", needed)

    def tables(self) -> list[Table]:
        """Return every table of the file that has some of the network's names, the best first."""
        kept = WRAPPERS - {part for name in self.own for part in name.split(".")}
        names: dict[str, dict[str, str]] = defaultdict(dict)
        for name in self.found:
            parts = self.rename(name).split(".")
            for k, part in enumerate(parts):
                inner = ".".join(p for p in parts[k:] if p not in kept)
                if part not in kept and inner in self.own:
                    names[".".join(parts[:k])].setdefault(inner, name)
        tables = [Table(prefix, own, rest=self._rest(prefix, own)) for prefix, own in names.items()]
        return sorted(tables, key=lambda t: (-len(self.fitting(t)), t.prefix.count(".")))

    def fitting(self, table: Table) -> list[str]:
        """Return the network's names that a table has in the right shape."""
        names = table.names
        return [n for n, at in names.items() if self.found[at].shape == self.own[n].shape]

    def missing(self, table: Table) -> list[str]:
        """Return the network's names that a table lacks."""
        return [name for name in self.needed if name not in table.names]

    def misshapen(self, table: Table) -> list[str]:
        """Return the network's names that a table has in another shape."""
        fitting = set(self.fitting(table))
        return [n for n in self.own if n in table.names and n not in fitting]

    def covers(self, table: Table) -> bool:
        """Tell whether a table has all that the network needs, in the right shapes."""
        return not self.missing(table) and not self.misshapen(table)

    def with_head(self, table: Table) -> Table:
        """Return a table with the head under another name, where only one layer can be it."""
        missing = self.missing(table)
        layers = {name.rpartition(".")[0] for name in missing}
        last = self.needed[-1].rpartition(".")[0]
        if layers != {last} or len(missing) * 2 > len(self.needed):
            return table
        shapes = {n.rpartition(".")[2]: self.own[n].shape for n in missing}
        places = [place for place in self._layers(table, last) if self._has(place, shapes)]
        if len(places) != 1:
            return table
        taken = {f"{last}.{part}": f"{places[0]}.{part}" for part in shapes}
        rest = tuple(name for name in table.rest if name not in taken.values())
        return replace(table, names={**table.names, **taken}, head=places[0], rest=rest)

    def _layers(self, table: Table, last: str) -> Iterator[str]:
        """Yield the file's layers that may stand for the network's last one."""
        used, layers = set(table.names.values()), defaultdict(list)
        for name in self.found:
            layers[name.rpartition(".")[0]].append(name)
        inner = joined(table.prefix, last.split(".")[0])
        for layer, names in layers.items():
            if not used & set(names) and (_is_in(layer, inner) or self._is_head(table, layer)):
                yield layer

    def _is_head(self, table: Table, layer: str) -> bool:
        """Tell whether a layer is all of a head that stands beside the table or in it."""
        for place in {table.prefix, table.prefix.rpartition(".")[0]}:
            top = layer.removeprefix(f"{place}." if place else "").split(".")[0]
            if _is_in(layer, place) and top in _HEADS:
                whole = [n for n in self.found if _is_in(n, joined(place, top))]
                return all(_is_in(name, layer) for name in whole)
        return False

    def _has(self, layer: str, shapes: Mapping[str, torch.Size]) -> bool:
        names = [joined(layer, part) for part in shapes]
        return all(
            name in self.found and self.found[name].shape == shape
            for name, shape in zip(names, shapes.values(), strict=True)
        )

    def _rest(self, prefix: str, own: Mapping[str, str]) -> tuple[str, ...]:
        used = set(own.values())
        children = {name.split(".")[0] for name in self.own}
        inside = [n for n in self.found if n not in used and _is_in(n, prefix)]
        rest = []
        for name in inside:
            first = name.removeprefix(f"{prefix}." if prefix else "").split(".")[0]
            is_known = first in self.ignored or _BOOKKEEPING.fullmatch(first)
            if first in children or not is_known:
                rest.append(name)
        return tuple(rest)

    def unexpected(self, table: Table) -> list[str]:
        """Return the names behind a table's beginning that may change what the network says."""
        needless = set(self.needless(table))
        return [name for name in table.rest if name not in needless]

    def needless(self, table: Table) -> list[str]:
        """Return the names behind a table's beginning that only its training needed."""
        children = {name.split(".")[0] for name in self.own}
        cut = f"{table.prefix}." if table.prefix else ""
        firsts = [(name, name.removeprefix(cut).split(".")[0]) for name in table.rest]
        return [n for n, f in firsts if f not in children and _TRAINING_ONLY.fullmatch(f)]


def chosen(search: Search, tables: list[Table], asked: str | None, file: str) -> Table:
    """Return the one table among those that cover the network.

    Args:
        search: Where they were found.
        tables: Tables that cover the network; one at least.
        asked: The beginning that the user chose; None leaves it to the averages that timm takes.
        file: Name of the file, for sentences.

    Raises:
        CheckpointError: several cover it and differ, and nothing says which is meant.
    """
    if asked is not None:
        named = [t for t in tables if _is_in(t.prefix, asked) and bool(t.prefix) == bool(asked)]
        if len(named) == 1:
            return named[0]
        raise CheckpointError(
            f"{file} has no table {shown(asked)} that fits the network. Those that do: "
            f"{_listed([t.title for t in tables])}."
        )
    different = [tables[0]]
    different += [t for t in tables[1:] if not any(_same(search, t, other) for other in different)]
    usual = [t for t in different if not _is_in(t.prefix, _RAW)]
    averaged = [t for t in usual if _AVERAGED.search(t.prefix)]
    for group in (averaged, usual):
        if len(group) == 1:
            return group[0]
    raise CheckpointError(
        f"{file} holds {len(different)} tables of weights that fit the network and differ: "
        f"{_listed([t.title for t in different])}. Choose one: --weights FILE#NAME, such as "
        f"{file}#{brief(different[0].prefix)}."
    )


def _same(search: Search, one: Table, other: Table) -> bool:
    pairs = ((search.found[one.names[n]], search.found[other.names[n]]) for n in search.needed)
    return all(a.dtype == b.dtype and torch.equal(a, b) for a, b in pairs)


def notes_of(search: Search, table: Table, tables: list[Table], file: str) -> tuple[str, ...]:
    """Return what a reader of the numbers must know of a choice: other tables, head, leftovers."""
    notes = []
    others = [t.title for t in tables if t is not table and not _same(search, t, table)]
    if others:
        is_average = " (averages of the training, as timm takes them)"
        why = is_average if _AVERAGED.search(table.prefix) else ""
        notes.append(
            f"Of the weights in {file}, {table.title} were taken{why}, not {_listed(others)}."
        )
    if table.head:
        notes.append(
            f"The layer {brief(table.head)} of {file} was taken for the network's head, "
            f"{search.needed[-1].rpartition('.')[0]}. Layers without weights around it, such as "
            "dropout, cannot be seen in the file."
        )
    used = {name for t in tables for name in t.names.values()}
    left = [
        name
        for name in search.found
        if name not in used
        and not _BOOKKEEPING.fullmatch(name.split(".")[0])
        and (not _is_in(name, table.prefix) or name in search.needless(table))
    ]
    if left:
        notes.append(
            f"Left out of {file}, for the network does not have them: {_listed(left, 'tensors')}."
        )
    return tuple(notes)


def _listed(names: list[str], what: str = "tables") -> str:
    first = ", ".join(map(brief, names[:4]))
    return f"{first} and {len(names) - 4} more {what}" if len(names) > 4 else first


def _is_in(name: str, prefix: str) -> bool:
    return not prefix or name == prefix or name.startswith(f"{prefix}.")

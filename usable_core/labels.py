"""`LabelSpace`: the ordered class names of a model or a data set, matched by name."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from usable_core.errors import IncompatibleLabels, nearest
from usable_core.records import brief, shown

APOSTROPHES = str.maketrans("", "", "'’`ʼ")


def plain_name(name: str) -> str:
    """Return the name as it is compared: without case, accents and punctuation.

    `Jack-o'-lantern` and `jack_o_lantern` are one. A name of signs only (`+`) stays itself.
    """
    letters = unicodedata.normalize("NFKD", name.casefold()).translate(APOSTROPHES)
    letters = "".join(c for c in letters if not unicodedata.combining(c))
    words = "".join(c if c.isalnum() else " " for c in letters).split()
    return " ".join(words) or name.casefold()


def is_same_class(one: str, other: str) -> bool:
    """Tell whether two names are one but for case, accents and punctuation."""
    return plain_name(one) == plain_name(other)


@dataclass(frozen=True)
class LabelSpace:
    """Ordered class names; position is the class index.

    Attributes:
        names: One name per class. Names may repeat (ImageNet has two cranes).
        is_named: False where the source gave no names and these are placeholders.
        ids: The index that the source itself gave each class, used only to tell apart classes of
            the same name; None where the source gave none.
        synonyms: Per class, further names that the source gives it; None where it gives none.
    """

    names: tuple[str, ...]
    is_named: bool = True
    ids: tuple[int, ...] | None = None
    synonyms: tuple[tuple[str, ...], ...] | None = None

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def unnamed(cls, count: int) -> "LabelSpace":
        """Return placeholders for `count` classes whose names nobody told."""
        return cls(tuple(f"class {i}" for i in range(count)), is_named=False)

    def index(self, name: str) -> int:
        """Return the index of the class `name`.

        Raises:
            IncompatibleLabels: no class has this name, or several have.
        """
        best = self._table.best(name)
        if len(best) != 1:
            near = nearest(name, self.names) or self.names[:5]
            meant = f"{len(best)} classes are" if best else "No class is"
            raise IncompatibleLabels(
                f"{meant} called {shown(name)}. Nearest choices: {', '.join(map(brief, near))}."
            )
        return best[0]

    def mapping_from(self, other: "LabelSpace") -> tuple[int, ...]:
        """Return, for each class of `other`, its index in this space.

        The whole name counts first, then the name without case and punctuation, then synonyms.
        `other.ids` settle a name that several classes share, provided that on every name that only
        one class has, the ids are this space's indices: then both number their classes alike.

        Raises:
            IncompatibleLabels: a class of `other` is unknown here or ambiguous.
        """
        table = self._table
        ids = other.ids if other.ids is not None and table.is_numbered_like(other) else None
        found: list[int] = []
        unknown: list[str] = []
        ambiguous: list[str] = []
        for position, name in enumerate(other.names):
            best = table.best(name)
            if ids is not None and ids[position] in table.all(name):
                best = [ids[position]]
            elif len(best) > 1:
                ambiguous.append(name)
            if not best:
                unknown.append(name)
            found.append(best[0] if best else -1)
        ambiguous += _merged(other.names, found)
        if unknown or ambiguous:
            raise self._refusal(other, unknown, ambiguous)
        return tuple(found)

    def meanings(self, name: str) -> set[int]:
        """Return every class that this may be a name of, however unlike they are."""
        return self._table.all(name)

    def doubtful(
        self, other: "LabelSpace", found: Sequence[int]
    ) -> tuple[tuple[str, int, int], ...]:
        """Return (name, index, another index) where a class of `other` may mean another class here.

        The other has the name as a synonym, in another case, or in the plural, and no class of
        `other` is that one for sure.

        Args:
            other: The space whose names were matched.
            found: What `mapping_from(other)` returned.
        """
        table = self._table
        if other.ids is not None and table.is_numbered_like(other):
            return ()
        rivals = [
            (name, index, sorted(table.resembling(name) - set(found)))
            for name, index in zip(other.names, found, strict=True)
        ]
        return tuple((name, index, others[0]) for name, index, others in rivals if others)

    @cached_property
    def _table(self) -> "_Names":
        return _Names(self)

    def _refusal(
        self, other: "LabelSpace", unknown: list[str], ambiguous: list[str]
    ) -> IncompatibleLabels:
        problems = []
        if unknown:
            problems.append(
                f"does not know {len(unknown)} of the data set's {len(other)} classes by name "
                f"(first: {_quoted(unknown)})"
            )
        if ambiguous:
            problems.append(f"cannot tell which of its classes is meant by {_quoted(ambiguous)}")
        return IncompatibleLabels(
            f"The model {' and '.join(problems)}; it knows {len(self)}, such as "
            f"{_quoted(self.names)}. Fine-tune the model on this data set, choose a data set "
            "with the model's classes, or, where the model's names are wrong, give them: --labels "
            "FILE."
        )


class _Names:
    """The classes of a space by name, in three steps of likeness."""

    def __init__(self, space: LabelSpace) -> None:
        self.steps: tuple[dict[str, list[int]], ...] = tuple(defaultdict(list) for _ in range(3))
        for position, name in enumerate(space.names):
            self.steps[0][name].append(position)
            self.steps[1][plain_name(name)].append(position)
            for synonym in {plain_name(s) for s in (space.synonyms or {position: ()})[position]}:
                self.steps[2][synonym].append(position)

    def best(self, name: str) -> list[int]:
        """Return the classes of the closest likeness that has any."""
        plain = plain_name(name)
        keys = (name, plain, plain)
        return next((s[k] for s, k in zip(self.steps, keys, strict=True) if k in s), [])

    def all(self, name: str) -> set[int]:
        """Return the classes that this may be a name of."""
        plain = plain_name(name)
        return {*self.steps[1].get(plain, ()), *self.steps[2].get(plain, ())}

    def resembling(self, name: str) -> set[int]:
        """Return the classes that this may be a name of, also in the plural or singular."""
        plain = plain_name(name)
        spelled = [plain, f"{plain}s", f"{plain}es", plain.removesuffix("s")]
        return set().union(*(self.all(one) for one in (*spelled, plain.removesuffix("es"))))

    def is_numbered_like(self, other: LabelSpace) -> bool:
        pairs = zip(other.names, other.ids or (), strict=True)
        sure = [(self.all(name), own) for name, own in pairs if len(self.all(name)) == 1]
        return bool(sure) and all(candidates == {own} for candidates, own in sure)


def _merged(names: tuple[str, ...], found: list[int]) -> list[str]:
    """Return the names that share a class of the model with another name."""
    counts = Counter(index for index in found if index >= 0)
    return [name for name, index in zip(names, found, strict=True) if counts[index] > 1]


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(shown(name) for name in list(dict.fromkeys(names))[:5])

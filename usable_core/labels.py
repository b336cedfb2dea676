"""`LabelSpace`: the ordered class names of a model or a data set, matched by name."""

from collections import defaultdict
from dataclasses import dataclass

from usable_core.errors import IncompatibleLabels


def _plain(name: str) -> str:
    """Return the name as it is compared: case, underscores and spaces do not matter."""
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())


@dataclass(frozen=True)
class LabelSpace:
    """Ordered class names; position is the class index.

    Attributes:
        names: One name per class. Names may repeat (ImageNet has two cranes).
        is_named: False where the source gave no names and these are placeholders.
        ids: The index that the source itself gave each class, used only to tell apart classes of
            the same name; None where the source gave none.
    """

    names: tuple[str, ...]
    is_named: bool = True
    ids: tuple[int, ...] | None = None

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
        return self.mapping_from(LabelSpace((name,)))[0]

    def mapping_from(self, other: "LabelSpace") -> tuple[int, ...]:
        """Return, for each class of `other`, its index in this space.

        Names are compared exactly first, then without regard to case, hyphens and underscores. A
        name that stands for several classes here is settled by `other.ids`, or refused.

        Raises:
            IncompatibleLabels: a class of `other` is unknown here or ambiguous.
        """
        exact, plain = defaultdict(list), defaultdict(list)
        for position, name in enumerate(self.names):
            exact[name].append(position)
            plain[_plain(name)].append(position)
        found, missing = [], []
        for position, name in enumerate(other.names):
            candidates = exact.get(name) or plain.get(_plain(name), [])
            if len(candidates) > 1 and other.ids is not None:
                candidates = [c for c in candidates if c == other.ids[position]]
            if len(candidates) != 1:
                missing.append(name)
            found.append(candidates[0] if candidates else -1)
        if missing:
            shown = ", ".join(repr(name) for name in missing[:5])
            raise IncompatibleLabels(
                f"The model does not know {len(missing)} of the data set's {len(other)} classes "
                f"by name (first: {shown}); it knows {len(self)}, such as "
                f"{', '.join(repr(n) for n in self.names[:5])}. Fine-tune the model on this data "
                "set, or choose a data set with the model's classes."
            )
        return tuple(found)

"""Ways of preparing pictures for a model, each with how often the model is right under it."""

from collections.abc import Sequence
from dataclasses import dataclass

from usable_core.metrics.intervals import Proportion
from usable_core.metrics.paired import holm

LEVEL = 0.05  # of the familywise error, as everywhere


@dataclass(frozen=True)
class Recipe:
    """One way of preparing pictures, tried on a data set.

    Attributes:
        title: What it is.
        settings: Field to text: what `--preprocessing` takes to choose it; empty for the present.
        accuracy: How often the model is right under it.
        p_value: Exact McNemar test against the present way, on the same examples.
    """

    title: str
    settings: tuple[tuple[str, str], ...]
    accuracy: Proportion
    p_value: float

    @property
    def words(self) -> str:
        """What is typed to choose it."""
        return " ".join(f"{name}={text}" for name, text in self.settings)


def verdict(recipes: Sequence[Recipe]) -> str:
    """Return which way a model is most right under, in words; the first recipe is the present one.

    The best of many ways is partly luck: p-values are adjusted for all of them (Holm 1979).
    """
    present, *others = recipes
    best = max(recipes, key=lambda recipe: recipe.accuracy.value)
    if not others or best.accuracy.value <= present.accuracy.value:
        return "The model is most right as its pictures are prepared now."
    alike = [r.title for r in others if r is not best and r.accuracy == best.accuracy]
    also = f" (equally under {', '.join(alike)})" if alike else ""
    adjusted = holm([recipe.p_value for recipe in others])[others.index(best)]
    said = (
        f"The model is most right under {best.title}{also}: {best.accuracy.value:.1%} of "
        f"{best.accuracy.n} pictures against {present.accuracy.value:.1%} now"
    ).replace("%", " %")
    if adjusted >= LEVEL:
        return f"{said}, which may be chance (p = {adjusted:.2g}, adjusted for all ways)."
    return (
        f"{said} (p = {adjusted:.2g}, adjusted for all ways). It was not taken; to take it: "
        f'--preprocessing "{best.words}". Measure on other pictures then: this way was picked on '
        "these."
    )

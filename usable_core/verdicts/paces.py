"""How many answers, attacked examples and maps a second each candidate gave while it was measured.

Attacks and maps are not timed by themselves: it is what these parts of the assessment took, so
whatever else the machine did meanwhile is in it.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from usable_core.catalog.attacks import AttackSpec
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.catalog.text_attacks import KNOWN
from usable_core.evaluations.cost import CostResult
from usable_core.evaluations.epsilon import NORM_TITLES, epsilon_label
from usable_core.evaluations.explanation import ExplanationResult
from usable_core.evaluations.result import Measured
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.evaluations.specs import Provenance

ANSWERS, ATTACKED, MAPS = "answers", "attacked examples", "maps"


@dataclass(frozen=True)
class Pace:
    """How many of something a candidate gave a second.

    Attributes:
        model: The candidate's name.
        task: Which evaluation took the time.
        what: What was counted, in the plural.
        a_second: How many a second; None where it was not measured.
        n: How many there were in all.
        seconds: What they took; None where it was not measured.
        measured_on: On what: attack, steps, budgets, method, device and batch.
        is_earlier: An earlier run measured it, whose answer the store had.
    """

    model: str
    task: str
    what: str
    a_second: float | None = None
    n: int = 0
    seconds: float | None = None
    measured_on: str = ""
    is_earlier: bool = False

    @property
    def found(self) -> str:
        """Return the number as people read it."""
        if self.a_second is None:
            return "not measured"
        return f"{self.a_second:,.0f} /s" if self.a_second >= 100 else f"{self.a_second:.3g} /s"

    @property
    def told(self) -> str:
        """Return on what it was measured, and whether an earlier run did that."""
        said = [self.measured_on, "measured by an earlier run" if self.is_earlier else ""]
        return "; ".join(filter(None, said))


def paces_of(
    answers: Mapping[str, Mapping[str, Measured]],
    earlier: Collection[tuple[str, str]] = (),
) -> tuple[Pace, ...]:
    """Return the paces of several candidates, each kind of each, measured or not.

    Args:
        answers: What was measured of each, by its name and by task.
        earlier: Of which candidate and task the store had the answer.
    """
    return tuple(
        Pace(name, task, is_earlier=(name, task) in earlier, **row)
        for name, of in answers.items()
        for task, rows in _OF_TASK.items()
        for row in (rows(of[task]) if task in of else [{"what": _WHAT[task]}])
    )


def _answers(result: Measured) -> Iterator[dict[str, Any]]:
    cost = cast(CostResult, result)
    part = cost.parts[0]
    size = cost.best(part)
    times = cost.timings(part, size)
    decoded = "decoding and preprocessing included" if cost.has_pictures else "forward pass alone"
    yield {
        "what": ANSWERS,
        "a_second": cost.throughput(part).value,
        "n": size * len(times),
        "seconds": float(times.sum()),
        "measured_on": f"{cost.machine.device}, batch {size}, the fastest; {decoded}",
    }


def _attacked(result: Measured) -> Iterator[dict[str, Any]]:
    robust = cast(RobustnessResult, result)
    budgets = [epsilon for epsilon in robust.config.epsilons if epsilon > 0]
    rows = robust.records
    n = int(rows.loc[rows["clean_prediction"] == rows["label"], "index"].nunique())
    if not budgets or not n or not robust.cost.seconds > 0:
        yield {"what": ATTACKED}
        return
    largest = epsilon_label(budgets[-1], robust.config.norm)
    ladder = ", ".join(map(_attack, robust.config.attacks))
    yield {
        "what": ATTACKED,
        "a_second": n / robust.cost.seconds,
        "n": n,
        "seconds": robust.cost.seconds,
        "measured_on": f"{ladder}, {NORM_TITLES[robust.config.norm]}, {len(budgets)} budgets up to "
        f"ε = {largest} each; {_where(robust.provenance)}; checks not included",
    }


def _maps(result: Measured) -> Iterator[dict[str, Any]]:
    explained = cast(ExplanationResult, result)
    for method in explained.config.methods:
        title = EXPLAINERS[method].title
        of = explained.records[explained.records["method"] == method]
        what, seconds = f"{MAPS} by {title}", float(of["seconds"].sum())
        if not seconds > 0:  # it refused this model, or an older version asked
            yield {"what": what}
            continue
        evaluations = float(np.mean(of["evaluations"]))
        yield {
            "what": what,
            "a_second": len(of) / seconds,
            "n": len(of),
            "seconds": seconds,
            "measured_on": f"{evaluations:,.0f} evaluations a map; {_where(explained.provenance)}; "
            "evidence on the maps not included",
        }


def _attack(spec: AttackSpec) -> str:
    """Return an attack with its steps, where it goes by steps."""
    return f"{spec.title} ({spec.steps} steps)" if KNOWN[spec.name].is_iterative else spec.title


def _where(provenance: Provenance) -> str:
    """Return device and batch."""
    size = provenance.batch_size
    return f"{provenance.device}, batch {size:,}" if size else provenance.device


_OF_TASK = {"cost": _answers, "robustness": _attacked, "explanation": _maps}
_WHAT = {"cost": ANSWERS, "robustness": ATTACKED, "explanation": MAPS}

"""The answer to a robustness question: every number is a function of the records.

Their columns are said in `evaluations.robustness`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from usable_core.catalog.attacks import ATTACKS, PRESETS
from usable_core.evaluations.epsilon import NORM_TITLES, epsilon_label
from usable_core.evaluations.result import Answer, Condition, Number, summed_up, table
from usable_core.evaluations.robustness import Check, Cost, RobustnessConfig
from usable_core.evaluations.robustness_texts import of_texts
from usable_core.evaluations.specs import InputKind, Provenance
from usable_core.metrics import robustness
from usable_core.metrics.arrays import Masks
from usable_core.metrics.classification import share
from usable_core.metrics.intervals import Estimate, Proportion
from usable_core.metrics.paired import flips

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class RobustnessResult(Answer):
    """Per-example outcomes over the grid; every number is a property of them."""

    config: RobustnessConfig
    provenance: Provenance
    records: "pd.DataFrame"
    checks: tuple[Check, ...] = ()
    cost: Cost = Cost()
    conditions = ("epsilon",)

    def __repr__(self) -> str:
        return self.headline({"clean accuracy": self.clean_accuracy, "mean over ε": self.area})

    @property
    def is_upper_bound_only(self) -> bool:  # type: ignore[override]
        """Tell whether a check is red, so that a stronger attack would find a lower curve."""
        return any(check.verdict == "red" for check in self.checks)

    @property
    def axis(self) -> str:  # type: ignore[override]
        """Return the norm of the budgets."""
        return self.config.norm

    @property
    def is_comparable(self) -> bool:
        """Tell whether the figures may stand beside those of leaderboards.

        Not without the checks of a walked sample, nor where one of them failed.
        """
        attacks = self.config.attacks
        is_usual = any(row.is_comparable and row.attacks == attacks for row in PRESETS.values())
        is_checked = any(check.name == "descent" for check in self.checks)
        return is_usual and is_checked and not self.is_upper_bound_only

    @property
    def kind(self) -> InputKind:
        """Return what the examples are."""
        return self.config.kind

    @property
    def n(self) -> int:
        """Return the number of examples."""
        return len(self._clean)

    @cached_property
    def epsilons(self) -> tuple[float, ...]:
        """Return the grid, increasing."""
        return tuple(float(e) for e in np.sort(self.records["epsilon"].unique()))

    @property
    def clean_accuracy(self) -> Proportion:
        """Return mean 1[y = ŷ] of the unchanged images."""
        return share(self._clean)

    @property
    def robust_accuracy(self) -> tuple[Proportion, ...]:
        """Return mean 1[y = ŷ'] per epsilon; images wrong when clean count as wrong."""
        return tuple(share(column) for column in self._attacked.T)

    @property
    def noise_accuracy(self) -> tuple[Proportion, ...]:
        """Return the accuracy under random noise of the same size, per epsilon."""
        return tuple(share(column) for column in self._noisy.T)

    @property
    def robustness(self) -> tuple[Estimate, ...]:
        """Return mean(1[y = ŷ'] − 1[y = ŷ]) per epsilon, with a paired interval.

        At epsilon 0 it is 0 by definition, without an interval to estimate.
        """
        return tuple(
            Estimate(0.0, 0.0, 0.0, self.n)
            if epsilon == 0 and np.array_equal(column, self._clean)
            else robustness.robustness_score(self._clean, column)
            for epsilon, column in zip(self.epsilons, self._attacked.T, strict=True)
        )

    @property
    def conditional_success(self) -> tuple[Proportion, ...]:
        """Return, per epsilon, the share of images right when clean that the attack turns."""
        return tuple(robustness.conditional_success(self._clean, c) for c in self._attacked.T)

    @property
    def area(self) -> Estimate:
        """Return the mean robust accuracy over the grid's range of epsilon."""
        return robustness.area(self._attacked, np.asarray(self.epsilons))

    @cached_property
    def smallest_epsilon(self) -> "pd.DataFrame":
        """Return one row per example that is right when clean.

        Columns: index, id, label, withstands (the largest epsilon of the grid that it withstands;
        0 where the first breaks it), breaks (the smallest that breaks it; NaN where none does:
        censored), attack, step.
        """
        grid = np.asarray(self.epsilons)
        broken = ~self._attacked[self._clean]
        level = np.where(broken.any(1), broken.argmax(1), len(grid))
        frame = self.records_at(self.epsilons[-1])[self._clean].reset_index(drop=True)
        return frame[["index", "id", "label"]].assign(
            withstands=np.insert(grid, 0, 0.0)[level],
            breaks=np.append(grid, np.nan)[level],
            attack=frame["found_attack"].astype(str) if "found_attack" in frame else "",
            step=frame.get("found_step", 0),
        )

    def broken(self, epsilon: float | None = None, label: int | None = None) -> "pd.DataFrame":
        """Return the records, of a class or all, that are right when clean, wrong at an epsilon.

        Those that break first come first; `breaks` says at which epsilon of the grid.
        """
        at = self.records_at(self.epsilons[-1] if epsilon is None else epsilon)
        at = at if label is None else at[at["label"] == label]
        right = at[at["clean_prediction"] == at["label"]]
        broken = right[right["prediction"] != right["label"]]
        breaks = broken["index"].map(self.smallest_epsilon.set_index("index")["breaks"])
        return broken.assign(breaks=breaks).sort_values("breaks", kind="stable")

    @property
    def median_smallest_epsilon(self) -> Estimate:
        """Return the grid's smallest epsilon that breaks half of the images right when clean.

        With the interval of a median by order statistics; infinite where too few break.
        """
        breaks = self.smallest_epsilon["breaks"].fillna(math.inf).to_numpy()
        return robustness.median(breaks)

    @property
    def censored(self) -> Proportion:
        """Return the share of images right when clean that no epsilon of the grid breaks."""
        return share(self.smallest_epsilon["breaks"].isna().to_numpy())

    @property
    def survival(self) -> tuple[Proportion, ...]:
        """Return, per epsilon, the share of images right when clean that withstand it."""
        return tuple(share(column[self._clean]) for column in self._attacked.T)

    @property
    def per_class(self) -> "pd.DataFrame":
        """Return one row per class and epsilon: label, class_name, epsilon, n, value, low, high."""
        labels = self.records_at(self.epsilons[0])["label"].to_numpy()
        rows = []
        for label in np.unique(labels):
            name = self.provenance.class_names[label]
            for epsilon, column in zip(self.epsilons, self._attacked.T, strict=True):
                found = share(column[labels == label])
                rows.append((label, name, epsilon, found.n, found.value, found.low, found.high))
        return table(rows, ["label", "class_name", "epsilon", "n", "value", "low", "high"])

    @property
    def worst_attack(self) -> tuple[str | None, ...]:
        """Return, per epsilon, the attack that broke most of the examples broken there."""
        found = []
        for epsilon in self.epsilons:
            at = self.records_at(epsilon)
            is_lost = (at["prediction"] != at["label"]) & (at["clean_prediction"] == at["label"])
            names = at.get("found_attack")
            counts = None if names is None else names[is_lost].astype(str).value_counts()
            found.append(None if counts is None or counts.empty else str(counts.index[0]))
        return tuple(found)

    @property
    def raw_curve(self) -> tuple[Proportion, ...]:
        """Return, per epsilon, the share of the walked sample that it does not break by itself.

        Nothing is carried up from smaller budgets. Empty where no sample was walked.
        """
        if "raw_broken" not in self.records or self.records["raw_broken"].isna().all():
            return ()
        walked = self.records[self.records["raw_broken"].notna()]
        found = walked.pivot(index="index", columns="epsilon", values="raw_broken").sort_index()
        return tuple(share(column) for column in (found.to_numpy(dtype=float) == 0).T)

    @property
    def flips(self) -> "pd.DataFrame":
        """Return counts per epsilon: attack_lost, noise_lost, noise_gained (right after noise)."""
        rows = []
        columns = zip(self.epsilons, self._attacked.T, self._noisy.T, strict=True)
        for epsilon, attacked, noisy in columns:
            lost, gained = flips(self._clean, noisy)
            rows.append((epsilon, flips(self._clean, attacked)[0], lost, gained))
        return table(rows, ["epsilon", "attack_lost", "noise_lost", "noise_gained"])

    def numbers(self) -> tuple[Number, ...]:
        """Return every number that is shown."""
        curves: dict[str, Sequence[Estimate]] = {
            "robust_accuracy": self.robust_accuracy,
            "robustness": self.robustness,
            "conditional_success": self.conditional_success,
            "noise_accuracy": self.noise_accuracy,
        }
        return (
            Number("clean_accuracy", self.clean_accuracy),
            Number("area", self.area),
            *(
                Number(metric, found, epsilon_label(epsilon, self.config.norm), epsilon)
                for metric, curve in curves.items()
                for epsilon, found in zip(self.epsilons, curve, strict=True)
            ),
        )

    def said(self, condition: Condition) -> str:
        """Return the budget of a condition: `ε = 4/255`."""
        return f"ε = {epsilon_label(condition['epsilon'], self.config.norm)}"

    def quantity(self, condition: Condition) -> str:
        """Return accuracy under which attack: `robust accuracy at ε = 4/255 (L∞, glance)`."""
        if condition["epsilon"] == 0:
            return "clean accuracy"
        norm = NORM_TITLES[self.config.norm]
        return f"robust accuracy at {self.said(condition)} ({norm}, {self.config.title})"

    @property
    def remedy(self) -> str:  # type: ignore[override]
        """Return which stronger attack to try where this is an upper bound only."""
        if not self.is_upper_bound_only or self.kind == "text":  # their presets are no order
            return ""
        order = list(PRESETS)  # from weak to strong
        place = order.index(self.config.preset) if self.config.preset else 0
        stronger = [
            name
            for name in order[place + 1 :]
            if all(self.config.norm in ATTACKS[a.name].norms for a in PRESETS[name].attacks)
        ]
        if stronger:
            return f"Measure all of them again with the preset {stronger[0]}."
        return (
            "No stronger preset is at hand: see the checks, and attack through another model "
            "(surrogate)."
        )

    def records_at(self, epsilon: float) -> "pd.DataFrame":
        """Return the records at one epsilon of the grid, in order of index."""
        at = self.records[np.isclose(self.records["epsilon"], epsilon, rtol=1e-9, atol=1e-12)]
        return at.sort_values("index").reset_index(drop=True)

    def to_frame(self) -> "pd.DataFrame":
        """Return the records with class names, one row per example and epsilon."""
        frame = self.named("label", "clean_prediction", "prediction", "noise_prediction")
        return frame.assign(correct=frame["prediction"] == frame["label"])

    def summary(self) -> dict[str, Any]:
        """Return the numbers as JSON: one proportion {value, low, high, n} per epsilon."""
        smallest = {"median": self.median_smallest_epsilon, "censored": self.censored}
        return summed_up(
            self,
            "epsilons clean_accuracy robust_accuracy robustness conditional_success noise_accuracy "
            "area worst_attack raw_curve is_upper_bound_only checks cost",
            preset=self.config.preset,
            attack=self.config.title,
            attacks=self.config.attacks,
            norm=self.config.norm,
            seed=self.config.seed,
            smallest_epsilon=smallest,
            is_comparable_with_leaderboards=self.is_comparable,
            sample_passes=self.cost.forward + self.cost.backward,
            **(of_texts(self) if self.kind == "text" else {}),
        )

    @cached_property
    def _clean(self) -> Masks:
        first = self.records_at(self.epsilons[0]) if len(self.records) else self.records
        return np.asarray(first["clean_prediction"] == first["label"])

    @cached_property
    def _attacked(self) -> Masks:
        return self._right("prediction")

    @cached_property
    def _noisy(self) -> Masks:
        return self._right("noise_prediction")

    def _right(self, column: str) -> Masks:
        """Return whether `column` is the label, (N, E): example by epsilon."""
        right = self.records.assign(right=self.records[column] == self.records["label"])
        found = right.pivot(index="index", columns="epsilon", values="right").sort_index()
        return np.asarray(found.to_numpy(dtype=bool))

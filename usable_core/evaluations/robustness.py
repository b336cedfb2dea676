"""The question "does the model stay right when its input is changed a little?" and its answer.

Records, one row per (example, epsilon):
    index, id, label, epsilon, clean_prediction, prediction (under the worst attack found at this or
    a smaller epsilon), found_epsilon (the epsilon whose attack found it; NaN while it withstands),
    noise_prediction (under random noise of the same size: a corner of the Linf ball, a point on
    the L2 sphere).
Examples that are wrong when clean are not attacked and count as wrong at every epsilon.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from usable_core.errors import ConfigError
from usable_core.evaluations.specs import (
    DatasetSpec,
    ModelSpec,
    Norm,
    Provenance,
    is_between,
    require,
)
from usable_core.metrics import robustness
from usable_core.metrics.classification import share
from usable_core.metrics.intervals import Estimate, Proportion
from usable_core.metrics.paired import flips
from usable_core.records import to_json

if TYPE_CHECKING:
    import pandas as pd

# 0 must equal clean accuracy; the rest log-spaced from below 1/255 to beyond the usual 8/255.
LINF_EPSILONS = (0.0, 0.25 / 255, 0.5 / 255, 1 / 255, 2 / 255, 4 / 255, 8 / 255, 16 / 255)
L2_EPSILONS = (0.0, 0.03, 0.06, 0.125, 0.25, 0.5, 1.0)  # 0.5: RobustBench's budget at 32 x 32 x 3


def default_epsilons(norm: Norm) -> tuple[float, ...]:
    """Return the grid that is measured when nobody says otherwise."""
    return LINF_EPSILONS if norm == "linf" else L2_EPSILONS


def parse_epsilons(text: str) -> tuple[float, ...]:
    """Return the numbers of a list such as `0, 0.5/255, 4/255` or `0 0.25 0.5`, in order.

    Raises:
        ConfigError: a part of it is no number.
    """
    return tuple(sorted(_parse_epsilon(part) for part in text.replace(",", " ").split()))


def _parse_epsilon(text: str) -> float:
    above, has_fraction, below = text.partition("/")
    try:
        return float(above) / (float(below) if has_fraction else 1)
    except (ValueError, ZeroDivisionError):
        raise ConfigError(
            f"An epsilon must be a number or a fraction such as 4/255, but is {text!r}. Change it."
        ) from None


@dataclass(frozen=True)
class RobustnessConfig:
    """What to measure: one model, one data set, one attack over a grid of epsilons.

    Attributes:
        model: The model.
        dataset: The data set.
        attack: A key of `catalog.attacks.ATTACKS`.
        norm: Norm of the perturbation.
        epsilons: Increasing budgets in units of the [0, 1] pixel range (Linf: at most 1; L2: at
            most the norm of an all-ones image, checked when the image size is known).
        steps: Gradient steps (FGSM takes one whatever this says).
        restarts: Random starts; the worst per example counts.
        step_size: As a multiple of epsilon; None is 2.5 / steps (Madry et al. 2018).
        seed: Seed of the random starts, per example.
        gallery: How many attacked examples are kept as PNG at every epsilon.
        batch_size: Examples per forward pass; None chooses the fastest that fits.
    """

    model: ModelSpec
    dataset: DatasetSpec
    attack: str = "pgd"
    norm: Norm = "linf"
    epsilons: tuple[float, ...] = LINF_EPSILONS
    steps: int = 20
    restarts: int = 1
    step_size: float | None = None
    seed: int = 0
    gallery: int = 8
    batch_size: int | None = None

    def __post_init__(self) -> None:
        from usable_core.catalog import lookup
        from usable_core.catalog.attacks import ATTACKS

        lookup(ATTACKS, "attack", self.attack)
        require(self.norm in ("linf", "l2"), "norm", "linf or l2", self.norm)
        require(len(self.epsilons) > 0, "epsilons", "at least one number", self.epsilons)
        for epsilon in self.epsilons:
            top = 1.0 if self.norm == "linf" else float("1e6")
            expected = (
                "between 0 and 1 (1/255 is one grey level)" if self.norm == "linf" else "0 or more"
            )
            require(is_between(epsilon, 0, top), "epsilon", expected, epsilon)
        increasing = all(a < b for a, b in zip(self.epsilons, self.epsilons[1:], strict=False))
        require(increasing, "epsilons", "increasing, each once", self.epsilons)
        require(self.steps >= 1, "steps", "at least 1", self.steps)
        require(self.restarts >= 1, "restarts", "at least 1", self.restarts)
        require(self.gallery >= 0, "gallery", "0 or more", self.gallery)
        require(
            self.batch_size is None or self.batch_size >= 1,
            "batch_size",
            "at least 1",
            self.batch_size,
        )
        require(
            self.step_size is None or is_between(self.step_size, 1e-6, 10),
            "step_size",
            "a positive multiple of epsilon",
            self.step_size,
        )


@dataclass(frozen=True)
class RobustnessResult:
    """Per-example outcomes over the grid; every number is a property of them."""

    config: RobustnessConfig
    provenance: Provenance
    records: "pd.DataFrame"

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

    @property
    def flips(self) -> "pd.DataFrame":
        """Return counts per epsilon: attack_lost, noise_lost, noise_gained (right after noise)."""
        import pandas as pd

        rows = []
        columns = zip(self.epsilons, self._attacked.T, self._noisy.T, strict=True)
        for epsilon, attacked, noisy in columns:
            lost, gained = flips(self._clean, noisy)
            rows.append((epsilon, flips(self._clean, attacked)[0], lost, gained))
        return pd.DataFrame(rows, columns=["epsilon", "attack_lost", "noise_lost", "noise_gained"])

    @property
    def per_epsilon(self) -> "pd.DataFrame":
        """Return one row per epsilon: every number with `_low` and `_high`, and n."""
        import pandas as pd

        columns: dict[str, tuple[Proportion | Estimate, ...]] = {
            "robust_accuracy": self.robust_accuracy, "robustness": self.robustness,
            "conditional_success": self.conditional_success,
            "noise_accuracy": self.noise_accuracy,
        }  # fmt: skip
        frame = pd.DataFrame({"epsilon": self.epsilons, "n": self.n})
        for name, found in columns.items():
            frame[name] = [f.value for f in found]
            frame[f"{name}_low"] = [f.low for f in found]
            frame[f"{name}_high"] = [f.high for f in found]
        return frame

    def at(self, epsilon: float) -> dict[str, Proportion | Estimate]:
        """Return the numbers at one epsilon of the grid, by the name of their property."""
        k = self.epsilons.index(epsilon)
        return {
            "robust_accuracy": self.robust_accuracy[k],
            "robustness": self.robustness[k],
            "conditional_success": self.conditional_success[k],
            "noise_accuracy": self.noise_accuracy[k],
        }

    def outcomes(self, epsilon: float) -> "pd.DataFrame":
        """Return the records at one epsilon of the grid, in order of index."""
        at = self.records[np.isclose(self.records["epsilon"], epsilon, rtol=1e-9, atol=1e-12)]
        return at.sort_values("index").reset_index(drop=True)

    def to_frame(self) -> "pd.DataFrame":
        """Return the records with class names, one row per example and epsilon."""
        names = np.asarray(self.provenance.class_names, dtype=object)
        columns = ("label", "clean_prediction", "prediction", "noise_prediction")
        return self.records.assign(
            **{f"{c}_name": names[self.records[c].to_numpy()] for c in columns},
            correct=self.records["prediction"] == self.records["label"],
        )

    def summary(self) -> dict[str, Any]:
        """Return the numbers as JSON: one proportion {value, low, high, n} per epsilon."""
        found: dict[str, Any] = to_json({
            "model": self.provenance.model, "dataset": self.provenance.dataset,
            "split": self.provenance.split, "n": self.n,
            "attack": self.config.attack, "norm": self.config.norm,
            "steps": self.config.steps, "restarts": self.config.restarts,
            "seed": self.config.seed, "epsilons": self.epsilons,
            "clean_accuracy": self.clean_accuracy, "robust_accuracy": self.robust_accuracy,
            "robustness": self.robustness, "conditional_success": self.conditional_success,
            "noise_accuracy": self.noise_accuracy, "area": self.area,
            "seconds": self.provenance.seconds, "warnings": self.provenance.warnings,
        })  # fmt: skip
        return found

    @cached_property
    def _clean(self) -> NDArray[np.bool_]:
        first = self.outcomes(self.epsilons[0]) if len(self.records) else self.records
        return np.asarray(first["clean_prediction"] == first["label"])

    @cached_property
    def _attacked(self) -> NDArray[np.bool_]:
        return self._right("prediction")

    @cached_property
    def _noisy(self) -> NDArray[np.bool_]:
        return self._right("noise_prediction")

    def _right(self, column: str) -> NDArray[np.bool_]:
        """Return whether `column` is the label, (N, E): example by epsilon."""
        right = self.records.assign(right=self.records[column] == self.records["label"])
        table = right.pivot(index="index", columns="epsilon", values="right").sort_index()
        return np.asarray(table.to_numpy(dtype=bool))

"""The question "are these models fit for this use?" and its answer, from every evaluation.

Records, one row per model and requirement:
    model (reference), name (as people call it, each candidate otherwise), requirement (as it is
    written), value, low, high (the interval that decides), n, outcome (met, not met, undecided),
    reason, examples (how many would decide; 0 where none is said), run (which measured it; empty
    where nothing did).
"""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usable_core.catalog import implementation, lookup, starts
from usable_core.catalog.attacks import PRESETS
from usable_core.catalog.starts import STARTS
from usable_core.catalog.text_attacks import TEXT_PRESETS
from usable_core.errors import ConfigError
from usable_core.evaluations.specs import (
    MOST_SEED,
    DatasetSpec,
    InputKind,
    ModelSpec,
    Norm,
    require,
    require_choices,
    require_range,
)
from usable_core.metrics.intervals import Estimate
from usable_core.records import to_json
from usable_core.verdicts.candidates import Candidates
from usable_core.verdicts.checking import Checked
from usable_core.verdicts.findings import Findings
from usable_core.verdicts.kinds import misfit
from usable_core.verdicts.precedence import Precedence
from usable_core.verdicts.requirements import Requirements, requirement, requirements_of
from usable_core.verdicts.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

MEASURED = (
    "accuracy",
    "cost",
    "corruption",
    "robustness",
    "explanation",
)  # of every model, the quick first
USUAL = STARTS[starts.USUAL].require  # what is required where nobody says otherwise
MOST_MODELS = 50
SWAPS = "typo"  # of texts where nobody says otherwise: any language with letters, same meaning
# By name: they stand above questions and answers.
_SAVE = "usable_core.verdict_files.saving:save"
_HTML = "usable_core.verdict_files.notebook:as_html"


@dataclass(frozen=True)
class AssessmentConfig:
    """What is to be decided: which of several models is fit for one use.

    Attributes:
        models: The candidates.
        dataset: What they are to be used for, as labelled examples.
        require: What each must reach, as it is written; see `verdicts.requirements`.
        use: What they are to be used for, in words.
        set_by: Who says what they must reach.
        norm: Norm of the budgets of attacks.
        preset: How much is measured: a key of `catalog.attacks.PRESETS`.
        seed: Seed of all randomness.
        kind: What the models take, and the data consist of.
        swaps: Of texts, what attacks swap words for: a key of `catalog.text_attacks.TEXT_PRESETS`;
            `SWAPS` when not given.
        judge: Another model of texts, which says what broken texts still say.
    """

    models: tuple[ModelSpec, ...]
    dataset: DatasetSpec
    require: tuple[str, ...] = USUAL
    use: str = ""
    set_by: str = ""
    norm: Norm = "linf"
    preset: str = "glance"
    seed: int = 0
    kind: InputKind = "picture"
    swaps: str | None = None
    judge: ModelSpec | None = None

    def __post_init__(self) -> None:
        require(0 < len(self.models) <= MOST_MODELS, "models", "1 to 50 models", len(self.models))
        if len(set(self.models)) < len(self.models):
            raise ConfigError("models holds one model twice. Name each once.")
        require_choices(self)
        require_range(self, "seed", 0, MOST_SEED)
        lookup(PRESETS, "preset", self.preset)
        self._check_of_texts()
        for one in requirements_of(self.require).required:
            if why := misfit(one, self.kind):
                raise ConfigError(why)

    def _check_of_texts(self) -> None:
        """Check what is said of attacks on texts.

        Raises:
            ConfigError: the models take pictures, or the judge is one of them.
            UnknownName: there are no such swaps.
        """
        if self.kind == "picture" and (self.swaps or self.judge):
            raise ConfigError(
                "swaps and judge are of attacks on texts, and these models take pictures. Leave "
                "them out."
            )
        if self.swaps is not None:
            lookup(TEXT_PRESETS, "swaps", self.swaps)
        if self.judge in self.models:
            raise ConfigError(
                f"{self.judge.reference} is to be assessed, and nobody judges their own case. "
                "Name another judge, or none."
            )

    @property
    def requirements(self) -> Requirements:
        """Return what each model must reach."""
        required = tuple(requirement(text) for text in self.require)
        return Requirements(required, self.use, self.set_by, self.norm)


@dataclass(frozen=True)
class AssessmentResult:
    """The verdict of each model, and the runs that it rests on.

    Attributes:
        config: The question.
        records: One row per model and requirement.
        precedence: Whether the requirements stood before the data were first looked at.
        findings: Where each model fails, how far to believe it, and what was not measured.
        candidates: The models side by side; None where fewer than two could be measured.
    """

    config: AssessmentConfig
    records: "pd.DataFrame"
    precedence: Precedence = Precedence()
    findings: Findings = Findings()
    candidates: Candidates | None = None

    def __repr__(self) -> str:
        return f"AssessmentResult({' '.join(v.sentence for v in self.verdicts)})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        html: str = implementation(_HTML)(self)
        return html

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Return the verdict of each model, in the order in which they were named."""
        parts = self.records.groupby("name", sort=False)  # one reference can have several weights
        return tuple(
            Verdict(str(name), tuple(map(_checked, rows.to_dict("records"))))
            for name, rows in parts
        )

    @property
    def sentence(self) -> str:
        """Return the answer to the whole question, which is best, and what must be known beside."""
        best = "" if self.candidates is None else self.candidates.sentence
        return " ".join(filter(None, (self._sentence, best, self.precedence.mark)))

    @property
    def _sentence(self) -> str:
        by_answer: dict[str, list[str]] = {}
        for one in self.verdicts:
            by_answer.setdefault(one.answer, []).append(one.model)
        if len(self.verdicts) == 1:
            return self.verdicts[0].sentence
        parts = [
            f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} {_WORDS[answer]}"
            for answer in _WORDS
            if (names := by_answer.get(answer))
        ]
        return f"{'; '.join(parts)}."

    def to_frame(self) -> "pd.DataFrame":
        """Return the records, one row per model and requirement."""
        return self.records.copy()

    def save(self, folder: str | Path, key: str | Path | None = None) -> None:
        """Write the evidence file: the verdict, what it rests on, and what proves it.

        Args:
            folder: Not there yet, or empty.
            key: A private key of SSH that signs it.

        Raises:
            ConfigError: it cannot be signed by the key.
            UnknownName: a run that it rests on was deleted.
            StorageError: there is something in the folder, or it cannot be written.
        """
        implementation(_SAVE)(self, folder, key)

    def summary(self) -> dict[str, Any]:
        """Return the verdicts as JSON."""
        rows = self.records.groupby("name", sort=False)
        found: dict[str, Any] = to_json(
            {
                "sentence": self.sentence,
                "use": self.config.use,
                "set_by": self.config.set_by,
                "preset": self.config.preset,
                "precedence": {
                    **to_json(self.precedence),
                    "is_after": self.precedence.is_after,
                    "sentence": self.precedence.sentence,
                },
                "models": [
                    {
                        "model": part["model"].iloc[0],
                        "name": verdict.model,
                        "verdict": verdict.answer,
                        "sentence": verdict.sentence,
                        "next_step": verdict.next_step,
                        "requirements": part.drop(columns=["model", "name"]).to_dict("records"),
                    }
                    for verdict, (_, part) in zip(self.verdicts, rows, strict=True)
                ],
                "candidates": self.candidates and self.candidates.summary(),
                **self.findings.summary(),
            }
        )
        return found


_WORDS = {
    "fit": "fit for this use",
    "not shown": "not shown to be fit",
    "not fit": "not fit",
}


def row_of(checked: Checked) -> dict[str, object]:
    """Return what is recorded of one requirement."""
    found = checked.found or Estimate(math.nan, math.nan, math.nan, 0)
    return {
        "requirement": checked.requirement.text,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "outcome": checked.outcome,
        "reason": checked.reason,
        "examples": checked.examples or 0,
    }


def _checked(row: dict[Any, Any]) -> Checked:
    found = Estimate(row["value"], row["low"], row["high"], int(row["n"]))
    return Checked(
        requirement(row["requirement"]),
        found if found.n else None,
        row["outcome"],
        row["reason"],
        int(row["examples"]) or None,
    )

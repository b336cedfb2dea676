"""The tour: every step is a run of its own, in the store, with the tour as its parent."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from usable_core import jobs, tasks
from usable_core.catalog.attacks import AttackSpec
from usable_core.catalog.models import BUNDLED
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.demo import DemoConfig, DemoResult
from usable_core.evaluations.explanation import ExplainerOptions, ExplanationConfig
from usable_core.evaluations.result import Config
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Report
from usable_core.evaluations.training import FineTuningConfig, Schedule

DATASET = "digits"
# From a quarter of a grey level to a budget that no ordinary network withstands.
EPSILONS = (0.0, 0.25 / 255, 1 / 255, 4 / 255, 8 / 255, 16 / 255)
ATTACK_STEPS = 10
WALKED = 8  # examples of the attack's checks
EVALUATIONS = 150  # per map: enough for a first look
# Shares of the time on two cores, for the progress bar and the time left.
COSTS = {"finetune": 60, "accuracy": 2, "robustness": 30, "explanation": 8}


@dataclass
class _Tour:
    """How far the tour has come, and the runs that it left."""

    parent: str
    report: Report
    total: int
    done: int = 0
    shown: int = 0

    def step(self, config: Config, title: str) -> dict[str, str]:
        """Work on one question and return its record."""
        cost = COSTS[tasks.name_of(config)]

        def inner(done: int, total: int, message: str, **metrics: float) -> None:
            # Reading comes before the work and counts by itself; figures come with the work.
            share = min(1.0, done / total) if total > 0 and metrics else 0.0
            self.shown = max(self.shown, self.done + int(cost * share))
            self.report(self.shown, self.total, f"{title}: {message}")

        run, _ = jobs.run_here(config, inner, parent=self.parent, title=title)
        self.done = self.shown = self.done + cost
        self.report(self.done, self.total, title)
        return {"run": run.id, "task": run.task, "model": run.model_name or "", "title": title}


def run_demo(*, config: DemoConfig, report: Report, folder: Path) -> DemoResult:
    """Fine-tune bundled backbones on the digits, measure and explain each.

    Args:
        config: Which backbones, and how much of everything.
        report: Told the share of the whole tour; raises `Cancelled`.
        folder: The tour's own folder, named by the id of its run.

    Raises:
        CheckpointError: a backbone's files are not there.
    """
    titles = {name: BUNDLED[name].title for name in config.backbones}
    total = sum(COSTS.values()) * len(titles)
    tour = _Tour(folder.name, report, total)
    records = []
    for name, title in titles.items():
        tuned = tour.step(fine_tuning(name, config), f"Fine-tune {title} on digits")
        records.append(tuned)
        for question, what in _questions(f"run/{tuned['run']}", config):
            records.append(tour.step(question, f"{what} of {title}"))
    return DemoResult(config, pd.DataFrame(records))


def fine_tuning(name: str, config: DemoConfig) -> FineTuningConfig:
    """Return how the tour fine-tunes the bundled backbone `name`."""
    usual = Schedule(batch_size=32, learning_rate=0.06, augmentation="shift")
    schedule = replace(usual, epochs=config.epochs, seed=config.seed)
    spec = DatasetSpec(DATASET, "train", seed=config.seed)
    return FineTuningConfig(ModelSpec(f"bundled/{name}"), spec, schedule=schedule)


def _questions(reference: str, config: DemoConfig) -> list[tuple[Config, str]]:
    """Return what is asked about a fine-tuned model, with the titles' first words."""
    model, test = ModelSpec(reference), DatasetSpec(DATASET, "test", seed=config.seed)
    attacked = replace(test, limit=config.robustness_examples)
    explained = replace(test, limit=config.explained_examples)
    pgd, options = AttackSpec("pgd", ATTACK_STEPS), ExplainerOptions(EVALUATIONS, seed=config.seed)
    robustness = RobustnessConfig(
        model, attacked, (pgd,), epsilons=EPSILONS, seed=config.seed, walked=WALKED
    )
    return [
        (AccuracyConfig(model, test), "Accuracy"),
        (robustness, "Robustness"),
        (ExplanationConfig(model, explained, options=options), "Explanation"),
    ]

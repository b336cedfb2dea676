"""A question that only takes time."""

import time
from dataclasses import dataclass

import pandas as pd

from usable_core import tasks
from usable_core.evaluations.specs import ModelSpec


@dataclass(frozen=True)
class WaitConfig:
    model: ModelSpec = ModelSpec("bundled/resnet")
    name: int = 0
    steps: int = 60


@dataclass(frozen=True)
class WaitResult:
    config: WaitConfig
    records: pd.DataFrame

    def summary(self):
        return {"count": len(self.records)}


def wait(*, model, config, report, folder):
    for step in range(config.steps):
        time.sleep(0.25)
        report(step + 1, config.steps, "Waiting", share=step / config.steps)
    return WaitResult(config, pd.DataFrame({"value": range(config.steps)}))


TASK = tasks.Task("Wait", WaitConfig, WaitResult, f"{__name__}:wait")

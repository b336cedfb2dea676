"""The process of runs: measures what it is asked, one question a line, and says how each ended.

It stays, so that what takes long is loaded once, here and on the nodes.
"""

import json
import os
import sys
import time
import traceback
from pathlib import Path

from usable_core import jobs
from usable_core.catalog.attacks import AttackSpec
from usable_core.catalog.text_attacks import TEXT_PRESETS
from usable_core.errors import UsableError
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.evaluations.explanation import ExplainerOptions, ExplanationConfig
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.measuring import parts, shards, spreading

DIGITS = {"model": ModelSpec("bundled/vgg_digits")}
TEXTS = {"model": ModelSpec("bundled/bert"), "dataset": DatasetSpec("languages", limit=300)}
MADE_BY = ExplainerOptions(evaluations=32, segments=9, background="grey")


def digits(limit):
    return {**DIGITS, "dataset": DatasetSpec("digits", limit=limit)}


def config_of(kind):
    """Return a question of a kind."""
    if kind == "accuracy":
        return AccuracyConfig(**digits(240), batch_size=8)
    if kind == "corruption":
        chosen = ("gaussian_noise", "fog", "frost")
        return CorruptionConfig(**digits(160), corruptions=chosen, severities=(1, 3), batch_size=8)
    if kind == "robustness":
        budgets, ladder = (0.0, 4 / 255, 16 / 255), (AttackSpec("pgd", 2),)
        asked = {"epsilons": budgets, "walked": 4, "gallery": 2, "batch_size": 4}
        return RobustnessConfig(**digits(160), attacks=ladder, **asked)
    if kind == "explanation":
        return ExplanationConfig(**digits(12), methods=("lime", "saliency"), options=MADE_BY)
    if kind == "texts":
        return AccuracyConfig(**TEXTS, batch_size=16)
    attacks = TEXT_PRESETS["typo"].attacks
    return RobustnessConfig(**TEXTS, attacks=attacks, epsilons=(0.0, 0.3), walked=4)


def answer(order):
    """Return how the run of an order ended, and which parts it stored."""
    os.environ["USABLE_HOME"] = order["home"]
    os.environ["USABLE_RAY_ADDRESS"] = order.get("ray", "")
    shards.PART_SECONDS = spreading.PART_SECONDS = order.get("seconds", 0.5)
    size, hold = order.get("size"), Path(order.get("hold", "none"))

    def count(self, room):
        return max(1, size * self._work.pieces // self._work.unit) if size else COUNT(self, room)

    def report(done, total, message, **metrics):
        while hold.exists() and len(STORED) > 1:
            time.sleep(0.1)

    spreading.Ranges._count = count
    STORED.clear()
    try:
        run, _ = jobs.run_here(config_of(order["kind"]), report)
    except UsableError as error:
        return {"error": str(error), "stored": STORED}
    except BaseException:
        return {"bug": traceback.format_exc(), "stored": STORED}
    return {"run": run.id, "stored": STORED}


COUNT, STORED = spreading.Ranges._count, []
STORE = shards.Shards._store


def noted(self, place, part, files):
    """Store a part, and note where it begins."""
    STORE(self, place, part, files)
    STORED.append([place.example, place.step, part.host])


shards.Shards._store = noted
parts.BEAT_SECONDS = 0.2
SAID = os.fdopen(os.dup(1), "w")  # answers alone; whatever else is printed goes to the log
os.dup2(2, 1)
SAID.write('"ready"\n')
SAID.flush()
for line in sys.stdin:
    SAID.write(json.dumps(answer(json.loads(line))) + "\n")
    SAID.flush()

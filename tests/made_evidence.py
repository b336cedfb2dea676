"""Verdicts to write evidence files of, and how their bytes are damaged."""

import os

import numpy as np
import pandas as pd
from made_results import accuracy_result, robustness_result

from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.runs import RunStore
from usable_core.verdicts import requirement
from usable_core.verdicts.assessment import AssessmentConfig, AssessmentResult, row_of
from usable_core.verdicts.checking import check
from usable_core.verdicts.finding import findings_of

HOSTILE = '</script><img src=x onerror=alert(1)> | `--- "\n=cmd'
RULES = ("accuracy >= 70 %", "ece <= 50 %", "robust_accuracy at 4/255 >= 30 %", "top5 >= 99 %")


def kept(result):
    """Store an answer and return its run."""
    store = RunStore()
    run = store.create(result.config)
    store.start(run.id, os.getpid())
    store.finish(run.id, result)
    return run.id


def assessed(folder, *, rules=RULES, use="Post codes", name="net"):
    """Two made candidates with weights of their own: one that is good, and one that is not."""
    models, rows, measured = [], [], {}
    for place, wrong in enumerate((3, 60)):
        weights = folder / f"{place}.pth"
        weights.write_bytes(bytes(range(256)) * (place + 2))
        spec = ModelSpec("timm/x", weights=str(weights))
        labels = np.arange(100) % 3
        said = np.where(np.arange(100) < wrong, (labels + 1) % 3, labels)
        clean = accuracy_result(labels, said, model="timm/x")
        hit = robustness_result(labels, said, [said, said, said], epsilons=(0, 1 / 255, 4 / 255))
        answers = {}
        for task, answer in (("accuracy", clean), ("robustness", hit)):
            config = type(answer.config)(
                **{**vars(answer.config), "model": spec, "dataset": DatasetSpec("digits")}
            )
            provenance = type(answer.provenance)(
                **{**vars(answer.provenance), "model": "timm/x", "model_fingerprint": f"f{place}"}
            )
            answers[task] = type(answer)(config, provenance, answer.records)
        runs = {task: kept(answer) for task, answer in answers.items()}
        for text in rules:
            task = requirement(text).row.task
            found = check(requirement(text), [answers[task]], candidates=2)
            named = {"model": "timm/x", "name": f"{name} {place}"}
            measured.setdefault(named["name"], {})[task] = answers[task]
            rows.append({**named, **row_of(found), "run": runs[task]})
        models.append(spec)
    config = AssessmentConfig(tuple(models), DatasetSpec("digits"), rules, use, "Quality group")
    findings = findings_of(measured, {}, {"cost": "Cost"})
    result = AssessmentResult(config, pd.DataFrame(rows), findings=findings)
    kept(result)
    return result


def flipped(path, place, bit):
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)

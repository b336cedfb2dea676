"""What every row of `TASKS` promises: a question that survives JSON, a function that is there."""

import inspect
import json
from dataclasses import MISSING, fields, replace
from types import SimpleNamespace
from typing import get_type_hints

import numpy as np
import pytest
from made_texts import CLASSES, save_classifier
from toy_models import digits_dataset

from usable_core import answering, load_model, tasks
from usable_core.catalog import implementation
from usable_core.catalog.attacks import AttackSpec
from usable_core.datasets.texts import from_texts
from usable_core.errors import ConfigError
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.evaluations.cost import CostConfig
from usable_core.evaluations.explanation import ExplainerOptions, ExplanationConfig
from usable_core.evaluations.learning_curve import ALL, LearningCurveConfig
from usable_core.evaluations.look import LookConfig
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.sweep import SweepConfig
from usable_core.evaluations.training import FineTuningConfig, PretrainingConfig
from usable_core.labels import LabelSpace
from usable_core.records import from_json, to_json
from usable_core.verdicts.assessment import AssessmentConfig

MODEL = ModelSpec("timm/x", weights="w.safetensors", arch_options=(("pad_type", "same"),))
DATA = DatasetSpec("digits", split="test", limit=10, seed=3)
TRAINED_ON = replace(DATA, split="train")
EXAMPLES = {
    "accuracy": AccuracyConfig(MODEL, DATA, batch_size=8),
    "robustness": RobustnessConfig(
        MODEL, DATA, attacks=(AttackSpec("pgd", step_size=0.1),), norm="l2", epsilons=(0.0, 0.5)
    ),
    "corruption": CorruptionConfig(MODEL, DATA, ("fog", "snow"), (1, 5), seed=2),
    "explanation": ExplanationConfig(MODEL, DATA, ("lime",), "7", ExplainerOptions(evaluations=32)),
    "cost": CostConfig(MODEL, DATA, (4, 16), timings=20),
    "pretrain": PretrainingConfig("small_vit", DATA, Schedule(optimizer="adamw"), epsilon=0.1),
    "finetune": FineTuningConfig(MODEL, DATA, source=DATA, task_weight=0.5),
    "sweep": SweepConfig(MODEL, TRAINED_ON, source=DATA, lambdas=(0, 0.5), seeds=(4, 2)),
    "learning_curve": LearningCurveConfig((MODEL,), TRAINED_ON, (5, 20, ALL), seeds=(1,)),
    "look": LookConfig(DatasetSpec("digits")),
    "assess": AssessmentConfig((MODEL, ModelSpec("bundled/vgg")), DATA, ("ece <= 5 %",), norm="l2"),
}


def example(name):
    """Return a question of a kind: one from above, else one with the names that it must have."""
    if name in EXAMPLES:
        return EXAMPLES[name]
    kind = tasks.TASKS[name].config
    required = {f.name for f in fields(kind) if f.default is f.default_factory is MISSING}
    given = {ModelSpec: MODEL, DatasetSpec: DATA}
    return kind(**{name: given[get_type_hints(kind)[name]] for name in required})


@pytest.mark.parametrize("name", tasks.TASKS)
def test_a_question_survives_json(name):
    config = example(name)

    text = json.dumps(tasks.config_to_json(config))

    assert tasks.config_from_json(name, json.loads(text)) == config
    assert tasks.name_of(config) == name


@pytest.mark.parametrize("name", tasks.TASKS)
def test_the_measuring_function_takes_what_run_gives_it(name):
    function = implementation(tasks.TASKS[name].function)

    given = {"config", "report", "folder"}
    given |= {part for part in ("model", "dataset") if hasattr(example(name), part)}
    parameters = inspect.signature(function).parameters
    required = {n for n, p in parameters.items() if p.default is inspect.Parameter.empty}
    assert required <= given <= set(parameters)


@pytest.mark.parametrize("name", tasks.TASKS)
def test_every_answer_can_be_summed_up_and_tabulated(name):
    result = tasks.TASKS[name].result

    assert callable(result.summary)
    assert callable(result.to_frame)


OF_TEXTS = {  # what is asked of texts where the usual is of pictures, and how little will do
    "robustness": {"attacks": (AttackSpec("typo", steps=2),), "epsilons": (0.0, 0.5), "walked": 0},
    "corruption": {"corruptions": ("keyboard_typo",), "severities": (5,)},
    "explanation": {"methods": ("occlusion",), "options": ExplainerOptions(evaluations=16)},
    "cost": {"timings": 5},
}
MEASURING = [
    name
    for name, row in tasks.TASKS.items()
    if row.matches_classes or row.is_of_machine
    if "text" in row.kinds
]


@pytest.mark.parametrize("name", MEASURING)
def test_what_can_be_asked_of_texts_is_answered_and_called_so(name, tmp_path):
    save_classifier(tmp_path / "bert", "bert")
    model = load_model(tmp_path / "bert")
    texts = ["It rained all day", "nobody minded it", "a small test"]
    data = from_texts("texts", texts, np.arange(3), LabelSpace(CLASSES))
    config = tasks.TASKS[name].config(MODEL, DatasetSpec("texts"), **OF_TEXTS.get(name, {}))

    result = answering.run(config, {"model": model, "dataset": data}, silent, None)

    assert result.kind == "text"
    assert result.examples == "texts"
    assert any(np.isfinite(one.found.value) for one in result.numbers())
    assert json.dumps(to_json(result.summary()))
    assert all("picture" not in warning for warning in result.provenance.warnings)
    with pytest.raises(ConfigError, match="one kind"):
        answering.run(config, {"model": model, "dataset": digits_dataset(0, 5)}, silent, None)


def test_one_question_has_one_key_wherever_its_files_lie():
    def things(mark):
        data = digits_dataset(0, 100)
        model = SimpleNamespace(fingerprint=mark, card={}, labels=data.labels, notes=())
        return {"model": model, "dataset": data}

    config = EXAMPLES["accuracy"]
    renamed = replace(
        config,
        model=replace(MODEL, weights="elsewhere/w.safetensors"),
        dataset=replace(DATA, reference="elsewhere/digits"),
    )

    assert answering.key(config, things("m")) == answering.key(renamed, things("m"))
    assert answering.key(config, things("m")) != answering.key(config, things("n"))
    assert answering.key(config, things("m")) != answering.key(
        replace(config, batch_size=4), things("m")
    )


def test_a_stored_question_with_an_unknown_setting_is_not_guessed_at():
    stored = to_json(EXAMPLES["accuracy"]) | {"sauce": "extra"}

    with pytest.raises(ValueError, match="sauce"):
        from_json(AccuracyConfig, stored)


def test_numbers_that_json_has_no_word_for_become_null():
    assert to_json({"a": float("nan"), "b": (float("inf"), 1.0)}) == {"a": None, "b": [None, 1.0]}

"""The command line that asks the question of a training again."""

import shlex
from pathlib import Path

from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.evaluations.specs import ModelSpec
from usable_core.evaluations.training import FineTuningConfig
from usable_core.records import to_json


def command(config: PretrainingConfig | FineTuningConfig) -> str:
    """Return the command line that asks the same question (files by their last name only)."""
    if isinstance(config, PretrainingConfig):
        words = ["usable", "pretrain", "--architecture", config.architecture]
        words += ["--epsilon", f"{config.epsilon * 255:g}/255"] if config.epsilon else []
        words += ["--adversarial", config.adversarial] * (config.adversarial != "fast")
        words += ["--attack-steps", str(config.attack_steps)] * (config.attack_steps is not None)
        words += ["--objective", config.objective] * (config.objective != "supervised")
    else:
        words = ["usable", "finetune", *_model_words(config.model), "--method", config.method]
        words += ["--prompt", config.prompt] * bool(config.prompt)
        words += ["--from-scratch"] * config.from_scratch
        words += ["--layer-decay", f"{config.layer_decay:g}"] * (config.layer_decay != 1)
        blocks = config.last_blocks
        words += [] if blocks is None else ["--last-blocks", str(blocks)]
        words += ["--backbone-rate", f"{config.backbone_rate:g}"] * (config.backbone_rate != 1)
        if config.source is not None:
            words += ["--source", Path(config.source.reference).name]
        words += ["--proxy", config.proxy] * (config.proxy != "none")
        words += ["--lambda", f"{config.task_weight:g}"] * config.is_joint
        words += ["--recipe", str(config.recipe)] * (config.recipe is not None)
        words += ["--train-size", str(config.train_size)] * (config.train_size is not None)
    words += ["--dataset", Path(config.dataset.reference).name, "--split", config.dataset.split]
    words += ["--limit", str(config.dataset.limit)] * (config.dataset.limit is not None)
    said = {n: v for n, v in to_json(config.schedule).items() if v is not None}
    for name, value in said.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _model_words(spec: ModelSpec) -> list[str]:
    words = ["--model", spec.reference]
    words += ["--weights", Path(spec.weights).name] if spec.weights else []
    words += ["--labels", Path(spec.labels).name] if spec.labels else []
    pairs = [("--arch-option", pair) for pair in spec.arch_options]
    pairs += [("--preprocessing", pair) for pair in spec.preprocessing]
    words += [word for option, (name, value) in pairs for word in (option, f"{name}={value}")]
    return words + ["--trust"] * spec.trust

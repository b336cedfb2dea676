"""`usable pretrain` and `usable finetune`: make a model and put it on the shelf."""

from typing import Annotated, cast, get_args

import typer

from usable_core.cli import options as o
from usable_core.cli.output import answer, run_task, with_run
from usable_core.evaluations.epsilon import number
from usable_core.evaluations.specs import DatasetSpec
from usable_core.evaluations.training import (
    FineTuningConfig,
    Optimizer,
    PretrainingConfig,
    Schedule,
    TrainingResult,
)

USUAL = Schedule()
Epochs = Annotated[int, typer.Option("--epochs", help="Passes over the training split.")]
BatchSize = Annotated[int, typer.Option("--batch-size", help="Examples per step.")]
OptimizerName = Annotated[str, typer.Option("--optimizer", help="sgd or adamw.")]
LearningRate = Annotated[float, typer.Option("--learning-rate", help="Peak of the cosine.")]
Warmup = Annotated[float, typer.Option("--warmup", help="Share of steps before the peak.")]
WeightDecay = Annotated[float, typer.Option("--weight-decay")]
Smoothing = Annotated[float, typer.Option("--label-smoothing")]
Augmentation = Annotated[str, typer.Option("--augmentation", help="none, shift or shift_flip.")]
PrecisionName = Annotated[str, typer.Option("--precision", help="auto, float32 or bfloat16.")]


def pretrain(
    architecture: Annotated[str, typer.Option(help="small_resnet, small_vgg or small_vit.")],
    dataset: o.DatasetOption,
    split: o.SplitOption = "auto",
    limit: o.LimitOption = None,
    epsilon: Annotated[
        str, typer.Option(help="Linf budget of adversarial training, such as 8/255.")
    ] = "0",
    epochs: Epochs = USUAL.epochs,
    batch_size: BatchSize = USUAL.batch_size,
    optimizer: OptimizerName = USUAL.optimizer,
    learning_rate: LearningRate = USUAL.learning_rate,
    warmup: Warmup = USUAL.warmup,
    weight_decay: WeightDecay = USUAL.weight_decay,
    label_smoothing: Smoothing = USUAL.label_smoothing,
    augmentation: Augmentation = USUAL.augmentation,
    precision: PrecisionName = USUAL.precision,
    seed: o.SeedOption = 0,
    json: o.JsonOption = None,
) -> None:
    """Train one of our small architectures from random weights."""
    schedule = _schedule(
        epochs,
        batch_size,
        optimizer,
        learning_rate,
        warmup,
        weight_decay,
        label_smoothing,
        augmentation,
        precision,
        seed,
    )
    data = o.dataset_spec(dataset, split, limit, seed)
    _train(PretrainingConfig(architecture, data, schedule, number(epsilon, "epsilon")), json)


def finetune(
    model: o.ModelOption,
    dataset: o.DatasetOption,
    weights: o.WeightsOption = None,
    arch_option: o.ArchOption = None,
    trust: o.TrustOption = False,
    preprocessing: o.PreprocessingOption = None,
    split: o.SplitOption = "auto",
    limit: o.LimitOption = None,
    method: Annotated[str, typer.Option(help="full or linear_probe.")] = "full",
    source: Annotated[
        str | None, typer.Option(help="Data set of the pre-training objective L_pre.")
    ] = None,
    task_weight: Annotated[
        float, typer.Option("--lambda", help="λ in L_pre + λ·L_fine; needs --source.")
    ] = 1.0,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Start from random weights, as a control.")
    ] = False,
    backbone_rate: Annotated[
        float, typer.Option("--backbone-rate", help="Multiple of the head's learning rate.")
    ] = 1.0,
    epochs: Epochs = USUAL.epochs,
    batch_size: BatchSize = USUAL.batch_size,
    optimizer: OptimizerName = USUAL.optimizer,
    learning_rate: LearningRate = USUAL.learning_rate,
    warmup: Warmup = USUAL.warmup,
    weight_decay: WeightDecay = USUAL.weight_decay,
    label_smoothing: Smoothing = USUAL.label_smoothing,
    augmentation: Augmentation = USUAL.augmentation,
    precision: PrecisionName = USUAL.precision,
    seed: o.SeedOption = 0,
    json: o.JsonOption = None,
) -> None:
    """Fine-tune a pretrained model on a data set."""
    schedule = _schedule(
        epochs,
        batch_size,
        optimizer,
        learning_rate,
        warmup,
        weight_decay,
        label_smoothing,
        augmentation,
        precision,
        seed,
    )
    config = FineTuningConfig(
        model=o.model_spec(model, weights, arch_option, trust, preprocessing),
        dataset=o.dataset_spec(dataset, split, limit, seed),
        method=method,  # type: ignore[arg-type]
        schedule=schedule,
        source=None if source is None else DatasetSpec(source, seed=seed),
        task_weight=task_weight,
        from_scratch=from_scratch,
        backbone_rate=backbone_rate,
    )
    _train(config, json)


def _schedule(
    epochs: int,
    batch_size: int,
    optimizer: str,
    learning_rate: float,
    warmup: float,
    weight_decay: float,
    label_smoothing: float,
    augmentation: str,
    precision: str,
    seed: int,
) -> Schedule:
    return Schedule(
        epochs,
        batch_size,
        o.choice(optimizer, "optimizer", get_args(Optimizer)),  # type: ignore[arg-type]
        learning_rate,
        warmup,
        weight_decay,
        label_smoothing,
        augmentation,  # type: ignore[arg-type]
        o.choice(precision, "precision", ("auto", "float32", "bfloat16")),  # type: ignore[arg-type]
        seed,
    )


def _train(config: PretrainingConfig | FineTuningConfig, json: str | None) -> None:
    run, found = run_task(config)
    result = cast(TrainingResult, found)
    reference = f"run/{run.answered_by or run.id}"
    shown = f"{result.best_validation_accuracy:.1%}".replace("%", " %")
    lines = [
        f"{result.epochs} epochs in {result.provenance.seconds:.0f} s; best validation accuracy "
        f"{shown} (epoch {result.best_epoch}).",
        f"The model is {reference}: "
        f"usable evaluate accuracy --model {reference} --dataset {config.dataset.reference}",
    ]
    answer({**with_run(run, result.summary()), "reference": reference}, json, lines)

"""What a ladder of attacks does to each example at each epsilon, in parts, with its checks."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.attacks.needs import check_gradients
from usable_core.attacks.norms import check_budget, random_edge
from usable_core.attacks.sweep import SmallestEpsilons, ascend, confirm, descend
from usable_core.datasets.dataset import Dataset
from usable_core.evaluations.robustness import Check, Cost, RobustnessConfig
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.evaluations.specs import Provenance, Report, silent
from usable_core.measuring import attacked_texts, checks
from usable_core.measuring.examples import (
    Examples,
    Progress,
    examples_of,
    first_pictures,
    list_unread,
    pictures,
)
from usable_core.measuring.gallery import GALLERY, Gallery
from usable_core.measuring.node import Errand
from usable_core.measuring.provenance import provenance, without_leaked
from usable_core.measuring.robustness_plan import RobustnessPlan
from usable_core.measuring.robustness_records import (
    failures,
    noise_check,
    part_table,
    records_of,
    weaknesses,
)
from usable_core.measuring.shards import Shards
from usable_core.measuring.spreading import joined_cluster, spread
from usable_core.measuring.streaming import Objects, question_of
from usable_core.measuring.surrogates import check_surrogate, labels_of
from usable_core.measuring.walked_sample import attacked_batch, drawn_sample
from usable_core.measuring.work import Place, Step, Work
from usable_core.models.model import Model
from usable_core.randomness import example_seeds
from usable_core.records import from_json, to_json

# Examples worked on together, in batches: enough that a batch seldom waits for its last lanes.
_BATCHES = 4
_LEAST = 64


def measure(
    *,
    model: Model,
    dataset: Dataset,
    config: RobustnessConfig,
    report: Report = silent,
    folder: Path | None = None,
    surrogate: Model | None = None,
    judge: Model | None = None,
) -> RobustnessResult:
    """Return the outcome of every example at every epsilon, and the checks of the attack.

    As `measuring.accuracy.measure`, but `gallery/{index}_{k}.png` and finished parts go into the
    folder, and a `surrogate` is another backbone of the same input size and classes, for the
    black-box check. A `judge` is another model of texts, which reads what breaks this one.

    Raises:
        AttackError: an epsilon is no budget for the model's images.
        NoGradients: an attack follows gradients, and the model (or the surrogate) has none.
        ConfigError: the surrogate takes images of another size or knows more or fewer classes.
    """
    attacked_texts.check_kind(model, config)
    if model.kind == "text":
        return attacked_texts.measure(model, dataset, config, report, folder, judge)
    started = time.perf_counter()
    for epsilon in config.epsilons:
        check_budget(epsilon, config.norm, (3, *model.input_size))
    check_gradients(model, config.attacks)
    examples = examples_of(model, dataset, config.dataset)
    check_surrogate(model, surrogate, examples)
    cluster = joined_cluster(model, folder)
    progress = Progress(len(examples), report, "Reading images")
    named = () if surrogate is None else (surrogate.fingerprint,)
    shards = Shards(folder, question_of(model, examples.dataset, config, *named))
    if shards.plan is None:
        with oracle_of(model, config, progress, config.batch_size) as oracle:
            shards.begin(to_json(plan(Objects(oracle, examples, progress), config, surrogate)))
    planned = from_json(RobustnessPlan, shards.plan or {})
    work = work_of(model, examples, config, planned, shards.folder, progress)
    with work.oracle:
        spread(shards, work, Errand(opened, config), cluster)
        table = shards.rows(work)
    list_unread(examples.dataset, model, table)
    shards.publish(GALLERY, Gallery(shards.folder, config.gallery, config.epsilons).gather())
    halvings = dict.fromkeys((*shards.remarks, *work.oracle.halvings))
    source = provenance(
        model,
        examples.dataset,
        seconds=shards.seconds + time.perf_counter() - started,
        batch_size=work.oracle.size(needs_gradient=True).current,
        warnings=(*halvings, *weaknesses(config, model.input_size)),
        hosts=shards.hosts,
    )
    return merge(examples, config, planned, table, source)


def oracle_of(
    model: Model, config: RobustnessConfig, progress: Progress, size: int | tuple[int, int] | None
) -> Oracle:
    """Return a model to be asked in batches of a size, or of those without and with gradients."""
    return Oracle(model, fixed_size=size, draws=config.draws, on_pass=progress.tick)


def opened(
    model: Model, dataset: Dataset, config: RobustnessConfig, plan: dict[str, Any], folder: Path
) -> Work:
    """Return the work of a question, as another process planned it; pictures go into `folder`."""
    examples = examples_of(model, dataset, config.dataset)
    planned = from_json(RobustnessPlan, plan)
    return work_of(model, examples, config, planned, folder, Progress(len(examples)))


def work_of(
    model: Model,
    examples: Examples,
    config: RobustnessConfig,
    plan: RobustnessPlan,
    folder: Path | None,
    progress: Progress,
) -> Work:
    """Return the work that a plan says."""
    oracle = oracle_of(model, config, progress, plan.sizes)
    objects = Objects(oracle, examples, progress)
    gallery = Gallery(folder, config.gallery, config.epsilons)
    return Work(
        oracle,
        examples.dataset,
        lambda place: steps(objects, config, plan, place, gallery),
        plan=lambda: to_json(plan),
        remarks=lambda: dict.fromkeys(oracle.halvings, ""),
        count=lambda place: place.example,
        reach=progress.reach,
        tell=progress.tell,
        unit=plan.size,
    )


def plan(objects: Objects, config: RobustnessConfig, surrogate: Model | None) -> RobustnessPlan:
    """Find the fastest batch sizes and check the attack on the walked sample."""
    oracle, examples, progress = objects.oracle, objects.examples, objects.progress
    progress.message = "Finding the best batch size"
    oracle.settle(first_pictures(oracle, examples, 16), at_most=len(examples))
    progress.message = "Checking the attack on a sample"
    began = time.perf_counter()
    sample = drawn_sample(oracle, examples, config)
    found: tuple[Check, ...] = ()
    raw: dict[str, list[int]] = {}
    if sample is not None:
        found = checks.all_of(sample, surrogate, labels_of(surrogate, examples, sample.indices))
        rows = zip(sample.indices.tolist(), sample.broken.int().tolist(), strict=True)
        raw = {str(index): row for index, row in rows}
    sizes = oracle.size().current, oracle.size(needs_gradient=True).current
    return RobustnessPlan(
        examples=len(examples),
        size=max(_BATCHES * sizes[1], _LEAST),
        sizes=sizes,
        checks=found,
        check_passes=oracle.passes.total,
        check_seconds=time.perf_counter() - began if found else 0.0,
        raw=raw,
    )


def steps(
    objects: Objects,
    config: RobustnessConfig,
    plan: RobustnessPlan,
    place: Place,
    gallery: Gallery,
) -> Iterator[Step]:
    """Yield what `part` finds of the examples from a place on."""
    for rows in plan.slices(place):
        table = part(objects, config, plan, rows, gallery)
        yield Step(table, Place(rows.stop), gallery.written())
        objects.progress.tell()


def part(
    objects: Objects,
    config: RobustnessConfig,
    plan: RobustnessPlan,
    rows: slice,
    gallery: Gallery | None = None,
) -> pd.DataFrame:
    """Return one row per example: where it breaks, under what, the answers to noise, the cost.

    Args:
        objects: What it works with.
        config: The question.
        plan: What all parts follow.
        rows: The examples.
        gallery: Keeps pictures of some of them; None keeps none.
    """
    tables = []
    for x, indices in pictures(objects.oracle, objects.examples, rows, plan.size):
        passes, began = replace(objects.oracle.passes), time.perf_counter()
        table = _attacked(objects, config, plan, x, torch.from_numpy(indices), gallery)
        spent = {
            "forward": objects.oracle.passes.forward - passes.forward,
            "backward": objects.oracle.passes.backward - passes.backward,
            "seconds": time.perf_counter() - began,
        }
        for name, value in spent.items():  # on the first row, so that sums are the whole cost
            table[name] = np.where(np.arange(len(table)) == 0, value, 0)
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def merge(
    examples: Examples,
    config: RobustnessConfig,
    plan: RobustnessPlan,
    table: pd.DataFrame,
    source: Provenance,
) -> RobustnessResult:
    """Return the result of the rows of all parts, with what its reader must know."""
    found = (*plan.checks, noise_check(table))
    warnings = failures(found)
    ids = np.array(examples.dataset.ids, dtype=object)[table["index"]]
    source = without_leaked(source, ids, (table["clean_prediction"] == table["label"]).to_numpy())
    cost = Cost(
        forward=int(table["forward"].sum()),
        backward=int(table["backward"].sum()),
        checks=plan.check_passes,
        seconds=float(table["seconds"].sum()),
        check_seconds=plan.check_seconds,
    )
    return RobustnessResult(
        config,
        replace(source, warnings=(*warnings, *source.warnings)),
        records_of(table, examples, config, plan.raw),
        found,
        cost,
    )


def _attacked(
    objects: Objects,
    config: RobustnessConfig,
    plan: RobustnessPlan,
    x: Tensor,
    indices: Tensor,
    gallery: Gallery | None,
) -> pd.DataFrame:
    """Return the rows of images (N, 3, H, W) that are held in memory together."""
    oracle, progress = objects.oracle, objects.progress
    progress.message = "Attacking"
    y = torch.from_numpy(objects.examples.labels)[indices].to(x.device)
    logits = oracle.logits(x)
    clean = logits.argmax(1)
    right = torch.nonzero(clean == y)[:, 0]
    progress.add(len(x) - len(right), clean_accuracy=(len(right), len(x)))
    batch = attacked_batch(
        oracle, objects.examples, config, x[right], indices[right.cpu()], logits.shape[1]
    )
    batch = replace(batch, on_finished=progress.add)
    smallest, prediction = SmallestEpsilons.none(batch), clean.clone()
    if len(right) and batch.epsilons:
        smallest = descend(batch) if plan.may_descend(config) else ascend(batch)
        prediction[right] = confirm(batch, smallest)
        if gallery is not None:
            gallery.save(batch, smallest, indices[right.cpu()])
    else:
        progress.add(len(right))
    withstood = int((smallest.index == len(batch.epsilons)).sum())
    progress.add(0, robust_accuracy=(withstood, len(x)))
    table = part_table(indices, y, clean, right.cpu(), smallest, config)
    table["adversarial"] = prediction.cpu().numpy().astype(np.int32)
    seeds = example_seeds([objects.examples.dataset.ids[i] for i in indices], config.seed)
    for place, epsilon in enumerate(batch.epsilons):
        noisy = oracle.logits(random_edge(x, epsilon, config.norm, seeds.to(x.device))).argmax(1)
        table[f"noise_{place}"] = noisy.cpu().numpy().astype(np.int32)
    return table

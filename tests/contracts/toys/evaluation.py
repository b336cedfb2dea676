"""A kind of evaluation: how often a model is right about pictures that are turned on their head."""

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from usable_core.evaluations.result import Answer, Number, summed_up
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Provenance
from usable_core.metrics.classification import share


@dataclass(frozen=True)
class ToyConfig:
    """What to measure: one model on turned pictures of a data set.

    Attributes:
        model: The model.
        dataset: The data set.
        turns: Quarters of a turn.
    """

    model: ModelSpec
    dataset: DatasetSpec
    turns: int = 2
    same: ClassVar[tuple[str, ...]] = ("turns",)


@dataclass(frozen=True)
class ToyResult(Answer):
    """Per-example outcomes: index, id, label (a class name), correct."""

    config: ToyConfig
    provenance: Provenance
    records: pd.DataFrame

    @property
    def n(self):
        return len(self.records)

    @property
    def accuracy(self):
        return share(self.records["correct"].to_numpy())

    def numbers(self):
        return (Number("accuracy", self.accuracy),)

    def outcomes(self):
        return self.records

    def to_frame(self):
        return self.records

    def summary(self):
        return summed_up(self, accuracy=self.accuracy)


def measure(*, model, dataset, config, report, folder):
    from usable_core.asking.oracle import Oracle
    from usable_core.measuring.examples import examples_of, pictures
    from usable_core.measuring.provenance import provenance

    examples = examples_of(model, dataset, config.dataset)
    part, is_right = examples.dataset, {}
    with Oracle(model) as oracle:
        size = oracle.size().largest
        for x, indices in pictures(oracle, examples, slice(None), size):
            predictions = oracle.logits(x.rot90(config.turns, (2, 3))).argmax(1).cpu().numpy()
            is_right |= zip(indices, predictions == examples.labels[indices], strict=True)
            report(len(is_right), len(examples), "Turning")
    names = [part.labels.names[label] for label in part.targets]
    correct = [bool(is_right[i]) for i in range(len(part))]
    table = {"index": range(len(part)), "id": part.ids, "label": names, "correct": correct}
    source = provenance(model, part, seconds=0.0, batch_size=size)
    return ToyResult(config, source, pd.DataFrame(table))


def lines(run, result):
    from usable_core.cli import output

    return [output.about(result), f"Right when turned: {output.share(result.accuracy)}"]


def bars(results, *, names=None, theme="light"):
    import plotly.graph_objects as go

    return go.Figure(go.Bar(x=list(names), y=[100 * r.accuracy.value for r in results]))

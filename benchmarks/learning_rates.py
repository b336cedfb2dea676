"""Whether the rate that a range test suggests trains as well as the usual one.

    python -m benchmarks.learning_rates
    python -m benchmarks.learning_rates --dataset languages --backbones bert gpt --limit 300

Accuracy on the test split after fine-tuning bundled backbones on few labels: at the usual rate, at
that of the steepest fall, and at a tenth of that of the least loss. `suggested` is one of them.
"""

import argparse

import usable_core as usable
from benchmarks._timing import clock

BACKBONES = ("resnet", "vgg", "vit")


def main() -> None:
    """Print a row for each backbone and seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbones", nargs="+", default=BACKBONES)
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1))
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--epochs", type=int, help="the usual ones where it is left out")
    asked = parser.parse_args()
    heads = ("usual", "steepest fall", "a tenth of the least", "suggested")
    print(f"| backbone | seed | {' | '.join(heads)} | test, s | a training, s |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    data = usable.DatasetSpec(asked.dataset, limit=asked.limit)
    for name in asked.backbones:
        for seed in asked.seeds:
            model, began = usable.load_model(f"bundled/{name}"), clock()
            plain = usable.Schedule(epochs=asked.epochs, seed=seed, precision="float32")
            found = usable.find_rate(model, data, schedule=plain)
            between = clock()
            cells = [
                reached(model, data, asked.epochs, seed, rate)
                for rate in (found.usual, found.steepest, found.bound)
            ]
            taken = between - began, (clock() - between) / len(cells)
            cells.append("flat" if found.suggested is None else f"{found.suggested:.2g}")
            cells += [f"{seconds:.1f}" for seconds in taken]
            print(f"| {name} | {seed} | {' | '.join(cells)} |", flush=True)


def reached(
    model: usable.Model, data: usable.DatasetSpec, epochs: int | None, seed: int, rate: float | None
) -> str:
    """Return what a training at a rate comes to, with that rate."""
    if rate is None:
        return "flat"
    schedule = usable.Schedule(epochs=epochs, seed=seed, learning_rate=rate, precision="float32")
    try:
        learnt, _ = usable.fine_tune(model, data, schedule=schedule)
    except usable.errors.Diverged:
        return f"diverged ({rate:.2g})"
    result = usable.evaluate_accuracy(learnt, usable.DatasetSpec(data.reference, "test"))
    return f"{result.accuracy.value:.1%} ({rate:.2g})"


if __name__ == "__main__":
    main()

"""Fine-tuning a network of texts through Usable beside a bare loop of transformers and torch.

    python -m benchmarks.text_training [--model hf/FOLDER --dataset FILE] [--limit 320] [--rounds 3]

Steps of AdamW from the first on, in float32, then the validation of the epoch. The floor is a loop
with all in it that the same training needs (weights of decay, clipping, a schedule) and nothing
else, its batches filled up to the longest of texts of like length; beside it the same loop with
batches as they come, as transformers' Trainer has them where nothing is said.
Without a model it is a random BERT of two layers, which says something of the time only.
"""

import argparse
import math
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

import usable_core as usable
from benchmarks._timing import clock, conditions, interleave
from benchmarks.texts import _made_texts, _random_model
from usable_core.training.batches import batches

BATCH = 32
RATE = 5e-5
CLIP = 5.0
WARM = 0.2


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    parser.add_argument("--dataset")
    parser.add_argument("--limit", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print(conditions())
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = asked.model or _random_model(Path(folder))
        data = usable.load_dataset(asked.dataset) if asked.dataset else _made_texts()
        _print(reference, data.sample(asked.limit), asked.rounds)


def _print(reference: str, data: usable.Dataset, rounds: int) -> None:
    model = usable.load_model(reference)
    spent: dict[str, float] = {}
    contenders = {
        "bare loop, texts of like length together": _bare(model, data, spent, by_length=True),
        "usable": lambda: spent.update(usable=_ours(model, data)),
        "bare loop, texts as they come": _bare(model, data, spent, by_length=False),
    }
    names = list(contenders)
    timed = {name: [] for name in names}

    def kept(name: str) -> Callable[[], None]:
        def run() -> None:
            contenders[name]()
            timed[name].append(spent["usable" if name == "usable" else name])

        return run

    interleave({name: kept(name) for name in names}, rounds=rounds, warm_up=1)
    print(f"\n| {len(data)} texts | ms per text | × floor | range of the rounds |")
    print("|---|---:|---:|---:|")
    floor = timed[names[0]][1:]
    for name in names:
        own = timed[name][1:]
        ratios = sorted(a / b for a, b in zip(own, floor, strict=True))
        each = 1000 * sorted(own)[len(own) // 2] / len(data)
        middle = ratios[len(ratios) // 2]
        print(f"| {name} | {each:.2f} | {middle:.2f} | {ratios[0]:.2f} to {ratios[-1]:.2f} |")


def _ours(model: usable.Model, data: usable.Dataset) -> float:
    """Return the time from the first step to the end of the validation."""
    began: list[float] = []

    def report(done: int, total: int, message: str, **figures: float) -> None:
        if message.startswith("Epoch"):
            began.append(clock())

    schedule = usable.Schedule(1, BATCH, precision="float32")
    usable.fine_tune(model, data, schedule=schedule, report=report)
    return began[-1] - began[0]


def _bare(
    model: usable.Model, data: usable.Dataset, spent: dict[str, float], *, by_length: bool
) -> Callable[[], None]:
    folder = model.name.removeprefix("hf/")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    config = AutoConfig.from_pretrained(folder, num_labels=len(data.labels))
    config.pad_token_id = tokenizer.pad_token_id
    train, held_out = data.split("train"), data.split("validation")
    name = f"bare loop, texts {'of like length together' if by_length else 'as they come'}"

    def read(part: usable.Dataset) -> tuple[list[Tensor], Tensor]:
        texts = [part[i][0] for i in range(len(part))]
        ids = tokenizer(texts, truncation=True, max_length=model.input.longest)["input_ids"]
        return [torch.tensor(one) for one in ids], torch.from_numpy(part.targets)

    def asked(ids: list[Tensor], rows: Tensor) -> dict[str, Tensor]:
        own = [ids[i] for i in rows.tolist()]
        pad = tokenizer.pad_token_id
        filled = torch.nn.utils.rnn.pad_sequence(own, batch_first=True, padding_value=pad)
        lengths = torch.tensor([len(one) for one in own])
        mask = (torch.arange(filled.shape[1]) < lengths[:, None]).long()
        return {"input_ids": filled, "attention_mask": mask}

    def run() -> None:
        torch.manual_seed(0)
        network = AutoModelForSequenceClassification.from_pretrained(
            folder, config=config, dtype=torch.float32, ignore_mismatched_sizes=True
        ).train()
        (ids, labels), (others, expected) = read(train), read(held_out)
        lengths = torch.tensor([len(one) for one in ids]) if by_length else None
        parts = batches(len(ids), lengths, BATCH, torch.Generator().manual_seed(0))
        optimizer, rate = _optimizer(network, len(parts))
        began = 0.0
        for rows in parts:
            loss = network(**asked(ids, rows), labels=labels[rows]).loss
            float(loss)  # as every loop that is watched
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()
            rate.step()
            began = began or clock()
        with torch.no_grad():
            network.eval()
            order = torch.tensor(sorted(range(len(others)), key=lambda i: len(others[i])))
            for rows in order.split(256):
                logits = network(**asked(others, rows)).logits
                float(torch.nn.functional.cross_entropy(logits, expected[rows]))
        spent[name] = clock() - began

    return run


def _optimizer(
    network: torch.nn.Module, steps: int
) -> tuple[torch.optim.AdamW, torch.optim.lr_scheduler.LambdaLR]:
    decayed = [p for p in network.parameters() if p.ndim > 1]
    rest = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 5e-4}, {"params": rest, "weight_decay": 0.0}]
    optimizer, warm = torch.optim.AdamW(groups, lr=RATE), max(1, round(WARM * steps))

    def share(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, steps - warm))))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, share)


if __name__ == "__main__":
    main()

"""Rows of a robustness measurement: one per example of a part, one per example and epsilon after.

Columns of a part, one row per example: index, label, clean_prediction, adversarial (the answer to
what breaks it), level (place of the smallest epsilon that breaks it among those above 0; −1: wrong
when clean, never attacked), step, attack, noise_0 …, and what the part cost; of texts also those
that `evaluations.robustness` says they have more.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from usable_core.attacks.sweep import SmallestEpsilons
from usable_core.catalog.attacks import ATTACKS
from usable_core.evaluations.robustness import Check, RobustnessConfig
from usable_core.measuring.checks import noise
from usable_core.measuring.examples import Examples


def part_table(
    indices: Tensor,
    y: Tensor,
    clean: Tensor,
    right: Tensor,
    smallest: SmallestEpsilons,
    config: RobustnessConfig,
) -> pd.DataFrame:
    """Return what was found about examples (N,), of which those at `right` were attacked."""
    level = torch.full((len(indices),), -1)
    attack, step = torch.full_like(level, -1), torch.zeros_like(level)
    level[right], attack[right], step[right] = smallest.index, smallest.attack, smallest.step
    names = np.array([*(spec.title for spec in config.attacks), "fgsm"], dtype=object)
    numbers = {"index": indices, "label": y, "clean_prediction": clean, "step": step}
    table = pd.DataFrame({name: n.cpu().numpy().astype(np.int32) for name, n in numbers.items()})
    # Of the names −1, the scout, is the last: one gradient step.
    return table.assign(level=level.numpy().astype(np.int16), attack=names[attack.numpy()])


def records_of(
    table: pd.DataFrame, examples: Examples, config: RobustnessConfig, raw: dict[str, list[int]]
) -> pd.DataFrame:
    """Return one row per example and epsilon.

    Args:
        table: The rows of all parts.
        examples: All examples.
        config: The question.
        raw: Which epsilons above 0 break an example of the walked sample, by its index as a word.
    """
    ids = np.array(examples.dataset.ids, dtype=object)[table["index"]]
    above = [epsilon for epsilon in config.epsilons if epsilon > 0]
    walked = _walked(table["index"].to_numpy(), len(above), raw)
    level, grid = table["level"].to_numpy(), np.array([*above, np.nan])
    frames = []
    for epsilon in config.epsilons:
        place = above.index(epsilon) if epsilon > 0 else -1
        is_broken = (level >= 0) & (level <= place)
        unbroken = np.where(np.isnan(walked).all(1), np.nan, 0.0)
        columns = {
            "index": table["index"],
            "id": ids,
            "label": table["label"],
            "epsilon": epsilon,
            "clean_prediction": table["clean_prediction"],
            "prediction": table["adversarial"].where(is_broken, table["clean_prediction"]),
            "found_epsilon": np.where(is_broken, grid[level], np.nan),
            "found_attack": pd.Categorical(table["attack"].where(is_broken, "")),
            "found_step": table["step"].where(is_broken, 0),
            "noise_prediction": table["clean_prediction" if place < 0 else f"noise_{place}"],
            "raw_broken": unbroken if place < 0 else walked[:, place],
            **_of_texts(table, is_broken),
        }
        frames.append(pd.DataFrame(columns))
    records = pd.concat(frames, ignore_index=True)
    for name in records.columns.intersection(["found_attack", "text", "adversarial_text"]):
        records[name] = records[name].astype("category")  # each text is held once
    return records.sort_values(["index", "epsilon"], ignore_index=True)


def _of_texts(table: pd.DataFrame, is_broken: np.ndarray) -> dict[str, pd.Series]:
    """Return the columns that texts have more, of which some say what breaks them."""
    if "text" not in table:
        return {}
    kept = ["words", "text", "is_cut"]
    broken = {
        "changed": 0,
        "adversarial_text": "",
        "judge_clean_prediction": -1,
        "judge_prediction": -1,
        "similarity": np.nan,
    }
    return {name: table[name] for name in kept} | {
        name: table[name].where(is_broken, usual) for name, usual in broken.items()
    }


def noise_check(table: pd.DataFrame) -> Check:
    """Compare attack and noise over all examples."""
    label, level = table["label"].to_numpy(), table["level"].to_numpy()
    names = sorted((n for n in table.columns if n.startswith("noise_")), key=lambda n: int(n[6:]))
    clean = level >= 0
    attacked = clean[:, None] & (level[:, None] > np.arange(len(names)))
    noisy = table[names].to_numpy() == label[:, None]
    return noise(*(torch.from_numpy(rows) for rows in (clean, attacked, noisy)))


def failures(checks: Sequence[Check]) -> tuple[str, ...]:
    """Return a sentence on the first check that is red; none where none is."""
    reds = [check.sentence for check in checks if check.verdict == "red"]
    failed = "A check of the attack failed, so this curve is an upper bound only"
    return (f"{failed}: {reds[0]}",) if reds else ()


def _walked(indices: np.ndarray, epsilons: int, raw: dict[str, list[int]]) -> np.ndarray:
    """Return what the walk of the sample saw (N, epsilons); NaN for all other examples."""
    found = np.full((len(indices), max(epsilons, 1)), np.nan, dtype=np.float32)
    rows = {index: row for row, index in enumerate(indices.tolist())}
    for index, broken in raw.items():
        found[rows[int(index)]] = broken
    return found


def weaknesses(config: RobustnessConfig, input_size: tuple[int, int]) -> tuple[str, ...]:
    """Return sentences on what the numbers do not show."""
    found = []
    if not any(ATTACKS[spec.name].is_iterative for spec in config.attacks):
        title = " and ".join(dict.fromkeys(ATTACKS[spec.name].title for spec in config.attacks))
        found.append(f"{title} is no strong attack: read the accuracy under it as an upper bound.")
    if config.norm != "linf" and input_size != (32, 32):
        found.append(
            f"{config.norm.upper()} budgets grow with the number of pixels: at {input_size[0]} x "
            f"{input_size[1]} these are not comparable with published ones at 32 x 32."
        )
    return tuple(found)

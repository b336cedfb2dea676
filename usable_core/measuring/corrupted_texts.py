"""Texts under corruptions: written anew, cut into pieces anew, and compared with what they were."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from usable_core.catalog import implementation
from usable_core.catalog.text_corruptions import KNOWN, kind_of
from usable_core.datasets.dataset import Dataset
from usable_core.errors import ConfigError
from usable_core.evaluations.accuracy import LETTERS
from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.inputs.tokens import PADDING
from usable_core.metrics.arrays import Masks
from usable_core.models.model import Model

_MOST = 0.5  # of the texts that a corruption left as they were for the model, from which it is said
_WAYS = {
    "text": "those of texts (--corruption texts)",
    "picture": "those of pictures (--corruption common)",
}


def check_kind(model: Model, config: CorruptionConfig) -> None:
    """Check that corruptions are of what a model takes.

    Raises:
        ConfigError: they are not.
    """
    if kind_of(config.corruptions[0]) != model.kind:
        raise ConfigError(
            f"{model.name} takes {model.kind}s, and {KNOWN[config.corruptions[0]].title} is a "
            f"corruption of {kind_of(config.corruptions[0])}s. Choose {_WAYS[model.kind]}."
        )


def text_corrupter(
    model: Model, texts: Sequence[str], seeds: Tensor
) -> Callable[[str, int], Tensor]:
    """Return what makes texts worse, by a corruption's name and severity, for a model to read.

    Args:
        model: Of texts.
        texts: As the data have them (n).
        seeds: One for each (n,) int64.
    """
    numbers = seeds.tolist()

    def corrupted(name: str, severity: int) -> Tensor:
        corrupt = implementation(KNOWN[name].function)
        pairs = zip(texts, numbers, strict=True)
        read = [model.input.read(corrupt(text, severity, seed)) for text, seed in pairs]
        return model.input.stack(read).to(seeds.device)

    return corrupted


def texts_of(part: Dataset, ids: "pd.Series[str]") -> pd.Categorical:
    """Return the beginning of each row's text (R,), by the ids of the rows, each held once."""
    said = {identity: part[row][0][:LETTERS] for row, identity in enumerate(part.ids)}
    names = ids.cat.categories
    texts = list(dict.fromkeys(said[name] for name in names))
    place = {text: number for number, text in enumerate(texts)}
    codes = np.array([place[said[name]] for name in names], dtype=np.int32)
    return pd.Categorical.from_codes(codes[ids.cat.codes.to_numpy()], texts)


def same_texts(before: Tensor, after: Tensor) -> Masks:
    """Return which texts (n,) of two batches (n, 1, 1, L) a model reads alike."""
    longest = max(before.shape[-1], after.shape[-1])
    both = [
        torch.nn.functional.pad(x, (0, longest - x.shape[-1]), value=PADDING)
        for x in (before, after)
    ]
    return np.asarray((both[0] == both[1]).flatten(1).all(1).cpu())


def unread(table: pd.DataFrame, is_unchanged: "pd.Series[bool]") -> tuple[str, ...]:
    """Return sentences on corruptions that a model's tokenizer hardly lets through.

    An uncased one reads upper case as it reads lower case: that is no robustness.
    """
    strongest = table["severity"] == table["severity"].max()
    shares = is_unchanged[strongest].groupby(table["corruption"][strongest], observed=True).mean()
    found = [(KNOWN[str(name)].title, share) for name, share in shares.items() if share > _MOST]
    if not found:
        return ()
    said = ", ".join(f"{title} {100 * share:.0f} %" for title, share in found)
    return (
        f"At severity {table['severity'].max()} the model reads most texts as before, so its "
        f"answers say nothing of these corruptions: {said}. Either its tokenizer drops the "
        "difference, or these texts have nothing that could be changed so.",
    )

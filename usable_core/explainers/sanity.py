"""Whether a map depends on what the network learnt, and on the class that it explains.

Reference: Adebayo et al. 2018, arXiv:1810.03292.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from usable_core.evaluations.evidence import Sanity
from usable_core.games.pictures import Picture
from usable_core.games.words import Text, usual_background
from usable_core.metrics.arrays import Values
from usable_core.metrics.attribution import superpixel_credits
from usable_core.metrics.ranks import spearman
from usable_core.models.model import Model

_PROBES = 16  # inputs with half of their parts hidden, at which random layers are scaled
# Words from which a rank correlation that looks alike (0.5) is hardly chance: of orders that have
# nothing in common 4.9 % reach it with 12 words, 10.6 % with 8, half of them with 3 (counted).
LEAST_WORDS = 12


def check_sanity(
    model: Model,
    random: Model | None,
    picture: Picture | Text,
    values: Values,
    other: int,
    again: Callable[[Model, int | None], Values],
) -> tuple[Sanity, dict[str, Values]]:
    """Return how much a map resembles those it should not resemble, and these maps (H, W).

    The same method is asked in the same way about the network with random weights and about
    another class. Maps with signs are correlated with them, magnitudes as they are, by each
    superpixel's mean over its pixels: sums would agree because superpixels differ in size.

    Args:
        model: Pixels to logits, as it made the map.
        random: The same with random weights; None where there is none.
        picture: As the model sees it.
        values: The map (H, W).
        other: Index of the other class.
        again: Makes the map of a network and a class; None stands for the class explained.

    Returns:
        What was found, NaN without random weights; the maps `randomised` (where there are such)
        and `other_class`.
    """
    maps = {"other_class": again(model, other)}
    if random is not None:
        maps["randomised"] = again(random, None)
    mine = superpixel_credits(values, picture.segments, is_per_pixel=False)
    alike = {
        name: spearman(mine, superpixel_credits(found, picture.segments, is_per_pixel=False))
        for name, found in maps.items()
    }
    sanity = Sanity(
        randomised=alike.get("randomised", math.nan),
        other_class=alike["other_class"],
        other_target=model.labels.names[other],
    )
    return sanity, maps


def probes(picture: Picture | Text, seed: int, device: torch.device) -> Tensor:
    """Return versions (N, …) of an input, each with half of its superpixels or words hidden."""
    stays = np.random.default_rng(seed).random((_PROBES, int(picture.segments.max()) + 1)) < 0.5
    stays[0] = True
    background = usual_background(picture.takes) if isinstance(picture, Text) else "blur"
    return picture.hiding(background, device)(
        torch.from_numpy(stays[:, picture.segments]).to(device)
    )

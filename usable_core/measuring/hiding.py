"""What a model says of an image with some of its superpixels hidden: the map's claim, tried."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from usable_core.asking.oracle import Oracle
from usable_core.evaluations.evidence import Without
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.games.game import Budget
from usable_core.measuring.instances import Instance, top_predictions


def without(
    instance: Instance, hidden: Sequence[int], target: int, options: ExplainerOptions
) -> Explanation:
    """Return the answer to an image of which parts are hidden, as its methods hide them.

    The model's answers are those of the maps' games, so what a map asked is not asked again.

    Args:
        instance: The image with its superpixels.
        hidden: Which of the picture's superpixels are hidden; the model may not see all of them.
        target: The class whose probability is followed.
        options: Background and precision.

    Returns:
        Predictions without the parts, the image `x` that the model was shown, and `without`.

    Raises:
        OutputsRefused: the outputs are not those of a classifier.
        UnknownName: no such background.
    """
    picture, model = instance.picture, instance.model
    is_hidden = np.isin(instance.start.superpixels, hidden)
    rows = np.stack([np.zeros_like(is_hidden), is_hidden])
    with Oracle(model, precision=options.precision) as oracle:
        budget = Budget(len(rows))
        game = picture.game(oracle, options.background, budget, precision=options.precision)
        logits = torch.from_numpy(game.ask(~rows).astype(np.float64))
        places = torch.from_numpy(~is_hidden[picture.segments])[None].to(oracle.device)
        x = picture.hiding(options.background, oracle.device)(places)[0].cpu()
    before, after = logits.softmax(1)[:, target].tolist()
    seen = tuple(int(number) for number in instance.start.superpixels[is_hidden])
    return replace(
        instance.start,
        predictions=top_predictions(model, logits[1]),
        x=(x * 255).round().byte().permute(1, 2, 0).numpy(),  # (3, H, W) -> (H, W, 3)
        without=Without(seen, before, after),
    )

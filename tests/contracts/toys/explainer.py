"""An explanation method: what the logit loses when one superpixel after the other is hidden."""

import numpy as np

from usable_core.explainers.attribution import Attribution, of_class


def explain(game, target, options):
    masks = np.concatenate([np.ones((1, game.count), bool), ~np.eye(game.count, dtype=bool)])
    outputs = of_class(game.ask(masks), target, "logit")
    losses = (outputs[0] - outputs[1:]).astype(np.float32)
    return Attribution(values=losses[game.players], output=float(outputs[0]))

"""A model source: networks of one layer, whose weights lie in the folder `toys` of Usable's data.

Torch is imported inside functions, for the files of a model are looked for without it.
"""

from usable_core import settings
from usable_core.catalog import lookup

WIDTHS = {"one": 4, "two": 8}


def files(name):
    lookup(WIDTHS, "toy model", name)
    return (settings.home() / "toys" / f"{name}.safetensors",)


def build(name, options):
    from torch import nn

    width = int(options.get("width", lookup(WIDTHS, "toy model", name)))
    return nn.Sequential(
        nn.Conv2d(3, width, 4, 4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * width, 3)
    )


def load(name, spec):
    from usable_core.inputs.preprocessing import Preprocessing
    from usable_core.labels import LabelSpace
    from usable_core.models.model import Model
    from usable_core.models.weights.checkpoints import load_weights

    options = dict(spec.arch_options)
    network = build(name, options)
    load_weights(network, files(name)[0])
    card = {"architecture": f"toy/{name}", "arch_options": options}
    labels = LabelSpace(("red", "green", "blue"))
    return Model(spec.reference, network, Preprocessing(resize=8, crop=(8, 8)), labels, card)

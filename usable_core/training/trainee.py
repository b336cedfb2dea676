"""`Trainee`: a network in training as a model, so that it is asked as every other model is."""

from torch import nn

from usable_core.inputs.input import Input
from usable_core.labels import LabelSpace
from usable_core.models.model import Model


class Trainee(Model):
    """A network that is being trained: it stays as it is, and its fingerprint says nothing yet."""

    def __init__(self, network: nn.Module, takes: Input, labels: LabelSpace) -> None:
        self.name = self.fingerprint = "in training"
        self.network, self.input = network, takes
        self.labels, self.card = labels, {}

"""`Trainee`: a network in training as a model, so that it is asked as every other model is."""

from torch import nn

from usable_core.labels import LabelSpace
from usable_core.models.model import Model
from usable_core.models.preprocessing import Preprocessing


class Trainee(Model):
    """A network that is being trained: it stays as it is, and its fingerprint says nothing yet."""

    def __init__(
        self, network: nn.Module, preprocessing: Preprocessing, labels: LabelSpace
    ) -> None:
        self.name = self.fingerprint = "in training"
        self.network, self.preprocessing = network, preprocessing
        self.labels, self.card = labels, {}

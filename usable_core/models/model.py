"""`Model`: a network with its preprocessing and its labels; pixels in, logits out."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor, nn

from usable_core.labels import LabelSpace
from usable_core.models.preprocessing import Preprocessing

# Half a grey level: round trips through 8 bits stay inside, normalised inputs do not.
RANGE_TOLERANCE = 0.5 / 255


class Model:
    """A classifier in evaluation mode with frozen parameters.

    Attributes:
        name: The reference it was loaded by.
        network: Normalised images (N, 3, H, W) to logits (N, classes).
        preprocessing: Geometry and normalisation.
        labels: Class names in the order of the logits.
        card: What is known about it: command, data, measured figures; may be empty.
        fingerprint: SHA-256 of weights and preprocessing (first 16 hex digits).
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        preprocessing: Preprocessing,
        labels: LabelSpace,
        card: dict[str, Any] | None = None,
        feature_function: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.name = name
        self.preprocessing = preprocessing
        self.labels = labels
        self.card = card or {}
        self.network = network
        self._feature_function = feature_function
        if not isinstance(network, torch.fx.GraphModule):  # exported programs are fixed in eval mode
            network.eval()
        network.requires_grad_(False)
        self.fingerprint = self._fingerprint()

    def __call__(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of images x (N, 3, H, W) in [0, 1]."""
        return self.network(self.preprocessing.normalise(x))

    def features(self, x: Tensor) -> Tensor:
        """Return penultimate features (N, D) of images x (N, 3, H, W) in [0, 1].

        Raises:
            CheckpointError: the network is a fixed program that shows only its logits.
        """
        from usable_core.models.heads import features

        return features(self.network, self.preprocessing.normalise(x))

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the images that the model takes."""
        return self.preprocessing.crop

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        tensors = list(self.network.parameters()) or list(self.network.buffers())
        return tensors[0].device if tensors else torch.device("cpu")

    def to(self, device: torch.device | str) -> "Model":
        """Move the weights and return self."""
        self.network.to(device)
        return self

    def _fingerprint(self) -> str:
        digest = hashlib.sha256(repr(sorted(asdict(replace(self.preprocessing, sources={})).items())).encode())
        for key, tensor in sorted(self.network.state_dict().items()):
            if isinstance(tensor, Tensor):
                digest.update(key.encode() + str(tuple(tensor.shape)).encode())
                digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()[:16]

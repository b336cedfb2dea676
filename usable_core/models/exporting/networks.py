"""Networks as strangers call them: a picture in [0, 1], or a text's pieces and mask, to logits."""

import copy

import torch
from torch import Tensor, nn

from usable_core.errors import ExportError, first_line
from usable_core.inputs.preprocessing import LUMA, Preprocessing
from usable_core.inputs.tokens import PADDING
from usable_core.models.model import Model
from usable_core.models.outputs import class_logits
from usable_core.models.programs import pieces_of

PICTURE, TEXT, LOGITS = ("pictures",), ("input_ids", "attention_mask"), "logits"


class OfPictures(nn.Module):
    """A network that normalises by itself."""

    mean: Tensor
    std: Tensor
    luma: Tensor

    def __init__(self, network: nn.Module, takes: Preprocessing) -> None:
        """Keep a network of normalised images and how they are normalised."""
        super().__init__()
        self.network, self.channels = network, takes.channels
        self.is_turned = takes.channel_order == "bgr"
        for name, values in (("mean", takes.mean), ("std", takes.std), ("luma", LUMA)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits (N, classes) of RGB images (N, 3, H, W) in [0, 1]."""
        x = (pictures - self.mean) / self.std
        if self.channels == 1:
            x = (x * self.luma).sum(1, keepdim=True)
        elif self.is_turned:
            x = x.flip(1)
        return class_logits(self.network(x))


class OfTexts(nn.Module):
    """A network that takes what tokenizers of other libraries give."""

    def __init__(self, network: nn.Module) -> None:
        """Keep a network of texts (N, 1, 1, L)."""
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return logits (N, classes) of pieces (N, L), with 0 in the mask (N, L) behind a text."""
        x = torch.where(attention_mask != 0, input_ids, PADDING)
        return class_logits(self.network(x[:, None, None]))


def traced(model: Model) -> torch.export.ExportedProgram:
    """Return a model as a program, for any number of pictures or texts, and texts of any length.

    Raises:
        ExportError: torch cannot trace it.
    """
    network: nn.Module = copy.deepcopy(model.network).float()
    if (traceable := getattr(network, "traceable", None)) is not None:
        network = traceable()
    takes = model.input
    if isinstance(takes, Preprocessing):
        whole: nn.Module = OfPictures(network, takes)
        examples: tuple[Tensor, ...] = (takes.trial(),)
        shapes: tuple[dict[int, object], ...] = ({0: torch.export.Dim.DYNAMIC},)
    else:
        whole = OfTexts(network)
        examples = pieces_of(takes.trial().flatten(1))
        shapes = ({0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC},) * 2
    try:
        with torch.no_grad():
            return torch.export.export(whole.eval(), examples, dynamic_shapes=shapes, strict=False)
    except Exception as error:  # whatever the network's own code raises when it is traced
        raise ExportError(
            f"{model.name} cannot be traced by torch.export for any number of examples "
            f"({first_line(error)}). Export it as safetensors."
        ) from error

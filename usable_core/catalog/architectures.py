"""Our own networks, and the trained ones that lie in the box."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ArchitectureRow:
    """One of our own small networks.

    Attributes:
        title: What it is called.
        function: Dotted name of `(number of classes) -> network`; of a network of texts, that of
            `(texts) -> TextStart`, with a tokenizer made for them.
        paper: Where it is from.
        side: Height and width of the pictures that it is made for, in pixels.
        kind: What it takes: `picture` or `text`.
    """

    title: str
    function: str
    paper: str
    side: int = 32
    kind: Literal["picture", "text"] = "picture"


ARCHITECTURES = {
    "small_resnet": ArchitectureRow(
        "Small ResNet",
        "usable_core.models.architectures:small_resnet",
        "He et al. 2016, arXiv:1512.03385",
    ),
    "small_vgg": ArchitectureRow(
        "Small VGG",
        "usable_core.models.architectures:small_vgg",
        "Simonyan & Zisserman 2015, arXiv:1409.1556",
    ),
    "small_vit": ArchitectureRow(
        "Small ViT",
        "usable_core.models.architectures:small_vit",
        "Dosovitskiy et al. 2021, arXiv:2010.11929; convolutional stem: Xiao et al. 2021, "
        "arXiv:2106.14881",
    ),
    "bert": ArchitectureRow(
        "BERT",
        "usable_core.models.text_architectures:bert",
        "Devlin et al. 2019, arXiv:1810.04805",
        kind="text",
    ),
    "gpt": ArchitectureRow(
        "GPT",
        "usable_core.models.text_architectures:gpt",
        "Radford et al. 2019, Language Models are Unsupervised Multitask Learners",
        kind="text",
    ),
}


@dataclass(frozen=True)
class BundledRow:
    """One backbone in assets/models: `NAME.safetensors` and `NAME.json` (its card).

    One of texts is a folder there, with its tokenizer.
    """

    title: str
    architecture: str
    help: str


BUNDLED = {
    "resnet": BundledRow("ResNet", "small_resnet", "Residual network, trained on CIFAR-10."),
    "vgg": BundledRow("VGG", "small_vgg", "Plain convolutions, trained on CIFAR-10."),
    "vit": BundledRow("ViT", "small_vit", "Vision transformer, trained on CIFAR-10."),
    "resnet_robust": BundledRow(
        "ResNet · robust",
        "small_resnet",
        "The residual network, adversarially trained on CIFAR-10.",
    ),
    "vgg_digits": BundledRow(
        "VGG · digits", "small_vgg", "Plain convolutions, trained on scikit-learn's digits."
    ),
    "resnet_digits": BundledRow(
        "ResNet · digits", "small_resnet", "Residual network, trained on scikit-learn's digits."
    ),
    "bert": BundledRow(
        "BERT · languages",
        "bert",
        "Encoder of texts, pre-trained on phrases of CLDR, fine-tuned to tell fifteen languages.",
    ),
    "gpt": BundledRow(
        "GPT · languages",
        "gpt",
        "Decoder of texts, pre-trained on phrases of CLDR, fine-tuned to tell fifteen languages.",
    ),
}

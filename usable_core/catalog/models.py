"""The backbones that can be chosen without looking anything up."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ArchitectureRow:
    """One of our own small networks for 32 x 32 images."""

    title: str
    function: str
    paper: str


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
}


@dataclass(frozen=True)
class BundledRow:
    """One backbone in assets/models: `NAME.safetensors` and `NAME.json` (its card)."""

    title: str
    architecture: str
    help: str


BUNDLED = {
    "resnet": BundledRow("ResNet", "small_resnet", "Residual network, trained on CIFAR-10."),
    "vgg": BundledRow("VGG", "small_vgg", "Plain convolutions, trained on CIFAR-10."),
    "vit": BundledRow("ViT", "small_vit", "Vision transformer, trained on CIFAR-10."),
    "resnet_robust": BundledRow(
        "ResNet, robust", "small_resnet", "The residual network, adversarially trained on CIFAR-10."
    ),
}

# Shown in pickers; every other name of these sources can be typed.
SUGGESTED = (
    "torchvision/resnet50",
    "torchvision/vgg16",
    "torchvision/vit_b_16",
    "torchvision/convnext_tiny",
    "torchvision/efficientnet_b0",
    "torchvision/mobilenet_v3_large",
    "timm/resnet50.a1_in1k",
    "timm/vit_tiny_patch16_224",
    "timm/convnext_tiny",
)


@dataclass(frozen=True)
class SourceRow:
    """Where models come from: `load(name, spec) -> Model`, and what its references look like."""

    function: str
    help: str


SOURCES = {
    "bundled": SourceRow(
        "usable_core.models.sources.bundled:load",
        "bundled/NAME: small backbones that come with Usable; no download.",
    ),
    "torchvision": SourceRow(
        "usable_core.models.sources.torchvision_models:load",
        "torchvision/NAME or torchvision/NAME@WEIGHTS: every classification model of torchvision.",
    ),
    "timm": SourceRow(
        "usable_core.models.sources.timm_models:load",
        "timm/NAME or timm/NAME.TAG: every model of timm.",
    ),
    "file": SourceRow(
        "usable_core.models.sources.exported:load",
        "file/PATH.pt2: a program exported by torch.export; can run code, so it needs trust.",
    ),
    "run": SourceRow(
        "usable_core.models.sources.runs:load",
        "run/ID: a model that was pre-trained or fine-tuned here.",
    ),
}


def list_references() -> tuple[str, ...]:
    """Return the references worth showing first: the bundled backbones, then the suggestions."""
    return (*(f"bundled/{name}" for name in BUNDLED), *SUGGESTED)

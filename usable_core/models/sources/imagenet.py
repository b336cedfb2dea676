"""The classes of ImageNet-1k: torchvision's names, with the synonyms that timm ships."""

import functools

from timm.data.imagenet_info import ImageNetInfo
from torchvision.models import ResNet18_Weights

from usable_core.labels import LabelSpace


@functools.cache
def imagenet_labels() -> LabelSpace:
    """Return the 1,000 classes in the usual order, each with its WordNet synonyms.

    The names are torchvision's because those are unique (`crane bird` and `crane`).
    """
    names = tuple(ResNet18_Weights.DEFAULT.meta["categories"])
    synonyms = tuple(split_synonyms(text) for text in ImageNetInfo().label_descriptions())
    return LabelSpace(names, synonyms=synonyms)


def split_synonyms(text: str) -> tuple[str, ...]:
    """Return the names in a description such as `tench, Tinca tinca`."""
    return tuple(part.strip() for part in text.split(","))

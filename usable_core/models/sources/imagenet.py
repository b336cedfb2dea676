"""The classes of ImageNet: torchvision's names, with the ids and synonyms that timm ships."""

import functools
from collections import Counter

from timm.data.imagenet_info import ImageNetInfo
from torchvision.models import ResNet18_Weights

from usable_core.labels import LabelSpace

ONE_K = "imagenet-1k"
# Hugging Face's imagenet-1k calls the crane that lifts so, for its names must differ.
HUGGING_FACE = {"n03126707": "crane2"}


@functools.cache
def imagenet_labels(subset: str = ONE_K) -> LabelSpace:
    """Return the classes of ImageNet-1k in the usual order, or those of another set of timm's.

    Each is also known by its WordNet id (`n01440764`), by its whole description (`tench, Tinca
    tinca`, as Hugging Face has it) and by each synonym in that. The names of the 1,000 are
    torchvision's because those are unique (`crane bird` and `crane`).
    """
    info = ImageNetInfo(subset)
    ids: list[str] = info.label_names()  # type: ignore[no-untyped-call]
    texts = info.label_descriptions()
    synonyms = tuple(_synonyms(wnid, text) for wnid, text in zip(ids, texts, strict=True))
    names = tuple(split_synonyms(text)[0] for text in texts)
    if subset == ONE_K:
        names = tuple(ResNet18_Weights.DEFAULT.meta["categories"])
    return LabelSpace(names, synonyms=synonyms)


def split_synonyms(text: str) -> tuple[str, ...]:
    """Return the names in a description such as `tench, Tinca tinca`."""
    return tuple(part.strip() for part in text.split(","))


def _synonyms(wnid: str, text: str) -> tuple[str, ...]:
    others = (HUGGING_FACE[wnid],) if wnid in HUGGING_FACE else ()
    return (wnid, text, *split_synonyms(text), *others)


def known_as_imagenet(labels: LabelSpace) -> LabelSpace:
    """Return class names with ImageNet's ids and synonyms where they name its 1,000 in order.

    A name that two of them share (both cranes are `crane` in Hugging Face's `id2label`) becomes
    the one that tells them apart. Any other classes are returned as they are.
    """
    known, often = imagenet_labels(), Counter(labels.names)
    if len(labels) != len(known):
        return labels
    if not all(i in known.meanings(name) for i, name in enumerate(labels.names)):
        return labels
    names = tuple(
        own if often[own] == 1 else name
        for own, name in zip(labels.names, known.names, strict=True)
    )
    return LabelSpace(names, synonyms=known.synonyms)

"""Which architecture a file of weights fits, where it does not fit the one that was named.

Networks are built without numbers (on torch's `meta` device), the likeliest first, within seconds.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import timm
import torch
from torch import nn
from torchvision import models

from usable_core.models.weights.tables import Search

SECONDS = 6.0
LEAST = 0.5  # of the network's tensors; below it a name would be no help
# A name that only one family has, and the members of it that are met most.
_FAMILIES = (
    (
        r"layer4\.0\.conv3\.weight",
        "torchvision/resnet50 torchvision/resnet101 torchvision/resnet152 timm/resnet26 "
        "torchvision/resnext50_32x4d torchvision/wide_resnet50_2 timm/resnet50d timm/seresnet50",
    ),
    (
        r"layer4\.0\.conv2\.weight",
        "torchvision/resnet18 torchvision/resnet34 timm/resnet18d timm/resnet34d timm/resnet10t "
        "timm/resnet14t timm/resnet26t",
    ),
    (
        r"encoder\.layers\.encoder_layer_0",
        "torchvision/vit_b_16 torchvision/vit_b_32 torchvision/vit_l_16 torchvision/vit_l_32",
    ),
    (
        r"blocks\.0\.attn\.qkv\.weight",
        "timm/vit_tiny_patch16_224 timm/vit_small_patch16_224 timm/vit_base_patch16_224 "
        "timm/deit3_small_patch16_224 timm/vit_base_patch32_224 timm/vit_large_patch16_224 "
        "timm/swin_tiny_patch4_window7_224 timm/swin_small_patch4_window7_224 "
        "timm/swin_base_patch4_window7_224",
    ),
    (r"features\.denseblock1", "torchvision/densenet121 torchvision/densenet169"),
    (r"features\.\d+\.squeeze", "torchvision/squeezenet1_0 torchvision/squeezenet1_1"),
    (
        r"features\.\d+\.(weight|bias)",
        "torchvision/vgg16 torchvision/vgg16_bn torchvision/vgg19 torchvision/vgg19_bn "
        "torchvision/vgg11 torchvision/vgg11_bn torchvision/vgg13 torchvision/alexnet",
    ),
    (
        r"features\.1\.0\.(norm1|attn)",
        "torchvision/swin_t torchvision/swin_s torchvision/swin_b torchvision/swin_v2_t",
    ),
    (
        r"features\.0\.0\.weight",
        "torchvision/mobilenet_v2 torchvision/mobilenet_v3_large torchvision/mobilenet_v3_small "
        "torchvision/efficientnet_b0 torchvision/convnext_tiny torchvision/convnext_small "
        "torchvision/convnext_base torchvision/efficientnet_v2_s torchvision/efficientnet_b1",
    ),
    (
        r"stages\.0\.blocks\.0\.(conv_dw|gamma)",
        "timm/convnext_tiny timm/convnext_small timm/convnext_base timm/convnextv2_tiny "
        "timm/convnext_nano",
    ),
    (
        r"conv_stem\.weight",
        "timm/efficientnet_b0 timm/mobilenetv3_large_100 timm/mobilenetv2_100 "
        "timm/mobilenetv1_100 timm/mobilenetv3_small_100 timm/tf_efficientnetv2_s "
        "timm/efficientnet_b1 timm/mobilenetv2_035 timm/mnasnet_100",
    ),
    (r"Conv2d_1a_3x3", "torchvision/inception_v3"),
    (r"inception3a", "torchvision/googlenet"),
    (r"stage2\.0\.branch1", "torchvision/shufflenet_v2_x1_0 torchvision/shufflenet_v2_x0_5"),
    (r"trunk_output", "torchvision/regnet_y_400mf torchvision/regnet_x_400mf"),
    (
        r"layers\.0\.blocks\.0",
        "timm/swin_tiny_patch4_window7_224 timm/swin_small_patch4_window7_224",
    ),
)


def nearest(search: Search, said: str) -> str:
    """Return a sentence on the architecture that fits a file best, its head aside.

    Args:
        search: The file's tensors, looked at for another network.
        said: The architecture that the file itself says; empty where it says none.
    """
    end, own, best, found = time.monotonic() + SECONDS, likeness(search), LEAST, ""
    for reference in _candidates(search, said):
        share = _likeness_of(search, reference)
        if share > best:
            best, found = share, reference
        if share == 1 or time.monotonic() > end:
            break
    says = f"The file itself says {said}. " if said else ""
    if own == 1:
        return (
            "All but the head fits, which is missing or more than one linear layer. Save the "
            "network with such a head, or export it whole with torch.export and give that as the "
            "model (file/PATH.pt2)."
        )
    if own >= best:
        return (
            f"{says}No usual architecture is nearer than this one: the file was made with other "
            "options of it, or from a changed network. Give those options (--arch-option), or "
            "export it whole with torch.export and give that as the model (file/PATH.pt2)."
        )
    if best == 1:
        return f"{says}Its tensors are those of {found}, built without options: choose that."
    if found:
        return (
            f"{says}The nearest of the usual architectures is {found}, with {best:.0%} of its "
            "tensors in the file: choose that, or the one that the file was made with."
        ).replace("%", " %")
    return (
        f"{says}No usual architecture of torchvision or timm is near. Choose the one that the file "
        "was made with, and its options."
    )


def _candidates(search: Search, said: str) -> Iterator[str]:
    name = said.rpartition("/")[2].partition(".")[0]
    known = {"torchvision": models.list_models(module=models), "timm": timm.list_models()}
    yield from (f"{source}/{name}" for source, names in known.items() if name in names)
    for pattern, references in _FAMILIES:
        if any(re.search(pattern, found) for found in search.found):
            yield from references.split()


def _likeness_of(search: Search, reference: str) -> float:
    source, _, name = reference.partition("/")
    build: Callable[..., nn.Module] = (
        models.get_model if source == "torchvision" else timm.create_model
    )
    quick = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    try:
        with torch.device("meta"):
            network = build(name, **quick)
    except RuntimeError:  # RegNets count with tensors while they are built
        return 0.0
    own = {k: v for k, v in network.state_dict().items() if not k.lower().startswith("aux")}
    return likeness(replace(search, own=own))


def likeness(search: Search) -> float:
    """Return how alike a network and a file are: 1 where all tensors but the heads' are shared."""
    tables, head = search.tables()[:1], search.needed[-1].split(".")[0]
    body = [name for name in search.needed if name.split(".")[0] != head]
    for table in tables if body else ():
        fitting, cut = set(search.fitting(table)), f"{table.prefix}." if table.prefix else ""
        extra = [n for n in search.unexpected(table) if n.removeprefix(cut).split(".")[0] != head]
        return sum(name in fitting for name in body) / (len(body) + len(extra))
    return 0.0

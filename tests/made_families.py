"""Small networks of the families of timm and transformers, random, with what is known of each.

Widths and depths are cut where timm lets them be. Grids are written down from each architecture's
arithmetic: the picture's sides by the stride of its last stage, rounded up.
"""

import functools
from dataclasses import dataclass

import made_classifiers
import timm
from planted import CLASSES
from timm.models import densenet as timm_densenet
from timm.models import vgg as timm_vgg
from torch import nn


@dataclass(frozen=True)
class Family:
    """How a network is made, and what its maps must look like.

    Attributes:
        make: Called without arguments.
        stride: Pixels from one place of the last stage to the next.
        size: Height and width of its pictures.
        near: How many cells from the patch its peak may be: 0 where pictures are cut into patches,
            1 where strided convolutions look up to half a cell aside of their place.
        has_rollout: Whether all of its attention is among all places of the last stage.
    """

    make: object
    stride: int
    size: tuple[int, int]
    near: int = 1
    has_rollout: bool = False

    @property
    def grid(self):
        """Rows and columns of the last stage."""
        return -(-self.size[0] // self.stride), -(-self.size[1] // self.stride)


def of_timm(name, stride=32, size=(160, 224), near=1, has_rollout=False, **settings):
    """A family of timm."""
    make = functools.partial(timm.create_model, name, num_classes=CLASSES, **settings)
    return Family(make, stride, size, near, has_rollout)


def plain(name, size=(64, 96), stride=16, near=0, has_rollout=True, **settings):
    """A transformer of patches of timm."""
    small = {"embed_dim": 48, "depth": 2, "num_heads": 3} | settings
    return of_timm(name, stride, size, near, has_rollout, img_size=size, **small)


def of_transformers(kind, stride, side=224, near=1, has_rollout=False, **changes):
    """A family of transformers, whose `logits` are its answer."""

    def make():
        from usable_core.models.sources.classifiers import Classifier

        labels = [f"{k}" for k in range(CLASSES)]
        made = made_classifiers.made(kind, labels=labels, **changes)
        for parameter in made.parameters():
            if parameter.dim() > 1:  # so little that attention is not of single tokens
                parameter.data *= 0.3
        return Classifier(made, {})

    return Family(make, stride, (side, side), near, has_rollout)


ONE_EACH = {"depths": (1, 1, 1, 1)}
NARROW = (8, "M", 16, "M", 16, "M", 32, "M", 32, "M")
SHIFTED = {"embed_dim": 24, "depths": (1, 1, 2), "num_heads": (2, 2, 4), "img_size": (64, 96)}
TIMM = {
    "resnet": of_timm("resnet10t"),
    "resnest": of_timm("resnest14d"),
    "densenet": Family(lambda: timm_densenet.DenseNet(8, (2, 2, 2, 2), CLASSES), 32, (160, 224)),
    "vgg": Family(
        lambda: timm_vgg.VGG(NARROW, CLASSES, mlp_ratio=0.02, norm_layer=nn.BatchNorm2d),
        32,
        (224, 224),
    ),
    "efficientnet": of_timm("test_efficientnet"),
    "mobilenetv3": of_timm("mobilenetv3_small_050"),
    "ghostnet": of_timm("ghostnet_050"),
    "regnet": of_timm("regnetx_002"),
    "hrnet": of_timm("hrnet_w18_small"),
    "repvit": of_timm("repvit_m0_9"),
    "fastvit": of_timm("fastvit_t8"),
    "convnext": of_timm("convnext_atto", near=0, **ONE_EACH),
    "convnextv2": of_timm("convnextv2_atto", near=0, **ONE_EACH),
    "mambaout": of_timm("mambaout_femto", **ONE_EACH),
    "poolformer": of_timm("poolformer_s12"),
    "inception_next": of_timm("inception_next_atto", **ONE_EACH),
    "focalnet": of_timm("focalnet_tiny_srf", near=0),
    "davit": of_timm(
        "davit_tiny", embed_dims=(24, 48, 96, 96), num_heads=(1, 2, 4, 4), depths=(1, 1, 1, 1)
    ),
    "edgenext": of_timm("edgenext_xx_small"),
    "mobilevit": of_timm("mobilevit_xxs"),
    "vit": plain("vit_tiny_patch16_224"),
    "vit, registers": plain("vit_small_patch14_reg4_dinov2", (56, 84), 14),
    "deit, distilled": plain("deit_tiny_distilled_patch16_224"),
    "beit": plain("beit_base_patch16_224"),
    "eva": plain("eva02_tiny_patch14_224", (56, 84), 14),
    "cait": plain("cait_xxs24_224", (64, 64)),
    "xcit": plain("xcit_nano_12_p16_224", near=1, has_rollout=False),
    "mixer": of_timm("mixer_s32_224", near=0, size=(224, 224)),
    "swin": of_timm("swin_tiny_patch4_window7_224", 16, (64, 96), 0, window_size=2, **SHIFTED),
    "swinv2": of_timm("swinv2_tiny_window8_256", 16, (64, 96), 0, window_size=4, **SHIFTED),
    "pvt_v2": of_timm("pvt_v2_b0"),
    "twins": of_timm(
        "twins_svt_small",
        embed_dims=(16, 32, 48, 64),
        num_heads=(1, 2, 2, 4),
        depths=(1, 1, 2, 1),
        img_size=224,
        size=(224, 224),
    ),
    "levit": of_timm("levit_128s", 64, (224, 224)),
    "maxvit": of_timm("maxvit_pico_rw_256", size=(128, 128), img_size=128),
    "coatnet": of_timm("coatnet_pico_rw_224", size=(160, 160), img_size=160),
    "hiera": of_timm(
        "hiera_tiny_224", embed_dim=24, num_heads=1, stages=(1, 1, 1, 1), img_size=(160, 224)
    ),
    "mvitv2": of_timm("mvitv2_tiny", size=(224, 224)),
    "efficientformer": of_timm("efficientformer_l1", size=(224, 224), has_rollout=True),
    "pit": of_timm("pit_ti_224", base_dims=(16, 16, 16), depth=(1, 1, 1), size=(224, 224)),
}
PATCHES = {"near": 0, "side": 32}
HF = {
    "beit": of_transformers("beit", 8, has_rollout=True, **PATCHES),
    "bit": of_transformers("bit", 32),
    "clip": of_transformers("clip", 8, has_rollout=True, **PATCHES),
    "convnext": of_transformers("convnext", 32, near=0, image_size=224),
    "convnextv2": of_transformers("convnextv2", 32, near=0, image_size=224),
    "cvt": of_transformers("cvt", 16, side=112),
    "data2vec-vision": of_transformers("data2vec-vision", 8, has_rollout=True, **PATCHES),
    "deit": of_transformers("deit", 8, has_rollout=True, **PATCHES),
    "dinov2": of_transformers("dinov2", 8, has_rollout=True, **PATCHES),
    "dinov2_with_registers": of_transformers(
        "dinov2_with_registers", 8, has_rollout=True, **PATCHES
    ),
    "efficientnet": of_transformers("efficientnet", 4, side=32),
    "focalnet": of_transformers("focalnet", 4, **PATCHES),
    "hgnet_v2": of_transformers("hgnet_v2", 8, side=64),
    "hiera": of_transformers("hiera", 8, side=64, image_size=[64, 64]),
    "ijepa": of_transformers("ijepa", 8, has_rollout=True, **PATCHES),
    "levit": of_transformers("levit", 64, side=448, image_size=448),
    "metaclip_2": of_transformers("metaclip_2", 8, has_rollout=True, **PATCHES),
    "mobilenet_v1": of_transformers("mobilenet_v1", 32),
    "mobilenet_v2": of_transformers("mobilenet_v2", 32),
    "mobilevit": of_transformers("mobilevit", 32, image_size=224),
    "mobilevitv2": of_transformers("mobilevitv2", 32, image_size=224),
    "poolformer": of_transformers("poolformer", 32),
    "pvt": of_transformers("pvt", 32, near=0, image_size=224, num_labels=CLASSES),
    "pvt_v2": of_transformers("pvt_v2", 32, image_size=224),
    "regnet": of_transformers("regnet", 32),
    "resnet": of_transformers("resnet", 32),
    "segformer": of_transformers("segformer", 32),
    "siglip": of_transformers("siglip", 8, has_rollout=True, **PATCHES),
    "swiftformer": of_transformers("swiftformer", 32, image_size=224),
    "swin": of_transformers("swin", 4, **PATCHES),
    "swinv2": of_transformers("swinv2", 4, **PATCHES),
    "vit": of_transformers("vit", 8, has_rollout=True, **PATCHES),
    "vit_msn": of_transformers("vit_msn", 8, has_rollout=True, **PATCHES),
}
# Cuts its patches out of the pixels, so that no activation tells their grid.
UNTOLD = of_timm(
    "tnt_s_patch16_224",
    16,
    (64, 64),
    img_size=64,
    embed_dim=48,
    inner_dim=12,
    depth=2,
    num_heads_inner=2,
    num_heads_outer=3,
)
FAMILIES = {f"timm {name}": one for name, one in TIMM.items()} | {
    f"transformers {name}": one for name, one in HF.items()
}

"""Tiny random image classifiers of transformers, one of each type, saved as people save them.

Made on demand: importing this module imports no transformers.
"""

import json
from functools import cache

import torch
from safetensors.torch import save_file

CLASSES = 5
# What makes each type small: 32 pixels wherever the type allows it.
_VIT = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "image_size": 32,
    "patch_size": 8,
}
_MOBILE_VIT = {
    "hidden_sizes": [8, 12, 16],
    "neck_hidden_sizes": [8, 8, 12, 12, 16, 16, 24],
    "num_attention_heads": 2,
    "image_size": 32,
}
_SWIN = {"image_size": 32, "patch_size": 2, "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2]}
_RESNET = {"embedding_size": 8, "hidden_sizes": [8, 12, 16, 16], "depths": [1, 1, 1, 1]}
_CONVNEXT = {"hidden_sizes": [8, 12, 16, 16], "depths": [1, 1, 1, 1], "image_size": 32}
_CLIP = {
    "projection_dim": 16,
    "text_config": {
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "vocab_size": 64,
        "max_position_embeddings": 8,
    },
    "vision_config": _VIT,
}
SMALL = {
    "beit": _VIT,
    "bit": {
        "embedding_size": 16,
        "hidden_sizes": [16, 16, 32, 32],
        "depths": [1, 1, 1, 1],
        "num_groups": 4,
    },
    "clip": _CLIP,
    "convnext": _CONVNEXT,
    "convnextv2": _CONVNEXT,
    "cvt": {"embed_dim": [8, 12, 16], "num_heads": [1, 2, 2], "depth": [1, 2, 3]},
    "data2vec-vision": _VIT,
    "deit": _VIT,
    "dinat": {
        "embed_dim": 8,
        "depths": [1, 1],
        "num_heads": [1, 2],
        "dilations": [[1], [1]],
        "image_size": 32,
    },
    "dinov2": _VIT,
    "dinov2_with_registers": _VIT,
    "donut-swin": dict(_SWIN, window_size=4),
    "efficientnet": {
        "image_size": 32,
        "width_coefficient": 0.25,
        "depth_coefficient": 0.25,
        "in_channels": [32, 16],
        "out_channels": [16, 24],
        "kernel_sizes": [3, 3],
        "strides": [1, 2],
        "num_block_repeats": [1, 1],
        "expand_ratios": [1, 2],
        "depthwise_padding": [],
        "hidden_dim": 320,
    },
    "focalnet": {
        "image_size": 32,
        "patch_size": 2,
        "embed_dim": 8,
        "hidden_sizes": [8, 16],
        "depths": [1, 1],
        "focal_levels": [1, 1],
        "focal_windows": [3, 3],
    },
    "hgnet_v2": {
        "embedding_size": 8,
        "depths": [1, 1],
        "hidden_sizes": [8, 16],
        "stem_channels": [3, 8, 8],
        "stage_in_channels": [8, 8],
        "stage_mid_channels": [8, 8],
        "stage_out_channels": [8, 16],
        "stage_num_blocks": [1, 1],
        "stage_downsample": [False, True],
        "stage_light_block": [False, True],
        "stage_kernel_size": [3, 3],
        "stage_numb_of_layers": [2, 2],
        "out_features": ["stage2"],
    },
    "hiera": {
        "image_size": [32, 32],
        "embed_dim": 8,
        "depths": [1, 1, 1],
        "num_heads": [1, 2, 2],
        "num_query_pool": 2,
        "masked_unit_size": [4, 4],
        "masked_unit_attention": [True, True, False],
        "patch_size": [3, 3],
        "patch_stride": [2, 2],
        "patch_padding": [1, 1],
    },
    "ijepa": _VIT,
    "imagegpt": {"n_embd": 16, "n_layer": 1, "n_head": 2, "vocab_size": 17, "n_positions": 16},
    "levit": {
        "image_size": 128,
        "hidden_sizes": [16, 24, 32],
        "num_attention_heads": [1, 2, 2],
        "depths": [1, 1, 1],
        "key_dim": [8, 8, 8],
    },
    "metaclip_2": _CLIP,
    "mobilenet_v1": {"depth_multiplier": 0.25, "min_depth": 8, "image_size": 32},
    "mobilenet_v2": {"depth_multiplier": 0.25, "min_depth": 8, "image_size": 32},
    "mobilevit": _MOBILE_VIT,
    "mobilevitv2": {"image_size": 32, "width_multiplier": 0.125, "n_attn_blocks": [1, 1, 1]},
    "perceiver": {
        "num_latents": 4,
        "d_latents": 16,
        "num_blocks": 1,
        "num_self_attends_per_block": 1,
    },
    "poolformer": {"hidden_sizes": [8, 12, 16, 16], "depths": [1, 1, 1, 1]},
    "pp_lcnet": {"scale": 0.25},
    "pvt": {
        "num_labels": CLASSES,  # 1,000 by its class, whatever names there are
        "image_size": 32,
        "depths": [1, 1, 1, 1],
        "hidden_sizes": [8, 12, 16, 16],
        "num_attention_heads": [1, 1, 2, 2],
    },
    "pvt_v2": {
        "image_size": 32,
        "depths": [1, 1, 1, 1],
        "hidden_sizes": [8, 12, 16, 16],
        "num_attention_heads": [1, 1, 2, 2],
    },
    "regnet": dict(_RESNET, groups_width=4),
    "resnet": dict(_RESNET, layer_type="basic"),
    "segformer": {
        "depths": [1, 1, 1, 1],
        "hidden_sizes": [8, 12, 16, 16],
        "num_attention_heads": [1, 1, 2, 2],
    },
    "shieldgemma2": {},
    "siglip": _CLIP,
    "siglip2": _CLIP,
    "swiftformer": {"image_size": 32, "depths": [1, 1, 1, 1], "embed_dims": [8, 12, 16, 24]},
    "swin": dict(_SWIN, window_size=4),
    "swinv2": dict(_SWIN, window_size=4),
    "textnet": {"image_size": [32, 32]},
    "timm_wrapper": {
        "architecture": "test_resnet",
        "pretrained_cfg": {
            "input_size": [3, 64, 64],
            "crop_pct": 0.9,
            "interpolation": "bicubic",
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
        },
    },
    "vit": _VIT,
    "vit_msn": _VIT,
}
# Processors of types that transformers does not name one for: those of their published weights.
PROCESSORS = {"dinov2_with_registers": "BitImageProcessor", "hgnet_v2": "RTDetrImageProcessor"}
# Refused by what they take or do, with words of the reason, which RESULTS.md has too.
# `dinat` would be at 0 too, but its network needs natten, which has no package for this Python.
REFUSED = {
    "dinat": "natten",
    "donut-swin": "shrinks pictures to fit and pads them",
    "imagegpt": "and no picture",
    "perceiver": "another size",
    "pp_lcnet": "no version for Pillow",
    "shieldgemma2": "and no picture",
    "siglip2": "cuts each picture into up to 256 patches, in a grid of its own shape",
    "textnet": "rounds both sides up to multiples of 32",
}
# Networks of these only answer larger pictures than 32 pixels.
SIDES = {"levit": 128, "mobilevitv2": 64}


@cache
def types():
    """The types that transformers has an image classifier of."""
    from transformers.models.auto import modeling_auto

    return tuple(modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES)


def made(kind, *, teacher=False, labels=None, **changes):
    """A tiny network of a type, as transformers has it."""
    import transformers

    torch.manual_seed(0)
    config = configuration(kind, labels, **changes)
    network = getattr(transformers, class_names(kind)[-1 if teacher else 0])(config).eval()
    for parameter in network.parameters():  # what begins as zeros would hide mistakes
        torch.nn.init.normal_(parameter, std=0.2)
    return network


def configuration(kind, labels=None, **changes):
    """The configuration of a tiny network of a type."""
    from transformers import CONFIG_MAPPING

    names = labels or [f"class {k}" for k in range(CLASSES)]
    return CONFIG_MAPPING[kind](
        **SMALL[kind] | changes,
        id2label=dict(enumerate(names)),
        label2id={name: k for k, name in enumerate(names)},
    )


def save(kind, folder, **settings):
    """Save a tiny network of a type and its processor into a folder; return the network."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind != "timm_wrapper":
        save_processor(kind, folder)
    if kind in REFUSED:  # before anything is built, and two of these are very large
        configuration(kind, architectures=[class_names(kind)[0]]).save_pretrained(folder)
        save_file({"none": torch.zeros(1)}, folder / "model.safetensors")
        return None
    network = made(kind, **settings)
    network.save_pretrained(folder)
    return network


def class_names(kind):
    """Names of the classes of a type, the usual one first."""
    from transformers.models.auto import modeling_auto

    found = modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES[kind]
    return (found,) if isinstance(found, str) else found


def save_processor(kind, folder, **changes):
    """Write the processor of a type as its class has it, but for 32 pixels where it can be."""
    path = folder / "preprocessor_config.json"
    said = json.loads(json.dumps(processor_of(kind).to_dict(), default=int))
    side = SIDES.get(kind, 32)
    for name in ("size", "crop_size"):
        if isinstance(said.get(name), dict):
            said[name] = {
                key: _scaled(value, name, side, said) for key, value in said[name].items()
            }
    path.write_text(json.dumps(said | changes))


def _scaled(value, name, side, said):
    """The side of `size` relative to the crop's, at this side of the crop."""
    whole = (said.get("crop_size") or {}).get("height") if said.get("do_center_crop") else None
    return round(side * value / whole) if name == "size" and whole else side


def processor_of(kind):
    """The processor of a type with the settings of its class."""
    from transformers.models.auto import image_processing_auto as auto

    row = auto.IMAGE_PROCESSOR_MAPPING_NAMES.get(kind) or {"pil": f"{PROCESSORS[kind]}Pil"}
    made = auto.get_image_processor_class_from_name(row.get("pil") or row["torchvision"])
    return made()

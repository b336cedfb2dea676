"""The corruptions that can be chosen: those of ImageNet-C and CIFAR-C."""

from dataclasses import dataclass

PAPER = "Hendrycks & Dietterich 2019, arXiv:1903.12261"
GROUPS = ("noise", "blur", "weather", "digital", "extra")


@dataclass(frozen=True)
class CorruptionRow:
    """One corruption: title, group, where it is implemented, whether it is one of the 15 common."""

    title: str
    group: str
    function: str
    is_common: bool
    help: str
    paper: str = PAPER


def _row(title: str, group: str, name: str, help_text: str) -> CorruptionRow:
    module, _, function = name.partition(":")
    dotted = f"usable_core.corruptions.{module}:{function}"
    return CorruptionRow(title, group, dotted, group != "extra", help_text)


CORRUPTIONS = {
    "gaussian_noise": _row(
        "Gaussian noise", "noise", "noise:gaussian_noise", "Sensor noise in poor light."
    ),
    "shot_noise": _row(
        "Shot noise", "noise", "noise:shot_noise", "Light counted photon by photon."
    ),
    "impulse_noise": _row(
        "Impulse noise", "noise", "noise:impulse_noise", "Single values turned black or white."
    ),
    "defocus_blur": _row(
        "Defocus blur", "blur", "blur:defocus_blur", "A lens out of focus: points become disks."
    ),
    "glass_blur": _row(
        "Glass blur", "blur", "blur:glass_blur", "Frosted glass: pixels scattered nearby."
    ),
    "motion_blur": _row("Motion blur", "blur", "blur:motion_blur", "A camera that moved."),
    "zoom_blur": _row("Zoom blur", "blur", "blur:zoom_blur", "A camera that moved forward."),
    "snow": _row("Snow", "weather", "weather:snow", "Flakes blown along a line."),
    "frost": _row(
        "Frost (procedural)",
        "weather",
        "weather:frost",
        "Ice on the lens. Its pictures are generated: as bright as the photographs of ImageNet-C, "
        "but not comparable with them pixel by pixel.",
    ),
    "fog": _row("Fog", "weather", "weather:fog", "A bright cloud before everything."),
    "brightness": _row("Brightness", "weather", "weather:brightness", "More daylight."),
    "contrast": _row("Contrast", "digital", "digital:contrast", "Values nearer to their mean."),
    "elastic_transform": _row(
        "Elastic transform", "digital", "digital:elastic_transform", "Stretched and squeezed."
    ),
    "pixelate": _row("Pixelate", "digital", "digital:pixelate", "A small image made large."),
    "jpeg_compression": _row(
        "JPEG compression", "digital", "digital:jpeg_compression", "Blocks of a small file."
    ),
    "speckle_noise": _row(
        "Speckle noise", "extra", "noise:speckle_noise", "Noise in proportion to brightness."
    ),
    "gaussian_blur": _row("Gaussian blur", "extra", "blur:gaussian_blur", "A soft blur."),
    "spatter": _row("Spatter", "extra", "weather:spatter", "Drops of water, then of mud."),
    "saturate": _row("Saturate", "extra", "digital:saturate", "Colours taken away, then too much."),
}
COMMON = tuple(name for name, row in CORRUPTIONS.items() if row.is_common)


def corruptions_named(text: str) -> tuple[str, ...]:
    """Return the corruptions of a text such as `fog,snow`, `common` or `all`, each once."""
    sets = {"common": COMMON, "all": tuple(CORRUPTIONS)}
    words = [word.strip() for word in text.split(",") if word.strip()]
    return tuple(dict.fromkeys(name for word in words for name in sets.get(word, (word,))))

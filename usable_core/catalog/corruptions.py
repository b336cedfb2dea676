"""The corruptions that can be chosen: those of ImageNet-C and CIFAR-C."""

from dataclasses import dataclass, replace

PAPER = "Hendrycks & Dietterich 2019, arXiv:1903.12261"
GROUPS = ("noise", "blur", "weather", "digital", "extra")


@dataclass(frozen=True)
class CorruptionRow:
    """One corruption.

    Attributes:
        title: As people call it.
        group: One of `GROUPS`.
        function: Dotted name of what implements it.
        is_common: Whether it is one of the usual 15, which mCE is of.
        help: One sentence.
        paper: Where it comes from.
        is_random: Whether its seeds matter.
    """

    title: str
    group: str
    function: str
    is_common: bool
    help: str
    paper: str = PAPER
    is_random: bool = True


def _row(title: str, name: str, help_text: str, group: str = "") -> CorruptionRow:
    """Return the row of `module:function`; the module is the group where no other is named."""
    group = group or name.partition(":")[0]
    function = f"usable_core.corruptions.{name}"
    return CorruptionRow(title, group, function, group != "extra", help_text)


def _still(title: str, name: str, help_text: str, group: str = "") -> CorruptionRow:
    return replace(_row(title, name, help_text, group), is_random=False)


CORRUPTIONS = {
    "gaussian_noise": _row("Gaussian noise", "noise:gaussian_noise", "Sensor noise in poor light."),
    "shot_noise": _row("Shot noise", "noise:shot_noise", "Light counted photon by photon."),
    "impulse_noise": _row(
        "Impulse noise", "noise:impulse_noise", "Single values turned black or white."
    ),
    "defocus_blur": _still(
        "Defocus blur", "blur:defocus_blur", "A lens out of focus: points become disks."
    ),
    "glass_blur": _row("Glass blur", "blur:glass_blur", "Frosted glass: pixels scattered nearby."),
    "motion_blur": _row("Motion blur", "blur:motion_blur", "A camera that moved."),
    "zoom_blur": _still("Zoom blur", "blur:zoom_blur", "A camera that moved forward."),
    "snow": _row("Snow", "weather:snow", "Flakes blown along a line."),
    "frost": _row(
        "Frost (procedural)",
        "weather:frost",
        "Ice on the lens. Its pictures are generated: as bright as the photographs of ImageNet-C, "
        "but not comparable with them pixel by pixel.",
    ),
    "fog": _row("Fog", "weather:fog", "A bright cloud before everything."),
    "brightness": _still("Brightness", "weather:brightness", "More daylight."),
    "contrast": _still("Contrast", "digital:contrast", "Values nearer to their mean."),
    "elastic_transform": _row(
        "Elastic transform", "digital:elastic_transform", "Stretched and squeezed."
    ),
    "pixelate": _still("Pixelate", "digital:pixelate", "A small image made large."),
    "jpeg_compression": _still(
        "JPEG compression", "digital:jpeg_compression", "Blocks of a small file."
    ),
    "speckle_noise": _row(
        "Speckle noise", "noise:speckle_noise", "Noise in proportion to brightness.", "extra"
    ),
    "gaussian_blur": _still("Gaussian blur", "blur:gaussian_blur", "A soft blur.", "extra"),
    "spatter": _row("Spatter", "weather:spatter", "Drops of water, then of mud.", "extra"),
    "saturate": _still(
        "Saturate", "digital:saturate", "Colours taken away, then too much.", "extra"
    ),
}
COMMON = tuple(name for name, row in CORRUPTIONS.items() if row.is_common)

"""The demo: the bundled models that read digits, and whether they are fit for a first use."""

from usable_core.catalog.starts import STARTS
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.verdicts.assessment import AssessmentConfig


def demo() -> AssessmentConfig:
    """Return the question of the demo; it needs no download, and any two of it are equal."""
    return AssessmentConfig(
        (ModelSpec("bundled/vgg_digits"), ModelSpec("bundled/resnet_digits")),
        DatasetSpec("digits"),
        STARTS["first_look"].require,
        use="Reading handwritten digits",
        set_by="The demo",
    )

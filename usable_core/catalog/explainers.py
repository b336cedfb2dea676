"""The explanation methods that can be chosen."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ExplainerRow:
    """One method: title, where it is implemented, what it promises, its paper.

    Attributes:
        is_additive: Its values sum to f(x) − f(background), up to a gap that is shown.
        uses_superpixels: It credits the shared SLIC superpixels.
    """

    title: str
    function: str
    is_additive: bool
    uses_superpixels: bool
    paper: str
    help: str


EXPLAINERS = {
    "lime": ExplainerRow(
        "LIME",
        "usable_core.explainers.lime_surrogate:explain",
        False,
        True,
        "Ribeiro et al. 2016, arXiv:1602.04938",
        "A weighted linear model fitted to predictions on images with superpixels hidden.",
    ),
    "partition_shap": ExplainerRow(
        "Partition SHAP",
        "usable_core.explainers.shap_values:explain_partition",
        True,
        False,
        "Lundberg & Lee 2017, arXiv:1705.07874; Owen 1977",
        "Owen values over a hierarchy of rectangles, hidden behind a blurred background.",
    ),
    "gradient_shap": ExplainerRow(
        "Gradient SHAP",
        "usable_core.explainers.shap_values:explain_gradient",
        True,
        False,
        "Erion et al. 2021, arXiv:1906.10670 (expected gradients)",
        "Gradients averaged along the path from a background to the image.",
    ),
}

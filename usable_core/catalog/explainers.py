"""The explanation methods that can be chosen."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ExplainerRow:
    """One method: title, where it is implemented, what it promises, its paper.

    Attributes:
        is_additive: Its values sum to f(x) − f(background), up to a gap that is shown.
        uses_superpixels: It credits the shared SLIC superpixels.
        is_random: It draws at random, so it has a Monte Carlo error, which is shown.
        is_anytime: A map of more evaluations asks only what one of fewer did not.
        is_signed: Its values tell for from against; otherwise they are magnitudes.
        has_background: It hides parts, or starts a path, behind a background.
        needs_gradients: It differentiates the model, `(oracle, picture, target, options)`; the
            others ask for hidden parts only, `(game, target, options)`.
        needs_attention: It follows self-attention among the patches of a transformer, and refuses
            every other network.
        most_evaluations: More than these it never takes; None where the options say how many.
        of_texts: Dotted name of what does the same of a text; None where nothing does. What hides
            parts only is the same function, of words.
        caveat: What is to be told beside each of its maps of a text.
    """

    title: str
    function: str
    paper: str
    help: str
    is_additive: bool = False
    uses_superpixels: bool = False
    is_random: bool = False
    is_signed: bool = True
    is_anytime: bool = False
    has_background: bool = True
    needs_gradients: bool = False
    needs_attention: bool = False
    most_evaluations: int | None = None
    of_texts: str | None = None
    caveat: str = ""


EXPLAINERS = {
    "lime": ExplainerRow(
        "LIME",
        "usable_core.explainers.lime_surrogate:explain",
        "Ribeiro et al. 2016, arXiv:1602.04938",
        "A weighted linear model fitted to predictions on images with superpixels hidden.",
        uses_superpixels=True,
        is_random=True,
        is_anytime=True,
        of_texts="usable_core.explainers.lime_surrogate:explain",
    ),
    "kernel_shap": ExplainerRow(
        "Kernel SHAP",
        "usable_core.explainers.kernel_shap:explain",
        "Lundberg & Lee 2017, arXiv:1705.07874",
        "Shapley values of superpixels, estimated from images with many of them hidden.",
        is_additive=True,
        uses_superpixels=True,
        is_random=True,
        is_anytime=True,
        of_texts="usable_core.explainers.word_shap:explain",
    ),
    "partition_shap": ExplainerRow(
        "Partition SHAP",
        "usable_core.explainers.partition_shap:explain",
        "Lundberg & Lee 2017, arXiv:1705.07874; Owen 1977",
        "Owen values over a hierarchy of rectangles that are hidden.",
        is_additive=True,
        of_texts="usable_core.explainers.partition_shap:explain",
    ),
    "gradient_shap": ExplainerRow(
        "Gradient SHAP",
        "usable_core.explainers.path_gradients:explain_expected",
        "Erion et al. 2021, arXiv:1906.10670 (expected gradients)",
        "Gradients averaged along the path from a background to the image.",
        is_additive=True,
        is_random=True,
        needs_gradients=True,
        of_texts="usable_core.explainers.word_gradients:explain_expected",
    ),
    "integrated_gradients": ExplainerRow(
        "Integrated gradients",
        "usable_core.explainers.path_gradients:explain_integrated",
        "Sundararajan et al. 2017, arXiv:1703.01365",
        "Gradients integrated along the path from a background to the image.",
        is_additive=True,
        needs_gradients=True,
        of_texts="usable_core.explainers.word_gradients:explain_integrated",
    ),
    "grad_cam": ExplainerRow(
        "Grad-CAM",
        "usable_core.explainers.cam:explain_grad",
        "Selvaraju et al. 2017, arXiv:1610.02391",
        "The last grid of activations, weighted by mean gradients; one pass, coarse, made for "
        "convolutional networks.",
        is_signed=False,
        has_background=False,
        needs_gradients=True,
        most_evaluations=2,
    ),
    "token_cam": ExplainerRow(
        "Token CAM (HiResCAM)",
        "usable_core.explainers.cam:explain_tokens",
        "Draelos & Carin 2020, arXiv:2011.08891",
        "Activations times their own gradients, of all blocks of a transformer; one pass, coarse.",
        is_signed=False,
        has_background=False,
        needs_gradients=True,
        most_evaluations=2,
    ),
    "attention_rollout": ExplainerRow(
        "Attention rollout",
        "usable_core.explainers.rollout:explain",
        "Abnar & Zuidema 2020, arXiv:2005.00928",
        "From which patches, or words, a transformer's blocks mix its answer together; for "
        "transformers with attention among all of them, one pass, coarse, the same map for every "
        "class.",
        is_signed=False,
        has_background=False,
        needs_gradients=True,
        needs_attention=True,
        most_evaluations=2,
        of_texts="usable_core.explainers.word_rollout:explain",
        caveat="Attention is no evidence: it tells where the network looks and not for which "
        "class. Judge it by its curves.",
    ),
    "occlusion": ExplainerRow(
        "Occlusion",
        "usable_core.explainers.occlusion:explain",
        "Zeiler & Fergus 2014, arXiv:1311.2901",
        "What the answer loses as a window that slides over the image is hidden.",
        of_texts="usable_core.explainers.occlusion:explain",
    ),
    "saliency": ExplainerRow(
        "Saliency",
        "usable_core.explainers.saliency:explain",
        "Simonyan et al. 2014, arXiv:1312.6034",
        "How strongly each pixel moves the answer, without its direction; one pass.",
        is_signed=False,
        has_background=False,
        needs_gradients=True,
        most_evaluations=2,
    ),
}

# What stands where a part is hidden: title.
BACKGROUNDS = {
    "blur": "The picture, blurred",
    "mean": "The picture's mean colour",
    "own": "Each superpixel's own mean colour",
    "noise": "Filled in from around it, with noise",
    "grey": "Grey",
    "black": "Black",
}

# What stands for a hidden word of a text: title.
TEXT_BACKGROUNDS = {
    "mask": "The model's mask",
    "delete": "Left out",
    "neutral": "An ellipsis",
}

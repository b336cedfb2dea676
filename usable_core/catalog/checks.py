"""What stands beside every robustness curve: the checks that tell whether the attack was too weak.

Passing them is no proof. Carlini et al. 2019, arXiv:1902.06705; Athalye et al. 2018,
arXiv:1802.00420; Croce et al. 2022, arXiv:2202.13711.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckRow:
    """One check: title, and what it asks and why, for a tooltip."""

    title: str
    help: str


CHECKS = {
    "epsilon_zero": CheckRow(
        "ε 0 equals clean",
        "With a budget of 0 the attack's own path must give exactly the clean answers; otherwise "
        "attack and evaluation see two different models (BatchNorm or Dropout in training mode).",
    ),
    "deterministic": CheckRow(
        "Same answer twice",
        "The same images asked twice, alone or in company, must give the same logits. A randomised "
        "model needs attacks that average over its draws (expectation over transformations).",
    ),
    "logits": CheckRow(
        "Outputs are logits",
        "Probabilities saturate and starve the attack of gradients. Remove the last softmax or "
        "sigmoid.",
    ),
    "gradient": CheckRow(
        "Gradient is there",
        "The gradient of the loss must be finite and not zero for every example. Rounding, "
        "thresholds and detached layers kill it, and the attack is then blind.",
    ),
    "loss_rises": CheckRow(
        "Loss rises",
        "Following the gradient must raise the loss from the start of the path to its end; if it "
        "does not, the gradient points nowhere (shattered gradients).",
    ),
    "iterative": CheckRow(
        "Many steps ≥ one step",
        "An iterative attack must break at least what a single step (FGSM) breaks.",
    ),
    "white_box": CheckRow(
        "White box ≥ black box",
        "Attacks that see the gradient must break at least what those break that do not: Square, "
        "and images made for another backbone where one was named.",
    ),
    "noise": CheckRow(
        "Attack ≥ noise",
        "The attack must break at least what random noise of the same size breaks, at every ε.",
    ),
    "unbounded": CheckRow(
        "Unbounded ε breaks all",
        "With a budget as large as the pixel range every image can be turned into any other, so "
        "accuracy must fall to chance or below.",
    ),
    "more_steps": CheckRow(
        "More steps change little",
        "Ten times the steps, on a sample, must not break noticeably more: otherwise the attack "
        "had not converged.",
    ),
    "losses_agree": CheckRow(
        "Losses agree",
        "Cross-entropy and margin must break about equally many; a large gap shows that one of "
        "them is starved of gradients.",
    ),
    "raw_curve": CheckRow(
        "Raw curve falls",
        "Every ε attacked by itself, nothing carried up from smaller ones: accuracy must not rise "
        "with ε. A rise shows an attack that fails where a smaller budget succeeded.",
    ),
    "swappable": CheckRow(
        "Words can be swapped",
        "A text that has no word with a swap withstands every attack, which says nothing of the "
        "model: WordNet has English synonyms alone.",
    ),
    "truncation": CheckRow(
        "Whole texts are read",
        "What a model cuts off is neither read nor attacked, before the attack as after it: the "
        "curve is of the beginnings of long texts.",
    ),
    "descent": CheckRow(
        "Search agrees with attacking every ε",
        "The smallest breaking ε is found by going down from what breaks. On a sample it is "
        "compared with attacking every ε from scratch; where they differ, that is done for all.",
    ),
}

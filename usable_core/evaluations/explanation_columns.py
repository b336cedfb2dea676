"""What the records of explanations hold.

Records, one row per (example, method); NaN where a method has no such figure or it was not asked:
    index, id, label (-1: unknown to the model), prediction, target (the class explained), method,
    r2 (weighted local R², LIME), additivity_gap (|sum of values + base − f(x)| in output units),
    evaluations (forward passes of single images), seconds, effective_samples (LIME), convergence
    (rank correlation with the map of half the evaluations), gap_share (additivity_gap over
    |f(x) − f(background)|), error_share (largest Monte Carlo
    standard error over largest value), settled_share (superpixels whose sign is settled),
    is_stable (1 or 0), deletion_area, deletion_gain, insertion_area, insertion_gain (behind a
    blur), deletion_gain_mean, insertion_gain_mean (behind the mean colour), road_gain, randomised
    and other_class (rank correlations that should be low), agreement (mean rank correlation with
    the example's maps by the other methods).
The maps themselves are artifacts: `maps.npz`, key "{index}_{method}", arrays (H, W) float32; so are
the pictures, `images/{index}.png`.

Records of texts hold the text's beginning, `text`, how many `words` the model reads of it, and
answer_span (highest less lowest probability on all curves). The first background is the model's
mask; the second, with words left out, has `…_delete`. Models without a mask are first asked with
words left out, then with an ellipsis for each, `…_neutral`. Of texts there is no mean colour, and
no ROAD, which fills in from around. Of fewer than 12 words there are no rank correlations with
random weights and another class, of fewer than 2 no curves. Maps are (1, W), with "{index}_text"
and "{index}_spans" (W, 2) beside them.
"""

# Figures of single maps, of which medians are given.
_FIGURES = (
    "r2 additivity_gap effective_samples convergence gap_share error_share settled_share "
    "deletion_area deletion_gain insertion_area insertion_gain deletion_gain_mean "
    "insertion_gain_mean road_gain randomised other_class agreement"
)
FIGURES = tuple(_FIGURES.split())
_OF_PICTURES = ("deletion_gain_mean", "insertion_gain_mean", "road_gain")
_OF_TEXTS = (
    "deletion_gain_delete insertion_gain_delete deletion_gain_neutral insertion_gain_neutral "
    "answer_span"
)
TEXT_FIGURES = (*(name for name in FIGURES if name not in _OF_PICTURES), *_OF_TEXTS.split())
# Those of them, and of the columns of `per_method`, that people see: keys of `METRICS`.
_SHOWN = (
    "doubtful deletion_gain insertion_gain deletion_gain_delete insertion_gain_delete "
    "deletion_gain_neutral insertion_gain_neutral road_gain r2 error_share randomised other_class "
    "agreement additivity_gap seconds"
)
SHOWN = tuple(_SHOWN.split())
_FACTS = "index id label prediction target method r2 additivity_gap evaluations seconds is_stable"
COLUMNS = (*_FACTS.split(), *FIGURES[2:])
TEXT_COLUMNS = (*_FACTS.split(), "text", "words", *TEXT_FIGURES[2:])

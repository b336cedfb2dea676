"""The field's words that pages, terminal and README use, each in plain ones; sorted by subject."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WordRow:
    """One word of the field.

    Attributes:
        title: As it stands on a page.
        meaning: What it is, in one or two plain sentences without markup.
        pages: Pages that use it, keys of `dashboard/Home.py: PAGES`.
    """

    title: str
    meaning: str
    pages: tuple[str, ...]


_MEASURED = ("assess", "accuracy", "robustness", "corruption", "explanation", "cost", "compare")
_VERDICT = ("overview", "assess")
_ACCURACY = ("overview", "assess", "accuracy", "compare")
_ATTACK = ("overview", "assess", "robustness", "compare", "explain")
_MAPS = ("explain", "explanation")

# Key: as it is asked for on the command line.
WORDS = {
    "interval": WordRow(
        "95 % interval",
        "Where the true number probably is, for only some images were measured. Of 100 such "
        "intervals about 95 hold it; more images make it narrower.",
        _MEASURED,
    ),
    "requirement": WordRow(
        "Requirement",
        "A bound that a number must reach. It is met where the whole interval reaches it, not met "
        "where none of it does, and undecided where the bound lies inside the interval.",
        _VERDICT,
    ),
    "verdict": WordRow(
        "Fit, not fit, not shown",
        "Fit: every requirement is met. Not fit: one or more is not. Not shown: none failed, but "
        "some are undecided or were not measured.",
        _VERDICT,
    ),
    "preset": WordRow(
        "Glance, standard, benchmark",
        "How much is measured: seconds for a first look, minutes for a decision, hours for a "
        "number to publish.",
        ("assess", "robustness"),
    ),
    "slice": WordRow(
        "Slice",
        "A part of the data, such as one class, or the dark images, that is looked at by itself.",
        ("assess", "accuracy"),
    ),
    "evidence": WordRow(
        "Evidence file",
        "The verdict as one HTML file, with every number's records beside it, so that others can "
        "compute it again: usable verify.",
        ("assess",),
    ),
    "recall": WordRow(
        "Recall of a class",
        "Of the images of a class, the share that the model calls so.",
        ("assess", "accuracy"),
    ),
    "confidence": WordRow(
        "Confidence",
        "The probability that the model gives to its own answer.",
        ("accuracy", "explain", "assess"),
    ),
    "calibration": WordRow(
        "Calibration error (ECE)",
        "How far confidence is from accuracy, on average. At 0 %, of the answers given with 80 % "
        "confidence 80 % are right. ECE is expected calibration error.",
        _ACCURACY,
    ),
    "brier": WordRow(
        "Brier score",
        "How far the probabilities are from the truth: 0 is certain and right, 2 certain and "
        "wrong.",
        ("accuracy", "compare"),
    ),
    "nll": WordRow(
        "Negative log likelihood, nats",
        "Minus the natural logarithm of the probability of the true class, on average. Lower is "
        "better; a nat is its unit.",
        ("accuracy", "compare", "fine_tune"),
    ),
    "attack": WordRow(
        "Attack",
        "A search for a change of the image, too small to matter to people, that makes the "
        "model's answer wrong. FGSM, PGD, APGD, FAB and Square are ways to search.",
        _ATTACK,
    ),
    "epsilon": WordRow(
        "ε (epsilon)",
        "How much an attack may change. With the norm L∞, 4/255 lets each colour of each pixel "
        "change by 4 of 255 steps; with L2 it bounds the length of the whole change.",
        _ATTACK,
    ),
    "robust": WordRow(
        "Robust accuracy, under attack",
        "Share of images that are right, and stay right under every attack that was tried within "
        "ε. A stronger attack can only lower it.",
        _ATTACK,
    ),
    "upper_bound": WordRow(
        "Upper bound only",
        "A check says that the attack may have been too weak, so the true robust accuracy may be "
        "lower than the number.",
        ("assess", "robustness", "compare"),
    ),
    "draws": WordRow(
        "Answers averaged",
        "For a model that answers at random: how many of its answers are averaged before one is "
        "counted. The literature says expectation over transformations.",
        ("robustness",),
    ),
    "surrogate": WordRow(
        "Substitute model",
        "Another model on which the attack is made, to see whether it carries over to this one. "
        "The literature says surrogate.",
        ("robustness",),
    ),
    "corruption": WordRow(
        "Corruption, severity",
        "A disturbance that happens by itself, such as blur, noise, fog or JPEG compression, in "
        "five strengths: severities 1 to 5.",
        ("assess", "corruption", "compare"),
    ),
    "map": WordRow(
        "Map, credit",
        "A map says what in the picture speaks for a class and what against it. Each part has a "
        "credit: by how much the answer rests on it.",
        _MAPS,
    ),
    "superpixel": WordRow(
        "Superpixel",
        "A small part of the picture of about one colour, which is hidden or shown as a whole.",
        _MAPS,
    ),
    "coalition": WordRow(
        "Evaluations, coalitions",
        "LIME and SHAP ask the model again and again with some superpixels shown and the others "
        "hidden. Such a choice is a coalition; more of them make the map more exact.",
        _MAPS,
    ),
    "background": WordRow(
        "Background",
        "What stands where a part is hidden: a blurred copy, the mean colour, grey and so on.",
        _MAPS,
    ),
    "undecided_sign": WordRow(
        "For or against not settled",
        "There are too few evaluations to say whether a superpixel speaks for the class or against "
        "it; it is drawn with stripes.",
        ("explain",),
    ),
    "faithfulness": WordRow(
        "Faithfulness, deletion, insertion, ROAD",
        "Whether the map names what the model really uses: hide the parts with the largest credit "
        "first (deletion, ROAD), or show them first (insertion), and see how fast the answer "
        "changes.",
        ("assess", "explain", "explanation"),
    ),
    "random_band": WordRow(
        "Random band, gain",
        "The same test with parts in random order. The gain is by how much the map beats the "
        "middle of that band, as a share of what either changes: 0 is chance, 1 the most.",
        ("assess", "explain", "explanation"),
    ),
    "randomised": WordRow(
        "Random weights",
        "The map of the same network with random weights. A map that stays the same shows the "
        "picture's edges rather than what the model learned.",
        _MAPS,
    ),
    "fit_of_map": WordRow(
        "R², additivity gap",
        "How well the credits add up to the model's answers: R² of 1 and a gap of 0 are exact.",
        _MAPS,
    ),
    "latency": WordRow(
        "Latency p50, p95",
        "Time from an image to its answer: half of the answers, or 95 of 100, come within it.",
        ("assess", "cost"),
    ),
    "macs": WordRow(
        "Multiply-adds",
        "Multiplications, each with an addition, for one image: work that no machine can avoid.",
        ("assess", "cost"),
    ),
    "best_set": WordRow(
        "Set of the best, group letters",
        "The candidates of which each may be the best one, with 95 % for all together. Candidates "
        "that share a letter are not shown to differ.",
        ("assess", "compare"),
    ),
    "pareto": WordRow(
        "Pareto front",
        "The candidates that no other one beats on every number at once.",
        ("assess", "compare"),
    ),
    "chance": WordRow(
        "Chance to be first",
        "How probably a candidate is truly the best, once differences that luck explains are taken "
        "away (shrunken).",
        ("assess", "compare"),
    ),
    "mcnemar": WordRow(
        "McNemar's test, p",
        "Two models on the same images: only those count on which one is right and the other "
        "wrong. A small p says that luck hardly explains the difference.",
        ("compare",),
    ),
    "holm": WordRow(
        "Holm's correction",
        "Of many comparisons some look clear by luck; the correction asks more of each, so that "
        "all sentences together err in at most 5 of 100 cases.",
        ("assess", "compare"),
    ),
    "backbone": WordRow(
        "Backbone, head",
        "A network that was trained before; its last layer, the head, is replaced to learn other "
        "classes.",
        ("overview", "explain", "fine_tune", "models"),
    ),
    "passport": WordRow(
        "Passport of a model",
        "What it expects of a picture: size, crop, interpolation and normalisation, and where each "
        "of these values came from.",
        ("models", "explain"),
    ),
    "fine_tune": WordRow(
        "Fine-tune, epoch, linear probe",
        "To train a network further on other data. An epoch is once through all of it; a linear "
        "probe trains the head only.",
        ("fine_tune",),
    ),
    "split": WordRow(
        "Split: train, validation, test",
        "Parts of the data for learning, for choosing among results, and for the final number, "
        "without any image in two of them.",
        ("fine_tune", "data"),
    ),
    "run": WordRow(
        "Run",
        "One question and its answer, kept in the store under a name and with all its settings.",
        ("runs", "compare"),
    ),
    "fingerprint": WordRow(
        "Fingerprint",
        "A short code computed from weights or data: the same code, the same content.",
        ("models", "data", "runs"),
    ),
    "seed": WordRow(
        "Seed",
        "The number from which chance is made: the same seed gives the same answer again.",
        ("fine_tune", "robustness", "corruption", "explain"),
    ),
}


def words_of(page: str) -> dict[str, WordRow]:
    """Return the words that a page uses; none for a page without any."""
    return {name: row for name, row in WORDS.items() if page in row.pages}

"""The fixed questions of the regression file, in the words of the command line.

`{digits}` and `{digit}` are scikit-learn's digits under names of CIFAR-10, as a data set and as one
picture, `{cifar}` a file of CIFAR-10 and `{maps}` a folder; any other name in braces is the run of
that earlier question. The order counts: what was calibrated is calibrated from there on.
"""

MODELS = ("resnet", "vit")
BATCH = ["--batch-size", "8"]
COUNTS = ["--evaluations", "48", "--segments", "6"]
EPSILONS = {
    "linf": "0.5/255,1/255,1.5/255,2/255,3/255,4/255",
    "l2": "0.1,0.2,0.3,0.5,0.7,1",
    "l1": "1,2,4,6,9,12",
}


def evaluate(kind, model, *words, dataset="{digits}", limit=8):
    """Words of `usable evaluate`."""
    data = ["--dataset", dataset, "--limit", str(limit), "--split", "all"]
    return ["evaluate", kind, "--model", model, *data, *words]


def robustness(model, *words, norm="linf", **data):
    """Words of `usable evaluate robustness`, without checks, which the presets have."""
    fixed = [*BATCH, "--gallery", "1", "--norm", norm, "--epsilons", EPSILONS[norm]]
    return evaluate("robustness", model, *fixed, *words, **{"limit": 3, **data})


def explain(model, *words):
    """Words of `usable explain`; so few evaluations are one batch, whichever size is fastest."""
    return ["explain", "--model", model, "--image", "{digit}", "--out", "{maps}", *COUNTS, *words]


def training(command, *words):
    """Words of `usable finetune` or `usable pretrain` on some digits."""
    data = ["--dataset", "digits", "--limit", "60"]
    schedule = ["--epochs", "2", "--batch-size", "16", "--precision", "float32"]
    return [command, *data, *schedule, *words]


ATTACKS = {
    "linf": ("fgsm", "pgd", "apgd", "fab", "square", "noise", "uniform_noise", "gaussian_noise"),
    "l2": ("fgsm", "pgd", "apgd", "fab", "square", "noise", "uniform_noise", "gaussian_noise"),
    "l1": ("fgsm", "pgd", "fab", "noise", "uniform_noise", "gaussian_noise"),
}
# Options of single attacks that are not the usual ones.
VARIANTS = {
    "fab": ["--loss", "targeted_margin", "--targets", "3"],
    "square": ["--steps", "60"],
}
PGD = {
    "momentum": ["--momentum", "0.9", "--step-size", "0.3", "--restarts", "2"],
    "margin": ["--loss", "margin", "--draws", "2"],
    "targeted_dlr": ["--loss", "targeted_dlr", "--targets", "2"],
    "dlr, surrogate": ["--loss", "dlr", "--surrogate", "bundled/vgg"],
}
GLANCE = ["--preset", "glance", "--walked", "2"]
# Of Benchmark, ε, and examples: what withstands all of it takes a hundred times as long.
BENCHMARK = {"benchmark": ("3/255", 2), "benchmark withstood": ("2/255", 1)}
SLOW = {"benchmark withstood", "cifar glance resnet", "cifar glance vit"}
METHODS = (
    "lime",
    "kernel_shap",
    "partition_shap",
    "gradient_shap",
    "integrated_gradients",
    "grad_cam",
    "occlusion",
    "saliency",
)
BACKGROUNDS = ("mean", "own", "noise", "grey", "black")
FINE_TUNING = {
    "full": ["--label-smoothing", "0.1"],
    "source": ["--source", "{digits}", "--lambda", "0.5", "--augmentation", "shift"],
    "probe": ["--method", "linear_probe"],
    "scratch": ["--from-scratch", "--optimizer", "sgd", "--learning-rate", "0.05"],
}


def questions():
    """Return every question: name to words, in which `{name}` is a file, or an earlier run."""
    found = {}
    for name in MODELS:
        model = f"bundled/{name}"
        found[f"accuracy {name}"] = evaluate("accuracy", model, *BATCH, limit=24)
        found[f"glance {name}"] = robustness(model, *GLANCE)
        found[f"calibration {name}"] = [
            *("calibrate", "--model", model, "--dataset", "{digits}", "--limit", "48"),
        ]
    found["compare"] = ["compare", "{accuracy resnet}", "{accuracy vit}"]
    words = ["--preset", "standard", "--walked", "1", "--epsilons", "2/255"]
    found["standard"] = evaluate("robustness", "bundled/vit", *BATCH, *words, limit=5)
    for name, (epsilon, limit) in BENCHMARK.items():
        words = ["--preset", "benchmark", "--walked", "0", "--epsilons", epsilon]
        found[name] = evaluate("robustness", "bundled/vit", *BATCH, *words, limit=limit)
    for norm, attacks in ATTACKS.items():
        for attack in attacks:
            own = VARIANTS.get(attack, [])
            steps = [] if "--steps" in own else ["--steps", "15"]
            words = ["--attack", attack, *steps, "--walked", "0", *own]
            found[f"{attack} {norm}"] = robustness("bundled/resnet", *words, norm=norm)
    for name, words in PGD.items():
        found[f"pgd {name}"] = robustness("bundled/resnet", "--walked", "0", *words)
    words = ["--corruption", "all", *BATCH]
    found["corruption resnet"] = evaluate("corruption", "bundled/resnet", *words, limit=1)
    words = ["--severity", "3", *BATCH]
    found["corruption vit"] = evaluate("corruption", "bundled/vit", *words, limit=4)
    for method in METHODS:
        words = ["--method", method, "--evidence", "--drift", "--target", "true", "--label", "cat"]
        found[f"explain {method}"] = explain("bundled/resnet", *words)
    words = ["--method", "token_cam,lime,saliency", "--evidence", "--drift"]
    found["explain vit"] = explain("bundled/vit", *words)
    words = ["--method", ",".join(METHODS), "--target", "truck"]
    found["explain two models"] = explain("bundled/resnet,bundled/vgg", *words)
    for background in BACKGROUNDS:
        words = ["--background", background, "--method", "kernel_shap,integrated_gradients"]
        found[f"explain {background}"] = explain("bundled/resnet", *words)
    words = ["--method", "lime,kernel_shap,grad_cam", "--evidence", "--target", "true"]
    found["explanation"] = evaluate("explanation", "bundled/resnet", *words, *COUNTS, limit=3)
    for name, words in FINE_TUNING.items():
        found[f"finetune {name}"] = training("finetune", "--model", "bundled/resnet", *words)
    found["pretrain"] = training("pretrain", "--architecture", "small_vgg", "--epsilon", "4/255")
    for name in (*(f"finetune {name}" for name in FINE_TUNING), "pretrain"):
        reference = "run/{" + name + "}"
        data = {"dataset": "digits", "limit": 16}
        found[f"{name} accuracy"] = evaluate("accuracy", reference, *BATCH, **data)
    return found | {f"cifar {name}": words for name, words in on_photographs().items()}


def on_photographs():
    """Return the questions about rows of CIFAR-10."""
    data = {"dataset": "{cifar}"}
    found = {}
    for name in MODELS:
        model = f"bundled/{name}"
        found[f"accuracy {name}"] = evaluate("accuracy", model, *BATCH, limit=24, **data)
        found[f"glance {name}"] = robustness(model, *GLANCE, **data)
    found["calibration"] = [
        *("calibrate", "--model", "bundled/resnet", "--dataset", "{cifar}", "--limit", "48"),
    ]
    words = ["--corruption", "fog,glass_blur,jpeg_compression", *BATCH]
    found["corruption"] = evaluate("corruption", "bundled/resnet", *words, limit=3, **data)
    words = ["--method", "lime,partition_shap,grad_cam", "--evidence"]
    words += COUNTS
    found["explanation"] = evaluate("explanation", "bundled/resnet", *words, limit=2, **data)
    return found

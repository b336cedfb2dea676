"""What `benchmarks.notebook` compares with: the script that a careful engineer would write.

    python benchmarks/_notebook.py FOLDER

torchvision prepares, torchattacks attacks, imagecorruptions corrupts, lime and shap explain,
scikit-learn and scipy count; nothing of Usable is imported. Everything is asked in large batches,
the cheapest attack first, and nothing is asked twice: what an example withstood or not is carried
to the next budget, corrupted pictures are made once for all networks, and random orders are asked
once for all maps of an image. FOLDER holds `question.json`; the answers are printed as JSON.
"""

import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecorruptions
import numpy as np
import skimage.filters
import torch
import torchattacks
from PIL import Image
from safetensors.torch import load_file
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score
from torch import Tensor, nn
from torchvision.transforms import v2

from benchmarks._notebook_maps import BATCH, STEPS, answered, explained

BINS = 15


def main() -> None:
    """Answer the question of a folder."""
    folder = Path(sys.argv[1])
    asked = json.loads((folder / "question.json").read_text(encoding="utf-8"))
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - the packages draw from it
    repair()
    seconds: dict[str, float] = {}

    def timed(part: str, function: Callable[..., Any], *given: object) -> Any:  # noqa: ANN401
        began = time.process_time()
        found = function(*given)
        seconds[part] = seconds.get(part, 0.0) + time.process_time() - began
        return found

    pictures, labels = timed("reading", read, asked)
    made = timed("corruption", corrupted, [pictures[i] for i in asked["corrupted"]], asked)
    answers = []
    for spec in asked["models"]:
        network, transform = timed("reading", load, spec)
        x = timed("reading", lambda t=transform: torch.stack([t(p) for p in pictures]))
        found = timed("accuracy", accuracy, network, x, labels)
        timed("cost", latency, network, x, asked["timings"])
        under = labels[asked["corrupted"]]
        found |= timed("corruption", under_corruptions, network, transform, made, under)
        rows = asked["attacked"]
        found |= timed("robustness", attacked, network, x[rows], labels[rows], asked["epsilons"])
        found["explanation"] = timed(
            "explanation", explained, network, x[asked["explained"]], asked
        )
        answers.append(found)
    told = {"models": answers, "seconds": seconds, "versions": versions()}
    print(json.dumps(told | {"used": time.process_time()}))


def repair() -> None:
    """Give imagecorruptions the names that it was written for."""

    def gaussian(
        image: np.ndarray, sigma: float = 1, *, multichannel: bool = False, **more: object
    ) -> np.ndarray:
        axis = -1 if multichannel else None
        return skimage.filters.gaussian(image, sigma, channel_axis=axis, **more)

    imagecorruptions.corruptions.gaussian = gaussian
    np.float_ = np.float64  # type: ignore[attr-defined]  # noqa: NPY201


def read(asked: dict[str, Any]) -> tuple[list[Image.Image], Tensor]:
    """Return the pictures and their classes (N,)."""
    pictures = [Image.open(path).convert("RGB") for path in asked["pictures"]]
    return pictures, torch.tensor(asked["labels"])


class Normalised(nn.Module):
    """A network of images in [0, 1], as torchattacks wants it."""

    def __init__(self, network: nn.Module, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.normalise, self.network = v2.Normalize(mean, std), network

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes)."""
        logits: Tensor = self.network(self.normalise(x))
        return logits


def load(spec: dict[str, Any]) -> tuple[nn.Module, v2.Compose]:
    """Return a network in evaluation mode and how its pictures are prepared."""
    path = importlib.util.spec_from_file_location("architectures", spec["code"])
    assert path is not None
    assert path.loader is not None
    code = importlib.util.module_from_spec(path)
    path.loader.exec_module(code)
    network = getattr(code, spec["architecture"])(10)
    network.load_state_dict(load_file(spec["weights"]))
    transform = v2.Compose(
        [
            v2.Resize(spec["resize"], interpolation=v2.InterpolationMode.BILINEAR),
            v2.CenterCrop(spec["crop"]),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )
    return Normalised(network, spec["mean"], spec["std"]).eval(), transform


def accuracy(network: nn.Module, x: Tensor, labels: Tensor) -> dict[str, Any]:
    """Return predictions, accuracy with Wilson's interval, and the calibration error."""
    probabilities = answered(network, x).double().softmax(1)
    confidence, prediction = (found.numpy() for found in probabilities.max(1))
    right = prediction == labels.numpy()
    found = stats.binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    return {
        "predictions": prediction.tolist(),
        "accuracy": accuracy_score(labels, prediction),
        "low": found.low,
        "high": found.high,
        "ece": calibration_error(right, confidence),
    }


def calibration_error(right: np.ndarray, confidence: np.ndarray) -> float:
    """Return the expected calibration error over bins of equal width."""
    share, mean = calibration_curve(right, confidence, n_bins=BINS)
    place = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidence)
    counts = np.bincount(place, minlength=BINS)
    return float(np.abs(share - mean) @ counts[counts > 0] / len(right))


def latency(network: nn.Module, x: Tensor, timings: int) -> list[float]:
    """Return the median and the 95th percentile of one picture, and of a batch (s)."""
    found: list[float] = []
    for size, count in ((1, timings), (BATCH, 10)):
        answered(network, x[:size])
        taken = []
        for _ in range(count):
            began = time.perf_counter()
            answered(network, x[:size])
            taken.append(time.perf_counter() - began)
        found += np.quantile(taken, [0.5, 0.95]).tolist()
    return found


def corrupted(pictures: list[Image.Image], asked: dict[str, Any]) -> list[list[Image.Image]]:
    """Return the corrupted pictures of each corruption and severity, at the networks' size."""
    arrays = [np.asarray(v2.functional.resize(p, asked["side"])) for p in pictures]
    return [
        [
            Image.fromarray(
                imagecorruptions.corrupt(image, corruption_name=name, severity=severity)
            )
            for image in arrays
        ]
        for name in asked["corruptions"]
        for severity in asked["severities"]
    ]


def under_corruptions(
    network: nn.Module, transform: v2.Compose, made: list[list[Image.Image]], labels: Tensor
) -> dict[str, Any]:
    """Return the mean accuracy over corruptions and severities."""
    shares = [
        accuracy_score(
            labels, answered(network, torch.stack([transform(p) for p in part])).argmax(1)
        )
        for part in made
    ]
    return {"corruption": float(np.mean(shares))}


def attacked(
    network: nn.Module, x: Tensor, labels: Tensor, epsilons: list[float]
) -> dict[str, Any]:
    """Return the accuracy at each budget, and what stands beside it."""
    standing = (answered(network, x).argmax(1) == labels).nonzero()[:, 0]
    clean, curve, noise, alive = standing, [], [], {}
    for epsilon in epsilons:
        steps = (
            torchattacks.FGSM(network, eps=epsilon),
            torchattacks.PGD(network, eps=epsilon, alpha=2.5 * epsilon / STEPS, steps=STEPS),
        )
        for attack in steps:
            if len(standing):
                standing = standing[survive(network, attack, x[standing], labels[standing])]
        alive[epsilon] = standing
        curve.append(len(standing) / len(x))
        corner = (x[clean] + epsilon * torch.sign(torch.randn_like(x[clean]))).clamp(0, 1)
        noise.append(float((answered(network, corner).argmax(1) == labels[clean]).sum()) / len(x))
    return {"robust": curve, "noise": noise, "beside": rivals(network, x, labels, alive)}


def survive(
    network: nn.Module, attack: torchattacks.attack.Attack, x: Tensor, labels: Tensor
) -> Tensor:
    """Return which examples (N,) an attack leaves right."""
    return answered(network, attack(x, labels)).argmax(1) == labels


def rivals(
    network: nn.Module, x: Tensor, labels: Tensor, alive: dict[float, Tensor]
) -> dict[str, int]:
    """Return how many of two survivors fall to ten times the steps and to Square, and at ε = 1."""
    epsilon = min(alive, key=lambda one: abs(len(alive[one]) / len(x) - 0.5))
    two = alive[epsilon][:2]
    tried = {
        "steps": torchattacks.PGD(network, eps=epsilon, alpha=epsilon / 80, steps=10 * STEPS),
        "square": torchattacks.Square(network, eps=epsilon, n_queries=200),
    }
    found = {
        name: int((~survive(network, attack, x[two], labels[two])).sum()) if len(two) else 0
        for name, attack in tried.items()
    }
    whole = torchattacks.PGD(network, eps=1.0, alpha=2.5 / STEPS, steps=STEPS)
    return found | {"unbounded": int((~survive(network, whole, x[:4], labels[:4])).sum())}


def versions() -> str:
    """Return the versions of what is used."""
    from importlib.metadata import version

    names = "torch torchvision torchattacks imagecorruptions lime shap scikit-learn scipy"
    return ", ".join(f"{name} {version(name)}" for name in names.split())


if __name__ == "__main__":
    main()

"""Maps by lime and shap with their checks and curves: what the notebook says of explanations."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import shap
import skimage.filters
import torch
from lime.lime_image import LimeImageExplainer
from scipy import stats
from skimage.segmentation import slic
from torch import Tensor, nn

BATCH, STEPS, ORDERS, SEGMENTS = 256, 20, 5, 50
Predict = Callable[[np.ndarray], np.ndarray]


def answered(network: nn.Module, x: Tensor) -> Tensor:
    """Return logits (N, classes)."""
    with torch.inference_mode():
        return torch.cat([network(part) for part in x.split(BATCH)])


def explained(network: nn.Module, x: Tensor, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the checks of the maps by lime and shap of each image."""
    forgot = copy.deepcopy(network)
    for module in forgot.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    found = []
    for image in x:
        pixels = image.permute(1, 2, 0).double().numpy()
        segments = slic(pixels, SEGMENTS, sigma=1, start_label=0, channel_axis=-1)
        predict, lost = probabilities(network), probabilities(forgot)
        order = predict(pixels[None])[0].argsort()[::-1]
        curves = Curves(predict, pixels, segments, int(order[0]))
        for name, method in {"lime": by_lime, "shap": by_shap}.items():
            target, other, count = int(order[0]), int(order[1]), asked["evaluations"]
            values = method(predict, pixels, segments, target, count)
            checks = {
                "other_class": method(predict, pixels, segments, other, count),
                "randomised": method(lost, pixels, segments, target, count),
            }
            alike = {key: stats.spearmanr(values, one).statistic for key, one in checks.items()}
            found.append({"method": name, **alike, **dict(curves.gains(values))})
    return found


def probabilities(network: nn.Module) -> Predict:
    """Return images (N, H, W, 3) to probabilities (N, classes)."""

    def predict(images: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
        return answered(network, x).softmax(1).numpy()

    return predict


def by_lime(
    predict: Predict, pixels: np.ndarray, segments: np.ndarray, target: int, count: int
) -> np.ndarray:
    """Return lime's weight of each superpixel (S,)."""
    found = LimeImageExplainer(random_state=0).explain_instance(
        pixels,
        predict,
        labels=(target,),
        top_labels=None,
        num_samples=count,
        batch_size=count,
        segmentation_fn=lambda image: segments,
    )
    weights = dict(found.local_exp[target])
    return np.array([weights[k] for k in range(int(segments.max()) + 1)])


def by_shap(
    predict: Predict, pixels: np.ndarray, segments: np.ndarray, target: int, count: int
) -> np.ndarray:
    """Return shap's values summed over each superpixel (S,)."""
    masker = shap.maskers.Image("blur(5,5)", pixels.shape)
    explainer = shap.PartitionExplainer(lambda x: predict(x)[:, [target]], masker)
    values = explainer(
        pixels[None], max_evals=count, batch_size=50, fixed_context=None, silent=True
    ).values[0, ..., 0]
    return np.bincount(segments.ravel(), values.sum(-1).ravel())


class Curves:
    """Deletion and insertion of one image behind a blur and behind its mean colour."""

    def __init__(
        self, predict: Predict, pixels: np.ndarray, segments: np.ndarray, target: int
    ) -> None:
        self.predict, self.pixels, self.segments, self.target = predict, pixels, segments, target
        blur = skimage.filters.gaussian(pixels, 4, channel_axis=-1)
        self.behind = {"blur": blur, "mean": np.broadcast_to(pixels.mean((0, 1)), pixels.shape)}
        count = int(segments.max()) + 1
        generator = np.random.default_rng(0)
        rows, columns = (
            np.indices(segments.shape) - (np.array(segments.shape) - 1)[:, None, None] / 2
        )
        sizes = np.bincount(segments.ravel())
        centre = np.bincount(segments.ravel(), np.hypot(rows, columns).ravel()) / sizes
        orders = [centre.argsort(), *(generator.permutation(count) for _ in range(ORDERS))]
        self.random = {
            (name, kind): np.mean([self.area(order, name, kind) for order in orders[1:]])
            for name in self.behind
            for kind in ("deletion", "insertion")
        }
        self.centre = [self.area(orders[0], name, "deletion") for name in self.behind]

    def area(self, order: np.ndarray, name: str, kind: str) -> float:
        """Return the mean probability of the target while superpixels go or come in an order."""
        counts = np.unique(np.linspace(0, len(order), STEPS + 1).round().astype(int))
        moved = np.argsort(order)[None] < counts[:, None]
        stays = (moved if kind == "insertion" else ~moved)[:, self.segments][..., None]
        shown = np.where(stays, self.pixels, self.behind[name])
        return float(self.predict(shown)[:, self.target].mean())

    def gains(self, values: np.ndarray) -> Iterator[tuple[str, float]]:
        """Yield by how much a map's order is better than random ones."""
        order = np.argsort(-values, kind="stable")
        for (name, kind), random in self.random.items():
            sign = -1 if kind == "deletion" else 1
            yield f"{kind}_{name}", sign * (self.area(order, name, kind) - random)

"""Our LIME, Kernel SHAP and Partition SHAP beside bare passes forward and `lime` and `shap`.

    python -m benchmarks.superpixel_maps [squeezenet1_1] [--parts lime kernel partition]
    python -m benchmarks.superpixel_maps squeezenet1_1 --parts closeness --images 2

One image of 224 x 224 pixels, blurred background, about 50 SLIC superpixels. The floor does nothing
but passes forward over images that are ready, at the fastest of a few batch sizes. `lime` and
`shap` are asked as their documentation asks them. Targets: 1.1 times the floor for LIME and Kernel
SHAP on the peer's own masks, 1.15 for Partition SHAP.

`closeness` asks how many evaluations our maps need to come as close, by rank correlation averaged
over seeds, to a map of very many as the peer's do with 1,000 (LIME) and 500 (Kernel SHAP), and how
long both take. Target: 4 times faster.

USABLE_BENCHMARK_IMAGENET as in `gradient_maps`.
"""

import argparse
import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import shap
import torch
import torch.nn.functional as F
from lime.lime_image import LimeImageExplainer
from torch import Tensor, nn

from benchmarks._arguments import one_of
from benchmarks._timing import Timing, clock, conditions, interleave, markdown
from benchmarks.gradient_maps import BATCHES, SCENES, Scene, pictures
from usable_core.asking.oracle import Oracle
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers import kernel_shap, lime_surrogate
from usable_core.explainers.attribution import attribute, of_class
from usable_core.explainers.designs import coalitions, halves, parts_of
from usable_core.explainers.replicates import PARTS as PARTS_OF_SAMPLES
from usable_core.explainers.replicates import stability
from usable_core.explainers.surrogate import local
from usable_core.games.backgrounds import hiding
from usable_core.games.game import Budget, neighbours
from usable_core.games.pictures import AnswerCache, Picture
from usable_core.games.segments import superpixels
from usable_core.metrics.ranks import spearman
from usable_core.models import load_model
from usable_core.models.modes import channels_last

SAMPLES, EVALUATIONS = 300, 500
TENS = 10  # Partition SHAP asks for so many hidings at once: ours and the peer's
STOCK = {"lime": 1000, "kernel": 500}  # samples of the peer's map that ours is to come as close as
MANY, SEEDS = 20_000, 5
COUNTS = (64, 96, 128, 144, 160, 176, 192, 208, 224, 256, 288, 320, 384, 448, 512, 640, 768, 1024)
Row = tuple[str, int, str, list[Timing]]


def lime_masks(count: int, features: int, seed: int) -> np.ndarray:
    """Return the masks (count, features) that `lime` draws: everything in the first row."""
    masks = np.random.RandomState(seed).randint(0, 2, count * features).reshape(count, features)
    masks[0] = 1
    return masks


@dataclass(frozen=True)
class Question:
    """One image of one network, for us (H, W channels first) and for the peers (channels last).

    Attributes:
        scene: The network.
        x: Image (3, H, W) in [0, 1].
        segments: Superpixels (H, W).
        hidden: What hidden parts show (3, H, W).
        target: Class predicted.
    """

    scene: Scene
    x: Tensor
    segments: np.ndarray
    hidden: Tensor
    target: int

    @property
    def features(self) -> int:
        """Superpixels."""
        return int(self.segments.max()) + 1

    def probabilities(self, pictures: np.ndarray) -> np.ndarray:
        """Return what the peer's own network answers to pictures (N, H, W, 3)."""
        with torch.no_grad():
            x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float()
            return self.scene.peers(x).softmax(1).numpy()

    def logits(self, pictures: np.ndarray) -> np.ndarray:
        """Return the logits that the peer's own network answers with."""
        with torch.no_grad():
            x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float()
            return self.scene.peers(x).numpy()


def main() -> None:
    """Print one table per scene and part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", nargs="*", type=one_of(NETWORKS), default=["squeezenet1_1"])
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=1, help="Of `closeness`.")
    parser.add_argument("--many", type=int, default=MANY, help="Samples of its reference.")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="Its means are over these.")
    parser.add_argument("--most", type=int, default=COUNTS[-1], help="Its most evaluations.")
    arguments = parser.parse_args()
    counts = tuple(count for count in COUNTS if count <= arguments.most)
    close = partial(closeness, many=arguments.many, seeds=arguments.seeds, counts=counts)
    parts = {**PARTS, "closeness": close}
    print(conditions(), f", shap {shap.__version__}", sep="")
    for name in arguments.scenes:
        scene = NETWORKS[name]()
        with channels_last(scene.model.network):
            for part in arguments.parts:
                for x in pictures(arguments.images if part.startswith("close") else 1):
                    parts[part](question(scene, x), arguments.rounds)


def question(scene: Scene, x: Tensor) -> Question:
    """Return an image, as large as the network takes it, with superpixels, background, class."""
    x = F.interpolate(x[None], scene.model.input_size, mode="bilinear", antialias=True)[0]
    segments = superpixels(x, 50)
    with torch.no_grad():
        target = int(scene.model(x[None]).argmax())
    return Question(scene, x, segments, hiding(x, "blur", segments).hidden, target)


def show(title: str, asked: Question, count: int, unit: str, timings: list[Timing]) -> None:
    """Print one table."""
    print(f"\n### {title}, {asked.scene.title}, {asked.features} superpixels\n")
    print(markdown(timings, count, unit), flush=True)


def forwards(
    asked: Question, count: int, batches: tuple[int, ...] = BATCHES
) -> tuple[str, Callable[[], None]]:
    """Return the floor: passes forward over ready images, at the fastest batch of three tries."""
    images = asked.x.repeat(max(batches), 1, 1, 1).contiguous(memory_format=torch.channels_last)
    model, each = asked.scene.model, {}
    with torch.inference_mode():
        for size in batches:
            times = []
            for _ in range(4):
                began = clock()
                model(images[:size])
                times.append(clock() - began)
            each[size] = min(times[1:]) / size
    batch = min(each, key=each.__getitem__)

    def floor() -> None:
        with torch.inference_mode():
            for start in range(0, count, batch):
                model(images[: min(batch, count - start)])

    return f"{count} forward passes, batch {batch} (floor)", floor


def stock_lime(asked: Question, samples: int, seed: int) -> np.ndarray:
    """Return the weights (S,) of `lime`, asked as its tutorial does, on our superpixels."""
    explainer = LimeImageExplainer(random_state=seed)
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
        found = explainer.explain_instance(
            asked.x.permute(1, 2, 0).double().numpy(),
            asked.probabilities,
            labels=(asked.target,),
            top_labels=None,
            num_samples=samples,
            random_seed=seed,
            hide_color=asked.hidden.permute(1, 2, 0).double().numpy(),
            segmentation_fn=lambda _: asked.segments,
        )
    weights = dict(found.local_exp[asked.target])
    return np.array([weights[k] for k in range(asked.features)])


def stock_kernel(
    asked: Question, samples: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the values (S,) of `shap.KernelExplainer`, its coalitions and their weights.

    Images are put together as its documentation does, superpixel by superpixel.
    """
    image = asked.x.permute(1, 2, 0).numpy()
    behind = asked.hidden.permute(1, 2, 0).numpy()

    def answers(rows: np.ndarray) -> np.ndarray:
        shown = np.zeros((len(rows), *image.shape), np.float32)
        for i, row in enumerate(rows):
            shown[i] = image
            for k, is_kept in enumerate(row):
                if is_kept == 0:
                    shown[i][asked.segments == k] = behind[asked.segments == k]
        return asked.logits(shown)

    np.random.seed(seed)  # noqa: NPY002 - the one that shap draws from
    explainer = shap.KernelExplainer(answers, np.zeros((1, asked.features)))
    values = explainer.shap_values(
        np.ones((1, asked.features)), nsamples=samples, l1_reg=False, silent=True
    )
    used = explainer.kernelWeights > 0
    ends = np.array([[True] * asked.features, [False] * asked.features])
    masks = np.concatenate([ends, explainer.maskMatrix[used] > 0])
    weights = np.concatenate([[0, 0], explainer.kernelWeights[used]])
    return values[0, :, asked.target], masks, weights


def answered(about: Question, masks: np.ndarray, known: AnswerCache | None = None) -> np.ndarray:
    """Return our logits (N, classes) for masks (N, S)."""
    picture = Picture(about.x, about.segments, {} if known is None else known)
    with Oracle(about.scene.model) as oracle:
        return picture.game(oracle, "blur", Budget(0)).ask(masks)


def lime(about: Question, rounds: int) -> None:
    """Compare LIME on the masks that `lime` draws."""
    maps = {}

    def ours() -> None:
        masks = lime_masks(SAMPLES, about.features, 0).astype(bool)
        outputs = of_class(answered(about, masks), about.target, "probability")
        maps["ours"] = lime_surrogate.fit(masks, outputs)[0]

    def theirs() -> None:
        maps["theirs"] = stock_lime(about, SAMPLES, 0)

    name, floor = forwards(about, SAMPLES)
    timings = interleave(
        {name: floor, "usable: LIME on lime's masks": ours, "lime": theirs},
        rounds=rounds,
        warm_up=1,
    )
    show(f"LIME, {SAMPLES} samples", about, SAMPLES, "sample", timings)
    print(f"\nLargest difference of a weight: {np.abs(maps['ours'] - maps['theirs']).max():.1g}")


def kernel(about: Question, rounds: int) -> None:
    """Compare Kernel SHAP on the coalitions that `shap` draws."""
    maps = {}
    _, masks, weights = stock_kernel(about, SAMPLES, 0)

    def ours() -> None:
        outputs = of_class(answered(about, masks), about.target, "logit")
        maps["ours"] = kernel_shap.solve(masks, outputs, weights)

    def theirs() -> None:
        maps["theirs"] = stock_kernel(about, SAMPLES, 0)[0]

    name, floor = forwards(about, len(masks))
    timings = interleave(
        {name: floor, "usable: Kernel SHAP, shap's masks": ours, "shap.KernelExplainer": theirs},
        rounds=rounds,
        warm_up=1,
    )
    show(f"Kernel SHAP, {len(masks)} coalitions", about, len(masks), "coalition", timings)
    print(f"\nLargest difference of a value: {np.abs(maps['ours'] - maps['theirs']).max():.1g}")


def partition(about: Question, rounds: int) -> None:
    """Compare Partition SHAP of 500 evaluations on a blurred background."""
    maps = {}
    options = ExplainerOptions(evaluations=EVALUATIONS)
    masker = shap.maskers.Image(about.hidden.permute(1, 2, 0).numpy().copy())
    explainer = shap.PartitionExplainer(about.logits, masker)

    def ours() -> None:
        picture = Picture(about.x, about.segments)
        found = attribute(about.scene.model, picture, "partition_shap", about.target, options)
        maps["ours"] = found.values

    def theirs() -> None:
        np.random.seed(0)  # noqa: NPY002 - it settles ties with it
        found = explainer(
            about.x.permute(1, 2, 0)[None].numpy(),
            max_evals=EVALUATIONS - 1,
            batch_size=TENS,
            outputs=[about.target],
            silent=True,
        )
        maps["theirs"] = found.values[0, ..., 0].sum(2)

    name, floor = forwards(about, EVALUATIONS)
    of_tens, tens = forwards(about, EVALUATIONS, (TENS,))
    contenders = {name: floor, of_tens.removesuffix(" (floor)"): tens}
    timings = interleave(
        {**contenders, "usable: Partition SHAP": ours, "shap.PartitionExplainer": theirs},
        rounds=rounds,
        warm_up=1,
    )
    show(f"Partition SHAP, {EVALUATIONS} evaluations", about, EVALUATIONS, "evaluation", timings)
    print(f"\nLargest difference of a value: {np.abs(maps['ours'] - maps['theirs']).max():.1g}")


def closeness(
    about: Question,
    rounds: int,
    many: int = MANY,
    seeds: int = SEEDS,
    counts: tuple[int, ...] = COUNTS,
) -> None:
    """Print how soon our maps come as close to the limit as the peer's, and time both."""
    features = about.features
    for method in ("lime", "kernel"):
        reference, half = limits(about, method, many)
        stock = np.mean([spearman(peer_map(about, method, s), reference) for s in range(seeds)])
        ours, covered = dict.fromkeys(counts, 0.0), dict.fromkeys(counts, 0.0)
        for seed in range(seeds):
            known: AnswerCache = {}
            for count in counts:
                estimate = our_estimate(about, method, count, seed, known)
                found = estimate(np.ones(count, bool))
                ours[count] += spearman(found, reference) / seeds
                interval = stability(found, estimate, parts_of(count, PARTS_OF_SAMPLES), 0.05)
                held = (interval.low <= reference) & (reference <= interval.high)
                covered[count] += held.mean() / seeds
        enough = next((count for count in counts if ours[count] >= stock), None)
        print(f"\n### Closeness of {method}, {about.scene.title}, {features} superpixels\n")
        print(
            f"Two halves of the reference: {half:.3f}. Peer, {STOCK[method]} samples: {stock:.3f}."
        )
        print("Ours: " + ", ".join(f"{count}: {close:.3f}" for count, close in ours.items()))
        print(
            "Intervals that hold the reference: "
            + ", ".join(
                f"{count}: {share:.2f}" for count, share in covered.items() if count >= 2 * features
            )
        )
        if enough is None:
            print("Ours never come as close.", flush=True)
            continue
        ours_again = partial(our_map, about, method, enough)
        timings = interleave(
            {
                f"usable, {enough} evaluations (floor)": ours_again,
                f"peer, {STOCK[method]} samples": partial(peer_map, about, method, 0),
            },
            rounds=rounds,
            warm_up=1,
        )
        print("\n" + markdown(timings, 1, "map"), flush=True)


def limits(about: Question, method: str, many: int) -> tuple[np.ndarray, float]:
    """Return the map (S,) of very many samples, and how well those of its halves agree."""
    if method == "lime":  # `lime`'s own masks and fit
        masks = lime_masks(many, about.features, 12345).astype(bool)
    else:
        masks = coalitions(many, about.features, 12345)
    outputs = np.concatenate(
        [
            of_class(answered(about, part), about.target, UNITS[method])
            for part in np.array_split(masks, 20)
        ]
    )

    weights = kernel_shap.sample_weights(masks)

    def solved(rows: np.ndarray) -> np.ndarray:
        if method == "lime":
            return lime_surrogate.fit(masks[rows], outputs[rows])[0]
        return kernel_shap.solve(masks[rows], outputs[rows], weights[rows])

    rows = np.arange(many)
    ends = rows < 2
    first, second = solved(ends | (rows < many / 2)), solved(ends | (rows >= many / 2))
    return solved(rows >= 0), spearman(first, second)


def peer_map(about: Question, method: str, seed: int) -> np.ndarray:
    """Return the peer's map (S,) with its usual samples."""
    if method == "lime":
        return stock_lime(about, STOCK[method], seed)
    return stock_kernel(about, STOCK[method], seed)[0]


def our_map(about: Question, method: str, count: int) -> np.ndarray:
    """Return our map (S,), from pixels to values, without its interval."""
    return our_estimate(about, method, count, 0, None)(np.ones(count, bool))


def our_estimate(
    about: Question, method: str, count: int, seed: int, known: AnswerCache | None
) -> Callable[[np.ndarray], np.ndarray]:
    """Return our map (S,) as a function of which samples (N,) are kept."""
    design, estimator = OURS[method]
    masks = design(count, about.features, seed)
    logits = answered(about, masks, known)
    return estimator(masks, logits, about.target, local(neighbours(about.segments)))


def bundled() -> Scene:
    """Return the bundled ResNet for images of 32 x 32, for us and for the peers."""
    model, peer = load_model("bundled/resnet"), load_model("bundled/resnet")

    class Whole(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return peer(x)

    return Scene("bundled/resnet, 32 x 32", model, Whole(), None)


NETWORKS = {**SCENES, "bundled": bundled}
UNITS = {"lime": "probability", "kernel": "logit"}
OURS = {
    "lime": (halves, lime_surrogate.estimator),
    "kernel": (coalitions, kernel_shap.estimator),
}
PARTS = {"lime": lime, "kernel": kernel, "partition": partition, "closeness": closeness}


if __name__ == "__main__":
    main()

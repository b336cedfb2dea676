"""Our attacks beside foolbox, torchattacks (with its AutoAttack) and ART: time, passes, curves.

    python -m benchmarks.attacks [pgd] [sweep] [suite] [standard] [--images 48]

pgd       PGD-20 with every step taken, beside bare forward-backward passes. Target: 1.05 times.
sweep     Eight epsilons: ours, and each peer from scratch at each. Targets: 5, 3 and 10 times.
suite     The Benchmark preset at one epsilon, at 32 and 8 images, beside its own passes at the cost
          of the best batch (target: 1.1 times) and torchattacks.AutoAttack with the same budgets.
standard  The Standard preset beside the same AutoAttack. Target: 4 times faster, same examples.
"""

import argparse
import contextlib
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks._arguments import one_of
from benchmarks._scenes import EPOCHS, SCENES, Scene, scenes
from benchmarks._timing import clock, conditions, interleave, markdown
from usable_core.asking.oracle import Oracle
from usable_core.attacks.campaign import build
from usable_core.attacks.lanes import Lanes, Pool
from usable_core.attacks.sweep import AttackedBatch, SmallestEpsilons, descend
from usable_core.catalog.attacks import PRESETS, AttackSpec

STEPS, BATCH = 20, 64
GRID = tuple(e / 255 for e in (0.5, 1, 2, 4, 8, 16, 24, 32))
BUDGETS = {"standard": 8 / 255, "robust": 24 / 255, "cifar": 0.5 / 255}
SIZES = (32, 64, 128, 256)


def main() -> None:
    """Print the tables that are asked for."""
    parts = {"pgd": pgd, "sweep": sweep, "suite": suite, "standard": standard}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", type=one_of(parts), default=list(parts))
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epsilon", type=float, help="Budget of suite and standard, of 255.")
    parser.add_argument("--alone", action="store_true", help="Leave AutoAttack out.")
    parser.add_argument("--suite-images", nargs="*", type=int, default=[32, 8])
    parser.add_argument("--scenes", nargs="+", choices=list(SCENES), default=list(SCENES))
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="Of the networks trained here.")
    asked = parser.parse_args()
    print(conditions())
    found = scenes(asked.scenes, asked.epochs)
    for part in asked.parts:
        for name, scene in found.items():
            parts[part](name, scene, asked)


# What is compared


def ours(scene: Scene, epsilons: tuple[float, ...], ladder: tuple[AttackSpec, ...]) -> "Ours":
    """Return what our engine finds for every image."""
    with Oracle(scene.model, fixed_size=BATCH) as oracle:
        attacked = AttackedBatch(
            scene.x.contiguous(memory_format=torch.channels_last),
            y=scene.y,
            seeds=torch.arange(len(scene.x)),
            epsilons=epsilons,
            norm="linf",
            attacks=tuple(build(spec, "linf", 10) for spec in ladder),
            oracle=oracle,
        )
        return Ours(descend(attacked), oracle)


class Ours:
    """What was found, and what it cost."""

    def __init__(self, smallest: SmallestEpsilons, oracle: Oracle) -> None:
        self.smallest, self.passes = smallest, oracle.passes


class Plain(nn.Module):
    """Our model as the module that peers insist on; its parameters want gradients, as usual."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.network = scene.model.network
        self.normalise = scene.model.preprocessing.normalise

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        return self.network(self.normalise(x))


def peers(scene: Scene) -> dict[str, Callable[[float], Tensor]]:
    """Return PGD-20 of each installed peer: epsilon to images."""
    found: dict[str, Callable[[float], Tensor]] = {}
    model = Plain(scene).eval().requires_grad_(True)
    pairs = list(zip(scene.x.split(BATCH), scene.y.split(BATCH), strict=True))
    rate = 2.5 / STEPS
    with contextlib.suppress(ImportError):
        import torchattacks

        def by_torchattacks(epsilon: float) -> Tensor:
            attack = torchattacks.PGD(model, epsilon, rate * epsilon, STEPS)
            return torch.cat([attack(x, y) for x, y in pairs])

        found["torchattacks"] = by_torchattacks
    with contextlib.suppress(ImportError):
        import foolbox

        wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")

        def by_foolbox(epsilon: float) -> Tensor:
            attack = foolbox.attacks.LinfPGD(abs_stepsize=rate * epsilon, steps=STEPS)
            return torch.cat([attack(wrapped, x, y, epsilons=epsilon)[1] for x, y in pairs])

        found["foolbox"] = by_foolbox
    with contextlib.suppress(ImportError):
        from art.attacks.evasion import ProjectedGradientDescent
        from art.estimators.classification import PyTorchClassifier

        classifier = PyTorchClassifier(
            model,
            loss=nn.CrossEntropyLoss(),
            input_shape=(3, 32, 32),
            nb_classes=10,
            clip_values=(0, 1),
            device_type="cpu",
        )

        def by_art(epsilon: float) -> Tensor:
            attack = ProjectedGradientDescent(
                classifier,
                eps=epsilon,
                eps_step=rate * epsilon,
                max_iter=STEPS,
                num_random_init=1,
                batch_size=BATCH,
                verbose=False,
            )
            return torch.from_numpy(attack.generate(scene.x.numpy(), scene.y.numpy()))

        found["ART"] = by_art
    return found


def standing(scene: Scene, x_adv: Tensor) -> Tensor:
    """Return which images the model is still right about (N,)."""
    with torch.no_grad():
        return scene.model(x_adv).argmax(1) == scene.y


# The tables


def pgd(name: str, scene: Scene, asked: argparse.Namespace) -> None:
    """Every step of PGD-20 taken, nothing stopped early, so that all do the same work."""
    scene = scene.first(BATCH)
    epsilon = BUDGETS[name]
    frozen = scene.model.network.requires_grad_(False)
    x = scene.x.contiguous(memory_format=torch.channels_last)

    def floor() -> None:
        """Do what cannot be left out: 20 forward and backward passes, and the steps."""
        for images, y in zip(x.split(BATCH), scene.y.split(BATCH), strict=True):
            change = torch.empty_like(images).uniform_(-epsilon, epsilon)
            for _ in range(STEPS):
                change.requires_grad_()
                logits = frozen(scene.model.preprocessing.normalise(images + change))
                loss = F.cross_entropy(logits, y, reduction="sum")
                (gradient,) = torch.autograd.grad(loss, change)
                with torch.no_grad():
                    step = gradient.sign_().mul_(2.5 * epsilon / STEPS)
                    change = (change + step).clamp_(-epsilon, epsilon)
                    change = (images + change).clamp_(0, 1).sub_(images)

    def usable() -> None:
        frozen.requires_grad_(False)
        attack = build(AttackSpec("pgd", STEPS), "linf", 10)
        with Oracle(scene.model, fixed_size=BATCH) as oracle:
            for images, y in zip(x.split(BATCH), scene.y.split(BATCH), strict=True):
                pool = Pool(attack, oracle, stops=False)
                zeros = torch.zeros(len(images), dtype=torch.int64)
                pool.add(
                    Lanes(
                        x=images,
                        y=y,
                        epsilon=torch.full((len(images),), epsilon),
                        seed=torch.arange(len(images)),
                        restart=zeros,
                        target=zeros - 1,
                        start=images,
                        trial=zeros,
                    )
                )
                while len(pool):
                    pool.step()

    contenders: dict[str, Callable[[], object]] = {
        "bare forward-backward passes (floor)": floor,
        "usable": usable,
    }
    for peer, attack in peers(scene).items():

        def run(attack: Callable[[float], Tensor] = attack) -> Tensor:
            frozen.requires_grad_(True)
            return attack(epsilon)

        contenders[peer] = run
    print(f"\n### PGD-20, {scene.title}, {len(x)} images, ε = {epsilon * 255:g}/255\n")
    timings = interleave(
        {k: _frozen_first(frozen, k, v) for k, v in contenders.items()},
        rounds=asked.rounds,
        warm_up=1,
    )
    print(markdown(timings, len(x)), flush=True)


def _frozen_first(network: nn.Module, name: str, run: Callable[[], object]) -> Callable[[], object]:
    """Let the floor run without parameter gradients, whoever ran before it."""

    def wrapped() -> object:
        network.requires_grad_(False)
        return run()

    return wrapped if "floor" in name else run


def sweep(name: str, scene: Scene, asked: argparse.Namespace) -> None:
    """Eight epsilons."""
    scene = scene.first(asked.images)
    curves: dict[str, list[float]] = {}
    passes: dict[str, int] = {}
    contenders: dict[str, Callable[[], object]] = {}
    for attack_name in ("apgd", "pgd"):

        def usable(who: str = f"usable, {attack_name}-{STEPS}", name: str = attack_name) -> None:
            scene.model.network.requires_grad_(False)
            found = ours(scene, GRID, (AttackSpec(name, STEPS),))
            passes[who] = found.passes.total
            curves[who] = [
                float((found.smallest.index > k).float().mean()) for k in range(len(GRID))
            ]

        contenders[f"usable, {attack_name}-{STEPS}"] = usable
    for peer, attack in peers(scene).items():

        def run(peer: str = peer, attack: Callable[[float], Tensor] = attack) -> None:
            scene.model.network.requires_grad_(True)
            curves[peer] = [float(standing(scene, attack(e)).float().mean()) for e in GRID]

        contenders[peer] = run
    timings = interleave(contenders, rounds=asked.rounds, warm_up=1)
    print(f"\n### Sweep over {len(GRID)} ε, PGD-20, {scene.title}, {len(scene.x)} images\n")
    print(markdown(timings, len(scene.x)))
    said = ", ".join(f"{count:,} passes of {who}" for who, count in passes.items())
    print(f"\n{said}; accuracy at ε · 255 = " + ", ".join(f"{e * 255:g}" for e in GRID))
    for who, curve in curves.items():
        print(f"- {who}: " + ", ".join(f"{100 * c:.1f}" for c in curve), flush=True)


def suite(name: str, scene: Scene, asked: argparse.Namespace) -> None:
    """The Benchmark preset beside its own passes at the best batch, and beside AutoAttack."""
    for images in asked.suite_images:
        _against_autoattack("benchmark", name, scene.first(images), asked)


def standard(name: str, scene: Scene, asked: argparse.Namespace) -> None:
    """The Standard preset beside AutoAttack."""
    _against_autoattack("standard", name, scene.first(asked.images), asked)


def _against_autoattack(preset: str, name: str, scene: Scene, asked: argparse.Namespace) -> None:
    epsilon = BUDGETS[name] if asked.epsilon is None else asked.epsilon / 255
    scene.model.network.requires_grad_(False)
    began = clock()
    found = ours(scene, (epsilon,), PRESETS[preset].attacks)
    seconds = clock() - began
    forward, both = _best_batch(scene)
    own = forward * (found.passes.forward - found.passes.backward) + both * found.passes.backward
    left = found.smallest.index > 0
    print(
        f"\n### {PRESETS[preset].title}, {scene.title}, {len(scene.x)} images, "
        f"ε = {epsilon * 255:g}/255\n\n{seconds:.1f} s, robust accuracy {left.float().mean():.1%}; "
        f"{found.passes.forward:,} forward and {found.passes.backward:,} backward passes; time / "
        f"(own passes × best-batch cost) = {seconds / own:.2f}\n",
        flush=True,
    )
    if asked.alone:
        return
    scene.model.network.requires_grad_(True)
    began = clock()
    theirs = standing(scene, _autoattack(scene, epsilon)(scene.x, scene.y))
    their_seconds = clock() - began
    print(
        "| | s | times | robust accuracy | broken by this one alone |\n|---|---:|---:|---:|---:|\n"
        f"| usable | {seconds:.1f} | 1.00 | {left.float().mean():.1%} | "
        f"{int((theirs & ~left).sum())} |\n"
        f"| torchattacks.AutoAttack | {their_seconds:.1f} | {their_seconds / seconds:.2f} | "
        f"{theirs.float().mean():.1%} | {int((left & ~theirs).sum())} |",
        flush=True,
    )


def _autoattack(scene: Scene, epsilon: float) -> Callable[[Tensor, Tensor], Tensor]:
    """Return torchattacks' AutoAttack with the standard budgets: its own default is 10 steps."""
    import torchattacks

    attack = torchattacks.AutoAttack(Plain(scene).eval(), eps=epsilon, n_classes=10)
    for part in attack._autoattack.attacks:
        if hasattr(part, "steps"):
            part.steps = 100
    return attack


def _best_batch(scene: Scene) -> tuple[float, float]:
    """Return seconds per image of a forward pass, and of a forward and backward pass."""
    scene.model.network.requires_grad_(False)
    costs = []
    for needs_gradient in (False, True):
        each = []
        for size in SIZES:
            x = scene.x.repeat(-(-size // len(scene.x)), 1, 1, 1)[:size]
            x = x.contiguous(memory_format=torch.channels_last)
            taken = []
            for _ in range(4):
                began = clock()
                _one_pass(scene.model, x, needs_gradient=needs_gradient)
                taken.append(clock() - began)
            each.append(sorted(taken)[1] / size)
        costs.append(min(each))
    return costs[0], costs[1]


def _one_pass(model: Callable[[Tensor], Tensor], x: Tensor, *, needs_gradient: bool) -> None:
    with torch.set_grad_enabled(needs_gradient):
        x = x.detach().requires_grad_(needs_gradient)
        loss = model(x).logsumexp(1).sum()
        if needs_gradient:
            torch.autograd.grad(loss, x)


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"\n{time.perf_counter() - started:.0f} s in all")

"""What a robustness question will cost, before it is asked: an upper bound of the model's work.

An example pays for every attack that it withstands, so the most it can pay is one failure of the
whole ladder; what it breaks under costs a part of that. Examples that are wrong when clean, or that
the first attack breaks at the smallest epsilon, pay next to nothing: hence a range.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from usable_core.catalog.attacks import ATTACKS, LOSSES, AttackSpec
from usable_core.catalog.text_attacks import KNOWN
from usable_core.evaluations.epsilon import most_words
from usable_core.evaluations.robustness import Cost, RobustnessConfig

# Runs of the presets over their usual epsilons took 0.6 to 1 of the upper bound. It is less only
# where the smallest epsilon breaks nearly everything.
LEAST_SHARE = 0.5
START_SECONDS = (3.0, 12.0)  # loading the libraries, the model and the data; finding a batch size
SHRINKING = 12  # forward passes of an example's descent: bisections, and asking once more
WATCHED = 23  # gradients of the checks that follow one path: ε 0, gradient, loss rises
ASKED = 3  # forward passes of those that ask twice or look at the outputs
QUERIES, FEW, LONGER = 200, 16, 10  # of Square; examples with more steps; how many times more
UNBOUNDED = 32  # examples attacked without a bound
WORDS = 20  # of a text: of a sentence, for nobody knows how long texts are before they are read
_UNITS = ((1, "seconds"), (60, "minutes"), (3600, "hours"))


@dataclass(frozen=True)
class Work:
    """Passes of single images through the network.

    Attributes:
        forward: Forward passes alone.
        gradient: Forward passes with a backward pass after them.
    """

    forward: int = 0
    gradient: int = 0

    def __add__(self, other: "Work") -> "Work":
        """Return both."""
        return Work(self.forward + other.forward, self.gradient + other.gradient)

    def __mul__(self, times: int) -> "Work":
        """Return so many times as much."""
        return Work(self.forward * times, self.gradient * times)

    @property
    def passes(self) -> int:
        """Return forward and backward passes together, as `Cost` counts them."""
        return self.forward + 2 * self.gradient


@dataclass(frozen=True)
class Speed:
    """Seconds that one image takes in a batch: a forward pass, and one with its backward pass."""

    forward: float
    gradient: float


def most_work(config: RobustnessConfig, examples: int, classes: int | None = None) -> Work:
    """Return what the question costs at most, the checks included; about, for a descent may differ.

    Args:
        config: The question.
        examples: How many are attacked.
        classes: Of the model: at most classes − 1 are aimed at. None takes them for many.
    """
    return attack_work(config, examples, classes) + check_work(config, examples, classes)


def attack_work(config: RobustnessConfig, examples: int, classes: int | None = None) -> Work:
    """Return what attack and noise cost at most, without the checks."""
    levels = sum(epsilon > 0 for epsilon in config.epsilons)
    if not levels:
        return Work(forward=config.draws) * examples
    if config.kind == "text":
        return (_of_words(config, max(config.epsilons)) + Work(forward=1 + levels)) * examples
    ladder = sum((failure(spec, classes) for spec in config.attacks), Work())
    is_descent = any(ATTACKS[spec.name].is_iterative for spec in config.attacks)
    searched = ladder + Work(SHRINKING, 1) if is_descent else ladder * levels
    return (searched + Work(forward=1 + levels)) * (examples * config.draws)


def check_work(config: RobustnessConfig, examples: int, classes: int | None = None) -> Work:
    """Return what the checks on the walked sample cost at most."""
    levels = sum(epsilon > 0 for epsilon in config.epsilons)
    n = min(config.sample_size, examples)
    if not n or not levels:
        return Work()
    if config.kind == "text":  # every share by itself; then swaps of all words, and wider ones
        return (_of_words(config, 1.0) + _of_words(config, max(config.epsilons)) * levels) * n
    spec = examined_by(config.attacks)
    one = failure(spec, classes)
    longer = failure(replace(spec, steps=LONGER * spec.steps), classes)
    has_square = config.norm in ATTACKS["square"].norms
    paths = Work(ASKED, WATCHED) + failure(AttackSpec("fgsm"))
    black_box = Work(forward=QUERIES if has_square else 0)
    per_example = one * (levels + 2) + Work(SHRINKING, 1) + paths
    rivals = black_box * min(n, config.rivalled) + longer * min(n, config.rivalled, FEW)
    return (per_example * n + rivals + one * min(n, UNBOUNDED)) * config.draws


def _of_words(config: RobustnessConfig, epsilon: float) -> Work:
    """Return what one text costs that withstands a ladder of searches for words."""
    steps, found = int(most_words(epsilon, WORDS)), Work()
    for spec in config.attacks:
        follows = KNOWN[spec.name].is_gradient_based
        first = Work(gradient=steps) if follows else Work(forward=WORDS)
        found = found + first + Work(forward=steps * spec.steps)
    return found


def examined_by(ladder: Sequence[AttackSpec]) -> AttackSpec:
    """Return the attack that checks are made with: iterative and of gradients where there is one.

    Targets are left out: the checks ask about the path, not about the class it leads to.
    """
    for spec in ladder:
        row = ATTACKS[spec.name]
        if row.is_iterative and row.is_gradient_based:
            is_aimed = LOSSES[spec.loss].is_targeted
            return replace(spec, targets=0, loss="cross_entropy" if is_aimed else spec.loss)
    return ladder[0]


def failure(spec: AttackSpec, classes: int | None = None) -> Work:
    """Return what one example at one epsilon pays that withstands all runs of an attack."""
    row = ATTACKS[spec.name]
    targets = max(spec.targets, 1) if spec.is_targeted else 1
    runs = spec.restarts * (targets if classes is None else max(min(targets, classes - 1), 1))
    asked = (spec.steps if row.is_iterative else 1) + 1
    return (Work(gradient=asked) if row.is_gradient_based else Work(forward=asked)) * runs


def speed_of(cost: Cost) -> Speed | None:
    """Return how fast a finished run was, per image; None where it was not counted."""
    passes = cost.forward + cost.backward + cost.checks
    seconds = cost.seconds + cost.check_seconds
    if not passes or not seconds > 0:
        return None
    return Speed(seconds / passes, 2 * seconds / passes)


def seconds(work: Work, speed: Speed) -> tuple[float, float]:
    """Return from how long to how long it will take, starting included."""
    most = work.forward * speed.forward + work.gradient * speed.gradient
    return START_SECONDS[0] + LEAST_SHARE * most, START_SECONDS[1] + most


def spoken(span: tuple[float, float]) -> str:
    """Return a span of seconds in round words, such as `10 to 40 seconds`."""
    (low, first), (high, last) = (_in_words(value) for value in span)
    if (low, first) == (high, last):
        return f"about {low} {last if low > 1 else last.removesuffix('s')}"
    return f"{low} to {high} {last}" if first == last else f"{low} {first} to {high} {last}"


def _in_words(value: float) -> tuple[int, str]:
    """Return a number and its unit, with as many digits as an estimate deserves."""
    size, unit = next((pair for pair in _UNITS if value < 90 * pair[0]), _UNITS[-1])
    step = 1 if value < 10 * size else 5
    return max(step * round(value / size / step), 1), unit

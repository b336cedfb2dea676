"""What is said of an attack, and the ladder of attacks that it means.

Page, command line and Python ask by an `AttackChoice`; a config holds what it resolves to.
"""

from dataclasses import asdict, dataclass, field

from usable_core.catalog import lookup
from usable_core.catalog.attacks import LOSSES, AttackSpec
from usable_core.catalog.text_attacks import KNOWN, KNOWN_PRESETS
from usable_core.evaluations.specs import Norm, asked, require, require_range

DEFAULT = AttackSpec("pgd")


@dataclass(frozen=True)
class AttackChoice:
    """A preset, or one attack with settings of its own; None leaves a setting as it usually is.

    Attributes:
        preset: Several attacks, worst case per example.
        attack: One attack instead of a preset.
        steps: Gradient steps, queries of Square, or swaps tried for each further word of a text.
        restarts: Random starts; the worst per example counts.
        step_size: Step as a multiple of epsilon; 2.5 / steps when not given.
        loss: What the gradient raises.
        momentum: Weight of earlier gradients in PGD's steps.
        targets: How many wrong classes are aimed at, the most probable ones; 0 aims at none.
    """

    preset: str | None = field(default=None, metadata=asked(choices=KNOWN_PRESETS.keys))
    attack: str | None = field(default=None, metadata=asked(choices=KNOWN.keys))
    steps: int | None = None
    restarts: int | None = None
    step_size: float | None = None
    loss: str | None = field(default=None, metadata=asked(choices=LOSSES.keys))
    momentum: float | None = None
    targets: int | None = None

    def __post_init__(self) -> None:
        if self.preset is None:
            return
        lookup(KNOWN_PRESETS, "preset", self.preset)
        for name, got in asdict(self).items():
            expected = f"left out, for the preset {self.preset} names it itself"
            require(name == "preset" or got is None, name, expected, got)

    @property
    def attacks(self) -> tuple[AttackSpec, ...]:
        """Return the ladder, in order."""
        if self.preset is not None:
            return KNOWN_PRESETS[self.preset].attacks
        given = {name: value for name, value in asdict(self).items() if value is not None}
        name = given.pop("attack", DEFAULT.name)
        return (AttackSpec(name, **given),)


def check_attack(spec: AttackSpec, norm: Norm) -> None:
    """Check the settings of an attack in a norm.

    Raises:
        UnknownName: there is no such attack or loss.
        ConfigError: a number is out of its range, or the attack does not work in the norm.
    """
    norms = lookup(KNOWN, "attack", spec.name).norms
    require(norm in norms, "norm", f"{' or '.join(norms)} for {spec.name}", norm)
    require_range(spec, "targets", 0, 10_000)
    least = int(lookup(LOSSES, "loss", spec.loss).is_targeted)
    expected = f"at least {least} for the loss {spec.loss}"
    require(spec.targets >= least, "targets", expected, spec.targets)
    require_range(spec, "momentum", 0, 10)
    require_range(spec, "steps", 1, 1_000_000)
    require_range(spec, "restarts", 1, 10_000)
    require_range(spec, "step_size", 1e-6, 10, "a positive multiple of epsilon")

"""How a map moves along an image's own adversarial path, beyond what chance moves it.

Two maps of the same image from different seeds differ too: that is Monte Carlo noise. Maps under
attack are drawn from another seed than the clean one, so that they hold as much of it.
"""

from collections.abc import Iterator
from dataclasses import replace

from usable_core.catalog import lookup
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.evidence import Drift
from usable_core.evaluations.explained import Explanation, credits_of
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.specs import Report, silent
from usable_core.explainers.attribution import Attribution, attribute
from usable_core.games.pictures import Picture
from usable_core.measuring.fragility import AdversarialPath
from usable_core.measuring.instances import Instance
from usable_core.measuring.progress import Progress
from usable_core.metrics.attribution import top_overlap
from usable_core.metrics.ranks import spearman

TOP = 5  # superpixels that a reader of a map looks at


class Drifting(Iterator[Explanation]):
    """The drift up to each budget of a path, 0 first, as soon as its map is made.

    All maps explain the same class on the same superpixels with the same options but for the seed.
    A map that its report interrupts is taken up again by the next call.

    Attributes:
        report: Told the progress over all maps; may raise. It may be another one for each map.
        maps: Those made: the clean one, its repetition, and one for each budget above 0.
        latest: What was yielded last; None before the first.
    """

    def __init__(
        self,
        instance: Instance,
        path: AdversarialPath,
        method: str,
        target: int,
        options: ExplainerOptions,
    ) -> None:
        """Prepare; nothing is asked yet.

        As for `Refinement`, of the clean image, but all evaluations are spent. The path is the
        image's own, see `fragility.adversarial_path`.
        """
        self._is_random = lookup(EXPLAINERS, "explanation method", method).is_random
        self._instance, self._path = instance, path
        self._method, self._target = method, target
        self._options = replace(options, tolerance=0.0)
        self.report: Report = silent
        self.maps: list[Attribution] = []
        self.latest: Explanation | None = None

    def __next__(self) -> Explanation:
        count = 1 + len(self._path.images)
        if len(self.maps) == count:
            raise StopIteration
        planned = [self._options.evaluations] * count
        progress = Progress(self.report, planned, "Explaining along the attack")
        while len(self.maps) < 2:
            self.maps.append(self._map(len(self.maps), progress))
        if self.latest is not None:
            self.maps.append(self._map(len(self.maps), progress))
        self.latest = replace(
            self._instance.start,
            method=self._method,
            target=self._instance.model.labels.names[self._target],
            fragility=self._path.fragility,
            drift=self._drift(),
            drift_maps=tuple(one.values for one in (self.maps[0], *self.maps[2:])),
        )
        return self.latest

    def _map(self, place: int, progress: Progress) -> Attribution:
        """Return the clean map (0), its repetition (1), or that of a budget above 0."""
        if place == 1 and not self._is_random:
            return self.maps[0]
        picture, options = self._instance.picture, self._options
        if place > 1:
            picture = Picture(self._path.images[place - 1], picture.segments)
        if place > 0:
            options = replace(options, seed=options.seed + 1)
        model, report = self._instance.model, progress.part(place)
        return attribute(model, picture, self._method, self._target, options, report)

    def _drift(self) -> Drift:
        """Return the similarities of the maps (1 + K) with the first of them."""
        segments, count = self._instance.picture.segments, len(self.maps) - 1
        clean, *others = (credits_of(self._method, one.values, segments) for one in self.maps)
        made = [one for k, one in enumerate(self.maps) if k == 0 or one is not self.maps[0]]
        found = self._path.fragility
        return Drift(
            epsilons=found.epsilons[:count],
            rank_correlation=tuple(spearman(clean, other) for other in others),
            top_overlap=tuple(top_overlap(clean, other, count=TOP) for other in others),
            is_kept=found.is_kept[:count],
            confidences=found.confidences[:count],
            evaluations=sum(one.evaluations for one in made),
            seconds=sum(one.seconds for one in made),
        )

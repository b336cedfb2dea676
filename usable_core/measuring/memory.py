"""What the warm process remembers between questions, each kind of it within a bound."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from PIL import Image

from usable_core.catalog.references import file_facts
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.specs import ModelSpec
from usable_core.games.pictures import AnswerCache
from usable_core.games.segments import shared_superpixels
from usable_core.measuring.drift import Drifting
from usable_core.measuring.fragility import AdversarialPath
from usable_core.measuring.provenance import ready
from usable_core.measuring.refinement import Refinement
from usable_core.metrics.arrays import Segments
from usable_core.models import load_model
from usable_core.models.model import Model

K = TypeVar("K")
V = TypeVar("V")

LOGITS_SIZE = 256 * 2**20  # bytes of answers: 60,000 of an ImageNet model
_MAPS = 64  # superpixels, and maps: some 200 KB each
_PATHS = 16  # nine images each: 5 MB at 224 px
# Of an answer beside its numbers, in bytes: the digest, the array's head, the dictionary's place.
_OVERHEAD = 300

Identity = tuple[object, ...]


class Cache(Generic[K, V]):
    """What was made last, at most `most` of it; the one unused for longest makes room."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return what is kept under `key`, made first where nothing is."""
        if key not in self._held:
            self.put(key, make)
        self._held.move_to_end(key)
        return self._held[key]

    def put(self, key: K, make: Callable[[], V]) -> None:
        """Keep what is made, after room is made for it."""
        self._held.pop(key, None)
        while len(self._held) >= self._most:
            self._held.popitem(last=False)
        self._held[key] = make()

    def find(self, key: K) -> V | None:
        """Return what is kept under `key`, if anything."""
        return self._held.get(key)

    def drop(self, key: K) -> None:
        """Forget what is kept under `key`."""
        self._held.pop(key, None)


class AnswerCaches:
    """Logits of images with parts hidden, by (image, model, superpixels), within some bytes."""

    def __init__(self, size_cap: int = LOGITS_SIZE) -> None:
        self._size_cap = size_cap
        self._held: OrderedDict[Identity, AnswerCache] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def of(self, identity: Identity) -> AnswerCache:
        """Return the answers by background, for new ones to be added to."""
        cache = self._held.setdefault(identity, {})
        self._held.move_to_end(identity)
        return cache

    def trim(self) -> None:
        """Forget what was unused for longest until the rest is within the bound."""
        sizes = {identity: _bytes(cache) for identity, cache in self._held.items()}
        total = sum(sizes.values())
        while self._held and total > self._size_cap:
            identity, _ = self._held.popitem(last=False)
            total -= sizes[identity]


def _bytes(cache: AnswerCache) -> int:
    kept = [list(answers.values()) for answers in cache.values() if answers]
    return sum(len(logits) * (logits[0].nbytes + _OVERHEAD) for logits in kept)  # all of one size


@dataclass(eq=False)
class Session:
    """What an answer can go on from when a question of higher rank came between.

    Attributes:
        refinement: Yields maps, each better than the one before; None where none was begun.
        drifting: The same for a drift.
    """

    refinement: Refinement | None = None
    drifting: Drifting | None = None


class ModelCache:
    """The models used last, kept loaded, and what they said.

    Attributes:
        capacity: At most this many models; the one unused for longest goes first.
        answers: Logits of images with parts hidden.
        segments: Superpixels by picture, geometry and count, shared by models and methods.
        paths: Adversarial paths by image and model.
        maps: Whole maps by their question.
        sessions: Work that is not done, by the folder of its answer.
    """

    def __init__(
        self,
        capacity: int = 4,
        load: Callable[[ModelSpec], Model] | None = None,
        *,
        logits_size: int = LOGITS_SIZE,
    ) -> None:
        self.capacity = capacity
        self._load = load or load_model
        self._models: Cache[Identity, Model] = Cache(capacity)
        self.answers = AnswerCaches(logits_size)
        self.segments: Cache[Identity, tuple[Segments, Segments]] = Cache(_MAPS)
        self.paths: Cache[Identity, AdversarialPath] = Cache(_PATHS)
        self.maps: Cache[Identity, Explanation] = Cache(_MAPS)
        self.sessions: Cache[Path, Session] = Cache(_MAPS)

    def __len__(self) -> int:
        return len(self._models)

    def get(self, spec: ModelSpec) -> Model:
        """Return the model that `spec` names, loading it when it is not at hand.

        Raises:
            UsableError: it cannot be loaded.
        """
        return self._models.get(_model(spec), lambda: ready(self._load(spec)))

    def answers_of(self, request: ImageRequest) -> AnswerCache:
        """Return the model's answers to the image with parts hidden, by background.

        They hold for any class and method: one that hides other parts asks under other keys.
        """
        about: Identity = (request.image, request.text, request.options.segments)
        if request.text and request.hidden:  # what stands there is part of the text that is asked
            about = (*about, request.hidden, request.options.background)
        return self.answers.of((*_model(request.model), *about))

    def superpixels(
        self, request: ImageRequest, model: Model, image: Image.Image
    ) -> tuple[Segments, Segments]:
        """Return the superpixels (H, W) of what the model sees of a picture, and which they are."""
        seen = replace(model.preprocessing, mean=(0, 0, 0), std=(1, 1, 1), sources={})
        key = (request.image, request.options.segments, repr(sorted(asdict(seen).items())))
        return self.segments.get(
            key, lambda: shared_superpixels(image, model.preprocessing, request.options.segments)
        )


def path_identity(request: ImageRequest) -> Identity:
    """Return what the adversarial path of an image depends on."""
    return (*_model(request.model), request.image)


def map_identity(request: ImageRequest) -> Identity:
    """Return what a map depends on, whether it is asked for by itself or to look into it."""
    return (*_model(request.model), replace(request, kind="explain"))


def _model(spec: ModelSpec) -> Identity:
    # A file that was replaced is another model.
    return spec, file_facts(spec.reference, spec.weights, spec.labels)

"""Whether a model's classes are a data set's, told before weights are fetched for nothing."""

from collections.abc import Callable

from usable_core.evaluations.passports import Passport
from usable_core.labels import LabelSpace
from usable_core.measuring.label_matching import matching
from usable_core.models.sources.imagenet import known_as_imagenet


def refuse_misfit(known: Passport | None, labels: Callable[[], LabelSpace]) -> None:
    """Refuse data whose classes a model does not know, where its weights are not here yet.

    That is told of ImageNet's 1,000 classes alone, for each of their other names is known without
    the model; what else the classes of other lists are called is known once it is loaded.

    Args:
        known: What is known of the model without its weights.
        labels: Returns the data set's classes, which are not looked at where nothing is known.

    Raises:
        IncompatibleLabels: as `label_matching.target_indices`.
    """
    if known is None or known.is_here:
        return
    ours = known_as_imagenet(LabelSpace(known.classes))
    if ours.synonyms is not None:
        matching(ours, labels())

"""What was exported, and how far its answers are from the model's own."""

from dataclasses import dataclass

# Of the largest logit, or of 1 where that is smaller: float32 has 1e-7, and a deep network that
# another library computes differs by some times as much.
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Exported:
    """A model that was written in a format, read again and compared.

    Attributes:
        path: The file or folder.
        format: A key of `catalog.exports.EXPORTS`.
        reference: Names it as a model of Usable.
        model: The model that it is of.
        fingerprint: Of that model.
        size: Bytes.
        largest_difference: Between its logits and the model's, on some pictures or texts.
        largest_logit: The largest of those, whatever its sign.
        examples: On how many they were compared.
    """

    path: str
    format: str
    reference: str
    model: str
    fingerprint: str
    size: int
    largest_difference: float
    largest_logit: float
    examples: int

"""What was exported, and how far its answers are from the model's own."""

from dataclasses import dataclass

# Of the largest logit: float32 rounds by 6e-8 of a number, and deep networks that another library
# computes differ by up to ten times as much.
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

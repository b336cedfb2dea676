"""`Facts`: what is counted of a model rather than timed, and on what."""

from dataclasses import dataclass
from typing import Literal

from usable_core.evaluations.specs import Provenance


@dataclass(frozen=True)
class Facts:
    """What was counted rather than timed.

    Attributes:
        parameters: Numbers that the network learned.
        macs: Multiply-adds of one picture, or of one text of median length; NaN where they could
            not be counted.
        file_size: Bytes of the weights.
        file_size_of: Whether those are of the file, or of the weights as they are held.
        memory: Peak bytes of a forward pass at each batch size.
        memory_by: How that was measured.
        energy: Joules of one example at the best batch size; NaN where nothing meters them.
        energy_by: How that was measured, or why it was not.
        picture: Width and height of the median picture; None without data.
        pieces: Of the shortest, the median and the longest text that was timed; None of pictures.
        padding: Share of what the network reads that only fills up the shorter texts of a batch,
            at the best batch size: of like length as timed, and as they come in the data.
    """

    parameters: int
    macs: float
    file_size: int
    file_size_of: Literal["file", "weights"]
    memory: dict[str, float]
    memory_by: str
    energy: float
    energy_by: str
    picture: tuple[int, int] | None = None
    pieces: tuple[int, int, int] | None = None
    padding: tuple[float, float] | None = None


def texts_in_words(facts: Facts, source: Provenance, batch: int) -> str:
    """Return which texts were answered, and what batches of several cost beside their pieces."""
    shortest, median, longest = facts.pieces or (0, 0, 0)
    if facts.padding is None:
        return f"a text of {median} pieces (no data were named, so reading was not timed)"
    said = ""
    if batch > 1:
        like, come = (f"{100 * share:.0f} %" for share in facts.padding)
        said = (
            f"; in batches of {batch} texts of like length, {like} of what the network reads only "
            f"fills up ({come} of texts as they come)"
        )
    return (
        f"texts of {shortest} to {longest} pieces, median {median}, of {source.dataset} "
        f"({source.split}); multiply-adds are of the median, memory is of the longest{said}"
    )

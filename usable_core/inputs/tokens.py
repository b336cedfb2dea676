"""`Tokens`: what a model of texts takes, the numbers of a tokenizer's pieces."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from usable_core.errors import TextRefused, first_line, quoted
from usable_core.evaluations.specs import InputKind
from usable_core.texts import cleaned

PADDING = -1  # fills up the shorter texts of a batch: no piece has this number
LONGEST = 512  # pieces that are read where nothing else is asked for, alike for all models
_USUAL = 32  # pieces of a sentence or two
_TRIAL = ("A plain sentence.", "Another one, which is somewhat longer than the first: 1, 2, 3!")


@dataclass(frozen=True, eq=False)
class Tokens:
    """The passport of a text model's input.

    Attributes:
        tokenizer: From a text to its pieces, those that begin and end it included.
        longest: Pieces that are read; of a longer text the end is cut off.
        most: Pieces that the network can read.
        known: How many different pieces the network knows.
        mask: What stands for a piece that is hidden; None where the tokenizer has no such.
        end: Number of the piece that an empty text is, where the tokenizer makes none of it.
        sources: Field name to where its value came from.
        prompt: Words that are read behind each text; the tokenizer has them, see `prompts`.
    """

    tokenizer: Tokenizer
    longest: int
    most: int
    known: int
    mask: str | None = None
    end: int = 0
    sources: dict[str, str] = field(default_factory=dict)
    prompt: str = ""
    kind: ClassVar[InputKind] = "text"
    window: ClassVar[int] = 256

    def __post_init__(self) -> None:
        own = Tokenizer.from_str(self.tokenizer.to_str())
        own.no_padding()
        own.enable_truncation(self.longest)
        object.__setattr__(self, "tokenizer", own)

    @property
    def identity(self) -> str:
        """Return the tokenizer as its file has it, what it cuts off included."""
        return str(self.tokenizer.to_str())

    @property
    def values(self) -> dict[str, object]:
        """Return its fields, for the eye."""
        kind, count = type(self.tokenizer.model).__name__, self.tokenizer.get_vocab_size()
        found = {"tokenizer": f"{kind}, {count:,} pieces", "longest": self.longest}
        return found | ({"prompt": self.prompt} if self.prompt else {})

    def read(self, text: str) -> Tensor:
        """Return the numbers of a text's pieces, int64 (1, 1, L).

        Raises:
            TextRefused: it is no text, the tokenizer finds no piece in it, or as `encoded`.
        """
        ids = self.encoded(cleaned(text)).ids
        if not ids:
            raise TextRefused("The model's tokenizer finds nothing in the text that it could read.")
        return torch.tensor(ids, dtype=torch.int64).view(1, 1, -1)

    def read_or_empty(self, text: str) -> Tensor:
        """Return the numbers of a text's pieces (1, 1, L), as they are of an empty text, too.

        Raises:
            TextRefused: as `encoded`.
        """
        ids = self.encoded(text).ids or [self.end]
        return torch.tensor(ids, dtype=torch.int64).view(1, 1, -1)

    def encoded(self, text: str) -> Encoding:
        """Return a text in pieces, with their places.

        Raises:
            TextRefused: the tokenizer fails at it, or makes pieces of it that the network does not
                know, or more than it reads.
        """
        try:
            found = self.tokenizer.encode(text)
        except BaseException as error:  # a panic of its is no Exception
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            why = first_line(error).rstrip(".")
            raise TextRefused(
                f"The model's tokenizer fails at the text ({why}). Leave the text out, or give "
                "another tokenizer."
            ) from error
        largest = max(found.ids, default=0)
        if largest >= self.known:
            piece = self.tokenizer.id_to_token(largest) or f"piece {largest:,}"
            raise TextRefused(
                f"The text holds {quoted(piece)}, a sign of the model's tokenizer that its network "
                "was not trained with. Leave it out."
            )
        if len(found.ids) > self.longest:
            raise TextRefused(
                f"The model's tokenizer makes {len(found.ids):,} pieces of the text, and at most "
                f"{self.longest:,} are read. Give another tokenizer."
            )
        return found

    def is_cut(self, text: str) -> bool:
        """Tell whether the model reads only the beginning of a text."""
        return bool(self.encoded(cleaned(text)).overflowing)

    def stack(self, examples: Sequence[Tensor]) -> Tensor:
        """Return texts (1, 1, L) as one batch (N, 1, 1, L), the shorter ones filled up."""
        longest = max(x.shape[-1] for x in examples)
        batch = torch.full((len(examples), 1, 1, longest), PADDING)
        for row, x in zip(batch, examples, strict=True):
            row[..., : x.shape[-1]] = x
        return batch

    def normalise(self, x: Tensor) -> Tensor:
        """Return a batch (N, 1, 1, L) without the columns that all of its texts only fill up."""
        used = int((x != PADDING).sum(-1).max()) if x.numel() else 0
        return x[..., :used]

    def blank(self, count: int) -> Tensor:
        """Return texts of usual length (count, 1, 1, L)."""
        return self.read("a " * min(_USUAL, self.longest)).expand(count, -1, -1, -1)

    def trial(self) -> Tensor:
        """Return two texts of different length (2, 1, 1, L)."""
        return self.stack([self.read(text) for text in _TRIAL])

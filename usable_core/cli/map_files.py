"""The files of the maps that `usable explain` makes."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from usable_core import files
from usable_core.errors import StorageError
from usable_core.evaluations.keywords import MapSettings
from usable_core.evaluations.specs import ModelSpec

LONGEST = (24, 32)  # characters of picture and model in a file's name, which may have 255 bytes


@dataclass(frozen=True)
class MapFiles:
    """Where the maps of one question go: another picture, model or setting has other files.

    Attributes:
        folder: Of the files.
        name: Picture and model, for people.
        digest: Of all that a map depends on but the method. Names alone are not enough: pictures
            in two folders share one, and some file systems do not tell `A` from `a`.
    """

    folder: Path
    name: str
    digest: str

    @classmethod
    def of(
        cls, spec: ModelSpec, given: Path | str, settings: MapSettings, folder: Path
    ) -> "MapFiles":
        """Return the files of a picture's or a text's maps by a model."""
        asked = f"{spec} {settings['target']} {settings['options']}".encode()
        stem, data = (
            (given, given.encode()) if isinstance(given, str) else (given.stem, given.read_bytes())
        )
        digest = hashlib.sha256(asked + data).hexdigest()[:8]
        return cls(folder, f"{stem[: LONGEST[0]]}_{spec.reference[-LONGEST[1] :]}", digest)

    def write(self, content: np.ndarray | bytes | str, kind: str) -> str:
        """Write an array, a picture's PNG or words' HTML, and return its path.

        Raises:
            StorageError: the folder cannot be written.
        """
        plain = re.sub(r"[^\w.-]+", "_", f"{self.name}_{kind}")
        ending = "npy"
        if not isinstance(content, np.ndarray):
            ending = "html" if isinstance(content, str) else "png"
        path = self.folder / f"{plain}-{self.digest}.{ending}"
        try:
            files.make_folder(self.folder)
            if isinstance(content, str):
                path.write_text(content, encoding="utf-8")
            elif isinstance(content, bytes):
                path.write_bytes(content)
            else:
                np.save(path, content)
        except OSError as error:
            raise StorageError(f"{path} cannot be written: {files.why(error)}.") from error
        return str(path)

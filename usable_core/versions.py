"""The versions of the libraries that a number can depend on, read without importing them."""

import functools
from importlib.metadata import PackageNotFoundError, version

LIBRARIES = (
    *("usable", "torch", "torchvision", "timm", "transformers"),
    *("numpy", "pillow", "lime", "scikit-image"),
)


def versions() -> dict[str, str]:
    """Return library name to installed version, for those that are installed."""
    return dict(_installed())


@functools.cache
def _installed() -> tuple[tuple[str, str], ...]:
    found = []
    for name in LIBRARIES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)

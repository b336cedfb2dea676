"""The versions of the libraries that a number can depend on, read without importing them."""

from importlib.metadata import PackageNotFoundError, version

LIBRARIES = (
    "usable", "torch", "torchvision", "timm", "numpy", "pillow", "lime", "shap", "scikit-image",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Return library name to installed version, for those that are installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

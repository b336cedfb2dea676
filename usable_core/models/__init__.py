"""`load_model`: from a reference such as `bundled/resnet` to a `Model`."""

from pathlib import Path
from typing import TYPE_CHECKING

from usable_core.catalog import implementation, lookup
from usable_core.catalog.models import SOURCES
from usable_core.evaluations.specs import ModelSpec

if TYPE_CHECKING:
    from usable_core.models.model import Model


def load_model(
    spec: ModelSpec | str,
    *,
    weights: str | Path | None = None,
    arch_options: dict[str, str] | None = None,
    trust: bool = False,
) -> "Model":
    """Return the model that a reference names, on the CPU.

    Args:
        spec: Reference such as `torchvision/resnet50`, or a `ModelSpec` that says everything.
        weights: Local file whose weights replace the reference's own (nothing is downloaded then).
        arch_options: Extra settings of the architecture, such as `{"pad_type": "same"}`.
        trust: Allow files that can run code (exported programs).

    Raises:
        UnknownName: no such source or model.
        CheckpointError: its weights cannot be had, are unsafe, or do not fit.
    """
    if isinstance(spec, str):
        options = tuple((arch_options or {}).items())
        spec = ModelSpec(spec, None if weights is None else str(weights), options, trust)
    source, _, name = spec.reference.partition("/")
    row = lookup(SOURCES, "model source", source)
    model: Model = implementation(row.function)(name, spec)
    return model

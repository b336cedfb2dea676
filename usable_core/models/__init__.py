"""`load_model`: from a reference such as `bundled/resnet` to a `Model`."""

from pathlib import Path
from typing import TYPE_CHECKING

from usable_core.catalog import implementation, lookup
from usable_core.catalog.models import SOURCES, list_references
from usable_core.errors import UnknownName
from usable_core.evaluations.specs import ModelSpec

if TYPE_CHECKING:
    from usable_core.models.model import Model


def load_model(
    spec: ModelSpec | str,
    *,
    weights: str | Path | None = None,
    arch_options: dict[str, str] | None = None,
    trust: bool = False,
    preprocessing: dict[str, str] | None = None,
) -> "Model":
    """Return the model that a reference names, on the CPU.

    Args:
        spec: Reference such as `torchvision/resnet50`, or a `ModelSpec` that says everything.
        weights: Local file whose weights replace the reference's own (nothing is downloaded then).
        arch_options: Extra settings of the architecture, such as `{"pad_type": "same"}`.
        trust: Allow files that can run code (exported programs).
        preprocessing: Values that replace the source's, such as `{"mean": "0.5,0.5,0.5"}`; the
            fields are those of `models.overrides.overridden`.

    Raises:
        UnknownName: no such source or model.
        CheckpointError: its weights cannot be had, are unsafe, or do not fit.
        ConfigError: a value of the preprocessing is not what its field takes.
    """
    if isinstance(spec, str):
        spec = ModelSpec(
            spec,
            None if weights is None else str(weights),
            tuple((arch_options or {}).items()),
            trust,
            tuple((preprocessing or {}).items()),
        )
    source, _, name = spec.reference.partition("/")
    if not name:
        known = [r for r in list_references() if source and source in r] or [*SOURCES]
        raise UnknownName("model", spec.reference, [r if "/" in r else f"{r}/…" for r in known])
    row = lookup(SOURCES, "model source", source)
    model: Model = implementation(row.function)(name, spec)
    if not spec.preprocessing:
        return model
    from usable_core.models.overrides import with_preprocessing

    return with_preprocessing(model, spec.preprocessing)

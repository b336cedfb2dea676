"""`load_model`: from a reference such as `bundled/resnet` to a `Model`."""

from pathlib import Path

from usable_core.catalog.references import files_of, source_of
from usable_core.errors import CheckpointError, ConfigError
from usable_core.evaluations.specs import ModelSpec
from usable_core.models.label_files import labels_in
from usable_core.models.model import Model
from usable_core.models.overrides import with_preprocessing
from usable_core.models.sources.installed import function_of
from usable_core.models.wrapping import HOW


def load_model(
    reference: ModelSpec | str | Path,
    *,
    weights: str | Path | None = None,
    arch_options: dict[str, str] | None = None,
    trust: bool = False,
    preprocessing: dict[str, str] | None = None,
    labels: str | Path | None = None,
) -> Model:
    """Return the model that a reference names, on the CPU.

    Args:
        reference: Such as `torchvision/resnet50`, or a `ModelSpec` that says everything.
        weights: Local file whose weights replace the reference's own (nothing is downloaded then),
            FILE#TABLE for one of several tables in it, or a folder of the Hub's form.
        arch_options: Extra settings of the architecture, such as `{"pad_type": "same"}`.
        trust: Allow files that can run code (exported programs).
        preprocessing: Values that replace the source's, such as `{"mean": "0.5,0.5,0.5"}`; the
            fields are those of `models.overrides.overridden`.
        labels: File of class names in the order of the logits, in place of the model's own; its
            forms are those of `models.label_files`.

    Raises:
        UnknownName: no such source or model.
        CheckpointError: its weights cannot be had, are unsafe, or do not fit.
        ConfigError: a value of the preprocessing is not what its field takes, the file of labels
            does not name each class once, or the model does not answer pictures of its own input
            size with one logit per class.
    """
    spec = reference
    if not isinstance(spec, str | Path | ModelSpec):
        raise ConfigError(
            "A model is loaded by a reference such as 'bundled/resnet' or by a ModelSpec, not by "
            f"the type {type(spec).__name__}. A network of your own becomes one by {HOW}."
        )
    if not isinstance(spec, ModelSpec):
        spec = ModelSpec(
            str(spec),
            None if weights is None else str(weights),
            tuple((arch_options or {}).items()),
            trust,
            tuple((preprocessing or {}).items()),
            None if labels is None else str(labels),
        )
    row, name = source_of(spec.reference)
    files_of(spec.reference, spec.weights, spec.labels)  # refuses what is plainly wrong
    if row.needs_trust and not spec.trust:
        raise CheckpointError(
            f"{spec.reference} can run code on this machine, so it was not opened. If you trust "
            "where it comes from, say so: --trust."
        )
    model: Model = function_of(spec.reference, row.load)(name, spec)
    if spec.preprocessing:
        model = with_preprocessing(model, spec.preprocessing)
    if spec.labels:
        model.labels = labels_in(Path(spec.labels), len(model.labels))
    model.spec = spec
    _ = model.examination  # asked once, here: what cannot work is said before any work begins
    return model

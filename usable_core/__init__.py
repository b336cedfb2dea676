"""Usable: is this pretrained image model fit for use? `import usable_core as usable`.

The import is light: what is asked for is imported when it is asked for.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from usable_core import errors as errors
    from usable_core.api import Explanation as Explanation
    from usable_core.api import calibrate as calibrate
    from usable_core.api import evaluate_accuracy as evaluate_accuracy
    from usable_core.api import evaluate_corruption as evaluate_corruption
    from usable_core.api import evaluate_explanation as evaluate_explanation
    from usable_core.api import evaluate_robustness as evaluate_robustness
    from usable_core.api import explain as explain
    from usable_core.api import explain_methods as explain_methods
    from usable_core.api import fine_tune as fine_tune
    from usable_core.arguments import passport as passport
    from usable_core.assessing import assess as assess
    from usable_core.attacking import attack as attack
    from usable_core.catalog.listing import list_attacks as list_attacks
    from usable_core.catalog.listing import list_corruptions as list_corruptions
    from usable_core.catalog.listing import list_datasets as list_datasets
    from usable_core.catalog.listing import list_explainers as list_explainers
    from usable_core.catalog.listing import list_models as list_models
    from usable_core.comparison import compare as compare
    from usable_core.costing import evaluate_cost as evaluate_cost
    from usable_core.datasets import load_dataset as load_dataset
    from usable_core.datasets.arrays import dataset_from_arrays as dataset_from_arrays
    from usable_core.datasets.arrays import dataset_from_texts as dataset_from_texts
    from usable_core.datasets.dataset import Dataset as Dataset
    from usable_core.evaluations.explanation import ExplainerOptions as ExplainerOptions
    from usable_core.evaluations.schedule import Schedule as Schedule
    from usable_core.evaluations.specs import DatasetSpec as DatasetSpec
    from usable_core.evaluations.specs import ModelSpec as ModelSpec
    from usable_core.evaluations.trainings import Measures as Measures
    from usable_core.exporting import export_model as export_model
    from usable_core.inputs.preprocessing import Preprocessing as Preprocessing
    from usable_core.labels import LabelSpace as LabelSpace
    from usable_core.models import load_model as load_model
    from usable_core.models.model import Model as Model
    from usable_core.models.wrapping import wrap as wrap
    from usable_core.models.wrapping import wrap_model as wrap_model
    from usable_core.recipes import probe as probe
    from usable_core.saved_slices import on_slice as on_slice
    from usable_core.several_trainings import learning_curve as learning_curve
    from usable_core.several_trainings import sweep as sweep
    from usable_core.slicing import worst_slices as worst_slices
    from usable_core.tuning import evaluate_transferability as evaluate_transferability
    from usable_core.tuning import find_rate as find_rate

    __version__: str

# Module, below this package, to the names that it gives.
_NAMES = {
    "api": "Explanation calibrate evaluate_accuracy evaluate_corruption "
    "evaluate_explanation evaluate_robustness explain explain_methods fine_tune",
    "arguments": "passport",
    "assessing": "assess",
    "attacking": "attack",
    "catalog.listing": "list_attacks list_corruptions list_datasets list_explainers list_models",
    "comparison": "compare",
    "costing": "evaluate_cost",
    "datasets": "load_dataset",
    "datasets.arrays": "dataset_from_arrays dataset_from_texts",
    "datasets.dataset": "Dataset",
    "evaluations.explanation": "ExplainerOptions",
    "evaluations.specs": "DatasetSpec ModelSpec",
    "evaluations.schedule": "Schedule",
    "evaluations.trainings": "Measures",
    "exporting": "export_model",
    "inputs.preprocessing": "Preprocessing",
    "labels": "LabelSpace",
    "models": "load_model",
    "models.model": "Model",
    "models.wrapping": "wrap wrap_model",
    "recipes": "probe",
    "saved_slices": "on_slice",
    "several_trainings": "learning_curve sweep",
    "slicing": "worst_slices",
    "tuning": "evaluate_transferability find_rate",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}
__all__ = sorted([*_MODULES, "__version__", "errors"])


def __getattr__(name: str) -> object:
    """Return a name of `__all__`, importing it now."""
    if name == "__version__":
        return version("usable")
    if name == "errors":
        return import_module("usable_core.errors")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"usable_core.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__

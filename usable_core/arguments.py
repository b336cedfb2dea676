"""What a caller hands in, a name or an object, to what the measuring half takes, or a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from usable_core.catalog import lookup
from usable_core.catalog.recipes import RECIPES, RecipeRow
from usable_core.catalog.references import files_of
from usable_core.errors import (
    CheckpointError,
    ConfigError,
    DatasetRefused,
    UnknownName,
    UsableError,
)
from usable_core.evaluations.epsilon import grid
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Split

if TYPE_CHECKING:
    from torch.utils.data import Dataset as TorchDataset

    from usable_core.datasets.dataset import Dataset
    from usable_core.evaluations.passports import Passport
    from usable_core.models.model import Model

    ModelLike = Model | ModelSpec | str | Path
    Pairs = TorchDataset[tuple[object, int]] | Sequence[tuple[object, int]]
    Arrays = tuple[object, object]
    DatasetLike = Dataset | DatasetSpec | str | Path | Pairs | Arrays

Config = TypeVar("Config")


@dataclass
class Question:
    """A model and a data set as objects, with the names that a config has for them.

    Attributes:
        objects: What measures take: `model`, `dataset`, and others that a setting names.
        model: Name of the model.
        dataset: Name of the part of `objects["dataset"]` that is evaluated.
        named: How to load that part, where the data set itself is one; None where it is whole.
        is_stored: The answer is kept, so every part must be one that can be named.
    """

    objects: dict[str, Any]
    model: ModelSpec
    dataset: DatasetSpec
    named: DatasetSpec | None = None
    is_stored: bool = False


def model_of(model: object) -> "Model":
    """Return the model that a caller names or hands in.

    Raises:
        ConfigError: it is neither.
        UsableError: it cannot be loaded.
    """
    if isinstance(model, (str, Path, ModelSpec)):
        spec = model if isinstance(model, ModelSpec) else ModelSpec(str(model))
        files_of(spec.reference, spec.weights, spec.labels)  # before torch takes its seconds
        from usable_core import models

        return models.load_model(model)
    from usable_core.models.model import Model

    if isinstance(model, Model):
        return model
    from torch import nn

    if isinstance(model, nn.Module):
        from usable_core.models.wrapping import HOW

        raise ConfigError(
            f"{type(model).__name__} is a bare network, which does not say how pictures are "
            f"resized and normalised for it, nor its classes. Wrap it: {HOW}."
        )
    raise ConfigError(
        "A model must be a usable.Model, a reference such as 'bundled/resnet', or a "
        f"usable.ModelSpec, but is of the type {type(model).__name__}."
    )


def known_of(model: ModelSpec) -> "Passport | None":
    """Return what is known of a model without its weights; None where it must be loaded for that.

    Raises:
        UsableError: there is no such model.
    """
    lacking: CheckpointError | None = None
    try:
        files_of(model.reference, model.weights, model.labels)  # before torch takes its seconds
    except CheckpointError as error:  # of files that are not here: that is known without them
        lacking = error
    from usable_core.models import seen

    try:
        return seen.known(model)
    except UsableError as error:
        raise lacking or error from None


def passport(model: object) -> "Passport":
    """Return the passport of a model: its own where it is here, else what is said of it.

    Raises:
        ConfigError: it is no model.
        UsableError: there is no such model, or it cannot be loaded.
    """
    from usable_core.models import seen

    if isinstance(model, (str, Path, ModelSpec)):
        found = known_of(model if isinstance(model, ModelSpec) else ModelSpec(str(model)))
        if found is not None and not found.is_here:
            return found
    return seen.loaded(model_of(model))


def dataset_of(data: object) -> "Dataset":
    """Return the data set that a caller hands in as an object.

    Args:
        data: A `Dataset`, (images, labels) as `dataset_from_arrays` takes them, or a torch data
            set or list of (image, label).

    Raises:
        DatasetRefused: it is nothing of these.
    """
    from torch.utils.data import Dataset as TorchDataset

    from usable_core.datasets import arrays
    from usable_core.datasets.dataset import Dataset

    if isinstance(data, Dataset):
        return data
    if isinstance(data, tuple) and len(data) == 2:
        return arrays.dataset_from_arrays(*data)
    if isinstance(data, (list, TorchDataset)) and hasattr(data, "__len__"):
        return arrays.dataset_from_pairs(data)
    raise DatasetRefused(
        "Data must be a reference such as 'digits' or a path, a usable.Dataset, a usable."
        "DatasetSpec, a torch data set, or (images, labels), but are of the type "
        f"{type(data).__name__}. Convert them with usable.dataset_from_arrays(images, labels)."
    )


def question_of(
    model: object,
    data: object,
    limit: int | None,
    *,
    store: bool = False,
    training: bool = False,
    matches_classes: bool = True,
) -> Question:
    """Return the objects and the names of a model and a data set.

    Args:
        model: As `model_of` takes it.
        data: A reference, a `DatasetSpec`, or as `dataset_of` takes it.
        limit: At most this many examples.
        store: The question is kept, so it must be one that can be asked again.
        training: The data are trained on: a whole data set is divided into its splits.
        matches_classes: The model must know the classes of the data.

    Raises:
        ConfigError: a part that was taken by hand cannot be stored.
        UsableError: something cannot be loaded.
    """
    if matches_classes and not training and isinstance(model, (str, Path, ModelSpec)):
        from usable_core.measuring.fitting import refuse_misfit

        known = known_of(model if isinstance(model, ModelSpec) else ModelSpec(str(model)))
        refuse_misfit(known, lambda: _data(data, None, store=False, training=False)[0].labels)
    loaded = model_of(model)
    dataset, spec, named = _data(data, limit, store=store, training=training)
    objects = {"model": loaded, "dataset": dataset}
    name = model if isinstance(model, ModelSpec) else loaded.spec
    return Question(objects, name, spec, named, store)


def recipe_of(settings: Mapping[str, Any]) -> RecipeRow:
    """Return the recipe that settings name, one that sets nothing where they name none."""
    name = settings.get("recipe")
    return lookup(RECIPES, "recipe", "usual" if name is None else name)


def prepared_by(model: "ModelLike", recipe: RecipeRow) -> "ModelLike":
    """Return a model with a recipe's preprocessing, if it is named and says none of its own."""
    spec = ModelSpec(str(model)) if isinstance(model, (str, Path)) else model
    if not recipe.preprocessing or not isinstance(spec, ModelSpec) or spec.preprocessing:
        return model
    return replace(spec, preprocessing=recipe.preprocessing)


def config_of(kind: type[Config], question: Question, settings: Mapping[str, Any]) -> Config:
    """Return the config of a question with plain keywords for its other fields.

    Objects among the settings are put into `question.objects` and named in the config.

    Raises:
        UnknownName: there is no such setting; the nearest are said.
        ConfigError: a setting is out of its range or of the wrong type.
    """
    settings = {**recipe_of(settings).settings, **settings}  # what is said goes before the recipe
    hints = {f.name: get_type_hints(kind)[f.name] for f in fields(kind)}  # type: ignore[arg-type]
    records = _asked_by_record(kind)
    said = {name: {f.name for f in fields(record)} for name, record in records.items()}
    known = hints.keys() - {"model", "dataset"} | set().union(*said.values())
    for name in settings:
        if name not in known:
            _refuse_a_field_of_a_part(name, hints)
            raise UnknownName("setting", name, known - said.keys())
    values: dict[str, Any] = {
        n: _value(n, hints[n], value, question) for n, value in settings.items() if n in hints
    }
    try:
        for name, record in records.items():
            given = {n: v for n, v in settings.items() if n in said[name]}
            values.setdefault(name, getattr(record(**given), name))
        return kind(question.model, question.dataset, **values)  # type: ignore[call-arg]
    except TypeError as error:
        raise ConfigError(f"A setting is of the wrong type: {error}. Change it.") from error


def _refuse_a_field_of_a_part(name: str, hints: Mapping[str, Any]) -> None:
    """Refuse a setting that is a field of another, such as `epochs` of `schedule`."""
    for part, kind in hints.items():
        is_part = is_dataclass(kind) and part not in ("model", "dataset")
        if is_part and name in {f.name for f in fields(kind)}:
            raise ConfigError(
                f"{name} belongs to the setting {part}. Give {part}=usable.{kind.__name__}"
                f"({name}=...)."
            )


def _asked_by_record(kind: type) -> dict[str, type]:
    """Return the fields of a config that are said by the fields of another record."""
    asked = {field.name: field.metadata.get("asked") for field in fields(kind)}
    return {name: how.record for name, how in asked.items() if how and how.record}


def _value(name: str, hint: object, value: Any, question: Question) -> object:  # noqa: ANN401
    """Return what a config holds for a setting."""
    if value is None:
        return None
    if name == "epsilons":
        return grid([value] if isinstance(value, float | int) else value)
    if get_origin(hint) is tuple:
        one = isinstance(value, (str, int, float))
        return (value,) if one else tuple(v.item() if hasattr(v, "item") else v for v in value)
    if ModelSpec in get_args(hint):
        question.objects[name] = model_of(value)
        return value if isinstance(value, ModelSpec) else question.objects[name].spec
    if DatasetSpec in get_args(hint):
        question.objects[name], spec, _ = _data(
            value, None, store=question.is_stored, training=True
        )
        return spec
    return value


def _data(
    data: object, limit: int | None, *, store: bool, training: bool
) -> "tuple[Dataset, DatasetSpec, DatasetSpec | None]":
    """Return a data set, what is asked of it, and what that is a part of by name."""
    from usable_core.datasets import load_dataset

    if isinstance(data, (str, Path)):
        data = DatasetSpec(str(data))
    if isinstance(data, DatasetSpec):
        spec = data if limit is None else replace(data, limit=limit)
        return load_dataset(spec.reference), spec, None
    dataset = dataset_of(data)
    named = dataset.spec
    if store and dataset.positions is not None:
        if named is None:
            raise ConfigError(
                f"This part of {dataset.name} was taken by hand, so its question cannot be stored. "
                "Give the whole data set or a usable.DatasetSpec, or leave out store=True."
            )
        is_divided = training and named.split == "all"
        named = replace(named, split="auto") if is_divided else named
        return _data(named, limit, store=store, training=training)
    # What the caller chose is evaluated whole; training still divides a whole data set.
    split: Split = "auto" if training and dataset.split_name == "all" else "all"
    return dataset, DatasetSpec(dataset.name, split, limit), None if limit or training else named

"""`keras/FILE.keras`, `keras/FILE.h5`, `keras/NAME`: models of Keras, which runs on torch here."""

import inspect
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from usable_core.catalog.model_files import is_keras_file, weights_file
from usable_core.catalog.model_files import keras as file_of
from usable_core.errors import CheckpointError, UnknownName, first_line
from usable_core.evaluations.passports import Download, Passport
from usable_core.evaluations.specs import ModelSpec
from usable_core.inputs.preprocessing import GUESS, Preprocessing
from usable_core.labels import LabelSpace
from usable_core.models.model import Model
from usable_core.models.outputs import SEVERAL
from usable_core.models.pixel_range import UNIT, PixelRange
from usable_core.models.seen import expected
from usable_core.models.sizes import built
from usable_core.models.sources.imagenet import imagenet_labels
from usable_core.models.sources.keras_downloads import fetched, fetching
from usable_core.models.sources.keras_network import (
    Keras,
    KerasNetwork,
    first_size,
    graph_of,
    keras_of_torch,
    network_of,
    range_of,
)
from usable_core.models.sources.options import number_of_classes, value_of
from usable_core.models.weights.keras_files import check_weights_file, checked_config
from usable_core.models.weights.keras_precision import in_float32

USUAL_SIDE = 224
SETTINGS = frozenset({"num_classes", "input_size", "alpha"})
_WAYS = {  # of `preprocess_input`, by Keras's own names
    "tf": (0.5, 0.5),
    "torch": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "0 to 255": (0.0, 1 / 255),
    "0 to 1": (0.0, 1.0),
}


def load(name: str, spec: ModelSpec) -> Model:
    """Return a Keras classifier from a file, or an architecture of `keras.applications`.

    Raises:
        UnknownName: there is no such architecture or option.
        CheckpointError: the package is not there; the file is damaged, names code, or is no
            classifier of pictures; weights cannot be had or do not fit.
    """
    keras = keras_of_torch()
    if is_keras_file(name):
        return _from_file(name, spec, keras)
    model, row = _built(name, dict(spec.arch_options), keras, spec)
    network = network_of(model, is_bgr=row.is_bgr, name=spec.reference)
    count = number_of_classes(network)
    labels = imagenet_labels() if count == 1000 else LabelSpace.unnamed(count)
    weights = weights_file(spec.weights)[0].name if spec.weights else "Keras's own"
    card = {
        "title": name,
        "architecture": f"keras/{name}",
        "arch_options": dict(spec.arch_options),
        "weights": weights,
    }
    said = f"`preprocess_input` of keras.applications.{name}"
    passport = _passport(model, row.mean, row.std, said)
    return Model(spec.reference, network, passport, labels, card)


def known(name: str, spec: ModelSpec) -> Passport | None:
    """Return what is known of published weights, which are not loaded; None of a file.

    Raises:
        UnknownName: there is no such architecture or option.
        CheckpointError: the package is not there, or it has no published weights of these options.
    """
    if is_keras_file(name):
        return None
    keras = keras_of_torch()
    model, row = _built(name, dict(spec.arch_options), keras, None)
    prepared = _passport(model, row.mean, row.std, f"`preprocess_input` of {name}")
    labels, count = imagenet_labels(), int(model.output.shape[-1])
    labels = labels if count == len(labels) else LabelSpace.unnamed(count)
    parameters = int(model.count_params())
    said = {
        "weights": "Keras's own, of ImageNet",
        "download": _download(name, dict(spec.arch_options), keras, 4 * parameters),
    }
    return expected(spec, f"keras/{name}", prepared, labels, parameters, said)


class _Asked(CheckpointError):
    """Keras asks for a file of weights, which was only to be named."""

    def __init__(self, download: Download) -> None:
        super().__init__(download.said)
        self.download = download


def _download(name: str, options: dict[str, Any], keras: Keras, size: int) -> Download:
    """Return which file Keras would fetch, by asking for its weights and taking the question.

    Raises:
        CheckpointError: it has no published weights of these options.
    """

    def take(download: Download) -> str:
        raise _Asked(download)

    try:
        _built(name, options, keras, ModelSpec(f"keras/{name}"), take)
    except _Asked as asked:
        return replace(asked.download, size=size, is_estimated=True)
    raise CheckpointError(
        f"keras/{name} has no published weights. Give a file of weights: --weights FILE."
    )


def build(name: str, options: Mapping[str, Any]) -> nn.Module:
    """Return the network of an architecture of `keras.applications` with random weights.

    Raises:
        UnknownName: there is no such architecture or option.
        CheckpointError: a file, which cannot be built again; an option that does not fit.
    """
    if is_keras_file(name):
        raise CheckpointError(
            f"keras/{name} is a file, so a model that is trained from it could not be built again. "
            "Name its architecture, keras/NAME, with --weights FILE."
        )
    model, row = _built(name, dict(options), keras_of_torch(), None)
    return network_of(model, is_bgr=row.is_bgr, name=f"keras/{name}")


def recipes(name: str, model: Model) -> dict[str, Preprocessing]:
    """Return the ways in which models of Keras have their pictures prepared."""
    now = model.preprocessing
    found = {}
    for title, (mean, std) in _WAYS.items():
        three = [tuple(v) if isinstance(v, tuple) else (v,) * 3 for v in (mean, std)]
        found[f"Keras's {title}"] = replace(now, mean=three[0], std=three[1], sources={})
    return found


class Prepared:
    """How an architecture of `keras.applications` has its pictures prepared, in [0, 1] RGB."""

    def __init__(self, function: Keras) -> None:
        """Find it by what `preprocess_input` makes of three grey pixels and a coloured one."""
        prepare = sys.modules[function.__module__].preprocess_input

        def prepared(*colour: float) -> np.ndarray[Any, Any]:
            pixel = np.asarray(colour, np.float32).reshape(1, 1, 1, 3)
            return np.asarray(prepare(pixel.copy(), data_format="channels_last")).reshape(3)

        black, white = prepared(0, 0, 0), prepared(255, 255, 255)
        red = prepared(255, 0, 0) - black
        self.is_bgr = bool(abs(red[2]) > abs(red[0]))
        span = white - black
        mean, std = -black / span, 1 / span
        order = slice(None, None, -1) if self.is_bgr else slice(None)
        self.mean: tuple[float, float, float] = tuple(float(v) for v in mean[order])  # type: ignore[assignment]
        self.std: tuple[float, float, float] = tuple(float(v) for v in std[order])  # type: ignore[assignment]


def _built(
    name: str,
    options: dict[str, Any],
    keras: Keras,
    spec: ModelSpec | None,
    take: Callable[[Download], str] | None = None,
) -> tuple[Keras, Prepared]:
    """Return a model of `keras.applications`, with the weights of a question or random ones."""
    known = {n: f for n, f in vars(keras.applications).items() if inspect.isfunction(f)}
    if name not in known:
        raise UnknownName("Keras architecture", name, known)
    if unknown := sorted(options.keys() - SETTINGS):
        raise UnknownName(f"option of keras/{name}", unknown[0], SETTINGS)
    values: dict[str, Any] = {key: value_of(value) for key, value in options.items()}
    settings: dict[str, Any] = {"classifier_activation": None}
    if "num_classes" in values:
        settings["classes"] = values["num_classes"]
    if side := values.get("input_size"):
        settings["input_shape"] = (side, side, 3) if isinstance(side, int) else (*side, 3)
    if "alpha" in values:
        settings["alpha"] = values["alpha"]
    file = weights_file(spec.weights)[0] if spec and spec.weights else None
    if file is not None:
        check_weights_file(file)
    _reset_names(keras)
    own = None if file or spec is None else "imagenet"
    try:
        with fetching(take or fetched), warnings.catch_warnings(action="ignore"):
            model = known[name](weights=own, **settings)
            if file is not None:
                model.load_weights(str(file))
    except CheckpointError:  # of the weights, which cannot be had
        raise
    except Exception as error:  # Keras raises anything on numbers, files and hosts
        raise CheckpointError(
            f"keras/{name} cannot be built with {file.name if file else 'its weights'}: "
            f"{first_line(error).rstrip('.:')}. Give a file of "
            "weights that fits: --weights FILE (.weights.h5 or .h5)."
        ) from error
    return graph_of(model, f"keras/{name}"), Prepared(known[name])


def _reset_names(keras: Keras) -> None:
    """Count layers from the first again, for weights go by their names; collect no garbage."""
    keras.backend.clear_session(free_memory=False)


def _from_file(name: str, spec: ModelSpec, keras: Keras) -> Model:
    path = file_of(name)[0]
    if spec.weights or spec.arch_options:
        raise CheckpointError(
            f"{path.name} is a whole model: leave --weights and --arch-option out, or name the "
            "architecture, keras/NAME."
        )
    config = checked_config(path, keras)
    _reset_names(keras)
    try:
        with in_float32(path, config) as (file, kinds), warnings.catch_warnings(action="ignore"):
            model = built(
                path.name,
                lambda: keras.saving.load_model(str(file), compile=False, safe_mode=True),
                weights=path,
                is_usual=True,  # what is refused is what it allocates
            )
    except CheckpointError:
        raise
    except Exception as error:  # Keras raises anything on a file that is not its own
        raise CheckpointError(
            f"{path.name} cannot be loaded by Keras {keras.__version__}: {first_line(error)}. Save "
            "it again as .keras."
        ) from error
    model = graph_of(model, path.name)
    row: PixelRange | Prepared = UNIT
    said = f"{GUESS}pixels from 0 to 1"
    network = network_of(model, is_bgr=False, name=path.name)
    if (found := range_of(network)) is not None:
        row, said = found, f"the model's first layers, which take {found.title}"
    elif way := _architecture_of(model, keras):
        row = own = Prepared(getattr(keras.applications, way))
        said, network.is_bgr = f"{GUESS}{way}, after whose name the model is called", own.is_bgr
    card = {"title": path.name, "weights": path.name}
    labels = LabelSpace.unnamed(_classes(network, model))
    notes = [SEVERAL] if network.end == "sigmoid" and len(labels) > 1 else []
    if kinds:
        notes.append(f"Its layers are set to {', '.join(kinds)}; here they compute with float32.")
    return Model(
        spec.reference,
        network,
        _passport(model, row.mean, row.std, said),
        labels,
        card,
        tuple(notes),
    )


def _classes(network: KerasNetwork, model: Keras) -> int:
    head = network.head
    return head.out_features if isinstance(head, nn.Linear) else int(model.output.shape[1])


def _passport(
    model: Keras,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    said: str,
) -> Preprocessing:
    height, width = (side or USUAL_SIDE for side in first_size(model))
    is_sized = None not in first_size(model)
    return Preprocessing(
        (height, width),
        (height, width),
        mean=mean,
        std=std,
        sources={
            "resize": f"{GUESS}Keras's loaders",
            "crop": "the model's own input" if is_sized else f"{GUESS}{USUAL_SIDE} pixels",
            "interpolation": f"{GUESS}Keras's loaders",
            "mean": said,
            "std": said,
        },
        channels=1 if 1 in (model.input.shape[-1], model.input.shape[1]) else 3,
    )


def _architecture_of(model: Keras, keras: Keras) -> str | None:
    """Return the architecture after which a model, or one within it, is called."""
    inner = [one for one in model.layers if isinstance(one, keras.Model)]
    known = [n for n, f in vars(keras.applications).items() if inspect.isfunction(f)]
    for one in (model, *inner):
        called = str(one.name).lower().replace("_", "").replace("-", "")
        if near := [name for name in known if called.startswith(name.lower())]:
            return str(max(near, key=len))
    return None

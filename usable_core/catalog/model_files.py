"""The local files behind a model's name, found without torch; see `SourceRow.files`."""

import glob
from pathlib import Path

from usable_core import files, settings
from usable_core.catalog import lookup
from usable_core.catalog.architectures import BUNDLED
from usable_core.catalog.models import CARD_FILE, KERAS_ENDINGS, TOKENIZER_FILE, WEIGHTS_FILE
from usable_core.errors import CheckpointError

# What to do with files of other formats, by their endings.
_FORMATS = {
    (".onnx",): "Name it as an ONNX file: onnx/FILE.onnx.",
    (".keras", ".h5", ".hdf5"): "Name it as a model of Keras: keras/FILE.",
    (".pt2",): "Name it as a program of torch.export: file/PATH.pt2.",
    (".tflite", ".pb"): "Models of TensorFlow are not read in this form: save the model as .keras "
    "(model.save), or convert it to ONNX (tf2onnx).",
}
LARGEST_ONNX = 2_000_000_000  # bytes; protobuf has no larger messages
CONFIG_FILE = "config.json"  # beside weights: what timm and the Hub know of them
# The weights in a folder of the Hub's form, the safest first.
IN_A_FOLDER = (
    "model.safetensors",
    "pytorch_model.bin",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
)


def bundled(name: str) -> tuple[Path, ...]:
    """Return the weights and the card of a bundled backbone, a tokenizer between them.

    One of texts has a folder of its own.

    Raises:
        UnknownName: no such backbone.
        CheckpointError: it is not in this installation.
    """
    lookup(BUNDLED, "bundled model", name)
    folder = settings.assets() / "models"
    if (folder / name).is_dir():
        return kept_in(folder / name)
    weights, card = folder / f"{name}.safetensors", folder / f"{name}.json"
    if not (files.is_file(weights) and files.is_file(card)):
        raise CheckpointError(
            f"bundled/{name} is not in this installation: expected {weights.name} and {card.name} "
            f"in {folder}. Make it with `usable pretrain`, or install Usable anew."
        )
    return weights, card


def program(name: str) -> tuple[Path, ...]:
    """Return the exported program at a path.

    Raises:
        CheckpointError: it is no .pt2 file, or not there.
    """
    path = files.placed(name)
    if path.suffix != ".pt2":
        raise CheckpointError(
            f"file/… takes a program written by torch.export (.pt2), not {_cut(path.name)}. "
            f"{_ways_out(path)}"
        )
    if not files.is_file(path):
        raise CheckpointError(
            f"Expected an exported program at {_cut(path)}, but no file is there."
        )
    return (path,)


def onnx(name: str) -> tuple[Path, ...]:
    """Return the ONNX file at a path, then those beside it that are called after it: its weights.

    Raises:
        CheckpointError: it is no .onnx file, not there, or larger than can be read.
    """
    path = files.placed(name)
    if path.suffix.lower() != ".onnx":
        raise CheckpointError(
            f"onnx/… takes a file that ends in .onnx, not {_cut(path.name)}. {_ways_out(path)}"
        )
    if not files.is_file(path):
        raise CheckpointError(f"Expected an ONNX file at {_cut(path)}, but no file is there.")
    beside = sorted(path.parent.glob(f"{glob.escape(path.name)}?*"))
    found = (path, *(file for file in beside if files.is_file(file)))
    size = sum(file.stat().st_size for file in found)
    if size > LARGEST_ONNX:
        raise CheckpointError(
            f"{_cut(path.name)} holds {size / 1e9:.1f} GB with what lies beside it, more than the "
            f"{LARGEST_ONNX / 1e9:.0f} GB that an ONNX graph can. Choose a smaller network."
        )
    return found


def is_keras_file(name: str) -> bool:
    """Tell whether the name of a Keras model is a file's rather than an architecture's."""
    return name.lower().endswith(KERAS_ENDINGS)


def keras(name: str) -> tuple[Path, ...]:
    """Return the file of a Keras model; nothing for an architecture.

    Raises:
        CheckpointError: it is not there, or another file than Keras writes.
    """
    path = files.placed(name)
    if not is_keras_file(name):
        if not set("/\\.") & set(name):  # of paths, and of no architecture
            return ()
        raise CheckpointError(
            f"keras/… takes a file that ends in {' or '.join(KERAS_ENDINGS)}, or the name of an "
            f"architecture, not {_cut(path.name)}. {_ways_out(path)}"
        )
    if not files.is_file(path):
        raise CheckpointError(f"Expected a Keras model at {_cut(path)}, but no file is there.")
    return (path,)


def folder(name: str) -> tuple[Path, ...]:
    """Return the weights and the card of the model in a folder, a tokenizer between them.

    Raises:
        CheckpointError: it has none.
    """
    path = files.placed(name)
    weights, card = path / WEIGHTS_FILE, path / CARD_FILE
    if not (files.is_file(weights) and files.is_file(card)):
        raise no_model(path)
    return kept_in(path)


def kept_in(path: Path) -> tuple[Path, ...]:
    """Return the files of a model that was saved in a folder, its card last."""
    tokenizer = path / TOKENIZER_FILE
    between = (tokenizer,) if files.is_file(tokenizer) else ()
    return (path / WEIGHTS_FILE, *between, path / CARD_FILE)


def no_model(path: Path) -> CheckpointError:
    """Return why a path is no model by itself, and what to do with what is there."""
    if files.is_file(path):
        return CheckpointError(f"{_cut(path)} is no model by itself. {_ways_out(path)}")
    if not files.is_folder(path):
        return CheckpointError(
            f"Expected a model at {_cut(path)}, but nothing is there. Correct the path."
        )
    if files.is_file(path / CONFIG_FILE):
        return CheckpointError(
            f"{_cut(path)} is a folder of Hugging Face's form. Name it hf/FOLDER, or by the path "
            "alone."
        )
    held = sorted(one.name for one in path.iterdir())
    shown = ", ".join([*held[:5], *["…"] * (len(held) > 5)])
    return CheckpointError(
        f"The folder {_cut(path)} holds {shown or 'nothing'}, which is no model: expected "
        f"{WEIGHTS_FILE} with {CARD_FILE} (of Usable) or {CONFIG_FILE} (of Hugging Face). Name the "
        "model's own file or folder."
    )


def weights_file(weights: str) -> tuple[Path, str | None]:
    """Return the file of local weights, and which of its tables is asked for (FILE#TABLE).

    Args:
        weights: The path of a file, or of a folder of the Hub's form.

    Raises:
        CheckpointError: there is no such file, or the folder holds no weights.
    """
    path, table = files.placed(weights), None
    if not files.status_of(path) and "#" in weights:
        before, _, table = weights.rpartition("#")
        path = files.placed(before)
    if files.is_folder(path):
        held = sorted(file.name for file in path.iterdir())
        if not (found := [path / name for name in IN_A_FOLDER if name in held]):
            raise CheckpointError(
                f"Expected {' or '.join(IN_A_FOLDER[:2])} in the folder {_cut(path)}, which holds "
                f"{', '.join(held[:5]) or 'nothing'}. Give the file of weights itself."
            )
        path = found[0]
    if not files.is_file(path):
        raise CheckpointError(f"Expected a weights file at {_cut(path)}, but no file is there.")
    return path, table


def weights_and_config(weights: str) -> tuple[Path, ...]:
    """Return the file of local weights, and the configuration beside it where there is one.

    Raises:
        CheckpointError: as `weights_file`.
    """
    path, _ = weights_file(weights)
    config = path.parent / CONFIG_FILE
    return (path, config) if files.is_file(config) else (path,)


def _ways_out(path: Path) -> str:
    """Return what to do with a file of a model that is no exported program."""
    ending = ".pb" if files.is_file(path / "saved_model.pb") else path.suffix.lower()
    for endings, said in _FORMATS.items():
        if ending in endings:
            return said
    return (
        "A file of weights goes with its architecture: torchvision/NAME or timm/NAME with "
        "--weights FILE."
    )


def _cut(path: Path | str) -> str:
    """Return a path as a sentence shows it: its end, where it is long."""
    text = str(path)
    return text if len(text) <= 300 else f"…{text[-200:]}"

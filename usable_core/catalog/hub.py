"""`hf/FOLDER` and `hf/ID[@REVISION]`: the local files behind them, found without torch.

A name of the hub is looked up in the hub's own cache: its revision leads to a commit, and that to a
folder. Nothing is fetched here.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from usable_core import files
from usable_core.errors import CheckpointError

CONFIG_FILE = "config.json"
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
# How pictures are prepared: of image processors alone, and as part of a processor of more.
PROCESSORS = ("preprocessor_config.json", "processor_config.json")
# How texts are cut into pieces, the surest form first.
TOKENIZERS = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model"),
    *("tokenizer.model", "spm.model"),
)
DEFAULT_REVISION = "main"
# As the hub has it: OWNER/NAME or NAME, no "--", ".." or sign of a path.
_ID = re.compile(r"(?:[\w-][\w.-]*/)?[\w-][\w.-]*")
_REVISION = re.compile(r"[\w.-]+(?:/[\w.-]+)*")
# Weights that are no network of torch's, by their names; what they are, and what to do.
_OTHER_WEIGHTS = {
    "adapter_*": "an adapter: merge it into its base model (merge_and_unload of peft), save that",
    "*.gguf": "of a language model's format: choose a model with weights as safetensors",
    "tf_model.h5": "of TensorFlow: choose a model with weights as safetensors",
    "*.msgpack": "of Flax: choose a model with weights as safetensors",
    "*.onnx": "an ONNX file: name it, onnx/FILE.onnx",
    "saved_model.pb": "of TensorFlow: save the model as .keras, or convert it to ONNX (tf2onnx)",
}
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubName:
    """A model or a data set of the hub.

    Attributes:
        id: OWNER/NAME, or NAME.
        revision: Branch, tag, or commit in full.
        kind: As the hub's cache and its client call what it is.
    """

    id: str
    revision: str = DEFAULT_REVISION
    kind: Literal["model", "dataset"] = "model"


def is_folder_name(name: str) -> bool:
    """Tell whether a name means a folder of this machine: one is there, or it is a path."""
    return name.startswith((".", "/", "~", "\\")) or files.is_folder(files.placed(name))


def hub_name(name: str) -> HubName:
    """Return the model of the hub that a name means.

    Raises:
        CheckpointError: it can be none, nor a folder.
    """
    id, _, revision = name.partition("@")
    revision = revision or DEFAULT_REVISION
    if not is_hub_name(id, revision):
        raise CheckpointError(
            f"hf/… takes a folder, or a model of the Hugging Face Hub as OWNER/NAME or "
            f"OWNER/NAME@REVISION, but {_cut(name)} is neither. No such folder is there."
        )
    return HubName(id, revision)


def is_hub_name(id: str, revision: str) -> bool:
    """Tell whether the hub could have something of this name and revision."""
    is_id = _ID.fullmatch(id) and not re.search(r"--|\.\.", id) and len(id) <= 96
    return bool(is_id and _REVISION.fullmatch(revision) and ".." not in revision)


def folder_of(name: str) -> Path | None:
    """Return the folder of a model's files; None where the hub's cache does not have it all.

    Raises:
        CheckpointError: the folder is not there or lacks a file, or the name can be none.
    """
    if is_folder_name(name):
        folder = files.placed(name)
        check_folder(folder)
        return folder
    cached = cached_folder(hub_name(name))
    return cached if cached is not None and not _lacking(cached) else None


def model_files(name: str) -> tuple[Path, ...]:
    """Return the files of a model that are here; none where it must be fetched first.

    Raises:
        CheckpointError: as `folder_of`.
    """
    folder = folder_of(name)
    if folder is None:
        return ()
    weights = sorted(folder.glob("*.safetensors"))
    beside = (folder / file for file in (CONFIG_FILE, WEIGHTS[1], *PROCESSORS, *TOKENIZERS))
    return (*weights, *(path for path in beside if files.is_file(path)))


def check_folder(folder: Path) -> None:
    """Check that a folder holds a model of the hub's form, its weights as safetensors.

    Raises:
        CheckpointError: it is not there, or lacks them.
    """
    if not files.is_folder(folder):
        raise CheckpointError(
            f"Expected a folder with {CONFIG_FILE} and {WEIGHTS[0]} at {_cut(folder)}, but no "
            "folder is there. Give the folder that holds them."
        )
    if lacking := _lacking(folder):
        pickled = sorted(path.name for path in folder.glob("*.bin"))
        why = (
            f" Its weights are pickled ({pickled[0]}), which can hold code: write them anew with "
            "save_pretrained, which makes safetensors."
            if pickled and lacking in WEIGHTS
            else _instead(folder)
        )
        raise CheckpointError(
            f"Expected {lacking} in the folder {_cut(folder)}, but it is not there.{why}"
        )


def _instead(folder: Path) -> str:
    """Return what to do where a folder lacks a file, by what it holds instead."""
    for pattern, what in _OTHER_WEIGHTS.items():
        if found := sorted(path.name for path in folder.glob(pattern)):
            return f" {found[0]} is {what}."
    return " Fetch or copy the model again."


def _lacking(folder: Path) -> str:
    """Return the first file that a model needs and a folder does not hold; empty where none."""
    if not files.is_file(folder / CONFIG_FILE):
        return CONFIG_FILE
    return "" if any(files.is_file(folder / name) for name in WEIGHTS) else WEIGHTS[0]


def cached_folder(name: HubName) -> Path | None:
    """Return the folder of a revision in the hub's cache, whether whole or not."""
    from huggingface_hub.constants import HF_HUB_CACHE  # so that no page waits for it at its start

    place = Path(HF_HUB_CACHE) / f"{name.kind}s--{name.id.replace('/', '--')}"
    commit = name.revision
    if not _COMMIT.fullmatch(commit):
        ref = place / "refs" / name.revision
        if not files.is_file(ref):
            return None
        commit = ref.read_text(encoding="utf-8", errors="replace").strip()
    folder = place / "snapshots" / commit
    return folder if _COMMIT.fullmatch(commit) and files.is_folder(folder) else None


def _cut(path: Path | str) -> str:
    """Return a path as a sentence shows it: its end, where it is long."""
    text = str(path)
    return text if len(text) <= 300 else f"…{text[-200:]}"

"""Fetching a model of the Hugging Face Hub into the hub's own cache, where it is not there yet.

Only what is needed of it: configuration, processor and safetensors.
"""

import logging
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub import constants as hub_constants

from usable_core import downloads
from usable_core.catalog import hub_client
from usable_core.catalog.hub import (
    CONFIG_FILE,
    PROCESSORS,
    TOKENIZERS,
    WEIGHTS,
    HubName,
    check_folder,
)
from usable_core.errors import CheckpointError, first_line
from usable_core.evaluations.passports import Download

_HIDDEN = (401, 403, 404)  # what it answers to those who may not see a name, or that there is none
_ANSWER = 10.0  # seconds that a hub that can be reached has to say what it holds
_logger = logging.getLogger(__name__)


def fetch(name: HubName) -> Path:
    """Return the folder of a model of the hub, fetched into the hub's cache.

    How much comes from where is logged before it comes.

    Raises:
        CheckpointError: the hub cannot be reached, has no such model or shows it to nobody, the
            model has no safetensors, or this process may not fetch it.
    """
    download, _ = described(name)
    downloads.check_allowed(download, f"hf/{name.id}")
    _logger.warning("Fetching %s of hf/%s.", download.said, name.id)
    try:
        folder = Path(
            snapshot_download(
                name.id, revision=download.revision, allow_patterns=list(download.names)
            )
        )
    except Exception as error:  # the client raises errors of several libraries
        raise _missing(name, _why(error)) from error
    check_folder(folder)
    return folder


def described(name: HubName) -> tuple[Download, dict[str, str]]:
    """Return what would be fetched of a model, and what the hub says of it: its type and licence.

    Raises:
        CheckpointError: as `fetch`.
    """
    if reason := hub_client.why_not():
        raise _missing(name, reason)
    try:
        info = HfApi().model_info(
            name.id, revision=name.revision, files_metadata=True, timeout=_ANSWER
        )
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
        said = {"type": (info.config or {}).get("model_type", "")}
        said["licence"] = str(getattr(info.card_data, "license", None) or "")
    except Exception as error:  # the client raises errors of several libraries
        raise _missing(name, _why(error)) from error
    wanted = sorted(_wanted(name, sizes))
    size = sum(sizes[file] for file in wanted)
    page = f"{hub_constants.ENDPOINT}/{name.id}"
    # A branch stays one: what is fetched by its name is found by it again, and a commit is not.
    return Download(
        page, size, repository=name.id, revision=name.revision, names=tuple(wanted)
    ), said


def _wanted(name: HubName, sizes: dict[str, int]) -> set[str]:
    """Return the files to fetch.

    Raises:
        CheckpointError: there are no safetensors among them.
    """
    weights = {f for f in sizes if f.endswith(".safetensors") and "/" not in f}
    weights = {WEIGHTS[0]} if WEIGHTS[0] in weights else weights
    if not weights or (WEIGHTS[0] not in weights and WEIGHTS[1] not in sizes):
        raise CheckpointError(
            f"{name.id} holds no weights as safetensors at its revision {name.revision}, and "
            "pickled ones can hold code. Choose another revision, or write them anew with "
            "save_pretrained."
        )
    return weights | ({CONFIG_FILE, WEIGHTS[1], *PROCESSORS, *TOKENIZERS} & sizes.keys())


def _why(error: Exception) -> str:
    """Return why the hub's client gave nothing, as part of a sentence."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in _HIDDEN:
        return "the hub has no such model, or shows it only to those whom it lets in"
    return first_line(error)


def _missing(name: HubName, reason: str) -> CheckpointError:
    return CheckpointError(
        f"hf/{name.id} (revision {name.revision}) is neither a folder here nor in the cache "
        f"{hub_constants.HF_HUB_CACHE}, and could not be fetched ({reason.rstrip('.')}). On a "
        f"machine with internet, `hf download {name.id} --local-dir FOLDER` makes a folder: give "
        "that as hf/FOLDER."
    )

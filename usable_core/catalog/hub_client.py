"""Asking the Hugging Face Hub, where it can be reached: what it holds, and fetching that.

Whether it can be reached is found out first and within two seconds, for its own client tries for
minutes.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from glob import escape
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from usable_core.catalog.hub import HubName
from usable_core.reach import unreachable

_ANSWER = 10.0  # seconds that a hub that can be reached has to say what it holds
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listing:
    """What the hub holds of a name.

    Attributes:
        commit: What its revision leads to.
        sizes: Bytes of each file, by its path.
    """

    commit: str
    sizes: dict[str, int]


def host() -> str:
    """Return the name of the machine that is asked."""
    from huggingface_hub.constants import ENDPOINT  # so that no page waits for it at its start

    return urlsplit(ENDPOINT).hostname or ENDPOINT


def why_not() -> str:
    """Return why the hub cannot be asked, as part of a sentence; empty where it can."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    reason = unreachable(constants.ENDPOINT)
    return f"{host()} cannot be reached: {reason}" if reason else ""


def listing(name: HubName) -> Listing:
    """Return what the hub holds of a name; ask `why_not` before.

    Raises:
        Exception: the hub has no such name, or shows it to nobody: of several libraries' kinds.
    """
    from huggingface_hub import HfApi

    ask = HfApi().model_info if name.kind == "model" else HfApi().dataset_info
    info = ask(name.id, revision=name.revision, files_metadata=True, timeout=_ANSWER)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    return Listing(str(info.sha), sizes)


def fetch_files(name: HubName, listed: Listing, wanted: Collection[str]) -> Path:
    """Return the folder of a name in the hub's cache, with the files that are wanted.

    How much comes from where is logged before it comes.

    Raises:
        Exception: as `listing`.
    """
    from huggingface_hub import snapshot_download

    size = sum(listed.sizes[file] for file in wanted)
    _logger.warning("Fetching %.0f MB of hf/%s from %s.", size / 1e6, name.id, host())
    return Path(
        snapshot_download(
            name.id,
            repo_type=name.kind,
            revision=name.revision,  # not its commit: the cache notes what the name leads to
            allow_patterns=patterns(listed.sizes, wanted),
        )
    )


def patterns(every: Collection[str], wanted: Collection[str]) -> list[str]:
    """Return few patterns that the wanted files fit and no others: whole folders are one each."""
    others = set(every) - set(wanted)
    mixed = {str(folder) for file in others for folder in PurePosixPath(file).parents}
    found: dict[str, None] = {}
    for file in sorted(wanted):
        folders = [str(folder) for folder in PurePosixPath(file).parents][-2::-1]
        whole = next((folder for folder in folders if folder not in mixed), None)
        found[escape(file) if whole is None else f"{escape(whole)}/*"] = None
    return list(found)

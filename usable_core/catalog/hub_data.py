"""`hf/ID[@REVISION][:NAME]`: a data set of the Hugging Face Hub, looked up in the hub's own cache.

NAME is a folder of several data sets (a configuration), a part (`train`, `validation`, `test`), or
both, `:NAME:PART`. No data are fetched here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from usable_core.catalog import hub_client
from usable_core.catalog.hub import DEFAULT_REVISION, HubName, cached_folder, is_hub_name
from usable_core.errors import DatasetRefused, first_line, quoted
from usable_core.files import placed, status_of

PREFIX = "hf/"
FORM = "hf/ID[@REVISION][:NAME]"
_KIND: Final = "dataset"


@dataclass(frozen=True)
class HubData:
    """A data set of the hub, and what of it is meant.

    Attributes:
        hub: Where it is.
        names: Of a configuration, of a part, or both.
    """

    hub: HubName
    names: tuple[str, ...] = ()


def is_hub_data(reference: str) -> bool:
    """Tell whether a reference means data of the hub: no file or folder is called so."""
    return reference.startswith(PREFIX) and status_of(placed(reference)) is None


def hub_data(reference: str) -> HubData:
    """Return the data of the hub that a reference means.

    Raises:
        DatasetRefused: it can be none.
    """
    said, *names = reference.removeprefix(PREFIX).split(":")
    id, at, revision = said.partition("@")
    is_id = is_hub_name(id, revision if at else DEFAULT_REVISION)
    if not is_id or len(names) > 2 or not all(map(_is_name, names)):
        raise DatasetRefused(
            f"{quoted(reference)} names no data: a data set of the Hugging Face Hub is {FORM}, "
            "such as hf/OWNER/NAME@main:test. A folder is named by its path alone."
        )
    return HubData(HubName(id, revision or DEFAULT_REVISION, _KIND), tuple(names))


def missing(name: HubName, reason: str) -> DatasetRefused:
    """Return the refusal of data that neither the cache nor the hub gives, and what to do."""
    from huggingface_hub.constants import HF_HUB_CACHE  # so that no page waits for it at its start

    return DatasetRefused(
        f"hf/{name.id} (revision {name.revision}) is not, or not whole, in the cache "
        f"{HF_HUB_CACHE}, and could not be fetched ({reason.rstrip('.')}). On a machine with "
        f"internet, `hf download {name.id} --repo-type dataset --local-dir FOLDER` makes a folder: "
        "give its path."
    )


def download(reference: str) -> tuple[int, str]:
    """Return how many bytes at most come before data can be read, and the host they come from.

    Raises:
        DatasetRefused: the hub cannot be reached, or has no such data.
    """
    name = hub_data(reference).hub
    if reason := hub_client.why_not():
        raise missing(name, reason)
    try:
        return sum(hub_client.listing(name).sizes.values()), hub_client.host()
    except Exception as error:  # the client raises errors of several libraries
        raise missing(name, first_line(error)) from error


def _is_name(name: str) -> bool:
    steps = name.replace("\\", "/").split("/")
    return not {"", ".", ".."} & set(steps)


def cached_data() -> list[str]:
    """Return the data sets whose newest known revision is in the hub's cache."""
    from huggingface_hub.constants import HF_HUB_CACHE  # so that no page waits for it at its start

    try:
        places = sorted(path.name for path in Path(HF_HUB_CACHE).glob(f"{_KIND}s--*"))
    except OSError:
        return []
    ids = [place.removeprefix(f"{_KIND}s--").replace("--", "/", 1) for place in places]
    found = [id for id in ids if is_hub_name(id, DEFAULT_REVISION)]
    return [f"{PREFIX}{id}" for id in found if cached_folder(HubName(id, kind=_KIND))]

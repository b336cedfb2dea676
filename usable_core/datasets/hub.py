"""Data sets of the Hugging Face Hub, from its cache; what is not there is fetched into it.

A cache may hold a few of the files, of a part that was looked at once: then its numbers would be of
something else. So the list of all files of a commit is asked once and kept; without it and without
the hub, what the files' own names say is all that is known, and that is said beside the numbers.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from usable_core import settings
from usable_core.catalog import hub_client
from usable_core.catalog.hub import cached_folder
from usable_core.catalog.hub_client import Listing
from usable_core.catalog.hub_data import HubData, hub_data, missing
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.folder import tree_of
from usable_core.datasets.parquet import MAX_TOTAL, named_part, wholes
from usable_core.datasets.parts import part_of
from usable_core.datasets.tables import SUFFIXES
from usable_core.datasets.tree import Tree, is_litter, read_tree
from usable_core.errors import DatasetRefused, first_line, quoted
from usable_core.files import is_file, write_json
from usable_core.images import suffixes

_Paths = list[PurePosixPath]
_PARQUET = ".parquet"
_CONVERTED = "refs/convert/parquet"  # where the hub keeps data that it has written as Parquet
_SHARD = re.compile(r"(.*)-(\d+)-of-(\d+)")


def read_hub(path: Path, name: str) -> Dataset:
    """Return the data set of the hub that `name` means.

    Args:
        path: What a file of this name would be; there is none.
        name: `hf/ID[@REVISION][:NAME]`.

    Raises:
        DatasetRefused: neither the cache nor the hub has it, it holds several data sets, or its
            files are in no layout that is read.
    """
    data = hub_data(name)
    folder, listed = _at_hand(data, name)
    note = f"It is {data.hub.id} of the Hugging Face Hub at its commit {folder.name[:12]}."
    if listed is None:
        note += " Whether the cache holds all of its files could not be asked."
    whole = tree_of(folder, name)
    tree = _narrowed(whole, chosen(whole.files, data, name))
    if listed is None:
        _check_shards(tree.files, name)
    found = read_tree(tree)
    return replace(found, notes=(note, *found.notes))


def chosen(files: Iterable[PurePosixPath], data: HubData, name: str) -> _Paths:
    """Return the files of a data set that are meant: pictures, and tables of them or of texts.

    Raises:
        DatasetRefused: there are none, or they belong to several data sets.
    """
    pictures = {_PARQUET, *suffixes()}
    every = [path for path in files if path.suffix.lower() in pictures | SUFFIXES]
    found = [path for path in every if not is_litter(path)]
    if not found:
        raise DatasetRefused(
            f"{name} holds neither pictures, Parquet files nor tables of texts. What the Hub "
            f"itself has written as Parquet, where it has, is hf/{data.hub.id}@{_CONVERTED}; else "
            "download it, unpack it and give the folder."
        )
    for word in data.names:
        found = _of_part(found, part, name) if (part := part_of(word)) else _in(found, word, name)
    several = sorted(wholes(path for path in found if path.suffix.lower() == _PARQUET))
    if len(several) > 1:
        listed = ", ".join(quoted(one or ".") for one in several[:5])
        raise DatasetRefused(
            f"{name} holds several data sets: {listed}{', …' * (len(several) > 5)}. Name one as "
            f"{name}:{next(filter(None, several))}"
        )
    return found


def _in(files: _Paths, word: str, name: str) -> _Paths:
    """Return the files of a configuration, which is a folder."""
    steps = PurePosixPath(word).parts
    tops = [steps, ("data", *steps)]
    if found := [path for path in files if any(path.parts[: len(t)] == t for t in tops)]:
        return found
    folders = sorted({path.parts[0] for path in files if len(path.parts) > 1})
    listed = ", ".join(map(quoted, folders[:5])) or "no folders"
    raise DatasetRefused(
        f"{name} holds no folder {quoted(word)}, and no part is called so; there are {listed}. "
        "Name one of them, or train, validation or test."
    )


def _of_part(files: _Paths, part: str, name: str) -> _Paths:
    """Return the files of a part, and tables that say nothing of parts."""

    def said(path: PurePosixPath) -> str | None:
        if path.suffix.lower() == _PARQUET:
            return named_part(path)[1]
        steps = (*path.parent.parts, path.stem) if path.suffix in SUFFIXES else path.parent.parts
        return next((found for step in steps if (found := part_of(step))), None)

    found = [p for p in files if said(p) == part]
    if found:
        return [p for p in files if p in set(found) or (said(p) is None and p.suffix in SUFFIXES)]
    known = sorted({one for path in files if (one := said(path))})
    raise DatasetRefused(
        f"No files of {name} are called its part {part}; their parts are: "
        f"{', '.join(known) or 'none'}. Leave {part} out of the name, and choose it by --split."
    )


def _narrowed(tree: Tree, files: _Paths) -> Tree:
    """Return a tree of these files alone, with what they lie in as far as it is the same."""
    folders = {folder for path in files for folder in path.parents} - {PurePosixPath()}
    top = PurePosixPath()
    while len(below := {path.relative_to(top).parts[0] for path in files}) == 1:
        step = top / below.pop()
        if part_of(step.name) or step in files:
            break
        top = step
    return replace(
        tree,
        files=tuple(path.relative_to(top) for path in files),
        folders=tuple(sorted(f.relative_to(top) for f in folders if top in f.parents)),
        open=lambda path: tree.open(top / path),
    )


def _at_hand(data: HubData, name: str) -> tuple[Path, Listing | None]:
    """Return the folder of a data set, whose files are there, and the list of all of its files.

    Raises:
        DatasetRefused: neither the cache nor the hub has them.
    """
    folder = cached_folder(data.hub)
    listed = None if folder is None else _remembered(folder.name)
    if folder is not None and listed is not None and not _lacking(folder, listed, data, name):
        return folder, listed
    if reason := hub_client.why_not():
        if folder is not None and listed is None:
            return folder, None
        raise missing(data.hub, reason)
    try:
        # The cache's commit, where there is one: its name may have moved on meanwhile.
        at = data.hub if folder is None else replace(data.hub, revision=folder.name)
        listed = hub_client.listing(at)
        write_json(_place(listed.commit), listed.sizes)
        if folder is None or _lacking(folder, listed, data, name):
            folder = hub_client.fetch_files(at, listed, _wanted(listed, data, name))
    except DatasetRefused:
        raise
    except Exception as error:  # the client raises errors of several libraries
        raise missing(data.hub, first_line(error)) from error
    if left := _lacking(folder, listed, data, name):
        raise missing(data.hub, f"{left[0]} did not come")
    return folder, listed


def _wanted(listed: Listing, data: HubData, name: str) -> list[str]:
    """Return the files that are meant.

    Raises:
        DatasetRefused: as `chosen`, or they are more than can be read.
    """
    files = [str(path) for path in chosen(map(PurePosixPath, listed.sizes), data, name)]
    size = sum(listed.sizes[file] for file in files if file.endswith(_PARQUET))
    if size > MAX_TOTAL:
        raise DatasetRefused(
            f"{name} holds {size / 2**30:.0f} GB of Parquet files, more than the "
            f"{MAX_TOTAL / 2**30:.0f} GB that are read at once; nothing was fetched. Name a part, "
            f"as {name}:test."
        )
    return files


def _lacking(folder: Path, listed: Listing, data: HubData, name: str) -> list[str]:
    return [file for file in _wanted(listed, data, name) if not is_file(folder / file)]


def _check_shards(files: Iterable[PurePosixPath], name: str) -> None:
    """Check that files that say how many they are, are so many.

    Raises:
        DatasetRefused: they are fewer.
    """
    found: dict[tuple[PurePosixPath, str, int], set[int]] = {}
    for path in files:
        if path.suffix.lower() == _PARQUET and (shard := _SHARD.match(path.stem)):
            key = path.parent, shard[1], int(shard[3])
            found.setdefault(key, set()).add(int(shard[2]))
    for (_, stem, count), numbers in found.items():
        if len(numbers) < count:
            raise DatasetRefused(
                f"The hub's cache holds {len(numbers)} of the {count} files {stem} of {name}, and "
                "the hub cannot be reached for the others. Try it again where it can be."
            )


def _place(commit: str) -> Path:
    return settings.home() / "hub" / f"{commit}.json"


def _remembered(commit: str) -> Listing | None:
    """Return the list of a commit's files, where it was asked before."""
    try:
        sizes = json.loads(_place(commit).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Listing(commit, sizes)

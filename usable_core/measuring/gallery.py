"""Pictures of attacked examples, kept for the eye: PNG files of a few that break at each budget."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from usable_core.attacks.sweep import AttackedBatch, SmallestEpsilons, towards
from usable_core.files import write_bytes, write_json
from usable_core.images import encode_png

GALLERY = "gallery"
Entry = dict[str, float | int | str]


class Gallery:
    """Files `gallery/{index}_{k}.png`, k the place of epsilon in the grid, and what they are.

    Per smallest breaking epsilon (and for those that none breaks) the first few examples are kept:
    clean, on the way to their adversarial image below that epsilon, and that image from there on.
    A PNG rounds to grey levels, which undoes small perturbations, so each saved picture is
    classified again; `gallery/gallery.json` says both answers. Examples that were attacked together
    have a list of their own beside it until `gather`, so that parts may come in any order.
    """

    def __init__(self, folder: Path | None, limit: int, epsilons: tuple[float, ...]) -> None:
        self._folder = folder / GALLERY if folder is not None and limit > 0 else None
        self._limit = limit
        self._epsilons = epsilons
        self._written: list[str] = []

    def save(self, batch: AttackedBatch, smallest: SmallestEpsilons, indices: Tensor) -> None:
        """Write the first examples (N,) of a batch, where fewer of their smallest epsilon are."""
        if self._folder is None:
            return
        first = int(indices[0])
        kept = Counter(example["level"] for example in self._listed(first))
        found = []
        for row, index in enumerate(smallest.index.tolist()):
            if kept[index] < self._limit:
                kept[index] += 1
                entries = self._save_one(batch, smallest, row, int(indices[row]))
                found.append({"level": index, "entries": entries})
        self._written.append(f"{first}.json")
        write_json(self._folder / f"{first}.json", found)

    def written(self) -> tuple[str, ...]:
        """Return the names of the files that were written since this was asked."""
        names, self._written = self._written, []
        return tuple(f"{GALLERY}/{name}" for name in names)

    def gather(self) -> tuple[str, ...]:
        """Write `gallery.json` of the first examples, and return the names of its files."""
        if self._folder is None or not self._folder.is_dir():
            return ()
        kept, entries = Counter[int](), list[Entry]()
        for example in self._listed():
            kept[example["level"]] += 1
            entries += example["entries"] if kept[example["level"]] <= self._limit else []
        counts = {level: min(n, self._limit) for level, n in kept.items()}
        write_json(self._folder / "gallery.json", {"entries": entries, "kept": counts})
        return "gallery.json", *dict.fromkeys(str(entry["file"]) for entry in entries)

    def _listed(self, before: float = math.inf) -> Iterator[dict[str, Any]]:
        """Yield the kept examples, those of which an earlier one was the first of its list."""
        assert self._folder is not None
        firsts = sorted(int(p.stem) for p in self._folder.glob("*.json") if p.stem.isdecimal())
        for first in firsts:
            if first < before:
                yield from json.loads((self._folder / f"{first}.json").read_text(encoding="utf-8"))

    def _save_one(
        self, batch: AttackedBatch, smallest: SmallestEpsilons, row: int, index: int
    ) -> list[Entry]:
        assert self._folder is not None
        breaks = int(smallest.index[row])
        below = torch.arange(min(breaks, len(batch.epsilons)))
        rows = torch.full_like(below, row).to(batch.x.device)
        way = towards(batch, smallest.x_adv[rows], rows, below)
        last = smallest.x_adv[[row]] if breaks < len(batch.epsilons) else way[:0]
        pixels = (torch.cat([batch.x[[row]], way, last]) * 255).round().byte()
        exact = batch.oracle.logits(torch.cat([batch.x[[row]], way, last])).argmax(1).tolist()
        saved = batch.oracle.logits(pixels.float() / 255).argmax(1).tolist()
        shift = len(self._epsilons) - len(batch.epsilons)  # 1 where the grid begins with 0
        names = [f"{index}_{place + shift}.png" for place in range(-1, len(pixels) - 1)]
        pictures = pixels.permute(0, 2, 3, 1).cpu().numpy()
        for name, picture in zip(names, pictures, strict=True):
            write_bytes(self._folder / name, encode_png(picture))
        self._written += names
        entries = []
        for place, epsilon in enumerate((0.0, *batch.epsilons)):
            at = min(place, len(pixels) - 1)
            entry: Entry = {"file": names[at], "index": index, "epsilon": epsilon}
            entries.append(entry | {"prediction": exact[at], "saved_prediction": saved[at]})
        return entries

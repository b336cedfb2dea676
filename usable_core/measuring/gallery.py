"""Pictures of attacked examples, kept for the eye: PNG files of a few that break at each budget."""

import json
from collections import Counter
from pathlib import Path

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
    classified again; `gallery/gallery.json` says both answers.
    """

    def __init__(self, folder: Path | None, limit: int, epsilons: tuple[float, ...]) -> None:
        self._folder = folder / GALLERY if folder is not None and limit > 0 else None
        self._limit = limit
        self._epsilons = epsilons
        listing = None if self._folder is None else self._folder / "gallery.json"
        self._entries: list[Entry] = []
        self._kept: Counter[int] = Counter()
        if listing is not None and listing.is_file():
            stored = json.loads(listing.read_text(encoding="utf-8"))
            self._entries = stored["entries"]
            self._kept.update({int(level): n for level, n in stored["kept"].items()})

    def save(self, batch: AttackedBatch, smallest: SmallestEpsilons, indices: Tensor) -> None:
        """Write examples (N,) of a batch until there are enough of their smallest epsilon."""
        if self._folder is None:
            return
        saved = {entry["index"] for entry in self._entries}  # of a part that is done again
        for row, index in enumerate(smallest.index.tolist()):
            if self._kept[index] < self._limit and int(indices[row]) not in saved:
                self._kept[index] += 1
                self._save_one(batch, smallest, row, int(indices[row]))
        write_json(self._folder / "gallery.json", {"entries": self._entries, "kept": self._kept})

    def _save_one(
        self, batch: AttackedBatch, smallest: SmallestEpsilons, row: int, index: int
    ) -> None:
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
        for place, epsilon in enumerate((0.0, *batch.epsilons)):
            at = min(place, len(pixels) - 1)
            entry: Entry = {"file": names[at], "index": index, "epsilon": epsilon}
            self._entries.append(entry | {"prediction": exact[at], "saved_prediction": saved[at]})

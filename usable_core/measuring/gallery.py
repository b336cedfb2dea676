"""Pictures of attacked examples, kept for the eye: PNG files of the first few that were right."""

import json
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from usable_core.attacks.sweep import Level
from usable_core.images import encode_png


class Gallery:
    """Files `gallery/{index}_{k}.png`, k the place of epsilon in the grid, and what they are.

    A PNG rounds to grey levels, which undoes small perturbations, so each saved picture is
    classified again; `gallery/gallery.json` says both answers.
    """

    def __init__(self, folder: Path | None, limit: int) -> None:
        self._folder = folder / "gallery" if folder is not None and limit > 0 else None
        self._limit = limit
        self._chosen: list[int] = []
        self._entries: list[dict[str, float | int | str]] = []

    def choose(self, indices: Tensor, is_right: Tensor) -> None:
        """Add examples that were right when clean, until there are enough."""
        right = indices[is_right.cpu()].tolist()
        self._chosen += right[: max(self._limit - len(self._chosen), 0)]

    def save(
        self, k: int, level: Level, indices: Tensor, classify: Callable[[Tensor], Tensor]
    ) -> None:
        """Write the chosen ones among the examples at `indices` as they are at this budget."""
        places = [p for p, index in enumerate(indices.tolist()) if index in self._chosen]
        if self._folder is None or not places:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        pixels = (level.x_adv[places] * 255).round().byte()
        answers = classify(pixels.float() / 255)
        pictures = pixels.permute(0, 2, 3, 1).cpu().numpy()
        for place, picture, answer in zip(places, pictures, answers.tolist(), strict=True):
            name = f"{int(indices[place])}_{k}.png"
            (self._folder / name).write_bytes(encode_png(picture))
            self._entries.append(
                {
                    "file": name,
                    "index": int(indices[place]),
                    "epsilon": level.epsilon,
                    "prediction": int(level.prediction[place]),
                    "saved_prediction": int(answer),
                }
            )
        (self._folder / "gallery.json").write_text(json.dumps(self._entries))

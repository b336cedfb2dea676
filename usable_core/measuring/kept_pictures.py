"""Pictures of the answers that were wrong, kept for the eye: the surest errors of every kind."""

from pathlib import Path

import numpy as np
import pandas as pd

from usable_core.evaluations.accuracy import WRONG_FOLDER
from usable_core.files import write_bytes
from usable_core.images import encode_png
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.measuring.examples import Examples

MOST = 200  # pictures: some 20 MB at 224 x 224, some 0.5 MB at 32 x 32


def keep_wrong(
    examples: Examples, preprocessing: Preprocessing, records: pd.DataFrame, folder: Path
) -> None:
    """Write `wrong/{index}.png`, as the model saw it, of the errors that `surest_errors` chooses.

    Raises:
        ImageRefused: a picture cannot be decoded any more.
        StorageError: the disk is full.
    """
    for index in surest_errors(records)["index"]:
        pixels = preprocessing.pixels(examples.dataset[int(index)][0])  # (3, H, W)
        picture = pixels.permute(1, 2, 0).cpu().numpy()
        write_bytes(folder / WRONG_FOLDER / f"{index}.png", encode_png(picture))


def surest_errors(records: pd.DataFrame, most: int = MOST) -> pd.DataFrame:
    """Return the rows of wrong answers, at most so many: of each pair of classes the surest first.

    So that whichever cell of the confusion matrix is looked at has pictures.
    """
    wrong = records[records["label"] != records["prediction"]]
    wrong = wrong.sort_values("confidence", ascending=False, kind="stable")
    place = wrong.groupby(["label", "prediction"]).cumcount()
    return wrong.iloc[np.argsort(place.to_numpy(), kind="stable")].head(most)

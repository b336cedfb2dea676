"""What a caller gives to a model, pictures or tensors, to what the model takes."""

import numpy as np
import torch
from torch import Tensor

from usable_core.errors import ImageRefused
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.models.model import check_pixels
from usable_core.pictures import picture_of


def pixels_of(images: object, preprocessing: Preprocessing) -> Tensor:
    """Return images (N, 3, H, W) float32 in [0, 1], of the size that the model takes.

    Args:
        images: One picture as `pictures.picture_of` reads it, which is resized and cropped; a
            tensor (3, H, W) or (N, 3, H, W) in [0, 1], which is taken as it is; or several of
            those, in a list or an array (N, H, W, 3).
        preprocessing: Of the model.

    Raises:
        ImageRefused: it is nothing of these, or a tensor of another size.
    """
    if isinstance(images, Tensor):
        return _as_it_is(images, preprocessing.crop)
    if isinstance(images, (list, tuple)) or (isinstance(images, np.ndarray) and images.ndim == 4):
        parts = [pixels_of(one, preprocessing) for one in images]
        return torch.cat([torch.zeros(0, 3, *preprocessing.crop), *parts])
    return preprocessing.geometry(picture_of(images))[None]


def _as_it_is(x: Tensor, crop: tuple[int, int]) -> Tensor:
    x = check_pixels((x[None] if x.ndim == 3 else x).detach().cpu())
    if x.shape[2:] != crop:
        raise ImageRefused(
            f"A tensor is what the model sees, {crop[0]} × {crop[1]} pixels, but this one has "
            f"{x.shape[2]} × {x.shape[3]}. Give a PIL image or an array (H, W, 3), which is "
            "resized and cropped."
        )
    return x.float()

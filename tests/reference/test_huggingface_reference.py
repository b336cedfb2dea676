"""Real weights through `hf/`, in a folder of timm's, beside timm alone: equal on each picture."""

import json

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_model_data_config

import usable_core as usable
from usable_core.catalog.imagenet import weights
from usable_core.errors import UsableError

pytestmark = pytest.mark.reference
NAME = "tf_efficientnet_lite0"


@pytest.fixture
def folder(tmp_path):
    """A folder of transformers' `timm_wrapper` with the weights of the installed package."""
    try:
        weights("efficientnet_lite0")
    except UsableError as error:
        pytest.skip(str(error))
    network = timm.create_model(NAME)
    network.load_state_dict(usable.load_model("imagenet/efficientnet_lite0").network.state_dict())
    said = {"model_type": "timm_wrapper", "architecture": NAME, "num_classes": 1000}
    config = network.pretrained_cfg
    said["pretrained_cfg"] = {
        key: config[key]
        for key in ("input_size", "interpolation", "crop_pct", "mean", "std", "num_classes")
    }
    (tmp_path / "config.json").write_text(json.dumps(said))

    save_file(network.state_dict(), tmp_path / "model.safetensors")
    return tmp_path, network.eval()


def test_real_weights_answer_as_timm_alone_does_on_every_picture(folder):
    path, network = folder
    model = usable.load_model(f"hf/{path}")
    transform = create_transform(**resolve_model_data_config(network), is_training=False)
    data = usable.load_dataset("photographs")
    sizes = [(640, 480), (333, 501), (225, 224), (100, 90)]
    noise = [
        np.random.default_rng(k).integers(0, 256, (h, w, 3), np.uint8)
        for k, (w, h) in enumerate(sizes)
    ]
    pictures = [*(data.open(k) for k in range(len(data))), *map(Image.fromarray, noise)]

    for picture in pictures:
        with torch.no_grad():
            due = network(transform(picture.convert("RGB"))[None])
            found = model(model.preprocessing.geometry(picture)[None])
        assert found.argmax() == due.argmax()
        torch.testing.assert_close(found, due, atol=1e-5, rtol=1e-5)

"""Networks and images that the attack benchmarks share; trained here, or public weights."""

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from usable_core.inputs.preprocessing import Preprocessing
from usable_core.labels import LabelSpace
from usable_core.models.model import Model
from usable_core.training.adversarial import perturb

EPOCHS, BATCH, RATE = 10, 64, 0.2
BUDGET = 16 / 255  # of adversarial training
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the public CIFAR weights
CIFAR = Path(os.environ.get("USABLE_BENCHMARK_CIFAR", "../shared/data/cifar10"))


@dataclass(frozen=True)
class Scene:
    """A model and images (N, 3, 32, 32) that it is right about, with their classes (N,)."""

    title: str
    model: Model
    x: Tensor
    y: Tensor

    def first(self, count: int) -> "Scene":
        """Return the scene with its first images only."""
        return Scene(self.title, self.model, self.x[:count].contiguous(), self.y[:count])


class Block(nn.Module):
    """Two convolutions around a shortcut without parameters."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.added = stride, (outputs - inputs) // 2

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = F.pad(
            x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.added, self.added)
        )
        return F.relu(y + shortcut)


class CifarResNet(nn.Module):
    """The residual network of He et al. 2016 for 32 x 32 images: 6 · blocks + 2 layers."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.layer1 = self._stage(16, 16, 1, blocks)
        self.layer2 = self._stage(16, 32, 2, blocks)
        self.layer3 = self._stage(32, 64, 2, blocks)
        self.linear = nn.Linear(64, 10)

    def _stage(self, inputs: int, outputs: int, stride: int, blocks: int) -> nn.Sequential:
        later = [Block(outputs, outputs, 1) for _ in range(blocks - 1)]
        return nn.Sequential(Block(inputs, outputs, stride), *later)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


def digits(*, adversarial: bool, epochs: int) -> Scene:
    """Return real digits at 32 x 32 and a ResNet-8 trained on 1,297 of them in a minute."""
    from sklearn.datasets import load_digits

    found = load_digits()
    x = torch.tensor(found.images, dtype=torch.float32)[:, None] / 16
    x = F.interpolate(x, size=32, mode="bilinear", align_corners=False)
    x, y = x.clamp(0, 1).repeat(1, 3, 1, 1), torch.tensor(found.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    train, test = order[:1297], order[1297:]
    preprocessing = Preprocessing(None, (32, 32), mean=(0.0,) * 3, std=(1.0,) * 3)
    torch.manual_seed(1)
    network = CifarResNet(1)
    optimizer = torch.optim.SGD(
        network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    steps = epochs * -(-len(train) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for _ in range(epochs):
        for rows in train[torch.randperm(len(train))].split(BATCH):
            images = x[rows]
            if adversarial:
                images = perturb(network, preprocessing, images, y[rows], BUDGET)
            optimizer.zero_grad()
            F.cross_entropy(network(images), y[rows]).backward()
            optimizer.step()
            schedule.step()
    model = Model("digits", network, preprocessing, LabelSpace.unnamed(10))
    title = "digits, adversarially trained" if adversarial else "digits, standard"
    return _right(title, model, x[test], y[test])


def cifar() -> Scene:
    """Return CIFAR-10 test images and the public ResNet-20, where the files are at hand."""
    import pandas as pd
    from PIL import Image
    from safetensors.torch import load_file
    from torchvision.transforms.v2.functional import pil_to_tensor

    network = CifarResNet(3)
    state = load_file(CIFAR / "resnet20.safetensors")
    network.load_state_dict({k.removeprefix("module."): v for k, v in state.items()})
    preprocessing = Preprocessing(None, (32, 32), mean=MEAN, std=STD)
    model = Model("resnet20", network, preprocessing, LabelSpace.unnamed(10))
    table = pd.read_parquet(CIFAR / "dev.parquet").head(400)
    pictures = [Image.open(io.BytesIO(image["bytes"])).convert("RGB") for image in table["image"]]
    x = torch.stack([pil_to_tensor(picture) for picture in pictures]).float() / 255
    return _right("CIFAR-10, public ResNet-20", model, x, torch.tensor(table["label"].tolist()))


def scenes(names: Sequence[str], epochs: int) -> dict[str, Scene]:
    """Return those scenes among `names` whose files are at hand."""
    is_here = (CIFAR / "resnet20.safetensors").is_file()
    return {name: SCENES[name](epochs) for name in names if name != "cifar" or is_here}


SCENES: dict[str, Callable[[int], Scene]] = {
    "standard": lambda epochs: digits(adversarial=False, epochs=epochs),
    "robust": lambda epochs: digits(adversarial=True, epochs=epochs),
    "cifar": lambda epochs: cifar(),
}


def _right(title: str, model: Model, x: Tensor, y: Tensor) -> Scene:
    model.network.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        is_right = torch.cat([model(part).argmax(1) for part in x.split(100)]) == y
    return Scene(title, model, x[is_right].contiguous(), y[is_right])

"""Exported programs: any batch within their own bounds, and the logits among what they return."""

import pytest
import torch
from torch import nn
from torch.export import Dim, export, save

from usable_core.errors import CheckpointError, ConfigError
from usable_core.models import load_model


class Colours(nn.Module):
    """Logits are ten times the mean of each channel."""

    def forward(self, x):
        return 10 * x.mean((2, 3))


class Returning(nn.Module):
    """What `form` makes of logits (N, 3), features (N, 12) and the pixels."""

    def __init__(self, form):
        super().__init__()
        self.form = form

    def forward(self, x):
        return self.form(10 * x.mean((2, 3)), x[:, :, :2, :2].flatten(1), x)


def loaded(folder, network, batch=None, examples=2, mode=False):
    """The program of a network, from its file."""
    path = folder / "program.pt2"
    batch = Dim("n") if batch is None else batch
    x = torch.rand(examples, 3, 8, 8)
    program = export(network.train(mode), (x,), dynamic_shapes=({0: batch} if batch else None,))
    save(program, path)
    return load_model(f"file/{path}", trust=True)


@pytest.mark.parametrize(
    ("batch", "examples"),
    [
        (Dim("n", min=1, max=3), 2),
        (Dim("n", min=4, max=6), 4),
        (Dim("n", min=4), 4),
        (False, 1),
        (False, 4),
        (Dim.AUTO, 2),
    ],
    ids=["1 to 3", "4 to 6", "4 and more", "1 alone", "4 alone", "torch's own"],
)
def test_a_program_answers_any_number_of_pictures(tmp_path, batch, examples):
    model = loaded(tmp_path, Colours(), batch, examples)

    for count in (1, 2, 5, 13):
        x = torch.rand(count, 3, 8, 8, requires_grad=True)
        logits = model(x)
        logits[:, 0].sum().backward()
        torch.testing.assert_close(logits, 10 * x.mean((2, 3)))
        assert x.grad[:, 0].allclose(torch.full((count, 8, 8), 10 / 64))
    assert model.warnings == ()


@pytest.mark.parametrize(
    "form",
    [
        lambda logits, features, x: {"logits": logits, "features": features},
        lambda logits, features, x: {"embedding": features, "pred": logits},
        lambda logits, features, x: (logits,),
        lambda logits, features, x: {"heads": [{"out": logits}], "maps": x},
        lambda logits, features, x: (logits, x, logits.sum()),
        lambda logits, features, x: logits[:, :, None, None],
        lambda logits, features, x: (logits.argmax(1), logits),
    ],
    ids=["dict", "pred", "one", "nested", "only table", "1 x 1 map", "classes beside"],
)
def test_the_logits_are_found_among_what_a_program_returns(tmp_path, form):
    model = loaded(tmp_path, Returning(form))
    x = torch.rand(5, 3, 8, 8)

    torch.testing.assert_close(model(x), 10 * x.mean((2, 3)))
    assert len(model.labels) == 3


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (lambda logits, features, x: (features, logits), r"0 \(N, 12\), 1 \(N, 3\).*'logits'"),
        (lambda logits, features, x: {"a": features, "b": logits}, r"a \(N, 12\), b \(N, 3\)"),
        (lambda logits, features, x: {"out": x}, r"map per pixel \(N, 3, 8, 8\).*segmentation"),
        (lambda logits, features, x: x[:, :2], r"map per pixel \(N, 2, 8, 8\)"),
        (lambda logits, features, x: logits.argmax(1), r"returns \(N\): none has"),
        (lambda logits, features, x: logits.sum(), r"returns \(\): none has"),
    ],
    ids=["tuple", "dict", "segmentation", "map", "classes", "loss"],
)
def test_what_came_instead_of_logits_is_said(tmp_path, form, said):
    with pytest.raises(CheckpointError, match=said):
        loaded(tmp_path, Returning(form))


@pytest.mark.parametrize("shape", [(-1, 1), (-1,)], ids=["column", "flat"])
def test_one_logit_counts_as_two(tmp_path, shape):
    model = loaded(tmp_path, Returning(lambda logits, f, x: (logits[:, 1] - 5).reshape(shape)))
    x = torch.rand(4, 3, 8, 8)
    z = 10 * x.mean((2, 3))[:, 1] - 5

    torch.testing.assert_close(model(x), torch.stack([torch.zeros(4), z], 1))
    torch.testing.assert_close(model(x).softmax(1)[:, 1], z.sigmoid())
    assert (len(model.labels), model.labels.is_named) == (2, False)
    assert model.examination.has_one_logit


def test_a_sigmoid_at_the_end_of_one_logit_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="Leave the last sigmoid out"):
        loaded(tmp_path, Returning(lambda logits, f, x: (logits[:, :1] - 5).sigmoid()))


def test_a_program_that_normalises_by_its_batch_is_told(tmp_path):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 3))

    model = loaded(tmp_path, network, mode=True)

    assert "batch" in model.warnings[0]
    assert model.examination.company > 0.01
    assert not model.examination.chance


def test_dropout_that_was_left_on_is_told(tmp_path):
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(192, 3))

    model = loaded(tmp_path, network, mode=True)

    assert "random" in model.warnings[0]
    assert model.examination.chance > 0.01


def test_bounds_and_outputs_make_another_fingerprint(tmp_path):
    batches = (Dim("n"), Dim("n", max=4), Dim("n", max=5), Dim("n", max=5))

    found = [loaded(tmp_path, Colours(), batch).fingerprint for batch in batches]

    assert len(set(found)) == 3

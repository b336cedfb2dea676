"""`usable.wrap`: any function that answers pictures, measured by its answers alone."""

import numpy as np
import pytest
import torch

import usable_core as usable
from usable_core.errors import ConfigError, NoGradients

TEN = list("0123456789")


@pytest.fixture(scope="module")
def twin():
    return usable.load_model("bundled/vgg_digits")


@pytest.fixture(scope="module")
def answer(twin):
    """The twin as a service would be: arrays in, arrays out."""

    def served(images):
        assert isinstance(images, np.ndarray)
        assert images.dtype == np.float32
        with torch.no_grad():
            return twin(torch.from_numpy(images)).softmax(1).numpy().tolist()

    return served


def test_a_function_is_measured_attacked_and_explained_as_its_twin(answer, twin):
    data = usable.load_dataset("digits").take(range(30))
    model = usable.wrap(answer, labels=TEN, input_size=32, outputs="probabilities")

    one, other = (usable.evaluate_accuracy(m, data) for m in (model, twin))

    assert model.name == "served"
    assert one.records["prediction"].tolist() == other.records["prediction"].tolist()
    np.testing.assert_allclose(one.records["confidence"], other.records["confidence"], atol=1e-5)
    asked = {"attack": "square", "steps": 20, "epsilons": (8 / 255,), "walked": 2}
    one, other = (usable.evaluate_robustness(m, data, **asked) for m in (model, twin))
    assert one.records["prediction"].tolist() == other.records["prediction"].tolist()
    verdicts = {check.name: check.verdict for check in one.checks}
    blind = {"gradient", "loss_rises", "iterative"}
    assert {name for name in blind if verdicts[name] != "not run"} == set()
    assert verdicts["epsilon_zero"] == verdicts["deterministic"] == "green"
    assert verdicts.keys() == {check.name for check in other.checks}
    picture = usable.load_dataset("digits").open(0)
    found = usable.explain(
        model, picture, method="lime", target=0, options=usable.ExplainerOptions(64)
    )
    assert np.isfinite(found.values).all()
    with pytest.raises(NoGradients, match="served, a function, has none"):
        usable.evaluate_robustness(model, data, attack="pgd")


def test_logits_are_taken_as_they_are_and_each_wrapping_is_another_model():
    def means(images):
        return images.mean((2, 3)) - 0.5

    first, second = (usable.wrap(means, labels=["r", "g", "b"], input_size=(4, 6)) for _ in "ab")

    x = torch.rand(3, 3, 4, 6)
    torch.testing.assert_close(first(x), x.mean((2, 3)) - 0.5)
    assert first.input_size == (4, 6)
    assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"function": 3}, "must be a function"),
        ({"function": torch.nn.Identity()}, "usable.wrap_model"),
        ({"function": lambda x: x}, "must give logits of shape"),
        ({"function": lambda x: x.sum((2, 3)), "labels": ["a", "b"]}, "each of the 3 logits"),
        ({"function": lambda x: x.sum((2, 3)), "outputs": "probabilities"}, "no probabilities"),
        ({"function": lambda x: x.sum((2, 3)), "outputs": "scores"}, "logits or probabilities"),
        ({"function": lambda x: {}["a"]}, "failed on images of shape .*KeyError"),
        ({"function": lambda x: x.sum((2, 3))[:-1]}, r"of shape \(2, classes\) for 2 images"),
        ({"function": lambda x: {"logits": x}}, "returns the type dict"),
        ({"function": lambda x: (x.sum((2, 3)), None)}, "returns the type tuple"),
        ({"function": lambda x: x.sum((2, 3)) + 1j}, "complex numbers"),
    ],
)
def test_what_does_not_answer_pictures_is_refused(given, sentence):
    with pytest.raises(ConfigError, match=sentence):
        usable.wrap(**{"labels": ["r", "g", "b"], "input_size": 4, **given})


def test_an_answer_to_one_picture_may_be_squeezed():
    model = usable.wrap(lambda x: x.mean((2, 3)).squeeze(), labels=["r", "g", "b"], input_size=4)
    x = torch.rand(1, 3, 4, 4)

    torch.testing.assert_close(model(x), x.mean((2, 3)))


@pytest.mark.parametrize("wrong", [lambda y: y[:2], lambda y: y[:, :2]])
def test_a_function_that_answers_otherwise_later_is_told(wrong):
    def answer(images):
        found = images.mean((2, 3))
        return found if len(found) < 3 else wrong(found)

    model = usable.wrap(answer, labels=["r", "g", "b"], input_size=4)

    with pytest.raises(ConfigError, match=r"answer must give logits of shape \(5, 3\)"):
        model(torch.rand(5, 3, 4, 4))


def test_a_function_gets_arrays_in_the_usual_order_of_memory():
    from usable_core.asking.oracle import Oracle

    seen = []

    def answer(images):
        seen.append(images.flags["C_CONTIGUOUS"])
        return images.mean((2, 3))

    model = usable.wrap(answer, labels=["r", "g", "b"], input_size=4)
    seen.clear()
    Oracle(model).logits(torch.rand(5, 3, 4, 4))
    usable.evaluate_accuracy(model, (torch.rand(6, 3, 4, 4), torch.tensor([0, 1, 2] * 2)))

    assert len(seen) > 1
    assert all(seen)

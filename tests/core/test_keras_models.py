"""Keras models on torch: their own answers as logits, what they refuse, what they can do."""

import copy
from importlib.util import find_spec

import numpy as np
import pytest
import torch

import usable_core as usable
from usable_core.errors import CheckpointError, UnknownName

h5py = pytest.importorskip("h5py", reason="the extra keras is not installed")
if find_spec("keras") is None:  # importing it alone would look for TensorFlow
    pytest.skip("the extra keras is not installed", allow_module_level=True)

from usable_core.models.sources.keras_models import Prepared  # noqa: E402
from usable_core.models.sources.keras_network import keras_of_torch  # noqa: E402

keras = keras_of_torch()
layers = keras.layers
SMALL = {"num_classes": "10", "input_size": "32", "alpha": "0.35"}
PIXELS = {"mean": "0", "std": "1"}


def classifier(*end, classes=10, start=(), name="ours"):
    """A small network of Keras with weights that mean nothing and running statistics."""
    keras.utils.set_random_seed(0)
    middle = [
        layers.Conv2D(6, 3, strides=2, padding="same"),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dropout(0.5),
    ]
    ends = end or (layers.Dense(classes, activation="softmax"),)
    model = keras.Sequential([keras.Input((16, 20, 3)), *start, *middle, *ends], name=name)
    generator = np.random.default_rng(0)
    model.set_weights([np.abs(generator.normal(0.5, 0.3, w.shape)) for w in model.get_weights()])
    return model


def saved(model, path):
    model.save(path)
    return f"keras/{path}"


def own_answers(model, x):
    """What Keras says of pictures (N, 3, H, W)."""
    with torch.no_grad():
        return torch.as_tensor(model.predict(x.permute(0, 2, 3, 1).numpy(), verbose=0))


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("end", "again"),
    [
        (lambda: [layers.Dense(10, activation="softmax")], lambda z: z.softmax(1)),
        (lambda: [layers.Dense(10), layers.Softmax()], lambda z: z.softmax(1)),
        (lambda: [layers.Dense(10), layers.Activation("softmax")], lambda z: z.softmax(1)),
        (lambda: [layers.Dense(10)], lambda z: z),
        (lambda: [layers.Dense(10, use_bias=False)], lambda z: z),
        (lambda: [layers.Dense(1, activation="sigmoid")], lambda z: z.softmax(1)[:, 1:]),
    ],
    ids=["softmax", "layer", "activation", "logits", "no bias", "one sigmoid"],
)
def test_logits_are_what_its_answers_are_made_of(tmp_path, end, again, ending):
    made = classifier(*end())
    reference = saved(made, tmp_path / f"a{ending}")

    model = usable.load_model(reference, preprocessing=PIXELS)

    x = torch.rand(5, 3, 16, 20, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(again(model(x)), own_answers(made, x), atol=1e-5, rtol=1e-4)
    assert model.examination.outputs == "logits"
    assert model.input_size == (16, 20)


def test_its_parameters_are_those_that_are_learned(tmp_path):
    made = classifier()
    model = usable.load_model(saved(made, tmp_path / "a.keras"))

    learned = sum(int(np.prod(w.shape)) for w in made.trainable_weights)
    assert model.parameter_count == learned
    assert sum(int(np.prod(w.shape)) for w in made.weights) == learned + 12


def test_a_copy_has_weights_of_its_own(tmp_path):
    model = usable.load_model(saved(classifier(), tmp_path / "a.keras"))
    x = torch.rand(2, 3, 16, 20)
    before = model(x)

    other = copy.deepcopy(model.network)
    torch.testing.assert_close(other(x), model.network(x))
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.5)

    assert not torch.allclose(other(x), model.network(x))
    torch.testing.assert_close(model(x), before)


def test_gradients_reach_the_pixels_and_attacks_maps_and_features_work(tmp_path):
    model = usable.load_model(saved(classifier(), tmp_path / "a.keras"), preprocessing=PIXELS)
    x = torch.rand(2, 3, 16, 20, dtype=torch.float64).float().requires_grad_()
    (found,) = torch.autograd.grad(model(x)[:, 3].sum(), x)
    step = torch.zeros_like(x)
    step[0, 1, 4, 5] = 1e-2
    with torch.no_grad():
        change = (model(x + step) - model(x - step))[0, 3] / 2e-2
    assert float(found[0, 1, 4, 5]) == pytest.approx(float(change), rel=0.05, abs=1e-4)

    assert model.features(x.detach()).shape == (2, 8)
    y = model(x.detach()).argmax(1).tolist()
    worse = usable.attack(model, x.detach(), y, epsilon=16 / 255, attack="pgd", steps=5)
    assert (worse - x.detach()).abs().max() > 1e-3
    picture = usable.load_dataset("digits").open(0)
    cam = usable.explain(model, picture, method="grad_cam", target=model.labels.names[0])
    assert cam.values.shape == (16, 20)


@pytest.mark.parametrize(
    ("name", "is_bgr", "pixel"),
    [
        ("ResNet50", True, (10 - 103.939, 20 - 116.779, 30 - 123.68)),
        ("VGG16", True, (10 - 103.939, 20 - 116.779, 30 - 123.68)),
        ("MobileNetV2", False, (30 / 127.5 - 1, 20 / 127.5 - 1, 10 / 127.5 - 1)),
        ("DenseNet121", False, ((30 / 255 - 0.485) / 0.229, (20 / 255 - 0.456) / 0.224, None)),
        ("EfficientNetB0", False, (30, 20, 10)),
    ],
)
def test_pixels_are_prepared_as_the_architecture_says(name, is_bgr, pixel):
    row = Prepared(getattr(keras.applications, name))
    rgb = np.array([30, 20, 10]) / 255

    found = (rgb - row.mean) / row.std

    assert row.is_bgr is is_bgr
    for due, one in zip(pixel, found[::-1] if is_bgr else found, strict=True):
        assert due is None or one == pytest.approx(due, abs=1e-4)


def test_blue_comes_first_where_the_model_takes_it_first(tmp_path):
    made = classifier(name="resnet50_ours")
    model = usable.load_model(saved(made, tmp_path / "a.keras"))
    x = torch.rand(3, 3, 16, 20)

    prepared = keras.applications.resnet.preprocess_input(255 * x.permute(0, 2, 3, 1).numpy())
    due = torch.as_tensor(made.predict(prepared, verbose=0))

    torch.testing.assert_close(model(x).softmax(1), due, atol=1e-4, rtol=1e-3)
    assert "mean, std as in ResNet50" in " ".join(model.warnings)


def test_a_model_that_rescales_by_itself_takes_bytes(tmp_path):
    made = classifier(start=(layers.Rescaling(1 / 127.5, offset=-1),))
    model = usable.load_model(saved(made, tmp_path / "a.keras"))
    x = torch.rand(3, 3, 16, 20)

    torch.testing.assert_close(
        model(x).softmax(1), own_answers(made, 255 * x), atol=1e-5, rtol=1e-4
    )
    assert "mean" not in " ".join(model.warnings)


def augmented(x):
    return layers.Rescaling(1 / 255)(keras.Sequential([layers.RandomFlip()])(x))


@pytest.mark.parametrize(
    ("begin", "pixels"),
    [
        (layers.Rescaling(1 / 255), lambda p: 255 * p),
        (layers.Rescaling(2.0, offset=-1), lambda p: p),
        (layers.Rescaling(255.0), lambda p: p),
        (layers.Rescaling(0.5, offset=0.5), lambda p: 2 * p - 1),
        (layers.Normalization(mean=[0.5] * 3, variance=[0.05] * 3), lambda p: p),
        (layers.Normalization(mean=[120.0] * 3, variance=[3300.0] * 3), lambda p: 255 * p),
        (augmented, lambda p: 255 * p),
        (lambda x: keras.Sequential([layers.Rescaling(1 / 255)])(x), lambda p: 255 * p),
        (keras.applications.mobilenet_v2.preprocess_input, lambda p: 255 * p),
        (keras.applications.resnet.preprocess_input, lambda p: 255 * p),
    ],
    ids=["/255", "2x-1", "x255", "(+1)/2", "unit", "bytes", "augmented", "in", "ops", "bgr"],
)
def test_a_model_that_prepares_pictures_gets_the_range_that_it_takes(tmp_path, begin, pixels):
    pictures = keras.Input((16, 20, 3))
    found = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3)(begin(pictures)))
    made = keras.Model(pictures, layers.Dense(4, activation="softmax")(found), name="ours")
    model = usable.load_model(saved(made, tmp_path / "a.keras"))
    x = torch.rand(3, 3, 16, 20)

    due = own_answers(made, pixels(x))
    torch.testing.assert_close(model(x).softmax(1), due, atol=1e-5, rtol=1e-3)
    assert "mean" not in " ".join(model.warnings)


def test_a_model_around_a_known_one_is_prepared_as_that(tmp_path):
    inner = classifier(layers.Dense(6), name="resnet50")
    outer = keras.Sequential([keras.Input((16, 20, 3)), inner, layers.Dense(4)], name="mine")
    model = usable.load_model(saved(outer, tmp_path / "a.keras"))

    assert "mean, std as in ResNet50" in " ".join(model.warnings)


def test_a_sigmoid_for_each_class_is_told_and_other_ends_stay(tmp_path):
    several = classifier(layers.Dense(10, activation="sigmoid"))
    model = usable.load_model(saved(several, tmp_path / "a.keras"))
    assert "a sigmoid of its own" in " ".join(model.warnings)

    made = classifier(layers.Dense(10, activation="log_softmax"))
    model = usable.load_model(saved(made, tmp_path / "b.keras"), preprocessing=PIXELS)
    x = torch.rand(3, 3, 16, 20)
    torch.testing.assert_close(model(x), own_answers(made, x), atol=1e-5, rtol=1e-4)


def test_an_architecture_takes_weights_is_tuned_and_loaded_again(tmp_path):
    keras.utils.set_random_seed(1)
    made = keras.applications.MobileNetV2(
        weights=None, input_shape=(32, 32, 3), classes=10, alpha=0.35
    )
    made.save_weights(tmp_path / "a.weights.h5")
    model = usable.load_model(
        "keras/MobileNetV2", weights=tmp_path / "a.weights.h5", arch_options=SMALL
    )
    x = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(
        model(x).softmax(1), own_answers(made, 2 * x - 1), atol=1e-5, rtol=1e-4
    )

    data = usable.load_dataset("digits").take(range(60))
    tuned = usable.fine_tune(
        model, data, tmp_path / "tuned", schedule=usable.Schedule(epochs=1, batch_size=30)
    )
    again = usable.load_model(tmp_path / "tuned")

    assert tuned is not None
    assert len(again.labels) == 10
    assert again(x).shape == (2, 10)
    statistics = [v for v in again.network.body.variables if "moving" in v.path]
    starts = [v for v in model.network.body.variables if "moving" in v.path]
    for one, other in zip(statistics, starts, strict=True):  # frozen: Keras answers as it infers
        torch.testing.assert_close(one.value, other.value)


def test_names_options_and_files_that_do_not_fit_are_told(tmp_path):
    made = classifier()
    made.save_weights(tmp_path / "a.weights.h5")
    weights = tmp_path / "a.weights.h5"
    with pytest.raises(UnknownName, match="MobileNetV2"):
        usable.load_model("keras/MobilNetV2")
    with pytest.raises(UnknownName, match="num_classes"):
        usable.load_model("keras/MobileNetV2", weights=weights, arch_options={"classes": "3"})
    with pytest.raises(CheckpointError, match=r"cannot be built with a\.weights\.h5"):
        usable.load_model("keras/MobileNetV2", weights=weights, arch_options=SMALL)
    with pytest.raises(CheckpointError, match="holds weights alone"):
        usable.load_model(f"keras/{weights}")
    with pytest.raises(CheckpointError, match="no file is there"):
        usable.load_model(f"keras/{tmp_path / 'gone.keras'}")
    whole = saved(made, tmp_path / "a.keras")
    with pytest.raises(CheckpointError, match="leave --weights"):
        usable.load_model(whole, weights=weights)
    two = keras.Model(made.inputs[0], [made.outputs[0], made.layers[-2].output])
    with pytest.raises(CheckpointError, match="one number for each class"):
        usable.load_model(saved(two, tmp_path / "two.keras"))


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_model_as_its_training_left_it_is_loaded_without_what_trained_it(tmp_path, ending):
    made = classifier()
    loss = keras.losses.SparseCategoricalCrossentropy()
    made.compile(keras.optimizers.Adam(), loss, metrics=[keras.metrics.SparseCategoricalAccuracy()])
    made.fit(np.zeros((4, 16, 20, 3)), np.zeros(4), verbose=0)
    model = usable.load_model(saved(made, tmp_path / f"a{ending}"), preprocessing=PIXELS)
    x = torch.rand(3, 3, 16, 20)

    torch.testing.assert_close(model(x).softmax(1), own_answers(made, x), atol=1e-5, rtol=1e-4)


def test_a_trained_model_in_a_model_is_loaded_too(tmp_path):
    inner = keras.Sequential([keras.Input((16, 20, 3)), layers.Conv2D(4, 3)])
    inner.compile("adam", "mse")
    ends = [layers.GlobalAveragePooling2D(), layers.Dense(3)]
    made = keras.Sequential([keras.Input((16, 20, 3)), inner, *ends])
    model = usable.load_model(saved(made, tmp_path / "a.keras"), preprocessing=PIXELS)
    x = torch.rand(3, 3, 16, 20)

    torch.testing.assert_close(model(x), own_answers(made, x), atol=1e-5, rtol=1e-4)
    assert "float32" not in " ".join(model.warnings)


@pytest.fixture
def policy():
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("kind", "ending"),
    [
        *((kind, ".keras") for kind in ("mixed_bfloat16", "float16", "bfloat16")),
        *((kind, ending) for kind in ("mixed_float16", "float64") for ending in (".keras", ".h5")),
    ],
)
def test_a_model_of_another_precision_computes_in_float32_and_says_so(
    tmp_path, policy, kind, ending
):
    policy(kind)
    made = classifier()
    x = torch.rand(4, 3, 16, 20, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        due = made(x.permute(0, 2, 3, 1), training=False).float()
    reference = saved(made, tmp_path / f"a{ending}")
    policy("float32")

    model = usable.load_model(reference, preprocessing=PIXELS)

    assert {p.dtype for p in model.network.parameters()} == {torch.float32}
    torch.testing.assert_close(model(x).softmax(1), due, atol=2e-2, rtol=0)
    assert f"set to {kind}; here they compute with float32" in " ".join(model.warnings)


def test_a_model_of_bytes_has_gradients(tmp_path):
    pictures = keras.Input((16, 20, 3), dtype="uint8")
    scaled = layers.Rescaling(1 / 255)(pictures)
    found = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3)(scaled))
    made = keras.Model(pictures, layers.Dense(4)(found))
    model = usable.load_model(saved(made, tmp_path / "a.keras"))
    bytes_ = torch.randint(0, 256, (3, 3, 16, 20))
    x = (bytes_ / 255).requires_grad_()

    (gradient,) = torch.autograd.grad(model(x).sum(), x)

    torch.testing.assert_close(model(x.detach()), own_answers(made, bytes_), atol=1e-5, rtol=1e-4)
    assert float(gradient.abs().max()) > 0
    assert "mean" not in " ".join(model.warnings)


def test_a_model_of_grey_pictures_sees_their_luma(tmp_path):
    pictures = keras.Input((16, 20, 1))
    found = layers.Dense(4)(layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3)(pictures)))
    made = keras.Model(pictures, found)
    model = usable.load_model(saved(made, tmp_path / "a.keras"), preprocessing=PIXELS)
    x = torch.rand(3, 3, 16, 20)

    grey = (x * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    torch.testing.assert_close(model(x), own_answers(made, grey), atol=1e-5, rtol=1e-4)

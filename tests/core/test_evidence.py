"""Faithfulness and sanity: known areas, what chance gives, and what must be flagged."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from explained import explained, instance_of
from torch import nn
from toy_models import digits_model, images, linear_model, model_of

from usable_core.asking.oracle import Oracle
from usable_core.catalog import explainers as catalog
from usable_core.catalog.explainers import ExplainerRow
from usable_core.evaluations.evidence import Evidence, PerturbationCurve, Sanity
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.faithfulness import (
    RANDOM_ORDERS,
    Question,
    perturbation_curves,
    planned_evaluations,
)
from usable_core.explainers.sanity import check_sanity, probes
from usable_core.games.game import Budget
from usable_core.games.pictures import Picture
from usable_core.measuring import evidence
from usable_core.measuring.evidence import faithfulness, with_evidence
from usable_core.measuring.refinement import explain
from usable_core.metrics import faithfulness as orders
from usable_core.models import randomised as forgetting

SIZE = 16
SEGMENTS = (np.arange(SIZE)[:, None] // 4 * 4 + np.arange(SIZE) // 4).astype(np.int32)  # 16 of 4x4
UNEQUAL = (np.arange(SIZE)[:, None] // 3 * 4 + np.arange(SIZE) // 5).astype(np.int32)
BLACK = (Question("black"),)


class Additive(nn.Module):
    """Probability of class 1 is 0.1 plus the weights of the superpixels that are not black."""

    def __init__(self, weights, segments=SEGMENTS):
        super().__init__()
        self.weights = torch.tensor(weights, dtype=torch.float64)
        self.segments = torch.from_numpy(segments.astype(np.int64)).flatten()

    def forward(self, x):
        bright = (x.mean(1).flatten(1) > 0).double()
        stays = torch.zeros(len(x), len(self.weights), dtype=torch.float64)
        stays = stays.index_add(1, self.segments, bright) / self.segments.bincount()
        share = 0.1 + stays @ self.weights
        return torch.stack([(1 - share).log(), share.log()], 1).float()


def weights_of(count=16, seed=0):
    weights = np.random.default_rng(seed).random(count) ** 3
    return 0.8 * weights / weights.sum()


def curves_of(network, credits, segments=SEGMENTS, questions=BLACK, target=1, answers=None, **more):
    model = model_of(network, size=SIZE, classes=2)
    picture = Picture(images(1, SIZE)[0], segments, {} if answers is None else answers)
    return perturbation_curves(
        behind(model, picture), target, np.asarray(credits, float), questions=questions, **more
    )


def behind(model, picture):
    """The games of a picture by their background."""
    return lambda background: picture.game(Oracle(model), background, Budget(0))


@pytest.mark.parametrize("segments", [SEGMENTS, UNEQUAL], ids=["equal", "unequal"])
def test_the_areas_of_an_additive_model_are_those_of_its_weights_in_the_best_order(segments):
    sizes = np.bincount(segments.ravel())
    weights = weights_of(len(sizes))
    best = np.argsort(-weights / sizes, kind="stable")
    deletion, insertion = curves_of(Additive(weights, segments), weights, segments)

    counts, fractions = orders.cuts(best, sizes.astype(float))
    lost = np.array([weights[best[:k]].sum() for k in counts])
    assert np.allclose(deletion.fractions, fractions)
    assert np.allclose(deletion.outputs, 0.9 - lost, atol=1e-5)
    assert np.allclose(insertion.outputs, 0.1 + lost, atol=1e-5)
    assert deletion.area == pytest.approx(np.trapezoid(0.9 - lost, fractions), abs=1e-5)
    assert insertion.area == pytest.approx(1.0 - deletion.area, abs=1e-5)


def test_no_order_has_a_smaller_deletion_area_than_the_true_credits_per_pixel():
    sizes = np.bincount(UNEQUAL.ravel()).astype(float)
    weights = weights_of(len(sizes))
    random = np.random.default_rng(1)
    best, _ = curves_of(Additive(weights, UNEQUAL), weights, UNEQUAL)

    for _ in range(20):
        other, _ = curves_of(Additive(weights, UNEQUAL), random.permutation(weights), UNEQUAL)
        # both are read at the cuts nearest to the grid, which differ a little with sizes
        assert other.area > best.area - 0.01


def test_the_true_map_beats_chance_and_the_reversed_map_is_worse_than_chance():
    weights = weights_of()

    true = curves_of(Additive(weights), weights)
    reverse = curves_of(Additive(weights), -weights)

    for mine, other in zip(true, reverse, strict=True):
        assert mine.gain > 0.2
        assert other.gain < -0.2
    deletion, insertion = true
    assert deletion.area < min(deletion.random_area, deletion.centre_area)
    assert insertion.area > max(insertion.random_area, insertion.centre_area)


def test_a_map_without_an_order_is_as_good_as_chance_on_the_average():
    first_first = np.sort(weights_of())[::-1].copy()  # an order by number would be the best one
    gains = [curves_of(Additive(first_first), np.zeros(16), seed=i)[0].gain for i in range(40)]

    assert abs(np.mean(gains)) < 0.1


def test_maps_of_magnitudes_are_ordered_by_magnitude_and_signed_ones_by_value():
    weights = weights_of()
    flipped = weights * np.where(np.arange(16) % 2, 1, -1)

    by_magnitude, _ = curves_of(Additive(weights), flipped, is_signed=False)
    by_value, _ = curves_of(Additive(weights), flipped, is_signed=True)
    right, _ = curves_of(Additive(weights), weights)

    assert by_magnitude.area == pytest.approx(right.area)
    assert by_value.area > right.area + 0.05


def test_curves_equal_those_of_a_plain_loop():
    model, x = linear_model(SIZE), images(1, SIZE)[0]
    credits = np.random.default_rng(3).normal(size=16)
    question = (Question("mean"),)
    games = behind(model, Picture(x, SEGMENTS))
    deletion, insertion = perturbation_curves(games, 2, credits, questions=question)

    hidden = x.numpy().mean((1, 2), keepdims=True) * np.ones_like(x.numpy())
    expected = []
    for is_deletion in (True, False):
        outputs = []
        for count in range(17):
            first = np.isin(SEGMENTS, np.argsort(-credits)[:count])
            shown = np.where(first, hidden if is_deletion else x, x if is_deletion else hidden)
            logits = model(torch.from_numpy(shown.astype(np.float32))[None])[0].double()
            outputs.append(float(logits.softmax(0)[2]))
        expected.append(outputs)
    assert np.allclose(deletion.fractions, np.arange(17) / 16)
    assert np.allclose(deletion.outputs, expected[0], atol=1e-6)
    assert np.allclose(insertion.outputs, expected[1], atol=1e-6)


def test_the_random_band_holds_whole_random_curves_from_end_to_end():
    sizes = np.bincount(UNEQUAL.ravel()).astype(float)
    count = len(sizes)
    weights = weights_of(count)
    deletion, insertion = curves_of(Additive(weights, UNEQUAL), weights, UNEQUAL)
    drawn = orders.random_orders(count, RANDOM_ORDERS, 0)

    def along(order, fractions):
        """Weight among the first of an order, at the given shares of the pixels."""
        counts, shares = orders.cuts(order, sizes)
        return np.interp(fractions, shares, [weights[order[:k]].sum() for k in counts])

    for curve, expected in (
        (deletion, np.array([0.9 - along(o, deletion.fractions) for o in drawn])),
        (insertion, np.array([0.1 + along(o[::-1], insertion.fractions) for o in drawn])),
    ):
        assert np.allclose(curve.random_mean, expected.mean(0), atol=1e-5)
        assert np.allclose(curve.random_low, expected.min(0), atol=1e-5)
        assert np.allclose(curve.random_high, expected.max(0), atol=1e-5)
        assert curve.random_mean[0] == pytest.approx(curve.outputs[0])
        assert curve.random_mean[-1] == pytest.approx(curve.outputs[-1])
        assert curve.centre[-1] == pytest.approx(curve.outputs[-1])


def test_the_axis_is_the_true_share_of_pixels_with_both_ends_and_at_most_twenty_steps():
    sizes = np.random.default_rng(0).integers(1, 50, 200).astype(float)
    order = np.random.default_rng(1).permutation(200)

    counts, fractions = orders.cuts(order, sizes)

    assert len(counts) == 21
    assert (counts[0], counts[-1], fractions[0], fractions[-1]) == (0, 200, 0, 1)
    assert np.allclose(fractions, [sizes[order[:k]].sum() / sizes.sum() for k in counts])
    assert np.abs(fractions - np.linspace(0, 1, 21)).max() < 50 / sizes.sum()


def test_the_order_from_the_centre_ends_in_the_corners():
    order = orders.centre_order(SEGMENTS)

    assert set(order[:4].tolist()) == {5, 6, 9, 10}
    assert set(order[-4:].tolist()) == {0, 3, 12, 15}


class Spy(nn.Module):
    """Notes every image that its network is shown."""

    def __init__(self, network):
        super().__init__()
        self.network, self.seen = network, []

    def forward(self, x):
        self.seen.extend(image.numpy().tobytes() for image in x)
        return self.network(x)


def test_no_image_is_evaluated_twice_and_another_map_asks_for_its_own_order_only():
    spy, weights, answers = Spy(Additive(weights_of())), weights_of(), {}
    questions = (Question("black"), Question("grey"))

    curves_of(spy, weights, questions=questions, answers=answers)
    first = len(spy.seen)
    again = curves_of(spy, weights, questions=questions, answers=answers)
    second = len(spy.seen)
    other = curves_of(spy, -weights, questions=questions, answers=answers, target=0)

    # the fully visible image is the same behind every background
    assert len(set(spy.seen)) == len(spy.seen) - 1
    assert first <= planned_evaluations(questions)
    assert second == first
    assert len(spy.seen) - second <= 2 * 2 * 15
    assert len(again) == len(other) == 4


def randomised(model, x, segments=None, *, seed=0):
    picture = Picture(x, PARTS if segments is None else segments)
    return forgetting.randomised(model, probes(picture, seed, model.device), seed=seed)


def sanity_of(model, digit, target, found):
    """Sanity and the maps of an explanation, by way of the whole evidence."""
    whole = with_evidence(instance_of(model, digit, PARTS), found, target, OPTIONS)
    return whole.evidence.sanity, whole.compared


def edges(oracle, picture, target, options):
    """An explainer that never looks at the model."""
    values = np.hypot(*np.gradient(picture.x.mean(0).numpy())).astype(np.float32)
    return Attribution(values, 0.0)


@pytest.fixture
def with_edges(monkeypatch):
    row = ExplainerRow("Edges", f"{__name__}:edges", "", "", needs_gradients=True)
    monkeypatch.setitem(catalog.EXPLAINERS, "edges", row)
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])


@pytest.fixture(scope="module")
def trained():
    return digits_model()


@pytest.fixture(scope="module")
def digit():
    from toy_models import digit_pixels

    return torch.from_numpy(digit_pixels()[0][1300]).permute(2, 0, 1).float() / 255


PARTS = (np.arange(8)[:, None] // 2 * 4 + np.arange(8) // 2).astype(np.int32)
OPTIONS = ExplainerOptions(evaluations=200, segments=16, background="grey")


def test_a_map_that_ignores_the_model_is_flagged(with_edges, trained, digit):
    found = explained(trained, digit, 3, "edges", OPTIONS, segments=PARTS)

    sanity, maps = sanity_of(trained, digit, 3, found)

    assert sanity.randomised == pytest.approx(1)
    assert sanity.ignores_weights
    assert sanity.ignores_class
    assert np.array_equal(maps["randomised"], found.values)


@pytest.mark.parametrize("method", ["lime", "partition_shap", "gradient_shap"])
def test_a_sound_map_of_a_trained_network_is_not_flagged(method, trained, digit):
    target = int(trained(digit[None])[0].argmax())
    found = explained(trained, digit, target, method, OPTIONS, segments=PARTS)

    sanity, maps = sanity_of(trained, digit, target, found)

    assert not sanity.ignores_weights
    assert not sanity.ignores_class
    assert sanity.other_target != trained.labels.names[target]
    assert maps["randomised"].any()
    assert maps["other_class"].any()


def sizes_only(model, x, target):
    """Magnitudes that are the same on the average everywhere, and drawn anew for each network."""
    seed = int(1e4 * abs(float(model(x[None])[0, target]))) % 2**31
    return np.random.default_rng(seed).random(x.shape[1:]).astype(np.float32)


def test_maps_do_not_look_alike_because_superpixels_differ_in_size(trained):
    unequal = np.repeat(np.arange(5, dtype=np.int32), [2, 6, 10, 18, 28]).reshape(8, 8)
    found = []
    for k in range(12):
        x = images(1, 8, seed=k)[0]
        mine = sizes_only(trained, x, 3)
        random = randomised(trained, x, unequal)
        sanity, _ = check_sanity(
            trained,
            random,
            Picture(x, unequal),
            mine,
            4,
            lambda network, other, x=x: sizes_only(network, x, 3 if other is None else other),
        )
        found.append(sanity.randomised)

    assert abs(np.mean(found)) < 0.4


def test_the_other_class_is_the_most_probable_one_beside_the_target(trained, digit):
    order = trained(digit[None])[0].argsort(descending=True).tolist()
    names = trained.labels.names
    found = explained(trained, digit, order[1], "lime", OPTIONS, segments=PARTS)

    sanity, _ = sanity_of(trained, digit, order[1], found)

    assert sanity.other_target == names[order[0]]


def test_the_other_class_of_a_map_of_hidden_parts_costs_no_evaluation(trained, digit, monkeypatch):
    model = model_of(Spy(trained.network))
    instance = instance_of(model, digit, PARTS)
    found = explain(instance, "lime", 3, OPTIONS)
    before = len(model.network.seen)
    monkeypatch.setattr(evidence, "faithfulness", lambda *_, **__: Evidence((), None, 0, 0.0))

    with_evidence(instance, found, 3, OPTIONS)

    assert len(model.network.seen) - before == 1  # which class it is


def deep_network(normalisation):
    """Twelve layers, so deep that plain random weights let nothing through."""
    torch.manual_seed(1)
    layers = [nn.Conv2d(3, 16, 3, padding=1)]
    for _ in range(12):
        layers += [nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), normalisation()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * 64, 5)).eval()


@pytest.mark.parametrize("normalisation", [lambda: nn.BatchNorm2d(16), nn.Identity])
def test_a_randomised_network_still_answers_differently_to_different_images(normalisation, digit):
    model = model_of(deep_network(normalisation), classes=5)
    before = {name: value.clone() for name, value in model.network.state_dict().items()}

    random = randomised(model, digit, PARTS)

    hidden = torch.where(torch.from_numpy(PARTS == 5), torch.tensor(0.5), digit)
    with torch.no_grad():
        answers = random(torch.stack([digit, hidden]))
    assert (answers[0] - answers[1]).abs().max() > 0.05
    assert not random.network.training
    assert not any(module.training for module in random.network.modules())
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, before[name])
    for name, value in random.network.named_parameters():
        if name.endswith("weight") and value.ndim > 1:
            a, b = (v.flatten().numpy() for v in (value, before[name]))
            assert abs(np.corrcoef(a, b)[0, 1]) < 0.3


class Tokens(nn.Module):
    """Attention, layer normalisation and parameters of its own."""

    def __init__(self):
        super().__init__()
        self.positions = nn.Parameter(torch.randn(1, 16, 12))
        self.stem = nn.Conv2d(3, 12, 2, 2)
        self.attention = nn.MultiheadAttention(12, 3, batch_first=True)
        self.norm = nn.LayerNorm(12)
        self.head = nn.Linear(12, 4)

    def forward(self, x):
        tokens = self.stem(x).flatten(2).transpose(1, 2) + self.positions
        tokens = self.norm(tokens)
        return self.head((tokens + self.attention(tokens, tokens, tokens)[0]).mean(1))


def test_every_parameter_of_a_transformer_is_forgotten(digit):
    torch.manual_seed(0)
    network = Tokens()
    with torch.no_grad():  # as after training: nothing is at the value that it began with
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))

    random = randomised(model_of(network, classes=4), digit, PARTS)

    for (name, old), new in zip(
        network.named_parameters(), random.network.parameters(), strict=True
    ):
        assert not torch.equal(old, new), name
    assert torch.equal(
        random.network.positions.flatten().sort().values, network.positions.flatten().sort().values
    )


def test_random_weights_are_the_same_under_a_seed_and_leave_torchs_generator_alone(trained, digit):
    torch.manual_seed(5)
    first = randomised(trained, digit, PARTS, seed=1)
    drawn = torch.rand(1)
    second = randomised(trained, digit, PARTS, seed=1)
    other = randomised(trained, digit, PARTS, seed=2)

    torch.manual_seed(5)
    assert drawn == torch.rand(1)
    answers = [model(digit[None]) for model in (first, second, other)]
    assert torch.equal(answers[0], answers[1])
    assert not torch.allclose(answers[0], answers[2])


def test_a_program_of_torch_export_is_randomised_by_shuffling(trained, digit):
    batch = torch.export.Dim("batch")
    program = torch.export.export(
        trained.network, (digit.repeat(2, 1, 1, 1),), dynamic_shapes=({0: batch},)
    )
    model = model_of(program.module())

    random = randomised(model, digit, PARTS)

    assert random is not None
    assert not torch.allclose(random(digit[None]), model(digit[None]), atol=0.1)
    assert torch.allclose(model(digit[None]), trained(digit[None]), atol=1e-5)


class Blind(nn.Module):
    """Nothing to forget: without parameters, and without a look at the image."""

    def forward(self, x):
        return x.sum((1, 2, 3))[:, None] * 0 + torch.tensor([0.3, -0.2, 0.1])


def test_a_network_that_returns_its_own_weights_keeps_them(digit):
    class Owner(nn.Module):
        def __init__(self):
            super().__init__()
            self.answers = nn.Parameter(torch.tensor([1.0, 2.0, 0.0]))

        def forward(self, x):
            return self.answers.expand(len(x), 3)

    model = model_of(Owner(), classes=3)
    found = explained(model, digit, 1, "lime", OPTIONS, segments=PARTS)

    sanity_of(model, digit, 1, found)

    assert model.network.answers.tolist() == [1.0, 2.0, 0.0]


def test_random_weights_are_not_compared_where_they_change_no_answer(digit):
    model = model_of(Blind(), classes=3)
    found = explained(model, digit, 0, "lime", OPTIONS, segments=PARTS)

    sanity, maps = sanity_of(model, digit, 0, found)

    assert np.isnan(sanity.randomised)
    assert not sanity.ignores_weights
    assert sanity.other_target == "2"
    assert list(maps) == ["other_class"]


@pytest.mark.parametrize(
    ("correlation", "is_flagged"), [(0.5, True), (0.49, False), (np.nan, False)]
)
def test_a_map_is_flagged_from_half_a_correlation(correlation, is_flagged):
    sanity = Sanity(correlation, correlation, "sea")

    assert sanity.ignores_weights is is_flagged
    assert sanity.ignores_class is is_flagged


def test_the_evidence_of_a_map_is_whole_counts_its_passes_and_becomes_json(trained, digit):
    spy = Spy(trained.network)
    model, told = model_of(spy), []
    target = int(trained(digit[None])[0].argmax())
    instance = instance_of(model, digit, PARTS)
    found = explain(instance, "lime", target, OPTIONS)
    before = len(spy.seen)

    explanation = with_evidence(
        instance,
        found,
        target,
        OPTIONS,
        lambda done, total, message, **_: told.append((done, total)),
    )
    whole, maps = explanation.evidence, explanation.compared

    assert [(c.kind, c.background) for c in whole.curves] == [
        ("deletion", "blur"),
        ("insertion", "blur"),
        ("deletion", "mean"),
        ("insertion", "mean"),
        ("road", "noise"),
    ]
    starts = [c.outputs[-1] if c.kind == "insertion" else c.outputs[0] for c in whole.curves]
    assert np.allclose(starts, found.output, atol=1e-6)
    assert set(maps) == {"randomised", "other_class"}
    assert whole.sanity is not None
    passes = len(spy.seen) - before  # the copy with random weights is another network
    assert whole.evaluations == passes + 200
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    summary = json.loads(json.dumps(whole.summary(), allow_nan=False))
    assert summary["sanity"]["ignores_weights"] is False
    assert summary["curves"][0]["gain"] == pytest.approx(whole.curves[0].gain)


def test_the_map_of_a_trained_network_beats_chance_where_its_reverse_does_not(trained, digit):
    target = int(trained(digit[None])[0].argmax())
    instance = instance_of(trained, digit, PARTS)
    found = explain(instance, "partition_shap", target, OPTIONS)
    reverse = replace(found, values=-found.values)

    mine, other = (
        faithfulness(instance, one, target, questions=(Question("grey"),)).curves
        for one in (found, reverse)
    )

    assert min(curve.gain for curve in mine) > 0.1
    assert max(curve.gain for curve in other) < 0


def test_the_gain_is_undefined_where_nothing_changes():
    flat = (0.4, 0.4, 0.4)
    curve = PerturbationCurve("deletion", "blur", (0, 0.5, 1), flat, flat, flat, flat, flat)

    assert np.isnan(curve.gain)
    assert curve.summary()["gain"] is None


@pytest.mark.parametrize("kind", ["deletion", "insertion"])
def test_the_gain_is_a_share_where_the_ends_hardly_differ(kind):
    mine, random = (1.0, 0.1, 0.999), (1.0, 0.9, 0.999)
    curve = PerturbationCurve(kind, "blur", (0, 0.5, 1), mine, random, random, random, random)

    # Areas by trapezoids: mine (1 + 0.2 + 0.999) / 4, random (1 + 1.8 + 0.999) / 4; range 0.9.
    due = 0.4 / 0.9
    assert curve.gain == pytest.approx(due if kind == "deletion" else -due)

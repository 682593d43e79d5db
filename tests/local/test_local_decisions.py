"""Decisions by local norms: bounds from above, boxes that hold, no flips."""

import numpy as np
import pytest
from keras import ops
from local_networks import in_ball
from local_networks import network
from local_networks import values_of

import keras_lipschitz as kl
from keras_lipschitz.certification.local.decider import KINDS
from keras_lipschitz.certification.local.decider import LocalDecider
from keras_lipschitz.certification.local.norms import PartNorms
from keras_lipschitz.certification.local.probable_norms import ProbableNorms
from keras_lipschitz.certification.norms.convolution import ConvolutionOperator
from keras_lipschitz.certification.norms.operators import DenseOperator
from keras_lipschitz.evaluation import local_decisions

EPSILON = 0.15


def operators():
    random = np.random.default_rng(0)
    kernel = random.normal(size=(3, 3, 4, 6))
    yield DenseOperator(random.normal(size=(9, 14)))
    yield ConvolutionOperator(
        kernel, (5, 6), (2, 1), ((1, 1), (1, 1)), (1, 1), 1
    )


@pytest.mark.parametrize("operator", list(operators()))
def test_norms_of_parts_from_above(operator, monkeypatch):
    matrix = operator.dense()
    random = np.random.default_rng(1)
    exact = PartNorms(operator)
    by_chance = ProbableNorms(operator, failure=1e-9)
    for share in (0.15, 0.5, 1.0):
        for _ in range(4):
            rows = random.random(matrix.shape[0]) < share
            columns = random.random(matrix.shape[1]) < share
            part = matrix[rows][:, columns]
            norm = np.linalg.norm(part, 2) if part.size else 0.0
            assert norm * (1 - 1e-14) <= exact(columns, rows)
            assert exact(columns, rows) <= norm * 1.001 + 1e-12
            for estimate in (0.5 * norm, norm, 3.0 * norm):
                found = by_chance(columns, rows, estimate, 0.0, random)
                assert found >= norm * (1 - 1e-14)
            # As many steps as the accuracy asks for.
            found = by_chance(columns, rows, norm, 0.0, random)
            assert found <= 1.01 * norm
            found = by_chance(columns, rows, norm, 1.1 * norm, random)
            assert found <= 1.1 * norm
    # The bounds that serve where little is left out.
    monkeypatch.setattr("keras_lipschitz.certification.local.norms._SMALL", 0)
    for _ in range(10):
        rows = random.random(matrix.shape[0]) < 0.5
        columns = random.random(matrix.shape[1]) < 0.5
        norm = np.linalg.norm(matrix * rows[:, None] * columns, 2)
        assert norm * (1 - 1e-14) <= exact(columns, rows)
    assert exact(np.zeros_like(columns), rows) == 0.0


def test_norms_by_channels():
    """A convolution on some of its channels is a smaller convolution."""
    _, operator = operators()
    part = PartNorms(operator)
    used = np.zeros((30, 4), bool)
    used[:, 1:3] = True
    rows = np.ones(operator.shape[0], bool)
    matrix = operator.dense()[:, used.ravel()]
    found = part._channel_norm((False, True, True, False), (True,) * 6)
    norm = np.linalg.norm(matrix, 2)
    assert norm <= found <= 1.02 * norm
    assert part(used.ravel(), rows) <= found


def test_a_chance_of_failure_is_what_it_says():
    """With an even chance, bounds below the norm occur, and rarely enough."""
    matrix = np.diag([1.0, *[0.1] * 40])
    random = np.random.default_rng(0)
    everything = np.ones(41, bool)
    bound = ProbableNorms(
        DenseOperator(matrix), failure=0.5, starts=1, accuracy=0.6
    )
    found = [
        bound(everything, everything, 0.1, 0.0, random) for _ in range(400)
    ]
    assert 0.02 < np.mean(np.array(found) < 1.0) < 0.5
    assert bound.steps == [2] * 400


@pytest.fixture(scope="module", params=["relu", "clipped_minmax", "residual"])
def model(request):
    """A model whose bound decides other samples than a global one."""
    bound = kl.bounds.LocalLipschitz(evaluation_steps=50)
    model = kl.GloroModel(network(request.param), EPSILON, bound=bound)
    # Estimates converge, also those of the global norms.
    model.certify(level="estimate")
    model.certify()
    return model


@pytest.fixture(scope="module")
def points():
    random = np.random.default_rng(5)
    return (2 * random.normal(size=(24, 6, 6, 2))).astype("float32")


def test_boxes_of_the_host_hold(model, points):
    decider = LocalDecider(model.certificate, model.bound, EPSILON)
    regions = decider.regions(points[:2].astype("float64"))
    norms = model.bound.estimated_norms()
    on_device, _ = model.bound.local.walk(points[:2], EPSILON, norms)
    for i in range(2):
        values = values_of(model.bound, in_ball(points[i], EPSILON, 200))
        for tensor, region in regions.items():
            value = ops.convert_to_numpy(values[tensor])
            assert (value >= region.lower[i] - 1e-5).all()
            assert (value <= region.upper[i] + 1e-5).all()
            # As tight as on the device, but for layers that round.
            if model.base.name.startswith("sequential"):
                for ours, theirs in (
                    (region.lower, on_device[tensor].lower),
                    (region.upper, on_device[tensor].upper),
                ):
                    np.testing.assert_allclose(
                        ours, ops.convert_to_numpy(theirs), atol=1e-3
                    )


def test_kinds_are_ordered_and_none_is_wrong(model, points):
    certified = {
        kind: local_decisions(model, points, kind).label
        for kind in ("global", *KINDS, "estimate")
    }
    predicted = ops.convert_to_numpy(model.base(points)).argmax(axis=1)
    for label in certified.values():
        np.testing.assert_array_equal(label[label >= 0], predicted[label >= 0])
    counts = [(label >= 0).sum() for label in certified.values()]
    assert counts == sorted(counts)
    proven = certified["probabilistic"]
    np.testing.assert_array_equal(
        model.predict_certified(points).label, certified["deterministic"]
    )
    for x, label in zip(points[proven >= 0], proven[proven >= 0], strict=True):
        logits = ops.convert_to_numpy(model.base(in_ball(x, EPSILON, 200)))
        assert (logits.argmax(axis=1) == label).all()


def test_local_norms_prove_more():
    """For ReLU the constants are smaller by a third and more."""
    random = np.random.default_rng(5)
    x = (2 * random.normal(size=(60, 6, 6, 2))).astype("float32")
    bound = kl.bounds.LocalLipschitz()
    model = kl.GloroModel(network("relu"), EPSILON, bound=bound)
    counts = [
        (local_decisions(model, x, kind).label >= 0).sum()
        for kind in ("global", "deterministic")
    ]
    assert counts[1] > counts[0] + 2
    radii = model.certified_radius(x)
    proven = local_decisions(model, x, "deterministic").label >= 0
    assert (radii[proven] > EPSILON).all()
    assert (radii[~proven] <= EPSILON).all()


@pytest.mark.parametrize("model", ["relu"], indirect=True)
def test_the_chance_and_the_steps_are_stated(model, points):
    decider = LocalDecider(
        model.certificate,
        model.bound,
        EPSILON,
        "probabilistic",
        failure=1e-6,
        accuracy=0.05,
        seed=0,
    )
    decider(points)
    claim = "rigorous with probability 1 - 1e-06 for all 24 samples together: "
    assert decider.statement == claim + "no norm was left to chance"
    # Without upper bounds random starts decide.
    decider.part_norms = dict.fromkeys(decider.part_norms, lambda *_: np.inf)
    decider(points)
    chances = decider.chance.norms
    steps = [k for chance in chances.values() for k in chance.steps]
    # Three linear maps below the last.
    assert decider.statement == claim + (
        f"{len(steps) // 4} norms from 4 random starts each, too small with "
        f"probability {1e-6 / (24 * 3):.1e}; {min(steps)} to {max(steps)} "
        f"steps, {np.mean(steps):.1f} on average"
    )
    assert (
        1
        <= max(steps)
        <= max(
            chance.most_steps(chance.operator.shape[1])
            for chance in chances.values()
        )
    )


def test_bad_arguments(model):
    certificate = model.certificate
    with pytest.raises(ValueError, match="`kind` should be one of.*Received"):
        LocalDecider(certificate, model.bound, 0.1, kind="lucky")
    with pytest.raises(ValueError, match="`failure` should be.*Received"):
        LocalDecider(certificate, model.bound, 0.1, failure=0.0)
    with pytest.raises(ValueError, match="`accuracy` should be.*Received"):
        LocalDecider(certificate, model.bound, 0.1, accuracy=0.0)
    with pytest.raises(ValueError, match="`kind` should be one of.*Received"):
        local_decisions(model, np.zeros((1, 6, 6, 2)), "lucky")
    other = kl.GloroModel(model.base, EPSILON)
    with pytest.raises(ValueError, match="LocalLipschitz.*Received: Global"):
        local_decisions(other, np.zeros((1, 6, 6, 2)), "global")

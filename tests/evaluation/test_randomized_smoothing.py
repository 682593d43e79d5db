import keras
import numpy as np
import pytest
from scipy import stats

from keras_lipschitz.evaluation import RandomizedSmoothing


def linear_network():
    """Class 0 right of zero: smoothed, the share of 0 is Phi(x / sigma)."""
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)])
    network.set_weights([np.array([[1.0, -1.0]]), np.zeros(2)])
    return network


@pytest.mark.multi_backend
def test_radius_of_a_linear_network():
    smoothing = RandomizedSmoothing(linear_network(), sigma=0.5, n=20000)
    x = np.array([[0.3], [-0.6]], "float32")
    label, radius = smoothing.certify(x)
    np.testing.assert_array_equal(label, [0, 1])
    # The exact radius is the distance to the boundary; the certified one is
    # below, as far as the confidence bound asks.
    assert (radius < [0.3, 0.6]).all()
    np.testing.assert_allclose(radius, [0.3, 0.6], rtol=0.1)
    np.testing.assert_array_equal(smoothing.predict(x), [0, 1])


@pytest.mark.multi_backend
def test_abstains_on_the_boundary():
    smoothing = RandomizedSmoothing(linear_network(), sigma=1.0, n=500)
    label, radius = smoothing.certify(np.zeros((3, 1), "float32"))
    assert (label == -1).all() and (radius == 0).all()
    assert (smoothing.predict(np.zeros((3, 1))) == -1).all()


def test_unanimous_vote_is_bounded_by_the_number_of_votes():
    smoothing = RandomizedSmoothing(linear_network(), sigma=0.01, n=100)
    _, radius = smoothing.certify(np.ones((1, 1), "float32"))
    # All n votes: the bound is alpha^(1/n).
    expected = 0.01 * stats.norm.ppf(0.001 ** (1 / 100))
    np.testing.assert_allclose(radius, [expected])


def test_votes_are_counted_over_batches():
    smoothing = RandomizedSmoothing(linear_network(), 0.1, batch_size=7)
    votes = smoothing.votes(np.ones(1), 30)
    np.testing.assert_array_equal(votes, [30, 0])


def test_wrong_certificates_are_as_rare_as_promised():
    # At x = 0.05 the true radius is 0.05: count how often it is exceeded.
    wrong = 0
    for seed in range(40):
        smoothing = RandomizedSmoothing(
            linear_network(), sigma=0.5, n=200, n0=20, alpha=0.05, seed=seed
        )
        _, radius = smoothing.certify(np.full((1, 1), 0.05, "float32"))
        wrong += radius[0] > 0.05
    assert wrong <= 7  # 2 expected; more than 7 with probability 0.0005


@pytest.mark.parametrize(
    "change", [{"sigma": 0.0}, {"n": 0}, {"n0": 0}, {"alpha": 1.0}]
)
def test_bad_arguments(change):
    with pytest.raises(ValueError, match="Expected sigma > 0"):
        RandomizedSmoothing(linear_network(), **{"sigma": 1.0, **change})

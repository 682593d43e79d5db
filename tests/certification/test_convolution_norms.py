"""Bounds of the norms of convolutions, in the cases that break others."""

import itertools

import numpy as np
import pytest
from random_layers import random_convolution
from random_layers import random_operator
from random_layers import true_norm

from keras_lipschitz.certification.norms import planning
from keras_lipschitz.certification.norms.frequencies import ConvolutionFamily
from keras_lipschitz.certification.norms.lanczos import top_singular_vector
from keras_lipschitz.certification.norms.operators import ConvolutionOperator
from keras_lipschitz.certification.norms.proof import prove
from keras_lipschitz.certification.norms.proof import prove_by_squaring
from keras_lipschitz.certification.norms.spectral_norm import spectral_norm
from keras_lipschitz.certification.norms.torus import Circle
from keras_lipschitz.certification.norms.torus import Polyphase


def same(kernel, size, strides=None, dilation=None, groups=1):
    """A convolution with the padding that Keras calls "same"."""
    kernel = np.asarray(kernel, "float64")
    rank = kernel.ndim - 2
    strides, dilation = strides or (1,) * rank, dilation or (1,) * rank
    padding = []
    for n, taps, s, d in zip(
        size, kernel.shape[:rank], strides, dilation, strict=True
    ):
        total = max((-(-n // s) - 1) * s + (taps - 1) * d + 1 - n, 0)
        padding.append((total // 2, total - total // 2))
    return ConvolutionOperator(
        kernel, size, strides, tuple(padding), dilation, groups
    )


def families(operator):
    """Every choice of exact and closed axes, as the planner might make it."""
    operator = operator.trimmed()
    vector = top_singular_vector(operator)
    worst = planning._worst_frequencies(operator, vector)
    circles = planning._circles(operator, worst)
    for count in range(operator.rank + 1):
        for closed in itertools.combinations(range(operator.rank), count):
            yield ConvolutionFamily(
                operator, {a: circles[a] for a in closed}, worst
            )


def ordinary(operator):
    """The operator times the power of two that proofs expect."""
    exponent = np.frexp(np.abs(operator.entries).max())[1]
    return operator.scaled(-int(exponent))


def assert_every_family_holds(operator, tight=None):
    truth = true_norm(operator)
    for family in families(operator):
        bound = prove(family, truth)
        assert bound >= truth * (1 - 1e-14), family.circles
        if family.exact:
            assert bound <= truth * (1 + 1e-8)
        elif tight is not None:
            assert bound <= truth * tight


def test_zero_padding_is_not_circular():
    """On a circle of the input's size this norm would be 2."""
    operator = same(np.reshape([-1.0, 1, -1], (3, 1, 1)), (3,))
    norm = spectral_norm(operator)
    assert norm.lower <= 1 + 2**0.5 <= norm.upper <= 2.4142137
    assert_every_family_holds(operator)


rng = np.random.default_rng(0)
CASES = {
    "checkerboard": same(
        np.reshape([1.0, -1, 1, -1, 1, -1, 1, -1, 1], (3, 3, 1, 1)), (7, 7)
    ),
    "even, stride 2": same(rng.normal(size=(4, 4, 2, 3)), (7, 6), (2, 2)),
    "two taps": same(rng.normal(size=(2, 2, 2, 3)), (6, 5)),
    "oblong": same(rng.normal(size=(5, 3, 2, 2)), (6, 9)),
    "oblong strides": same(rng.normal(size=(3, 3, 2, 2)), (9, 5), (1, 2)),
    "taps over input": same(rng.normal(size=(7, 5, 2, 2)), (3, 2)),
    "one pixel": same(rng.normal(size=(3, 3, 4, 2)), (1, 1)),
    "one output": same(rng.normal(size=(3, 3, 2, 2)), (4, 4), (4, 4)),
    "valid": ConvolutionOperator(
        rng.normal(size=(3, 3, 2, 2)), (7, 6), (1, 1), ((0, 0),) * 2, (1, 1)
    ),
    "uneven": ConvolutionOperator(
        rng.normal(size=(3, 2, 2, 2)), (7, 6), (2, 1), ((5, 0), (0, 4)), (1, 1)
    ),
    "dilation": same(rng.normal(size=(3, 3, 2, 2)), (9, 8), None, (2, 3)),
    "dilation and stride": same(
        rng.normal(size=(3, 3, 2, 2)), (9, 8), (2, 3), (3, 2)
    ),
    "groups": same(rng.normal(size=(3, 3, 2, 6)), (6, 6), groups=3),
    "depthwise": same(rng.normal(size=(3, 3, 1, 8)), (6, 6), groups=4),
    "causal": ConvolutionOperator(
        rng.normal(size=(3, 2, 4)), (20,), (1,), ((4, 0),), (2,)
    ),
    "volume": same(rng.normal(size=(3, 2, 2, 2, 2)), (4, 3, 5), (1, 2, 1)),
}


@pytest.mark.parametrize("name", CASES)
def test_every_family(name):
    assert_every_family_holds(CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_gram_iteration_on_the_torus(name):
    *_, family = families(CASES[name])
    bound, truth = prove_by_squaring(family, 20), true_norm(CASES[name])
    assert truth <= bound <= prove(family, truth) * (1 + 1e-6)


def test_ones():
    """What a kernel as one matrix (Miyato et al.) underestimates."""
    operator = same(np.ones((3, 3, 1, 1)), (12, 12))
    truth = (1 + 2 * np.cos(np.pi / 13)) ** 2
    norm = spectral_norm(operator)
    assert norm.lower <= truth * (1 + 1e-15) and truth <= norm.upper
    assert norm.upper <= truth * (1 + 1e-8)


def test_stride_over_taps_is_the_tap():
    tap = rng.normal(size=(5, 4))
    operator = same(tap.reshape(1, 1, 5, 4), (20, 20), (3, 3))
    norm = spectral_norm(operator)
    assert norm.upper == pytest.approx(np.linalg.norm(tap, 2), rel=1e-8)
    patches = rng.normal(size=(4, 4, 3, 20))
    norm = spectral_norm(same(patches, (64, 64), (4, 4)))
    truth = np.linalg.norm(patches.reshape(-1, 20), 2)
    assert truth <= norm.upper <= truth * (1 + 1e-8)


def test_kernel_that_meets_padding_only():
    kernel = np.zeros((5, 1, 1))
    kernel[0] = kernel[4] = 1.0
    norm = spectral_norm(same(kernel, (2,)))
    assert (norm.lower, norm.upper) == (0.0, 0.0)


@pytest.mark.parametrize("groups", [1, 8])
def test_tightness_on_maps_of_sixteen(groups):
    kernel = rng.normal(size=(3, 3, 8 // groups, 8))
    for k in (kernel, np.abs(kernel)):
        norm = spectral_norm(same(k, (16, 16), groups=groups))
        assert norm.upper <= norm.lower * 1.01


def test_long_sequences_are_cheap_and_tight():
    norm = spectral_norm(same(rng.normal(size=(9, 4, 8)), (4000,)))
    assert "torus" in norm.method
    assert norm.upper <= norm.lower * 1.001


def test_memory_is_bounded():
    family = ConvolutionFamily(
        same(np.ones((3, 3, 64, 64)), (32, 32)), {0: Circle(33), 1: Circle(33)}
    )
    whole = family.work.bytes * family.count
    assert family.work.bytes < 2**20 < whole


@pytest.mark.parametrize("exponent", [-110, 90])
def test_powers_of_two_pull_out_exactly(exponent):
    operator = same(rng.normal(size=(3, 3, 6, 8)), (12, 12))
    one = spectral_norm(operator)
    other = spectral_norm(operator.scaled(exponent))
    assert other.upper == np.ldexp(one.upper, exponent)
    assert other.lower == np.ldexp(one.lower, exponent)
    assert other.method == one.method


@pytest.mark.parametrize("part", range(4))
def test_random_layers(part, monkeypatch):
    """2,000 of any shape and scale, none of them under its true norm."""
    rng = np.random.default_rng(part)
    for _ in range(500):
        operator = random_operator(rng)
        # Half of the small ones are treated as if they were large.
        monkeypatch.setattr(planning, "_SMALL", 256 * rng.integers(2))
        truth, norm = true_norm(operator), spectral_norm(operator)
        assert norm.lower <= truth * (1 + 1e-14), operator
        assert norm.upper >= truth * (1 - 1e-14), operator
        assert np.isfinite(norm.upper)
        assert (norm.upper == 0) == (truth == 0)
        if "torus" not in norm.method:
            assert norm.upper <= truth * (1 + 1e-7), operator


def violations(count):
    """How many random convolutions exceed the bound of their torus."""
    rng = np.random.default_rng(9)
    found = 0
    for _ in range(count):
        operator = random_convolution(rng).trimmed()
        if not operator.kernel.any():
            continue
        operator = ordinary(operator)
        truth = true_norm(operator)
        closed = {}
        for axis in range(operator.rank):
            size = Polyphase.of(operator, axis).smallest_circle
            closed[axis] = Circle(size, int(rng.integers(2)))
        family = ConvolutionFamily(operator, closed)
        largest = max(
            np.linalg.norm(tap, 2, axis=(-2, -1)).max()
            for tap in family.stack(np.arange(family.count)).taps
        )
        found += largest < truth * (1 - 1e-9)
    return found


def test_smallest_circles_are_large_enough():
    assert violations(600) == 0


def test_smaller_circles_are_caught(monkeypatch):
    """The fuzz would notice a torus that is one too small."""
    original = Polyphase.smallest_circle.fget
    monkeypatch.setattr(
        Polyphase,
        "smallest_circle",
        property(lambda self: max(original(self) - 1, 1)),
    )
    assert violations(200) > 10


def test_rounding_of_symbols_is_counted():
    operator = CASES["oblong"]
    taps = np.linalg.norm(operator.kernel.reshape(15, -1), axis=1).sum()
    for family in families(operator):
        wanted = 2.0**-46 * taps if family.circles else 0.0
        assert wanted <= family.error <= 2 * wanted
        bound = prove(family, true_norm(operator))
        assert bound >= true_norm(operator) + family.error


def test_phases_are_roots_of_unity():
    """Against angles in extended precision, far inside of what is allowed."""
    circle = Circle(35, 1)
    frequency, shifts = np.arange(35), np.arange(-9, 10)
    angle = np.longdouble(np.pi) + np.longdouble(1.2246467991473532e-16)
    turns = np.multiply.outer(2 * frequency + 1, shifts)
    expected = np.exp(1j * (turns * angle / 35))
    error = np.abs(circle.phases(frequency, shifts) - expected)
    assert error.max() < 2.0**-50

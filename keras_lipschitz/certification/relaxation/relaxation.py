"""Linear relaxation: upper bounds of margins by lines above and below ReLUs."""

import dataclasses

import numpy as np
from scipy import sparse

from keras_lipschitz.certification.formats import DOUBLE
from keras_lipschitz.certification.relaxation.parts import Parts


@dataclasses.dataclass(frozen=True, eq=False)
class Bound:
    """What the relaxation says of some parts, at some slopes.

    Args:
        value: Array `(parts,)`: the margin is not larger.
        passed: Array `(parts, units)`: the coefficients of what units pass on.
        slope: Likewise: of the line that each unit was replaced with.
        shift: Likewise: its constant.
        worst: Array `(parts, features)`: where the bound is attained.
    """

    value: np.ndarray
    passed: np.ndarray
    slope: np.ndarray
    shift: np.ndarray
    worst: np.ndarray


class Relaxation:
    """Bounds the margins of a `ReducedNetwork` in parts of its box.

    Going back from a margin, a unit whose coefficient `a` is positive is
    replaced with the line through the ends of its arc, and one whose
    coefficient is not with `slope z`, with any slope from 0 to 1:

        max(z, 0) <= u (z - l) / (u - l),    max(z, 0) >= slope z.

    Where a part has `side z >= 0`, `multiplier side z` may be added. What is
    left is a sum of functions of one number each, and the largest values of
    these are looked up. All that is answered is an upper bound, rounding
    included, at whatever slopes and multipliers; `improved` looks for good
    ones.

    Args:
        network: A `ReducedNetwork`.

    Reference:
        - [Zhang et al., Efficient Neural Network Robustness Certification with
          General Activation Functions, 2018](https://arxiv.org/abs/1811.00866)
        - [Xu et al., Fast and Complete: Enabling Complete Neural Network
          Verification with Rapid and Massively Parallel Incomplete Verifiers,
          2021](https://arxiv.org/abs/2011.13824)
        - [Wang et al., Beta-CROWN: Efficient Bound Propagation with Per-neuron
          Split Constraints, 2021](https://arxiv.org/abs/2103.06624)
    """

    def __init__(self, network):
        self.network = network
        # Which number each feature is a function of.
        sizes = np.diff([*network.starts, len(network.values)])
        self.number = np.repeat(np.arange(len(sizes)), sizes)
        z = network.preactivations
        self.from_features = sparse.csr_array(z.features.T)
        # What each layer of units adds to those after it.
        self.earlier = {s.start: z.units[s] for s in network.layers}
        self.later = {
            s.start: sparse.csr_array(z.units[:, s].T) for s in network.layers
        }

    def start(self):
        """One part for each margin: the whole box."""
        network = self.network
        shape = (len(network.margins.constant), len(network.lower))
        lower = np.broadcast_to(network.lower, shape)
        upper = np.broadcast_to(network.upper, shape)
        return Parts(
            np.arange(shape[0]),
            lower,
            upper,
            np.zeros(shape),
            (upper > -lower).astype("float64"),
            np.zeros(shape),
        )

    def bound(self, parts):
        """The `Bound` of each part."""
        z, margins = self.network.preactivations, self.network.margins
        # What a unit passes on is multiplied, its line computed, and added up.
        size = np.maximum(-parts.lower, parts.upper)
        rounding = DOUBLE.gamma(4 * size.shape[1] + 64) * size
        passed = margins.units[parts.margin].toarray()
        of_z = np.zeros_like(passed)
        slope, shift = np.zeros_like(passed), np.zeros_like(passed)
        value = margins.constant[parts.margin] + margins.error[parts.margin]
        for layer in reversed(self.network.layers):
            a = passed[:, layer]
            slope[:, layer], shift[:, layer] = _lines(parts, layer, a)
            added = parts.multiplier[:, layer] * parts.side[:, layer]
            here = a * slope[:, layer] + added
            of_z[:, layer] = here
            value = value + (
                (a * shift[:, layer]).sum(axis=1)
                + ((np.abs(a) + np.abs(added)) * rounding[:, layer]).sum(axis=1)
            )
            passed = passed + here @ self.earlier[layer.start]
        value = value + of_z @ z.constant + np.abs(of_z) @ z.error
        features = margins.features[parts.margin].toarray() + of_z @ z.features
        largest, worst = self._largest(features)
        return Bound(value + largest, passed, slope, shift, worst)

    def _largest(self, features):
        """The largest sums of functions of one number, and where they are."""
        values, starts = self.network.values, self.network.starts
        if not len(values):
            return np.zeros(len(features)), features
        of_number = np.add.reduceat(
            features[:, :, None] * values, starts, axis=1
        )
        chosen = of_number.argmax(axis=2)
        largest = np.take_along_axis(of_number, chosen[:, :, None], axis=2)
        at = chosen[:, self.number]
        worst = np.take_along_axis(values, at.T, axis=1).T
        return largest.sum(axis=(1, 2)), worst

    def replaced(self, bound):
        """The `z` of all units where the bound is attained, with units
        replaced as it replaced them: `(parts, units)`."""
        found = self._of_features(bound)
        for layer in self.network.layers:
            passed = bound.slope[:, layer] * found[:, layer]
            passed += bound.shift[:, layer]
            found += passed @ self.later[layer.start]
        return found

    def _of_features(self, bound):
        z = self.network.preactivations
        return bound.worst @ self.from_features + z.constant

    def refutes(self, bound, parts):
        """Whether one of the points at which the bound is attained speaks
        against its margin."""
        reached = self._reached(bound, parts.margin)
        return self.network.reaches and bool((reached >= 0.0).any())

    def _reached(self, bound, margin):
        """The margins there, with the units as they are: `(parts,)`."""
        margins = self.network.margins
        found = self._of_features(bound)
        for layer in self.network.layers:
            passed = np.maximum(found[:, layer], 0.0)
            found += passed @ self.later[layer.start]
        value = margins.features[margin] * bound.worst
        passed = margins.units[margin] * np.maximum(found, 0.0)
        return value.sum(axis=1) + passed.sum(axis=1) + margins.constant[margin]


def _lines(parts, layer, a):
    """The lines that units are replaced with, by the signs of coefficients."""
    lower, upper = parts.lower[:, layer], parts.upper[:, layer]
    bends = parts.bends[:, layer]
    above = bends & (a > 0.0)
    width = np.where(bends, upper - lower, 1.0)
    steep = np.where(bends, upper / width, lower >= 0.0)
    # However the slope was rounded, the line is above both ends.
    shift = np.maximum(-steep * lower, upper - steep * upper)
    slope = np.where(bends & ~above, parts.slope[:, layer], steep)
    return slope, np.where(above, shift, 0.0)

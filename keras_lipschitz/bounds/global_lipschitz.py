import functools
import types

import keras
from keras import ops

from keras_lipschitz._numbers import check_count
from keras_lipschitz._registration import register
from keras_lipschitz.bounds.margin_bound import MarginBound
from keras_lipschitz.certification.certify import certify
from keras_lipschitz.certification.decisions.decider import Decider
from keras_lipschitz.certification.decisions.estimate import estimated_radii
from keras_lipschitz.certification.rounding import float32_up
from keras_lipschitz.layers.lipschitz_layer import LinearLipschitzLayer
from keras_lipschitz.layers.power_iterate import PowerIterate
from keras_lipschitz.ops.linear_maps import DiagonalMap
from keras_lipschitz.ops.margins import SMALLEST_EPSILON
from keras_lipschitz.ops.margins import certified_radius
from keras_lipschitz.ops.margins import pairwise_absolute_distances
from keras_lipschitz.ops.margins import pairwise_distances
from keras_lipschitz.ops.margins import row_norms
from keras_lipschitz.ops.margins import rows_of
from keras_lipschitz.propagation.composition import Composition
from keras_lipschitz.propagation.norms import check_norm


@register
class GlobalLipschitz(MarginBound):
    """The margin bound of GloRo nets: one Lipschitz constant for all inputs.

    With `K` the constant of everything below the last `Dense` layer and `w_i`
    its weights for class `i`, the margin `f_i - f_j` moves by at most

        epsilon * K * ||w_i - w_j||_2

    (`pairwise=True`), or, per logit, `epsilon * K * (||w_i|| + ||w_j||)`.
    Where the model does not end in a `Dense` layer the last factor is
    `sqrt(2)`, or `2` per logit.

    With `norm="inf"`, `K` is how far the largest entry of what the last layer
    reads moves with the largest entry of the input, and the last factor
    `||w_i - w_j||_1`, or `2`: for a net of l_inf distances the slack is
    `2 * epsilon`.

    Args:
        norm: `2` or `"inf"`, the norm of the input's perturbation. Defaults to
            `2`.
        pairwise: Whether to bound margins (tighter) or logits one by one.
            Defaults to `True`.
        power_iterations: Integer, power iterations in each training step.
            Defaults to `1`.
        **kwargs: Base layer keyword arguments.

    Example:

    ```python
    bound = keras_lipschitz.bounds.GlobalLipschitz(power_iterations=2)
    model = keras_lipschitz.GloroModel(base, epsilon=0.3, bound=bound)
    ```

    Reference:
        - [Leino et al., Globally-Robust Neural Networks, ICML 2021](
          https://arxiv.org/abs/2102.08452)
    """

    def __init__(self, pairwise=True, power_iterations=1, norm=2, **kwargs):
        super().__init__(**kwargs)
        self.norm = check_norm(norm)
        self.pairwise = bool(pairwise)
        self.power_iterations = check_count(
            "power_iterations", power_iterations, at_least=1
        )

    def attach(self, base):
        self.composition = Composition(base, self.norm)
        self.graph = self.composition.graph
        self.iterates = []
        # A proxy, because Keras and TensorFlow track what is in a dict.
        self._iterate_of = types.MappingProxyType(
            {
                key: self._iterate(key, linear_map)
                for key, linear_map in self.composition.linear_maps.items()
            }
        )
        classes = self.composition.classes
        # margin_constants[i, j] bounds how fast f_i - f_j can grow.
        self.margin_constants = self.add_weight(
            name="margin_constants",
            shape=(classes, classes),
            initializer=keras.initializers.Constant(float("inf")),
            trainable=False,
            dtype="float32",
            autocast=False,
            aggregation="only_first_replica",
        )
        self.built = True

    def _iterate(self, key, linear_map):
        """The iterate of a linear map: its layer's own, or a new one."""
        if (
            self.norm == "inf"
            or isinstance(linear_map, DiagonalMap)
            or linear_map.known_norm is not None
        ):
            return None
        layer = self.composition.layers[key]
        if (
            isinstance(layer, LinearLipschitzLayer)
            and layer.mapped_shape == key[1][0]
        ):
            return layer.power_iterate
        name = f"power_iterate_{len(self.iterates)}"
        iterate = PowerIterate(linear_map.output_shape, name=name)
        self.iterates.append(iterate)
        return iterate

    def call(self, logits, anchor, epsilon, training=False, inputs=None):
        slack = self._slack_of(anchor, epsilon, training, advance=training)
        if training:
            # The weights are about to change: what was certified is void.
            self.void()
        return slack

    def slack(self, logits, anchor, epsilon, training=False, inputs=None):
        return self._slack_of(anchor, epsilon, training)

    def _slack_of(self, anchor, epsilon, training, advance=False):
        if training:
            rates = rows_of(self.estimate(advance), anchor)
        else:
            rates = ops.take(self.margin_constants, anchor, axis=0)
        return _scaled(epsilon, rates)

    def logit_slack(self, logits, epsilon, training=False, inputs=None):
        norms = self.estimated_norms()
        constants = self.composition.body_constant(norms) * self._head_norms()
        return _scaled(epsilon, ops.broadcast_to(constants, ops.shape(logits)))

    def radius(self, logits, training=False, inputs=None, compared_with=None):
        constants = self.estimate() if training else self.margin_constants
        return certified_radius(logits, constants)

    def estimate(self, advance=False):
        """The table of margin constants, with norms by the power method.

        Args:
            advance: Whether to keep the new iterates.

        Returns:
            Tensor `(classes, classes)`, differentiable in the weights.
        """
        norms = self.estimated_norms(advance)
        return self.composition.body_constant(norms) * self._head_table()

    def estimated_norms(self, advance=False):
        """Dict from the keys of the composition to estimated norms."""
        return {
            key: self._norm(key, linear_map, advance)
            for key, linear_map in self.composition.linear_maps.items()
        }

    def _norm(self, key, linear_map, advance):
        if self.norm == "inf":
            return linear_map.row_sum_norm(linear_map.kernel)
        if linear_map.known_norm is not None:
            return linear_map.known_norm
        iterate = self._iterate_of[key]
        if iterate is None:
            return linear_map.exact_norm(linear_map.kernel)
        step = iterate.advance if advance else iterate.estimate
        return step(linear_map, self.power_iterations)

    def _head_table(self):
        if self.composition.head is None:
            tight = self.pairwise and self.norm == 2
            factor = 2.0**0.5 if tight else 2.0
            return ops.full((self.composition.classes,) * 2, factor)
        rows = ops.transpose(self.composition.head_map.kernel)
        if not self.pairwise:
            norms = self._head_norms()
            return norms[:, None] + norms[None, :]
        if self.norm == "inf":
            return pairwise_absolute_distances(rows)
        return pairwise_distances(rows)

    def _head_norms(self):
        if self.composition.head is None:
            return ops.ones((self.composition.classes,))
        rows = ops.transpose(self.composition.head_map.kernel)
        if self.norm == "inf":
            return ops.sum(ops.abs(rows), axis=1)
        return row_norms(rows)

    def vectors(self):
        """Dict from keys to the vectors of the power method, on the host."""
        return {
            key: ops.convert_to_numpy(iterate.vector).ravel().astype("float64")
            for key, iterate in self._iterate_of.items()
            if iterate is not None
        }

    def set_vectors(self, vectors):
        """Lets the power method go on from vectors on the host.

        Args:
            vectors: Dict from keys to vectors, or to `None` where the present
                one stays.
        """
        for key, vector in vectors.items():
            iterate = self._iterate_of[key]
            if iterate is not None and vector is not None:
                iterate.vector.assign(vector.reshape(iterate.vector.shape))

    def certify(self, level="R"):
        return certify(self, self.fingerprint(), level)

    def keep(self, certificate):
        self.margin_constants.assign(float32_up(certificate.margin_constants))

    def decider(self, certificate, epsilon):
        base = self.graph.model
        if certificate.rigorous:
            return Decider(certificate, base, self.composition)
        return functools.partial(estimated_radii, certificate, base)

    def void(self):
        shape = self.margin_constants.shape
        self.margin_constants.assign(ops.full(shape, float("inf"), "float32"))

    def get_config(self):
        return {
            **super().get_config(),
            "pairwise": self.pairwise,
            "power_iterations": self.power_iterations,
            "norm": self.norm,
        }


def _scaled(epsilon, constants):
    return ops.maximum(epsilon, SMALLEST_EPSILON) * constants

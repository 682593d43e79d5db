import types

import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.bounds.composition import Composition
from keras_lipschitz.bounds.margin_bound import MarginBound
from keras_lipschitz.layers.lipschitz_layer import LinearLipschitzLayer
from keras_lipschitz.layers.power_iterate import PowerIterate
from keras_lipschitz.ops.linear_maps import DiagonalMap
from keras_lipschitz.ops.margins import SMALLEST_EPSILON
from keras_lipschitz.ops.margins import certified_radius
from keras_lipschitz.ops.margins import pairwise_distances
from keras_lipschitz.ops.margins import pairwise_sums


@register
class GlobalLipschitz(MarginBound):
    """The margin bound of GloRo nets: one Lipschitz constant for all inputs.

    With `K` the constant of everything below the last `Dense` layer and `w_i`
    its weights for class `i`, the margin `f_i - f_j` moves by at most

        epsilon * K * ||w_i - w_j||_2

    (`pairwise=True`), or, per logit, `epsilon * K * (||w_i|| + ||w_j||)`.
    Where the model does not end in a `Dense` layer the last factor is
    `sqrt(2)`, or `2` per logit.

    Args:
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

    def __init__(self, pairwise=True, power_iterations=1, **kwargs):
        super().__init__(**kwargs)
        if power_iterations != int(power_iterations) or power_iterations < 1:
            raise ValueError(
                "`power_iterations` should be a positive integer. Received: "
                f"power_iterations={power_iterations!r}"
            )
        self.pairwise = bool(pairwise)
        self.power_iterations = int(power_iterations)

    def attach(self, base):
        self.composition = Composition(base)
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
        if isinstance(linear_map, DiagonalMap):
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

    def call(self, logits, anchor, epsilon, training=False):
        if training:
            constants = self.estimate(advance=True)
            # The weights are about to change: what was certified is void.
            self.void()
        else:
            constants = self.margin_constants
        epsilon = ops.maximum(epsilon, SMALLEST_EPSILON)
        return epsilon * ops.take(constants, anchor, axis=0)

    def radius(self, logits, training=False):
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
        iterate = self._iterate_of[key]
        if iterate is None:
            return linear_map.exact_norm(linear_map.kernel)
        step = iterate.advance if advance else iterate.estimate
        return step(linear_map, self.power_iterations)

    def _head_table(self):
        if self.composition.head is None:
            factor = 2.0**0.5 if self.pairwise else 2.0
            return ops.full((self.composition.classes,) * 2, factor)
        rows = ops.transpose(self.composition.head_map.kernel)
        return (
            pairwise_distances(rows) if self.pairwise else pairwise_sums(rows)
        )

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

    def void(self):
        """Forgets the certified table: nothing is certified until the next."""
        shape = self.margin_constants.shape
        self.margin_constants.assign(ops.full(shape, float("inf"), "float32"))

    def get_config(self):
        return {
            **super().get_config(),
            "pairwise": self.pairwise,
            "power_iterations": self.power_iterations,
        }

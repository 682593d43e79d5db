"""Decisions in float64 on the host, at the level of a certificate."""

import math

import numpy as np

from keras_lipschitz.certification.arithmetic import check_arithmetic
from keras_lipschitz.certification.decisions.batches import batches
from keras_lipschitz.certification.decisions.deviation import Deviation
from keras_lipschitz.certification.decisions.head import Head
from keras_lipschitz.certification.decisions.radii import proven_radius
from keras_lipschitz.certification.evaluations.network import EvaluatedNetwork
from keras_lipschitz.certification.levels import FORMATS
from keras_lipschitz.certification.levels import check_level
from keras_lipschitz.certification.residual_blocks import with_residual_blocks

# How many float64 the tensors of a batch may hold together.
_LARGEST_BATCH = 2**23


class Decider:
    """Decides, with proof, at the level of a certificate.

    The margins of the network in exact arithmetic are known up to the rounding
    of a float64 evaluation on the host, which is bounded, and move by no more
    than the certificate says. At the levels `"F64"` and `"F32"` what the
    deployed arithmetic may add is taken off as well.

    Args:
        certificate: A rigorous `Certificate` of the network.
        base: The network.
        composition: Its `Composition`.

    Raises:
        ValueError: Where a layer, or at a level of deployed arithmetic
            anything in this process, does not let a decision be proved.
    """

    def __init__(self, certificate, base, composition):
        check_arithmetic()
        composition = with_residual_blocks(composition)
        norms = [layer.upper for layer in certificate.layers]
        self.network = EvaluatedNetwork(
            composition, dict(zip(composition.linear_maps, norms, strict=True))
        )
        check_level(certificate.level, self.network.evaluations)
        form = FORMATS[certificate.level]
        self.margin_constants = certificate.margin_constants
        self.deviation = Deviation(self.network, form)
        self.head = Head(self.network, form)
        self.graph = composition.graph
        self.inputs = base.inputs[0]

    def __call__(self, x, batch_size=None):
        """The predicted classes and their certified radii.

        Args:
            x: Inputs, as for `keras.Model.predict`. They are taken as the
                model reads them, in its input's dtype.
            batch_size: Integer, how many to evaluate at a time. Defaults to
                what needs little memory.

        Returns:
            Integer array `(samples,)`, and float64 array `(samples,)`: zero
            where nothing is proved.
        """
        batch_size = batch_size or self.batch_size
        decided = [
            self.decide(batch) for batch in batches(x, batch_size, self.inputs)
        ]
        if not decided:
            return np.zeros(0, "int64"), np.zeros(0)
        labels, radii = zip(*decided, strict=True)
        return np.concatenate(labels), np.concatenate(radii)

    @property
    def batch_size(self):
        """How many samples need little memory."""
        entries = sum(
            math.prod(size or 1 for size in shape)
            for step in self.graph.steps
            for shape in step.output_shapes
        )
        return max(1, _LARGEST_BATCH // max(entries, 1))

    def decide(self, x):
        """The same for one batch, a float64 array that it may change."""
        finite = np.isfinite(x).all(axis=tuple(range(1, x.ndim)))
        x[~finite] = 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            body = self.graph.walk(
                self.deviation.step,
                self.deviation.start(x),
                skip=self.network.head,
            )[self.network.last]
            logits, host, deployed, limit = self.head.margins(body)
        radii = proven_radius(
            logits, self.margin_constants, host[..., 0], deployed
        )
        radii = np.where(finite, np.minimum(radii, limit), 0.0)
        return logits.argmax(axis=1), radii

import collections

import numpy as np
from scipy import stats

ABSTAIN = -1

SmoothedPrediction = collections.namedtuple(
    "SmoothedPrediction", ["label", "radius"]
)
SmoothedPrediction.__doc__ = """What `RandomizedSmoothing.certify` returns.

Attributes:
    label: Integer array `(samples,)`; `-1` where it abstains.
    radius: Float64 array `(samples,)`, in the l2 norm; `0` there.
"""


# Not that of the Adversarial Robustness Toolbox: it knows no JAX, and draws
# from NumPy's global generator.
class RandomizedSmoothing:
    """The baseline that certifies any classifier by voting under noise.

    The smoothed classifier answers with the class that the network gives most
    often for `x + N(0, sigma^2)`. Its certificate holds with probability
    `1 - alpha` for each sample, and costs `n` predictions; that of a
    `GloroModel` always holds, and costs one.

    Args:
        network: A Keras model that gives a score for each class: the `base` of
            a `GloroModel`, or another.
        sigma: Number, the standard deviation of the noise.
        n: Integer, votes. Defaults to `1000`.
        n0: Integer, votes that choose the class to be certified. Defaults to
            `100`.
        alpha: Number, the probability of a wrong certificate. Defaults to
            `0.001`.
        batch_size: Integer, noisy inputs at once. Defaults to `1000`.
        seed: Integer.

    Example:

    ```python
    smoothed = keras_lipschitz.evaluation.RandomizedSmoothing(
        model.base, sigma=0.25)
    labels, radii = smoothed.certify(x_test[:100])
    ```

    Reference:
        - [Cohen et al., Certified Adversarial Robustness via Randomized
          Smoothing, ICML 2019](https://arxiv.org/abs/1902.02918)
    """

    def __init__(
        self,
        network,
        sigma,
        n=1000,
        n0=100,
        alpha=0.001,
        batch_size=1000,
        seed=0,
    ):
        if not (sigma > 0 and n >= 1 and n0 >= 1 and 0 < alpha < 1):
            raise ValueError(
                "Expected sigma > 0, n >= 1, n0 >= 1 and 0 < alpha < 1. "
                f"Received: sigma={sigma!r}, n={n!r}, n0={n0!r}, "
                f"alpha={alpha!r}"
            )
        self.network = network
        self.sigma = sigma
        self.n, self.n0 = n, n0
        self.alpha = alpha
        self.batch_size = batch_size
        self._rng = np.random.default_rng(seed)

    def predict(self, x):
        """The majority's label, or `-1` where the vote may be chance.

        Args:
            x: Array of samples.

        Returns:
            Integer array `(samples,)`.
        """
        return np.array([self._predict_one(sample) for sample in x], "int64")

    def certify(self, x):
        """The majority's label, and how far it cannot change.

        Args:
            x: Array of samples.

        Returns:
            `SmoothedPrediction(label, radius)`.
        """
        pairs = [self._certify_one(sample) for sample in x]
        labels, radii = zip(*pairs, strict=True) if pairs else ((), ())
        return SmoothedPrediction(
            np.array(labels, "int64"), np.array(radii, "float64")
        )

    def votes(self, sample, count):
        """How often each class wins among `count` noisy copies."""
        total = 0
        for start in range(0, count, self.batch_size):
            size = min(self.batch_size, count - start)
            noise = self._rng.normal(0.0, self.sigma, (size, *sample.shape))
            noisy = (sample + noise).astype("float32")
            scores = np.asarray(self.network.predict_on_batch(noisy))
            winners = scores.argmax(axis=1)
            total = total + np.bincount(winners, minlength=scores.shape[1])
        return total

    def _predict_one(self, sample):
        votes = self.votes(sample, self.n)
        first, second = np.argsort(votes)[:-3:-1]
        both = int(votes[first] + votes[second])
        test = stats.binomtest(int(votes[first]), both, 0.5)
        return first if test.pvalue <= self.alpha else ABSTAIN

    def _certify_one(self, sample):
        label = int(self.votes(sample, self.n0).argmax())
        wins = int(self.votes(sample, self.n)[label])
        probability = _lower_confidence_bound(wins, self.n, self.alpha)
        if probability <= 0.5:
            return ABSTAIN, 0.0
        return label, self.sigma * stats.norm.ppf(probability)


def _lower_confidence_bound(wins, count, alpha):
    """Clopper and Pearson: below the true share with probability 1 - alpha."""
    if wins == 0:
        return 0.0
    return float(stats.beta.ppf(alpha, wins, count - wins + 1))

"""Batch normalization for training by interval bounds."""

import dataclasses

import keras
from keras import layers
from keras import ops

import keras_lipschitz
from keras_lipschitz.bounds import intervals
from keras_lipschitz.layers.linear_maps import convolution_map


class NormalizedConv2D(layers.Conv2D):
    """A convolution and the batch normalization behind it, as one kernel.

    The statistics of a batch are those of its images. The box around an image
    goes through the kernel that they lead to: normalization costs a training
    step no pass over a box. The gradient knows how the statistics follow from
    the kernel, but not how they follow from the layers before.

    Nothing but training needs it: `plain` folds it away.

    Args:
        *args: As for `keras.layers.Conv2D`.
        momentum: Number from 0 to 1, how much of the moving statistics a step
            keeps. Defaults to `0.95`.
        **kwargs: Likewise; channels are last.

    Reference:
        - [Ioffe and Szegedy, Batch Normalization, ICML 2015](
          https://arxiv.org/abs/1502.03167)
        - [Shi et al., Fast Certified Robust Training with Short Warmup,
          NeurIPS 2021](https://arxiv.org/abs/2103.17268)
    """

    # Those of Keras' convolutions know of a kernel and a bias alone.
    save_own_variables = layers.Layer.save_own_variables
    load_own_variables = layers.Layer.load_own_variables

    def __init__(self, *args, momentum=0.95, **kwargs):
        super().__init__(*args, **kwargs)
        self.momentum = momentum

    def build(self, input_shape):
        super().build(input_shape)
        self.scale = self._statistic("scale", "ones", trainable=True)
        self.moving_mean = self._statistic("moving_mean", "zeros")
        self.moving_variance = self._statistic("moving_variance", "ones")

    def _statistic(self, name, initializer, trainable=False):
        return self.add_weight(
            name=name,
            shape=(self.filters,),
            initializer=initializer,
            trainable=trainable,
            dtype="float32",
            autocast=False,
        )

    def call(self, x, training=False):
        if training:
            self.batch_statistics = self._statistics_of(x)
            for moving, new in zip(
                (self.moving_mean, self.moving_variance),
                self.batch_statistics,
                strict=True,
            ):
                kept = self.momentum * moving
                new = (1.0 - self.momentum) * ops.stop_gradient(new)
                moving.assign(kept + new)
        kernel, bias = self.folded(training)
        y = self.convolution_op(x, ops.cast(kernel, x.dtype))
        return self.activation(y + ops.cast(bias, y.dtype))

    def _statistics_of(self, x):
        """Mean and variance of each filter's answers to a batch."""
        y = self.convolution_op(
            ops.stop_gradient(x), ops.cast(self.kernel, x.dtype)
        )
        y = ops.cast(y, "float32")
        mean = ops.mean(y, axis=(0, 1, 2))
        square = ops.mean(ops.square(y), axis=(0, 1, 2))
        return mean, ops.maximum(square - ops.square(mean), 0.0)

    def folded(self, training=False):
        """Kernel and bias of the convolution that answers the same.

        Args:
            training: Whether by the statistics of the batch that a training
                step has just called the layer with.
        """
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean, variance = self.batch_statistics
        factor = self.scale * ops.rsqrt(variance + 1e-5)
        kernel = ops.cast(self.kernel, "float32") * factor
        return kernel, ops.cast(self.bias, "float32") - mean * factor

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


def plain(network):
    """The network with convolutions in place of normalized ones.

    Args:
        network: A Keras model.

    Returns:
        A model that answers what the network does at inference.
    """

    def clone(layer):
        config = layer.get_config()
        if isinstance(layer, NormalizedConv2D):
            del config["momentum"], config["name"]
            return layers.Conv2D.from_config(config)
        return layer.__class__.from_config(config)

    copy = keras.models.clone_model(network, clone_function=clone)
    for old, new in zip(network.layers, copy.layers, strict=True):
        normalized = isinstance(old, NormalizedConv2D)
        weights = old.folded() if normalized else old.get_weights()
        new.set_weights([ops.convert_to_numpy(w) for w in weights])
    return copy


@keras_lipschitz.register_linear_map(NormalizedConv2D)
def linear_map(layer, input_shape):
    return dataclasses.replace(
        convolution_map(layer, input_shape),
        read_kernel=lambda: layer.folded()[0],
    )


@keras_lipschitz.register_interval_rule(NormalizedConv2D)
def box_at_inference(layer, x):
    kernel, bias = layer.folded()
    return intervals.affine(
        x, layer.convolution_op, kernel, bias, layer.activation
    )


@keras_lipschitz.register_interval_rule(NormalizedConv2D, training=True)
def box_in_training(layer, x):
    kernel, bias = (
        ops.cast(w, layer.compute_dtype) for w in layer.folded(training=True)
    )
    return intervals.affine(
        x, layer.convolution_op, kernel, bias, layer.activation
    )

"""What in this process makes float32 less than float32."""

import os
import platform

import keras
from keras import ops

from keras_lipschitz.ops.circular_convolution import CircularConvolutionMap
from keras_lipschitz.ops.linear_maps import ConvolutionMap
from keras_lipschitz.propagation.registry import deciding_map_of

# Variables that let oneDNN and TensorFlow compute float32 with fewer bits, or
# convolve by other algorithms, and the values that do not.
_STRICT_VALUES = {
    "DNNL_DEFAULT_FPMATH_MODE": ("", "STRICT"),
    "ONEDNN_DEFAULT_FPMATH_MODE": ("", "STRICT"),
    "TF_SET_ONEDNN_FPMATH_MODE": ("", "STRICT"),
    "TF_USE_DEEP_CONV2D": ("", "0", "FALSE"),
}
_KNOWN_PROCESSORS = ("x86_64", "AMD64")


def float32_problems(steps):
    """Why float32 in this process is not bounded as IEEE binary32 is.

    Args:
        steps: The steps of a network.

    Returns:
        List of strings, empty where nothing speaks against it.
    """
    convolutions = any(_is_convolution(step) for step in steps)
    problems = [*_policies(steps), *_variables(), *_devices()]
    if keras.backend.backend() == "torch":
        problems += _torch(convolutions)
    if keras.backend.backend() == "jax":
        problems += _jax()
    if convolutions and platform.machine() not in _KNOWN_PROCESSORS:
        problems.append(
            "convolutions on this processor may use fast transforms (known are "
            f"{_KNOWN_PROCESSORS}; this is {platform.machine()!r})"
        )
    return problems


def _policies(steps):
    for step in steps:
        layer = step.layer
        for kind in ("compute_dtype", "variable_dtype"):
            dtype = getattr(layer, kind, "float32")
            if dtype != "float32":
                yield (
                    f"layer {step.name!r} has the {kind} {dtype!r} (policy "
                    f"{layer.dtype_policy.name!r})"
                )


def _variables():
    for name, strict in _STRICT_VALUES.items():
        if os.environ.get(name, "").upper() not in strict:
            yield f"the variable {name} is {os.environ[name]!r}"
    for flag in os.environ.get("XLA_FLAGS", "").split():
        name, _, value = flag.partition("=")
        if "fast_math" in name and value.lower() not in ("0", "false"):
            yield f"XLA_FLAGS has {flag!r}"


def _devices():
    for device in accelerators():
        yield (
            f"the device {device!r} is in use, whose kernels may round to "
            "TF32 or use fast transforms"
        )


def accelerators():
    """Names of the devices that the backend would prefer to the CPU."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_logical_devices()
        return [d.name for d in devices if d.device_type != "CPU"]
    if backend == "jax":
        import jax

        return [str(d) for d in jax.devices() if d.platform != "cpu"]
    device = ops.zeros(()).device
    return [str(device)] if device.type != "cpu" else []


def _torch(convolutions):
    import torch

    if torch.get_float32_matmul_precision() != "highest":
        yield (
            "torch.get_float32_matmul_precision() is "
            f"{torch.get_float32_matmul_precision()!r}"
        )
    for name in ("backends", "backends.mkldnn"):
        module = torch.backends if name == "backends" else torch.backends.mkldnn
        precision = getattr(module, "fp32_precision", "none")
        if precision not in ("none", "ieee"):
            yield f"torch.{name}.fp32_precision is {precision!r}"
    if convolutions and torch._C._get_nnpack_enabled():
        yield (
            "NNPACK may convolve by Winograd's algorithm; turn it off with "
            "`torch.backends.nnpack.set_flags(False)`"
        )


def _jax():
    import jax

    precision = jax.config.jax_default_matmul_precision
    if precision not in (None, "default", "highest", "float32"):
        yield f"jax_default_matmul_precision is {precision!r}"


def _is_convolution(step):
    linear_map = deciding_map_of(step.layer, step.input_shapes[0])
    return isinstance(linear_map, (ConvolutionMap, CircularConvolutionMap))

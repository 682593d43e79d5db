"""What the examples share: measuring a model, tables, plots, the machine."""

import contextlib
import json
import os
import platform
import time

import numpy as np


def limit_threads(threads):
    """Sets how many CPU threads the backend uses; call it before any work.

    Args:
        threads: Integer, or `None` to leave it to the backend.
    """
    import keras

    if threads is None:
        return
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    elif keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(threads)


def tensorboard_is_installed():
    try:
        import tensorboard  # noqa: F401
        import tensorflow  # noqa: F401
    except ImportError:
        return False
    return True


def art_is_usable():
    """Whether the Adversarial Robustness Toolbox can attack our model.

    Prints why not.
    """
    import keras

    try:
        import art  # noqa: F401
    except ImportError:
        print("No PGD: the Adversarial Robustness Toolbox is not installed.")
        return False
    if keras.backend.backend() != "tensorflow":
        print("No PGD: the attack runs on the TensorFlow backend.")
        return False
    return True


def measure(model, x, y, radii=True):
    """Clean accuracy, VRA and rejections with certificates that are proofs.

    Args:
        model: A `GloroModel`.
        x: Array of samples.
        y: Integer array of labels.
        radii: Whether radii other than epsilon are asked for. With an
            `IntervalBound` they take time.

    Returns:
        `(numbers, details)`: a dict for the results, and one of arrays.
    """
    import keras_lipschitz

    with contextlib.nullcontext() if radii else only_epsilon(model):
        numbers, details = _measured(model, x, y)
    if not radii:
        numbers["median_radius"] = None
    # Rounding is bounded where kernels are numbers, not computed. What holds
    # in deployed arithmetic holds in exact arithmetic.
    right = (details["predicted"] == y) & (details["radius"] > model.epsilon)
    plain = keras_lipschitz.models.to_plain(model)
    with only_epsilon(plain):
        for level in ("F64", "F32"):
            name = f"vra_{level.lower()}"
            numbers[name] = vra_at(level, plain, x, y, right)
    return numbers, details


@contextlib.contextmanager
def only_epsilon(model):
    """Within, it is asked of boxes whether they certify epsilon, no more."""
    from keras_lipschitz.bounds import IntervalBound

    if not isinstance(model.bound, IntervalBound):
        yield
        return
    steps, model.bound.radius_steps = model.bound.radius_steps, 0
    try:
        yield
    finally:
        model.bound.radius_steps = steps


def _measured(model, x, y):
    begin = time.perf_counter()
    # Of an estimate no radii are reported.
    with only_epsilon(model):
        estimate = model.certify(level="estimate")
        vra_estimate = np.mean(model.predict_certified(x).label == y)
    middle = time.perf_counter()
    certificate = model.certify()
    seconds = time.perf_counter() - middle
    label, radius = model.predict_certified(x)
    logits = model.predict(x, verbose=0)[:, :-1]
    predicted = logits.argmax(axis=1)
    numbers = {
        "epsilon": model.epsilon,
        "clean": float(np.mean(predicted == y)),
        "vra": float(np.mean(label == y)),
        "level": certificate.level,
        "vra_estimate": float(vra_estimate),
        "rejection_rate": float(np.mean(label < 0)),
        "median_radius": float(np.median(radius)),
        "body_constant": certificate.body_constant,
        "body_constant_estimate": estimate.body_constant,
        "certify_seconds": round(seconds, 2),
        "estimate_seconds": round(middle - begin, 2),
        "samples": len(y),
    }
    details = {"radius": radius, "predicted": predicted}
    return numbers, details


def vra_at(level, model, x, y, asked):
    """VRA where decisions hold for what computes in that format, or `None`.

    Rounding cannot be bounded for every layer and on every device: then the
    level is refused, and the reason is printed.

    Args:
        level: `"F64"` or `"F32"`.
        model: A `GloroModel`.
        x: Array of samples.
        y: Integer array of labels.
        asked: Boolean array: which samples to decide; others do not count.
    """
    try:
        model.certify(level)
        if not asked.any():
            return 0.0
        labels = model.predict_certified(x[asked]).label
        return float(np.sum(labels == y[asked]) / len(y))
    except ValueError as reason:
        print(f"No VRA at level {level}: {reason}")
        return None


def device(threads=None):
    """One line: the processor or accelerator, and the backend."""
    import keras

    backend = keras.backend.backend()
    version = __import__(backend).__version__
    cores = threads or os.cpu_count()
    name = _accelerator(backend) or f"{_processor()}, {cores} thread(s)"
    return f"{name}; Keras {keras.__version__}, {backend} {version}"


def write_json(path, content):
    with open(path + ".new", "w") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
    os.replace(path + ".new", path)


def markdown_table(rows):
    """A table from dicts with the same keys."""
    header = list(rows[0])
    lines = [header, ["---"] * len(header)]
    lines += [[str(row[key]) for key in header] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def percent(value):
    return "" if value is None else f"{100 * value:.2f}"


def _accelerator(backend):
    if backend == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        details = [
            tf.config.experimental.get_device_details(d) for d in devices
        ]
        return ", ".join(d.get("device_name", "GPU") for d in details)
    if backend == "jax":
        import jax

        kinds = [d.device_kind for d in jax.devices() if d.platform != "cpu"]
        return ", ".join(kinds)
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


def _processor():
    try:
        with open("/proc/cpuinfo") as file:
            lines = [line for line in file if line.startswith("model name")]
        return lines[0].split(":")[1].strip()
    except (OSError, IndexError):
        return platform.processor() or platform.machine()

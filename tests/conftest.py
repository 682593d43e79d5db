"""Set-up that every test shares, on every backend."""

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Tests compile much and run little.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
# There are as many processes as cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def clean_keras():
    """The same seed and precision for every test, whatever ran before."""
    # Not above: the process that hands out tests would wait for it as well.
    import keras

    keras.config.set_dtype_policy("float32")
    keras.utils.set_random_seed(0)
    yield
    keras.backend.clear_session(free_memory=False)

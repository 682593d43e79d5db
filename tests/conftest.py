"""Set-up that every test shares, on every backend."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Tests compile much and run little.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
# There are as many processes as cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import keras
import pytest


@pytest.fixture(autouse=True)
def clean_keras():
    """The same seed and precision for every test, whatever ran before."""
    keras.config.set_dtype_policy("float32")
    keras.utils.set_random_seed(0)
    yield
    keras.backend.clear_session(free_memory=False)

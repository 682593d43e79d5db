"""Plots: what was certified, how training went, where the constant is."""

from keras_lipschitz.visualization.certified_accuracy import (
    plot_certified_accuracy,
)
from keras_lipschitz.visualization.constants import plot_constants
from keras_lipschitz.visualization.local_bounds import plot_local_bounds
from keras_lipschitz.visualization.radius_grid import plot_radius_grid
from keras_lipschitz.visualization.training import plot_training

"""Data sets as the examples use them."""

from keras_lipschitz.datasets import augmentation
from keras_lipschitz.datasets.data_set import DataSet
from keras_lipschitz.datasets.data_set import EpochOrder
from keras_lipschitz.datasets.load import load
from keras_lipschitz.datasets.scikit_learn import digits
from keras_lipschitz.datasets.splits import Splits

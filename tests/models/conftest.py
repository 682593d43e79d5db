import keras
import pytest
from small import small_classifier
from small import small_data

import keras_lipschitz as kl


@pytest.fixture
def data():
    return small_data()


@pytest.fixture
def model():
    return kl.GloroModel(small_classifier(), epsilon=0.1)


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(1)
    model = kl.GloroModel(small_classifier(), epsilon=0.3)
    model.compile(
        keras.optimizers.Adam(1e-2), loss="gloro_crossentropy", metrics=["vra"]
    )
    x, y = small_data()
    model.fit(x, y, epochs=30, batch_size=32, verbose=0)
    return model

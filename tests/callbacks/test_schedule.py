"""The schedule itself: its curve, and where a run stands on it."""

import keras
import numpy as np
import pytest
import slow_schedule
from recorder import Recorder

import keras_lipschitz as kl

SHAPES = list(slow_schedule.CURVES)


class Bias(kl.callbacks.Schedule):
    """Moves the bias of a plain model, which is not trained."""

    log_name = "bias"

    def assign(self, value):
        self.model.layers[0].bias.assign([value])


def plain_model(**kwargs):
    layer = keras.layers.Dense(1, kernel_initializer="zeros", trainable=False)
    model = keras.Sequential([keras.Input((1,)), layer])
    # The loss of every batch is the square of the bias.
    model.compile("sgd", loss="mse", **kwargs)
    return model


def run(schedule, batches=5, epochs=4, model=None, **kwargs):
    model = plain_model() if model is None else model
    recorder = Recorder(lambda model: model.layers[0].bias[0])
    zeros = np.zeros((batches, 1))
    history = model.fit(
        zeros,
        zeros,
        batch_size=1,
        epochs=epochs,
        callbacks=[schedule, recorder],
        verbose=0,
        **kwargs,
    ).history
    return recorder, history


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "begin_at, reached_at", [(0.0, 1.0), (0.25, 0.75), (0.0, 0.0), (0.5, 0.5)]
)
@pytest.mark.parametrize("ends", [(0.01, 2.0), (3.0, 0.5), (1.0, 1.0)])
def test_values_against_the_definition(shape, begin_at, reached_at, ends):
    schedule = Bias(*ends, shape, begin_at, reached_at)
    expected = slow_schedule.values(*ends, shape, begin_at, reached_at, 33)
    progress = [i / 32 for i in range(33)]
    values = [schedule.value_at(p) for p in progress]
    assert values == pytest.approx(expected, rel=1e-9)
    assert values[-1] == ends[1] == schedule.value_at(1.5)
    assert schedule.value_at(reached_at) == ends[1]
    if shape != "constant" and reached_at > 0:
        assert values[0] == ends[0]
    steps = np.diff(values) * np.sign(ends[1] - ends[0])
    assert (steps >= -1e-12).all()


@pytest.mark.multi_backend
def test_every_batch_sees_its_value():
    recorder, history = run(Bias(1.0, 3.0, shape="cosine"))
    expected = slow_schedule.values(1.0, 3.0, "cosine", 0.0, 1.0, 20)
    assert recorder.seen == pytest.approx(expected, rel=1e-6)
    logged = [logs["bias"] for logs in recorder.batch_logs]
    assert logged == pytest.approx(expected, rel=1e-9)
    assert history["bias"] == pytest.approx(expected[4::5], rel=1e-9)
    assert history["bias"][-1] == 3.0 and recorder.seen[-1] == 3.0
    # And so does the compiled step.
    losses = recorder.losses(batches_per_epoch=5)
    assert losses == pytest.approx(np.square(expected), rel=1e-4)


@pytest.mark.multi_backend
def test_reached_early_and_begun_late():
    recorder, _ = run(Bias(1.0, 3.0, begin_at=0.2, reached_at=0.5))
    expected = slow_schedule.values(1.0, 3.0, "linear", 0.2, 0.5, 20)
    assert recorder.seen == pytest.approx(expected, rel=1e-6)
    assert recorder.seen[10:] == [3.0] * 10
    assert recorder.seen[:4] == [1.0] * 4


def test_a_resumed_run_goes_on_where_the_whole_run_would_be():
    whole, _ = run(Bias(1.0, 3.0))
    first, _ = run(Bias(1.0, 3.0), initial_epoch=0)
    resumed, _ = run(Bias(1.0, 3.0), initial_epoch=2)
    assert resumed.seen == whole.seen[10:]
    assert first.seen == whole.seen


def test_one_object_serves_many_runs():
    schedule, model = Bias(1.0, 3.0), plain_model()
    first, _ = run(schedule, model=model)
    second, _ = run(schedule, batches=3, epochs=2, model=model)
    assert second.seen[0] == 1.0 and second.seen[-1] == 3.0
    assert len(second.seen) == 6


@pytest.mark.parametrize("batches, epochs", [(1, 1), (1, 3), (7, 1)])
def test_short_runs_reach_the_end(batches, epochs):
    recorder, history = run(Bias(1.0, 3.0), batches=batches, epochs=epochs)
    assert recorder.seen[-1] == history["bias"][-1] == 3.0
    assert recorder.seen[0] == (1.0 if batches * epochs > 1 else 3.0)


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="Keras has it for TF and JAX"
)
@pytest.mark.parametrize("batches", [6, 7])
@pytest.mark.multi_backend
def test_several_steps_in_one_execution(batches):
    model = plain_model(steps_per_execution=3)
    recorder, history = run(Bias(1.0, 3.0), batches=batches, model=model)
    executions = -(-batches // 3) * 4
    expected = slow_schedule.values(
        1.0, 3.0, "linear", 0.0, 1.0, batches=executions
    )
    assert recorder.seen == pytest.approx(expected, rel=1e-6)
    assert recorder.seen[-1] == history["bias"][-1] == 3.0


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="reads a tf.data pipeline"
)
def test_data_of_unknown_length():
    import tensorflow as tf

    # A filter hides how many elements are left.
    data = tf.data.Dataset.range(10).filter(lambda i: i % 2 == 0)
    data = data.map(lambda i: (tf.zeros((1, 1)), tf.zeros((1, 1))))
    schedule, recorder = Bias(1.0, 3.0), Recorder(lambda m: m.layers[0].bias[0])
    callbacks = [schedule, recorder]
    history = (
        plain_model()
        .fit(data, epochs=4, callbacks=callbacks, verbose=0)
        .history
    )
    expected = slow_schedule.values(1.0, 3.0, "linear", 0.0, 1.0, 20)
    expected[:5] = [1.0] * 5
    logged = [logs["bias"] for logs in recorder.batch_logs]
    assert logged == pytest.approx(expected, rel=1e-6)
    losses = recorder.losses(batches_per_epoch=5)
    assert losses == pytest.approx(np.square(expected), rel=1e-4)
    assert history["bias"] == pytest.approx(expected[4::5])
    with pytest.raises(ValueError, match="steps_per_epoch"):
        plain_model().fit(data, epochs=1, callbacks=callbacks, verbose=0)
    recorder.seen.clear()
    plain_model().fit(
        data, epochs=1, steps_per_epoch=5, callbacks=callbacks, verbose=0
    )
    assert recorder.seen[0] == 1.0 and recorder.batch_logs[-1]["bias"] == 3.0


def test_loggers_see_the_value(tmp_path):
    path = tmp_path / "log.csv"
    model = plain_model()
    zeros = np.zeros((4, 1))
    model.fit(
        zeros,
        zeros,
        epochs=3,
        callbacks=[Bias(1.0, 3.0), keras.callbacks.CSVLogger(path)],
        verbose=0,
    )
    rows = [line.split(",") for line in path.read_text().splitlines()]
    column = rows[0].index("bias")
    assert [float(row[column]) for row in rows[1:]] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf, "1", None, True])
def test_ends_that_are_no_numbers_are_refused(value):
    with pytest.raises(ValueError, match="`start` should be.*Received"):
        Bias(value, 1.0)
    with pytest.raises(ValueError, match="`end` should be.*Received"):
        Bias(1.0, value)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"begin_at": 0.6, "reached_at": 0.5},
        {"reached_at": 1.5},
        {"begin_at": -0.1},
        {"reached_at": np.nan},
        {"reached_at": "half"},
    ],
)
def test_fractions_that_are_none_are_refused(kwargs):
    with pytest.raises(ValueError, match="fractions of the run.*Received"):
        Bias(1.0, 2.0, **kwargs)


def test_unknown_shape_and_zero_in_an_exponential_are_refused():
    with pytest.raises(ValueError, match="`shape` should be.*staircase"):
        Bias(1.0, 2.0, shape="staircase")
    with pytest.raises(ValueError, match="`start` should be positive"):
        Bias(0.0, 2.0, shape="exponential")
    with pytest.raises(ValueError, match="`end` should be positive"):
        Bias(1, 0, shape="exponential")

import json
import math
import os
import time

import keras


class ResumableRun(keras.callbacks.Callback):
    """Keeps a run on disk so that it can be killed and started again.

    After every epoch the weights (with those of the optimizer) go to a file of
    their own, and then one small file that names them is replaced in one go:
    whatever the moment of the end, it tells of a finished epoch. (Keras'
    `BackupAndRestore` writes weights and epoch number one after the other.)

    Args:
        directory: Where to keep the files.
        settings: Dict that a run must share with the one that it continues.
        monitor: Name in the logs of what the best epoch has most of; where
            it is not in the logs, the last epoch is the best.
    """

    def __init__(self, directory, settings, monitor="val_vra"):
        super().__init__()
        os.makedirs(directory, exist_ok=True)
        self.directory = directory
        self.monitor = monitor
        # Through JSON, so that tuples and lists are the same.
        settings = json.loads(json.dumps(settings))
        self.state = self._read() or {
            "settings": settings,
            "epoch": 0,
            "best_epoch": 0,
            "best": -math.inf,
            "seconds": 0.0,
            "history": {},
        }
        if self.state["settings"] != settings:
            raise ValueError(
                f"The run in {directory} has other settings. Expected: "
                f"{self.state['settings']}. Received: {settings}. Choose "
                "another --output, or delete the folder."
            )

    @property
    def epoch(self):
        """How many epochs are finished: the `initial_epoch` for `fit`."""
        return self.state["epoch"]

    @property
    def history(self):
        """What was logged, as a dict of lists."""
        return self.state["history"]

    def restore(self, model):
        """Gives a compiled model the state after the last finished epoch."""
        if self.epoch:
            model.optimizer.build(model.trainable_variables)
            model.load_weights(self._weights(self.epoch))

    def restore_best(self, model):
        """Gives a model the weights of the best epoch."""
        model.load_weights(self._weights(self.state["best_epoch"]))

    def on_epoch_begin(self, epoch, logs=None):
        self._begin = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        done = epoch + 1
        self.model.save_weights(self._weights(done))
        state = {
            **self.state,
            "epoch": done,
            "seconds": self.state["seconds"]
            + time.perf_counter()
            - self._begin,
            "history": {
                name: [*self.history.get(name, []), float(value)]
                for name, value in logs.items()
            },
        }
        value = logs.get(self.monitor)
        if value is None or value > state["best"]:
            state["best"] = state["best"] if value is None else float(value)
            state["best_epoch"] = done
        self._write(state)

    def _weights(self, epoch):
        return os.path.join(self.directory, f"epoch_{epoch}.weights.h5")

    @property
    def _path(self):
        return os.path.join(self.directory, "state.json")

    def _read(self):
        if not os.path.isfile(self._path):
            return None
        with open(self._path) as file:
            return json.load(file)

    def _write(self, state):
        with open(self._path + ".new", "w") as file:
            json.dump(state, file)
        os.replace(self._path + ".new", self._path)
        self.state = state
        needed = {
            os.path.basename(self._weights(state[key]))
            for key in ("epoch", "best_epoch")
        }
        for name in os.listdir(self.directory):
            if name.endswith(".weights.h5") and name not in needed:
                os.remove(os.path.join(self.directory, name))

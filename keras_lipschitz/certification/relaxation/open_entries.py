"""What one box leaves open of a network, and how margins depend on it."""

import dataclasses

import numpy as np
from scipy import sparse

from keras_lipschitz.certification.formats import DOUBLE
from keras_lipschitz.certification.relaxation.reduced_network import (
    ReducedNetwork,
)
from keras_lipschitz.certification.relaxation.reduced_network import Rows
from keras_lipschitz.propagation.composition import key_of

# How many coefficients to carry together at most, if all of them counted.
_LARGEST_BATCH = 2**23
# Makes up for the rounding of sums of errors.
_UP = 1.0 + 2.0**-20
# Boxes that are narrower, relatively, are numbers with an error.
_NARROW = 2.0**-36


class OpenEntries:
    """The features and units that one box leaves open.

    Args:
        reduction: The `Reduction` of the network.
        boxes: Dict from tensor index to the `TrackedBox` of one input.
    """

    def __init__(self, reduction, boxes):
        self.reduction, self.boxes = reduction, boxes
        self.evaluations, self.steps = reduction.evaluations, reduction.steps
        self.rounding = reduction.candidates.rounding(boxes)
        self._find_features()
        self._find_units()

    def network(self, rows, constants, errors):
        """The `ReducedNetwork` of margins: see `Reduction.reduce`."""
        last = self.reduction.network.last
        margins = self._traced(
            {last: rows}, len(self.steps), self._nothing(len(rows))
        )
        margins = dataclasses.replace(
            margins,
            constant=margins.constant + constants,
            error=margins.error + errors,
        )
        units = [
            rows for step in self.units for rows in self._preactivations(step)
        ]
        largest = np.abs(self.values).max(axis=1)
        passed = np.maximum(self.upper, 0.0)
        return ReducedNetwork(
            self.values,
            self.starts,
            tuple(self.layers),
            _computed(_stacked([self._nothing(0), *units]), largest, passed),
            self.lower,
            self.upper,
            _computed(margins, largest, passed),
            set(self.open) <= set(self.reduction.candidates.tensors),
        )

    def _find_features(self):
        """Which entries are open where the walk back ends."""
        pixels = self.reduction.candidates
        box = self.boxes[self.reduction.input]
        inputs = pixels.of(box.lower[0], box.upper[0])
        of_pixels = pixels.values(inputs)
        self.open, found = {}, [np.zeros((0, len(inputs) + 1))]
        independent = inputs[0].size
        for i in self.reduction.ends:
            lower, upper = _ends(self.boxes[i])
            (open_,) = np.nonzero(upper - lower > _NARROW * _size(lower, upper))
            self.open[i] = open_
            if i in pixels.tensors:
                values = of_pixels[i].reshape(len(inputs), -1)[:, open_].T
                number = pixels.tensors[i].source.ravel()[open_] - 1.0
            else:
                values = np.stack([lower[open_], upper[open_]], axis=1)
                more = ((0, 0), (0, len(inputs) - 2))
                values = np.pad(values, more, mode="edge")
                number = independent + np.arange(len(open_))
                independent += len(open_)
            found.append(np.column_stack([number, values]))
        # What is the same function of the same number is one feature.
        features, place = np.unique(
            np.concatenate(found), axis=0, return_inverse=True
        )
        counts = np.cumsum([len(open_) for open_ in self.open.values()])
        places = np.split(place.ravel(), counts[:-1])
        self.place = dict(zip(self.open, places, strict=True))
        self.values = features[:, 1:]
        _, self.starts = np.unique(features[:, 0], return_index=True)

    def _find_units(self):
        """Which ReLUs may bend, in order."""
        self.units, self.layers = {}, []
        lowers, uppers, count = [np.zeros(0)], [np.zeros(0)], 0
        for layer in self.reduction.layers:
            begin = count
            for step in layer:
                lower, upper = self._read(step)
                (open_,) = np.nonzero((lower < 0.0) & (upper > 0.0))
                self.units[step] = open_, slice(count, count + len(open_))
                lowers.append(lower[open_])
                uppers.append(upper[open_])
                count += len(open_)
            if count > begin:
                self.layers.append(slice(begin, count))
        self.lower, self.upper = np.concatenate(lowers), np.concatenate(uppers)

    def _read(self, step):
        """The ends of what a ReLU reads."""
        box = self.boxes[step.outputs[0]]
        if self.evaluations[step].selection is not None:
            return (end[0].ravel() for end in box.unselected)
        lower, upper = _ends(self.boxes[step.inputs[0]])
        rounding = _entries(box.rounding, box)
        return lower - rounding, upper + rounding

    def _nothing(self, rows):
        return Rows(
            sparse.csr_array((rows, len(self.values))),
            sparse.csr_array((rows, len(self.lower))),
            np.zeros(rows),
            np.zeros(rows),
        )

    def _preactivations(self, step):
        """The rows of the open units of one layer, some at a time."""
        open_, _ = self.units[step]
        position = self.steps.index(step)
        size = self.boxes[step.outputs[0]].lower.size
        at_once = max(1, _LARGEST_BATCH // size)
        for begin in range(0, len(open_), at_once):
            some = open_[begin : begin + at_once]
            ones = (np.ones(len(some)), (np.arange(len(some)), some))
            rows = sparse.csr_array(ones, shape=(len(some), size))
            result, pending = self._through(
                step, rows, self._nothing(len(some)), {}
            )
            yield self._traced(pending, position, result)

    def _traced(self, pending, position, result):
        """Carries rows back through the steps before a position."""
        for step in reversed(self.steps[:position]):
            (i,) = step.outputs
            if i in pending:
                rows, result = self._bent(step, pending.pop(i), result)
                result, pending = self._through(step, rows, result, pending)
        for i, rows in pending.items():
            result = self._ended(i, rows, result)
        return result

    def _bent(self, step, rows, result):
        """The rows of a layer before its ReLU, where that does not bend."""
        if not self.evaluations[step].rectifies:
            return rows, result
        lower, _ = self._read(step)
        active = sparse.diags_array((lower >= 0.0).astype("float64"))
        if step in self.units:
            open_, layer = self.units[step]
            places = np.arange(layer.start, layer.stop)
            units = _moved(rows, open_, places, len(self.lower))
            result = dataclasses.replace(result, units=result.units + units)
        rows = sparse.csr_array(rows @ active)
        rows.eliminate_zeros()
        return rows, result

    def _through(self, step, rows, result, pending):
        """Carries rows from the output of a layer to its inputs."""
        box = self.boxes[step.outputs[0]]
        constant = _entries(self.evaluations[step].affine.constant, box)
        off = box.rounding + DOUBLE.gamma(2 * box.lower.size + 256) * box.terms
        result = dataclasses.replace(
            result,
            constant=result.constant + rows @ constant,
            error=result.error + np.abs(rows) @ _entries(off, box) * _UP,
        )
        matrices = self.reduction.matrices[key_of(step)]
        for i, matrix in zip(step.inputs, matrices, strict=True):
            carried = sparse.csr_array(rows @ matrix)
            pending[i] = pending[i] + carried if i in pending else carried
        return result, pending

    def _ended(self, i, rows, result):
        """Collects what reaches a tensor where the walk back ends."""
        box, open_ = self.boxes[i], self.open[i]
        lower, upper = _ends(box)
        # An open feature is off by what is rounded up to it; a closed one, and
        # one that is free, has it in its box.
        off = DOUBLE.gamma(2 * len(lower) + 256) * _size(lower, upper)
        off += self.rounding.get(i, 0.0)
        closed = np.ones(len(lower), bool)
        closed[open_] = False
        off += np.where(closed, upper - lower, 0.0)
        middle = np.where(closed, (lower + upper) / 2.0, 0.0)
        features = _moved(rows, open_, self.place[i], len(self.values))
        return dataclasses.replace(
            result,
            features=result.features + features,
            constant=result.constant + rows @ middle,
            error=result.error + np.abs(rows) @ off * _UP,
        )


def _ends(box):
    return box.lower[0].ravel(), box.upper[0].ravel()


def _entries(array, box):
    """One number for each entry of the box of one sample."""
    return np.broadcast_to(array, box.lower.shape)[0].ravel()


def _size(lower, upper):
    return np.maximum(np.abs(lower), np.abs(upper))


def _moved(rows, columns, places, count):
    """Some columns of rows, put to other places among so many."""
    moves = sparse.csr_array(
        (np.ones(len(columns)), (columns, places)),
        shape=(rows.shape[1], count),
    )
    return sparse.csr_array(rows @ moves)


def _stacked(parts):
    """Rows below one another."""
    return Rows(
        sparse.vstack([part.features for part in parts], format="csr"),
        sparse.vstack([part.units for part in parts], format="csr"),
        np.concatenate([part.constant for part in parts]),
        np.concatenate([part.error for part in parts]),
    )


def _computed(rows, largest, passed):
    """The same rows, off by what computing with them rounds as well."""
    terms = (
        np.abs(rows.features) @ largest
        + np.abs(rows.units) @ passed
        + np.abs(rows.constant)
    )
    operations = 8 * (len(largest) + len(passed)) + 1024
    error = rows.error + DOUBLE.gamma(operations) * terms
    return dataclasses.replace(rows, error=error * _UP)

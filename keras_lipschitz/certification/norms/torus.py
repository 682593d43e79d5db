"""The axes of a convolution, closed to circles."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Circle:
    """One axis of a torus: `size` positions, closed with or without a twist.

    Args:
        size: Integer.
        twist: `0`, or `1` where what crosses the seam changes sign.
    """

    size: int
    twist: int = 0

    def phases(self, frequency, shifts):
        """`exp(i w d)`, with `w = pi (2 frequency + twist) / size`.

        Args:
            frequency: Integer array.
            shifts: Integer array of values of `d`.

        Returns:
            Complex array `(frequencies, shifts)`.
        """
        turns = np.multiply.outer(2 * frequency + self.twist, shifts)
        # Exact, and the smaller the angle, the smaller its rounding.
        turns = (turns + self.size) % (2 * self.size) - self.size
        angles = turns * np.pi / self.size
        return np.cos(angles) + 1j * np.sin(angles)

    def distances(self, frequency, angle):
        """How far frequencies are from an angle or its negative."""
        own = np.pi * (2 * frequency + self.twist) / self.size
        return abs(np.arccos(np.cos(own)) - np.arccos(np.cos(angle)))

    def clearance(self, angle):
        """How far the nearest frequency is from an angle."""
        return self.distances(np.arange(self.size), angle).min()


@dataclasses.dataclass(frozen=True)
class Polyphase:
    """One axis of a convolution, as one of stride 1 on `stride` phases.

    With the input split into phases `x_r[m] = x[stride m + r]`, tap `t` reads
    `x_r[o + shift]` with `dilation t - before = stride shift + r`.
    """

    shifts: np.ndarray
    phases: np.ndarray
    outputs: int
    inputs: int
    stride: int

    @classmethod
    def of(cls, convolution, axis):
        stride = convolution.strides[axis]
        taps = np.arange(convolution.kernel.shape[axis])
        before = convolution.padding[axis][0]
        offsets = convolution.dilation[axis] * taps - before
        return cls(
            offsets // stride,
            offsets % stride,
            convolution.output_size[axis],
            -(-convolution.input_size[axis] // stride),
            stride,
        )

    @property
    def smallest_circle(self):
        """The least size on which no input is met by a wrong output.

        Output `o` meets input `m` of the circle where `o + shift - m` is a
        multiple of its size; it must be zero then. Where all taps have one
        shift every output has inputs of its own, and any circle will do.
        """
        if self.shifts.min() == self.shifts.max():
            return 1
        return max(
            self.outputs,
            self.inputs,
            self.outputs + int(self.shifts.max()),
            self.inputs - int(self.shifts.min()),
        )

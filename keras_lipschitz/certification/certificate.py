import dataclasses
import json
import platform

import keras
import numpy as np

from keras_lipschitz._version import __version__
from keras_lipschitz.certification.levels import SPEAKS_OF
from keras_lipschitz.propagation.norms import norm_name

_FORMAT = "keras_lipschitz certificate"


@dataclasses.dataclass(frozen=True)
class LayerNorm:
    """What a certificate says of one layer.

    Args:
        name: Where the layer stands in the model.
        kind: Its class.
        method: How `upper` was obtained.
        lower: A value that the norm attains, up to rounding.
        upper: The value that the certificate uses.
    """

    name: str
    kind: str
    method: str
    lower: float
    upper: float

    @property
    def gap(self):
        """By what share `upper` may exceed the norm."""
        return self.upper / self.lower - 1.0 if self.lower else 0.0


class LayerNorms(tuple):
    """The `LayerNorm` of every layer with weights; prints as a table."""

    def __str__(self):
        rows = [("layer", "lower bound", "used", "gap", "method")]
        for norm in self:
            rows.append(
                (
                    f"{norm.name} ({norm.kind})",
                    f"{norm.lower:.6g}",
                    f"{norm.upper:.6g}",
                    f"{norm.gap:.1e}",
                    norm.method,
                )
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                cell.ljust(width)
                for cell, width in zip(row, widths, strict=True)
            ).rstrip()
            for row in rows
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Certificate:
    """How fast the margins of one network can move, for exactly its weights.

    Made by `GloroModel.certify()`. A certificate holds for the weights whose
    SHA-256 it carries and for no others; a model refuses a foreign one.

    Args:
        level: What it speaks of, one of `keras_lipschitz.certification.LEVELS`.
        layers: `LayerNorms`, in the order of the network.
        body_constant: Lipschitz constant of everything below the last layer.
        margin_constants: Float64 array `(classes, classes)`: entry `(i, j)`
            bounds how fast `f_i - f_j` moves, per unit of the norm of the
            model's input.
        weights: SHA-256 of the weights, hexadecimal.
        input_shape: Shape of one input.
        bound: Name of the class of the margin bound, which may look at each
            input beside.
        norm: The norm of the input's perturbation, `2` or `"inf"`.
        versions: Dict of the versions that made it.
    """

    level: str
    layers: tuple
    body_constant: float
    margin_constants: np.ndarray
    weights: str
    input_shape: tuple
    bound: str = "GlobalLipschitz"
    norm: int | str = 2
    versions: dict = dataclasses.field(
        default_factory=lambda: {
            "keras_lipschitz": __version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        }
    )

    @property
    def rigorous(self):
        """Whether the constants are proven upper bounds."""
        return self.level != "estimate"

    @property
    def statement(self):
        """What is claimed, and in which units, in words."""
        return (
            f"Level {self.level!r} speaks of {SPEAKS_OF[self.level]}. Margins "
            "move by at most the margin constants times the "
            f"{norm_name(self.norm)} distance of two inputs, in units of the "
            "model's input. Not covered: what is done to the data before the "
            "model, exports that rewrite or quantise the network, faults of "
            "hardware or of the linear algebra library."
        )

    def to_json(self):
        """The certificate as a JSON string."""
        fields = {"format": _FORMAT, "statement": self.statement}
        for field in dataclasses.fields(self):
            fields[field.name] = getattr(self, field.name)
        fields["layers"] = [dataclasses.asdict(norm) for norm in self.layers]
        fields["margin_constants"] = self.margin_constants.tolist()
        return json.dumps(fields, indent=1)

    @classmethod
    def from_json(cls, text):
        """The certificate that `to_json` wrote."""
        try:
            fields = json.loads(text)
            if fields.pop("format") != _FORMAT:
                raise ValueError("another format")
            del fields["statement"]
            fields["layers"] = LayerNorms(
                LayerNorm(**layer) for layer in fields["layers"]
            )
            fields["margin_constants"] = np.array(
                fields["margin_constants"], "float64"
            )
            fields["input_shape"] = tuple(fields["input_shape"])
            return cls(**fields)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                "Expected the JSON text of a keras_lipschitz certificate. "
                f"Received: {text[:60]!r}... ({error})"
            ) from error

    def save(self, path):
        """Writes the certificate to a JSON file."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.to_json())

    @classmethod
    def load(cls, path):
        """Reads a certificate from a JSON file."""
        with open(path, encoding="utf-8", errors="replace") as file:
            return cls.from_json(file.read())

    def __str__(self):
        table = self.margin_constants
        off_diagonal = table[~np.eye(len(table), dtype=bool)]
        return "\n".join(
            [
                f"Certificate, level {self.level!r}, {norm_name(self.norm)} "
                f"norm of the input {self.input_shape}, weights "
                f"{self.weights[:12]}",
                str(self.layers),
                f"body constant {self.body_constant:.6g}, margin constants "
                f"{off_diagonal.min():.6g} to {off_diagonal.max():.6g}",
            ]
        )

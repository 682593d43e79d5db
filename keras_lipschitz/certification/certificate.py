import dataclasses
import json
import platform

import keras
import numpy as np

from keras_lipschitz._version import __version__

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


@dataclasses.dataclass(frozen=True, eq=False)
class Certificate:
    """How fast the margins of one network can move, for exactly its weights.

    Made by `GloroModel.certify()`. A certificate holds for the weights whose
    SHA-256 it carries and for no others; a model refuses a foreign one.

    Args:
        level: `"estimate"` (norms approached from below: no proof).
        layers: Tuple of `LayerNorm`, in the order of the network.
        body_constant: Lipschitz constant of everything below the last layer.
        margin_constants: Float64 array `(classes, classes)`: entry `(i, j)`
            bounds how fast `f_i - f_j` moves, per unit of the l2 norm of the
            model's input.
        weights: SHA-256 of the weights, hexadecimal.
        input_shape: Shape of one input.
        versions: Dict of the versions that made it.
    """

    level: str
    layers: tuple
    body_constant: float
    margin_constants: np.ndarray
    weights: str
    input_shape: tuple
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

    def to_json(self):
        """The certificate as a JSON string."""
        fields = dataclasses.asdict(self)
        fields["margin_constants"] = self.margin_constants.tolist()
        return json.dumps({"format": _FORMAT, **fields}, indent=1)

    @classmethod
    def from_json(cls, text):
        """The certificate that `to_json` wrote."""
        try:
            fields = json.loads(text)
            if fields.pop("format") != _FORMAT:
                raise ValueError("another format")
            fields["layers"] = tuple(
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
        off_diagonal = self.margin_constants[
            ~np.eye(len(self.margin_constants), dtype=bool)
        ]
        rows = [
            (f"{n.name} ({n.kind})", f"{n.lower:.6g}", f"{n.upper:.6g}", n.method)
            for n in self.layers
        ]
        rows.insert(0, ("layer", "lower bound", self.bound_name, "method"))
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = [
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))
            for row in rows
        ]
        return "\n".join(
            [
                f"Certificate, level {self.level!r}, l2 norm of the input "
                f"{self.input_shape}, weights {self.weights[:12]}",
                *(line.rstrip() for line in lines),
                f"body constant {self.body_constant:.6g}, margin constants "
                f"{off_diagonal.min():.6g} to {off_diagonal.max():.6g}",
            ]
        )

    @property
    def bound_name(self):
        return "upper bound" if self.rigorous else "estimate"

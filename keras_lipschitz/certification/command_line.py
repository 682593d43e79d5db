"""The command line that checks a certificate."""

import argparse
import sys

import keras
import numpy as np

from keras_lipschitz.certification.certificate import Certificate
from keras_lipschitz.certification.checker import bound_of
from keras_lipschitz.certification.checker import check
from keras_lipschitz.certification.levels import SPEAKS_OF


def main(arguments=None):
    """The command line: prints what was found.

    Returns:
        `0` where the certificate holds, `1` where it does not, `2` where a
        file cannot be read.
    """
    options = _parse(arguments)
    try:
        certificate = Certificate.load(options.certificate)
        model = keras.saving.load_model(options.model, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        print(f"Cannot read: {error}", file=sys.stderr)
        return 2
    try:
        findings, problems = check(model, certificate)
        print(_table(findings))
        if not problems and options.data is not None:
            print(_decisions(model, certificate, options))
    except ValueError as error:
        problems = [str(error)]
    if problems:
        print("The certificate does NOT hold:", file=sys.stderr)
        for problem in problems:
            print(f"  - {problem}", file=sys.stderr)
        return 1
    print(
        f"The certificate holds. Level {certificate.level!r} speaks of "
        f"{SPEAKS_OF[certificate.level]}."
    )
    return 0


def _parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m keras_lipschitz.certification",
        description="Checks a certificate by a second, independent method.",
    )
    parser.add_argument("model", help="a .keras file")
    parser.add_argument("certificate", help="the certificate's JSON file")
    parser.add_argument(
        "--data", help="a .npz file with inputs `x` and labels `y` to decide"
    )
    parser.add_argument(
        "--epsilon", type=float, help="the radius; defaults to the model's"
    )
    return parser.parse_args(arguments)


def _table(findings):
    rows = [("layer", "attained", "certified", "second bound", "method")]
    rows += [
        (
            f.name,
            f"{f.lower:.9g}",
            f"{f.claimed:.9g}",
            f"{f.upper:.9g}",
            f.method,
        )
        for f in findings
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )


def _decisions(model, certificate, options):
    epsilon = options.epsilon
    if epsilon is None:
        epsilon = getattr(model, "epsilon", 0.0)
    with np.load(options.data) as data:
        x, y = data["x"], data["y"]
    bound = bound_of(model, certificate.norm)
    labels, radii = bound.decider(certificate, epsilon)(x, None)
    right = labels == y.ravel()
    return (
        f"{len(x)} inputs: {right.mean():.4%} right, "
        f"{np.mean(right & (radii > epsilon)):.4%} right and certified at "
        f"epsilon {epsilon:g}, level {certificate.level!r}"
    )

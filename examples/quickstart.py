"""Trains a classifier of handwritten digits that proves its predictions.

    python examples/quickstart.py --epochs 60 --epsilon 0.3

The digits come inside scikit-learn: nothing is downloaded. Prints the results
on the test set and leaves in `--output`: the model (`model.keras`), a
SavedModel that serves without this library (`saved_model`), the certificate
(`certificate.json`), the results (`results.json`) and plots.
"""

import argparse
import json
import time
from pathlib import Path

import keras
import numpy as np

import keras_lipschitz
from keras_lipschitz import callbacks
from keras_lipschitz import visualization
from keras_lipschitz.datasets import digits


def main():
    arguments = parse()
    start = time.perf_counter()
    keras.utils.set_random_seed(arguments.seed)
    data = digits()
    model = build(arguments.epsilon)
    history = train(model, data, arguments)
    results = evaluate(model, data.test, arguments)
    save(model, results, arguments.output)
    plot(model, data.test, history, arguments.output)
    print(f"\n{model.certificate}\n\n{table(results)}\n")
    print(
        f"Everything lies in {arguments.output}/ "
        f"after {time.perf_counter() - start:.0f} s."
    )


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument(
        "--epsilon",
        type=float,
        default=0.3,
        help="l2 radius to certify, for pixels from 0 to 1",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("runs/quickstart"))
    return parser.parse_args()


def build(epsilon):
    """2C2F for 8 by 8 pixels, ready for training."""
    base = keras_lipschitz.models.cnn_2c2f((8, 8, 1), 10)
    model = keras_lipschitz.GloroModel(base, epsilon=epsilon)
    model.compile(
        keras.optimizers.Adam(5e-3),
        loss="gloro_crossentropy",
        metrics=["clean_accuracy", "vra"],
    )
    return model


def train(model, data, arguments):
    """Trains for a radius that grows to a little above epsilon."""
    return model.fit(
        *data.train,
        batch_size=32,
        epochs=arguments.epochs,
        validation_data=data.validation,
        callbacks=[
            callbacks.EpsilonSchedule(
                0.1 * arguments.epsilon, 1.2 * arguments.epsilon
            ),
            callbacks.LearningRateDecay(1e-5),
            callbacks.LipschitzUpdate(),
        ],
    )


def evaluate(model, test, arguments):
    """Results on the test set, which nothing was chosen by."""
    x, y = test
    certificate = model.certify()
    labels, radii = model.predict_certified(x)
    correct = clean_predictions(model, x) == y
    return {
        "epsilon": model.epsilon,
        "clean_accuracy": float(np.mean(correct)),
        "vra": float(np.mean(labels == y)),
        "rejection_rate": float(np.mean(labels < 0)),
        "certified_radius": float(np.mean(np.where(correct, radii, 0.0))),
        "constant": certificate.body_constant,
        "level": certificate.level,
        "test_samples": len(y),
        "epochs": arguments.epochs,
        "seed": arguments.seed,
        "backend": keras.backend.backend(),
    }


def clean_predictions(model, x):
    """The classes with the largest logit, certified or not."""
    return model.predict(x, verbose=0)[:, :-1].argmax(axis=1)


def save(model, results, output):
    output.mkdir(parents=True, exist_ok=True)
    model.save(output / "model.keras")
    model.certificate.save(output / "certificate.json")
    (output / "results.json").write_text(json.dumps(results, indent=1))
    if keras.backend.backend() == "tensorflow":
        model.export(output / "saved_model", verbose=False)


def plot(model, test, history, output):
    x, y = test
    predictions = clean_predictions(model, x)
    radii = model.certified_radius(x)
    figures = {
        "certified_accuracy": visualization.plot_certified_accuracy(
            radii, predictions == y, epsilon=model.epsilon
        ),
        "training": visualization.plot_training(history),
        "constants": visualization.plot_constants(model.certificate),
        "radius_grid": visualization.plot_radius_grid(x, y, predictions, radii),
    }
    for name, figure in figures.items():
        figure.savefig(output / f"{name}.png")


def table(results):
    """The results as a line of numbers under a line of names."""
    cells = {
        "epsilon": f"{results['epsilon']:g}",
        "clean accuracy": f"{results['clean_accuracy']:.1%}",
        "VRA": f"{results['vra']:.1%}",
        "rejection rate": f"{results['rejection_rate']:.1%}",
        "mean certified radius": f"{results['certified_radius']:.3f}",
        "constant": f"{results['constant']:.4g}",
    }
    widths = [max(len(name), len(cell)) for name, cell in cells.items()]
    lines = zip(cells.keys(), cells.values(), widths, strict=True)
    names, numbers = zip(
        *((name.rjust(w), cell.rjust(w)) for name, cell, w in lines),
        strict=True,
    )
    return "  ".join(names) + "\n" + "  ".join(numbers)


if __name__ == "__main__":
    main()

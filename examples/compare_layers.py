"""Trains one network with every 1-Lipschitz convolution, side by side.

LipConvNet-5 with the same width, epochs, optimizer and losses for all; what is
printed is the verified-robust accuracy on the test set at level R.

    python examples/compare_layers.py --data digits --epochs 15
    python examples/compare_layers.py --data mnist --epsilon 1.58 --epochs 10
"""

import argparse
import json
import time
from pathlib import Path

import keras
import numpy as np
from reporting import limit_threads

import keras_lipschitz
from keras_lipschitz import datasets
from keras_lipschitz import losses
from keras_lipschitz import models

CONVOLUTIONS = (
    "aol",
    "adaptive_orthogonal",
    "soc",
    "spectral_rescaling",
    "bro",
    "sandwich",
    "sll",
    "cpl",
)
HEADER = ("layer", "loss", "clean", "VRA", "mean radius", "seconds an epoch")


def main():
    arguments = parse()
    limit_threads(arguments.threads)
    data = datasets.load(
        arguments.data,
        seed=arguments.seed,
        batch_size=arguments.batch_size,
        data_dir=arguments.data_dir,
    )
    rows = []
    print("| " + " | ".join(HEADER) + " |")
    print("|" + " --- |" * len(HEADER))
    for layer in arguments.layers:
        for loss in arguments.losses:
            rows.append(row(layer, loss, data, arguments))
            print("| " + " | ".join(rows[-1].values()) + " |", flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(rows, indent=1))


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", default="digits")
    parser.add_argument("--data-dir", default=None)
    parser.add_argument("--epsilon", type=float, default=0.3)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--layers", nargs="*", default=CONVOLUTIONS)
    parser.add_argument(
        "--losses", nargs="*", default=["offset_crossentropy", "cll"]
    )
    parser.add_argument("--slack", type=float, default=0.3, help="p of CLL")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--output", type=Path, default=Path("runs/compare_layers.json")
    )
    return parser.parse_args()


def row(layer, loss, data, arguments):
    """Trains one network and measures it: one line of the table."""
    keras.utils.set_random_seed(arguments.seed)
    x, y = arrays(data.test)
    base = models.lip_conv_net(
        x.shape[1:],
        data.classes,
        width=arguments.width,
        convolution=layer,
    )
    model = keras_lipschitz.GloroModel(base, epsilon=arguments.epsilon)
    steps = len(data.train)
    model.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(
                arguments.learning_rate, steps * arguments.epochs
            )
        ),
        loss_of(loss, arguments),
    )
    start = time.perf_counter()
    model.fit(data.train, epochs=arguments.epochs, verbose=0)
    seconds = (time.perf_counter() - start) / arguments.epochs
    logits = model.predict(x, verbose=0)[:, :-1]
    label, radius = model.predict_certified(x)
    return {
        "layer": layer,
        "loss": loss,
        "clean": f"{np.mean(logits.argmax(axis=1) == y):.2%}",
        "vra": f"{np.mean(label == y):.2%}",
        "radius": f"{radius.mean():.3f}",
        "seconds": f"{seconds:.1f}",
    }


def loss_of(name, arguments):
    """A loss with the numbers that fit the radius."""
    epsilon = arguments.epsilon
    if name == "offset_crossentropy":
        offset = 2.0 * 2.0**0.5 * epsilon
        return losses.get(name, offset=offset, temperature=0.25)
    if name == "cll":
        return losses.get(name, epsilon=epsilon, p=arguments.slack, offset=1.0)
    return losses.get(name)


def arrays(batches):
    """All of a part of a data set."""
    x, y = zip(*batches, strict=True)
    return np.concatenate(x), np.concatenate(y).ravel()


if __name__ == "__main__":
    main()

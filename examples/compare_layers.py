"""Trains one network with every 1-Lipschitz layer, side by side.

Two small networks: of convolutions (LipConvNet with two stages), and of dense
layers. Width, epochs, optimizer and what the losses ask for are the same for
all; the learning rate is the one of `--learning-rates` with the best
verified-robust accuracy on validation samples after a short trial. What is
reported is that accuracy on the test set at level R, after the last epoch.

    python examples/compare_layers.py --data fashion_mnist --epsilon 0.3
    python examples/compare_layers.py --data mnist --epsilon 1.58 --asked 2

Each line of the table is kept in `--output` when it is finished; the same
command again goes on with those that are missing.
"""

import argparse
import json
import time
from pathlib import Path

import keras
import numpy as np
import reporting
from comparison_cases import LAYERS
from comparison_cases import cases
from comparison_cases import loss_of
from comparison_cases import network_of

import keras_lipschitz
from keras_lipschitz import datasets


def main():
    arguments = parse()
    reporting.limit_threads(arguments.threads)
    data = datasets.load(
        arguments.data, seed=arguments.seed, data_dir=arguments.data_dir
    )
    settings = settings_of(arguments)
    rows = read(arguments.output, settings)
    done = {(row["network"], row["layer"], row["loss"]) for row in rows}
    for case in cases(arguments):
        if case in done:
            continue
        rows.append(row_of(*case, data, arguments))
        write(arguments.output, settings, rows)
        print(reporting.markdown_table(rows[-1:]), flush=True)
    print("\n" + reporting.markdown_table(rows))


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", default="fashion_mnist")
    parser.add_argument("--data-dir", default=None)
    parser.add_argument("--epsilon", type=float, default=0.3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--trial-epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument(
        "--samples", type=int, help="of the training set; all if not set"
    )
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--units", type=int, nargs="*", default=[256, 256])
    parser.add_argument(
        "--learning-rates", type=float, nargs="*", default=[1e-3, 3e-3, 1e-2]
    )
    parser.add_argument("--networks", nargs="*", default=list(LAYERS))
    parser.add_argument("--layers", nargs="*", help="all if not set")
    parser.add_argument(
        "--losses", nargs="*", default=["own", "offset_crossentropy", "cll"]
    )
    parser.add_argument(
        "--asked",
        type=float,
        default=3.5,
        help="radius that losses ask for, over epsilon; as for 36/255 in the "
        "paper of CLL",
    )
    parser.add_argument("--slack", type=float, default=0.01, help="p of CLL")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--output", type=Path, default=Path("runs/compare_layers")
    )
    return parser.parse_args()


def settings_of(arguments):
    """What all lines of a table share."""
    left_out = ("networks", "layers", "losses", "output", "threads", "data_dir")
    settings = {
        name: value
        for name, value in vars(arguments).items()
        if name not in left_out
    }
    return {**settings, "device": reporting.device(arguments.threads)}


def read(folder, settings):
    """The lines that a former run has left; their settings must be these."""
    path = folder / "rows.json"
    if not path.exists():
        return []
    kept = json.loads(path.read_text())
    if kept["settings"] != settings:
        raise SystemExit(
            f"{path} has other settings. Expected: {kept['settings']}. "
            f"Received: {settings}. Choose another --output."
        )
    return kept["rows"]


def write(folder, settings, rows):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.md").write_text(reporting.markdown_table(rows) + "\n")
    reporting.write_json(
        str(folder / "rows.json"), {"settings": settings, "rows": rows}
    )


def row_of(network, layer, loss, data, arguments):
    """Trains one network and measures it: one line of the table."""
    make = (network, layer, loss, data, arguments)
    rates = arguments.learning_rates
    if len(rates) > 1:
        rates = sorted(rates, key=lambda rate: trial(rate, *make))
    model, seconds = trained(rates[-1], arguments.epochs, *make)
    model.certify()
    clean, vra, radius = measured(model, *data.arrays("test"))
    return {
        "network": network,
        "layer": layer,
        "loss": loss,
        "clean (%)": reporting.percent(clean),
        "VRA (%)": reporting.percent(vra),
        "mean radius": f"{radius:.3f}",
        "learning rate": f"{rates[-1]:g}",
        "weights": f"{model.base.count_params()}",
        "seconds an epoch": f"{seconds:.1f}",
    }


def trial(rate, *make):
    """What a learning rate is worth: VRA on validation samples."""
    arguments = make[-1]
    model, _ = trained(rate, arguments.trial_epochs, *make)
    model.certify(level="estimate")
    return measured(model, *make[-2].arrays("validation"))[1]


def trained(rate, epochs, network, layer, loss, data, arguments):
    """A network after a number of epochs, and the seconds of each."""
    keras.utils.set_random_seed(arguments.seed)
    base = network_of(network, layer, data, arguments)
    model = keras_lipschitz.GloroModel(base, epsilon=arguments.epsilon)
    x, y = (array[: arguments.samples] for array in data.arrays("train"))
    steps = epochs * -(-len(x) // arguments.batch_size)
    decay = keras.optimizers.schedules.CosineDecay(rate, steps)
    model.compile(keras.optimizers.Adam(decay), loss_of(loss, layer, arguments))
    begin = time.perf_counter()
    model.fit(x, y, batch_size=arguments.batch_size, epochs=epochs, verbose=0)
    return model, (time.perf_counter() - begin) / epochs


def measured(model, x, y):
    """Clean accuracy, VRA and mean radius."""
    label, radius = model.predict_certified(x)
    logits = model.predict(x, verbose=0)[:, :-1]
    return (
        float(np.mean(logits.argmax(axis=1) == y)),
        float(np.mean(label == y)),
        float(radius.mean()),
    )


if __name__ == "__main__":
    main()

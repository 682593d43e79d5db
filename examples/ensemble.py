"""Puts networks that `train_gloro.py` trained together, and reports.

    python examples/ensemble.py runs/cifar10_orthogonal_0 \\
        runs/cifar10_orthogonal_deep_0 --output runs/cifar10_ensemble

The mean of their logits is one network with one certificate. All runs should
be of the same data and epsilon.
"""

import argparse
import json
import os
import shlex


def parse(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", help="folders of trained models")
    parser.add_argument("--output", default="runs/ensemble", help="folder")
    parser.add_argument("--data-dir", help="folder with local data files")
    parser.add_argument(
        "--backend", choices=("tensorflow", "jax", "torch"), help="of Keras"
    )
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument(
        "--no-pgd", action="store_true", help="do not attack the network"
    )
    return parser.parse_args(arguments)


def main():
    arguments = parse()
    if arguments.backend:
        os.environ["KERAS_BACKEND"] = arguments.backend
    # Keras reads the backend when it is imported.
    import reporting
    import training_report

    from keras_lipschitz import datasets

    reporting.limit_threads(arguments.threads)
    runs = [results_of(folder) for folder in arguments.runs]
    data = datasets.load(common(runs, "data"), data_dir=arguments.data_dir)
    model = together(arguments.runs, common(runs, "epsilon"))
    os.makedirs(arguments.output, exist_ok=True)
    numbers, _ = training_report.report(
        model, data, arguments.output, pgd=not arguments.no_pgd
    )
    results = {
        "recipe": " + ".join(run["recipe"] for run in runs),
        **numbers,
        "published_vra": None,
        "epochs": " + ".join(str(run["epochs"]) for run in runs),
        "train_seconds": sum(run["train_seconds"] for run in runs),
        "seed": ", ".join(str(run["seed"]) for run in runs),
        "device": reporting.device(arguments.threads),
        "command": command(runs),
        "settings": {"data": common(runs, "data")},
    }
    training_report.write_results(results, arguments.output)


def command(runs):
    """What to type for the same results, with runs where they go by default."""
    folders = [f"runs/{run['recipe']}_{run['seed']}" for run in runs]
    return shlex.join(["python", "examples/ensemble.py", *folders])


def results_of(folder):
    with open(os.path.join(folder, "results.json")) as file:
        results = json.load(file)
    return {**results, "data": results["settings"]["data"]}


def common(runs, name):
    """What all runs have in common, or an error."""
    values = {run[name] for run in runs}
    if len(values) > 1:
        raise SystemExit(
            f"Expected runs of the same {name}. Received: "
            f"{sorted(map(str, values))}"
        )
    return values.pop()


def together(folders, epsilon):
    """The GloroModel of the mean of the logits of saved ones."""
    import keras

    import keras_lipschitz

    paths = [os.path.join(folder, "model.keras") for folder in folders]
    members = [keras.saving.load_model(path) for path in paths]
    norm = common([{"norm": member.norm} for member in members], "norm")
    base = keras_lipschitz.models.ensemble([m.base for m in members])
    return keras_lipschitz.GloroModel(base, epsilon, norm=norm)


if __name__ == "__main__":
    main()

"""Puts networks that `train_gloro.py` trained together, and reports.

    python examples/ensemble.py runs/cifar10_orthogonal_0 \\
        runs/cifar10_orthogonal_deep_0 --output runs/cifar10_ensemble

The mean of their logits is one network with one certificate. All runs should
be of the same data, epsilon and bound. With `--mirrored` each network reads the
image and its mirror image, with `--shifted` also what it becomes when it moves
by a pixel in each of four directions: that may be one network alone.

Of interval bounds, `--branches 300` proves what boxes leave open by linear
relaxations of up to so many parts of a box: up to seconds for each such sample.
"""

import argparse
import json
import os
import shlex

import machine


def parse(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", help="folders of trained models")
    parser.add_argument("--output", default="runs/ensemble", help="folder")
    parser.add_argument(
        "--mirrored", action="store_true", help="read mirror images too"
    )
    parser.add_argument(
        "--shifted", action="store_true", help="read shifted images too"
    )
    parser.add_argument(
        "--branches", type=int, help="parts of a box, of interval bounds"
    )
    machine.add_arguments(parser)
    parser.add_argument(
        "--no-pgd", action="store_true", help="do not attack the network"
    )
    return parser.parse_args(arguments)


def main():
    arguments = parse()
    machine.choose(arguments)
    import reporting
    import training_report

    from keras_lipschitz import datasets

    runs = [results_of(folder) for folder in arguments.runs]
    source = common("data", [run["settings"]["data"] for run in runs])
    data = datasets.load(source, data_dir=arguments.data_dir)
    model = together(
        arguments.runs,
        arguments.mirrored,
        arguments.shifted,
        arguments.branches,
    )
    os.makedirs(arguments.output, exist_ok=True)
    numbers, _ = training_report.report(
        model,
        data,
        arguments.output,
        pgd=not arguments.no_pgd,
        radii=False,
    )
    results = {
        "recipe": " + ".join(run["recipe"] for run in runs),
        **numbers,
        "published_vra": None,
        "epochs": " + ".join(str(run["epochs"]) for run in runs),
        "train_seconds": sum(run["train_seconds"] for run in runs),
        "seed": ", ".join(str(run["seed"]) for run in runs),
        "device": reporting.device(arguments.threads),
        "command": command(runs, arguments),
        "settings": {"data": source},
    }
    training_report.write_results(results, arguments.output)


def command(runs, arguments):
    """What to type for the same results, with runs where they go by default."""
    folders = [f"runs/{run['recipe']}_{run['seed']}" for run in runs]
    names = ("mirrored", "shifted")
    options = [f"--{name}" for name in names if getattr(arguments, name)]
    if arguments.branches:
        options += ["--branches", str(arguments.branches)]
    return shlex.join(["python", "examples/ensemble.py", *folders, *options])


def results_of(folder):
    with open(os.path.join(folder, "results.json")) as file:
        return json.load(file)


def common(name, values):
    """What all runs have in common, or an error."""
    different = set(values)
    if len(different) > 1:
        raise SystemExit(
            f"Expected runs of the same {name}. Received: "
            f"{sorted(map(str, different))}"
        )
    return different.pop()


def together(folders, mirrored=False, shifted=False, branches=None):
    """The GloroModel of the mean of the logits of saved ones."""
    import keras

    import keras_lipschitz

    paths = [os.path.join(folder, "model.keras") for folder in folders]
    members = [keras.saving.load_model(path) for path in paths]
    bases, seen = [member.base for member in members], views(mirrored, shifted)
    alone = len(bases) + len(seen) == 1
    return keras_lipschitz.GloroModel(
        bases[0]
        if alone
        else keras_lipschitz.models.ensemble(bases, views=seen),
        epsilon=common("epsilon", [member.epsilon for member in members]),
        bound=common_bound([member.bound for member in members], branches),
    )


def views(mirrored=False, shifted=False):
    """What each member reads beside the image: see `models.ensemble`."""
    import keras_lipschitz

    found = [keras_lipschitz.layers.Flip()] if mirrored else []
    if shifted:
        found += [shift(*way) for way in ((0, 1), (0, -1), (1, 0), (-1, 0))]
    return found


def shift(down, right):
    """Moves an image by so many pixels; zeros come in."""
    import keras

    # What comes in above and on the left goes out below and on the right.
    come_in = [(max(0, x), max(0, -x)) for x in (down, right)]
    go_out = [tuple(reversed(sides)) for sides in come_in]
    return keras.Sequential(
        [keras.layers.ZeroPadding2D(come_in), keras.layers.Cropping2D(go_out)]
    )


def common_bound(bounds, branches=None):
    """A new bound like all of these, with so many branches if it is said."""
    from keras_lipschitz.bounds import IntervalBound

    kind = common("bound", [type(bound) for bound in bounds])
    configs = [{**bound.get_config(), "name": "bound"} for bound in bounds]
    config = json.loads(
        common("bound", [json.dumps(config) for config in configs])
    )
    if branches is not None:
        if kind is not IntervalBound:
            raise SystemExit(
                "Expected runs of interval bounds for --branches. Received: "
                f"{kind.__name__}"
            )
        config["branches"] = branches
    return kind.from_config(config)


if __name__ == "__main__":
    main()

"""Trains a network of `recipes.py` and reports what was certified.

    python examples/train_gloro.py --recipe mnist_0.3_fast

Everything goes into one folder: the model, its certificate, the results as
JSON and as a Markdown table, plots, and logs for TensorBoard. The same command
again goes on with a run that was interrupted.
"""

import argparse
import dataclasses
import os
import shlex
import sys
import time

METRICS = ["clean_accuracy", "vra", "rejection_rate"]
# Samples for which the tightness of local bounds is logged.
WATCHED = 200


def parse(arguments=None):
    return parser(__doc__, "mnist_0.3_fast").parse_args(arguments)


def parser(description, recipe):
    """What the scripts that train take from the command line."""
    parser = argparse.ArgumentParser(
        description=description.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--recipe", default=recipe)
    parser.add_argument("--data", help="another data set, e.g. npz:PATH")
    parser.add_argument("--data-dir", help="folder with local data files")
    parser.add_argument("--epochs", type=int)
    parser.add_argument(
        "--epsilon",
        type=float,
        help="radius to certify; losses with a radius of their own keep it",
    )
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", help="folder; runs/RECIPE_SEED if not set")
    parser.add_argument(
        "--backend", choices=("tensorflow", "jax", "torch"), help="of Keras"
    )
    parser.add_argument(
        "--threads", type=int, help="CPU threads of TensorFlow or PyTorch"
    )
    parser.add_argument(
        "--no-pgd", action="store_true", help="do not attack the network"
    )
    return parser


def main():
    arguments = parse()
    choose_backend(arguments)
    from recipes import RECIPES

    recipe = chosen_recipe(arguments, RECIPES)
    train_and_report(recipe, arguments, build, callbacks)


def choose_backend(arguments):
    """Keras reads the backend when it is imported: do not import it before."""
    if arguments.backend:
        os.environ["KERAS_BACKEND"] = arguments.backend
    from reporting import limit_threads

    limit_threads(arguments.threads)


def train_and_report(
    recipe,
    arguments,
    build,
    callbacks,
    finish=lambda model: model,
    script="train_gloro.py",
):
    """Trains by a recipe and writes all results into one folder.

    Args:
        recipe: A `Recipe`.
        arguments: What was given on the command line.
        build: Function `(recipe, data)` that returns a compiled model.
        callbacks: Function `(recipe, data)` that returns callbacks for `fit`.
        finish: Function of the trained model that returns the one to judge.
        script: The file to name in the results.
    """
    from reporting import device

    begin = time.perf_counter()
    output = arguments.output or os.path.join(
        "runs", f"{arguments.recipe}_{arguments.seed}"
    )
    os.makedirs(output, exist_ok=True)
    data = load_data(recipe, arguments)
    steer = callbacks(recipe, data)
    model, run = train(recipe, data, arguments.seed, output, build, steer)
    model = finish(model)
    numbers, details = report(model, data, output, pgd=not arguments.no_pgd)
    results = {
        "recipe": arguments.recipe,
        **numbers,
        "published_vra": recipe.published,
        "epochs": run.epoch,
        "best_epoch": run.state["best_epoch"],
        "train_seconds": round(run.state["seconds"], 1),
        "seed": arguments.seed,
        "device": device(arguments.threads),
        "command": command(arguments, script),
        "settings": settings_of(recipe),
    }
    write_results(results, output)
    draw(model, data, details, run.history, output)
    print(f"\n{output}: finished in {time.perf_counter() - begin:.0f} s")


def settings_of(recipe):
    """What a recipe says, in words that JSON can hold."""
    steps = [repr(step) for step in recipe.augmentation]
    return {**dataclasses.asdict(recipe), "augmentation": steps}


def command(arguments, script):
    """What to type for the same results; not where they go."""
    words = ["python", f"examples/{script}"]
    names = ("recipe", "data", "epochs", "epsilon", "batch_size", "backend")
    for name in (*names, "mlp_head", "seed"):
        value = getattr(arguments, name, None)
        option = "--" + name.replace("_", "-")
        if value is True:
            words.append(option)
        elif value is not None:
            words += [option, str(value)]
    return shlex.join(words)


def chosen_recipe(arguments, recipes):
    """The recipe of that name, with what the command line overrides."""
    if arguments.recipe not in recipes:
        raise SystemExit(
            f"--recipe should be one of {', '.join(recipes)}. Received: "
            f"{arguments.recipe}"
        )
    names = ("data", "epochs", "epsilon", "batch_size")
    given = {name: getattr(arguments, name) for name in names}
    return dataclasses.replace(
        recipes[arguments.recipe],
        **{name: value for name, value in given.items() if value is not None},
    )


def load_data(recipe, arguments):
    from keras_lipschitz import datasets

    return datasets.load(
        recipe.data,
        validation=0.1 if recipe.data == "digits" else 1 / 12,
        seed=arguments.seed,
        batch_size=recipe.batch_size,
        augmentation=recipe.augmentation,
        data_dir=arguments.data_dir,
    )


def build(recipe, data):
    """The compiled GloroModel of a recipe."""
    import keras
    from kernel_muon import KernelMuon

    import keras_lipschitz

    architecture = getattr(keras_lipschitz.models, recipe.architecture)
    chosen = {
        "activation": recipe.activation,
        "kernel_initializer": recipe.initializer,
    }
    base = architecture(
        data.input_shape,
        data.classes,
        **{name: value for name, value in chosen.items() if value is not None},
        **recipe.network,
    )
    model = keras_lipschitz.GloroModel(
        base,
        epsilon=recipe.epsilon,
        bound=bound_of(recipe),
    )
    rate = recipe.learning_rate[0]
    if recipe.optimizer == "muon":
        optimizer = KernelMuon(
            rate,
            weight_decay=None,
            adam_weight_decay=None,
            exclude_layers=["logits", "theta", "clipped_minmax"],
        )
    else:
        optimizer = keras.optimizers.Adam(rate)
    model.compile(optimizer, loss=loss_of(recipe), metrics=METRICS)
    return model


def bound_of(recipe):
    from keras_lipschitz import bounds

    iterations = recipe.power_iterations
    if recipe.local is None:
        return bounds.GlobalLipschitz(power_iterations=iterations)
    return bounds.LocalLipschitz(power_iterations=iterations, **recipe.local)


def loss_of(recipe):
    from keras_lipschitz import losses

    return losses.get(recipe.loss, **recipe.loss_arguments)


def train(recipe, data, seed, output, build, callbacks):
    """Trains, or goes on with, a run; the model ends with its best epoch."""
    import keras
    from resumable_run import ResumableRun

    keras.utils.set_random_seed(seed)
    model = build(recipe, data)
    settings = {
        "seed": seed,
        "training_samples": data.size("train"),
        **settings_of(recipe),
    }
    run = ResumableRun(os.path.join(output, "state"), settings)
    run.restore(model)
    if run.epoch < recipe.epochs:
        model.fit(
            data.train,
            validation_data=data.validation,
            epochs=recipe.epochs,
            initial_epoch=run.epoch,
            callbacks=[*callbacks, run, *tensorboard(output)],
            shuffle=False,
            verbose="auto" if sys.stdout.isatty() else 2,
        )
    run.restore_best(model)
    # What is saved needs no state of an optimizer.
    model.compile("sgd", loss=model.loss, metrics=METRICS)
    return model, run


def tensorboard(output):
    """A callback that writes logs for TensorBoard, where it is installed."""
    import keras
    import reporting

    if not reporting.tensorboard_is_installed():
        return []
    logs = os.path.join(output, "tensorboard")
    return [keras.callbacks.TensorBoard(logs, write_graph=False)]


def callbacks(recipe, data):
    from keras_lipschitz import callbacks as steer
    from keras_lipschitz.datasets import EpochOrder

    first, last = (recipe.epsilon * f for f in recipe.training_epsilon)
    start, end = recipe.learning_rate
    chosen = [
        EpochOrder(data),
        steer.EpsilonSchedule(
            first,
            last,
            shape=recipe.epsilon_shape,
            reached_at=recipe.epsilon_reached,
        ),
        steer.LearningRateDecay(
            end,
            start=start,
            shape=recipe.decay,
            begin_at=recipe.decay_begins,
        ),
    ]
    if recipe.trades is not None:
        chosen.append(steer.TradesSchedule(*recipe.trades))
    for schedule in recipe.loss_schedules:
        chosen.append(steer.LossSchedule(*schedule))
    chosen.append(steer.LipschitzUpdate())
    if recipe.local is not None:
        x, _ = data.arrays("validation")
        chosen.append(steer.LocalConstants(x[:WATCHED]))
    return chosen


def report(model, data, output, pgd=True):
    """Measures the trained model on the test set and saves it.

    Returns:
        A dict of results, and one of arrays: each radius and prediction.
    """
    import reporting

    from keras_lipschitz import evaluation

    x, y = data.arrays("test")
    results, details = reporting.measure(model, x, y)
    print(model.certificate)
    model.certificate.save(os.path.join(output, "certificate.json"))
    model.save(os.path.join(output, "model.keras"))
    results["pgd"] = None
    if pgd and reporting.art_is_usable():
        results["pgd"], _ = evaluation.pgd_accuracy(model, x, y, steps=20)
    return results, details


def write_results(results, output):
    """Writes results.json and results.md, and prints the table."""
    import reporting

    percent = reporting.percent
    row = {
        "recipe": results["recipe"],
        "epsilon": f"{results['epsilon']:.4g}",
        "clean": percent(results["clean"]),
        "PGD": percent(results["pgd"]),
        f"VRA (level {results['level']})": percent(results["vra"]),
        "VRA (F64)": percent(results["vra_f64"]),
        "VRA (F32)": percent(results["vra_f32"]),
        "VRA (estimate)": percent(results["vra_estimate"]),
        "published": percent(results["published_vra"]),
        "epochs": results["epochs"],
        "training": f"{results['train_seconds']:.0f} s",
        "device": results["device"],
        "seed": results["seed"],
        "command": f"`{results['command']}`",
    }
    table = reporting.markdown_table([row])
    reporting.write_json(os.path.join(output, "results.json"), results)
    with open(os.path.join(output, "results.md"), "w") as file:
        file.write(table + "\n")
    print("\n" + table)


def draw(model, data, details, history, output):
    """Writes the plots, where matplotlib is installed."""
    try:
        import matplotlib
    except ImportError:
        print("No plots: matplotlib is not installed.")
        return
    matplotlib.use("Agg")

    from keras_lipschitz import visualization as show

    x, y = data.arrays("test")
    radius, predicted = details["radius"], details["predicted"]
    figures = {
        "certified_accuracy": show.plot_certified_accuracy(
            radius, predicted == y, epsilon=model.epsilon
        ),
        "training": show.plot_training(history),
        "constants": show.plot_constants(model.certificate),
    }
    if "constant/local" in history:
        figures["local_bounds"] = show.plot_local_bounds(history)
    if x.ndim == 4 and x.shape[-1] in (1, 3):
        figures["radius_grid"] = show.plot_radius_grid(
            x, y, predicted, radius, class_names=data.class_names
        )
    for name, figure in figures.items():
        path = os.path.join(output, f"{name}.png")
        figure.savefig(path, dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    main()

"""What the scripts that train have in common: from a recipe to a trained model.

A script gives two functions of its own, one that builds the compiled model and
one that names the callbacks. The rest is here: the command line, the data, a
run that can be killed and goes on, the folder with everything that came out.
"""

import argparse
import dataclasses
import os
import sys
import time

import machine

METRICS = ["clean_accuracy", "vra", "rejection_rate"]


def parser(description, recipe):
    """What the scripts that train take from the command line."""
    parser = argparse.ArgumentParser(
        description=description.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--recipe", default=recipe)
    parser.add_argument("--data", help="another data set, e.g. npz:PATH")
    parser.add_argument("--epochs", type=int)
    parser.add_argument(
        "--epsilon",
        type=float,
        help="radius to certify; losses with a radius of their own keep it",
    )
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--split-seed",
        type=int,
        help="decides what is held out, and the order of images; --seed if not "
        "set. Networks that are compared should hold out the same",
    )
    parser.add_argument(
        "--validation",
        type=int,
        help="training images to hold out and choose the epoch by; with 0 the "
        "last epoch is kept; a twelfth if not set",
    )
    parser.add_argument(
        "--initial-model", help="saved model of this network to begin with"
    )
    parser.add_argument("--output", help="folder; runs/RECIPE_SEED if not set")
    machine.add_arguments(parser)
    parser.add_argument(
        "--no-jit",
        action="store_true",
        default=None,
        help="do not compile with XLA: on CPUs convolutions are often faster",
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "mixed_bfloat16"),
        help="of the arithmetic in training, float32 if not set; what is "
        "judged is float32 always",
    )
    parser.add_argument(
        "--no-pgd", action="store_true", help="do not attack the network"
    )
    return parser


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


def train_and_report(
    recipe,
    arguments,
    build,
    callbacks,
    script,
    finish=lambda model: model,
):
    """Trains by a recipe and writes all results into one folder.

    Args:
        recipe: A `Recipe`.
        arguments: What was given on the command line.
        build: Function `(recipe, data)` that returns a compiled model.
        callbacks: Function `(recipe, data)` that returns callbacks for `fit`.
        script: The file to name in the results.
        finish: Function of the trained model that returns the one to judge.
    """
    import training_report
    from reporting import device

    begin = time.perf_counter()
    output = arguments.output or os.path.join(
        "runs", f"{arguments.recipe}_{arguments.seed}"
    )
    os.makedirs(output, exist_ok=True)
    data = load_data(recipe, arguments)
    steer = callbacks(recipe, data)
    model, run = train(recipe, data, arguments, output, build, steer)
    model = finish(model)
    numbers, details = training_report.report(
        model, data, output, pgd=not arguments.no_pgd
    )
    results = {
        "recipe": arguments.recipe,
        **numbers,
        "published_vra": recipe.published,
        "epochs": run.epoch,
        "best_epoch": run.state["best_epoch"],
        "train_seconds": round(run.state["seconds"], 1),
        "seed": arguments.seed,
        "device": device(arguments.threads),
        "command": training_report.command(arguments, script),
        "settings": settings_of(recipe),
    }
    training_report.write_results(results, output)
    training_report.draw(model, data, details, run.history, output)
    print(f"\n{output}: finished in {time.perf_counter() - begin:.0f} s")


def load_data(recipe, arguments):
    from keras_lipschitz import datasets

    seed = arguments.seed
    if arguments.split_seed is not None:
        seed = arguments.split_seed
    validation = 0.1 if recipe.data == "digits" else 1 / 12
    if arguments.validation is not None:
        validation = arguments.validation or None
    # Recipes of other scripts move their images to the end.
    augmented = getattr(recipe, "augmented", 1.0)
    return datasets.load(
        recipe.data,
        validation=validation,
        seed=seed,
        batch_size=recipe.batch_size,
        augmentation=recipe.augmentation,
        data_dir=arguments.data_dir,
        augmented_epochs=round(augmented * recipe.epochs),
    )


def train(recipe, data, arguments, output, build, callbacks):
    """Trains, or goes on with, a run; the model ends with its best epoch."""
    import keras
    from resumable_run import ResumableRun

    keras.utils.set_random_seed(arguments.seed)
    keras.config.set_dtype_policy(arguments.precision or "float32")
    model = build(recipe, data)
    keras.config.set_dtype_policy("float32")
    if arguments.no_jit:
        model.jit_compile = False
    settings = {
        "seed": arguments.seed,
        "precision": arguments.precision,
        "training_samples": data.size("train"),
        "jit_compile": model.jit_compile,
        **settings_of(recipe),
    }
    for name in ("initial_model", "split_seed"):
        if getattr(arguments, name) is not None:
            settings[name] = getattr(arguments, name)
    run = ResumableRun(os.path.join(output, "state"), settings)
    if arguments.initial_model and not run.epoch:
        begin_with(model, arguments.initial_model)
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
    if arguments.precision:
        trained, model = model, build(recipe, data)
        model.set_weights(trained.get_weights())
    # What is saved needs no state of an optimizer.
    model.compile("sgd", loss=model.loss, metrics=METRICS)
    return model, run


def begin_with(model, path):
    """Gives a model the weights of a saved one."""
    import keras

    base = keras.saving.load_model(path, compile=False).base
    shapes = [[w.shape for w in net.weights] for net in (model.base, base)]
    if shapes[0] != shapes[1]:
        raise SystemExit(
            "Expected --initial-model to be of the recipe's network. "
            f"Received: {path}, whose {len(shapes[1])} weights are not the "
            f"{len(shapes[0])} of that in number or in shape"
        )
    model.base.set_weights(base.get_weights())


def tensorboard(output):
    """A callback that writes logs for TensorBoard, where it is installed."""
    import keras
    import reporting

    if not reporting.tensorboard_is_installed():
        return []
    logs = os.path.join(output, "tensorboard")
    return [keras.callbacks.TensorBoard(logs, write_graph=False)]


def settings_of(recipe):
    """What a recipe says, in words that JSON can hold."""
    steps = [repr(step) for step in recipe.augmentation]
    return {**dataclasses.asdict(recipe), "augmentation": steps}

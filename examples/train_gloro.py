"""Trains a network of `recipes.py` and reports what was certified.

    python examples/train_gloro.py --recipe mnist_0.3_fast

Everything goes into one folder: the model, its certificate, the results as
JSON and as a Markdown table, plots, and logs for TensorBoard. The same command
again goes on with a run that was interrupted.
"""

import os

import machine
import training_run

# Samples for which the tightness of local bounds is logged.
WATCHED = 200


def parse(arguments=None):
    return training_run.parser(__doc__, "mnist_0.3_fast").parse_args(arguments)


def main():
    arguments = parse()
    machine.choose(arguments)
    from recipes import RECIPES

    recipe = training_run.chosen_recipe(arguments, RECIPES)
    training_run.train_and_report(
        recipe,
        arguments,
        build,
        callbacks,
        script=os.path.basename(__file__),
    )


def build(recipe, data):
    """The compiled GloroModel of a recipe."""
    from kernel_muon import optimizer_of

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
    model.compile(
        optimizer_of(recipe),
        loss=loss_of(recipe),
        metrics=training_run.METRICS,
    )
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
        x, _ = data.arrays("train" if data.validation is None else "validation")
        chosen.append(steer.LocalConstants(x[:WATCHED]))
    return chosen


if __name__ == "__main__":
    main()

"""Trains a plain Keras network by interval bound propagation.

    python examples/train_ibp.py --recipe mnist_0.3_ibp

The baseline for nets of l_inf distances: any network of layers with an interval
rule, trained on the worst case in the box around each input. Recipes are in
`ibp_recipes.py`; files and options are those of `train_gloro.py`.

Reference:
    - [Gowal et al., On the Effectiveness of Interval Bound Propagation for
      Training Verifiably Robust Models, 2018](
      https://arxiv.org/abs/1810.12715)
"""

import os

import machine
import training_run


def parse(arguments=None):
    parser = training_run.parser(__doc__, "mnist_0.3_ibp")
    return parser.parse_args(arguments)


def main():
    arguments = parse()
    machine.choose(arguments)
    from ibp_recipes import RECIPES

    training_run.train_and_report(
        training_run.chosen_recipe(arguments, RECIPES),
        arguments,
        build,
        callbacks,
        finish=without_normalization,
        script=os.path.basename(__file__),
    )


def build(recipe, data):
    """The compiled GloroModel of a recipe."""
    from ensemble import views
    from ibp_recipes import conv_net
    from kernel_muon import optimizer_of

    import keras_lipschitz

    base = conv_net(data.input_shape, data.classes, recipe)
    if recipe.shifted:
        base = keras_lipschitz.models.ensemble([base], views(shifted=True))
    model = bounded(base, recipe.epsilon)
    kappa = None if recipe.kappa is None else recipe.kappa[0]
    loss = keras_lipschitz.losses.WorstCaseCrossentropy(kappa)
    model.compile(optimizer_of(recipe), loss=loss, metrics=training_run.METRICS)
    return model


def bounded(base, epsilon):
    import keras_lipschitz

    bound = keras_lipschitz.bounds.IntervalBound((0.0, 1.0), radius_steps=6)
    return keras_lipschitz.GloroModel(base, epsilon, bound=bound)


def without_normalization(model):
    """The same network of plain layers."""
    import keras
    from normalized_conv2d import plain

    # The mean over views is no chain of layers, and of plain ones already.
    if not isinstance(model.base, keras.Sequential):
        return model
    judged = bounded(plain(model.base), model.epsilon)
    judged.compile("sgd", loss=model.loss, metrics=training_run.METRICS)
    return judged


def callbacks(recipe, data):
    from keras_lipschitz import callbacks as steer
    from keras_lipschitz.datasets import EpochOrder

    start, end = recipe.learning_rate
    steered = [
        EpochOrder(data),
        steer.EpsilonSchedule(
            0.0,
            recipe.epsilon * recipe.training_epsilon,
            reached_at=recipe.epsilon_reached,
        ),
        steer.LearningRateDecay(
            end,
            start=start,
            shape=recipe.decay,
            begin_at=recipe.decay_begins,
        ),
    ]
    if recipe.kappa is not None:
        steered.append(
            steer.LossSchedule(
                "kappa", *recipe.kappa, reached_at=recipe.epsilon_reached
            )
        )
    if recipe.q:
        steered.append(
            steer.LossSchedule(
                "q",
                0.0,
                recipe.q,
                begin_at=recipe.epsilon_reached,
                reached_at=recipe.q_reached,
            )
        )
    return steered


if __name__ == "__main__":
    main()

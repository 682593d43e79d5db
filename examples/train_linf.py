"""Trains a net of l_inf distances by a recipe of `linf_recipes.py`.

    python examples/train_linf.py --recipe mnist_0.3_fast

Writes the same files as `train_gloro.py`, and goes on with a run that was
interrupted in the same way. What is logged of the training set was taken at the
norm that is logged beside it, `p`; what is logged of the validation set is
always of the network at `p = inf`.
"""

import os

import machine
import training_run

METRICS = training_run.METRICS


def parse(arguments=None):
    parser = training_run.parser(__doc__, "mnist_0.3_fast")
    parser.add_argument(
        "--mlp-head",
        action="store_true",
        default=None,
        help="put a small tanh network behind the distances",
    )
    return parser.parse_args(arguments)


def main():
    arguments = parse()
    machine.choose(arguments)
    from linf_recipes import RECIPES
    from linf_recipes import with_mlp

    recipe = training_run.chosen_recipe(arguments, RECIPES)
    if arguments.mlp_head:
        recipe = with_mlp(recipe)
    training_run.train_and_report(
        recipe,
        arguments,
        build,
        callbacks,
        finish=judged_by_intervals,
        script=os.path.basename(__file__),
    )


def build(recipe, data):
    """The compiled GloroModel of a recipe."""
    from linf_recipes import STATISTICS

    import keras_lipschitz

    mean, std = STATISTICS.get(recipe.data, (0.5, 0.25))
    base = keras_lipschitz.models.linf_dist_net(
        data.input_shape,
        data.classes,
        units=recipe.units,
        mean=mean,
        std=std,
        p=recipe.p[0],
        mlp_units=recipe.mlp_units,
    )
    bound = interval_bound() if recipe.mlp_units else None
    model = keras_lipschitz.GloroModel(
        base, recipe.epsilon, bound=bound, norm="inf"
    )
    optimizer = keras_lipschitz.optimizers.LInfAdam(
        recipe.learning_rate[0], weight_decay=recipe.weight_decay
    )
    loss = keras_lipschitz.losses.get(recipe.loss, **recipe.loss_arguments)
    model.compile(optimizer, loss=loss, metrics=METRICS)
    return model


def interval_bound():
    from keras_lipschitz import bounds

    return bounds.IntervalBound(clip=(0.0, 1.0), radius_steps=6)


def judged_by_intervals(model):
    """The same network under a bound that is tighter, and slower to train."""
    import keras_lipschitz

    judged = keras_lipschitz.GloroModel(
        model.base, model.epsilon, bound=interval_bound()
    )
    judged.compile("sgd", loss=model.loss, metrics=METRICS)
    return judged


def callbacks(recipe, data):
    from keras_lipschitz import callbacks as steer
    from keras_lipschitz.datasets import EpochOrder

    start, end = recipe.learning_rate
    x, _ = data.arrays("train")
    return [
        EpochOrder(data),
        steer.PNormAnnealing(
            *recipe.p,
            begin_at=recipe.p_begins,
            reached_at=recipe.p_infinite,
            loss_weight=recipe.loss_weight,
        ),
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
        steer.MeanShiftUpdate(x, recipe.batch_size),
    ]


if __name__ == "__main__":
    main()

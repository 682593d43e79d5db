"""How to train networks of 1-Lipschitz layers; see `docs/layers.md`.

Those for MNIST are for a processor, those for CIFAR for an accelerator: losses
and their numbers are those of the papers, schedules are of one kind for all.
"""

import dataclasses

from recipe import Recipe

from keras_lipschitz.datasets import augmentation as augment

# Crops of an image with four pixels around it, and mirrored ones.
AUGMENTATION = (augment.RandomFlip(), augment.RandomShift(4))
EPSILON = 36 / 255

# CLL as in its paper for SOC on CIFAR-10. Rows of the last layer have length
# one, so there is no constant to regularize.
CLL = {"epsilon": 0.25, "p": 0.05, "detach": False}
# As in "1-Lipschitz Layers Compared": asks for twice the radius.
OFFSET = {"offset": 2.0 * 2.0**0.5 * EPSILON, "temperature": 0.25}

CIFAR10_SOC = Recipe(
    data="cifar10",
    architecture="lip_conv_net",
    network={"depth": 5, "convolution": "soc"},
    epsilon=EPSILON,
    epochs=200,
    batch_size=128,
    learning_rate=(1e-3, 1e-6),
    decay="cosine",
    decay_begins=0.0,
    loss="cll",
    loss_arguments=CLL,
    activation="minmax",
    initializer=None,
    augmentation=AUGMENTATION,
)
CIFAR10_CPL = dataclasses.replace(
    CIFAR10_SOC,
    architecture="residual_net",
    network={"size": "S", "layer": "cpl"},
    batch_size=256,
    loss_arguments={**CLL, "p": 0.1},
    activation=None,
)
CIFAR10_SLL = dataclasses.replace(
    CIFAR10_CPL,
    network={"size": "S", "layer": "sll"},
    epochs=1000,
    learning_rate=(1e-2, 1e-6),
    loss="offset_crossentropy",
    loss_arguments={"offset": 1.5 * 2.0**0.5, "temperature": 0.25},
)
CIFAR10_COMPARISON = dataclasses.replace(
    CIFAR10_CPL,
    architecture="comparison_net",
    network={"size": "XS", "convolution": "aol"},
    learning_rate=(1e-2, 1e-6),
    loss="offset_crossentropy",
    loss_arguments=OFFSET,
)
CIFAR10_SANDWICH = dataclasses.replace(
    CIFAR10_COMPARISON,
    architecture="sandwich_net",
    network={"filters": (64, 128), "units": (512, 512)},
    learning_rate=(3e-3, 1e-6),
)
# The radius in training grows over the first half, from a tenth.
CIFAR10_LI_RESNET = dataclasses.replace(
    CIFAR10_CPL,
    architecture="li_resnet",
    network={"depth": 18, "width": 256},
    training_epsilon=(0.1, 1.5),
    epochs=800,
    loss="emma",
    loss_arguments={},
    power_iterations=10,
)

# Small enough for a processor.
MNIST_CPL = Recipe(
    data="mnist",
    architecture="residual_net",
    network={"size": (4, 2, 16, 256), "layer": "cpl"},
    epsilon=0.3,
    epochs=20,
    batch_size=128,
    learning_rate=(1e-2, 1e-6),
    decay="cosine",
    decay_begins=0.0,
    loss="cll",
    loss_arguments={"epsilon": 0.53, "p": 0.01, "detach": False},
    activation=None,
    initializer=None,
)
MNIST_AOL = dataclasses.replace(
    MNIST_CPL,
    architecture="lip_conv_net",
    network={"depth": 2, "stages": 2, "width": 16, "convolution": "aol"},
)
MNIST_DENSE = dataclasses.replace(
    MNIST_CPL,
    architecture="lip_dense_net",
    network={"units": (256, 256), "dense": "cayley"},
    learning_rate=(3e-3, 1e-6),
)


def _on(data, recipe):
    return dataclasses.replace(recipe, data=data)


_CIFAR10 = {
    "soc": CIFAR10_SOC,
    "cpl": CIFAR10_CPL,
    "sll": CIFAR10_SLL,
    "comparison": CIFAR10_COMPARISON,
    "sandwich": CIFAR10_SANDWICH,
    "li_resnet": CIFAR10_LI_RESNET,
}
_MNIST = {"cpl": MNIST_CPL, "aol": MNIST_AOL, "cayley": MNIST_DENSE}

RECIPES = {
    f"{data}_{name}": _on(data, recipe)
    for recipes, names in (
        (_CIFAR10, ("cifar10", "cifar100")),
        (_MNIST, ("mnist", "fashion_mnist")),
    )
    for data in names
    for name, recipe in recipes.items()
}

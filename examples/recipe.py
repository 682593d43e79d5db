import dataclasses


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One way to train one network on one data set.

    Args:
        data: Name for `keras_lipschitz.datasets.load`.
        architecture: Name of a function in `keras_lipschitz.models`.
        epsilon: The l2 radius to certify.
        network: Further arguments of that function.
        training_epsilon: The radius in training, first and last, as multiples
            of `epsilon`.
        epochs: Passes over the training set.
        batch_size: Samples a step.
        optimizer: `"adam"`, or `"muon"`: see `KernelMuon`.
        learning_rate: First and last.
        decay: Shape of its way from first to last.
        decay_begins: Fraction of the run for which it stays.
        epsilon_shape: Shape of the way of the training radius.
        epsilon_reached: Fraction of the run after which it is the last.
        loss: Name for `keras_lipschitz.losses.get`.
        loss_arguments: Arguments of that loss.
        loss_schedules: Arguments of a `LossSchedule` each.
        local: Arguments of `LocalLipschitz`; the bound is global where it is
            `None`.
        trades: Weight of the robustness term, first and last, where the loss
            has one.
        activation: Of the network; `None` for its own default.
        initializer: Of its kernels; `None` for their own defaults.
        power_iterations: Iterations of the power method in each step.
        augmentation: Steps of `keras_lipschitz.datasets.augmentation`.
        published: The verified-robust accuracy that its authors report, if
            any.
    """

    data: str
    architecture: str
    epsilon: float
    network: dict = dataclasses.field(default_factory=dict)
    training_epsilon: tuple = (1.0, 1.0)
    epochs: int = 100
    batch_size: int = 256
    optimizer: str = "adam"
    learning_rate: tuple = (1e-3, 1e-6)
    decay: str = "exponential"
    decay_begins: float = 0.5
    epsilon_shape: str = "linear"
    epsilon_reached: float = 0.5
    loss: str = "gloro_crossentropy"
    loss_arguments: dict = dataclasses.field(default_factory=dict)
    loss_schedules: tuple = ()
    local: dict = None
    trades: tuple = None
    activation: str = "minmax"
    initializer: str = "orthogonal"
    power_iterations: int = 1
    augmentation: tuple = ()
    published: float = None

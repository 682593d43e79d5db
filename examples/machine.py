"""What scripts take from the command line of the machine they run on."""

import os


def add_arguments(parser):
    """Adds `--data-dir`, `--backend` and `--threads`."""
    parser.add_argument("--data-dir", help="folder with local data files")
    parser.add_argument(
        "--backend", choices=("tensorflow", "jax", "torch"), help="of Keras"
    )
    parser.add_argument(
        "--threads", type=int, help="CPU threads of TensorFlow or PyTorch"
    )


def choose(arguments):
    """Keras reads the backend when it is imported: do not import it before."""
    if arguments.backend:
        os.environ["KERAS_BACKEND"] = arguments.backend
    from reporting import limit_threads

    limit_threads(arguments.threads)

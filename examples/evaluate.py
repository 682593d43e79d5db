"""Measures a saved GloroModel: certified, attacked, searched, smoothed.

    python examples/evaluate.py runs/mnist_0.3_fast_0/model.keras --data mnist

Prints tables, and writes them as JSON with --output.
"""

import argparse
import time

import machine


def parse(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("model", help="file that GloroModel.save wrote")
    parser.add_argument("--data", required=True, help="e.g. mnist, npz:PATH")
    parser.add_argument(
        "--epsilon", type=float, nargs="+", help="radii; the model's if not set"
    )
    parser.add_argument(
        "--samples", type=int, help="first samples of the test set; all if not"
    )
    parser.add_argument("--attack-steps", type=int, default=50)
    parser.add_argument("--restarts", type=int, default=1)
    parser.add_argument(
        "--search-samples", type=int, default=200, help="for lower bounds"
    )
    parser.add_argument("--search-steps", type=int, default=200)
    parser.add_argument(
        "--sigma", type=float, help="noise of the randomized-smoothing row"
    )
    parser.add_argument("--votes", type=int, default=1000)
    parser.add_argument("--alpha", type=float, default=0.001)
    parser.add_argument(
        "--smoothed-samples", type=int, default=100, help="smoothed test images"
    )
    parser.add_argument("--output", help="JSON file to write")
    machine.add_arguments(parser)
    return parser.parse_args(arguments)


def main():
    arguments = parse()
    machine.choose(arguments)
    import evaluation_tables
    import keras
    import reporting

    import keras_lipschitz

    model = keras.saving.load_model(arguments.model)
    if not isinstance(model, keras_lipschitz.GloroModel):
        raise SystemExit(
            f"Expected a saved GloroModel. Received: {type(model).__name__} in "
            f"{arguments.model}"
        )
    data = keras_lipschitz.datasets.load(
        arguments.data, data_dir=arguments.data_dir
    )
    x, y = data.arrays("test")
    x, y = x[: arguments.samples], y[: arguments.samples]
    radii = arguments.epsilon or [model.epsilon]
    results = {
        "model": arguments.model,
        "data": arguments.data,
        "device": reporting.device(arguments.threads),
        "summary": reporting.measure(model, x, y)[0],
        "by_radius": by_radius(model, x, y, radii, arguments),
        "by_kind": by_kind(model, x, y, radii),
        "tightness": tightness(model, x, arguments),
    }
    if arguments.sigma:
        results["randomized_smoothing"] = smoothed(
            model, x, y, radii, arguments
        )
    evaluation_tables.show(results)
    if arguments.output:
        reporting.write_json(arguments.output, results)
    wrong = contradictions(results)
    if wrong:
        raise SystemExit("The certificate is refuted: " + "; ".join(wrong))


def by_radius(model, x, y, radii, arguments):
    """VRA, PGD accuracy and rejections at each radius."""
    import reporting

    from keras_lipschitz import evaluation

    radius = model.certified_radius(x)
    predicted = model.predict(x, verbose=0)[:, :-1].argmax(axis=1)
    rows = []
    for epsilon in radii:
        attacked = None
        if reporting.art_is_usable():
            attacked, _ = evaluation.pgd_accuracy(
                model,
                x,
                y,
                epsilon,
                steps=arguments.attack_steps,
                restarts=arguments.restarts,
            )
        rows.append(
            {
                "epsilon": epsilon,
                "clean": float((predicted == y).mean()),
                "pgd": attacked,
                "vra": float(((predicted == y) & (radius > epsilon)).mean()),
                "rejection_rate": float((radius <= epsilon).mean()),
            }
        )
    return rows


def by_kind(model, x, y, radii):
    """VRA of a local bound at each radius, by what it is proved with."""
    from keras_lipschitz import bounds
    from keras_lipschitz import evaluation

    if not isinstance(model.bound, bounds.LocalLipschitz):
        return []
    rows = []
    for epsilon in radii:
        for kind in evaluation.LOCAL_KINDS:
            begin = time.perf_counter()
            label, what = evaluation.local_decisions(model, x, kind, epsilon)
            rows.append(
                {
                    "epsilon": epsilon,
                    "kind": kind,
                    "what": what,
                    "vra": float((label == y).mean()),
                    "seconds": round(time.perf_counter() - begin, 2),
                }
            )
    return rows


def tightness(model, x, arguments):
    """How far the global bound is from what gradient ascent attains.

    Sought in the l2 norm alone; `None` for a model of another.
    """
    from keras_lipschitz import evaluation

    if model.norm != 2:
        return None

    found = evaluation.lipschitz_lower_bounds(
        model, x[: arguments.search_samples], steps=arguments.search_steps
    )
    return {
        "upper": found.upper,
        "global_lower": found.global_lower,
        "tightness": found.tightness,
        "upper_mean": found.upper_mean,
        "local_lower": found.local_lower,
        "samples": found.samples,
    }


def smoothed(model, x, y, radii, arguments):
    """The randomized-smoothing rows, for the network below the bottom."""
    from keras_lipschitz import evaluation

    count = arguments.smoothed_samples
    x, y = x[:count], y[:count]
    smoothing = evaluation.RandomizedSmoothing(
        model.base, arguments.sigma, n=arguments.votes, alpha=arguments.alpha
    )
    begin = time.perf_counter()
    label, radius = smoothing.certify(x)
    seconds = time.perf_counter() - begin
    predicted = smoothing.predict(x)
    return {
        "sigma": arguments.sigma,
        "votes": arguments.votes,
        "alpha": arguments.alpha,
        "samples": len(y),
        "clean": float((predicted == y).mean()),
        "abstained": float((label < 0).mean()),
        "certified": {
            str(r): float(((label == y) & (radius > r)).mean()) for r in radii
        },
        "seconds_per_sample": seconds / len(y),
    }


def contradictions(results):
    """What was found that no certificate may allow; should be empty."""
    wrong = [
        f"VRA {row['vra']:.4f} above PGD accuracy {row['pgd']:.4f} at epsilon "
        f"{row['epsilon']:.4g}"
        for row in results["by_radius"]
        if row["pgd"] is not None and row["pgd"] < row["vra"]
    ]
    attacked = {row["epsilon"]: row["pgd"] for row in results["by_radius"]}
    for row in results["by_kind"]:
        pgd = attacked[row["epsilon"]]
        if row["kind"] != "estimate" and pgd is not None and pgd < row["vra"]:
            wrong.append(
                f"{row['kind']} VRA {row['vra']:.4f} above PGD accuracy "
                f"{pgd:.4f} at epsilon {row['epsilon']:.4g}"
            )
    found = results["tightness"]
    if found is None:
        return wrong
    for lower, upper in (
        ("global_lower", "upper"),
        ("local_lower", "upper_mean"),
    ):
        if found[lower] > found[upper]:
            wrong.append(
                f"a constant of {found[lower]:.6g} attained, above the bound "
                f"{found[upper]:.6g}"
            )
    return wrong


if __name__ == "__main__":
    main()

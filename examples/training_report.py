"""What a training leaves behind: measured results, a table, plots."""

import os
import shlex


def report(model, data, output, pgd=True, radii=True):
    """Measures the trained model on the test set and saves it.

    Args:
        model: A `GloroModel`.
        data: A `DataSet`.
        output: The folder to save it in.
        pgd: Whether it is attacked.
        radii: Whether radii other than epsilon are asked for: see
            `reporting.measure`.

    Returns:
        A dict of results, and one of arrays: each radius and prediction.
    """
    import reporting

    from keras_lipschitz import evaluation

    x, y = data.arrays("test")
    results, details = reporting.measure(model, x, y, radii)
    print(model.certificate)
    model.certificate.save(os.path.join(output, "certificate.json"))
    model.save(os.path.join(output, "model.keras"))
    results["pgd"] = None
    if pgd and reporting.art_is_usable():
        results["pgd"], _ = evaluation.pgd_accuracy(model, x, y, steps=20)
    return results, details


def command(arguments, script):
    """What to type for the same results; not where they go."""
    words = ["python", f"examples/{script}"]
    names = (
        "recipe",
        "data",
        "epochs",
        "epsilon",
        "batch_size",
        "backend",
        "precision",
        "initial_model",
        "mlp_head",
        "no_jit",
        "seed",
        "split_seed",
        "validation",
    )
    for name in names:
        value = getattr(arguments, name, None)
        option = "--" + name.replace("_", "-")
        if value is True:
            words.append(option)
        elif value is not None:
            words += [option, str(value)]
    return shlex.join(words)


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

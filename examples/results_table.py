"""The table of results from the JSON files of finished runs.

python examples/results_table.py results/*.json > docs/results.md
"""

import json
import sys

from reporting import markdown_table
from reporting import percent

INTRODUCTION = """# Results

Measured on the whole test set, with the epoch that was best on a validation
part of the training set. VRA counts a sample when it is classified right and a
certificate of the level named (R: proven upper bounds of all norms, in exact
arithmetic; F64 and F32: of whatever computes it in that format, in any order)
shows that nothing within epsilon changes that; the estimate uses norms by
iteration from below, as the papers do. PGD is an attack of 20 steps from the
sample and from a random start, in the norm of the certificate (l_inf for
recipes of `train_linf.py` and `train_ibp.py`, else l2): an upper bound of what
VRA bounds from below. Published: what the authors report. Wall time is that of
training alone, on a machine that other work shared.
"""


def main():
    results = []
    for path in sys.argv[1:]:
        with open(path) as file:
            results.append(json.load(file))
    results.sort(key=lambda r: (r["settings"]["data"], r["epsilon"]))
    print(INTRODUCTION)
    print(markdown_table([row(r) for r in results]))
    print("\nThe commands:\n")
    for r in results:
        print(f"- {r['recipe']}: `{r['command']}`")
    print("\nThe machine:\n")
    for line in sorted({r["device"] for r in results}):
        print(f"- {line}")


def row(r):
    return {
        "recipe": r["recipe"],
        "data": r["settings"]["data"],
        "epsilon": f"{r['epsilon']:.4g}",
        "clean": percent(r["clean"]),
        "PGD": percent(r["pgd"]),
        "VRA": percent(r["vra"]),
        "level": r["level"],
        "VRA, F64": percent(r.get("vra_f64")),
        "VRA, F32": percent(r.get("vra_f32")),
        "VRA, estimate": percent(r["vra_estimate"]),
        "published": percent(r["published_vra"]),
        "epochs": r["epochs"],
        "wall time": f"{r['train_seconds'] / 60:.0f} min",
        "seed": r["seed"],
    }


if __name__ == "__main__":
    main()

"""The tables that `evaluate.py` prints."""

from reporting import markdown_table
from reporting import percent


def show(results):
    summary = results["summary"]
    print(
        f"\n{results['model']} on {results['data']}: {summary['samples']} test "
        f"samples, certificate of level {summary['level']} in "
        f"{summary['certify_seconds']} s ({results['device']})\n"
    )
    shares = ("clean", "pgd", "vra", "rejection_rate")
    print(
        markdown_table(
            [
                {
                    "epsilon": f"{row['epsilon']:.4g}",
                    **{name: percent(row[name]) for name in shares},
                }
                for row in results["by_radius"]
            ]
        )
    )
    if results["by_kind"]:
        show_kinds(results["by_kind"])
    if results["tightness"] is not None:
        show_tightness(results["tightness"])
    if "randomized_smoothing" in results:
        print(f"\nRandomized smoothing: {results['randomized_smoothing']}")


def show_kinds(rows):
    print("\nBy local norms:\n")
    print(
        markdown_table(
            [
                {
                    **row,
                    "epsilon": f"{row['epsilon']:.4g}",
                    "vra": percent(row["vra"]),
                }
                for row in rows
            ]
        )
    )


def show_tightness(found):
    print(f"\nConstants of the margins, {found['samples']} samples:\n")
    print(
        markdown_table(
            [
                {
                    "where": "global",
                    "certified upper bound": f"{found['upper']:.4g}",
                    "attained": f"{found['global_lower']:.4g}",
                },
                {
                    "where": "local, mean",
                    "certified upper bound": f"{found['upper_mean']:.4g}",
                    "attained": f"{found['local_lower']:.4g}",
                },
            ]
        )
    )

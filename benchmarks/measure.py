"""What the benchmarks share: a fair clock, the machine, a table."""

import argparse
import datetime
import itertools
import os
import platform
import statistics
import subprocess
import sys
import time


def parser(description):
    """Command line arguments that all benchmarks take."""
    arguments = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    arguments.add_argument(
        "--threads",
        type=int,
        default=os.cpu_count(),
        help="how many CPU cores to use",
    )
    arguments.add_argument(
        "--seconds",
        type=float,
        default=30.0,
        help="time to measure each configuration",
    )
    arguments.add_argument(
        "--cpu-time",
        action="store_true",
        help="count processor time, which other work disturbs less",
    )
    return arguments


def limit_threads(threads):
    """Binds this process to `threads` cores; call it before any backend."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:threads])


def interleaved(
    *functions, seconds, cpu_time=False, warm_up=3, at_least=10, unseen=0
):
    """Median time of each function, run in turns so that noise is shared.

    Args:
        *functions: Functions without arguments that end when their work does.
        seconds: Float, how long to measure.
        cpu_time: Whether to count processor time instead of time.
        warm_up: Integer, turns that are not measured.
        at_least: Integer, the smallest number of turns.
        unseen: Integer, calls at the start of a turn that are not measured:
            threads and caches are still in the other's state.

    Returns:
        A list of medians in seconds.
    """
    for _ in range(warm_up):
        for function in functions:
            function()
    clock = time.process_time if cpu_time else time.perf_counter
    times = [[] for _ in functions]
    order = list(range(len(functions)))
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < at_least:
        for i in order:
            for _ in range(unseen):
                functions[i]()
            start = clock()
            functions[i]()
            times[i].append(clock() - start)
        order.reverse()
    return [statistics.median(t) for t in times]


def clock_name(arguments):
    return "processor time" if arguments.cpu_time else "wall time"


def peak_memory():
    """The largest resident memory of this process so far, in MiB."""
    # Not `getrusage`: its peak counts that of the process that started us.
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def in_process(*arguments):
    """Runs the calling script in a process of its own.

    Args:
        *arguments: Its command line.

    Returns:
        The number that it prints last.
    """
    output = subprocess.run(
        [sys.executable, sys.argv[0], *map(str, arguments)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return float(output.stdout.split()[-1])


def machine(threads):
    """One line: processor, cores used, backend, date."""
    import keras

    backend = keras.backend.backend()
    version = __import__(backend).__version__
    return (
        f"{_processor()}, {threads} of {os.cpu_count()} cores; "
        f"Python {platform.python_version()}, Keras {keras.__version__}, "
        f"{backend} {version}; {datetime.date.today()}"
    )


def _processor():
    try:
        with open("/proc/cpuinfo") as file:
            lines = [line for line in file if line.startswith("model name")]
        return lines[0].split(":")[1].strip()
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def print_table(header, rows):
    """Prints a Markdown table, row by row as they come."""
    rule = ["---"] + ["---:"] * (len(header) - 1)
    for row in itertools.chain([header, rule], rows):
        print("| " + " | ".join(map(str, row)) + " |", flush=True)

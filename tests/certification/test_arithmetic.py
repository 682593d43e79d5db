"""Processes with another floating point are refused."""

import platform
import subprocess
import sys

import pytest

from keras_lipschitz.certification import arithmetic
from keras_lipschitz.certification.arithmetic import check_arithmetic

linux_x86 = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="sets a register of x86",
)

# The control register of SSE stands behind the 28 bytes of the old unit.
SCRIPT = """
import ctypes, runpy, sys
check_arithmetic = runpy.run_path(sys.argv[1])["check_arithmetic"]
libm = ctypes.CDLL("libm.so.6")
state = (ctypes.c_uint32 * 8)()
libm.fegetenv(state)
state[7] |= {bits}
libm.fesetenv(state)
try:
    check_arithmetic()
except RuntimeError as error:
    print(error)
"""


def test_this_process_is_fine():
    check_arithmetic()


@linux_x86
@pytest.mark.parametrize(
    "bits, message",
    [
        ("0", ""),
        ("1 << 15", "flushes subnormal"),
        ("1 << 6", "subnormal"),
        ("1 << 13", "does not round to nearest"),
        ("2 << 13", "does not round to nearest"),
        ("3 << 13", "does not round to nearest"),
    ],
)
def test_other_modes_are_refused(bits, message):
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(bits=bits), arithmetic.__file__],
        capture_output=True,
        text=True,
        check=True,
    )
    assert message in process.stdout
    assert bool(process.stdout) == bool(message)

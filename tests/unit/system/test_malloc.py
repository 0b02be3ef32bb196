import platform
import subprocess
import sys

import pytest

from ferryman.system.malloc import keep_freed_memory

MEASURE = """
import resource
from ferryman.system.malloc import keep_freed_memory
if {keep}:
    keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def churn():
    for _ in range(200):
        blocks = [bytearray(300_000) for _ in range(4)]
        del blocks
churn()
before = faults()
churn()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_freed_memory_is_used_again_without_the_kernel() -> None:
    faults = []
    for keep in (False, True):
        command = [sys.executable, "-c", MEASURE.format(keep=keep)]
        faults.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    assert faults[1] < faults[0] / 10


def test_it_may_be_called_again() -> None:
    assert keep_freed_memory() == keep_freed_memory()

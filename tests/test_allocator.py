"""glibc is told to keep what training frees: no page is asked of the kernel twice."""

from __future__ import annotations

import subprocess
import sys

import pytest

# In a process of its own: the setting holds for the rest of a process.
PAGE_FAULTS = """
import resource, torch
from betavae.machine.allocator import keep_freed_blocks

def page_faults_of_ten_steps():
    step = lambda: torch.empty(512, 32, 32, 32).fill_(1)  # 64 MiB, 16384 pages
    for _ in range(3):  # the heap grows
        step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(page_faults_of_ten_steps())
keep_freed_blocks()
print(page_faults_of_ten_steps())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's setting")
def test_kept_blocks_are_not_asked_of_the_kernel_again():
    done = subprocess.run(
        [sys.executable, "-c", PAGE_FAULTS], capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    before, after = map(int, done.stdout.split())
    assert before > 100_000  # else there was nothing to mend
    assert after < 1000

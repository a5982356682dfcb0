"""A killed run leaves no worker behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# A run with two workers that are never given anything to do; it prints their process ids.
RUN = """\
import os, sys, time
from loky import ProcessPoolExecutor
from limen.pipeline.orphans import end_with_parent
pool = ProcessPoolExecutor(2, initializer=end_with_parent, initargs=(os.getpid(),))
print(pool.submit(os.getpid).result(), flush=True)
time.sleep(600)
"""


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # a process that has ended and that nobody has waited for is no worker any more
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_workers_end_when_their_run_is_killed():
    run = subprocess.Popen([sys.executable, "-c", RUN], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    worker = int(run.stdout.readline())
    time.sleep(1.5)
    assert _lives(worker)  # as long as the run does
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    until = time.monotonic() + 60
    while _lives(worker) and time.monotonic() < until:
        time.sleep(0.1)
    assert not _lives(worker)

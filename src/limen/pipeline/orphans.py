"""Workers end with the run that started them, however it ends."""

from __future__ import annotations

import os
import threading
import time

_LOOK_EVERY_S = 1.0


def end_with_parent(parent: int) -> None:
    """Start watching the parent process; when it is gone, end this one at once.

    A run that is killed (``kill -9``, no memory left) cannot tell its workers, and they would
    wait for work for ever, each with its memory. Linux's own signal for that (PR_SET_PDEATHSIG)
    follows the thread that started the worker, which may end long before the run does.

    Parameters
    ----------
    parent : int
        Process id of the run; what a worker's ``os.getppid`` gives while the run lives.
    """
    threading.Thread(target=_watch, args=(parent,), daemon=True, name="limen-orphan").start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_S)
    os._exit(1)  # nothing is written by a worker, so there is nothing to tidy up

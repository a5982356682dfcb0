"""Files that are whole or not there, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

PREFIX = ".writing-"
"""Begins the name of a file that is not whole yet."""


def write_atomically(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write a whole file or nothing: temporary file beside it, to disk, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=PREFIX, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as f:
            for piece in [data] if isinstance(data, bytes) else data:
                f.write(piece)
            f.flush()
            os.fsync(f.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Put the folder's entries (a file made, renamed or removed in it) on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def clear_unfinished(*folders: Path) -> None:
    """Remove what a killed writer left in these folders and the ones right below them.

    Whoever calls holds the lock that all writers there hold.
    """
    for folder in folders:
        if not folder.is_dir():
            continue
        with os.scandir(folder) as entries:
            below = [e.path for e in entries if e.is_dir(follow_symlinks=False)]
        for each in [os.fspath(folder), *below]:
            with os.scandir(each) as entries:
                left = [e.path for e in entries if e.name.startswith(PREFIX)]
            for path in left:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)  # noqa: PTH108 - a path as scandir gives it

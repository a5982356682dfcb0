"""Reading a whole folder of content-addressed objects, each against its name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import file_digest, sha256
from pathlib import Path

_HEX = frozenset("0123456789abcdef")


def is_digest(text: str) -> bool:
    """Whether a text is a SHA-256 in lower-case hexadecimal."""
    return len(text) == 64 and _HEX.issuperset(text)


def digest_objects(root: Path, threads: int) -> tuple[set[str], list[tuple[str, str]]]:
    """Read every object of a store.

    Parameters
    ----------
    root : Path
        The folder ``objects``.
    threads : int

    Returns
    -------
    (set of str, list of (str, str))
        The digests of those that are what their name says; and of the others where and what.
    """
    there: set[str] = set()
    wrong: list[tuple[str, str]] = []
    if not root.exists():
        return there, wrong
    folders = sorted(e.path for e in os.scandir(root) if e.is_dir(follow_symlinks=False))
    wrong += [
        ("objects", "a file that is no object lies here")
        for e in os.scandir(root)
        if not e.is_dir(follow_symlinks=False) and not e.name.startswith(".writing-")
    ]
    with ThreadPoolExecutor(threads) as pool:
        for good, bad in pool.map(_digest_folder, folders):
            there.update(good)
            wrong += [(f"object {name}", what) for name, what in bad]
    return there, wrong


def _digest_folder(path: str) -> tuple[list[str], list[tuple[str, str]]]:
    prefix = os.path.basename(path)  # noqa: PTH119 - a million times
    good, bad = [], []
    for name in _names(path):
        if not is_digest(name) or name[:2] != prefix:
            bad.append((f"{prefix}/{name[:12]}", "its name is no digest, or in another folder"))
            continue
        try:
            found = _digest(f"{path}/{name}")
        except OSError as error:
            bad.append((name[:12], f"it cannot be read: {error.strerror}"))
            continue
        if found == name:
            good.append(name)
        else:
            bad.append((name[:12], f"its content has the digest {found[:12]}"))
    return good, bad


def _names(path: str) -> Iterator[str]:
    with os.scandir(path) as entries:
        for entry in entries:
            if not entry.name.startswith(".writing-"):
                yield entry.name


def _digest(path: str) -> str:
    with open(path, "rb", buffering=0) as f:  # noqa: PTH123 - a million times
        if os.fstat(f.fileno()).st_size < 1 << 20:
            return sha256(f.read()).hexdigest()
        return file_digest(f, "sha256").hexdigest()

"""Work on many (y, x) pages with all cores, one page in a core's cache at a time.

An FFT of a page of 320 x 320 takes about as long as moving that page through main memory twice.
So what can be done to a page while it is in the cache (coil maps, phases, masks, sums over coils)
is done there, page by page, and cores share the pages. NumPy threads suffice: scipy.fft and the
compiled loops give up the interpreter's lock.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import Any

import numba
import numpy as np


def cores() -> int:
    """Cores that operators of MR use; numba's own setting (NUMBA_NUM_THREADS) decides."""
    return int(numba.get_num_threads())


def share(n: int, work: Callable[[int, int, int], Any]) -> list[Any]:
    """``work(begin, end, core)`` on contiguous parts of range(n), one for each core.

    ``work`` must not call `share` itself: it would wait for a thread that waits for it.
    """
    parts = max(1, min(cores(), n))
    bounds = [n * c // parts for c in range(parts + 1)]
    if parts == 1:
        return [work(0, n, 0)]
    pool = _threads(os.getpid(), parts - 1)
    others = [pool.submit(work, bounds[c], bounds[c + 1], c) for c in range(1, parts)]
    try:
        first = work(bounds[0], bounds[1], 0)
    finally:
        wait(others)
    return [first, *(other.result() for other in others)]


@cache
def _threads(process: int, n: int) -> ThreadPoolExecutor:
    """Threads kept for the next call; a forked process has none of its parent's."""
    return ThreadPoolExecutor(n, thread_name_prefix=f"limen-mr-{process}")


def coil_scratch(n_coils: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """(2, groups, y, x) scratch of `sum_over_coils` for work that is done again and again."""
    return np.empty((2, min(n_coils, 8), *shape), dtype)


def sum_over_coils(
    images: Any,
    n_coils: int,
    add_coil: Callable[[int, int, Any, Any, bool], None],
    scratch: Any | None = None,
) -> None:
    """Fill each of ``images`` (slices, y, x) with the sum of what coils add to it.

    ``add_coil(slice, coil, page, total, first)`` adds one coil, or writes it where it is the
    first; ``page`` is free to use. Coils are summed in up to 8 groups and the groups in order,
    whatever the number of cores and slices: results are the same bit by bit.
    """
    groups = min(n_coils, 8)
    bounds = [n_coils * g // groups for g in range(groups + 1)]

    def group(n: int, g: int, page: Any, total: Any) -> None:
        for c in range(bounds[g], bounds[g + 1]):
            add_coil(n, c, page, total, c == bounds[g])

    if len(images) >= cores() and len(images) > 1:

        def slices(begin: int, end: int, core: int) -> None:
            pages, totals = coil_scratch(n_coils, images.shape[1:], images.dtype)
            for n in range(begin, end):
                for g in range(groups):
                    group(n, g, pages[0], totals[g])
                add_up(totals, images[n])

        share(len(images), slices)
        return
    pages, totals = (
        coil_scratch(n_coils, images.shape[1:], images.dtype) if scratch is None else scratch
    )
    for n in range(len(images)):

        def some(begin: int, end: int, core: int, n: int = n) -> None:
            for g in range(begin, end):
                group(n, g, pages[g], totals[g])

        share(groups, some)
        add_up(totals, images[n])


# nogil: the loops run beside each other in threads
_LOOP = {"cache": True, "nogil": True, "fastmath": {"contract", "reassoc", "nsz"}}


@numba.njit(**_LOOP)
def times_phases(page, y_phase, x_phase, out):  # type: ignore[no-untyped-def]
    """out = page * y_phase * x_phase, separable."""
    for y in range(page.shape[0]):
        for x in range(page.shape[1]):
            out[y, x] = page[y, x] * (y_phase[y] * x_phase[x])


@numba.njit(**_LOOP)
def times(page, other, out):  # type: ignore[no-untyped-def]
    """out = page * other."""
    for y in range(page.shape[0]):
        for x in range(page.shape[1]):
            out[y, x] = page[y, x] * other[y, x]


@numba.njit(**_LOOP)
def add_conj_times(page, other, out):  # type: ignore[no-untyped-def]
    """out += page * conj(other)."""
    for y in range(page.shape[0]):
        for x in range(page.shape[1]):
            a, b = page[y, x], other[y, x]
            out[y, x] += complex(
                a.real * b.real + a.imag * b.imag, a.imag * b.real - a.real * b.imag
            )


@numba.njit(**_LOOP)
def conj_times(page, other, out):  # type: ignore[no-untyped-def]
    """out = page * conj(other)."""
    for y in range(page.shape[0]):
        for x in range(page.shape[1]):
            a, b = page[y, x], other[y, x]
            out[y, x] = complex(
                a.real * b.real + a.imag * b.imag, a.imag * b.real - a.real * b.imag
            )


@numba.njit(**_LOOP)
def add_up(pages, out):  # type: ignore[no-untyped-def]
    """out = the sum of pages (groups, y, x), in order."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] = pages[0, y, x]
        for g in range(1, pages.shape[0]):
            for x in range(out.shape[1]):
                out[y, x] += pages[g, y, x]


@numba.njit(**_LOOP)
def zero_outside(mask, out):  # type: ignore[no-untyped-def]
    """out = 0 where the mask is False."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            if not mask[y, x]:
                out[y, x] = 0


@numba.njit(**_LOOP)
def vdot(a, b):  # type: ignore[no-untyped-def]
    """Real part of <a, b>, summed in double precision row by row; a, b are (y, x)."""
    total = 0.0
    for y in range(a.shape[0]):
        row = a.real.dtype.type(0)
        for x in range(a.shape[1]):
            row += a[y, x].real * b[y, x].real + a[y, x].imag * b[y, x].imag
        total += row
    return total


def centring(n: int, dtype: Any) -> Any:
    """The phases that move the centre of an FFT of n to element n // 2, on either side.

    With c = n // 2 the centred transform is the plain one between two multiplications with
    ``exp(2 pi i c k / n)``, times ``exp(-2 pi i c^2 / n)``. For even n these are signs.
    Returns (phases, constant); real where they are signs.
    """
    c = n // 2
    real = np.dtype(dtype).type(0).real.dtype
    if n % 2 == 0:
        signs = np.where(np.arange(n) % 2 == 0, 1, -1).astype(real)
        return signs, (1.0 if c % 2 == 0 else -1.0)
    turn = (c * np.arange(n)) % n
    return np.exp(2j * np.pi * turn / n).astype(dtype), complex(
        np.exp(-2j * np.pi * (c * c % n) / n)
    )

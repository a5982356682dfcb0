"""Work on many (y, x) pages with all cores, one page in a core's cache at a time.

An FFT of a page of 320 x 320 takes about as long as moving that page through main memory twice.
So what can be done to a page while it is in the cache (coil maps, phases, masks, sums over coils)
is done there, page by page, and cores share the pages. NumPy threads suffice: scipy.fft and the
compiled loops give up the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np


def cores() -> int:
    """Cores that operators of MR use; numba's own setting (NUMBA_NUM_THREADS) decides."""
    return int(numba.get_num_threads())


def share(n: int, work: Callable[[int, int, int], Any]) -> list[Any]:
    """``work(begin, end, core)`` on contiguous parts of range(n), one for each core."""
    parts = max(1, min(cores(), n))
    bounds = [n * c // parts for c in range(parts + 1)]
    if parts == 1:
        return [work(0, n, 0)]
    with ThreadPoolExecutor(parts - 1) as pool:
        others = [pool.submit(work, bounds[c], bounds[c + 1], c) for c in range(1, parts)]
        first = work(bounds[0], bounds[1], 0)
        return [first, *(other.result() for other in others)]


def sum_over_coils(
    images: Any, n_coils: int, add_coil: Callable[[int, int, Any, Any], None]
) -> None:
    """Fill each of ``images`` (slices, y, x) with the sum of what coils add to it.

    ``add_coil(slice, coil, scratch, total)`` adds one coil's page. Coils are summed in groups and
    the groups in order, whatever the number of cores and slices: results are the same bit by bit.
    """
    groups = min(n_coils, 16)
    bounds = [n_coils * g // groups for g in range(groups + 1)]
    shape, dtype = images.shape[1:], images.dtype

    def group(n: int, g: int, scratch: Any) -> Any:
        total = np.zeros(shape, dtype)
        for c in range(bounds[g], bounds[g + 1]):
            add_coil(n, c, scratch, total)
        return total

    def slices(begin: int, end: int, core: int) -> None:
        scratch = np.empty(shape, dtype)
        for n in range(begin, end):
            images[n] = 0
            for g in range(groups):
                images[n] += group(n, g, scratch)

    if len(images) >= cores():
        share(len(images), slices)
        return
    for n in range(len(images)):

        def some(begin: int, end: int, core: int, n: int = n) -> list[Any]:
            scratch = np.empty(shape, dtype)
            return [group(n, g, scratch) for g in range(begin, end)]

        images[n] = 0
        for part in share(groups, some):
            for total in part:
                images[n] += total


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

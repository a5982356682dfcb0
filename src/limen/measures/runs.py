"""A label map as runs: the stretches of one value along its last axis.

One pass over the map gives them, and everything that follows (counts, overlaps, surfaces,
lesions) works on the runs alone. Background, which is most of an image, is read once and never
again, and nothing of the size of the image is ever copied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numba
import numpy as np

from limen.measures.errors import ShapeMismatch
from limen.measures.grid import Array


@dataclass(frozen=True, eq=False)
class Runs:
    """The runs of a label map (A, B, C), ordered by row, then by start.

    Attributes
    ----------
    shape : (int, int, int)
        Of the map, in its memory order.
    row : (N,) int32
        a * B + b.
    start, stop : (N,) int32
        First voxel along the last axis, and one past the last.
    value : (N,) int32
        Never 0.
    """

    shape: tuple[int, int, int]
    row: Array
    start: Array
    stop: Array
    value: Array

    def __len__(self) -> int:
        return int(self.row.size)

    @property
    def lengths(self) -> Array:
        return self.stop - self.start

    def take(self, which: Array | slice) -> Runs:
        """The runs at these places (a mask, a slice, or indices in order)."""
        return Runs(
            self.shape, self.row[which], self.start[which], self.stop[which], self.value[which]
        )

    def with_values(self, values: Array) -> Runs:
        """The same runs, each with a value of its own."""
        return Runs(self.shape, self.row, self.start, self.stop, values)

    def relabelled(self, values: Array) -> Runs:
        """With each value looked up in a table; runs of what becomes 0 are dropped."""
        value = values[self.value].astype(np.int32)
        keep = value != 0
        if keep.all():
            return self.with_values(value)
        return Runs(self.shape, self.row[keep], self.start[keep], self.stop[keep], value[keep])

    def joined(self) -> Runs:
        """Runs that touch and have one value, as they come of :meth:`relabelled`, made one."""
        if len(self) < 2:
            return self
        new = np.empty(len(self), bool)
        new[0] = True
        new[1:] = (
            (self.row[1:] != self.row[:-1])
            | (self.start[1:] != self.stop[:-1])
            | (self.value[1:] != self.value[:-1])
        )
        if new.all():
            return self
        first = np.flatnonzero(new)
        last = np.append(first[1:], len(self)) - 1
        return Runs(
            self.shape, self.row[first], self.start[first], self.stop[last], self.value[first]
        )

    def box(self) -> tuple[Array, Array]:
        """First voxel and one past the last, (3,) each, of all runs; there must be one."""
        a, b = np.divmod(self.row, self.shape[1])
        low = np.array([a.min(), b.min(), self.start.min()])
        high = np.array([a.max() + 1, b.max() + 1, self.stop.max()])
        return low, high

    def row_pointer(self) -> Array:
        """(A * B + 1,) int64: where the runs of each row begin."""
        counts = np.bincount(self.row, minlength=self.shape[0] * self.shape[1])
        return np.concatenate([[0], np.cumsum(counts)])

    def largest_of_each(self, image: Array, n: int) -> Array:
        """(n,) float64: the largest number of an image (A, B, C) under each value from 1 to n."""
        largest = np.full(n, -np.inf)
        rows = np.searchsorted(self.row, self.shape[1] * np.arange(self.shape[0] + 1))
        for slab in range(self.shape[0]):
            begin, end = rows[slab : slab + 2]
            if begin < end:
                own = self.take(slice(begin, end))
                plane = np.ascontiguousarray(image[slab], dtype=np.float64)
                _largest(own.row % self.shape[1], own.start, own.stop, own.value, plane, largest)
        return largest

    def mask(self, low: Array, high: Array) -> Array:
        """(high - low) bool: the voxels of the runs, which all lie in that box."""
        dense = np.zeros(tuple(int(n) for n in high - low), bool)
        values = np.ones(len(self), bool)
        _paint(self.row, self.start, self.stop, values, self.shape[1], low.astype(np.int64), dense)
        return dense

    def map(self) -> Array:
        """(A, B, C) uint32: the map these are the runs of."""
        dense = np.zeros(self.shape, np.uint32)
        values, low = self.value.astype(np.uint32), np.zeros(3, np.int64)
        _paint(self.row, self.start, self.stop, values, self.shape[1], low, dense)
        return dense


def in_memory_order(labels: Sequence[Array]) -> tuple[list[Array], tuple[int, int, int]]:
    """Label maps of one shape as C-contiguous views, and which axis each axis was.

    Maps in Fortran order (NIfTI) are turned and not copied; measures do not depend on the order
    of the axes as long as the affine is turned with them. Maps in another order than the first
    are copied.
    """
    order = (0, 1, 2)
    if all(m.flags.f_contiguous for m in labels) or (
        labels[0].flags.f_contiguous and not labels[0].flags.c_contiguous
    ):
        order = (2, 1, 0)
    return [np.ascontiguousarray(m.transpose(order)) for m in labels], order


def runs_of(labels: Array) -> Runs:
    """The runs of a C-contiguous label map (A, B, C) of uint8, uint16 or uint32."""
    if labels.ndim != 3:
        raise ShapeMismatch("runs are of volumes", found=f"shape {labels.shape}")
    shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    flat = labels.reshape(-1)
    bits = 8 * labels.itemsize
    words = flat[: flat.nbytes // 8 * 8 // labels.itemsize].view(np.uint64)
    slabs = _slabs(shape[0] * shape[1], flat.size)
    found = in_threads(lambda s: _scan(flat, words, bits, shape[2], *s), slabs, much=len(slabs) > 1)
    row, start, stop, value = (np.concatenate([f[i] for f in found]) for i in range(4))
    return Runs(shape, row, start, stop, value)


def shared_voxels(first: Runs, second: Runs) -> tuple[Array, Array, Array]:
    """Voxels that two maps share, for each pair of values that share any.

    Returns
    -------
    value_first, value_second, voxels : (M,) int64
        Ordered by the two values.
    """
    a, b, n = _shared(
        first.row, first.start, first.stop, first.value,
        second.row, second.start, second.stop, second.value,
    )  # fmt: skip
    if not a.size:
        return a, b, n
    width = int(b.max()) + 1
    code = a * width + b
    if int(code.max()) < 8 * code.size:
        voxels = np.bincount(code, weights=n).astype(np.int64)
        found = np.flatnonzero(voxels)
        return found // width, found % width, voxels[found]
    found, inverse = np.unique(code, return_inverse=True)
    return found // width, found % width, np.bincount(inverse, weights=n).astype(np.int64)


def in_threads(work: Callable[..., Any], parts: Sequence[Any], *, much: bool) -> list[Any]:
    """``work`` on each part, in as many threads as numba may use; kernels let go of the GIL.

    Where it is not ``much``, in this thread: starting others takes longer than a small case.
    The number is that of NUMBA_NUM_THREADS, by default the processors this process may use;
    asking numba for its present number would start a thread pool that does not survive a fork.
    """
    threads = min(numba.config.NUMBA_NUM_THREADS, len(parts)) if much else 1
    if threads <= 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, parts))


def _slabs(rows: int, voxels: int) -> list[tuple[int, int]]:
    """Ranges of rows, several for each thread."""
    pieces = min(rows, numba.config.NUMBA_NUM_THREADS * 4) if voxels > 1_000_000 else 1
    cuts = np.linspace(0, rows, max(pieces, 1) + 1).astype(int)
    return [(int(a), int(b)) for a, b in pairwise(cuts)]


@numba.njit(cache=True, nogil=True)
def _scan(labels, words, bits, columns, begin, end):  # type: ignore[no-untyped-def]
    """Runs of the rows from ``begin`` to ``end`` of labels, flat, of ``bits`` a voxel."""
    room = columns + 1024
    row, start = np.empty(room, np.int32), np.empty(room, np.int32)
    stop, value = np.empty(room, np.int32), np.empty(room, np.int32)
    n = 0
    at = begin
    while at < end:
        n, at = _scan_rows(labels, words, bits, columns, at, end, n, row, start, stop, value)
        room = 2 * room + columns
        row, start = _wider(row, room), _wider(start, room)
        stop, value = _wider(stop, room), _wider(value, room)
    return row[:n].copy(), start[:n].copy(), stop[:n].copy(), value[:n].copy()


@numba.njit(cache=True, nogil=True)
def _scan_rows(  # type: ignore[no-untyped-def]
    labels, words, bits, columns, begin, end, n, row, start, stop, value
):
    """Fill in runs from the ``n``-th on, up to ``end`` or as far as there is room for a row.

    ``words`` are the same bytes eight at a time. A word that repeats the value at hand goes on
    with its run, or with the background, so most voxels are passed over many at a time.
    """
    each = 64 // bits
    ones = np.uint64(0x0101010101010101)
    if bits > 8:
        ones = np.uint64(0x0001000100010001) if bits == 16 else np.uint64(0x0000000100000001)
    lane = np.uint64((1 << bits) - 1)
    width = np.uint64(bits)
    for r in range(begin, end):
        if n + columns > row.size:
            return n, r
        now, same = np.uint64(0), np.uint64(0)
        base = np.int64(r) * columns
        # rows need not begin at a word: two words are put together, as long as there are two
        first = base // each
        odd = np.uint64((base - first * each) * bits)
        whole = min(columns // each, words.size - 1 - first)
        for k in range(whole):
            word = words[first + k]
            if odd != 0:
                word = (word >> odd) | (words[first + k + 1] << (np.uint64(64) - odd))
            if word == same:
                continue
            at = k * each
            rest = word
            differs = word ^ same
            while differs != 0:
                while differs & lane == 0:
                    differs >>= width
                    rest >>= width
                    at += 1
                v = rest & lane
                if now != 0:
                    stop[n - 1] = at
                if v != 0:
                    row[n], start[n], value[n] = r, at, np.int32(v)
                    n += 1
                now, same = v, ones * v
                # lanes shifted in from above are 0 and must not count as a change
                left = np.uint64((each - (at - k * each)) * bits)
                differs = rest ^ same
                if left < 64:
                    differs &= (np.uint64(1) << left) - np.uint64(1)
        for at in range(max(whole, 0) * each, columns):
            v = np.uint64(labels[base + at])
            if v != now:
                if now != 0:
                    stop[n - 1] = at
                if v != 0:
                    row[n], start[n], value[n] = r, at, np.int32(v)
                    n += 1
                now = v
        if now != 0:
            stop[n - 1] = columns
    return n, end


@numba.njit(cache=True, nogil=True)
def _wider(values, room):  # type: ignore[no-untyped-def]
    wide = np.empty(room, values.dtype)
    wide[: values.size] = values
    return wide


@numba.njit(cache=True, nogil=True)
def _shared(  # type: ignore[no-untyped-def]
    row1, start1, stop1, value1, row2, start2, stop2, value2
):
    """Overlaps of single runs: both values and the voxels shared, in one merge."""
    room = 1024
    a, b, n = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    found = 0
    x = y = 0
    while x < row1.size and y < row2.size:
        if row1[x] < row2[y]:
            x += 1
        elif row1[x] > row2[y]:
            y += 1
        else:
            common = min(stop1[x], stop2[y]) - max(start1[x], start2[y])
            if common > 0:
                if found == room:
                    room *= 2
                    a, b, n = _wider(a, room), _wider(b, room), _wider(n, room)
                a[found], b[found], n[found] = value1[x], value2[y], common
                found += 1
            if stop1[x] <= stop2[y]:
                x += 1
            else:
                y += 1
    return a[:found].copy(), b[:found].copy(), n[:found].copy()


@numba.njit(cache=True, nogil=True)
def _largest(row, start, stop, value, plane, largest):  # type: ignore[no-untyped-def]
    for n in range(row.size):
        for c in range(start[n], stop[n]):
            largest[value[n] - 1] = max(largest[value[n] - 1], plane[row[n], c])


@numba.njit(cache=True, nogil=True)
def _paint(row, start, stop, value, rows, low, dense):  # type: ignore[no-untyped-def]
    for n in range(row.size):
        a, b = row[n] // rows - low[0], row[n] % rows - low[1]
        for c in range(start[n] - low[2], stop[n] - low[2]):
            dense[a, b, c] = value[n]

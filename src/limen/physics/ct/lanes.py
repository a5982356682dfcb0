"""The compiled inner loops of the fan and parallel projectors: eight numbers at a time.

An array with *lanes* has eight numbers side by side for each pixel or ray. Either they are eight
slices, or the same slice in the eight symmetries of a square: a ray through one copy then stands
for eight rays of the acquisition, so that the geometry is computed once and each load is one
vector. Arrays are passed flat, lanes last.

The vector operations are written in LLVM's own terms, because the compiler cannot know that the
output does not overlap the input and so would not use vectors.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

LANES = 8


def _lane_pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    element = context.get_data_type(array_type.dtype)
    at = builder.gep(data, [builder.mul(index, ir.Constant(index.type, LANES))])
    return builder.bitcast(at, ir.VectorType(element, LANES).as_pointer())


def _spread(builder: Any, number: Any) -> Any:
    """The number in all lanes."""
    vector = ir.Constant(ir.VectorType(number.type, LANES), ir.Undefined)
    first = builder.insert_element(vector, number, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, vector, zeros)


def _align(array_type: Any) -> int:
    return int(array_type.dtype.bitwidth) // 8


def _plus(builder: Any, total: Any, weight: Any, vector: Any) -> Any:
    product = builder.fmul(_spread(builder, weight), vector, flags=("fast",))
    return builder.fadd(total, product, flags=("fast",))


@intrinsic
def _pull(typing_context, out, o, source, i, lower, upper):  # type: ignore[no-untyped-def]
    """out[o] += lower * source[i] + upper * source[i + 1], on all lanes."""

    def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        out_, o_, source_, i_, lower_, upper_ = arguments
        to = _lane_pointer(context, builder, signature.args[0], out_, o_)
        low = _lane_pointer(context, builder, signature.args[2], source_, i_)
        high = builder.gep(low, [ir.Constant(ir.IntType(64), 1)])
        align = _align(signature.args[0])
        first, second = builder.load(low, align=align), builder.load(high, align=align)
        total = builder.load(to, align=align)
        total = _plus(builder, total, lower_, first)
        builder.store(_plus(builder, total, upper_, second), to, align=align)
        return context.get_dummy_value()

    number = source.dtype
    return types.void(out, types.int64, source, types.int64, number, number), codegen


@intrinsic
def _push(typing_context, out, i, source, o, lower, upper):  # type: ignore[no-untyped-def]
    """out[i] += lower * source[o]; out[i + 1] += upper * source[o], on all lanes."""

    def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        out_, i_, source_, o_, lower_, upper_ = arguments
        low = _lane_pointer(context, builder, signature.args[0], out_, i_)
        high = builder.gep(low, [ir.Constant(ir.IntType(64), 1)])
        align = _align(signature.args[0])
        value = builder.load(
            _lane_pointer(context, builder, signature.args[2], source_, o_), align=align
        )
        first, second = builder.load(low, align=align), builder.load(high, align=align)
        builder.store(_plus(builder, first, lower_, value), low, align=align)
        builder.store(_plus(builder, second, upper_, value), high, align=align)
        return context.get_dummy_value()

    number = source.dtype
    return types.void(out, types.int64, source, types.int64, number, number), codegen


@numba.njit(fastmath=True, inline="always")
def _crossing(at, slope, row, begin, end, limit):  # type: ignore[no-untyped-def]
    """First ray of [begin, end) that crosses ``row`` at ``limit`` or beyond; they are in order."""
    while begin < end:
        middle = (begin + end) >> 1
        if at[middle] + slope[middle] * row < limit:
            begin = middle + 1
        else:
            end = middle
    return begin


@numba.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def project_rows(image, n_rows, width, at, slope, fans, rays):  # type: ignore[no-untyped-def]
    """Add to ``rays`` what each ray meets in the rows of ``image`` (Joseph, IEEE TMI 1982).

    ``image`` is (n_rows, width, lanes) flat, with one empty column before and two after. Ray r
    crosses row t at the column ``at[r] + slope[r] * t``. The rays ``fans[q]`` up to
    ``fans[q + 1]`` cross every row in this order.
    """
    kind = at.dtype.type
    for q in numba.prange(fans.size - 1):
        for t in range(n_rows):
            row = kind(t)
            first = _crossing(at, slope, row, fans[q], fans[q + 1], kind(0))
            last = _crossing(at, slope, row, first, fans[q + 1], kind(width - 2))
            base = t * width
            for r in range(first, last):
                x = at[r] + slope[r] * row
                column = np.int32(x)
                upper = x - kind(column)
                _pull(rays, r, image, base + column, kind(1) - upper, upper)


@numba.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def spread_rows(rays, at, slope, fans, n_rows, width, image):  # type: ignore[no-untyped-def]
    """The transpose of `project_rows`: adds each ray's value to the pixels that it met."""
    kind = at.dtype.type
    together = 4  # rows for which a fan's rays stay in the nearest cache
    for block in numba.prange((n_rows + together - 1) // together):
        for q in range(fans.size - 1):
            for t in range(block * together, min(n_rows, (block + 1) * together)):
                row = kind(t)
                first = _crossing(at, slope, row, fans[q], fans[q + 1], kind(0))
                last = _crossing(at, slope, row, first, fans[q + 1], kind(width - 2))
                base = t * width
                for r in range(first, last):
                    x = at[r] + slope[r] * row
                    column = np.int32(x)
                    upper = x - kind(column)
                    _push(image, base + column, rays, r, kind(1) - upper, upper)


@numba.njit(fastmath=True, inline="always")
def _arctan(y, x):  # type: ignore[no-untyped-def]
    """atan2 for x > 0; a polynomial in single precision, because it must be a vector operation.

    Abramowitz and Stegun, 4.4.49: the error is under 2e-8 rad, a thousandth of a pixel's angle.
    """
    kind = type(y)
    size = abs(y)
    steep = size > x
    z = min(size, x) / max(size, x)
    s = z * z
    p = kind(0.0028662257) * s - kind(0.0161657367)
    p = p * s + kind(0.0429096138)
    p = p * s - kind(0.0752896400)
    p = p * s + kind(0.1065626393)
    p = p * s - kind(0.1420889944)
    p = p * s + kind(0.1999355085)
    p = p * s - kind(0.3333314528)
    p = (p * s + kind(1)) * z
    p = kind(np.pi / 2) - p if steep else p
    return p if y >= 0 else -p


@numba.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def gather_rows(  # type: ignore[no-untyped-def]
    views,
    n_detectors,
    cos,
    sin,
    shape,
    first_row,
    pixel,
    radius,
    distance,
    curved,
    middle,
    spacing,
    image,
):
    """Add to ``image`` the views interpolated linearly at each pixel: a back-projection.

    ``views`` is (views, n_detectors + 4, lanes) flat, with two empty elements before and after.
    ``shape`` is rows and columns of the whole grid; ``image`` begins at ``first_row``. ``radius``
    is 0 for parallel beams; else views are weighted with (radius / depth)^2, for a ``curved``
    detector (radius / distance to the source)^2.
    """
    kind = cos.dtype.type
    n_rows, n_columns = shape
    top = kind(n_detectors + 2)
    start = kind(middle + 2)
    c_row, c_column = (n_rows - 1) / 2, (n_columns - 1) / 2
    # kept as an array, because a 64-bit count is slow to turn into single precision
    xs = ((np.arange(n_columns) - c_column) * pixel).astype(cos.dtype)
    scale = kind(1) / spacing if radius == 0 else distance / spacing
    for t in numba.prange(n_rows - first_row):
        y = kind((t + first_row - c_row) * pixel)
        positions = np.empty(n_columns, cos.dtype)
        weights = np.ones(n_columns, cos.dtype)
        for v in range(cos.size):
            c, s = cos[v], sin[v]
            if radius == 0:
                for i in range(n_columns):
                    positions[i] = (xs[i] * c + y * s) * scale + start
            elif curved:
                for i in range(n_columns):
                    across, depth = xs[i] * c + y * s, radius + xs[i] * s - y * c
                    positions[i] = _arctan(across, depth) * scale + start
                    weights[i] = radius * radius / (across * across + depth * depth)
            else:
                for i in range(n_columns):
                    across, near = xs[i] * c + y * s, radius / (radius + xs[i] * s - y * c)
                    positions[i] = across * near * (scale / radius) + start
                    weights[i] = near * near
            base = v * (n_detectors + 4)
            for i in range(n_columns):
                p = min(max(positions[i], kind(0)), top)
                lower = np.int32(p)
                upper = (p - kind(lower)) * weights[i]
                _pull(image, t * n_columns + i, views, base + lower, weights[i] - upper, upper)

"""GRAPPA: missing lines from neighbouring lines of all coils."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.mr.sampling import AcquisitionError, Cartesian, check_kspace
from limen.physics.mr.sense_unfolding import line_pattern

Array = NDArray[Any]


def grappa(
    kspace: Array,
    sampling: Cartesian,
    lines: int = 4,
    samples: int = 5,
    regularisation: float = 1e-6,
) -> Array:
    """Full k-space of each coil (Griswold et al., Magn. Reson. Med. 47, 2002).

    The weights that make a line from ``lines`` measured ones around it, ``samples`` wide, are
    fitted on the block of centre lines. Measured lines are returned as they are.

    Parameters
    ----------
    kspace : (coils, ky, kx) array
        One slice.
    sampling : Cartesian
        Every R-th line and a block of centre lines.
    lines, samples : int
        Of the kernel; samples odd.
    regularisation : float
        Tikhonov, as a share of the largest eigenvalue of the calibration's normal matrix.

    Returns
    -------
    (coils, ky, kx) array. Extra memory: a few lines' neighbourhoods,
    ``coils x lines x samples`` for each point.

    Raises
    ------
    AcquisitionError
        When the mask is of another kind or the centre block is too small for the kernel.
    """
    kspace = check_kspace(kspace, sampling)
    if kspace.ndim != 3:
        raise AcquisitionError("GRAPPA takes one slice", found=f"shape {kspace.shape}")
    if lines < 2 or samples < 1 or samples % 2 == 0 or samples > kspace.shape[2]:
        raise AcquisitionError(
            "A kernel has two lines or more and an odd number of samples",
            found=f"{lines} x {samples}",
        )
    step, first, (begin, end) = line_pattern(sampling)
    if step == 1:
        return np.array(kspace)
    span = (lines - 1) * step + 1
    if end - begin < span:
        raise AcquisitionError(
            "Too few centre lines to fit the kernel",
            found=f"{end - begin} lines for R = {step}",
            mend=f"measure at least {span}, or take a kernel of fewer lines",
        )
    n_coils, n, nx = kspace.shape
    measured = sampling.measured[:, 0]
    back = (lines - 1) // 2  # measured lines before the gap, besides the one at its start
    block = np.where(sampling.measured, kspace, 0)[:, begin:end]
    near = np.lib.stride_tricks.sliding_window_view(block, samples, axis=2)
    inner = slice(samples // 2, nx - samples // 2)
    starts = np.arange(end - begin - span + 1)
    # (windows, coils x lines x samples)
    sources = np.stack([near[:, starts + j * step] for j in range(lines)], axis=3)
    sources = sources.transpose(1, 2, 0, 3, 4).reshape(-1, n_coils * lines * samples)
    targets = np.stack([block[:, starts + back * step + r, inner] for r in range(1, step)], axis=3)
    targets = targets.transpose(1, 2, 3, 0).reshape(len(sources), -1)
    sources, targets = sources.astype(np.complex128), targets.astype(np.complex128)
    normal = sources.conj().T @ sources
    largest = float(np.linalg.eigvalsh(normal)[-1])
    if not np.isfinite(largest) or largest <= 0:
        raise AcquisitionError("The centre lines are empty or not finite numbers")
    normal += regularisation * largest * np.eye(len(normal))
    weights = np.linalg.solve(normal, sources.conj().T @ targets).astype(kspace.dtype)

    out = np.where(sampling.measured, kspace, 0).astype(kspace.dtype)
    regular = np.zeros_like(out)
    regular[:, first::step] = out[:, first::step]
    wide = np.pad(regular, ((0, 0), (0, 0), (samples // 2, samples // 2)), mode="wrap")
    near = np.lib.stride_tricks.sliding_window_view(wide, samples, axis=2)
    for start in range(first - step, n, step):
        gap = [r for r in range(1, step) if 0 <= start + r < n and not measured[start + r]]
        if not gap:
            continue
        rows = [(start + (j - back) * step) for j in range(lines)]
        # lines beyond the edge of k-space are zero: there is next to no signal
        inside = [near[:, row] if 0 <= row < n else np.zeros_like(near[:, 0]) for row in rows]
        around = np.stack(inside, axis=2).transpose(1, 0, 2, 3).reshape(nx, -1)
        made = (around @ weights).reshape(nx, step - 1, n_coils)
        for r in gap:
            out[:, start + r] = made[:, r - 1].T
    return out

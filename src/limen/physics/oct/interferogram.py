"""From a reflectivity profile to fringes, and the adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.oct.acquisition import Acquisition
from limen.physics.oct.dispersion import dispersion_phase
from limen.physics.oct.errors import FringeError
from limen.physics.oct.spectral_response import roll_off_of

Array = NDArray[Any]

TOLERANCE = 1e-9
"""Of the non-uniform FFT, worked in double precision: single would turn the deepest waves by 2e-4
rad, which lies over the noise of a good instrument."""

BLOCK = 256
"""A-scans worked on together, so that memory does not grow with the volume."""


def forward(reflectivity: Array, acquisition: Acquisition, workers: int = 0) -> Array:
    """The interference term of the fringes, in counts.

    ``f_m = F s_m Re sum_j w(z_j) r_j exp(i (2 k_m z_j + phi(k_m)))`` with the spectrum s, the
    roll-off w, the dispersion phase phi and F = 2 sqrt(N_R N_S) in counts (Leitgeb, Hitzenberger
    and Fercher, Opt. Express 11, 2003, eq. 1). What reflectors make with each other
    (autocorrelation) is left out. The sum is a non-uniform FFT (finufft) in double
    precision.

    Parameters
    ----------
    reflectivity : (..., depths) array
        Complex amplitude reflectivity at ``acquisition.sampling.depth_um``; |r| = 1 is a mirror.
        Single precision gives single precision.
    acquisition : Acquisition
    workers : int
        Threads; 0 for all cores.

    Returns
    -------
    (..., samples) float32 or float64 array
    """
    import finufft

    r = np.asarray(reflectivity)
    depths = acquisition.sampling.depth_um
    if r.ndim == 0 or r.shape[-1] != depths.size:
        raise FringeError(
            "The profile does not have the acquisition's depths",
            found=f"shape {r.shape}",
            mend=f"give {depths.size} depths on the last axis",
        )
    if not np.isfinite(r).all():
        raise FringeError("Reflectivity must be finite", found="NaN or infinity")
    points, turn, scale = _points(acquisition)
    left = roll_off_of(acquisition, depths)
    rows = r.reshape(-1, depths.size)
    single = r.dtype in (np.float32, np.complex64)
    out = np.empty((rows.shape[0], points.size), np.float32 if single else np.float64)
    for a in range(0, rows.shape[0], BLOCK):
        sums = finufft.nufft1d2(
            points, (rows[a : a + BLOCK] * left).astype(np.complex128), eps=TOLERANCE, isign=1,
            modeord=0, nthreads=workers,
        )  # fmt: skip
        out[a : a + BLOCK] = np.real(sums * turn) * scale
    return out.reshape(*r.shape[:-1], points.size)


def adjoint(fringes: Array, acquisition: Acquisition, workers: int = 0) -> Array:
    """The adjoint of `forward` for the inner product ``Re <a, b>``.

    Parameters
    ----------
    fringes : (..., samples) float array
        In counts, without background.
    acquisition : Acquisition
    workers : int

    Returns
    -------
    (..., depths) complex64 or complex128 array
    """
    import finufft

    f = np.asarray(fringes)
    require_samples(f, acquisition.sampling.n_samples)
    points, turn, scale = _points(acquisition)
    depths = acquisition.sampling.depth_um
    left = roll_off_of(acquisition, depths)
    rows = f.reshape(-1, f.shape[-1])
    double = f.dtype == np.float64
    out = np.empty((rows.shape[0], depths.size), np.complex128 if double else np.complex64)
    for a in range(0, rows.shape[0], BLOCK):
        sums = finufft.nufft1d1(
            points, rows[a : a + BLOCK] * scale * np.conj(turn), n_modes=depths.size,
            eps=TOLERANCE, isign=-1, modeord=0, nthreads=workers,
        )  # fmt: skip
        out[a : a + BLOCK] = sums * left
    return out.reshape(*f.shape[:-1], depths.size)


def fringes_of_reflectors(depth_um: Array, amplitude: Array, acquisition: Acquisition) -> Array:
    """The fringe of a few reflectors at any depths, summed term by term in double precision.

    Parameters
    ----------
    depth_um, amplitude : (reflectors,) arrays
        Amplitude may be complex.
    acquisition : Acquisition

    Returns
    -------
    (samples,) float64 array, in counts
    """
    z, r = np.atleast_1d(depth_um), np.atleast_1d(amplitude)
    k = acquisition.sampling.wavenumber_rad_per_um
    phase = _dispersion(acquisition)
    waves = np.exp(1j * (2 * np.outer(z, k) + phase)) * (roll_off_of(acquisition, z) * r)[:, None]
    return np.asarray(acquisition.detector.fringe_counts * acquisition.spectrum * waves.sum(0).real)


def require_samples(fringes: Array, n_samples: int) -> None:
    """Raise FringeError unless the last axis has the samples and all are finite."""
    if fringes.ndim == 0 or fringes.shape[-1] != n_samples:
        raise FringeError(
            "The fringes do not have the acquisition's samples",
            found=f"shape {fringes.shape}",
            mend=f"give {n_samples} samples on the last axis",
        )
    if np.issubdtype(fringes.dtype, np.complexfloating):
        raise FringeError("Fringes are real numbers", found=str(fringes.dtype))
    if not np.isfinite(fringes).all():
        raise FringeError("Fringes must be finite", found="NaN or infinity")


def _dispersion(acquisition: Acquisition) -> Array:
    return dispersion_phase(
        acquisition.sampling.wavenumber_rad_per_um, acquisition.source.centre_rad_per_um,
        acquisition.dispersion_fs2, acquisition.dispersion_fs3,
    )  # fmt: skip


def _points(acquisition: Acquisition) -> tuple[Array, Array, Array]:
    """Points of the non-uniform FFT, the phase that is left (modes run about the middle), scale."""
    depths, sampling = acquisition.sampling.n_depths, acquisition.sampling
    per_depth = 2 * sampling.wavenumber_rad_per_um * sampling.depth_spacing_um
    points = np.mod(per_depth + np.pi, 2 * np.pi) - np.pi
    turn = np.exp(1j * (per_depth * (depths // 2) + _dispersion(acquisition)))
    return points, turn, acquisition.detector.fringe_counts * acquisition.spectrum

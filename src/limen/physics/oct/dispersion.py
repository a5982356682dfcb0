"""Dispersion mismatch between the arms: its phase, its effect, its search without calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.oct.acquisition import LIGHT_UM_PER_FS
from limen.physics.oct.errors import FringeError

Array = NDArray[Any]


def dispersion_phase(
    wavenumber_rad_per_um: Array,
    centre_rad_per_um: float,
    dispersion_fs2: float,
    dispersion_fs3: float = 0.0,
) -> Array:
    """``D2 / 2 (w - w0)^2 + D3 / 6 (w - w0)^3`` in rad, with w = c k.

    The constant and linear terms of the mismatch are a phase and a shift in depth, and are left
    out. D2 and D3 are group delay dispersion of the round trip through what the arms do not share:
    1 mm of water at 800 nm, passed twice, has about 50 fs^2.
    """
    off = LIGHT_UM_PER_FS * (np.asarray(wavenumber_rad_per_um, np.float64) - centre_rad_per_um)
    return np.asarray(dispersion_fs2 / 2 * off**2 + dispersion_fs3 / 6 * off**3)


def dispersion_broadening(dispersion_fs2: float, fwhm_rad_per_um: float) -> float:
    """Width of the axial point-spread over its width without dispersion, for a Gaussian spectrum.

    ``sqrt(1 + (D2 dw^2 / (8 ln 2))^2)`` with dw the full width at half maximum of the spectrum,
    window included, in angular frequency (Drexler and Fujimoto, 2015, chapter 2; it is the
    broadening of a Gaussian pulse). The peak's power falls by the same factor.
    """
    width = LIGHT_UM_PER_FS * fwhm_rad_per_um
    return float(np.hypot(1, dispersion_fs2 * width**2 / (8 * np.log(2))))


def dispersion_of_broadening(broadening: float, fwhm_rad_per_um: float) -> float:
    """|D2| in fs^2 that broadens by a factor: the inverse of `dispersion_broadening`."""
    width = LIGHT_UM_PER_FS * fwhm_rad_per_um
    return float(np.sqrt(max(broadening**2 - 1, 0.0)) * 8 * np.log(2) / width**2)


def search_dispersion(
    even_fringes: Array,
    even_wavenumber_rad_per_um: Array,
    centre_rad_per_um: float,
    window: Array,
    widest_fs2: float = 20_000.0,
    cubic: bool = False,
) -> tuple[float, float]:
    """The dispersion whose removal makes the image sharpest.

    Sharpness is the sum of squared power over depths, per squared energy: dispersion only moves
    energy in depth, so it is largest when energy is in the fewest depths (Wojtkowski et al., Opt.
    Express 12, 2004 search so, by another measure). Found by a scan over ``widest_fs2`` on both
    sides, then by parabolic refinement.

    Parameters
    ----------
    even_fringes : (A-scans, points) array
        Background removed and even in k; 8 A-scans or more.
    even_wavenumber_rad_per_um, window : (points,) arrays
    centre_rad_per_um : float
    widest_fs2 : float
        Largest dispersion looked for, of either sign.
    cubic : bool
        Whether to search fs^3 too.

    Returns
    -------
    (float, float)
        fs^2 and fs^3.

    Raises
    ------
    FringeError
        When there is no sharpest value inside the range: noise alone, or a wider mismatch.
    """
    import scipy.fft as fft
    from scipy.stats import t

    k = np.asarray(even_wavenumber_rad_per_um, np.float64)
    data = (np.asarray(even_fringes) * window).astype(np.complex64)
    half = data.shape[-1] // 2
    low = max(4, half // 100)  # zero delay holds what the background left

    def each(fs2: float, fs3: float = 0.0) -> Array:
        turn = np.exp(-1j * dispersion_phase(k, centre_rad_per_um, fs2, fs3)).astype(np.complex64)
        power = np.abs(fft.fft(data * turn, axis=-1)[..., low:half]) ** 2
        peaked = np.sum(power**2, -1) / np.maximum(np.sum(power, -1), 1e-30) ** 2
        return np.asarray(peaked, np.float64).ravel()

    def sharpness(fs2: float, fs3: float = 0.0) -> float:
        return float(each(fs2, fs3).mean())

    # a step that moves the phase at the band's edge by about a radian cannot miss the peak
    band = LIGHT_UM_PER_FS * _band(k, window)
    step = min(2.0 / max((band / 2) ** 2, 1e-9), widest_fs2 / 8)
    tried = np.arange(-np.ceil(widest_fs2 / step), np.ceil(widest_fs2 / step) + 1) * step
    found = np.array([each(d) for d in tried])
    best = int(found.mean(1).argmax())
    # sharper than the mean over the range, beyond what the best of so many tries is by chance
    # (Student's t over the A-scans, 1 in 10,000)
    gain = found[best] - found.mean(0)
    if gain.size < 8:
        needed = np.inf
    else:
        needed = t.isf(1e-4 / tried.size, gain.size - 1) * gain.std(ddof=1) / np.sqrt(gain.size)
    if best in (0, tried.size - 1) or not gain.mean() > needed:
        raise FringeError(
            "No dispersion in the range makes these A-scans clearly sharper",
            found=f"sharpest at {tried[best]:.0f} fs^2 of -{widest_fs2:.0f} to {widest_fs2:.0f}",
            mend="give 8 A-scans or more, with a bright surface, or a wider range",
        )
    fs2 = _climb(lambda d: sharpness(d), float(tried[best]), step)
    if not cubic:
        return fs2, 0.0
    fs3 = 0.0
    third = 3 * step / (band / 2)
    for _ in range(3):
        fs3 = _climb(lambda e, d=fs2: sharpness(d, e), fs3, third)
        fs2 = _climb(lambda d, e=fs3: sharpness(d, e), fs2, step / 4)
    return fs2, fs3


def _band(k: Array, window: Array) -> float:
    """Twice the root mean square width that the window leaves, times sqrt 3: of a flat band all."""
    w = np.asarray(window, np.float64) ** 2
    mean = np.sum(w * k) / np.sum(w)
    return float(2 * np.sqrt(3 * np.sum(w * (k - mean) ** 2) / np.sum(w)))


def _climb(value: Any, start: float, step: float) -> float:
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda d: -value(d), bounds=(start - step, start + step), method="bounded",
        options={"xatol": step / 500},
    )  # fmt: skip
    return float(found.x)

"""Fringes to images: background, k-linearisation, dispersion, window, FFT, logarithm."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.physics.oct.acquisition import Acquisition
from limen.physics.oct.dispersion import dispersion_phase
from limen.physics.oct.errors import AcquisitionError, FringeError
from limen.physics.oct.interpolation import TAPS, tap_weights

if TYPE_CHECKING:
    from limen.physics.oct.calibration import Calibration

Array = NDArray[Any]

WINDOWS = ("flat", "hann", "hamming", "blackman", "gaussian")
FLOOR_POWER = 1e-30
"""Power of -300 dB, given where the signal is exactly 0."""

BLOCK_BYTES = 1 << 19
"""Of the complex block that a core works on: half a megabyte, the second-level cache."""

SATURATED = "saturation: samples at full scale; harmonics of bright reflectors appear deeper"
FOLDED = "depth wrap: signal at the deepest depths; structures beyond them are folded back"
FOLDED_DB = 6.0
"""Mean of the deepest pixels over the quietest depths from which folding is warned of."""

MOST_SATURATED = 0.1
"""Share of samples at full scale above which fringes are refused."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """How an A-scan becomes a depth profile.

    Attributes
    ----------
    positions : (points,) float64
        Fractional sample at each of the points that are even in k, k rising (or, from a
        calibration, in the direction of rising fringe phase).
    phase_rad : (points,) float64
        Dispersion phase, to be removed.
    window : (points,) float64
        Scaled so that a fringe of amplitude 1 count makes an amplitude of 1, that is 0 dB.
    n_samples : int
    depth_spacing_um : float or None
        None where the wavelengths are not known; depth is then counted in pixels.
    taps : 2 or 8
        Of the interpolation.
    """

    positions: Array
    phase_rad: Array
    window: Array
    n_samples: int
    depth_spacing_um: float | None
    taps: int = TAPS

    @classmethod
    def of_acquisition(
        cls, acquisition: Acquisition, window: str = "hann", taps: int = TAPS
    ) -> Recipe:
        """For the acquisition's sampling and dispersion."""
        k = acquisition.sampling.even_wavenumber_rad_per_um
        phase = dispersion_phase(
            k, acquisition.source.centre_rad_per_um, acquisition.dispersion_fs2,
            acquisition.dispersion_fs3,
        )  # fmt: skip
        return cls(
            acquisition.sampling.positions, phase, window_of(window, k.size), k.size,
            acquisition.sampling.depth_spacing_um, taps,
        )  # fmt: skip

    @classmethod
    def of_calibration(
        cls, calibration: Calibration, window: str = "hann", side: Literal[1, 2] = 1,
        taps: int = TAPS,
    ) -> Recipe:  # fmt: skip
        """For a sample on the side of zero delay on which mirror 1 (or 2) stood."""
        sign = 1 if side == 1 else -1
        return cls(
            calibration.positions, sign * calibration.dispersion_phase_rad,
            window_of(window, calibration.positions.size), calibration.n_samples,
            calibration.depth_spacing_um, taps,
        )  # fmt: skip

    @property
    def n_points(self) -> int:
        return int(self.positions.size)

    @property
    def n_depths(self) -> int:
        return self.n_points // 2

    @property
    def depth_um(self) -> Array:
        """(depths,) float64; raises AcquisitionError where the wavelengths are not known."""
        if self.depth_spacing_um is None:
            raise AcquisitionError(
                "Depth cannot be said in um, because the wavelengths are not known",
                mend="give the wavelengths of the first and last sample to the calibration",
            )
        return np.arange(self.n_depths) * self.depth_spacing_um

    def noise_db(self, variance_counts2: Array) -> float:
        """Mean power in the image of noise that is independent from sample to sample.

        ``10 log10 sum_n w_n^2 v_n`` with the variance v of each sample (samples,).
        """
        v = np.interp(self.positions, np.arange(self.n_samples), variance_counts2)
        return float(10 * np.log10(max(float(np.sum(self.window**2 * v)), FLOOR_POWER)))


@dataclass(frozen=True)
class Reconstructed:
    """An image and what must be known of how it was made.

    Attributes
    ----------
    data : (..., A-scans, depths) array
        float32 dB of power (0 dB: a fringe of amplitude 1 count), or complex64 amplitude.
    depth_spacing_um : float or None
    warnings : tuple of str
    measured : mapping of plain numbers
    """

    data: Array
    depth_spacing_um: float | None
    warnings: tuple[str, ...] = ()
    measured: dict[str, float] = field(default_factory=dict)


def window_of(name: str, n_points: int) -> Array:
    """A window of `WINDOWS` scaled for `Recipe` (2 / sum): Gaussian falls to 5 % at the ends."""
    x = np.linspace(-1, 1, n_points)
    shapes: dict[str, Callable[[], Array]] = {
        "flat": lambda: np.ones(n_points),
        "hann": lambda: np.hanning(n_points),
        "hamming": lambda: np.hamming(n_points),
        "blackman": lambda: np.blackman(n_points),
        "gaussian": lambda: np.exp(-3 * x**2),
    }
    if name not in shapes:
        raise AcquisitionError(f"No such window: {name}", mend=", ".join(WINDOWS))
    shape = shapes[name]()
    return np.asarray(shape * (2 / shape.sum()))


def reconstruct(
    fringes: Array,
    recipe: Recipe,
    background: Array | Literal["mean"] | None = "mean",
    full_scale_counts: float | None = None,
    workers: int = 0,
) -> Reconstructed:
    """The image in dB.

    Each A-scan: less the background, interpolated at points even in k, multiplied with window and
    dispersion phase, Fourier transformed, and 10 log10 of its power over the positive depths
    (Drexler and Fujimoto, Optical Coherence Tomography, 2nd ed. 2015, chapter 5).

    Memory besides input and output: about 1 MB for each worker.

    Parameters
    ----------
    fringes : (..., A-scans, samples) array
        Of any real type; 16-bit numbers are read as they are.
    recipe : Recipe
    background : (samples,) array, "mean" or None
        "mean" is of the A-scans of each B-scan.
    full_scale_counts : float, optional
        Samples at or above it count as saturated.
    workers : int
        Threads; 0 for all cores.

    Returns
    -------
    Reconstructed
        float32 dB, (..., A-scans, depths).

    Raises
    ------
    FringeError
        Samples that contradict the recipe, NaN, or more than a tenth saturated.
    """
    f = _as_fringes(fringes, recipe)
    out = np.empty((*f.shape[:-1], recipe.n_depths), np.float32)
    share = _transform(f, recipe, background, full_scale_counts, workers, out)
    return _reconstructed(out, recipe, share)


def reconstruct_field(
    fringes: Array,
    recipe: Recipe,
    background: Array | Literal["mean"] | None = "mean",
    workers: int = 0,
) -> Reconstructed:
    """The same before the logarithm: complex64 amplitude, (..., A-scans, depths)."""
    f = _as_fringes(fringes, recipe)
    out = np.empty((*f.shape[:-1], recipe.n_depths), np.complex64)
    _transform(f, recipe, background, None, workers, out)
    return Reconstructed(out, recipe.depth_spacing_um)


def even_fringes(fringes: Array, recipe: Recipe, background: Array | None = None) -> Array:
    """(..., points) float32: less background (default: their mean) and even in k."""
    from limen.physics.oct.interpolation import interpolate

    f = _as_fringes(fringes, recipe).astype(np.float32)
    f -= f.mean(axis=-2, keepdims=True) if background is None else background
    return interpolate(f, recipe.positions)


def _as_fringes(fringes: Array, recipe: Recipe) -> Array:
    f = np.asarray(fringes)
    if f.ndim < 2 or f.shape[-1] != recipe.n_samples or 0 in f.shape:
        raise FringeError(
            "The fringes do not belong to this recipe",
            found=f"shape {f.shape}",
            mend=f"give (..., A-scans, {recipe.n_samples} samples)",
        )
    if f.dtype.kind not in "uif":
        raise FringeError("Fringes are real numbers", found=str(f.dtype))
    if f.dtype not in (np.float32, np.float64, np.uint16, np.int16) or not f.dtype.isnative:
        f = f.astype(np.float32)
    return f


def _transform(
    f: Array,
    recipe: Recipe,
    background: Array | str | None,
    full_scale: float | None,
    workers: int,
    out: Array,
) -> float:
    """Fill ``out``; returns the share of saturated samples."""
    import scipy.fft as fft

    from limen.physics.oct.lanes import decibels, linearise

    n = recipe.n_points
    first, weights = tap_weights(recipe.positions, recipe.n_samples, recipe.taps)
    turn = np.exp(-1j * recipe.phase_rad) * recipe.window
    phase_window = np.ascontiguousarray(np.stack([turn.real, turn.imag], 1), np.float32)
    scans = f.reshape(-1, *f.shape[-2:])
    images = out.reshape(-1, *out.shape[-2:])
    block = max(1, BLOCK_BYTES // (8 * n))
    cores = workers or os.cpu_count() or 1

    # kept from block to block: fresh memory costs as much as the FFT
    spare = [
        (np.empty((block, 2 * n), np.float32), np.empty(recipe.n_depths, np.float32))
        for _ in range(cores)
    ]

    def work(b: int, a: int, less: Array) -> tuple[bool, int]:
        whole, power = mine = spare.pop()
        raw = np.ascontiguousarray(scans[b, a : a + block])
        buffer = whole[: raw.shape[0]]
        linearise(raw, less, first, weights, phase_window, buffer)
        signal = fft.fft(buffer.view(np.complex64), axis=-1, overwrite_x=True)
        saturated = 0 if full_scale is None else int(np.count_nonzero(raw >= full_scale))
        if out.dtype == np.complex64:
            images[b, a : a + block] = signal[:, : recipe.n_depths]
            seen = bool(np.isfinite(signal.view(np.float32)).all())
            spare.append(mine)
            return seen, saturated
        seen = decibels(
            signal.view(np.float32), power.view(np.int32), power, np.float32(FLOOR_POWER),
            images[b, a : a + block],
        )  # fmt: skip
        spare.append(mine)
        return seen, saturated

    total = 0
    with ThreadPoolExecutor(cores) as pool:
        for b in range(scans.shape[0]):
            less = _background(scans[b], background, pool, cores)
            starts = range(0, scans.shape[1], block)
            for a, (seen, saturated) in zip(
                starts, pool.map(lambda a, b=b, less=less: work(b, a, less), starts), strict=True
            ):
                total += saturated
                if not seen:
                    raise FringeError(
                        "Fringes must be finite",
                        where=f"B-scan {b}, A-scans {a} to {a + block - 1}",
                        found="NaN, infinity or numbers beyond single precision",
                    )
    share = total / f.size
    if share > MOST_SATURATED:
        raise FringeError(
            "The fringes are saturated",
            found=f"{100 * share:.1f} % of samples at or above {full_scale:g}",
            mend="acquire with less light, or state the detector's full scale",
        )
    return share


def _background(scan: Array, background: Array | str | None, pool: Any, cores: int) -> Array:
    n_samples = scan.shape[-1]
    if background is None:
        return np.zeros(n_samples, np.float32)
    if isinstance(background, str):
        if background != "mean":
            raise AcquisitionError(f"No such background: {background}", mend='an array or "mean"')
        from limen.physics.oct.lanes import add_scans

        def some(part: Array) -> Array:
            total = np.zeros(n_samples)
            add_scans(np.ascontiguousarray(part), total)
            return total

        total = sum(pool.map(some, _parts(scan, cores)))
        return np.asarray(total / scan.shape[0], np.float32)
    given = np.asarray(background)
    if given.shape != (n_samples,) or not np.isfinite(given).all():
        raise FringeError(
            "A background is one finite number per sample",
            found=f"shape {given.shape}",
            mend=f"give ({n_samples},)",
        )
    return np.ascontiguousarray(given, np.float32)


def _parts(scan: Array, cores: int) -> Iterator[Array]:
    step = -(-scan.shape[0] // cores)
    return (scan[a : a + step] for a in range(0, scan.shape[0], step))


def _reconstructed(db: Array, recipe: Recipe, saturated: float) -> Reconstructed:
    warnings = [SATURATED] if saturated > 0 else []
    # 256 A-scans of the whole tell enough, and cost nothing beside the transform
    rows = db.reshape(-1, recipe.n_depths)
    some = rows[:: max(1, rows.shape[0] // 256)]
    deep = max(recipe.n_depths // 50, 2)
    end = float(np.mean(some[:, -deep:]))
    # the quietest tenth of the depths is the floor; the last pixels are above it when folded
    tenths = [float(np.mean(part)) for part in np.array_split(some, 10, axis=-1)]
    above = end - min(tenths)
    if above > FOLDED_DB and end > float(np.max(some)) - 45:
        warnings.append(FOLDED)
    measured = {"share_of_samples_saturated": saturated, "deepest_above_floor_db": above}
    return Reconstructed(db, recipe.depth_spacing_um, tuple(warnings), measured)

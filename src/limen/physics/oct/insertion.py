"""What the degradations of OCT have in common: B-scan by B-scan, and fringes made of an image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import (
    Applied,
    Axis,
    Drawn,
    Record,
    expect_drawn_for,
)
from limen.physics.oct.acquisition import Acquisition
from limen.physics.oct.dispersion import dispersion_phase
from limen.physics.oct.errors import FringeError
from limen.physics.oct.interpolation import interpolate, smooth
from limen.physics.oct.reconstruction import Recipe, reconstruct

Array = NDArray[Any]

ROUNDS = 20
"""Of phase retrieval: bright pixels come back to 0.3 dB; without any, to 3 dB."""

FADED = "noise faded with the fringe, because the detector's electrons are not known"

FLOOR_DB = -150.0
"""Powers of an image under it are taken as it, so that -inf can be resimulated."""


@dataclass
class Changed:
    """Degraded fringes of one B-scan, with what was measured and what must be warned of.

    ``background`` is given where the degradation changes it too.
    """

    fringes: Array
    background: Array | None = None
    warnings: tuple[str, ...] = ()
    measured: dict[str, float] = field(default_factory=dict)


Change = Callable[[Array, Array, np.random.Generator, int], Changed]
"""Of fringes (A-scans, samples) float32 in counts, their background (samples,), a generator, and
the number of the B-scan."""


def b_scan_generator(seed: int, b: int) -> np.random.Generator:
    """One generator for each B-scan, whatever is worked on together."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(b,))))


def apply_to_fringes(
    raw: Array, drawn: Drawn, axis: Axis, acquisition: Acquisition, method: str, change: Change
) -> Applied:
    """Degrade raw fringes (..., A-scans, samples), one B-scan at a time.

    At nominal an equal copy. Otherwise float32, or float64 for float64; 16-bit data are not
    rounded back, so that the difference stays visible (see `digitise`).
    """
    expect_drawn_for(axis, drawn)
    f = _require(raw, acquisition.sampling.n_samples, "samples")
    if axis.is_nominal(drawn.value):
        return Applied(np.array(raw), Record(drawn, axis.nominal, method, "measured"))
    out = np.empty(f.shape, np.float64 if f.dtype == np.float64 else np.float32)
    notes = _Notes()
    scans, kept = f.reshape(-1, *f.shape[-2:]), out.reshape(-1, *f.shape[-2:])
    for b in range(scans.shape[0]):
        scan = np.asarray(scans[b], np.float32)
        if not np.isfinite(scan).all():
            raise FringeError("Fringes must be finite", where=f"B-scan {b}", found="NaN")
        background = _background_of(scan, acquisition, b)
        done = change(scan, background, b_scan_generator(drawn.seed, b), b)
        kept[b] = done.fringes
        notes.add(done)
    return Applied(
        out,
        Record(drawn, axis.nominal, method, "measured", notes.warnings, notes.measured),
    )


@dataclass(frozen=True)
class Step:
    """One degradation at one value, as it changes fringes."""

    drawn: Drawn
    axis: Axis
    method: str
    change: Change


FringesOf = Callable[[Array, int], tuple[Array, Array]]
"""Of a B-scan (A-scans, depths) in dB and its number: its fringes, and what they reconstruct to."""


def insert_in_image(
    image_db: Array,
    steps: Sequence[Step],
    acquisition: Acquisition,
    seed: int,
    window: str = "hann",
    fringes_of: FringesOf | None = None,
) -> tuple[Array, list[Record]]:
    """Degrade an image in dB (..., A-scans, depths) through fringes made from it.

    ``x + R(C(A x)) - R(A x)`` with A `resimulate`, C the degradations one after the other and R
    `reconstruct`. The logarithm is not linear, so the round trip ``R(A x) - x`` is measured over
    the pixels within 40 dB of the brightest and recorded: it is the simulation's own bias.

    Parameters
    ----------
    image_db : (..., A-scans, depths) array
    steps : sequence of Step
        In the order in which they act; those at nominal do nothing. All are for ``acquisition``.
    acquisition : Acquisition
    seed : int
        Of the phases that the image has lost.
    window : str
        Of the image's reconstruction.
    fringes_of : callable, optional
        In place of `made_fringes`, for a caller who remembers what it returned.

    Returns
    -------
    (image, records)
        A record for each step.
    """
    for step in steps:
        expect_drawn_for(step.axis, step.drawn)
    image = _require(image_db, acquisition.sampling.n_depths, "depths")
    if np.isnan(image).any() or np.isposinf(image).any():
        raise FringeError("An image in dB must be finite, or -inf", found="NaN or +inf")
    recipe = Recipe.of_acquisition(acquisition, window)
    background = background_counts(acquisition)
    acting = [s for s in steps if not s.axis.is_nominal(s.drawn.value)]
    notes = {s.axis.name: _Notes() for s in steps}
    stack = image.reshape(-1, *image.shape[-2:])
    floating = image.dtype if np.issubdtype(image.dtype, np.inexact) else np.dtype(np.float32)
    out = np.array(stack, floating)
    trips: list[Array] = []
    for b in range(stack.shape[0] if acting else 0):
        x = np.maximum(stack[b], FLOOR_DB)
        fringes, back = (
            made_fringes(x, acquisition, recipe, seed, b)
            if fringes_of is None
            else fringes_of(x, b)
        )
        under = background
        for step in acting:
            done = step.change(fringes, under, b_scan_generator(step.drawn.seed, b), b)
            notes[step.axis.name].add(done)
            fringes = done.fringes
            under = under if done.background is None else done.background
        out[b] = x + (reconstruct(fringes, recipe, under).data - back)
        trips.append((back - x)[x > x.max() - 40])
    trip = np.concatenate(trips) if trips else None
    records = []
    for step in steps:
        found = notes[step.axis.name]
        if trip is not None and step in acting:
            found.measured["round_trip_rms_db"] = float(np.sqrt(np.mean(trip**2)))
            found.measured["round_trip_mean_db"] = float(np.mean(trip))
        records.append(Record(step.drawn, step.axis.nominal, step.method, "resimulated",
                              found.warnings, found.measured))  # fmt: skip
    return out.reshape(image.shape), records


def made_fringes(
    x: Array, acquisition: Acquisition, recipe: Recipe, seed: int, b: int
) -> tuple[Array, Array]:
    """Fringes of a B-scan (A-scans, depths) in dB, and what they reconstruct to."""
    fringes = resimulate(x, acquisition, recipe, seed, b)
    return fringes, reconstruct(fringes, recipe, background_counts(acquisition)).data


class ThroughFringes(ABC):
    """How OCT's degradations apply: on raw fringes as they are, on an image through fringes made
    from it. What each one changes is its ``_change``."""

    acquisition: Acquisition
    window: str
    method: ClassVar[str]

    @property
    @abstractmethod
    def axis(self) -> Axis: ...

    @abstractmethod
    def _change(self, drawn: Drawn) -> Change: ...

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """Raw fringes (..., A-scans, samples)."""
        return apply_to_fringes(
            raw, drawn, self.axis, self.acquisition, self.method, self._change(drawn)
        )

    def step(self, drawn: Drawn) -> Step:
        return Step(drawn, self.axis, self.method, self._change(drawn))

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image in dB (..., A-scans, depths)."""
        data, (record,) = insert_in_image(
            image, [self.step(drawn)], self.acquisition, drawn.seed, self.window
        )
        return Applied(data, record)


def background_counts(acquisition: Acquisition) -> Array:
    """(samples,) counts under the fringes that `resimulate` makes; 0 where light is not known."""
    if acquisition.detector.reference_electrons is None:
        return np.zeros(acquisition.sampling.n_samples)
    return acquisition.reference_counts


def resimulate(
    image_db: Array, acquisition: Acquisition, recipe: Recipe, seed: int, b: int = 0
) -> Array:
    """Fringes whose reconstruction is the image.

    The image has lost the phase of its pixels. Random phases would fill the whole band, also
    where the source has no light, and then dispersion or blur would broaden too much. So phases
    are found whose fringes have the shape of source and window on average (error reduction:
    Gerchberg and Saxton, Optik 35, 1972; from a random start, amplitudes exact). Window and
    dispersion are then taken out again. Reflections of reflectors with each other and what the
    display cut off cannot be recovered; nor is dim structure in the first 16 depths, where it
    mixes with its mirror image, or in the deepest sixth, where interpolation fails.

    Parameters
    ----------
    image_db : (A-scans, depths) array
    acquisition : Acquisition
    recipe : Recipe
        With which the image is, or would be, reconstructed.
    seed, b : int
        Of the start, and the number of the B-scan.

    Returns
    -------
    (A-scans, samples) float32 array in counts, on the reference's light where that is known
    """
    import scipy.fft as fft

    n, depths = recipe.n_points, recipe.n_depths
    amplitude = (10 ** (np.maximum(image_db, FLOOR_DB) / 20)).astype(np.float32)
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(b, 1))))
    angle = rng.uniform(-np.pi, np.pi, amplitude.shape).astype(np.float32)
    profile = amplitude * np.exp(1j * angle)
    sampling = acquisition.sampling
    at = np.arange(n, dtype=np.float64)
    light = np.interp(recipe.positions, at, acquisition.spectrum)
    wanted = recipe.window * light
    wanted = np.maximum(wanted / wanted.max(), 1e-4)
    whole = np.zeros((amplitude.shape[0], n), np.complex64)
    for _ in range(ROUNDS):
        whole[:, :depths] = profile
        signal = fft.ifft(whole, axis=-1, workers=-1)
        mean = np.sqrt(np.mean(signal.real**2 + signal.imag**2, axis=0))
        gain = wanted / np.maximum(smooth(mean, n // 64), 1e-30)
        signal *= (gain / np.median(gain)).astype(np.float32)
        found = fft.fft(signal, axis=-1, workers=-1)[:, :depths]
        profile = found * (amplitude / np.maximum(np.abs(found), np.float32(1e-30)))
    place = (sampling.wavenumber_rad_per_um - sampling.even_wavenumber_rad_per_um[0]) / (
        sampling.step_rad_per_um
    )
    window = np.interp(place, at, recipe.window)
    least = 0.03 * window.max()
    undo = window / (window**2 + least**2)  # smooth, so that the ends ring little
    interference = fringes_of_field(profile, acquisition) * undo
    return np.asarray(interference + background_counts(acquisition), np.float32)


def field_of_fringes(interference: Array, acquisition: Acquisition) -> Array:
    """(A-scans, depths) complex64: even in k, dispersion removed, transformed without a window."""
    import scipy.fft as fft

    sampling = acquisition.sampling
    even = interpolate(np.asarray(interference, np.float32), sampling.positions)
    turn = np.exp(-1j * _phase(acquisition, sampling.even_wavenumber_rad_per_um))
    field = fft.fft(even * turn.astype(np.complex64), axis=-1, workers=-1)
    return np.asarray(field[:, : sampling.n_depths])


def fringes_of_field(field: Array, acquisition: Acquisition) -> Array:
    """The inverse of `field_of_fringes`, at the detector's own wavenumbers: (A-scans, samples).

    A non-uniform FFT (finufft); float64.
    """
    import finufft

    sampling = acquisition.sampling
    k, n = sampling.wavenumber_rad_per_um, sampling.n_samples
    # 2 k z turns once over the n even points and one step more
    turn = 2 * (k - k.min()) * sampling.depth_spacing_um
    points = np.mod(turn + np.pi, 2 * np.pi) - np.pi
    sums = finufft.nufft1d2(points, field.astype(np.complex128), eps=1e-9, isign=1, modeord=0)
    phase = turn * (sampling.n_depths // 2) + _phase(acquisition, k)
    return np.asarray(2 / n * np.real(sums * np.exp(1j * phase)))


def positive_depths(interference: Array, acquisition: Acquisition) -> Array:
    """The analytic signal whose phase grows with 2 k z; its real part is the interference.

    Structures within a few pixels of zero delay mix with their own mirror image.
    """
    import scipy.fft as fft

    n = interference.shape[-1]
    spectrum = fft.fft(np.asarray(interference, np.float32), axis=-1, workers=-1)
    spectrum[..., 1 : (n + 1) // 2] *= 2
    spectrum[..., n // 2 + 1 :] = 0
    signal = fft.ifft(spectrum, axis=-1, workers=-1)
    k = acquisition.sampling.wavenumber_rad_per_um
    return np.asarray(signal if k[-1] > k[0] else np.conj(signal))


def noise_of(fringes: Array, acquisition: Acquisition) -> Array | None:
    """Standard deviation in counts of the noise in each sample; None where light is not known."""
    from limen.physics.oct.noise import noise_variance

    detector = acquisition.detector
    if detector.reference_electrons is None:
        return None
    electrons = (fringes - detector.dark_counts) * detector.electrons_per_count
    return np.asarray(np.sqrt(noise_variance(electrons, detector)) / detector.electrons_per_count)


def _phase(acquisition: Acquisition, k: Array) -> Array:
    return dispersion_phase(
        k, acquisition.source.centre_rad_per_um, acquisition.dispersion_fs2,
        acquisition.dispersion_fs3,
    )  # fmt: skip


def _background_of(scan: Array, acquisition: Acquisition, b: int) -> Array:
    if acquisition.background_counts is not None:
        return np.asarray(acquisition.background_counts)
    mean = scan.mean(0, dtype=np.float64)
    if scan.shape[0] < 8 or np.allclose(scan, mean, rtol=1e-6):
        raise FringeError(
            "The A-scans are too few or too alike for their mean to be their background",
            where=f"B-scan {b}",
            found=f"{scan.shape[0]} A-scans",
            mend="give the acquisition's background_counts",
        )
    return np.asarray(mean)


class _Notes:
    """Warnings of all B-scans, and the largest of each number measured."""

    def __init__(self) -> None:
        self._warnings: list[str] = []
        self.measured: dict[str, float] = {}

    def add(self, done: Changed) -> None:
        self._warnings += [w for w in done.warnings if w not in self._warnings]
        for name, value in done.measured.items():
            self.measured[name] = max(value, self.measured.get(name, value))

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self._warnings)


def _require(data: Array, n: int, what: Literal["samples", "depths"]) -> Array:
    f = np.asarray(data)
    if f.ndim < 2 or f.shape[-1] != n or 0 in f.shape or f.dtype.kind not in "uif":
        raise FringeError(
            "The data do not belong to this acquisition",
            found=f"{f.dtype} of shape {f.shape}",
            mend=f"give (..., A-scans, {n} {what})",
        )
    return f

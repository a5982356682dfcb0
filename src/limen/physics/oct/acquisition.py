"""How fringes were, or would be, acquired: wavenumbers, source, detector, optics.

Conventions of the whole room: fringes are (..., A-scans, samples), images (..., A-scans, depths).
Depth z is one-way optical path from zero delay in um (divide by the refractive index for
geometric depth), k is the wavenumber in vacuum in rad/um, and a reflector at z makes the fringe
``cos(2 k z + phi(k))``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.physics.oct.errors import AcquisitionError

Array = NDArray[Any]

LIGHT_UM_PER_FS = 0.299792458
"""Speed of light in vacuum."""


@dataclass(frozen=True, eq=False)
class Sampling:
    """The wavenumber that each sample of an A-scan measures.

    Attributes
    ----------
    wavenumber_rad_per_um : (samples,) float64 array
        Rising or falling strictly, in the order in which samples are kept.
    """

    wavenumber_rad_per_um: Array

    def __post_init__(self) -> None:
        k = np.asarray(self.wavenumber_rad_per_um, np.float64)
        object.__setattr__(self, "wavenumber_rad_per_um", k)
        steps = np.diff(k)
        if k.ndim != 1 or k.size < 16 or not np.isfinite(k).all() or k.min() <= 0:
            raise AcquisitionError(
                "Wavenumbers must be at least 16 positive numbers in rad/um", found=f"{k.shape}"
            )
        if not ((steps > 0).all() or (steps < 0).all()):
            raise AcquisitionError(
                "Wavenumbers must rise or fall from sample to sample",
                found=f"from {k[0]:g} to {k[-1]:g} rad/um with a turn",
                mend="cut the samples of the sweep's return",
            )

    @classmethod
    def even_in_wavelength(cls, n_samples: int, first_nm: float, last_nm: float) -> Sampling:
        """A spectrometer whose pixels are even in wavelength."""
        _require_wavelengths(n_samples, first_nm, last_nm)
        return cls(2e3 * np.pi / np.linspace(first_nm, last_nm, n_samples))

    @classmethod
    def even_in_wavenumber(cls, n_samples: int, first_nm: float, last_nm: float) -> Sampling:
        """A swept source with a k-clock, or a spectrometer that is linear in k."""
        _require_wavelengths(n_samples, first_nm, last_nm)
        return cls(np.linspace(2e3 * np.pi / first_nm, 2e3 * np.pi / last_nm, n_samples))

    @classmethod
    def of_positions(
        cls, positions: Array, n_samples: int, first_nm: float, last_nm: float
    ) -> Sampling:
        """From a calibration: ``positions`` are the fractional samples that are even in k.

        ``first_nm`` and ``last_nm`` are of the first and last position.
        """
        _require_wavelengths(n_samples, first_nm, last_nm)
        p = np.asarray(positions, np.float64)
        k = np.linspace(2e3 * np.pi / first_nm, 2e3 * np.pi / last_nm, p.size)
        # a straight line beyond the ends of the calibrated range
        fit = np.polynomial.Polynomial.fit(p, k, 7)
        inside = np.interp(np.arange(n_samples), p, k)
        at = np.arange(n_samples)
        return cls(np.where((at >= p[0]) & (at <= p[-1]), inside, fit(at)))

    @property
    def n_samples(self) -> int:
        return int(self.wavenumber_rad_per_um.size)

    @property
    def n_depths(self) -> int:
        return self.n_samples // 2

    @property
    def even_wavenumber_rad_per_um(self) -> Array:
        """(samples,) float64, rising: as many even points between the ends."""
        k = self.wavenumber_rad_per_um
        return np.linspace(k.min(), k.max(), k.size)

    @property
    def step_rad_per_um(self) -> float:
        """Between two even points."""
        k = self.wavenumber_rad_per_um
        return float((k.max() - k.min()) / (k.size - 1))

    @property
    def positions(self) -> Array:
        """(samples,) float64: the fractional sample at each even wavenumber."""
        k, at = self.wavenumber_rad_per_um, np.arange(self.n_samples, dtype=np.float64)
        if k[0] > k[-1]:
            k, at = k[::-1], at[::-1]
        return _invert(k, at, self.even_wavenumber_rad_per_um)

    @property
    def depth_spacing_um(self) -> float:
        """``pi / (N dk)``: 2 k z turns once over the N even points."""
        return float(np.pi / (self.n_samples * self.step_rad_per_um))

    @property
    def depth_um(self) -> Array:
        """(depths,) float64 from 0."""
        return np.arange(self.n_depths) * self.depth_spacing_um


@dataclass(frozen=True)
class Source:
    """A Gaussian in k, by its centre and its full width at half maximum in wavelength.

    A measured spectrum is given as ``shape``: one number per sample, largest 1.
    """

    centre_nm: float
    fwhm_nm: float
    shape: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not (0 < self.fwhm_nm < self.centre_nm < np.inf):
            raise AcquisitionError(
                "A source needs a width in nm that is positive and under its centre",
                found=f"{self.centre_nm} nm, {self.fwhm_nm} nm wide",
            )
        if self.shape is not None and not (
            min(self.shape) >= 0 and np.isfinite(self.shape).all() and max(self.shape) > 0
        ):
            raise AcquisitionError("A spectrum must be finite and not negative")

    @property
    def centre_rad_per_um(self) -> float:
        return 2e3 * np.pi / self.centre_nm

    @property
    def fwhm_rad_per_um(self) -> float:
        return 2e3 * np.pi * self.fwhm_nm / self.centre_nm**2

    @property
    def axial_resolution_um(self) -> float:
        """``2 ln 2 / pi * centre^2 / width``: width of the amplitude at half its peak (-6 dB).

        Of the Gaussian without a window (Drexler and Fujimoto, Optical Coherence Tomography,
        2nd ed. 2015, chapter 2).
        """
        return float(4 * np.log(2) / self.fwhm_rad_per_um)

    def at(self, wavenumber_rad_per_um: Array) -> Array:
        """Spectral density at each wavenumber, 1 at its largest."""
        if self.shape is not None:
            if len(self.shape) != wavenumber_rad_per_um.size:
                raise AcquisitionError(
                    "The spectrum does not have one number per sample",
                    found=f"{len(self.shape)} for {wavenumber_rad_per_um.size} samples",
                )
            return np.asarray(self.shape) / max(self.shape)
        off = (wavenumber_rad_per_um - self.centre_rad_per_um) / self.fwhm_rad_per_um
        return np.asarray(np.exp(-4 * np.log(2) * off**2))


@dataclass(frozen=True)
class Detector:
    """From light to numbers. Raw values are ``dark_counts + electrons / electrons_per_count``.

    Attributes
    ----------
    reference_electrons : float or None
        At the brightest sample of one A-scan, from the reference arm; None where it is not
        known, and then nothing that depends on the amount of light can be simulated.
    sample_electrons : float
        The same from a perfect mirror in the sample arm.
    read_noise_electrons : float
        Standard deviation per sample.
    excess_noise : float
        Relative standard deviation of the light in one sample and exposure, beyond shot noise
        (relative intensity noise); independent from sample to sample.
    electrons_per_count, dark_counts : float
    full_scale_counts : float or None
        Raw values cannot be above it.
    """

    reference_electrons: float | None = None
    sample_electrons: float = 1.0
    read_noise_electrons: float = 0.0
    excess_noise: float = 0.0
    electrons_per_count: float = 1.0
    dark_counts: float = 0.0
    full_scale_counts: float | None = None

    def __post_init__(self) -> None:
        positive = {
            "reference_electrons": self.reference_electrons or 1.0,
            "sample_electrons": self.sample_electrons,
            "electrons_per_count": self.electrons_per_count,
            "full_scale_counts": self.full_scale_counts or 1.0,
        }
        for name, value in positive.items():
            if not 0 < value < np.inf:
                raise AcquisitionError(f"{name} must be positive and finite", found=str(value))
        for name in ("read_noise_electrons", "excess_noise"):
            if not 0 <= getattr(self, name) < np.inf:
                raise AcquisitionError(
                    f"{name} must be finite and not negative", found=str(getattr(self, name))
                )
        if not np.isfinite(self.dark_counts):
            raise AcquisitionError("dark_counts must be finite", found=str(self.dark_counts))

    @property
    def electrons(self) -> float:
        """``reference_electrons``, or AcquisitionError where they are not known."""
        if self.reference_electrons is None:
            raise AcquisitionError(
                "It is not known how much light made these fringes",
                mend="give the detector's reference_electrons and electrons_per_count, or "
                "estimate them with photon_transfer",
            )
        return self.reference_electrons

    @property
    def fringe_counts(self) -> float:
        """Amplitude of a perfect mirror's fringe, ``2 sqrt(N_R N_S)`` in counts; 1 if unknown."""
        if self.reference_electrons is None:
            return 1.0
        root = np.sqrt(self.reference_electrons * self.sample_electrons)
        return float(2 * root / self.electrons_per_count)


@dataclass(frozen=True)
class Optics:
    """The beam in the sample.

    Attributes
    ----------
    waist_um : float
        Radius of the focus at which intensity falls to 1/e^2.
    focus_um : float
        Optical depth of the focus.
    scan_step_um : float
        Between A-scans.
    refractive_index : float
    """

    waist_um: float = 8.0
    focus_um: float = 0.0
    scan_step_um: float = 5.0
    refractive_index: float = 1.38

    def __post_init__(self) -> None:
        for name in ("waist_um", "scan_step_um", "refractive_index"):
            if not 0 < getattr(self, name) < np.inf:
                raise AcquisitionError(f"{name} must be positive", found=str(getattr(self, name)))

    def rayleigh_um(self, centre_nm: float) -> float:
        """Geometric distance from the focus at which the beam's area doubles: pi w^2 n / lambda."""
        return float(np.pi * self.waist_um**2 * self.refractive_index / (centre_nm / 1e3))


@dataclass(frozen=True)
class Acquisition:
    """Everything the forward model needs.

    Attributes
    ----------
    sampling : Sampling
    source : Source
    kind : "spectrometer" or "swept"
        Whether samples of an A-scan are taken at once or one after the other.
    dispersion_fs2, dispersion_fs3 : float
        Mismatch between the arms, of the round trip, about the source's centre.
    pixel_share : float
        Width of a spectrometer's pixel as a share of the distance between pixels; 0: points.
    resolution_rad_per_um : float
        Full width at half maximum of the Gaussian part of the spectral resolution (the
        spectrometer's optics, or the instantaneous line of a swept source).
    exposure_us, period_us : float
        Of one A-scan (for a swept source the sweep), and from one A-scan to the next.
    detector : Detector
    optics : Optics
    background_counts : (samples,) array or None
        Raw values without a sample; None: the mean of the A-scans of each B-scan.
    """

    sampling: Sampling
    source: Source
    kind: Literal["spectrometer", "swept"] = "spectrometer"
    dispersion_fs2: float = 0.0
    dispersion_fs3: float = 0.0
    pixel_share: float = 1.0
    resolution_rad_per_um: float = 0.0
    exposure_us: float = 10.0
    period_us: float = 10.0
    detector: Detector = field(default_factory=Detector)
    optics: Optics = field(default_factory=Optics)
    background_counts: Array | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in ("spectrometer", "swept"):
            raise AcquisitionError(
                "No such kind of OCT", found=str(self.kind), mend="spectrometer or swept"
            )
        if not (np.isfinite(self.dispersion_fs2) and np.isfinite(self.dispersion_fs3)):
            raise AcquisitionError("Dispersion must be finite, in fs^2 and fs^3")
        if not (0 <= self.pixel_share < np.inf and 0 <= self.resolution_rad_per_um < np.inf):
            raise AcquisitionError("Spectral resolution must be finite and not negative")
        if not 0 < self.exposure_us <= self.period_us < np.inf:
            raise AcquisitionError(
                "An exposure must be positive and end before the next A-scan begins",
                found=f"{self.exposure_us} us in {self.period_us} us",
            )
        under = self.background_counts
        if under is not None and (
            np.shape(under) != (self.sampling.n_samples,) or not np.isfinite(under).all()
        ):
            raise AcquisitionError(
                "background_counts is one finite number per sample", found=f"{np.shape(under)}"
            )
        k, centre = self.sampling.wavenumber_rad_per_um, self.source.centre_rad_per_um
        if self.source.shape is None and not k.min() < centre < k.max():
            raise AcquisitionError(
                "The source's centre is outside the sampled wavelengths",
                found=f"{self.source.centre_nm} nm; samples from {2e3 * np.pi / k.max():.1f} to "
                f"{2e3 * np.pi / k.min():.1f} nm",
            )

    def replaced(self, **fields: Any) -> Acquisition:
        """The same with some fields replaced."""
        return replace(self, **fields)

    @property
    def spectrum(self) -> Array:
        """(samples,) float64: light per sample, 1 at its brightest."""
        return self.source.at(self.sampling.wavenumber_rad_per_um)

    @property
    def reference_counts(self) -> Array:
        """(samples,) float64: raw values without a sample."""
        detector = self.detector
        light = detector.electrons / detector.electrons_per_count * self.spectrum
        return np.asarray(detector.dark_counts + light)


def _require_wavelengths(n_samples: int, first_nm: float, last_nm: float) -> None:
    ok = np.isfinite(first_nm) and np.isfinite(last_nm) and min(first_nm, last_nm) > 0
    if not ok or first_nm == last_nm or n_samples < 16:
        raise AcquisitionError(
            "Samples need two different wavelengths in nm, and to be 16 or more",
            found=f"{n_samples} samples from {first_nm} to {last_nm} nm",
        )


def _invert(rising: Array, at: Array, wanted: Array) -> Array:
    """``at`` where ``rising`` is ``wanted``; smooth, because a kink every sample makes ghosts."""
    from scipy.interpolate import PchipInterpolator

    found = PchipInterpolator(rising, at)(np.clip(wanted, rising[0], rising[-1]))
    return np.asarray(np.clip(found, 0, at.size - 1.0))

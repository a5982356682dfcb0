"""Degradations of OCT: an image in dB, back to the fringes that its spectrometer saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from limen.pipeline.errors import CannotDegrade

if TYPE_CHECKING:
    from limen.data import Volume
    from limen.data.volume import Array

ORDER = (
    "oct.motion", "oct.defocus", "oct.dispersion", "oct.power", "oct.rin", "oct.saturation",
    "oct.k_clock",
)  # fmt: skip
"""As on an instrument: the eye, the optics, the light, then the detector and its clock."""

NEEDED = ("first_nm", "last_nm", "source_nm", "source_fwhm_nm", "refractive_index")
"""Of the case's attributes: ends of the spectrum, centre and width of the source, the tissue's."""


def to_scans(values: Array) -> Array:
    """(I, J, K) of a case to (B-scans, A-scans, depths), as the physics has them."""
    return np.ascontiguousarray(np.moveaxis(values, 2, 0))


def from_scans(values: Array) -> Array:
    """The inverse of :func:`to_scans`."""
    return np.ascontiguousarray(np.moveaxis(values, 0, 2))


def operator(axis: str, image: Volume, attributes: Mapping[str, Any], case: str) -> Any:
    """The degradation of an axis for this image: A-scans along I, depths along J, B-scans along K.

    How much light there was is read off the image's noise floor.

    Raises
    ------
    CannotDegrade
        The wavelengths are not stated, or contradict the image's depth scale.
    """
    from limen.physics import oct

    through: dict[str, Any] = {
        "oct.motion": oct.AxialMotion,
        "oct.defocus": oct.Defocus,
        "oct.dispersion": oct.DispersionMismatch,
        "oct.power": oct.SourcePower,
        "oct.rin": oct.ExcessNoise,
        "oct.saturation": oct.Saturation,
        "oct.k_clock": oct.KClockError,
    }
    acquisition = acquisition_of(image, attributes, case)
    if axis in ("oct.power", "oct.rin", "oct.saturation"):
        floor = oct.noise_floor_db(to_scans(image.values))
        electrons = oct.electrons_of_floor(acquisition, floor)
        acquisition = acquisition.replaced(
            detector=replace(acquisition.detector, reference_electrons=electrons)
        )
    return through[axis](acquisition)


def acquisition_of(image: Volume, attributes: Mapping[str, Any], case: str) -> Any:
    """How a case was acquired, by the wavelengths that its attributes state."""
    from limen.physics.oct import Acquisition, Optics, Sampling, Source

    missing = [name for name in NEEDED if name not in attributes]
    if missing:
        raise CannotDegrade(
            "it is not known which wavelengths made this image",
            where=case,
            found=f"not stated: {', '.join(missing)}",
            mend="state them in the manifest, one column each",
        )
    first, last, centre, width, index = (float(attributes[name]) for name in NEEDED)
    across_mm, depth_mm, _ = image.geometry.spacing_mm
    sampling = Sampling.even_in_wavelength(2 * image.geometry.shape[1], first, last)
    expected_mm = sampling.depth_spacing_um / index / 1000
    if abs(depth_mm / expected_mm - 1) > 0.02:
        raise CannotDegrade(
            "the image's depth scale is not that of its wavelengths",
            where=case,
            found=f"{depth_mm:.5f} mm a depth, {expected_mm:.5f} mm expected",
            mend="give the image as reconstructed, not cut or resampled, with its own wavelengths",
        )
    return Acquisition(
        sampling,
        Source(centre, width),
        optics=Optics(scan_step_um=1000 * across_mm, refractive_index=index),
    )

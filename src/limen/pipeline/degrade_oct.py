"""Degradations of OCT: an image in dB, back to the fringes that its spectrometer saw."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from limen.pipeline.errors import CannotDegrade
from limen.pipeline.seeds import seed_of

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


def degrade_fringes(
    image: Volume, condition: Mapping[str, float], case: str, attributes: Mapping[str, Any]
) -> tuple[Volume, list[dict[str, Any]]]:
    """The image at a condition: its fringes changed by each axis in turn, reconstructed once.

    How much light there was is read off the image's noise floor. Fringes made of the last few
    images are remembered, because a search asks for many conditions of one image and making them
    takes longer than all else.

    Raises
    ------
    CannotDegrade
        The wavelengths are not stated, or contradict the image's depth scale.
    LimenError
        Of a value that is not on its axis, or an image that holds no numbers.
    """
    from limen.data import Volume
    from limen.physics import oct
    from limen.physics.oct.insertion import Step, insert_in_image, made_fringes
    from limen.physics.oct.reconstruction import Recipe

    through: dict[str, Any] = {
        "oct.motion": oct.AxialMotion,
        "oct.defocus": oct.Defocus,
        "oct.dispersion": oct.DispersionMismatch,
        "oct.power": oct.SourcePower,
        "oct.rin": oct.ExcessNoise,
        "oct.saturation": oct.Saturation,
        "oct.k_clock": oct.KClockError,
    }
    scans = to_scans(image.values)
    acquisition = lit_acquisition_of(image, attributes, case)
    steps: list[Step] = []
    for axis in (a for a in ORDER if a in condition):
        operator = through[axis](acquisition)
        steps.append(operator.step(operator.draw(condition[axis], seed_of(case, axis))))
    seed = seed_of(case, "oct.phases")
    recipe = Recipe.of_acquisition(acquisition)
    of = _REMEMBERED.of(scans, [case, image.geometry.spacing_mm, [attributes[n] for n in NEEDED]])

    def fringes_of(x: Array, b: int) -> tuple[Array, Array]:
        if b not in of:
            of[b] = made_fringes(x, acquisition, recipe, seed, b)
        return of[b]

    values, records = insert_in_image(scans, steps, acquisition, seed, fringes_of=fringes_of)
    return Volume(from_scans(values), image.geometry), [r.as_dict() for r in records]


class _Remembered:
    """By image: B-scan to its fringes and their reconstruction, up to 256 MB in all.

    An image takes three times its own bytes in float32; of a larger one nothing is remembered.
    """

    _MOST_BYTES = 256_000_000

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, dict[int, tuple[Array, Array]]]] = OrderedDict()

    def of(self, scans: Array, known: list[Any]) -> dict[int, tuple[Array, Array]]:
        size = 3 * 4 * scans.size
        if size > self._MOST_BYTES:
            return {}
        digest = hashlib.sha256(np.ascontiguousarray(scans).tobytes())
        digest.update(repr([scans.shape, known]).encode())
        key = digest.hexdigest()
        if key not in self._kept:
            self._kept[key] = (size, {})
        self._kept.move_to_end(key)
        while sum(s for s, _ in self._kept.values()) > self._MOST_BYTES:
            self._kept.popitem(last=False)
        return self._kept[key][1]


_REMEMBERED = _Remembered()


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


def lit_acquisition_of(image: Volume, attributes: Mapping[str, Any], case: str) -> Any:
    """The same with the light that there was, read off the image's noise floor."""
    from limen.physics.oct import electrons_of_floor, noise_floor_db

    acquisition = acquisition_of(image, attributes, case)
    electrons = electrons_of_floor(acquisition, noise_floor_db(to_scans(image.values)))
    return acquisition.replaced(
        detector=replace(acquisition.detector, reference_electrons=electrons)
    )

"""Degradations of MR and what they must know of a magnitude image: its pixels and its noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from limen.pipeline.errors import CannotDegrade

if TYPE_CHECKING:
    from limen.data import Volume

ORDER = (
    "mr.bias_field", "mr.motion", "mr.rotation", "mr.ghosting", "mr.snr", "mr.spikes",
    "mr.acceleration", "mr.partial_fourier",
)  # fmt: skip
"""As on a scanner: what happens to the signal, then its noise, then which lines are measured."""


def operator(axis: str, image: Volume, attributes: Mapping[str, Any], case: str) -> Any:
    """The degradation of an axis for this image; slices along K, the phase encoded along I.

    A magnitude image has lost its coils, so lines that go missing are filled with zeros, which
    is harder on a model than the parallel imaging of a scanner.
    ``phase_axis`` (0 or 1) and ``noise_sd`` (in the image's unit) are used where they are stated.

    Raises
    ------
    CannotDegrade
        The noise of the image is not known and cannot be read off it.
    """
    from limen.physics import mr

    through: dict[str, Any] = {
        "mr.bias_field": mr.BiasField,
        "mr.motion": mr.Motion,
        "mr.rotation": mr.Rotation,
        "mr.ghosting": mr.Ghosting,
        "mr.snr": mr.SignalToNoise,
        "mr.spikes": mr.Spikes,
        "mr.acceleration": _acceleration,
        "mr.partial_fourier": mr.PartialFourier,
    }
    spacing = image.geometry.spacing_mm
    acquisition = mr.Acquisition.of_image(
        image.geometry.shape, (spacing[0], spacing[1]), int(attributes.get("phase_axis", 0))
    )
    if axis == "mr.snr":
        acquisition = acquisition.with_fields(noise_sd=_noise_sd(image, attributes, case))
    return through[axis](acquisition)


def _acceleration(acquisition: Any) -> Any:
    """Random lines, because a search asks for accelerations between whole numbers; the middle
    12th is always measured (fastMRI's masks keep 8 % at 4x: Zbontar et al., arXiv 1811.08839)."""
    from limen.physics.mr import Acceleration

    centre_lines = round(acquisition.shape[0] / 12)
    return Acceleration(acquisition, mask="random", centre_lines=centre_lines)


def _noise_sd(image: Volume, attributes: Mapping[str, Any], case: str) -> float:
    from limen.physics.mr import noise_level

    stated = attributes.get("noise_sd")
    if stated is not None:
        return float(stated)
    read = noise_level(image.values)
    if read.value is None:
        raise CannotDegrade(
            "the noise of the image cannot be read off it",
            where=f"{case}, mr.snr",
            found=read.because,
            mend="state noise_sd in the manifest, or leave mr.snr out",
        )
    return float(read.value)

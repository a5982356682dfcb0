"""The physical axes along which the acquisition may be degraded, with the unit of each.

``nominal`` is not here: it is a property of the data as acquired. What each axis does to the
image stands in ``limen.physics``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """One axis of acquisition.

    Attributes
    ----------
    unit : str
        Of its values; "" is a plain number or fraction.
    lowest, highest : float
        Values that exist, both included.
    whole : bool
        Whether only whole numbers exist.
    description : str
        One line of help.
    """

    unit: str
    lowest: float
    highest: float
    description: str
    whole: bool = False


_FREE = math.inf

AXES: dict[str, Axis] = {
    "ct.dose": Axis("", 1e-6, 1.0, "Fraction of the acquired tube current-time product."),
    "ct.views": Axis(
        "views",
        1,
        _FREE,
        "Views over the arc: of an image, 180 degrees of parallel beams.",
        whole=True,
    ),
    "ct.arc": Axis("deg", 0.1, 180.0, "Arc of the half turn over which views are taken."),
    "ct.motion": Axis("mm", 0, _FREE, "Amplitude of the patient's motion."),
    "ct.rings": Axis("", 0, 1.0, "Error of detector gains that rings come from, one sigma."),
    "ct.beam_hardening": Axis("", 0, 1.0, "Fraction of beam hardening left uncorrected."),
    "ct.metal": Axis("mm", 0, 100.0, "Diameter of a metal rod in the slice."),
    "ct.slice_thickness": Axis("mm", 1e-3, _FREE, "Slice thickness."),
    "ct.kernel": Axis("mm", 0, _FREE, "Blur added by a softer kernel, full width at half maximum."),
    "mr.snr": Axis("", 1e-6, 1.0, "Fraction of the acquired signal-to-noise ratio."),
    "mr.averages": Axis("averages", 1, _FREE, "Excitations averaged into the data.", whole=True),
    "mr.field": Axis("T", 0.01, 20.0, "Main field; signal-to-noise follows it."),
    "mr.acceleration": Axis("x", 1, _FREE, "Undersampling factor of k-space."),
    "mr.motion": Axis("mm", 0, _FREE, "Amplitude of rigid shifts between shots."),
    "mr.rotation": Axis("deg", 0, 90.0, "Amplitude of rigid turns between shots."),
    "mr.ghosting": Axis("", 0, 1.0, "Ghost intensity as a fraction of the signal."),
    "mr.spikes": Axis("spikes", 0, _FREE, "Spikes in the k-space of a slice.", whole=True),
    "mr.off_resonance": Axis("Hz", 0, _FREE, "Off-resonance over the field of view, at most."),
    "mr.coil_dropout": Axis("coils", 0, _FREE, "Coils that give no signal.", whole=True),
    "mr.partial_fourier": Axis("", 0.5, 1.0, "Fraction of k-space acquired."),
    "mr.bias_field": Axis("", 0, 1.0, "Change of intensity over the field of view, a fraction."),
    "oct.power": Axis("", 1e-6, 1.0, "Fraction of the acquired source power."),
    "oct.rin": Axis("", 0, 1.0, "Relative intensity noise of the source in one sample, one sigma."),
    "oct.dispersion": Axis("fs^2", 0, _FREE, "Dispersion mismatch of the two arms."),
    "oct.k_clock": Axis("samples", 0, _FREE, "Slow error of the sampling in k, one sigma."),
    "oct.saturation": Axis("", 1e-3, 1.0, "Full scale as a fraction of the brightest sample."),
    "oct.motion": Axis("mm/s", 0, _FREE, "Axial speed of the sample."),
    "oct.defocus": Axis("um", 0, _FREE, "Distance of the focus from where it was."),
    "oct.spectrometer": Axis("pm", 0, _FREE, "Spectral resolution, full width at half maximum."),
}
"""Every axis, by the name it has under ``physics`` in ``limen.yaml``."""


def axes_of(modality: str) -> list[str]:
    """Names of the axes of CT, MR or OCT."""
    return [name for name in AXES if name.startswith(f"{modality.lower()}.")]

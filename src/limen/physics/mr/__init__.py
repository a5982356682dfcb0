"""MR: multicoil k-space on the grid and off it, reconstruction and degradation.

Images are ``(..., y, x)``, k-space ``([[slices,] coils,] ky, kx)``, in mm, Hz and tesla; see
`limen.physics.mr.sampling` for the one convention. The names below are loaded when first used,
because the operators are compiled kernels.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "AcquisitionError": "sampling",
    "Cartesian": "sampling",
    "NonCartesian": "sampling",
    "radial": "sampling",
    "spiral": "sampling",
    "to_kspace": "fourier",
    "to_image": "fourier",
    "forward": "operators",
    "adjoint": "operators",
    "reconstruct": "methods",
    "espirit": "calibration",
    "adaptive_maps": "coils",
    "combine": "coils",
    "root_sum_of_squares": "coils",
    "noise_covariance": "coils",
    "prewhiten": "coils",
    "sense": "sense_unfolding",
    "cg_sense": "sense_iterative",
    "grappa": "grappa_kernels",
    "homodyne": "half_fourier",
    "l1_wavelet": "compressed",
    "equispaced_mask": "masks",
    "random_mask": "masks",
    "poisson_disc_mask": "masks",
    "partial_fourier_mask": "masks",
    "point_spread": "masks",
    "phantom_image": "phantom",
    "phantom_kspace": "phantom",
    "ring_maps": "phantom",
    "Acquisition": "acquisition",
    "SignalToNoise": "signal",
    "Averages": "signal",
    "FieldStrength": "signal",
    "Acceleration": "acceleration",
    "Motion": "motion",
    "Rotation": "motion",
    "Ghosting": "ghosting",
    "Spikes": "spikes",
    "OffResonance": "off_resonance",
    "CoilDropout": "dropout",
    "PartialFourier": "partial",
    "BiasField": "bias_field",
    "RawData": "raw",
    "RawDataError": "raw",
    "UnreadableFileError": "raw",
    "TruncatedFileError": "raw",
    "HeaderMismatchError": "raw",
    "NotFiniteError": "raw",
    "SaturatedError": "raw",
    "MissingReaderError": "raw",
    "read_ismrmrd": "ismrmrd_file",
    "write_ismrmrd": "ismrmrd_file",
    "read_fastmri": "fastmri_file",
    "read_twix": "twix_file",
    "noise_level": "reading_noise",
    "local_noise": "reading_noise",
    "background_noise": "reading_noise",
    "resolution": "reading_edges",
    "ghost_level": "reading_artefacts",
    "smear": "reading_artefacts",
    "detectability": "ideal_observer",
    "matched_filter": "ideal_observer",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

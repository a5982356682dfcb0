"""OCT: fringes, reconstruction, calibration and degradation, in um, rad/um, fs^2, electrons and dB.

Spectral-domain and swept-source. The names below are loaded when first used, because the
reconstruction is made of compiled kernels.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Acquisition": "acquisition",
    "Detector": "acquisition",
    "Optics": "acquisition",
    "Sampling": "acquisition",
    "Source": "acquisition",
    "AcquisitionError": "errors",
    "CalibrationError": "errors",
    "CannotSay": "errors",
    "FringeError": "errors",
    "FringeFileError": "errors",
    "adjoint": "interferogram",
    "forward": "interferogram",
    "fringes_of_reflectors": "interferogram",
    "acquire": "noise",
    "add_noise": "noise",
    "digitise": "noise",
    "mean_counts": "noise",
    "photon_transfer": "noise",
    "relative_noise": "noise",
    "sensitivity_db": "noise",
    "roll_off": "spectral_response",
    "roll_off_db": "spectral_response",
    "dispersion_broadening": "dispersion",
    "dispersion_phase": "dispersion",
    "search_dispersion": "dispersion",
    "Recipe": "reconstruction",
    "Reconstructed": "reconstruction",
    "even_fringes": "reconstruction",
    "reconstruct": "reconstruction",
    "reconstruct_field": "reconstruction",
    "Calibration": "calibration",
    "CalibrationSet": "calibration",
    "calibrate": "calibration",
    "FringeHeader": "files",
    "Fringes": "files",
    "read_calibration_set": "files",
    "read_fringes": "files",
    "write_calibration_set": "files",
    "write_fringes": "files",
    "amplitude_contrast": "speckle",
    "rayleigh_distance": "speckle",
    "speckle_contrast": "speckle",
    "speckle_correlation": "speckle",
    "resimulate": "insertion",
    "AxialMotion": "motion",
    "Defocus": "defocus",
    "DispersionMismatch": "mismatch",
    "ExcessNoise": "power",
    "KClockError": "clock",
    "Saturation": "saturation",
    "SourcePower": "power",
    "SpectralResolution": "spectrometer",
    "doppler_shift_um": "motion",
    "electrons_of_floor": "power",
    "confocal_gate_db": "defocus",
    "axial_shifts_um": "conditions",
    "axial_velocity_mm_per_s": "conditions",
    "dispersion_of_fringes": "conditions",
    "dispersion_of_image": "conditions",
    "noise_floor_db": "conditions",
    "reflector_resolution_um": "conditions",
    "signal_to_noise_db": "conditions",
    "speckle_resolution_um": "conditions",
    "ideal_observer_snr": "detectability",
    "matched_filter": "detectability",
    "smallest_reflectivity_db": "detectability",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

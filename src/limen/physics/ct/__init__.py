"""CT: projection, reconstruction and degradation, in HU, 1/mm, mm and photons per ray.

The names below are loaded when first used, because the projectors are compiled kernels.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "ParallelGeometry": "geometry",
    "FanGeometry": "geometry",
    "ConeGeometry": "geometry",
    "GeometryError": "geometry",
    "require_views": "geometry",
    "views_needed": "geometry",
    "MU_WATER_PER_MM": "units",
    "hu_to_attenuation": "units",
    "attenuation_to_hu": "units",
    "forward": "project",
    "adjoint": "project",
    "reconstruct": "backproject",
    "fbp": "backproject",
    "fdk": "cone",
    "rebin_helix": "helical",
    "KERNELS": "kernels",
    "kernel_mtf": "kernels",
    "sirt": "iterative",
    "os_sart": "iterative",
    "total_variation": "iterative",
    "add_dose_noise": "noise",
    "Beam": "spectra",
    "mass_attenuation_cm2_g": "spectra",
    "Acquisition": "acquisition",
    "bowtie_shares": "acquisition",
    "Dose": "dose",
    "Views": "sparse",
    "Arc": "sparse",
    "Motion": "motion",
    "Rings": "rings",
    "BeamHardening": "hardening",
    "Metal": "metal",
    "SliceThickness": "thickness",
    "Softening": "blur",
    "read_projections": "ctpd",
    "Projections": "ctpd",
    "photons_of_image": "photons",
    "noise_level": "reading_noise",
    "local_noise_hu": "reading_noise",
    "noise_power_spectrum": "reading_noise",
    "analytic_noise_power": "reading_noise",
    "slice_thickness": "reading_noise",
    "resolution": "reading_edges",
    "ring_level": "reading_artefacts",
    "views_seen": "reading_artefacts",
    "air_unrest_hu": "reading_artefacts",
    "raw_detectability": "detect",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

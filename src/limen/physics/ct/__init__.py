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
    "add_dose_noise": "noise",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

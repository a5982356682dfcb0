"""Bodies whose line integrals are known in closed form, and small acquisitions."""

from __future__ import annotations

from typing import Any

import numpy as np

from limen.physics.ct import ConeGeometry, FanGeometry, ParallelGeometry


def grid(geometry: Any) -> tuple[np.ndarray, np.ndarray]:
    nx, ny = geometry.image_shape[:2]
    axes = [(np.arange(n) - (n - 1) / 2) * geometry.pixel_mm for n in (nx, ny)]
    return np.meshgrid(*axes, indexing="ij")


def disc(
    geometry: Any, radius_mm: float, centre: tuple[float, float] = (0, 0), fine: int = 8
) -> np.ndarray:
    """Share of each pixel that lies in a disc."""
    axes = [
        (np.arange(n * fine) - (n * fine - 1) / 2) * geometry.pixel_mm / fine
        for n in geometry.image_shape[:2]
    ]
    x, y = np.meshgrid(*axes, indexing="ij")
    inside = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius_mm**2
    nx, ny = geometry.image_shape[:2]
    return inside.reshape(nx, fine, ny, fine).mean(axis=(1, 3)).astype(np.float32)


def normal_form(geometry: Any) -> tuple[np.ndarray, np.ndarray]:
    """theta and s of every ray, from the definitions and not from the code."""
    if isinstance(geometry, ParallelGeometry):
        theta = geometry.start_rad + geometry.arc_rad * np.arange(geometry.n_views)[:, None] / (
            geometry.n_views
        )
        d = np.arange(geometry.n_detectors) - (geometry.n_detectors - 1) / 2
        return theta, d[None] * geometry.detector_spacing_mm
    beta = geometry.start_rad + 2 * np.pi * np.arange(geometry.n_views)[:, None] / geometry.n_views
    d = np.arange(geometry.n_detectors) - (geometry.n_detectors - 1) / 2
    u = d * geometry.detector_spacing_mm + geometry.detector_offset_mm
    ratio = u / geometry.source_to_detector_mm
    gamma = np.arctan(ratio) if geometry.detector == "flat" else ratio
    return beta + gamma[None], geometry.source_to_centre_mm * np.sin(gamma)[None]


def chords(geometry: Any, radius_mm: float, centre: tuple[float, float] = (0, 0)) -> np.ndarray:
    """Length in mm of each ray within a disc."""
    theta, s = normal_form(geometry)
    away = s - (centre[0] * np.cos(theta) + centre[1] * np.sin(theta))
    return 2 * np.sqrt(np.maximum(radius_mm**2 - away**2, 0))


PARALLEL = ParallelGeometry(40, 61, 0.9, (44, 44), 1.0)
FAN = FanGeometry(40, 61, 2.0, 120.0, 240.0, (44, 44), 1.0)
CONE = ConeGeometry(24, 41, 7, 2.6, 3.0, 120.0, 240.0, (32, 32, 8), 1.0, 1.5)

GEOMETRIES: dict[str, Any] = {
    "parallel": PARALLEL,
    "parallel, odd in all": ParallelGeometry(37, 60, 0.9, (43, 43), 1.0),
    "parallel, oblong": ParallelGeometry(40, 75, 0.9, (44, 30), 1.0),
    "parallel, oblong by an odd number": ParallelGeometry(40, 75, 0.9, (44, 31), 1.0),
    "parallel, whole turn": ParallelGeometry(40, 61, 0.9, (44, 44), 1.0, 2 * np.pi),
    "parallel, limited arc": ParallelGeometry(30, 61, 0.9, (44, 44), 1.0, 2.0, 0.3),
    "parallel, turned": ParallelGeometry(40, 61, 0.9, (44, 44), 1.0, start_rad=0.2),
    "fan, curved": FAN,
    "fan, flat": FanGeometry(40, 61, 2.0, 120.0, 240.0, (44, 44), 1.0, "flat"),
    "fan, odd views": FanGeometry(37, 61, 2.0, 120.0, 240.0, (44, 44), 1.0),
    "fan, quarter offset": FanGeometry(40, 61, 2.0, 120.0, 240.0, (44, 44), 1.0, "curved", 0.5),
    "fan, turned": FanGeometry(40, 61, 2.0, 120.0, 240.0, (44, 44), 1.0, "flat", 0.0, 1.0),
    "cone, curved": CONE,
    "cone, flat": ConeGeometry(24, 41, 7, 2.6, 3.0, 120.0, 240.0, (32, 32, 8), 1.0, 1.5, "flat"),
    "helix, curved": ConeGeometry(
        60, 41, 5, 2.6, 3.0, 120.0, 240.0, (32, 32, 8), 1.0, 1.5, views_per_turn=24, feed_mm=5.0
    ),
    "helix, flat": ConeGeometry(
        60, 41, 5, 2.6, 3.0, 120.0, 240.0, (32, 32, 8), 1.0, 1.5, "flat", 0.4, 24, -5.0, 0.7
    ),
}
"""One of every kind of operator."""

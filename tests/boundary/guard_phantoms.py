"""Bodies drawn from a few ellipses: enough anatomy for a guard, and fast enough for a test."""

from __future__ import annotations

from functools import cache

import numpy as np

from limen.boundary.guard import Guard
from limen.boundary.guard_calibration import Limit, Shown
from limen.boundary.guard_features import look, patient_slices
from limen.boundary.guard_fit import fit_parts
from limen.boundary.result import SearchAxis
from limen.data.volume import Geometry, Volume

SHAPE, SPACING_MM = (96, 80, 12), (3.0, 3.0, 5.0)
AFFINE = np.diag([*SPACING_MM, 1.0])
DOSE = SearchAxis("ct.dose", "", 1.0, 0.05, 0.02, "log")
LIMIT = Limit(DOSE, 0.4, True)
LEVELS = (0.6, 0.4, 0.2, 0.08)


def body(patient: int, dose_fraction: float = 1.0, seed: int = 0) -> np.ndarray:
    """(x, y, z) HU: a chest with a heart to the left, a spine behind, a liver at the feet's end."""
    rng = np.random.default_rng([patient, 17])
    size = 1 + 0.06 * rng.standard_normal()
    x, y, z = np.ogrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j, -1 : 1 : SHAPE[2] * 1j]

    def ellipse(at: tuple[float, float, float], r: tuple[float, float, float]) -> np.ndarray:
        d = sum(((a - c) / (s * size)) ** 2 for a, c, s in zip((x, y, z), at, r, strict=True))
        return np.clip((1 - np.sqrt(d)) * 12, 0, 1)

    hu = np.full(SHAPE, -1000.0, np.float32)
    for at, r, value in (
        ((0, 0, 0), (0.8, 0.72, 9), 40),
        ((-0.38, 0, 0.1), (0.3, 0.5, 2.0), -850),
        ((0.38, 0, 0.1), (0.3, 0.5, 2.0), -850),
        ((0.17 + 0.02 * rng.standard_normal(), -0.2, -0.3), (0.3, 0.25, 1.0), 45),
        ((-0.3, 0.0, -1.1), (0.4, 0.5, 0.6), 60),
        ((0, 0.5, 0), (0.1, 0.12, 9), 300),
    ):
        share = ellipse(at, r)
        hu += share * (value - hu)
    noise = np.random.default_rng([patient, seed, int(1e4 * dose_fraction)])
    sigma = 12 * (1 + 0.05 * rng.standard_normal()) / np.sqrt(dose_fraction)
    return (hu + sigma * noise.standard_normal(SHAPE, dtype=np.float32)).astype(np.float32)


def volume(values: np.ndarray, affine: np.ndarray = AFFINE) -> Volume:
    return Volume(values, Geometry(affine, values.shape))


@cache
def shown(patient: int, dose_fraction: float) -> Shown:
    slices, pixel_mm, _ = patient_slices(body(patient, dose_fraction), AFFINE)
    axis = None if dose_fraction == 1.0 else "ct.dose"
    return Shown(f"P{patient}", axis, dose_fraction, look(slices, pixel_mm, "CT"), {})


def phantom_guard() -> Guard:
    images = [shown(p, f) for p in range(20) for f in (1.0, *LEVELS)]
    return Guard(
        product="phantom",
        version="0.1.0",
        modality="CT",
        age_years=(18.0, 110.0),
        certified=True,
        boundary="dose certified down to 0.4",
        parts=fit_parts(images, [LIMIT]),
        pixel_mm=(3.0, 3.0),
        slice_mm=(5.0, 5.0),
        origin="phantom",
        rates={},
    )

"""Profiles that the tests of OCT share."""

from __future__ import annotations

import numpy as np

from limen.physics.oct import Acquisition


def tissue(acquisition: Acquisition, n_scans: int = 64, seed: int = 0, depth_px: int = 60):
    """(A-scans, depths) complex64: a surface, then scatterers whose power falls with depth."""
    rng = np.random.default_rng(seed)
    n = acquisition.sampling.n_depths
    field = rng.standard_normal((n_scans, n)) + 1j * rng.standard_normal((n_scans, n))
    below = np.arange(n) - depth_px
    field *= np.where(below > 0, 1e-3 * np.exp(-np.maximum(below, 0) / 60), 0)
    # rough: its phase differs from A-scan to A-scan, so that it is no background
    field[:, depth_px] = 0.02 * np.exp(1j * rng.uniform(-np.pi, np.pi, n_scans))
    return field.astype(np.complex64)

"""How many photons made an image: what has to be known before its dose can be lowered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.ct.acquisition import Acquisition
from limen.physics.ct.reading_noise import noise_level, noise_where_tissue
from limen.physics.reading import Reading, unreadable

Array = NDArray[Any]

TRIAL_PHOTONS = 1e5


def photons_of_image(image_hu: Array, acquisition: Acquisition, seed: int = 0) -> Reading:
    """Photons per ray whose noise, through this acquisition, is the noise of the image.

    Noise of `TRIAL_PHOTONS` is drawn on the image's own line integrals and reconstructed; noise
    goes as one over the root of photons, so one trial tells. Only the quantum noise counts; the
    level is that of `noise_level`, with its error twice over (the square).

    Parameters
    ----------
    image_hu : (x, y) or (x, y, slices) array
        Of a stack the middle slice is read.
    acquisition : Acquisition
        Geometry, kernel and bowtie; its photons are not looked at.
    seed : int

    Returns
    -------
    Reading
        In photons.
    """
    x = image_hu if image_hu.ndim == 2 else image_hu[:, :, image_hu.shape[2] // 2]
    pixel = acquisition.geometry.pixel_mm
    here = noise_level(x, pixel)
    if here.value is None:
        return unreadable("photons", "photons", here.because)
    if here.value == 0:
        return unreadable("photons", "photons", "the image holds no noise")
    trial = replace(acquisition, photons_per_ray=TRIAL_PHOTONS)
    lines = trial.project(x[:, :, None])
    rng = np.random.default_rng(seed)
    spread = np.sqrt(np.exp(lines) / trial.photons)
    noise = trial.hu_of((spread * rng.standard_normal(lines.shape)).astype(np.float32))
    drawn = noise_where_tissue(np.asarray(noise).reshape(x.shape), x, pixel)
    found = TRIAL_PHOTONS * (drawn / here.value) ** 2
    return Reading("photons", float(found), "photons", samples=here.samples)

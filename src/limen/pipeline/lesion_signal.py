"""What the raw signal holds of a lesion: d' of the ideal observer on counts made from its image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from limen.boundary.explain_limit import Detectability

if TYPE_CHECKING:
    from limen.data import Case
    from limen.product import Declaration

ERROR = 0.25
"""Relative, of d': its contrast is read off a noisy image, its photons are stated or estimated."""
_RING_VOXELS = 3
_FEWEST = 3


def ct_detectability(
    case: Case,
    declaration: Declaration,
    lesions: Mapping[int, Mapping[str, Any]],
    views: int,
) -> list[Detectability]:
    """d' of lesions of one CT case, signal and background known exactly.

    The signal is the lesion's mask times its mean contrast to a ring of three voxels around it;
    the background is what is seen, with its noise. Slices count as acquired one by one, so their
    d'^2 add. Only the case's stated photons are used: without them nothing is said.

    Parameters
    ----------
    case : Case
        With a reference.
    declaration : Declaration
    lesions : mapping
        Id of a reference lesion to its measured facts, for its box.
    views : int
        In one rotation.
    """
    import numpy as np
    import scipy.ndimage as ndi

    from limen.data import read_image, read_labels
    from limen.physics.ct import Acquisition, raw_detectability

    photons = case.attributes.get("photons_per_ray")
    if case.reference is None or not isinstance(photons, int | float) or not photons > 0:
        return []
    image = read_image(case)
    reference = read_labels(case.reference, image.geometry, declaration.task, case.id)
    pixel_mm, other_mm, _ = image.geometry.spacing_mm
    if abs(pixel_mm - other_mm) > 1e-3 * pixel_mm:
        return []
    scan = Acquisition.of_image(
        image.geometry.shape[:2],
        pixel_mm,
        n_views=views,
        photons_per_ray=float(photons),
        electronic_noise_photons=float(case.attributes.get("electronic_noise_photons", 0.0)),
    )
    found = []
    for number, facts in lesions.items():
        start, stop = facts["bbox_start_ijk"], facts["bbox_stop_ijk"]
        box = tuple(
            slice(max(a - _RING_VOXELS - 1, 0), min(b + _RING_VOXELS + 1, n))
            for a, b, n in zip(start, stop, image.values.shape, strict=True)
        )
        labels, _ = ndi.label(reference.values[box] > 0)
        middle = tuple((a + b) // 2 - s.start for a, b, s in zip(start, stop, box, strict=True))
        inner = ndi.distance_transform_edt(labels == 0, return_indices=True, return_distances=False)
        own = labels[tuple(axis[middle] for axis in inner)]
        mask = labels == own
        ring = ndi.binary_dilation(mask, iterations=_RING_VOXELS) & (labels == 0)
        if mask.sum() < _FEWEST or ring.sum() < _FEWEST:
            continue
        hu = image.values[box]
        # the median, because a ring crosses vessels and the chest wall
        contrast = float(hu[mask].mean() - np.median(hu[ring]))
        slices = image.values[:, :, box[2]]
        signal = np.zeros(slices.shape, np.float32)
        signal[box[0], box[1]] = mask * contrast
        there = slices - signal
        background = scan.project(there)
        lines = scan.project(slices) - background
        d_prime = raw_detectability(
            background, lines, float(photons), scan.electronic_noise_photons
        )
        found.append(Detectability(f"{case.id}, lesion {number}", d_prime, ERROR))
    return found

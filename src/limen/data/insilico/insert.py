"""Nodules put into a real chest CT: places in its lungs, edges as its scanner would show them.

What is added to the image is what the nodule adds to the lung, blurred as the scanner blurs; the
image's noise and texture stay, and every voxel out of reach keeps its value.
Voxel coordinates are in mm from the centre of voxel (0, 0, 0), along the axes of the array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.ndimage as nd
from numpy.typing import NDArray

from limen.data.insilico.blobs import voxel_share
from limen.data.insilico.nodules import Nodule

Array = NDArray[Any]
Spacing = tuple[float, float, float]

APART_MM = 6.0
"""Least distance between the surfaces of two nodules, so that their masks never touch."""

_AIRY_HU = -400.0
_VESSEL_HU = -600.0
"""Above it lies what stands out of the parenchyma: vessels, walls of airways, scars."""
_PLEURA_MM = 3.0
"""Nearer than this to the pleura the image is partly wall."""
_TISSUE_HU = 50.0
_BACKGROUND_MM = 5.0
_BLUR_REACH = 4.0
"""The blur is cut off at so many standard deviations."""


@dataclass(frozen=True)
class Lungs:
    """Where in a scan nodules may lie.

    Attributes
    ----------
    inside : (x, y, z) bool
        Lungs with the vessels in them.
    depth_mm : (x, y, z) float32
        Distance to the nearest voxel that is not lung; 0 outside.
    vessel : (x, y, z) bool
        What stands out of the parenchyma, more than 2 mm under the pleura.
    to_vessel_mm : (x, y, z) float32
        Distance to the nearest such voxel, where there is lung.
    """

    inside: Array
    depth_mm: Array
    vessel: Array
    to_vessel_mm: Array

    def planes(self, low: int, high: int) -> Lungs:
        """The same on planes ``low`` to ``high - 1`` of the last axis."""
        cut = np.s_[:, :, low:high]
        return Lungs(self.inside[cut], self.depth_mm[cut], self.vessel[cut], self.to_vessel_mm[cut])


@dataclass(frozen=True)
class Inserted:
    """A nodule as it came to lie in an image.

    Attributes
    ----------
    hu : (x, y, z) int16
        The image with the nodule; untouched voxels are bit-identical.
    truth : (x, y, z) bool
        At least half of the voxel is nodule, before any blur.
    diameter_mm : float
        Of the sphere of the volume that lies in the lung. A juxta-pleural nodule ends at the
        pleura, so it is smaller than the one drawn.
    """

    hu: Array
    truth: Array
    diameter_mm: float


def find_lungs(hu: Array, sides: Array, spacing_mm: Spacing) -> Lungs:
    """Lungs and vessels of a scan, from a rough mask of its lungs and its values.

    The mask's edge is corrected by a few voxels where the image is airy; the mask is never taken
    as truth of anything, it only says where to look.

    Parameters
    ----------
    hu : (x, y, z) int16
    sides : (x, y, z) uint8
        0 outside, and one value for each lung, so that what lies between them is not filled.
    spacing_mm : (float, float, float)
    """
    lungs = Lungs(
        np.zeros(hu.shape, dtype=bool),
        np.zeros(hu.shape, dtype=np.float32),
        np.zeros(hu.shape, dtype=bool),
        np.full(hu.shape, np.inf, dtype=np.float32),
    )
    # The distances are slow, and nothing but the lungs needs them.
    found = nd.find_objects((sides > 0).astype(np.uint8))
    if not found:
        return lungs
    box = tuple(
        slice(max(b.start - 4, 0), min(b.stop + 4, n))
        for b, n in zip(found[0], hu.shape, strict=True)
    )
    smooth = nd.median_filter(hu[box], (3, 3, 1))
    square = np.ones((3, 3, 1), dtype=bool)
    inside = lungs.inside[box]
    for side in np.unique(sides[sides > 0]):
        lung = sides[box] == side
        grown = nd.binary_dilation(lung, square, 2) & (smooth < _AIRY_HU)
        lung = grown | nd.binary_erosion(lung, square, 2)
        for k in range(lung.shape[2]):
            inside[:, :, k] |= nd.binary_fill_holes(lung[:, :, k])
    lungs.depth_mm[box] = nd.distance_transform_edt(inside, spacing_mm)
    lungs.vessel[box] = inside & (smooth > _VESSEL_HU) & (lungs.depth_mm[box] > 2)
    if lungs.vessel.any():
        lungs.to_vessel_mm[box] = nd.distance_transform_edt(~lungs.vessel[box], spacing_mm)
    return lungs


def find_place(
    rng: np.random.Generator,
    nodule: Nodule,
    lungs: Lungs,
    spacing_mm: Spacing,
    placed: Sequence[Nodule] = (),
) -> Nodule | None:
    """The nodule at a place that suits its kind of place, or None where there is none.

    - parenchymal: clear of the pleura by 3 mm, and of every vessel.
    - juxta-pleural: the pleura cuts it in its outer half; clear of every vessel.
    - juxta-vascular: it touches a vessel, and at most a quarter of it overlaps; clear of the
      pleura.

    It keeps ``APART_MM`` from the nodules ``placed`` before and lies whole within the planes.
    """
    radius = nodule.diameter_mm / 2
    depth, aside = lungs.depth_mm, lungs.to_vessel_mm
    if nodule.place == "juxta-pleural":
        suits = (depth > 0.35 * radius) & (depth < 0.95 * radius) & (aside > radius)
    elif nodule.place == "parenchymal":
        suits = (depth > radius + 3) & (aside > radius)
    else:
        suits = (depth > radius + 3) & (aside > 0.7 * radius) & (aside < radius)
    spacing = np.array(spacing_mm)
    room = int(np.ceil(nodule.reach_mm / spacing[2])) + 1
    suits[:, :, :room] = suits[:, :, suits.shape[2] - room :] = False
    voxels = np.flatnonzero(suits)
    if not len(voxels):
        return None
    for voxel in rng.choice(voxels, 60):
        index = np.array(np.unravel_index(voxel, suits.shape))
        at = (index + rng.uniform(-0.5, 0.5, 3)) * spacing
        there = replace(nodule, centre_mm=(float(at[0]), float(at[1]), float(at[2])))
        apart = all(
            np.linalg.norm(at - other.centre_mm) > nodule.reach_mm + other.reach_mm + APART_MM
            for other in placed
        )
        if apart and _suits(there, lungs, spacing_mm):
            return there
    return None


def _suits(nodule: Nodule, lungs: Lungs, spacing_mm: Spacing) -> bool:
    """Whether a nodule, drawn where it is, keeps to lung and vessels as its place asks."""
    share = voxel_share(nodule, np.zeros(3), spacing_mm, lungs.inside.shape)
    inside = lungs.inside[share.box]
    within = float((share.whole * inside).sum() / share.whole.sum())
    overlap = float((share.whole * lungs.vessel[share.box]).sum() / share.whole.sum())
    if nodule.place == "juxta-vascular":
        return within == 1 and 0 < overlap < 0.25
    if nodule.place == "parenchymal":
        return within == 1 and overlap == 0
    return 0.5 < within < 0.97 and overlap == 0


def insert_nodule(
    hu: Array, nodule: Nodule, lungs: Lungs, spacing_mm: Spacing, psf_fwhm_mm: float
) -> Inserted:
    """An image with one nodule more.

    ``hu + blur(share * air * (value - background))``: ``share`` is the part of each voxel inside
    nodule and lung, ``air`` how much of it the tissue there leaves free (1 in parenchyma, 0 in a
    vessel), ``value`` the nodule's HU and ``background`` that of the parenchyma around. So a
    nodule fills air, vessels run on through ground glass, and nothing is darkened. The blur adds
    up to one, so the HU added are those of the nodule; only beside the pleura and vessels is less
    added, where a voxel that holds both would else outshine either.

    Parameters
    ----------
    hu : (x, y, z) int16
    nodule : Nodule
        At its place, see :func:`find_place`.
    lungs : Lungs
        Of the same grid.
    spacing_mm : (float, float, float)
        The slice is taken to be as thick as the slices are apart: its profile is the box over
        which ``voxel_share`` averages.
    psf_fwhm_mm : float
        Full width at half maximum of the scanner's blur in plane, without that of the pixel.
    """
    sigma = [psf_fwhm_mm / 2.3548 / spacing_mm[0], psf_fwhm_mm / 2.3548 / spacing_mm[1], 0.0]
    blur_mm = max(_BLUR_REACH * psf_fwhm_mm / 2.3548, 2 * _BACKGROUND_MM)
    share = voxel_share(nodule, np.zeros(3), spacing_mm, hu.shape, margin_mm=blur_mm)
    box = share.box
    whole = share.whole * lungs.inside[box]
    depth = lungs.depth_mm[box]
    smooth = nd.median_filter(hu[box], (3, 3, 1)).astype(np.float32)
    background, air = _parenchyma(smooth, lungs.inside[box], depth, spacing_mm)
    core = share.core / np.maximum(share.whole, 1e-6)
    value = nodule.hu + core * (nodule.core_hu - nodule.hu)
    added = nd.gaussian_filter(
        whole * air * (value - background), sigma, mode="constant", truncate=_BLUR_REACH
    )
    room = np.maximum(value - smooth, 0)
    shared = (depth < _PLEURA_MM) | (air < 0.9)
    added = np.where(shared, np.minimum(added, room), added)
    changed = hu.copy()
    changed[box] = np.clip(np.rint(hu[box] + added), -32768, 32767).astype(hu.dtype)
    truth = np.zeros(hu.shape, dtype=bool)
    truth[box] = whole >= 0.5
    volume = float(whole.sum()) * float(np.prod(spacing_mm))
    return Inserted(changed, truth, (6 * volume / np.pi) ** (1 / 3))


def _parenchyma(
    smooth: Array, inside: Array, depth_mm: Array, spacing_mm: Spacing
) -> tuple[Array, Array]:
    """(x, y, z) float32 each: HU of the parenchyma without what runs through it, and its air.

    There is less air only where a median stands out by far more than the noise does: there lies
    a vessel. Next to the pleura it is parenchyma up to the last voxel, since the blur of the wall
    into the lung is not a part of the lung.
    """
    plain = inside & (smooth < _VESSEL_HU)
    if not plain.any():
        return smooth, np.zeros_like(smooth)
    sigma = [_BACKGROUND_MM / s for s in spacing_mm]
    weight = nd.gaussian_filter(plain.astype(np.float32), sigma, mode="constant")
    mean = nd.gaussian_filter(np.where(plain, smooth, 0), sigma, mode="constant")
    # far from any parenchyma the sum of weights is next to nothing; there the mean of all serves
    near = weight > 1e-3
    background = np.where(near, mean / np.where(near, weight, 1), smooth[plain].mean())
    out = smooth - background
    out *= _ramp(np.abs(out), 100, 250) * _ramp(depth_mm, _PLEURA_MM / 2, _PLEURA_MM)
    air = np.clip(1 - out / (_TISSUE_HU - background), 0, 1)
    return background.astype(np.float32), air.astype(np.float32)


def _ramp(values: Array, low: float, high: float) -> Array:
    """0 under ``low``, 1 over ``high``, smooth between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)

"""All measures of an outlined structure, of every label of two label maps at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.distance import (
    Convention,
    SurfaceDistances,
    require_convention,
    surface_distances,
)
from limen.measures.errors import BadValue
from limen.measures.grid import Array, small_labels
from limen.measures.label_pair import ByValue, LabelPair, structures_of

if TYPE_CHECKING:
    from limen.measures.runs import Runs

_NO_TOLERANCE = "no tolerance was stated"


@dataclass(frozen=True)
class LabelMeasures:
    """Overlap, volume and distance of one label in one case.

    A value that is not defined is None, and ``undefined`` says why, by the value's name. With
    reference and prediction both empty the case is a correct rejection of this label: overlaps
    are 1 and every error 0, by convention and not by measurement. With one of them empty the
    overlaps are 0 and there is no distance; so a missed structure never raises an average.

    Attributes
    ----------
    dice, iou : float
        2 |P and R| / (|P| + |R|), and |P and R| / |P or R|; 0 to 1.
    volume_error_ml : float or None
        Signed: above zero the prediction is too large. Volumes of a 2-D image are None.
    relative_volume_error : float or None
        Signed, as a fraction of the reference volume (in 2-D, of its area).
    hd_mm, hd95_mm, assd_mm, masd_mm : float or None
        Distances between the surfaces; see :class:`SurfaceDistances`.
    nsd_at : mapping of float to float
        Normalised surface distance, 0 to 1, at each tolerance in mm that was asked for.
    boundary_iou : float or None
        IoU of the two outlines. Without a width these are one voxel wide (voxels with a face
        neighbour outside), the reading of Metrics Reloaded's own implementation of Cheng et al.
        (CVPR 2021); with ``boundary_width_mm`` also the voxels of the mask whose centre lies no
        further than it from that of one of them.
    boundary_width_mm : float or None
        As it was asked for; None is one voxel.
    boundary_iou_at : mapping of float to float
        The same at each of several widths in mm.
    correct_rejection : bool
    undefined : mapping of str to str
    """

    label: str
    dice: float
    iou: float
    volume_reference_ml: float | None
    volume_prediction_ml: float | None
    volume_error_ml: float | None
    relative_volume_error: float | None
    hd_mm: float | None
    hd95_mm: float | None
    assd_mm: float | None
    masd_mm: float | None
    nsd_at: dict[float, float]
    boundary_iou: float | None
    correct_rejection: bool
    voxels_reference: int
    voxels_prediction: int
    undefined: dict[str, str] = field(default_factory=dict)
    stated_cldice: float | None = None
    masks: tuple[Runs, Runs] | None = field(default=None, repr=False, compare=False)
    boundary_width_mm: float | None = None
    boundary_iou_at: dict[float, float] = field(default_factory=dict)

    @property
    def nsd(self) -> float | None:
        """Normalised surface distance at the one tolerance that was asked for."""
        return next(iter(self.nsd_at.values())) if len(self.nsd_at) == 1 else None

    @property
    def nsd_tolerance_mm(self) -> float | None:
        return next(iter(self.nsd_at)) if len(self.nsd_at) == 1 else None

    @cached_property
    def cldice(self) -> float | None:
        """Centreline Dice; see :func:`limen.measures.centreline.cldice`.

        Computed when it is first asked for: thinning takes longer than all other measures. None
        in a result that was kept without it.
        """
        if self.stated_cldice is None and self.masks is not None:
            from limen.measures.centreline import cldice_of_runs

            return cldice_of_runs(*self.masks)
        return self.stated_cldice

    def alone(self, *, cldice: bool = False) -> Self:
        """The numbers without the masks they are of; clDice, which takes long, where it is asked
        for."""
        stated = self.cldice if cldice else self.stated_cldice
        return replace(self, stated_cldice=stated, masks=None)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON. clDice is in it where it was stated or asked for."""
        left_out = ("masks", "nsd_at", "boundary_iou_at", "stated_cldice")
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out}
        plain["undefined"] = dict(self.undefined)
        plain["nsd_at"] = {repr(tolerance): value for tolerance, value in self.nsd_at.items()}
        plain["boundary_iou_at"] = {repr(w): value for w, value in self.boundary_iou_at.items()}
        known = self.stated_cldice if self.stated_cldice is not None else vars(self).get("cldice")
        if known is not None:
            plain["cldice"] = known
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`as_dict`."""
        given = dict(plain)
        for name in ("nsd_at", "boundary_iou_at"):
            given[name] = {float(mm): value for mm, value in given.get(name, {}).items()}
        return cls(stated_cldice=given.pop("cldice", None), **given)


def segmentation(
    prediction: ArrayLike | str | Path,
    reference: ArrayLike | str | Path,
    *,
    spacing_mm: Sequence[float] | None = None,
    affine_mm: ArrayLike | None = None,
    image: str | Path | None = None,
    labels: Iterable[int] | Mapping[str, int | Sequence[int]] | None = None,
    nsd_tolerance_mm: float | Mapping[Any, float] | None = None,
    boundary_width_mm: float | None = None,
    convention: Convention = "limen",
) -> dict[Any, LabelMeasures]:
    """Measure every label of a segmentation against its reference.

    Parameters
    ----------
    prediction, reference : (I, J, K) or (I, J) array, or path
        Label maps on one grid, 0 is background; masks (bool) are label 1. Or the paths of a
        NIfTI or NRRD file, or of a DICOM SEG; a SEG is laid onto the grid of the other file, or
        of ``image``. Its segments are the labels, under their names.
    spacing_mm : sequence of 3 (of a 2-D image 2) floats
        Distance between voxel centres along each axis. Needed with arrays and never guessed;
        with files their own geometry is used.
    affine_mm : (4, 4) array, optional
        Instead of the spacing, for oblique or sheared grids.
    image : path, optional
        Where both are a DICOM SEG: the image they were drawn on, a file or a folder of a series.
    labels : iterable of int, or mapping of name to value or values, optional
        Which labels to measure. A name with several values is measured as their union. Default:
        every value that is in either map.
    nsd_tolerance_mm : float, or mapping of label to float, optional
        Tolerance of the normalised surface distance. There is none by default, because it
        belongs to the task (how well readers agree); ``nsd`` is then None.
    boundary_width_mm : float, optional
        How wide the outlines of ``boundary_iou`` are; default one voxel.
    convention : "limen", "monai", "medpy" or "surface-distance"
        Whose surface distances to give; see :class:`SurfaceDistances`.

    Returns
    -------
    dict
        By label (its value, or its name where names were given), in order.

    Raises
    ------
    SpacingMissing, BadAffine
        No spacing, or one that is not above zero.
    ShapeMismatch, GeometryMismatch
        Not on one grid.
    NotALabelMap
        NaN, fractions, negative values.
    BadValue
        A tolerance or a width that is not a number of zero or more.
    Undefined
        No labels were named and neither map holds any.

    Notes
    -----
    Definitions follow Metrics Reloaded (Maier-Hein, Reinke et al., Nature Methods 2024).
    """
    from limen.measures.files import opened

    require_convention(convention)
    p, r, affine, flat, names = opened(prediction, reference, spacing_mm, affine_mm, labels, image)
    pair = LabelPair.of(small_labels(p, "prediction"), small_labels(r, "reference"),
                        affine[:3, :3], flat=flat)  # fmt: skip
    structures = structures_of(
        (pair.prediction, pair.reference), labels if labels is not None else names, (p, r)
    )
    tolerances = {name: tolerances_of(nsd_tolerance_mm, name) for name in structures}
    found = measure_structures(pair, structures, tolerances, convention)
    if boundary_width_mm is not None:
        width = checked_mm(boundary_width_mm, "the width of an outline", "all labels")
        found = [
            replace(m, boundary_width_mm=width, boundary_iou=at.get(width, m.boundary_iou))
            for m, at in zip(found, boundary_ious(found, pair, (width,)), strict=True)
        ]
    return dict(zip(structures, found, strict=True))


def boundary_ious(
    found: Sequence[LabelMeasures], pair: LabelPair, widths_mm: Sequence[float]
) -> list[dict[float, float]]:
    """Boundary IoU of each structure at each width; nothing where its convention has none."""
    from limen.measures.outlines import outline_ious

    ious: list[dict[float, float]] = []
    for m in found:
        if m.boundary_iou is None or m.masks is None:
            ious.append({})
        elif m.voxels_prediction and m.voxels_reference:
            ious.append(outline_ious(*m.masks, pair.axes_mm, pair.order, pair.flat_axes, widths_mm))
        else:
            ious.append(dict.fromkeys(widths_mm, m.boundary_iou))
    return ious


def measure_structures(
    pair: LabelPair,
    structures: Mapping[Any, tuple[int, ...]],
    tolerances_mm: Mapping[Any, Sequence[float]],
    convention: Convention = "limen",
) -> list[LabelMeasures]:
    """Measure each structure, a set of values counted as one; see :func:`segmentation`."""
    from limen.measures.runs import shared_voxels

    top = max((max(values, default=0) for values in structures.values()), default=0)
    top = max(top, _largest(pair.prediction), _largest(pair.reference))
    count_p, count_r = _voxels(pair.prediction, top), _voxels(pair.reference, top)
    value_p, value_r, shared = shared_voxels(pair.prediction, pair.reference)
    alike = value_p == value_r
    agreed = np.zeros(top + 1, np.int64)
    agreed[value_p[alike]] = shared[alike]
    prediction, reference = ByValue(pair.prediction, top), ByValue(pair.reference, top)
    masks, both = [], []
    for values in structures.values():
        masks.append((prediction.of(values), reference.of(values)))
        if len(values) == 1:
            both.append(int(agreed[values[0]]))
            continue
        member = np.zeros(top + 1, bool)
        member[list(values)] = True
        both.append(int(shared[member[value_p] & member[value_r]].sum()))
    distances = surface_distances(
        masks,
        pair.axes_mm,
        pair.order,
        pair.flat_axes,
        convention,
        of_two_axes=pair.voxel_mm3 is None,
    )
    found = []
    for n, (name, values) in enumerate(structures.items()):
        n_p, n_r = (sum(int(count[v]) for v in set(values)) for count in (count_p, count_r))
        found.append(
            _measured(str(name), n_p, n_r, both[n], distances[n], pair.voxel_mm3,
                      tolerances_mm.get(name, ()), masks[n])
        )  # fmt: skip
    return found


def _measured(
    label: str,
    n_p: int,
    n_r: int,
    both: int,
    distances: SurfaceDistances | None,
    voxel_mm3: float | None,
    tolerances_mm: Sequence[float],
    masks: tuple[Runs, Runs],
) -> LabelMeasures:
    undefined: dict[str, str] = {}
    nothing = n_p == 0 and n_r == 0
    missing = "" if nothing else "prediction is empty" if n_p == 0 else "reference is empty"
    far: dict[str, float | None] = dict.fromkeys(("hd_mm", "hd95_mm", "assd_mm", "masd_mm"))
    outline: float | None = 1.0 if nothing else 0.0
    nsd_at = dict.fromkeys((float(t) for t in tolerances_mm), 1.0 if nothing else 0.0)
    if distances is not None:
        far = {name: getattr(distances, name) for name in far}
        nsd_at = {tolerance: distances.nsd(tolerance) for tolerance in nsd_at}
        outline = distances.boundary_iou
        if distances.convention == "surface-distance":
            outline = None
            undefined["boundary_iou"] = "its elements are no voxels in this convention"
    elif nothing:
        far = dict.fromkeys(far, 0.0)
    else:
        undefined |= dict.fromkeys(far, missing)
    if not nsd_at:
        undefined["nsd"] = _NO_TOLERANCE
    relative = (n_p - n_r) / n_r if n_r else 0.0 if nothing else None
    if relative is None:
        undefined["relative_volume_error"] = "reference is empty"
    volume_p = volume_r = error = None
    if voxel_mm3 is not None:
        volume_p, volume_r = n_p * voxel_mm3 / 1000.0, n_r * voxel_mm3 / 1000.0
        error = volume_p - volume_r
    else:
        undefined["volume_error_ml"] = "an image of two axes has no volume"
    return LabelMeasures(
        label=label,
        dice=1.0 if nothing else 2.0 * both / (n_p + n_r),
        iou=1.0 if nothing else both / (n_p + n_r - both),
        volume_reference_ml=volume_r,
        volume_prediction_ml=volume_p,
        volume_error_ml=error,
        relative_volume_error=relative,
        hd_mm=far["hd_mm"],
        hd95_mm=far["hd95_mm"],
        assd_mm=far["assd_mm"],
        masd_mm=far["masd_mm"],
        nsd_at=nsd_at,
        boundary_iou=outline,
        correct_rejection=nothing,
        voxels_reference=n_r,
        voxels_prediction=n_p,
        undefined=undefined,
        masks=masks,
    )


def tolerances_of(stated: float | Mapping[Any, float] | None, name: Any) -> tuple[float, ...]:
    """The tolerance that is stated for a label, if there is one; see :func:`segmentation`."""
    tolerance = stated.get(name) if isinstance(stated, Mapping) else stated
    if tolerance is None:
        return ()
    return (checked_mm(tolerance, "the tolerance of the normalised surface distance", str(name)),)


def checked_mm(value: float, what: str, where: str) -> float:
    """A distance of zero or more. Raises :class:`BadValue`."""
    if not (math.isfinite(value) and value >= 0):
        raise BadValue(
            f"{what} is not a number of zero or more",
            where=where, found=str(value), mend="give it in mm",
        )  # fmt: skip
    return float(value)


def _largest(runs: Runs) -> int:
    return int(runs.value.max()) if len(runs) else 0


def _voxels(runs: Runs, top: int) -> Array:
    return np.bincount(runs.value, weights=runs.lengths, minlength=top + 1).astype(np.int64)

"""Distance between surfaces, in mm in the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import BadConvention, ShapeMismatch, Undefined
from limen.measures.grid import Array, checked_affine, checked_pair, flat_axes

if TYPE_CHECKING:
    from limen.measures.runs import Runs

Convention = Literal["limen", "monai", "medpy", "surface-distance"]
CONVENTIONS: tuple[Convention, ...] = ("limen", "monai", "medpy", "surface-distance")
PERCENTILE = 95.0
_MANY_RUNS = 10_000
_PARTS = 8
_SLACK_MM = 1e-9
"""A distance of 3 x 0.8 mm is at a tolerance of 2.4 mm, whatever the last digit says."""


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """From each surface element of either mask to the nearest of the other.

    Attributes
    ----------
    prediction_mm, reference_mm : (N,), (M,) float64
        Distances of the prediction's elements and of the reference's.
    prediction_weight, reference_weight : (N,), (M,) float64, or None
        Area (mm2; in 2-D length, mm) of each element where the convention weighs them.
    convention : Convention

    Notes
    -----
    With A and B the surface elements, d(a) the distance of a to the nearest of B:

    ==================  =======================================================================
    limen, monai        voxels with a face neighbour outside, between their centres; HD95 is the
                        larger of the two directed percentiles (linear interpolation); ASSD the
                        mean over all elements of both. Metrics Reloaded (Maier-Hein, Reinke et
                        al., Nature Methods 2024). They differ in a volume of a single slice:
                        MONAI takes its whole area as surface, Limen its outline.
    medpy               the same elements as MONAI; HD95 is the percentile of both directions
                        pooled (medpy 0.5.2; before 0.5 its ASSD is what is MASD here).
    surface-distance    elements are marching-cubes patches at the corners of voxels, weighed by
                        their area; a percentile is the smallest distance at which the area
                        reaches that share.
    ==================  =======================================================================
    """

    prediction_mm: Array
    reference_mm: Array
    prediction_weight: Array | None = None
    reference_weight: Array | None = None
    convention: Convention = "limen"

    def percentile_mm(self, percent: float) -> float:
        """Percentile Hausdorff distance; 100 is the Hausdorff distance."""
        sides = (
            (self.prediction_mm, self.prediction_weight),
            (self.reference_mm, self.reference_weight),
        )
        if self.convention == "medpy":
            return _percentile(np.concatenate([d for d, _ in sides]), None, percent)
        return max(_percentile(d, w, percent) for d, w in sides)

    @property
    def hd_mm(self) -> float:
        """Hausdorff distance: the largest of all distances."""
        return max(float(self.prediction_mm.max()), float(self.reference_mm.max()))

    @property
    def hd95_mm(self) -> float:
        """95th percentile Hausdorff distance."""
        return self.percentile_mm(PERCENTILE)

    @property
    def masd_mm(self) -> float:
        """Mean average surface distance: the mean of the two directed means."""
        p = np.average(self.prediction_mm, weights=self.prediction_weight)
        r = np.average(self.reference_mm, weights=self.reference_weight)
        return float(p + r) / 2.0

    @property
    def assd_mm(self) -> float:
        """Average symmetric surface distance: the mean over the elements of both surfaces."""
        total_p, total_r = self._total()
        p = _weighed(self.prediction_mm, self.prediction_weight)
        r = _weighed(self.reference_mm, self.reference_weight)
        return (p + r) / (total_p + total_r)

    def nsd(self, tolerance_mm: float) -> float:
        """Normalised surface distance: the share of both surfaces within the tolerance.

        Nikolov et al., J Med Internet Res 2021; elements are counted, or weighed by area where
        the convention does. A distance equal to the tolerance is within it.
        """
        near_p = self.prediction_mm <= tolerance_mm + _SLACK_MM
        near_r = self.reference_mm <= tolerance_mm + _SLACK_MM
        total_p, total_r = self._total()
        p = _weighed(near_p, self.prediction_weight)
        r = _weighed(near_r, self.reference_weight)
        return (p + r) / (total_p + total_r)

    @property
    def boundary_iou(self) -> float:
        """IoU of the two surfaces as sets of voxels; of conventions whose elements are voxels."""
        both = int(np.count_nonzero(self.prediction_mm == 0))
        return both / (self.prediction_mm.size + self.reference_mm.size - both)

    def _total(self) -> tuple[float, float]:
        return (
            float(self.prediction_mm.size)
            if self.prediction_weight is None
            else float(self.prediction_weight.sum()),
            float(self.reference_mm.size)
            if self.reference_weight is None
            else float(self.reference_weight.sum()),
        )


def surface_distances(
    pairs: Sequence[tuple[Runs, Runs]],
    axes_mm: Array,
    order: tuple[int, int, int],
    flat_axes: tuple[bool, bool, bool],
    convention: Convention = "limen",
    *,
    of_two_axes: bool = False,
) -> list[SurfaceDistances | None]:
    """Distances between the surfaces of several pairs of masks on one grid.

    Parameters
    ----------
    pairs : sequence of (prediction, reference)
        Runs of each mask.
    axes_mm : (3, 3) array
        Steps of the axes of the image, as columns, in mm in the patient. Any three that span a
        volume: oblique and sheared (tilted gantry) grids are exact as well.
    order : (int, int, int)
        Which axis of the image each axis of the runs is.
    flat_axes : (bool, bool, bool)
        Axes of a single voxel, along which nothing counts as a neighbour.
    convention : Convention
    of_two_axes : bool
        Whether it is a 2-D image; peers that take a single slice of a volume for all surface
        take the outline here.

    Returns
    -------
    list
        None where one of the two masks is empty.
    """
    from limen.measures.nearest import lattice_of, nearest_mm
    from limen.measures.runs import in_threads
    from limen.measures.surface_elements import elements_of_each
    from limen.measures.surfaces import surfaces

    lattice = lattice_of(axes_mm, order, flat_axes)
    as_volume = convention in ("monai", "medpy") and not of_two_axes
    seen_as_flat = (False, False, False) if as_volume else flat_axes

    def elements(masks: Sequence[Runs]) -> tuple[Array, Array, Array | None]:
        if convention == "surface-distance":
            return elements_of_each(masks, lattice.spacing_mm, flat_axes)
        return *surfaces(masks, seen_as_flat), None

    def of_part(part: Sequence[int], *, much: bool) -> list[SurfaceDistances]:
        sides = [[pairs[n][side] for n in part] for side in (0, 1)]
        (p, at_p, weight_p), (r, at_r, weight_r) = in_threads(elements, sides, much=much)
        far_p, far_r = in_threads(
            lambda both: nearest_mm(lattice, *both), [(p, at_p, r, at_r), (r, at_r, p, at_p)],
            much=much,
        )  # fmt: skip
        own = [(slice(at_p[n], at_p[n + 1]), slice(at_r[n], at_r[n + 1])) for n in range(len(part))]
        return [
            SurfaceDistances(
                far_p[a],
                far_r[b],
                None if weight_p is None else weight_p[a],
                None if weight_r is None else weight_r[b],
                convention,
            )
            for a, b in own
        ]

    # Large masks one after the other, their two sides at once; small ones many at a time.
    there = [n for n, (p, r) in enumerate(pairs) if len(p) and len(r)]
    runs = [len(p) + len(r) for p, r in pairs]
    large = [n for n in there if runs[n] > _MANY_RUNS]
    small = [n for n in there if runs[n] <= _MANY_RUNS]
    found: dict[int, SurfaceDistances] = {}
    for n in large:
        found[n] = of_part([n], much=True)[0]
    much = sum(runs[n] for n in small) > _MANY_RUNS
    parts = [small[at::_PARTS] for at in range(_PARTS)] if much else [small]
    parts = [part for part in parts if part]
    for part, made in zip(
        parts, in_threads(lambda p: of_part(p, much=False), parts, much=much), strict=True
    ):
        found |= zip(part, made, strict=True)
    return [found.get(n) for n in range(len(pairs))]


def hd95_mm(
    prediction: ArrayLike,
    reference: ArrayLike,
    affine_mm: ArrayLike,
    convention: Convention = "limen",
) -> float:
    """95th percentile Hausdorff distance in mm.

    The larger of the two directed 95th percentiles (linear interpolation) of the distances
    from each surface voxel's centre to the nearest surface voxel's centre of the other mask.
    Distances are taken in patient space through the affine, so they are exact on oblique and
    on sheared (tilted gantry) grids as well. Both masks empty is 0.

    Parameters
    ----------
    prediction, reference : (I, J, K) array
        Masks of one shape; any value other than zero is inside.
    affine_mm : (4, 4) array
        Voxel index to patient position in mm.
    convention : Convention
        Whose number to give; see :class:`SurfaceDistances`.

    Raises
    ------
    Undefined
        When one of the two is empty: there is no distance to nothing.
    ShapeMismatch, BadAffine, BadConvention
    """
    from limen.measures.runs import in_memory_order, runs_of

    require_convention(convention)
    p, r = checked_pair(prediction, reference)
    if p.ndim != 3:
        raise ShapeMismatch(
            "distances are measured on volumes of three axes",
            found=f"shape {p.shape}",
            mend="give a single slice the shape (I, J, 1)",
        )
    axes_mm = checked_affine(affine_mm)[:3, :3]
    (p, r), order = in_memory_order([p, r])
    pair = runs_of(p.view(np.uint8)), runs_of(r.view(np.uint8))
    if not len(pair[0]) and not len(pair[1]):
        return 0.0
    for runs, name in zip(pair, ("prediction", "reference"), strict=True):
        if not len(runs):
            raise Undefined(f"{name} is empty")
    flat = flat_axes(p.shape)
    (found,) = surface_distances([pair], axes_mm, order, flat, convention)
    assert found is not None
    return found.hd95_mm


def require_convention(convention: str) -> None:
    """
    Raises
    ------
    BadConvention
    """
    if convention not in CONVENTIONS:
        raise BadConvention(
            "no such convention", found=convention, mend=f"use one of {', '.join(CONVENTIONS)}"
        )


def _percentile(distances: Array, weights: Array | None, percent: float) -> float:
    if weights is None:
        # as numpy.percentile, which takes ten times as long on a small lesion
        place = percent / 100.0 * (distances.size - 1)
        at = int(place)
        after = min(at + 1, distances.size - 1)
        part = np.partition(distances, (at, after))
        return float(part[at] + (part[after] - part[at]) * (place - at))
    order = np.lexsort((weights, distances))
    share = np.cumsum(weights[order]) / np.sum(weights)
    at = min(int(np.searchsorted(share, percent / 100.0)), len(order) - 1)
    return float(distances[order[at]])


def _weighed(values: Array, weights: Array | None) -> float:
    return float(np.sum(values)) if weights is None else float(np.sum(values * weights))

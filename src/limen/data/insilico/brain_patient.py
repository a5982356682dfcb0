"""One simulated patient: a head with lesions of known place, acquired by a simulated MR scanner.

The head is drawn (``brain``), lesions are put into its white matter, and every slice goes through
the physics of MR: receiver phase, coil sensitivities, k-space with noise, at one site with half of
the lines left out, and reconstruction to a magnitude. Simulated patients are nobody's data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.data.insilico.blobs import Blob, draw_lobes, voxel_share
from limen.data.insilico.brain import Head, HeadSize, draw_head, draw_head_size
from limen.data.insilico.cohort import Cohort
from limen.data.insilico.shapes import Grid
from limen.data.volume import Geometry, Volume
from limen.physics.mr import Acquisition, equispaced_mask, ring_maps

Array = NDArray[Any]

GRID_SHAPE = (144, 176, 24)
SPACING_MM = (1.25, 1.25, 5.0)
THIN = 2
"""Drawn planes for each slice: their mean is the slice's profile."""
FOCAL_MM = (4.0, 18.0)
MASS_MM = (20.0, 45.0)
MOST_FOCAL = 6
APART_MM = 5.0
"""Least distance between the surfaces of two lesions, so that their masks never touch."""
LEAST_VOXELS = 4
"""Volume inside the brain under which a lesion is not drawn, in voxels of a slice."""
Place = Literal["periventricular", "deep", "juxtacortical"]
PLACES: tuple[Place, ...] = ("periventricular", "deep", "juxtacortical")


@dataclass(frozen=True)
class Site:
    """A simulated hospital: how its scanner takes FLAIR."""

    name: str
    scanner: str
    field_tesla: float
    coils: int
    acceleration: int
    signal_to_noise: tuple[float, float]
    """Of white matter, lowest and highest, without the loss that acceleration brings."""
    shading: float
    """Largest change of sensitivity that the site's correction leaves over the head."""


SITES = (
    Site("north", "sim-a", 3.0, 12, 2, (38.0, 60.0), 0.22),
    Site("east", "sim-b", 1.5, 8, 1, (18.0, 32.0), 0.12),
    Site("south", "sim-c", 3.0, 8, 1, (28.0, 48.0), 0.30),
)


@dataclass(frozen=True, kw_only=True)
class Lesion(Blob):
    """One simulated lesion.

    Attributes
    ----------
    kind : focal or mass
        A focal lesion of white matter, or a mass: bright oedema around a core.
    place : periventricular, deep or juxtacortical
    signal, core_signal : float
        Times white matter; of the whole, and of the core where there is one.
    """

    kind: Literal["focal", "mass"]
    place: Place
    signal: float
    core_signal: float


@dataclass(frozen=True)
class SimulatedBrain:
    """What is known of one simulated patient.

    Attributes
    ----------
    image : Volume
        (x, y, z) int16 magnitude in the scanner's own unit, LPS.
    reference : Volume
        (x, y, z) uint8: 1 where at least half of the voxel is lesion.
    lesions : tuple of Lesion
    attributes : dict
        Sex, age, site, scanner, field, coils, acceleration and the count of lesions.
    """

    image: Volume
    reference: Volume
    lesions: tuple[Lesion, ...]
    attributes: dict[str, str | float | int]


def simulate_brain(seed: int, number: int) -> SimulatedBrain:
    """Patient ``number`` of the cohort with this seed; the same at every call.

    Anatomy, lesions and acquisition each have their own stream of random numbers. Results may
    differ in the last bit between processors.
    """
    anatomy, sick, scan = np.random.SeedSequence([seed, number]).spawn(3)
    rng = np.random.default_rng(anatomy)
    size = draw_head_size(rng)
    nx, ny, nz = GRID_SHAPE
    fine = Grid((nx, ny, nz * THIN), (*SPACING_MM[:2], SPACING_MM[2] / THIN), rng.uniform(-2, 8))
    head = draw_head(rng, size, fine)
    signal, mask, lesions = _with_lesions(np.random.default_rng(sick), head, size, fine)
    site = SITES[number % len(SITES)]
    slices = signal.reshape(nx, ny, nz, THIN).mean(axis=3)
    image, ratio = _scan(scan, slices, size.white, site)
    affine = np.diag([*SPACING_MM, 1.0])
    affine[:3, 3] = Grid(GRID_SHAPE, SPACING_MM, fine.centre_z_mm).first_centre_mm
    geometry = Geometry(affine, GRID_SHAPE)
    return SimulatedBrain(
        image=Volume(image, geometry),
        reference=Volume(mask, geometry),
        lesions=lesions,
        attributes={
            "modality": "MR",
            "sex": size.sex,
            "age_years": size.age_years,
            "site": site.name,
            "scanner": site.scanner,
            "field_tesla": site.field_tesla,
            "coils": site.coils,
            "acceleration": site.acceleration,
            "white_matter_snr": round(ratio, 1),
            "slice_thickness_mm": SPACING_MM[2],
            "masses": sum(x.kind == "mass" for x in lesions),
            "lesions": len(lesions),
        },
    )


BRAINS = Cohort(
    method="data.insilico.brain/1",
    simulate=simulate_brain,
    seed=20260711,
    development=300,
    validation=100,
    validation_from=400,  # 60 to 119 were validation of an earlier model, and looked at
)
"""The cohort of the example mr-brain-lesion; about 1 s of one core and 0.9 MB a patient."""


# --- lesions ----------------------------------------------------------------------------------


def _with_lesions(
    rng: np.random.Generator, head: Head, size: HeadSize, grid: Grid
) -> tuple[Array, Array, tuple[Lesion, ...]]:
    """The head's signal with lesions, their mask on the slices, and what they are."""
    signal = head.signal.copy()
    share = np.zeros(grid.shape, dtype=np.float32)
    placed: list[Lesion] = []
    kinds: list[Literal["focal", "mass"]] = []
    if rng.random() >= 0.2:
        kinds = ["mass"] * int(rng.random() < 0.3)
        kinds += ["focal"] * int(rng.integers(0 if kinds else 1, MOST_FOCAL + 1))
    for kind in kinds:
        wanted = _draw_lesion(rng, kind)
        at = _find_place(rng, wanted, head, grid, placed)
        if at is None:
            continue
        lesion = replace(wanted, centre_mm=at)
        if _put(rng, signal, share, lesion, head, size, grid):
            placed.append(lesion)
    nx, ny, nz = GRID_SHAPE
    truth = share.reshape(nx, ny, nz, THIN).mean(axis=3) >= 0.5
    return signal, truth.astype(np.uint8), tuple(placed)


def _draw_lesion(rng: np.random.Generator, kind: Literal["focal", "mass"]) -> Lesion:
    """A lesion with random lobes and signal, its centre still at the origin."""
    if kind == "mass":
        diameter = float(rng.uniform(*MASS_MM))
        solid = rng.random() < 0.4
        return Lesion(
            centre_mm=(0.0, 0.0, 0.0),
            diameter_mm=diameter,
            core_fraction=float(rng.uniform(0.35, 0.6)),
            lobes=draw_lobes(rng, (0.3, 0.9)),
            kind="mass",
            place="deep",
            signal=float(rng.uniform(1.35, 1.65)),
            core_signal=float(rng.uniform(1.1, 1.3) if solid else rng.uniform(0.3, 0.7)),
        )
    low, high = np.log(FOCAL_MM)
    diameter = float(np.exp(low + (high - low) * rng.random() ** 1.2))
    signal = float(rng.uniform(1.3, 1.7))
    return Lesion(
        centre_mm=(0.0, 0.0, 0.0),
        diameter_mm=diameter,
        core_fraction=0.0,
        lobes=draw_lobes(rng, (0.02, 0.25)),
        kind="focal",
        place=PLACES[int(rng.choice(3, p=[0.35, 0.4, 0.25]))],
        signal=signal,
        core_signal=signal,
    )


def _find_place(
    rng: np.random.Generator, lesion: Lesion, head: Head, grid: Grid, placed: list[Lesion]
) -> tuple[float, float, float] | None:
    """A centre in white matter that fits the lesion's place, or None where there is none."""
    radius = lesion.diameter_mm / 2
    depth, away = head.white_mm, head.ventricle_mm
    fits = head.upper & (depth > 0)
    if lesion.place == "periventricular":
        fits &= (away > 0.3 * radius) & (away < 0.8 * radius + 1.5) & (depth > 0.3 * radius)
    elif lesion.place == "juxtacortical":
        fits &= (depth < 0.5 * radius) & (away > radius + 4)
    else:
        # a mass may push against the cortex; a focal lesion that is deep lies clear of it
        fits &= (away > radius + 2) & (depth > (2.0 if lesion.kind == "mass" else 0.7 * radius))
    voxels = np.flatnonzero(fits)
    if not len(voxels):
        return None
    first, spacing = grid.first_centre_mm, np.array(grid.spacing_mm)
    chosen = np.stack(np.unravel_index(rng.choice(voxels, 40), grid.shape), axis=1)
    last = first + (np.array(grid.shape) - 1) * spacing
    for at in first + (chosen + rng.uniform(-0.5, 0.5, chosen.shape)) * spacing:
        if not first[2] + radius < at[2] < last[2] - radius:
            continue
        if all(
            np.linalg.norm(at - x.centre_mm) > lesion.reach_mm + x.reach_mm + APART_MM
            for x in placed
        ):
            return (float(at[0]), float(at[1]), float(at[2]))
    return None


def _put(
    rng: np.random.Generator, signal: Array, share: Array, lesion: Lesion, head: Head,
    size: HeadSize, grid: Grid,
) -> bool:  # fmt: skip
    """Draw a lesion into signal and share; False when too little of it would be in the mask.

    It stays within the brain: where its outline reaches a ventricle, a sulcus or the skull it
    ends there, and so does its mask.
    """
    here = voxel_share(lesion, grid.first_centre_mm, grid.spacing_mm, grid.shape)
    inside = here.whole * head.brain_share[here.box]
    if inside.sum() < LEAST_VOXELS * THIN:
        return False
    # uneven within, and fading towards the edge of a focal lesion as white matter disease does
    texture = 1 + 0.06 * rng.standard_normal(inside.shape, dtype=np.float32)
    value = np.float32(size.white * lesion.signal) * texture
    core = here.core / np.maximum(here.whole, 1e-6)
    value += core * np.float32(size.white * (lesion.core_signal - lesion.signal))
    part = signal[here.box]
    rise = value - part
    if lesion.kind == "focal":
        rise = np.maximum(rise, 0)
    part += inside * rise
    np.maximum(share[here.box], inside, out=share[here.box])
    return True


# --- acquisition ------------------------------------------------------------------------------


def _scan(
    seed: np.random.SeedSequence, slices: Array, white: float, site: Site
) -> tuple[Array, float]:
    """(x, y, z) int16 as the site's scanner shows it, and the signal-to-noise of white matter.

    The phase is encoded along x, as is usual for axial heads.
    """
    from limen.physics.mr.acquisition import noise, slice_generator, smooth_phase

    rng = np.random.default_rng(seed)
    ratio = float(np.exp(rng.uniform(*np.log(site.signal_to_noise))))
    shaded = slices * _shading(rng, site.shading)
    nx, ny, nz = GRID_SHAPE
    maps = ring_maps(site.coils, (nx, ny), SPACING_MM[:2]).astype(np.complex64)
    sd = white / ratio
    acquisition = Acquisition((nx, ny), SPACING_MM[:2], maps=maps, noise_sd=sd)
    sampling = acquisition.sampling
    method: Literal["zero-filled", "sense"] = "zero-filled"
    if site.acceleration > 1:
        sampling = replace(sampling, mask=equispaced_mask((nx, ny), site.acceleration))
        method = "sense"
    turn = np.exp(1j * smooth_phase((nx, ny), 1.5, rng)).astype(np.complex64)
    noise_seed = int(rng.integers(2**31))
    data = np.empty((nz, site.coils, nx, ny), dtype=np.complex64)
    for k in range(nz):
        data[k] = acquisition.of_slice((shaded[:, :, k] * turn).astype(np.complex64))
        data[k] += noise(data.shape[1:], sd, slice_generator(noise_seed, k), np.complex64)
    if sampling.mask is not None:
        data *= sampling.mask
    image = np.abs(acquisition.image_of(data, sampling, method)).transpose(1, 2, 0)
    # the receiver's gain is the scanner's own affair
    gain = float(rng.uniform(350, 900)) / white
    return np.clip(np.round(image * gain), 0, 32767).astype(np.int16), ratio


def _shading(rng: np.random.Generator, most: float) -> Array:
    """(x, y, z) float32 about 1: what is left of the coils' sensitivity after correction."""
    axes = np.meshgrid(
        *(np.linspace(-1, 1, n, dtype=np.float32) for n in GRID_SHAPE), indexing="ij"
    )
    field = sum(np.float32(rng.normal(0, 0.5)) * a for a in axes)
    field = field + np.float32(rng.uniform(-0.2, 1.0)) * (axes[0] ** 2 + axes[1] ** 2)
    field -= field.mean()
    return np.asarray(np.exp(field * np.float32(np.log1p(most) / np.abs(field).max())))

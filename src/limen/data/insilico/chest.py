"""Simulated chests: anatomy drawn from numbers, no patient behind it.

Coordinates are LPS in mm from the centre of the body: x to the left, y to posterior, z to the
head. The carina lies near z = 25 mm, the dome of the diaphragm near z = -70 mm. Surfaces are
signed distances (mm, negative inside), accurate to first order near the surface, and become
soft edges one voxel wide: that is the partial volume.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.data.insilico.shapes import Grid, cover, ellipsoid, put, soft_min
from limen.data.insilico.texture import power_law_field
from limen.data.insilico.vessels import grow_tree, tree_share

Array = NDArray[Any]
Sex = Literal["female", "male"]

AIR_HU = -1000.0


@dataclass(frozen=True)
class ChestSize:
    """What differs between simulated patients and is drawn before anything else."""

    sex: Sex
    age_years: int
    half_width_mm: float
    half_depth_mm: float
    fat_mm: float
    lung_hu: float
    emphysema: float
    blood_hu: float
    bone_hu: float


def draw_chest_size(rng: np.random.Generator) -> ChestSize:
    """Sex, age, size and tissue values of one simulated patient."""
    sex: Sex = "female" if rng.random() < 0.5 else "male"
    age = int(np.clip(rng.normal(62, 13), 19, 92))
    male = sex == "male"
    obesity = float(rng.beta(2, 3))
    contrast = rng.random() < 0.4
    return ChestSize(
        sex=sex,
        age_years=age,
        half_width_mm=float((150 if male else 138) + 18 * obesity + rng.normal(0, 3)),
        half_depth_mm=float((99 if male else 92) + 16 * obesity + rng.normal(0, 3)),
        fat_mm=float((4 if male else 7) + 16 * obesity),
        lung_hu=float(rng.normal(-855, 15) - 0.3 * (age - 60)),
        emphysema=float(max(0.0, rng.normal(-0.4, 0.6)) if age > 50 else 0.0),
        blood_hu=float(rng.uniform(120, 260) if contrast else rng.uniform(35, 52)),
        bone_hu=float(np.clip(rng.normal(260, 40) - 2.2 * (age - 50), 90, 380)),
    )


@dataclass(frozen=True)
class Chest:
    """A drawn slab of one simulated chest.

    Attributes
    ----------
    hu : (x, y, z) float32
        Tissue without nodules, before acquisition.
    lung_mm : (x, y, z) float32
        Signed distance to the lungs' surface, negative inside.
    lung_share, vessel_share : (x, y, z) float32
        Part of each voxel that is lung (vessels included), and that is lung vessel.
    ground : (x, y, z) float32
        Texture of the parenchyma, mean 0, standard deviation 1.
    vessels : (m, 7) float64
        Branches of the lung's vessels.
    """

    hu: Array
    lung_mm: Array
    lung_share: Array
    vessel_share: Array
    ground: Array
    vessels: Array
    blood_hu: float


def draw_chest(rng: np.random.Generator, size: ChestSize, grid: Grid) -> Chest:
    """Render one simulated chest on a grid."""
    x, y, z = grid.axes_mm()
    ground = power_law_field(rng, grid.shape, grid.spacing_mm, exponent=2.6, longest_mm=25)
    marble = power_law_field(rng, grid.shape, grid.spacing_mm, exponent=3.4, longest_mm=40)
    a, b, fat = size.half_width_mm, size.half_depth_mm, size.fat_mm

    # Outlines: superellipses with a few random harmonics; r - R(phi) is their signed distance.
    r = np.hypot(x, y)
    phi = np.arctan2(y, x)
    taper = np.float32(0.10) * z + np.float32(0.0009) * z * np.abs(z)  # narrower to the neck
    outline = _outline(rng, phi, a, b, power=2.5, wobble=0.008)
    body = r - outline + np.clip(taper, -4, 20)
    if size.sex == "female":
        for side in (-1, 1):
            droop = float(rng.uniform(10, 22))
            centre: tuple[float, ...] = (side * 0.48 * a, -b + 4, -15.0)
            breast = ellipsoid(x, y, z, centre, (48, droop, 55))
            body = soft_min(body, breast, 8.0)
    hu = np.full(grid.shape, AIR_HU, dtype=np.float32)
    put(hu, np.abs(y - (b + 5 + 0.0011 * x**2 * -1)) - 1.6, -150.0, 2.0)  # the couch
    put(hu, body, 20.0)  # skin
    put(hu, body + 2.0, -103 + 7 * marble)
    if size.sex == "female":  # glandular tissue
        put(hu, np.maximum(body + 7, np.maximum(y + b - 12, 4 - 7 * marble)), 15.0, 4.0)

    # The cage: inner surface of the ribs; the muscle is thicker beside the spine and in front.
    ca, cb = a - fat - 19, b - fat - 13
    cy = -3.0
    rc = np.hypot(x, y - np.float32(cy))
    phic = np.arctan2(y - np.float32(cy), x)
    cage_outline = _outline(rng, phic, ca, cb, power=2.35, wobble=0.008)
    cage = rc - cage_outline + np.clip(1.5 * taper, -6, 40)
    posterior = np.exp(-(((phic - np.pi / 2) / 0.5) ** 2))
    pectoral = np.exp(-(((np.abs(phic + np.pi / 2) - 0.75) / 0.35) ** 2))
    lateral = np.clip(np.cos(phic) ** 2, 0, 1)
    upper = _step(z, 20.0, 25.0)
    thick = 13 + 16 * posterior + (3 + 9 * upper) * pectoral + (4 + 9 * upper) * lateral
    muscle = np.maximum(cage - thick, body + 3.5)
    put(hu, np.maximum(muscle, 1.3 - marble * 1.0 - 0.06 * np.abs(muscle)), 54.0, 3.0)
    put(hu, np.maximum(muscle, cage - 9), 50.0)
    # fat planes between the muscle layers
    put(hu, np.maximum(np.abs(muscle + 9 + 2 * marble) - 0.9, muscle), -60.0, 2.5)
    if grid.centre_z_mm > -20:
        for side in (-1, 1):
            tilt = side * 0.75 + float(rng.normal(0, 0.06))
            at = (side * 0.60 * a, 0.63 * b, 45.0)
            blade = ellipsoid(x, y, z, at, (36, 3.6, 65), turn=-tilt)
            _bone(hu, np.maximum(blade, body + 6), size.bone_hu, shell_mm=1.3)

    _ribs(rng, hu, cage, phic, z, size.bone_hu)

    # Inside: mediastinal fat and tissue first, then lungs around it.
    column_w = float(rng.uniform(29, 34))
    column = ellipsoid(x, y, z, (2.0, -4.0, 0.0), (column_w, cb * 0.93, 1e4))
    turn = float(rng.uniform(0.3, 0.6))
    heart_r = (float(rng.uniform(50, 58)), float(rng.uniform(38, 44)), 58.0)
    heart_at = (17 + float(rng.normal(0, 4)), -cb * 0.30, -48 + float(rng.normal(0, 8)))
    heart = ellipsoid(x, y, z, heart_at, heart_r, turn=turn)
    spine_y = float(cb - 14)
    spine = ellipsoid(x, y, z, (0.0, spine_y, 0.0), (17.5, 14.0, 1e4))
    aorta_at = (20.0 + float(rng.normal(0, 2)), spine_y - 19)
    aorta_r = 9.5 + 0.06 * size.age_years
    aorta = np.hypot(x - np.float32(aorta_at[0]), y - np.float32(aorta_at[1])) - aorta_r
    dome_z = -72 + float(rng.normal(0, 7))
    liver = ellipsoid(x, y, z, (-62, 5, dome_z - 66), (78, 82, 66))
    spleen = ellipsoid(x, y, z, (62, 12, dome_z - 76), (70, 74, 66))
    below = np.minimum(liver, spleen)
    inner = cage + 1.0
    middle = soft_min(soft_min(column, heart - 5, 10.0), spine - 3, 8.0)
    middle = soft_min(middle, aorta - 2, 5.0)
    lung = np.maximum(np.maximum(inner, -middle), -(below - 2)).astype(np.float32)

    put(hu, inner, -92 + 9 * marble)
    thymus = 50 * np.clip((45 - size.age_years) / 25, 0, 1)
    if thymus > 0:
        put(hu, np.maximum(inner, np.maximum(column, y + cb * 0.45)), 10 + thymus * 0.5, 4.0)
    put(hu, np.maximum(inner, 2.2 - 2 * marble), 40.0, 3.0)  # strands, nodes, oesophagus wall
    blood = size.blood_hu
    put(hu, heart, 44.0 + 0.25 * (blood - 44))
    chambers = (
        ((-14, 2, 0), (25, 19, 44)),
        ((16, -6, -4), (19, 14, 40)),
        ((8, 16, 12), (24, 13, 26)),
    )
    for shift, radii in chambers:
        centre = tuple(h + d for h, d in zip(heart_at, shift, strict=True))
        put(hu, np.maximum(heart + 3, ellipsoid(x, y, z, centre, radii, turn=turn)), blood, 4.0)
    middle_x = slice(*np.searchsorted(x.ravel(), (-60.0, 60.0)))  # nothing below is further aside
    _great_vessels(rng, hu[middle_x], x[middle_x], y, z, cb, aorta_at, aorta_r, blood)
    put(hu, aorta + np.where(z > 62, 1e3, 0), blood)
    if size.age_years > 60:  # calcified wall
        rim = np.maximum(np.abs(aorta) - 1.0, 2.0 - marble)
        put(hu, rim, 550.0, 2.0)
    oesophagus = np.hypot((x - 4) / 1.3, y - (spine_y - 22)) - 5.5
    put(hu, oesophagus, 42.0)
    put(hu, liver, 58.0 + 0.3 * (blood - 44) + 5 * marble)
    put(hu, np.maximum(spleen, inner), 45.0 + 8 * marble)
    stomach = ellipsoid(x, y, z, (50, -8, dome_z - 45), (32, 36, 26))
    put(hu, stomach, -900.0, 3.0)
    _spine(
        hu[middle_x], x[middle_x], y, z, spine_y, size.bone_hu, float(rng.uniform(0, 24)),
        marble[middle_x],
    )  # fmt: skip
    sternum = ellipsoid(x, y, z, (0, -cb - 7, 30), (15, 6, 95))
    _bone(hu, sternum, size.bone_hu * 0.8, shell_mm=1.2)

    # Parenchyma: denser where it lies low, destroyed in places by emphysema.
    lung_share = cover(lung, 1.8)
    parenchyma = size.lung_hu + 28 * ground + 32 * y / b
    parenchyma += 14 * marble
    rest = np.clip((lung + 7) / 7, 0, 1) * np.clip((y - 0.45 * b) / (0.4 * b), 0, 1)
    parenchyma += float(rng.uniform(0, 190)) * rest**2
    if size.emphysema > 0:
        holes = np.clip((marble - 1.6 + size.emphysema) * 2, 0, 1)
        parenchyma += holes * (-975 - parenchyma) * 0.7
    for side in (-1, 1):  # oblique fissures
        tip = float(rng.uniform(-0.2, 0.2))
        fissure = np.abs(y * 0.62 + z * 0.75 + tip * x * side + 12 + 3 * marble)
        parenchyma += np.where(side * x > 0, 70 * np.clip(1 - fissure / 1.6, 0, 1), 0)
    if rng.random() < 0.3:  # a scar or band of atelectasis
        n = rng.standard_normal(3)
        n /= np.linalg.norm(n)
        plane = n[0] * (x - rng.uniform(-90, 90)) + n[1] * (y - 30) + n[2] * (z - grid.centre_z_mm)
        sheet = np.abs(plane + 2.5 * marble)
        near = np.clip((lung + 28) / 14, 0, 1) * (lung < 0)
        parenchyma += 420 * np.clip(1.2 - sheet / 1.3, 0, 1) * near
    np.maximum(parenchyma, -985, out=parenchyma)
    hu += lung_share * (parenchyma - hu)

    vessels, vessel_share = _lung_vessels(rng, lung, grid)
    vessel_share *= cover(lung - 5, 3.0) * cover(-(middle - 1.0), 4.0)
    hu += vessel_share * (blood * 0.9 - hu)
    _airways(rng, hu, lung, middle, grid, spine_y)
    return Chest(hu, lung, lung_share, vessel_share * lung_share, ground, vessels, blood)


def _outline(
    rng: np.random.Generator, phi: Array, a: float, b: float, power: float, wobble: float
) -> Array:
    radius = (np.abs(np.cos(phi) / a) ** power + np.abs(np.sin(phi) / b) ** power) ** (-1 / power)
    for n in range(2, 6):
        radius = radius * (1 + rng.normal(0, wobble) * np.cos(n * phi + rng.uniform(0, 2 * np.pi)))
    return np.asarray(radius, dtype=np.float32)


def _step(v: Array, at: float, width: float) -> Array:
    return np.clip(0.5 + (v - at) / width, 0, 1)


def _bone(hu: Array, distance: Array, marrow_hu: float, shell_mm: float) -> None:
    put(hu, distance, 420 + 1.3 * marrow_hu, 2.0)
    put(hu, distance + shell_mm, marrow_hu * 0.75, 2.0)


def _ribs(
    rng: np.random.Generator, hu: Array, cage: Array, phi: Array, z: Array, bone_hu: float
) -> None:
    """Ribs fall from the spine to the front, so a slice cuts several of them obliquely."""
    apart = float(rng.uniform(23, 27))
    drop = float(rng.uniform(75, 95))
    back = np.abs(np.angle(np.exp(1j * (phi - np.pi / 2)))).astype(np.float32)  # 0 spine, pi front
    run = np.clip(back / np.pi, 0, 1)
    fall = drop * np.sin(run * np.pi * 0.62) ** 1.2
    for side in (-1, 1):
        shift = float(rng.uniform(0, apart))
        dz = np.mod(z + fall + shift + apart / 2, apart) - apart / 2
        on_side = np.where(side * np.cos(phi) > 0, 0, 1e3)
        # A rib is cut obliquely; its height counts along the slope.
        rib = _ellipsoid_2d(cage - 5.0, dz * 0.85, 3.6, 6.2) + on_side
        bony = np.where(run < 0.80, 0, 1e3)
        _bone(hu, rib + bony, bone_hu, shell_mm=1.3)
        gristle = np.where((run >= 0.80) & (run < 0.95), 0, 1e3)
        put(hu, rib + gristle, 95.0)


def _ellipsoid_2d(u: Array, v: Array, ru: float, rv: float) -> Array:
    value = np.sqrt((u / ru) ** 2 + (v / rv) ** 2)
    steep = np.sqrt((u / ru**2) ** 2 + (v / rv**2) ** 2 + 1e-12)
    return np.asarray(value * (value - 1) / steep, dtype=np.float32)


def _spine(
    hu: Array, x: Array, y: Array, z: Array, spine_y: float, bone_hu: float, phase: float,
    marble: Array,
) -> None:  # fmt: skip
    along = np.mod(z + phase, 25.0) - 12.5
    disc = np.abs(along) < 2.4
    body = ellipsoid(x, y, z, (0, spine_y, 0), (17.0, 13.5, 1e4)) + np.zeros_like(z)
    put(hu, body, np.where(disc, 85.0, 420 + 0.9 * bone_hu))
    put(hu, body + 1.6, np.where(disc, 85.0, bone_hu * 0.8 + 20 * marble))
    arch = np.hypot(x / 1.15, y - (spine_y + 20)) - 12.5
    _bone(hu, np.maximum(arch, spine_y + 9 - y) + np.zeros_like(z), bone_hu * 1.1, 1.5)
    lamina = np.abs(along) > 4
    wings = ellipsoid(x, y, z, (0, spine_y + 25, 0), (32, 4.2, 1e4)) + np.where(lamina, 0, 1e3)
    _bone(hu, wings, bone_hu, 1.4)
    spur = ellipsoid(x, y, z, (0, spine_y + 38, 0), (3.2, 13, 1e4)) + np.where(lamina, 0, 1e3)
    _bone(hu, spur, bone_hu, 1.2)
    canal = np.hypot(x / 1.15, y - (spine_y + 19.5)) - 8.0
    put(hu, canal, -20.0)
    put(hu, canal + 2.2, 32.0)


def _great_vessels(
    rng: np.random.Generator, hu: Array, x: Array, y: Array, z: Array, cb: float,
    aorta_at: tuple[float, float], aorta_r: float, blood: float,
) -> None:  # fmt: skip
    front = -cb * 0.30
    ascending = np.hypot(x + 14, y - front) - (aorta_r + 3.5)
    put(hu, np.maximum(ascending, np.abs(z - 20) - 42), blood)
    arch_y = np.clip((y - front) / (aorta_at[1] - front), 0, 1)
    arch_x = x - (-14 + (aorta_at[0] + 14) * arch_y)
    arch = np.hypot(arch_x, z - 62) - aorta_r
    arch = np.maximum(arch, np.maximum(front - y - 4, y - aorta_at[1] - 4))
    put(hu, arch, blood)
    cava = np.hypot(x + 33, y - (front + 10)) - 9
    put(hu, np.maximum(cava, -(z + 5)), blood * 1.05)
    trunk = ellipsoid(x, y, z, (12.0, front - 4, 8), (15, 17, 22))
    put(hu, trunk, blood)
    for side in (-1, 1):  # main pulmonary arteries
        artery = ellipsoid(
            x, y, z, (side * 22, front + 22, 8 + 5 * side), (24, 9, 9), turn=side * 0.3
        )
        put(hu, artery, blood)


def _lung_vessels(rng: np.random.Generator, lung: Array, grid: Grid) -> tuple[Array, Array]:
    x = grid.axes_mm()[0].ravel()
    branches = []
    inside = np.argwhere(lung < -2.5)
    for side in (-1, 1):
        places = inside[side * x[inside[:, 0]] > 0]
        if len(places) < 50:
            continue
        for tips, root_y, tip_mm in ((260, 2.0, 0.50), (200, 12.0, 0.46)):
            chosen = places[rng.integers(0, len(places), tips)]
            at = (
                grid.first_centre_mm
                + (chosen + rng.uniform(-0.5, 0.5, (tips, 3))) * grid.spacing_mm
            )
            at[:, 2] += rng.uniform(-12, 12, tips)
            root = np.array([side * 30.0, root_y, float(rng.normal(2, 4))])
            # A slab far from the hilum is served by a stem that comes down or up to it.
            root[2] += 0.55 * (grid.centre_z_mm - root[2])
            root[0] += side * 0.05 * abs(grid.centre_z_mm)
            branches.append(grow_tree(rng, root, at, tip_mm))
    if not branches:
        return np.zeros((0, 7)), np.zeros(grid.shape, dtype=np.float32)
    tree = np.concatenate(branches)
    share = tree_share(tree, grid.first_centre_mm, grid.spacing_mm, grid.shape)
    return tree, share


def _airways(
    rng: np.random.Generator, hu: Array, lung: Array, middle: Array, grid: Grid, spine_y: float
) -> None:
    carina = np.array([-2.0, spine_y - 36, 25.0])
    main = [np.concatenate([carina + np.array([0, -6, 110]), carina, [8.5]])]
    inside = np.argwhere(lung < -12)
    x = grid.axes_mm()[0].ravel()
    for side in (-1, 1):
        hilum = carina + np.array([side * 36.0, 2.0, -24.0])
        main.append(np.concatenate([carina, hilum, [6.0]]))
        places = inside[side * x[inside[:, 0]] > 0]
        if len(places) < 20:
            continue
        tips = places[rng.integers(0, len(places), 14)]
        at = grid.first_centre_mm + tips * np.array(grid.spacing_mm)
        main.append(grow_tree(rng, hilum, hilum + 0.7 * (at - hilum), 1.0, exponent=2.2))
    tree = np.vstack(main)
    where = (grid.first_centre_mm, grid.spacing_mm, grid.shape)
    wall = tree_share(tree, *where, wall_mm=1.0)
    hu += wall * (20 - hu)
    hu += tree_share(tree, *where) * (-980 - hu)

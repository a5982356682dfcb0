"""Simulated heads as FLAIR shows them: anatomy drawn from numbers, no patient behind it.

Coordinates are LPS in mm from the middle of the brain: x to the left, y to posterior, z to the
head. The lateral ventricles lie about z = 15 mm, the cerebellum under z = -20 mm. The cortex is
folded by a random field: where it changes sign there is a sulcus, and grey matter follows the
surface at an even thickness. Signals are relative to the fat under the skin, about 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from limen.data.insilico.shapes import Grid, cover, ellipsoid, put, soft_min
from limen.data.insilico.texture import power_law_field

Array = NDArray[Any]
Sex = Literal["female", "male"]

FLUID = 0.07
"""Signal of cerebrospinal fluid, which FLAIR suppresses."""
FAR = np.float32(1e3)
CORTEX_MM = 2.9


@dataclass(frozen=True)
class HeadSize:
    """What differs between simulated patients and is drawn before anything else.

    ``atrophy`` runs from 0 (young, sulci closed) to 1; ``halo_mm`` is the width of the bright rim
    that ventricles have at an age, which is no lesion.
    """

    sex: Sex
    age_years: int
    scale: float
    atrophy: float
    halo_mm: float
    scalp_mm: float
    skull_mm: float
    white: float
    grey: float


def draw_head_size(rng: np.random.Generator) -> HeadSize:
    """Sex, age, size and tissue signals of one simulated patient."""
    sex: Sex = "female" if rng.random() < 0.58 else "male"
    age = int(np.clip(rng.normal(55, 17), 19, 90))
    atrophy = float(np.clip((age - 35) / 60 + rng.normal(0, 0.08), 0, 1))
    white = float(rng.normal(0.60, 0.02))
    return HeadSize(
        sex=sex,
        age_years=age,
        scale=float((1.02 if sex == "male" else 0.97) + rng.normal(0, 0.02)),
        atrophy=atrophy,
        halo_mm=float(np.clip(0.6 + 2.2 * atrophy + rng.normal(0, 0.5), 0, 3.5)),
        scalp_mm=float(rng.uniform(3, 7)),
        skull_mm=float(rng.uniform(5.5, 8.5)),
        white=white,
        grey=white + float(rng.uniform(0.14, 0.20)),
    )


@dataclass(frozen=True)
class Head:
    """A drawn head of one simulated patient.

    Attributes
    ----------
    signal : (x, y, z) float32
        Tissue without lesions, before acquisition.
    white_mm : (x, y, z) float32
        Depth under the cortex into white matter, mm; negative in grey matter and outside.
    ventricle_mm : (x, y, z) float32
        Distance to the lateral ventricles; negative inside.
    brain_share : (x, y, z) float32
        Part of each voxel that is brain.
    upper : (x, y, z) bool
        Cerebrum above its base.
    """

    signal: Array
    white_mm: Array
    ventricle_mm: Array
    brain_share: Array
    upper: Array


def draw_head(rng: np.random.Generator, size: HeadSize, grid: Grid) -> Head:
    """Render one simulated head on a grid."""
    x, y, z = _placed(rng, size, grid)
    side = np.abs(x)
    marble = power_law_field(rng, grid.shape, grid.spacing_mm, exponent=3.2, longest_mm=30)
    deep = _box(grid, (-52, 52), (-58, 68), (-34, 44))
    front = _box(grid, (-90, 90), (-110, -10), (-90, 5))
    low = _box(grid, (-80, 80), (-30, 90), (-90, -4))

    # Distances are negative inside; depths under a surface are positive inside.
    dome = _dome(side, y, z)
    cerebellum = np.full(grid.shape, FAR, dtype=np.float32)
    cerebellum[low] = ellipsoid(side[low], y[low], z[low], (19, 45, -42), (34, 29, 22))
    temporal = ellipsoid(side, y, z, (42, -7, -22), (23, 38, 26), turn=0.12)
    behind = y > 8
    floor = -16 + np.float32(5 / 45**2) * side**2
    cerebrum = np.maximum(dome, np.where(behind, -34, floor).astype(np.float32) - z)
    tent = np.maximum(1.5 - cerebellum, 4 - np.float32(0.5) * (y + z + 30))
    cerebrum = np.maximum(cerebrum, np.where(behind, tent, -FAR))
    cerebrum = soft_min(cerebrum, np.maximum(dome, temporal), 4.0)
    stem = np.maximum(
        np.hypot(x / np.float32(1.15), y - 14 + np.float32(0.22) * (z + 40))
        - np.where(z > -48, 13, 9).astype(np.float32),
        z + 8,
    )
    folds = _folds(rng, grid, wavelength_mm=21.0)
    depth = _under_cortex(rng, size, cerebrum, folds, dome, x, y, z)
    leaves = _folds(rng, grid, wavelength_mm=10.0)[low]
    folia = np.minimum(-cerebellum[low], np.maximum(leaves, -cerebellum[low] - 12) - 0.3)

    ventricle = np.full(grid.shape, FAR, dtype=np.float32)
    ventricle[deep] = _lateral_ventricles(rng, size, x[deep], y[deep], z[deep])
    inside = (x[deep], y[deep], z[deep])
    third = ellipsoid(*inside, (0, -1, 3), (1.4 + 2.6 * size.atrophy, 13, 9))
    fourth = ellipsoid(*inside, (0, 30, -36), (6, 5, 8))

    signal = np.zeros(grid.shape, dtype=np.float32)
    inner = _skull(signal, size, dome, temporal, side, y, z, marble)
    _face(signal[front], x[front], y[front], z[front], marble[front])
    put(signal, inner, FLUID)

    # Cerebellum and stem first, the hemispheres over them.
    grain = np.float32(0.015) * marble
    leafy, hind = signal[low], cerebellum[low]
    put(leafy, hind, size.grey - 0.02 + grain[low])
    put(leafy, np.maximum(hind, 2.0 - folia), size.white + 0.02)
    put(leafy, np.maximum(hind, folia + 0.2), 0.62 * size.grey, 1.2)
    put(signal, stem, size.white + 0.03 + grain)
    put(signal, -depth, size.grey + grain)
    put(signal, CORTEX_MM - depth, size.white + grain)
    middle = signal[deep]
    _deep_grey(rng, middle, size, side[deep], y[deep], z[deep])
    _halo(middle, size, ventricle[deep], depth[deep], y[deep])
    put(middle, ventricle[deep], FLUID)
    plexus = np.maximum(ventricle[deep] + 2.2, np.hypot(y[deep] - 24, z[deep] - 13) - 6)
    put(middle, plexus, 0.55 + 0.05 * marble[deep])
    for hollow in (third, fourth):
        put(middle, hollow, FLUID)
    put(middle, ellipsoid(*inside, (0, -10, -22), (11, 9, 6)), FLUID)  # suprasellar cistern
    put(middle, ellipsoid(*inside, (0, 21, -4), (8, 4, 6)), FLUID)  # quadrigeminal cistern
    _arteries(signal, x, y, z)

    brain = np.minimum(np.minimum(-depth, cerebellum), stem)
    brain[deep] = np.maximum(brain[deep], -np.minimum(np.minimum(ventricle[deep], third), fourth))
    return Head(
        signal=signal,
        white_mm=np.where(cerebrum < 0, depth - CORTEX_MM, -1).astype(np.float32),
        ventricle_mm=ventricle,
        brain_share=cover(brain),
        upper=np.asarray((cerebrum < 0) & (z > -12)),
    )


def _dome(side: Array, y: Array, z: Array, grown_mm: float = 0.0) -> Array:
    """Distance to the hull of the hemispheres, flatter at the sides than an ellipsoid."""
    g = grown_mm
    broad = ellipsoid(side, y, z, (12, -2, 3), (56 + g, 84 + g, 62 + g))
    long = ellipsoid(side, y, z, (0, 4, 8), (62 + g, 78 + g, 58 + g))
    return soft_min(broad, long, 6.0)


def _box(
    grid: Grid, x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]
) -> tuple[slice, slice, slice]:
    """Voxels between these coordinates of the untilted head, and 8 mm around for tilt and size."""
    cut = []
    for axis, (low, high) in enumerate((x, y, z)):
        first, step = grid.first_centre_mm[axis], grid.spacing_mm[axis]
        edges = np.round((np.array([low - 8, high + 8]) - first) / step).astype(int)
        start, stop = np.clip(edges, 0, grid.shape[axis])
        cut.append(slice(int(start), int(stop)))
    return cut[0], cut[1], cut[2]


# --- coordinates ------------------------------------------------------------------------------


def _placed(rng: np.random.Generator, size: HeadSize, grid: Grid) -> tuple[Array, Array, Array]:
    """Coordinates of each voxel in the head's own frame: tilted, of its size, a little crooked."""
    axes = grid.axes_mm()
    x, y, z = (np.broadcast_to(a, grid.shape) for a in axes)
    roll, nod, turn = rng.normal(0, 0.035), rng.normal(0.05, 0.07), rng.normal(0, 0.04)
    cr, sr, cn, sn, ct, st = (np.float32(f(a)) for a in (roll, nod, turn) for f in (np.cos, np.sin))
    x, z = cr * x + sr * z, cr * z - sr * x
    y, z = cn * y + sn * z, cn * z - sn * y
    x, y = ct * x + st * y, ct * y - st * x
    shrink = np.float32(1 / size.scale)
    wide = 1 + rng.normal(0, 0.03)
    stretched = (x * shrink / np.float32(wide), y * shrink * np.float32(wide), z * shrink)
    bent = []
    for along, most_mm in zip(stretched, (1.5, 2.0, 1.6), strict=True):
        coarse = power_law_field(rng, (9, 11, 8), (22.0, 22.0, 22.0), 3.5, 90.0)
        bent.append(along + np.float32(most_mm) * _stretched(coarse, grid.shape))
    return bent[0], bent[1], bent[2]


def _stretched(coarse: Array, shape: tuple[int, ...]) -> Array:
    """A smooth field on a finer grid."""
    values = coarse
    for axis, n in enumerate(shape):
        at = np.linspace(0, values.shape[axis] - 1.001, n)
        low = at.astype(int)
        part = (at - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        part = part * part * (3 - 2 * part)
        near, far = np.take(values, low, axis), np.take(values, low + 1, axis)
        values = near + (far - near) * part
    return np.asarray(values, dtype=np.float32)


# --- cortex -----------------------------------------------------------------------------------


def _folds(rng: np.random.Generator, grid: Grid, wavelength_mm: float) -> Array:
    """Distance in mm to the sheets where a random field of one wavelength changes sign."""
    noise = rng.standard_normal(grid.shape, dtype=np.float32)
    spectrum = scipy.fft.rfftn(noise)
    squared = np.zeros(spectrum.shape, dtype=np.float32)
    for axis, (n, step) in enumerate(zip(grid.shape, grid.spacing_mm, strict=True)):
        f = np.fft.rfftfreq(n, step) if axis == 2 else np.fft.fftfreq(n, step)
        squared += np.square(f.astype(np.float32)).reshape(
            [-1 if a == axis else 1 for a in range(3)]
        )
    ring = (np.sqrt(squared) * np.float32(wavelength_mm) - 1) / np.float32(0.28)
    field = scipy.fft.irfftn(spectrum * np.exp(-np.square(ring)), grid.shape)
    steep = np.sqrt(sum(np.square(g) for g in np.gradient(field, *grid.spacing_mm)))
    floor = np.float32(0.25) * steep.mean()
    return np.asarray(np.abs(field) / np.maximum(steep, floor), dtype=np.float32)


def _under_cortex(
    rng: np.random.Generator, size: HeadSize, cerebrum: Array, folds: Array,
    dome: Array, x: Array, y: Array, z: Array,
) -> Array:  # fmt: skip
    """Depth in mm under the surface of the hemispheres, sulci and fissures included."""
    under = -cerebrum
    side = np.abs(x)
    wide = np.float32(0.15 + 0.6 * size.atrophy)
    # the convexity is folded deeply, the base less so
    folded = np.maximum(under, np.minimum(-dome, under + 8))
    uneven = power_law_field(rng, (9, 11, 8), (22.0, 22.0, 22.0), 2.0, 60.0)
    deep = np.float32(rng.uniform(15, 19)) + np.float32(4) * _stretched(uneven, side.shape)
    sulci = np.maximum(folds, folded - deep) - wide
    callosum = np.hypot((y + 2) / 36, (z - 8) / 15)
    callosum = (callosum - 1) * np.hypot(y + 2, z - 8) / np.maximum(callosum, 0.05)
    between = np.maximum(side, -callosum.astype(np.float32)) - (np.float32(0.6) + wide * 0.6)
    # Sylvian fissure: a stem from the side, and the cleft over the insula
    opening = np.float32(0.4 + 1.5 * size.atrophy)
    slant = np.float32(0.25) * (side - 38) * np.float32(rng.uniform(-0.6, 1.4))
    stem = np.abs(0.85 * (y + 8 + slant) + 0.5 * (z - 3)) - opening
    stem = np.maximum(np.maximum(stem, 38 - side), np.abs(z - 3) - 14)
    bow = side - 38 - np.float32(0.12) * (y + 4) + np.float32(0.012) * (y + 3) ** 2
    cleft = np.maximum(np.abs(bow) - opening, np.abs(y + 3) - 20)
    cleft = np.maximum(cleft, np.abs(z - 4) - 12)
    sylvian = np.minimum(stem, cleft)
    surface = np.minimum(np.minimum(under, sulci), np.minimum(between, sylvian))
    return np.asarray(surface, dtype=np.float32)


# --- inside -----------------------------------------------------------------------------------


def _lateral_ventricles(
    rng: np.random.Generator, size: HeadSize, x: Array, y: Array, z: Array
) -> Array:
    """Distance to both lateral ventricles: horns and bodies as tubes that run into each other."""
    whole: Array | None = None
    grown = 0.75 + 0.85 * size.atrophy + float(rng.normal(0, 0.06))
    for sign in (-1, 1):
        r = grown * (1 + float(rng.normal(0, 0.07)))
        spread = 1 + 0.35 * (grown - 1)
        inner = np.asarray(sign * x, dtype=np.float32)
        line = [
            ((11 * spread, -35, 6), 2.8 * r), ((7 * spread, -22, 11), 4.2 * r),
            ((7 * spread, -5, 17), 4.4 * r), ((9 * spread, 12, 19), 4.6 * r),
            ((18 * spread, 29, 13), 6.0 * r), ((17 * spread, 46, 9), 2.6 * r),
        ]  # fmt: skip
        temporal = [
            ((18 * spread, 29, 13), 5.5 * r), ((28, 17, -9), 2.8 * r), ((31, -9, -17), 2.0 * r)
        ]  # fmt: skip
        for points in (line, temporal):
            for (a, ra), (b, rb) in pairwise(points):
                tube = _tube(inner, y, z, a, b, ra, rb)
                whole = tube if whole is None else soft_min(whole, tube, 2.5)
    assert whole is not None
    return whole


def _tube(
    x: Array, y: Array, z: Array, a: tuple[float, ...], b: tuple[float, ...], ra: float, rb: float
) -> Array:
    """Distance to a cone with round ends, from one point and radius to another."""
    way = np.subtract(b, a).astype(np.float32)
    dx, dy, dz = (v - np.float32(c) for v, c in zip((x, y, z), a, strict=True))
    t = np.clip((dx * way[0] + dy * way[1] + dz * way[2]) / np.float32(way @ way), 0, 1)
    far = np.sqrt((dx - t * way[0]) ** 2 + (dy - t * way[1]) ** 2 + (dz - t * way[2]) ** 2)
    return np.asarray(far - (ra + t * (rb - ra)), dtype=np.float32)


def _deep_grey(
    rng: np.random.Generator, signal: Array, size: HeadSize, side: Array, y: Array, z: Array
) -> None:
    nuclei = (
        ((12.5, -21, 7), (5, 10, 9), 0.25, 0.9),  # head of the caudate
        ((15.5, 2, 16), (3, 18, 3.5), 0.2, 0.9),  # its body
        ((25.5, -7, 3), (5, 17, 10), 0.28, 0.9),  # putamen
        ((18.5, -3, 2), (4, 9, 7), 0.35, 0.25),  # pallidum, dark with iron
        ((10.5, 8, 7), (8, 14, 9), -0.3, 0.55),  # thalamus
    )
    for centre, radii, turn, share in nuclei:
        shape = ellipsoid(side, y, z, centre, radii, turn=turn + float(rng.normal(0, 0.04)))
        put(signal, shape, size.white + share * (size.grey - size.white), 2.2)
    # insula and its extreme capsule lie lateral of the putamen: the Sylvian fissure draws them


def _halo(signal: Array, size: HeadSize, ventricle: Array, depth: Array, y: Array) -> None:
    """The bright rim and caps of ventricles that come with age and are no lesion."""
    fall = np.exp(-np.maximum(ventricle, 0) / np.float32(0.35 + 0.45 * size.halo_mm))
    caps = np.clip((np.abs(y - 4) - 14) / 20, 0.35, 1)
    bright = size.white * (1 + 0.38 * min(size.halo_mm, 2.0) / 2.0)
    signal += cover(CORTEX_MM - depth) * fall * caps * np.maximum(bright - signal, 0)


def _arteries(signal: Array, x: Array, y: Array, z: Array) -> None:
    """Flow voids: basilar and carotid arteries, sinuses."""
    low = np.where(z < -10, 0, FAR)
    put(signal, np.hypot(x, y + 1) - 1.8 + low, 0.02)
    for sign in (-1, 1):
        put(signal, np.hypot(x - sign * 13, y + 14) - 2.2 + np.where(z < -16, 0, FAR), 0.02)


# --- outside ----------------------------------------------------------------------------------


def _skull(
    signal: Array, size: HeadSize, dome: Array, temporal: Array, side: Array, y: Array, z: Array,
    marble: Array,
) -> Array:  # fmt: skip
    """Scalp and bone into the signal; returns the distance to the skull's inner surface."""
    gap = np.float32(1.2 + 1.6 * size.atrophy)
    fossa = ellipsoid(side, y, z, (14, 34, -44), (44, 46, 30))
    # the floor: anterior fossa high, middle fossa around the temporal lobes, posterior fossa deep
    upper = np.maximum(dome - gap, -17 - z)
    inner = np.minimum(
        np.minimum(upper, temporal - gap), np.maximum(fossa, np.minimum(dome, 0) - 9 + 0.35 * (-y))
    )
    # under the dome the head goes on straight down, as face and neck
    straight = np.where(z < -5, -5 + np.float32(0.22) * (z + 5), z).astype(np.float32)
    shell = np.minimum(_dome(side, y, straight) - gap, fossa)
    bone, scalp = np.float32(size.skull_mm), np.float32(size.scalp_mm)
    put(signal, shell - bone - scalp - 1.5, 0.55)  # skin
    put(signal, shell - bone - scalp, 0.95 + 0.05 * marble)  # fat
    muscle = np.maximum(shell - bone - 0.75 * scalp, np.abs(y - 4) - 52)
    muscle = np.maximum(muscle, np.maximum(z - 12, 40 - side))
    put(signal, muscle, 0.36 + 0.04 * marble, 2.5)  # temporal muscle
    neck = np.maximum(shell - bone - 0.5 * scalp, np.maximum(z + 34, 30 - y))
    put(signal, neck, 0.36 + 0.06 * marble, 2.5)
    put(signal, shell - bone, 0.03)  # outer table
    diploe = np.abs(shell - np.float32(0.52) * bone) - (0.20 + 0.06 * marble) * bone
    put(signal, diploe, 0.48 + 0.10 * marble)
    put(signal, shell - 0.12 * bone, 0.03)  # inner table, and the base of the skull
    return np.asarray(inner, dtype=np.float32)


def _face(signal: Array, x: Array, y: Array, z: Array, marble: Array) -> None:
    """Orbits, sinuses and the base of the skull under the frontal lobes."""
    side = np.abs(x)
    middle = np.maximum(ellipsoid(side, y, z, (0, -62, -48), (46, 40, 24)), y + 30)
    put(signal, middle, 0.42 + 0.10 * marble, 3.0)
    put(signal, ellipsoid(side, y, z, (31, -68, -36), (19, 24, 15)), 0.92 + 0.04 * marble, 2.5)
    nerve = np.hypot(side - 30 + np.float32(0.25) * (y + 60), z + 35) - np.float32(2.2)
    put(signal, np.maximum(nerve, np.abs(y + 53) - 13), 0.45)
    globe = np.sqrt((side - 31) ** 2 + (y + 76) ** 2 + (z + 36) ** 2) - 12
    put(signal, globe, 0.55)
    put(signal, globe + 1.2, 0.10)
    put(signal, ellipsoid(side, y, z, (31, -84, -36), (4.5, 2.2, 4.5)), 0.18)
    air = soft_min(
        ellipsoid(side, y, z, (6, -62, -42), (8, 26, 13)),
        ellipsoid(side, y, z, (0, -30, -38), (12, 11, 9)),
        3.0,
    )
    put(signal, air - 1.2, 0.75, 1.5)  # mucosa
    put(signal, air, 0.01)
    put(signal, np.maximum(np.abs(side - 5) - 0.7, air + 1), 0.6, 1.2)  # septa
    clivus = np.maximum(
        np.abs(y + 12 - np.float32(0.35) * (z + 40)) - 6, np.maximum(side - 14, z + 28)
    )
    put(signal, clivus, 0.40 + 0.08 * marble, 2.0)

"""Simulated maculae: layers, fovea, vessels and fluid, drawn from numbers, no patient behind them.

Lengths are in micrometres of tissue. A volume is (B-scans, A-scans, depths): x runs along a B-scan
to the patient's left, y from B-scan to B-scan to the head, both from the middle of the field; z
runs into the eye. Layers are given by the depths of their boundaries in each column, and fluid
lifts whatever lies above it, as it does in an eye.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.data.insilico.texture import power_law_field

Array = NDArray[Any]
Sex = Literal["female", "male"]

INTRARETINAL, SUBRETINAL = 1, 2
"""Values of the two labels."""

FLUID_DB = -24.0
VITREOUS_DB = -40.0

LAYERS = (
    # name, thickness at 1 mm from the fovea and in its pit, reflectivity in dB
    ("nerve fibres", 28.0, 6.0, 0.0),
    ("ganglion cells", 46.0, 2.0, -6.5),
    ("inner plexiform", 38.0, 4.0, -4.5),
    ("inner nuclear", 36.0, 6.0, -9.5),
    ("outer plexiform", 26.0, 10.0, -5.0),
    ("outer nuclear", 78.0, 112.0, -12.5),
    ("limiting membrane", 5.0, 5.0, -7.0),
    ("inner segments", 24.0, 30.0, -11.0),
    ("ellipsoid zone", 13.0, 14.0, 0.5),
    ("outer segments", 20.0, 32.0, -8.0),
    ("subretinal", 0.0, 0.0, FLUID_DB),
    ("pigment epithelium", 26.0, 26.0, 3.0),
    ("under the epithelium", 0.0, 0.0, -6.0),
    ("choriocapillaris", 22.0, 22.0, -2.5),
    ("choroid", 230.0, 240.0, -5.5),
    ("sclera", 900.0, 900.0, -2.5),
)
"""From the vitreous outwards (Staurenghi et al., Ophthalmology 121, 2014, for names and order)."""

INNER_NUCLEAR, OUTER_PLEXIFORM, OUTER_NUCLEAR = 3, 4, 5
SUBRETINAL_LAYER, EPITHELIUM, UNDER_EPITHELIUM, CHOROID = 10, 11, 12, 14


@dataclass(frozen=True)
class Field:
    """Where A-scans and depths lie."""

    n_scans: int
    n_columns: int
    n_depths: int
    scan_step_um: float
    column_step_um: float
    depth_step_um: float

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.n_scans, self.n_columns, self.n_depths)

    def plane_um(self) -> tuple[Array, Array]:
        """x (1, columns) and y (scans, 1) float64 of each column."""
        x = (np.arange(self.n_columns) - (self.n_columns - 1) / 2) * self.column_step_um
        y = (np.arange(self.n_scans) - (self.n_scans - 1) / 2) * self.scan_step_um
        return x[None, :], y[:, None]


@dataclass(frozen=True)
class Eye:
    """What differs between simulated patients and is drawn before anything else."""

    sex: Sex
    age_years: int
    side: Literal["left", "right"]
    thickness: float
    pit_um: float
    fovea_um: tuple[float, float]
    choroid: float


def draw_eye(rng: np.random.Generator) -> Eye:
    """Sex, age, side and sizes of one simulated eye."""
    age = int(np.clip(rng.normal(68, 12), 22, 95))
    return Eye(
        sex="female" if rng.random() < 0.55 else "male",
        age_years=age,
        side="left" if rng.random() < 0.5 else "right",
        thickness=float(rng.normal(1.0, 0.05)),
        pit_um=float(rng.uniform(380, 560)),
        fovea_um=(float(rng.normal(0, 150)), float(rng.normal(0, 150))),
        choroid=float(np.clip(rng.normal(1.0, 0.22) - 0.006 * (age - 60), 0.45, 1.5)),
    )


@dataclass(frozen=True)
class Cyst:
    """A pocket of intraretinal fluid: an ellipsoid in one layer."""

    x_um: float
    y_um: float
    across_um: float
    high_um: float
    layer: int
    slope: float


@dataclass(frozen=True)
class Dome:
    """A lobed elevation: fluid under the retina, or a detachment of the epithelium."""

    x_um: float
    y_um: float
    across_um: float
    high_um: float
    lobes: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Findings:
    """What one simulated eye has. Drusen and detachments of the epithelium are no fluid here."""

    cysts: tuple[Cyst, ...] = ()
    pools: tuple[Dome, ...] = ()
    detachments: tuple[Dome, ...] = ()
    drusen: tuple[Dome, ...] = ()


def draw_findings(rng: np.random.Generator, eye: Eye) -> Findings:
    """Dry, or with cysts, with subretinal fluid, or with both."""
    kind = str(rng.choice(["dry", "cysts", "pool", "both"], p=[0.25, 0.33, 0.24, 0.18]))
    fx, fy = eye.fovea_um
    cysts: list[Cyst] = []
    if kind in ("cysts", "both"):
        for _ in range(int(rng.integers(1, 4))):  # clusters
            cx, cy = fx + rng.normal(0, 650), fy + rng.normal(0, 650)
            for _ in range(int(rng.integers(2, 9))):
                across = float(np.exp(rng.uniform(np.log(60), np.log(330))))
                cysts.append(
                    Cyst(
                        x_um=float(cx + rng.normal(0, 330)),
                        y_um=float(cy + rng.normal(0, 330)),
                        across_um=across,
                        high_um=float(across * rng.uniform(0.25, 0.6)),
                        layer=int(rng.choice([INNER_NUCLEAR, OUTER_PLEXIFORM, OUTER_NUCLEAR])),
                        slope=float(rng.normal(0, 0.08)),
                    )
                )
    pools, detachments, drusen = [], [], []
    if kind in ("pool", "both"):
        for _ in range(1 if rng.random() < 0.8 else 2):
            across = float(rng.uniform(450, 1900))
            at = (fx + rng.normal(0, 500), fy + rng.normal(0, 500))
            pools.append(_dome(rng, at, across, float(across * rng.uniform(0.07, 0.2) + 15)))
    if rng.random() < 0.3:
        at = (fx + rng.normal(0, 800), fy + rng.normal(0, 800))
        detachments.append(
            _dome(rng, at, float(rng.uniform(250, 800)), float(rng.uniform(40, 160)))
        )
    if eye.age_years > 55 and rng.random() < 0.6:
        for _ in range(int(rng.integers(2, 16))):
            at = (fx + rng.normal(0, 1100), fy + rng.normal(0, 1100))
            drusen.append(_dome(rng, at, float(rng.uniform(50, 150)), float(rng.uniform(12, 45))))
    return Findings(tuple(cysts), tuple(pools), tuple(detachments), tuple(drusen))


def _dome(
    rng: np.random.Generator, at: tuple[float, float], across_um: float, high_um: float
) -> Dome:
    lobes = tuple((float(rng.normal(0, 0.14)), float(rng.uniform(0, 2 * np.pi))) for _ in range(3))
    return Dome(float(at[0]), float(at[1]), across_um, high_um, lobes)


@dataclass(frozen=True)
class Retina:
    """A drawn macula.

    Attributes
    ----------
    reflectivity_db : (scans, columns, depths) float32
        Mean power of the light that comes back, before speckle; 0 dB the nerve fibre layer.
    labels : (scans, columns, depths) uint8
    """

    reflectivity_db: Array
    labels: Array


def draw_retina(rng: np.random.Generator, eye: Eye, found: Findings, field: Field) -> Retina:
    """Render one simulated macula."""
    x, y = field.plane_um()
    tops = _boundaries(rng, eye, found, field)
    z = (np.arange(field.n_depths) * field.depth_step_um).astype(np.float32)

    values = np.full(field.shape, VITREOUS_DB, dtype=np.float32)
    before = VITREOUS_DB
    soft = np.float32(1.0 / (1.2 * field.depth_step_um))
    for number, (_, _, _, level) in enumerate(LAYERS):
        edge = np.clip((z - tops[number][..., None]) * soft + np.float32(0.5), 0, 1)
        values += edge * np.float32(level - before)
        before = level
    _vary(rng, eye, values, tops, z, field)
    labels = np.zeros(field.shape, dtype=np.uint8)
    pool = (z >= tops[SUBRETINAL_LAYER][..., None]) & (z < tops[EPITHELIUM][..., None])
    labels[pool] = SUBRETINAL
    _cysts(values, labels, tops, found, field, z, x, y)
    _shadows(rng, eye, values, tops, z, x, y)
    return Retina(values, labels)


# --- layers -----------------------------------------------------------------------------------


def _boundaries(rng: np.random.Generator, eye: Eye, found: Findings, field: Field) -> Array:
    """(layers, scans, columns) float32: depth at which each layer begins."""
    from scipy.ndimage import gaussian_filter

    x, y = field.plane_um()
    away = np.hypot(x - eye.fovea_um[0], y - eye.fovea_um[1])
    pit = np.exp(-((away / eye.pit_um) ** 2))
    rim = np.exp(-(((away - 2.1 * eye.pit_um) / (1.1 * eye.pit_um)) ** 2))
    far = np.clip((away - 1200) / 2500, 0, 1)
    nasal = (x if eye.side == "right" else -x) / 3000
    thick = []
    for number, (_, usual, central, _) in enumerate(LAYERS):
        depth = usual + (central - usual) * pit
        if number < 6:
            depth = depth * (1 + 0.12 * rim - 0.28 * far) * eye.thickness
        if number == 0:
            depth = depth * np.clip(1 + 0.75 * nasal, 0.35, 2.2)
        if number == CHOROID:
            depth = depth * eye.choroid
        wobble = power_law_field(
            rng, (field.n_scans, field.n_columns, 1), (500.0, 31.0, 1.0), 3.2, 1500.0
        )
        depth = depth * (1 + 0.05 * wobble[..., 0])
        thick.append(np.broadcast_to(depth, away.shape).astype(np.float64))
    for pool in found.pools:
        thick[SUBRETINAL_LAYER] = np.maximum(thick[SUBRETINAL_LAYER], _height(pool, x, y))
    for dome in (*found.detachments, *found.drusen):
        thick[UNDER_EPITHELIUM] = np.maximum(thick[UNDER_EPITHELIUM], _height(dome, x, y))
    # the inner layers pass over a druse evenly, the outer nuclear layer gives way
    raised = thick[UNDER_EPITHELIUM]
    even = gaussian_filter(raised, (0, 160 / field.column_step_um))
    thick[OUTER_NUCLEAR] = np.maximum(thick[OUTER_NUCLEAR] - (raised - even), 10)
    # the outer segments thin where the retina is detached, and the epithelium over drusen
    thick[9] = thick[9] * np.clip(1 - thick[SUBRETINAL_LAYER] / 160, 0.35, 1)
    for layer in (INNER_NUCLEAR, OUTER_PLEXIFORM, OUTER_NUCLEAR):
        grown = np.zeros_like(away)
        for cyst in found.cysts:
            if cyst.layer == layer:
                grown = np.maximum(grown, 0.8 * _chord(cyst, x, y))
        # the retina over a cyst rises gently: the tissue around it is stretched with it
        thick[layer] = thick[layer] + gaussian_filter(
            grown, (250 / field.scan_step_um, 230 / field.column_step_um)
        )
    # the bed that all rests on: a shallow bowl, tilted, not quite still from scan to scan
    retina = np.sum(thick[:EPITHELIUM], axis=0)
    bowl = -((x / 3000) ** 2 + (y / 3000) ** 2) * rng.uniform(10, 70)
    tilt = rng.normal(0, 35) * x / 3000 + rng.normal(0, 25) * y / 3000
    jump = rng.normal(0, 5, (field.n_scans, 1))
    bed = bowl + tilt + jump
    room = field.n_depths * field.depth_step_um
    # the tallest column keeps clear of zero delay, the bed of the last depths
    highest = float((bed - retina - thick[UNDER_EPITHELIUM]).min())
    lowest = float(bed.max())
    first = 90 - highest
    most = max(first, min(0.62 * room, room - 330 - lowest))
    bed = bed + rng.uniform(first, most) if most > first else bed + first
    begins = np.empty((len(LAYERS), *away.shape), dtype=np.float32)
    below = bed - thick[UNDER_EPITHELIUM] - thick[EPITHELIUM]
    begins[UNDER_EPITHELIUM + 1] = bed
    begins[UNDER_EPITHELIUM] = bed - thick[UNDER_EPITHELIUM]
    begins[EPITHELIUM] = below
    for number in range(EPITHELIUM - 1, -1, -1):
        begins[number] = begins[number + 1] - thick[number]
    for number in range(UNDER_EPITHELIUM + 2, len(LAYERS)):
        begins[number] = begins[number - 1] + thick[number - 1]
    return begins


def _height(dome: Dome, x: Array, y: Array) -> Array:
    """(scans, columns) height of a dome, 0 outside it."""
    dx, dy = x - dome.x_um, y - dome.y_um
    turn = np.arctan2(dy, dx)
    radius = dome.across_um * (
        1 + sum(h * np.cos((n + 2) * turn + p) for n, (h, p) in enumerate(dome.lobes))
    )
    inside = np.clip(1 - (np.hypot(dx, dy) / radius) ** 2, 0, 1)
    return np.asarray(dome.high_um * inside**0.8)


def _chord(cyst: Cyst, x: Array, y: Array) -> Array:
    """(scans, columns) length of each column inside a cyst."""
    off = ((x - cyst.x_um) ** 2 + (y - cyst.y_um) ** 2) / cyst.across_um**2
    return np.asarray(2 * cyst.high_um * np.sqrt(np.clip(1 - off, 0, 1)))


# --- what is in the layers --------------------------------------------------------------------


def _vary(
    rng: np.random.Generator, eye: Eye, values: Array, tops: Array, z: Array, field: Field
) -> None:
    """Uneven tissue, vessels of the choroid, and light that fades on its way."""
    steps = (field.scan_step_um, field.column_step_um, field.depth_step_um)
    grain = power_law_field(rng, field.shape, steps, 2.2, 300.0)
    tissue = values > VITREOUS_DB + 12
    tissue &= values > FLUID_DB + 6
    values += np.where(tissue, np.float32(0.9) * grain, 0)
    under = z - tops[CHOROID][..., None]
    vessels = power_law_field(rng, field.shape, (500.0, 31.0, 8.0), 2.6, 140.0)
    lumen = np.clip((vessels - 0.25) * 3, 0, 1) * np.clip(under / 25, 0, 1)
    lumen *= np.clip((tops[CHOROID + 1][..., None] - z) / 25, 0, 1)
    values -= np.float32(7) * lumen
    # pigment and choroid take most of what passes
    deep = np.clip(z - tops[EPITHELIUM][..., None], 0, None)
    values -= np.float32(0.035) * np.minimum(deep, 500)
    values -= np.float32(0.008) * np.clip(z - tops[0][..., None], 0, 400)


def _cysts(
    values: Array, labels: Array, tops: Array, found: Findings, field: Field, z: Array,
    x: Array, y: Array,
) -> None:  # fmt: skip
    """Fluid into its pockets, each in the middle of its layer."""
    for cyst in found.cysts:
        chord = _chord(cyst, x, y)
        rows, columns = np.nonzero(chord > 0)
        if not len(rows):
            continue
        row = int(np.abs(y[:, 0] - cyst.y_um).argmin())
        column = int(np.abs(x[0] - cyst.x_um).argmin())
        # the layer's middle at the cyst's own place, so that it stays one ellipsoid
        middle = 0.5 * (tops[cyst.layer, row, column] + tops[cyst.layer + 1, row, column])
        shift = tops[cyst.layer + 1, rows, columns] - tops[cyst.layer + 1, row, column]
        centre = middle + 0.6 * shift + cyst.slope * (x[0, columns] - cyst.x_um)
        half = 0.5 * chord[rows, columns]
        depth = half[:, None] - np.abs(z[None, :] - centre[:, None])
        share = np.clip(depth / np.float32(1.2 * field.depth_step_um) + 0.5, 0, 1)
        share *= half[:, None] > 0.5 * field.depth_step_um
        part = values[rows, columns]
        values[rows, columns] = part + share.astype(np.float32) * (np.float32(FLUID_DB) - part)
        marked = labels[rows, columns]
        marked[(share >= 0.5) & (marked == 0)] = INTRARETINAL
        labels[rows, columns] = marked


def _shadows(
    rng: np.random.Generator, eye: Eye, values: Array, tops: Array, z: Array, x: Array, y: Array
) -> None:
    """Vessels of the retina: bright on top, and all under them in their shadow."""
    fx, fy = eye.fovea_um
    for _ in range(int(rng.integers(4, 9))):
        radius = float(rng.uniform(18, 60))
        crossing, lean = float(rng.uniform(-2900, 2900)), float(rng.normal(0, 0.5))
        bend = float(rng.normal(0, 0.12)) / 1000
        path = crossing + lean * (y - fy) + bend * (y - fy) ** 2  # (scans, 1)
        avascular = np.hypot(path - fx, y - fy) < 550
        near = np.clip(1.4 - np.abs(x - path) / radius, 0, 1) * ~avascular
        if not near.any():
            continue
        rows, columns = np.nonzero(near > 0)
        strength = near[rows, columns][:, None].astype(np.float32)
        centre = tops[1, rows, columns][:, None] + np.float32(0.3 * radius)
        off = (z[None, :] - centre) / np.float32(radius)
        wall = np.exp(-np.square((off + 0.7) / 0.35))
        lumen = np.exp(-np.square(off / 0.6))
        under = np.clip((off - 0.6) * 2, 0, 1)
        part = values[rows, columns]
        part += strength * (2.5 * wall - 3 * lumen - np.float32(rng.uniform(3, 8)) * under)
        values[rows, columns] = part

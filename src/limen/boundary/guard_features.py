"""What the guard reads off an image: numbers that move with the acquisition, and its anatomy.

NumPy and SciPy's filters alone, on a few slices, so that a hospital's gateway answers at once.
The numbers need no unit of their own: they are always compared with the same numbers of the
calibration patients' images.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
import scipy.ndimage as ndi
from numpy.typing import NDArray

Array = NDArray[Any]

SLICES_SEEN = 8
"""Slices that anatomy is judged on, evenly spread over the stack."""
CONDITION_SLICES = (1, 3, 6)
"""Which of them the acquisition's condition is read off."""
GRID = 12
"""The body is seen as so many blocks along x and y for orientation."""

_REGIONS = ("tissue", "dark", "air")
_FEWEST_PIXELS = 150
_CT_EDGES_HU = (-900.0, -600.0, -200.0, -20.0, 20.0, 80.0, 150.0, 300.0)
_OTHER_EDGES = (0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.92)

CONDITION_NAMES = (
    *(f"unrest of {region}, {scale} px" for region in _REGIONS for scale in (1, 2, 4)),
    *(f"unevenness of the air, {place}" for place in ("near", "around", "far")),
    *(f"{what} in the air, {band}" for band in ("wide", "narrow") for what in ("stripes", "waves")),
    "share of tissue unrest between slices",
    "steepness of the strongest edges",
    "steepness of strong edges",
    "steepness of common edges",
    "unevenness over directions, fine",
    "unevenness over directions, coarse",
    "wave over directions",
    "share of fine detail",
)
"""Names of `Seen.condition`, in order."""

ANATOMY_NAMES = (
    *(f"share of grey level {n}" for n in range(len(_CT_EDGES_HU) + 1)),
    "width of the body",
    "depth of the body",
    "share of the body",
    "change of darkness along the stack",
    "highest grey level",
    "lowest grey level",
    "grey level in the middle",
)
"""Names of `Seen.anatomy`, in order."""


@dataclass(frozen=True)
class Seen:
    """What was read off one image.

    Attributes
    ----------
    condition : (len(CONDITION_NAMES),) float64
        Not a number where the image holds too little to read it from.
    anatomy : (len(ANATOMY_NAMES),) float64
    blocks : (GRID, GRID, SLICES_SEEN) float32
        Mean grey level of the body's blocks, x to the left, y to posterior, z to the head.
    """

    condition: Array
    anatomy: Array
    blocks: Array


def slices_seen(n_slices: int) -> list[int]:
    """Numbers of the slices that the guard looks at; a short stack gives some of them twice."""
    return [int((k + 0.5) / SLICES_SEEN * n_slices) for k in range(SLICES_SEEN)]


def patient_slices(values: Array, affine_lps_mm: Array) -> tuple[Array, float, float]:
    """The slices that the guard looks at, x to the patient's left, y to posterior, z to the head.

    Axes are permuted and reversed to lie as near to the patient's as they can; nothing is
    interpolated, and only what is looked at is copied.

    Parameters
    ----------
    values : (I, J, K) array
    affine_lps_mm : (4, 4) array

    Returns
    -------
    (x, y, SLICES_SEEN) float32, C order of slices; the pixel's length in mm; the slices' distance
    """
    step = np.asarray(affine_lps_mm, float)[:3, :3]
    size = np.linalg.norm(step, axis=0)
    order = _nearest_axes(np.abs(step / size))
    turned = np.transpose(values, order)
    for axis in range(3):
        if step[axis, order[axis]] < 0:
            turned = np.flip(turned, axis)
    chosen = np.stack([turned[:, :, k] for k in slices_seen(turned.shape[2])], axis=2)
    pixel_mm = float(np.sqrt(size[order[0]] * size[order[1]]))
    return np.asarray(chosen, np.float32), pixel_mm, float(size[order[2]])


def _nearest_axes(share: Array) -> list[int]:
    """For each patient axis the index axis that runs along it; each taken once."""
    left = share.copy()
    order = [0, 0, 0]
    for _ in range(3):
        patient, index = np.unravel_index(int(np.argmax(left)), left.shape)
        order[int(patient)] = int(index)
        left[patient, :] = left[:, index] = -1
    return order


def look(slices: Array, pixel_mm: float, modality: str) -> Seen:
    """Read the features of an image.

    Parameters
    ----------
    slices : (x, y, SLICES_SEEN) float32
        As `patient_slices` gives them; HU for CT.
    pixel_mm : float
    modality : str
        "CT": grey levels are HU. Others have no unit: they are scaled to the 1st and 99th
        percentile of what is seen.

    Returns
    -------
    Seen
    """
    x = on_scale(slices, modality)
    rows = [condition_of_slice(x[:, :, k], pixel_mm, modality) for k in CONDITION_SLICES]
    anatomy, blocks = _anatomy(x, pixel_mm, modality)
    return Seen(condition_of(rows), anatomy, blocks)


def on_scale(slices: Array, modality: str) -> Array:
    """Grey levels on the scale that features are read on; HU are cut as files store them."""
    x = np.asarray(slices, np.float32)
    if modality == "CT":
        return np.clip(x, -1024, 3071)
    some = x[::3, ::3]
    low, high = np.quantile(some, (0.01, 0.99))
    return np.asarray(np.clip((x - low) / max(float(high - low), 1e-6), -0.5, 3.0), np.float32)


def condition_of(rows: list[Array]) -> Array:
    """Features of an image from those of its slices: the median, and their spread where told."""
    stack = np.array(rows)
    known = np.isfinite(stack)
    out = np.asarray(np.median(stack, axis=0))
    for j in np.flatnonzero(known.any(axis=0) & ~known.all(axis=0)):
        out[j] = np.median(stack[known[:, j], j])
    here = CONDITION_NAMES.index("share of tissue unrest between slices")
    fine = stack[:, 0][known[:, 0]]
    out[here] = float(np.ptp(fine)) if fine.size > 1 else 0.0
    return out


def condition_of_slice(x: Array, pixel_mm: float, modality: str) -> Array:
    """(len(CONDITION_NAMES),) features of one slice on the scale of `on_scale`."""
    unit = 1000.0 if modality == "CT" else 1.0
    half = _halved(x)
    smooth = ndi.uniform_filter(half, 3, mode="nearest")
    places = _places(smooth, modality)
    # each at every second pixel of the image, or coarser: places are known no finer
    detail = [_detail(x, 2), _detail(half, 1), _detail(_halved(half), 1)]
    out: list[float] = []
    for region in _REGIONS:
        where = places[region][1:-1, 1:-1]
        for fine, mask in zip(detail, (where, where, where[1::2, 1::2]), strict=True):
            a, b = (min(p, q) for p, q in zip(fine.shape, mask.shape, strict=True))
            out.append(_log_level(fine[:a, :b][mask[:a, :b]], unit))
    out += _air(smooth, places, 2 * pixel_mm, unit)
    out += _stripes(half, places["empty"], modality)
    out.append(np.nan)  # between slices: told by `condition_of`
    steep = _slope(smooth)[places["edges"][1:-1, 1:-1]] / (2 * pixel_mm)
    if steep.size < _FEWEST_PIXELS:
        out += [np.nan] * 3
    else:
        out += [float(np.log(q / unit + 1e-6)) for q in np.quantile(steep, (0.99, 0.9, 0.6))]
    return np.array(out + _directions(x))


def _places(smooth: Array, modality: str) -> dict[str, Array]:
    if modality == "CT":
        body = smooth > -500
        tissue = (smooth > -150) & (smooth < 200)
        dark = (smooth > -960) & (smooth < -700)
        air, something = smooth < -940, smooth > -900
    else:
        body = smooth > 0.12
        tissue = smooth > 0.25
        dark = (smooth > 0.08) & (smooth < 0.25)
        air, something = smooth < 0.06, body
    near = ndi.uniform_filter(body.astype(np.float32), 5, mode="nearest")
    return {
        "body": body,
        "tissue": ndi.uniform_filter(tissue.astype(np.float32), 3, mode="constant") > 0.999,
        "dark": ndi.uniform_filter(dark.astype(np.float32), 3, mode="constant") > 0.999,
        "air": (near < 1e-3) & air,
        "empty": ndi.uniform_filter(something.astype(np.float32), 5, mode="nearest") < 1e-3,
        "edges": (near > 0.05) & (near < 0.95),
    }


def _halved(x: Array) -> Array:
    a, b = (n // 2 * 2 for n in x.shape)
    x = x[:a, :b]
    return np.asarray((x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4)


def _detail(x: Array, every: int) -> Array:
    """What a plane and a saddle do not explain (Immerkaer, CVIU 64, 1996): noise, not shape.

    At each ``every``-th pixel that has neighbours on all sides.
    """
    a = x[:-2:every] - 2 * x[1:-1:every] + x[2::every]
    return np.asarray(np.abs(a[:, :-2:every] - 2 * a[:, 1:-1:every] + a[:, 2::every]) / 6)


def _slope(x: Array) -> Array:
    return np.asarray(np.hypot(x[2:, 1:-1] - x[:-2, 1:-1], x[1:-1, 2:] - x[1:-1, :-2]) / 2)


def _log_level(values: Array, unit: float) -> float:
    if values.size < _FEWEST_PIXELS // 3:
        return float("nan")
    return float(np.log(np.median(values) / unit + 1e-5))


_AIR_MM = ((7.0, 18.0), (13.0, 32.0), (24.0, 60.0))
"""Distances from the body at which the air is looked at."""


def _air(smooth: Array, places: dict[str, Array], pixel_mm: float, unit: float) -> list[float]:
    """How far smoothed air departs from even: motion, truncation and missing views show there.

    The median departure, because a couch or clothes are in less than half of it.
    """
    even = ndi.uniform_filter(smooth, 3, mode="nearest")
    body = places["body"].astype(np.float32)
    out = []
    for near_mm, far_mm in _AIR_MM:
        near, far = (2 * max(1, round(d / pixel_mm)) + 1 for d in (near_mm, far_mm))
        ring = ndi.uniform_filter(body, near, mode="nearest") < 1e-4
        ring &= ndi.uniform_filter(body, far, mode="nearest") > 1e-4
        values = even[ring]
        if values.size < _FEWEST_PIXELS:
            out.append(np.nan)
        else:
            away = np.median(np.abs(values - np.median(values)))
            out.append(float(np.log(away / unit + 5e-5)))
    return out


_STRIPES = 60
_BANDS = ((0.04, 0.16), (0.1, 0.4))
"""Cycles a pixel, of the halved image."""


def _half_plane(shape: tuple[int, int]) -> tuple[Array, Array]:
    """Radius, in cycles a pixel, and direction, 0 to pi, of what a real transform gives, flat."""
    fx = np.fft.fftfreq(shape[0])[:, None]
    fy = np.fft.rfftfreq(shape[1])[None]
    return np.hypot(fx, fy).ravel(), np.mod(np.arctan2(fy, fx), np.pi).ravel()


@lru_cache(maxsize=8)
def _bands(shape: tuple[int, int]) -> list[tuple[Array, Array, Array]]:
    """Of each band: its places in the half plane of frequencies, their direction, and how many."""
    radius, angle = _half_plane(shape)
    direction = np.minimum((angle / np.pi * _STRIPES).astype(int), _STRIPES - 1)
    found = []
    for low, high in _BANDS:
        band = np.flatnonzero((radius > low) & (radius < high))
        counts = np.maximum(np.bincount(direction[band], minlength=_STRIPES), 1)
        found.append((band, direction[band], counts))
    return found


def _stripes(half: Array, empty: Array, modality: str) -> list[float]:
    """How far the spectrum of what surrounds the body stands out in one direction, and its level.

    Where the first and the last view disagree, because the patient moved between them, stripes run
    along that view's rays; noise has no direction of its own.
    """
    low, high, unit = (-1024.0, -940.0, 1.0) if modality == "CT" else (-0.5, 0.06, 1e-3)
    n = np.count_nonzero(empty)
    if n < _FEWEST_PIXELS:
        return [np.nan] * (2 * len(_BANDS))
    values = np.clip(half, low, high)
    values = np.where(empty, values - values[empty].mean(), 0).astype(np.float32) / np.float32(unit)
    found = scipy.fft.rfft2(values).ravel()
    power = (found.real**2 + found.imag**2) / n
    out: list[float] = []
    for band, direction, counts in _bands((half.shape[0], half.shape[1])):
        profile = np.log(np.bincount(direction, power[band], _STRIPES) / counts + 1e-9)
        profile = ndi.uniform_filter1d(profile, 3, mode="wrap")
        above = profile - ndi.median_filter(profile, 21, mode="wrap")
        out += [float(above.max()), float(np.median(profile))]
    return out


_BINS = 720


@lru_cache(maxsize=8)
def _spokes(shape: tuple[int, int]) -> tuple[Array, Array, Array, Array, Array]:
    """Places of the half plane of frequencies, their bin of direction, and a narrow window."""
    radius, angle = _half_plane(shape)
    band = np.flatnonzero((radius > 0.22) & (radius < 0.45))
    direction = np.minimum((angle[band] / np.pi * _BINS).astype(int), _BINS - 1)
    counts = np.maximum(np.bincount(direction, minlength=_BINS), 1)
    low = np.flatnonzero((radius > 0.02) & (radius < 0.1))
    ramps = [np.clip(np.minimum(np.arange(n), np.arange(n)[::-1]) / 6, 0, 1) for n in shape]
    window = ramps[0][:, None] * ramps[1][None]
    return band, direction, counts, low, window.astype(np.float32)


def _directions(x: Array) -> list[float]:
    """How uneven the spectrum is over directions, the wave that few views leave, and its share.

    The spectrum of an image from n views lies on n spokes (compare
    `limen.physics.ct.views_seen`, which counts them; here only how clear they are is told).
    """
    band, direction, counts, low, window = _spokes((x.shape[0], x.shape[1]))
    edge = float(np.median(x[:3]))
    found = scipy.fft.rfft2((x - edge) * window).ravel()
    power = found.real**2 + found.imag**2
    profile = np.log(np.bincount(direction, power[band], _BINS) / counts + 1e-12)
    smooth = ndi.uniform_filter1d(profile, 9, mode="wrap")
    fine = float(np.median(np.abs(profile - smooth)))
    coarse = float(ndi.uniform_filter1d(profile, 30, mode="wrap").std())
    wave = np.abs(np.fft.rfft(profile - smooth))[24:340]
    clear = float(np.sort(wave)[-3:].mean() / max(float(np.median(wave)), 1e-12))
    share = float(power[band].mean()) / max(float(power[low].mean()), 1e-12)
    return [float(np.log(v + 1e-6)) for v in (fine, coarse, clear)] + [float(np.log(share + 1e-12))]


def _anatomy(x: Array, pixel_mm: float, modality: str) -> tuple[Array, Array]:
    edges = _CT_EDGES_HU if modality == "CT" else _OTHER_EDGES
    # 4 mm tell a body's parts; an eye, which is smaller than that, is told by its pixels
    step = max(1, min(round(4.0 / pixel_mm), min(x.shape[:2]) // GRID))
    a, b = (n // step * step for n in x.shape[:2])
    coarse = x[:a, :b].reshape(a // step, step, b // step, step, -1).mean(axis=(1, 3))
    body = coarse > (-500 if modality == "CT" else 0.12)
    across, deep = body.any(axis=(1, 2)), body.any(axis=(0, 2))
    box = (_extent(across), _extent(deep))
    inside = coarse[box[0], box[1]]
    level = np.digitize(inside, edges)
    shares = np.bincount(level.ravel(), minlength=len(edges) + 1) / max(level.size, 1)
    dark = (inside < edges[2]).mean(axis=(0, 1))
    unit = 1000.0 if modality == "CT" else 1.0
    low, middle, high = (float(q) / unit for q in np.quantile(coarse, (0.005, 0.5, 0.995)))
    anatomy = [
        *np.sqrt(shares),
        np.log((box[0].stop - box[0].start) * step * pixel_mm),
        np.log((box[1].stop - box[1].start) * step * pixel_mm),
        float(body.mean()),
        float(dark[-3:].mean() - dark[:3].mean()),
        high, low, middle,
    ]  # fmt: skip
    return np.array(anatomy), _blocks(inside, modality)


def _extent(along: Array) -> slice:
    """From the first to the last place that holds some of the body; all, where none does."""
    there = np.flatnonzero(along)
    return slice(int(there[0]), int(there[-1]) + 1) if there.size else slice(0, along.size)


def _blocks(inside: Array, modality: str) -> Array:
    """Means over GRID x GRID blocks of the body's box, on about -1 to 1."""
    low, high = (-1000.0, 200.0) if modality == "CT" else (0.0, 1.0)
    x = np.clip((inside - low) / (high - low), 0, 1.2) * 2 - 1
    total = np.zeros((x.shape[0] + 1, x.shape[1] + 1, x.shape[2]))
    total[1:, 1:] = x.cumsum(axis=0).cumsum(axis=1)
    i, j = (np.linspace(0, n, GRID + 1) for n in x.shape[:2])
    at = _between(_between(total, i, 0), j, 1)
    blocks = np.diff(np.diff(at, axis=0), axis=1)
    area = np.diff(i)[:, None] * np.diff(j)[None]
    return np.asarray(blocks / area[:, :, None], np.float32)


def _between(x: Array, at: Array, axis: int) -> Array:
    """Linear interpolation of ``x`` along an axis; of a running total it is exact."""
    low = np.minimum(at.astype(int), x.shape[axis] - 2)
    share = (at - low).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
    return np.asarray(x.take(low, axis) * (1 - share) + x.take(low + 1, axis) * share)

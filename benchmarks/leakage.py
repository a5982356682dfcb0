"""How well near-duplicates stand apart from different patients who look alike.

Different patients: simulated chests on one grid, which share their outline, and every pair of
them. Near-duplicates: each of some chests, changed in a known way. Prints the largest likeness
of different patients and the smallest of duplicates, and what `find_leaks` would say.

    python benchmarks/leakage.py [--chests 80] [--changed 12] [--json]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy import ndimage
from table import Row, show

from limen.data import Fingerprint, Geometry, Volume, find_leaks, fingerprint
from limen.data.insilico.chest import draw_chest, draw_chest_size
from limen.data.insilico.shapes import Grid
from limen.data.leakage import LIMIT, _best_mirrored, _stacked

GRID = Grid((160, 128, 32), (2.2, 2.2, 2.5), 0.0)
Change = Callable[[Volume, np.random.Generator], Volume]


def chest(seed: int) -> Volume:
    rng = np.random.default_rng(seed)
    hu = draw_chest(rng, draw_chest_size(rng), GRID).hu
    affine = np.diag([*GRID.spacing_mm, 1.0])
    affine[:3, 3] = GRID.first_centre_mm
    scan = hu + rng.normal(0, 12, hu.shape)
    return Volume(np.round(scan).astype(np.float32), Geometry(affine, GRID.shape))


def with_values(volume: Volume, values: np.ndarray) -> Volume:
    return Volume(values.astype(np.float32), volume.geometry)


def resampled(volume: Volume, spacing_mm: tuple[float, float, float]) -> Volume:
    step = np.array(spacing_mm) / volume.geometry.spacing_mm
    shape = tuple(int(n) for n in np.floor((np.array(volume.values.shape) - 1) / step) + 1)
    blurred = ndimage.gaussian_filter(volume.values, np.maximum(step - 1, 0) / 2)
    values = ndimage.affine_transform(blurred, step, output_shape=shape, order=1)
    affine = volume.geometry.affine_lps_mm @ np.diag([*step, 1.0])
    return Volume(values, Geometry(affine, shape))


def cropped(volume: Volume, share: float) -> Volume:
    cut = [max(1, round(n * share)) for n in volume.values.shape]
    values = volume.values[tuple(slice(c, -c) for c in cut)]
    affine = volume.geometry.affine_lps_mm.copy()
    affine[:3, 3] += affine[:3, :3] @ cut
    return Volume(values, Geometry(affine, values.shape))


def noisy(sd: float) -> Change:
    return lambda v, rng: with_values(v, v.values + rng.normal(0, sd, v.values.shape))


def windowed(low: float, high: float) -> Change:
    return lambda v, _: with_values(
        v, np.round(255 * np.clip((v.values - low) / (high - low), 0, 1))
    )


def bare(volume: Volume, _: np.random.Generator) -> Volume:
    """Mirrored, and its header lost."""
    return Volume(volume.values[::-1, :, ::-1], Geometry(np.eye(4), volume.values.shape))


CHANGES: dict[str, Change] = {
    "8 bits, lung window": windowed(-1000, 400),
    "8 bits, soft window": windowed(-160, 240),
    "noise of 20 HU": noisy(20),
    "noise of 50 HU": noisy(50),
    "resampled to 1.5 x 1.5 x 3 mm": lambda v, _: resampled(v, (1.5, 1.5, 3.0)),
    "resampled to 3 x 3 x 5 mm": lambda v, _: resampled(v, (3.0, 3.0, 5.0)),
    "cropped by 3 % a side": lambda v, _: cropped(v, 0.03),
    "cropped by 6 % a side": lambda v, _: cropped(v, 0.06),
    "cropped by 10 % a side": lambda v, _: cropped(v, 0.10),
    "smoothed, sd 2 mm": lambda v, _: with_values(v, ndimage.gaussian_filter(v.values, 0.9)),
    "mirrored, header lost": bare,
    "cropped 3 %, lung window, resampled": lambda v, r: resampled(
        windowed(-1000, 400)(cropped(v, 0.03), r), (1.5, 1.5, 3.0)
    ),
}


def likeness(a: list[tuple[str, str, Fingerprint]], b: list[tuple[str, str, Fingerprint]]):
    place = [_stacked(side, "place")[0] for side in (a, b)]
    frame = [_stacked(side, "frame")[0] for side in (a, b)]
    return np.maximum(place[0] @ place[1].T, _best_mirrored(*frame))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--chests", type=int, default=80)
    options.add_argument("--changed", type=int, default=12)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    rng = np.random.default_rng(7)
    originals, prints = [], []
    for n in range(given.chests):
        volume = chest(1000 + n)
        if n < given.changed:
            originals.append(volume)
        prints.append((f"a/{n}", f"p{n}", fingerprint(volume)))
    pairs = likeness(prints, prints)[np.triu_indices(given.chests, 1)]
    rows = [
        Row(
            f"different patients, largest likeness of {pairs.size} pairs",
            float(pairs.max()),
            "",
            target=f"< {1 - LIMIT:.2f}",
            holds=bool(pairs.max() < 1 - LIMIT),
        )
    ]
    for name, change in CHANGES.items():
        changed = [
            (f"b/{n}", f"q{n}", fingerprint(change(v, rng))) for n, v in enumerate(originals)
        ]
        found = {(leak.case_a[2:], leak.case_b[2:]) for leak in find_leaks(prints, changed)}
        right = sum((str(n), str(n)) in found for n in range(given.changed))
        same = {p.pixels for _, _, p in prints} & {p.pixels for _, _, p in changed}
        rows += [
            Row(f"missed of {given.changed}: {name}", given.changed - right, "",
                "equal pixels", given.changed - len(same)),
            Row(f"false alarms: {name}", len(found) - right, "", target="0",
                holds=len(found) == right),
        ]  # fmt: skip
    many = [(f"c/{n}", f"r{n}", _drawn(rng)) for n in range(10_000)]
    began = time.perf_counter()
    find_leaks(many, many[::-1])
    rows.append(Row("10,000 against 10,000 cases", time.perf_counter() - began, "s"))
    show(rows)


def _drawn(rng: np.random.Generator) -> Fingerprint:
    place, frame = rng.integers(-127, 128, (2, 2048), dtype=np.int8)
    return Fingerprint("", place, frame)


if __name__ == "__main__":
    main()

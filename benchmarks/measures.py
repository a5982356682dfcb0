"""Segmentation and lesion measures beside peers, alternating in one run.

Five labels on 256 x 256 x 128 voxels of 0.8 x 0.8 x 2.5 mm; an organ with 40 lesions on
512 x 512 x 300. Peers: surface-distance (HD95, NSD, ASSD), MONAI (the same and Dice), SimpleITK
(Hausdorff alone); medians of rounds in which each has its turn. Ours is every overlap and distance
measure of ``limen.measures.segmentation``.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from table import Row, show

SHAPE = (256, 256, 128)
SPACING_MM = (0.8, 0.8, 2.5)
LARGE = (512, 512, 300)
LARGE_SPACING_MM = (0.75, 0.75, 1.0)
TOLERANCE_MM = 2.0


def ellipsoids(shape: tuple[int, ...], parts: list[tuple]) -> np.ndarray:
    """Label map with an ellipsoid (value, centre, radii) for each part, the last on top."""
    labels = np.zeros(shape, np.uint8)
    for value, centre, radii in parts:
        box = tuple(
            slice(max(0, int(c - r) - 1), min(n, int(c + r) + 2))
            for c, r, n in zip(centre, radii, shape, strict=True)
        )
        grids = np.ogrid[box]
        far = sum(((g - c) / r) ** 2 for g, c, r in zip(grids, centre, radii, strict=True))
        labels[box][far <= 1] = value
    return labels


def five_labels(seed: int) -> np.ndarray:
    """Five ellipsoids; another seed moves and scales each a little."""
    rng = np.random.default_rng(seed)
    centres = [(70, 70, 40), (180, 70, 40), (70, 180, 80), (180, 180, 80), (128, 128, 60)]
    parts = []
    for n, centre in enumerate(centres, 1):
        at = np.array(centre) + rng.normal(0, 1.5, 3)
        parts.append((n, at, np.array([38, 34, 24]) * rng.uniform(0.94, 1.06, 3)))
    return ellipsoids(SHAPE, parts)


def organ_with_lesions(seed: int) -> np.ndarray:
    """An organ (1) of 130 x 110 x 90 voxels radius and 40 lesions (2) in it; another seed moves
    each a little."""
    rng, place = np.random.default_rng(seed), np.random.default_rng(0)
    middle, radii = np.array([250, 260, 150]), np.array([130, 110, 90.0])
    parts = [(1, middle + rng.normal(0, 1, 3), radii)]
    taken: list[tuple[np.ndarray, float]] = []
    while len(taken) < 40:
        at, radius = middle + place.uniform(-0.55, 0.55, 3) * radii, place.uniform(3, 9)
        if all(np.linalg.norm(at - other) > radius + r + 12 for other, r in taken):
            taken.append((at, radius))
    for at, radius in taken:
        parts.append((2, at + rng.normal(0, 1, 3), np.full(3, radius) * rng.uniform(0.9, 1.1, 3)))
    return ellipsoids(LARGE, parts)


def alternating(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median wall time of each, one after the other in every round; the first is not counted."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for n in range(rounds + 1):
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            if n:
                times[name].append(time.perf_counter() - begun)
    return {name: statistics.median(t) for name, t in times.items()}


def in_a_process(code: str) -> dict[str, float]:
    """Run in a fresh interpreter; what it prints as JSON."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent
    )
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


LARGE_CODE = """
import json, re, statistics, time, numpy as np
from pathlib import Path
from measures import LARGE_SPACING_MM, TOLERANCE_MM
from limen.measures import Wanted, measure_case
from limen.product.declaration import Task
p, r = np.load({p!r}), np.load({r!r})
task = Task(kind="lesion-detection", labels={{"organ": 1, "lesion": 2}})
affine = np.diag([*LARGE_SPACING_MM, 1.0])
wanted = Wanted((TOLERANCE_MM,))
begun = time.perf_counter()
m = measure_case(p, r, affine, task, wanted)
first = time.perf_counter() - begun
times, processor = [], []
for _ in range(9):
    begun, worked = time.perf_counter(), time.process_time()
    measure_case(p, r, affine, task, wanted)
    times.append(time.perf_counter() - begun)
    processor.append(time.process_time() - worked)
# getrusage would count what the parent process held before this one began
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
print(json.dumps(dict(first=first, median=statistics.median(times), least=min(times),
                      processor=statistics.median(processor), peak=peak,
                      lesions=len(m.reference) - 1)))
"""

MANY_CODE = """
import json, time, numpy as np
from limen.measures import measure_case, segmentation
from limen.product.declaration import Task
rng = np.random.default_rng(0)
shape, spacing = (256, 256, 128), (0.8, 0.8, 2.5)
p, r = ((rng.random(shape) < 0.017).astype(np.uint8) for _ in range(2))
task = Task(kind="lesion-detection", labels={"lesion": 1})
labels = np.zeros(shape, np.uint16)
for value in range(1, 3001):
    i, j, k = rng.integers(4, np.array(shape) - 4)
    labels[i - 3 : i + 3, j - 3 : j + 3, k - 2 : k + 2] = value
moved = np.roll(labels, 1, 0)
works = dict(
    specks=lambda: measure_case(p, r, np.diag([*spacing, 1.0]), task),
    labels=lambda: segmentation(moved, labels, spacing_mm=spacing, nsd_tolerance_mm=2),
)
told = {}
for name, work in works.items():
    work()
    begun = time.perf_counter()
    answer = work()
    told[name] = time.perf_counter() - begun
    told["n_" + name] = len(getattr(answer, "reference", answer))
print(json.dumps(told))
"""

FOLDER_CODE = """
import json, subprocess, sys, tempfile, time
from pathlib import Path
import nibabel as nib, numpy as np
rng = np.random.default_rng(0)
with tempfile.TemporaryDirectory() as folder:
    sides = [Path(folder) / side for side in ("predictions", "references")]
    for side in sides:
        side.mkdir()
    for n in range(25):
        r = np.zeros((32, 32, 16), np.uint8)
        i, j, k = rng.integers(2, (22, 22, 8))
        r[i : i + 6, j : j + 6, k : k + 4] = 1
        for side, values in zip(sides, (np.roll(r, 1, 0), r)):
            nib.save(nib.Nifti1Image(values, np.eye(4)), side / f"{{n}}.nii.gz")
            data = (side / f"{{n}}.nii.gz").read_bytes()
            for more in range(1, {cases} // 25):
                (side / f"{{n}}-{{more}}.nii.gz").write_bytes(data)
    command = [sys.executable, "-c", "from limen.cli import main; main()", "measure",
               *map(str, sides), "--label", "lesion=1", "--lesions", "--csv"]
    begun = time.perf_counter()
    rows = subprocess.run(command, capture_output=True, text=True, check=True).stdout.count(chr(10))
    took = time.perf_counter() - begun
    import resource
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps(dict(took=took, rows=rows - 1, peak=peak)))
"""

FIRST_CODE = """
import json, time, numpy as np
from measures import SPACING_MM, TOLERANCE_MM, five_labels
p, r = five_labels(1), five_labels(2)
begun = time.perf_counter()
from limen.measures import segmentation
segmentation(p, r, spacing_mm=SPACING_MM, nsd_tolerance_mm=TOLERANCE_MM)
first = time.perf_counter() - begun
begun = time.perf_counter()
segmentation(p, r, spacing_mm=SPACING_MM, nsd_tolerance_mm=TOLERANCE_MM)
print(json.dumps(dict(first=first, second=time.perf_counter() - begun)))
"""


def main() -> None:
    import monai.metrics
    import SimpleITK as sitk
    import surface_distance
    import torch

    from limen.measures import segmentation

    warnings.simplefilter("ignore")
    p, r = five_labels(1), five_labels(2)

    def ours() -> dict:
        return segmentation(p, r, spacing_mm=SPACING_MM, nsd_tolerance_mm=TOLERANCE_MM)

    def by_surface_distance() -> list:
        found = []
        for n in range(1, 6):
            d = surface_distance.compute_surface_distances(r == n, p == n, SPACING_MM)
            found.append(
                (
                    surface_distance.compute_robust_hausdorff(d, 95),
                    surface_distance.compute_surface_dice_at_tolerance(d, TOLERANCE_MM),
                    surface_distance.compute_average_surface_distance(d),
                )
            )
        return found

    def one_hot(labels: np.ndarray) -> torch.Tensor:
        return torch.stack([torch.from_numpy(labels == n) for n in range(6)])[None].float()

    def by_monai() -> np.ndarray:
        a, b = one_hot(p), one_hot(r)
        monai.metrics.compute_dice(a, b, include_background=False)
        monai.metrics.compute_surface_dice(
            a, b, [TOLERANCE_MM] * 5, include_background=False, spacing=SPACING_MM
        )
        monai.metrics.compute_average_surface_distance(
            a, b, include_background=False, symmetric=True, spacing=SPACING_MM
        )
        far = monai.metrics.compute_hausdorff_distance(
            a, b, include_background=False, percentile=95, spacing=SPACING_MM
        )
        return far[0].numpy()

    def by_itk() -> None:
        a, b = (sitk.GetImageFromArray(x.transpose(2, 1, 0)) for x in (p, r))
        for image in (a, b):
            image.SetSpacing(SPACING_MM)
        for n in range(1, 6):
            sitk.HausdorffDistanceImageFilter().Execute(a == n, b == n)

    first = in_a_process(FIRST_CODE)
    took = alternating(
        {"ours": ours, "surface-distance": by_surface_distance, "monai": by_monai, "itk": by_itk},
        rounds=3,
    )
    agree = float(np.abs(np.array([m.hd95_mm for m in ours().values()]) - by_monai()).max())
    theirs = segmentation(p, r, spacing_mm=SPACING_MM, nsd_tolerance_mm=TOLERANCE_MM,
                          convention="surface-distance")  # fmt: skip
    apart = max(
        abs(m.hd95_mm - sd[0]) + abs(m.nsd - sd[1])
        for m, sd in zip(theirs.values(), by_surface_distance(), strict=True)
    )
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for name, seed in (("p", 1), ("r", 2)):
            paths[name] = f"{folder}/{name}.npy"
            np.save(paths[name], organ_with_lesions(seed))
        large = in_a_process(LARGE_CODE.format(**paths))
    many = in_a_process(MANY_CODE)
    folders = [in_a_process(FOLDER_CODE.format(cases=n)) for n in (250, 2500)]
    masks_mb = 2 * np.prod(LARGE) / 2**20
    most_mb = 3 * masks_mb + 200
    mine = took["ours"]
    show(
        [
            Row("all measures, 5 labels", mine, "s", "surface-distance",
                took["surface-distance"], "at least 3 times faster",
                took["surface-distance"] >= 3 * mine),
            Row("all measures, 5 labels", mine, "s", "monai", took["monai"],
                "at least 30 times faster", took["monai"] >= 30 * mine),
            Row("all measures, 5 labels", mine, "s", "SimpleITK, Hausdorff alone", took["itk"]),
            Row("largest difference of HD95 to monai", agree, "mm", target="< 1e-3 mm",
                holds=agree < 1e-3),
            Row("largest difference to surface-distance, its convention", float(apart), "",
                target="< 1e-6", holds=bool(apart < 1e-6)),
            Row("first call of a process, kernels from the cache", first["first"], "s"),
            Row("second call of that process", first["second"], "s"),
            Row(f"512 x 512 x 300, organ and {large['lesions']:.0f} lesions, all and matching",
                large["median"], "s", target="at most 1 s", holds=large["median"] <= 1),
            Row("the least of 9 rounds of it", large["least"], "s"),
            Row("its processor time, all threads together", large["processor"], "s"),
            Row("its first call, with loading the kernels", large["first"], "s"),
            Row("its peak memory, the masks and the interpreter included", large["peak"], "MiB",
                target=f"at most {most_mb:.0f} MiB", holds=large["peak"] <= most_mb),
            Row(f"{many['n_specks']:.0f} specks against as many, all and matching",
                many["specks"], "s"),
            Row(f"{many['n_labels']:.0f} labels, all measures", many["labels"], "s"),
            *(
                Row(f"limen measure of a folder of {f['rows']:.0f} small cases, with lesions",
                    f["took"], "s") for f in folders
            ),
            Row("largest process of the larger folder", folders[1]["peak"], "MiB", "the smaller",
                folders[0]["peak"], "at most 1.2 times",
                folders[1]["peak"] <= 1.2 * folders[0]["peak"]),
            Row("processes waiting for a core, mean of a minute, at the end", os.getloadavg()[0],
                ""),
        ]
    )  # fmt: skip


if __name__ == "__main__":
    main()

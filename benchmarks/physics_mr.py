"""MR operators beside bare scipy.fft and finufft; CG-SENSE and ESPIRiT beside sigpy.

Each pair is taken in turns in one run and the best of several is compared, so that a load on the
machine meets both. Targets: 2-D FFT path within 1.3 x of bare scipy.fft with all cores, CG-SENSE
2.5 x faster than sigpy and within 1.5 x of its own FFTs, ESPIRiT 10 x faster than sigpy at equal
maps, off the grid within 1.3 x of bare finufft.
"""

from __future__ import annotations

import math
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.fft
from table import Row, show

SLICES, COILS, N = 16, 12, 320
SHAPE = (N, N)
ITERATIONS = 20


def _alternating(works: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Best wall time of each, all taken in turns."""
    for work in works.values():
        work()
    best = dict.fromkeys(works, math.inf)
    for _ in range(repeats):
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - begun)
    return best


def _fft(rows: list[Row], maps: Any, image: Any) -> None:
    from limen.physics.mr import Cartesian, adjoint, equispaced_mask, forward, to_image, to_kspace

    cores = len(os.sched_getaffinity(0))
    coils = np.stack([image * maps] * SLICES)
    images = np.stack([image] * SLICES)
    sampling = Cartesian(SHAPE, mask=equispaced_mask(SHAPE, 3, 24))
    kspace = forward(images, sampling, maps)
    times = _alternating(
        {
            "bare": lambda: scipy.fft.fft2(coils, workers=cores),
            "path": lambda: to_kspace(coils),
            "back": lambda: to_image(coils),
            "forward": lambda: forward(images, sampling, maps),
            "adjoint": lambda: adjoint(kspace, sampling, maps),
        },
        9,
    )
    what = f"{SLICES} slices x {COILS} coils x {N} x {N} complex64"
    for name, label in (
        ("path", f"centred unitary FFT, {what}"), ("back", "the same, inverse"),
        ("forward", "maps, FFT and mask"), ("adjoint", "mask, FFT and sum over maps"),
    ):  # fmt: skip
        holds = times[name] <= 1.3 * times["bare"]
        rows.append(
            Row(label, times[name], "s", "scipy.fft alone", times["bare"], "<= 1.3 x", holds)
        )


def _cg_sense(rows: list[Row], maps: Any, image: Any) -> None:
    import sigpy.mri.app

    from limen.physics.mr import Cartesian, cg_sense, equispaced_mask, forward, poisson_disc_mask

    cores = len(os.sched_getaffinity(0))
    for name, mask, axes in (
        ("every third line", equispaced_mask(SHAPE, 3, 24), (-2,)),
        ("Poisson-disc, R = 4", poisson_disc_mask(SHAPE, 4, 24), (-2, -1)),
    ):
        sampling = Cartesian(SHAPE, mask=mask)
        y = forward(image, sampling, maps)
        weights = mask.astype(np.float32)

        def theirs(y: Any = y, weights: Any = weights) -> Any:
            return sigpy.mri.app.SenseRecon(
                y, maps, weights=weights, lamda=0, max_iter=ITERATIONS, show_pbar=False
            ).run()

        def ours(y: Any = y, sampling: Any = sampling) -> Any:
            return cg_sense(y, sampling, maps, ITERATIONS)

        def ffts(y: Any = y, axes: tuple[int, ...] = axes) -> None:
            data = np.array(y)
            # the first image, A^H y, is one of them
            scipy.fft.ifft2(data, workers=cores)
            for _ in range(ITERATIONS):
                data = scipy.fft.fftn(data, axes=axes, overwrite_x=True, workers=cores)
                data = scipy.fft.ifftn(data, axes=axes, overwrite_x=True, workers=cores)

        def both_axes() -> None:
            ffts(axes=(-2, -1))

        works = {"ours": ours, "theirs": theirs, "ffts": ffts, "2-D": both_axes}
        times = _alternating(works, 12)
        a, b = ours(), theirs()
        apart = float(np.linalg.norm(a - b) / np.linalg.norm(b))
        label = f"CG-SENSE, {COILS} coils {N} x {N}, {ITERATIONS} iterations, {name}"
        rows.append(
            Row(label, times["ours"], "s", "sigpy", times["theirs"], ">= 2.5 x",
                times["theirs"] >= 2.5 * times["ours"])
        )  # fmt: skip
        rows.append(
            Row("  beside the 2-D FFTs of its iterations", times["ours"], "s", "scipy.fft alone",
                times["2-D"], "<= 1.5 x", times["ours"] <= 1.5 * times["2-D"])
        )  # fmt: skip
        if len(axes) == 1:
            rows.append(
                Row("  beside the FFTs it makes, which are along y only", times["ours"], "s",
                    "scipy.fft alone", times["ffts"], "<= 1.5 x",
                    times["ours"] <= 1.5 * times["ffts"])
            )  # fmt: skip
        rows.append(
            Row("  difference to sigpy's image", apart, "", target="< 1e-3", holds=apart < 1e-3)
        )


def _espirit(rows: list[Row], maps: Any, image: Any) -> None:
    import sigpy.mri.app

    from limen.physics.mr import espirit, to_kspace

    rng = np.random.default_rng(0)
    y = to_kspace(image * maps)
    y += 0.02 * (rng.standard_normal((*y.shape, 2), dtype=np.float32).view(np.complex64)[..., 0])
    # sigpy takes so long that its first call counts: it compiles nothing here
    ours, theirs = [], []
    espirit(y)
    for take in range(4):
        begun = time.perf_counter()
        a = espirit(y)[0]
        ours.append(time.perf_counter() - begun)
        if take % 2 == 0:
            begun = time.perf_counter()
            b = sigpy.mri.app.EspiritCalib(y, show_pbar=False).run()
            theirs.append(time.perf_counter() - begun)
    times = {"ours": min(ours), "theirs": min(theirs)}
    both = (np.abs(a).sum(axis=0) > 0) & (np.abs(b).sum(axis=0) > 0)
    apart = float(np.percentile(np.abs(a - b).max(axis=0)[both], 99))
    rows.append(
        Row(f"ESPIRiT, {COILS} coils {N} x {N}", times["ours"], "s", "sigpy", times["theirs"],
            ">= 10 x", times["theirs"] >= 10 * times["ours"])
    )  # fmt: skip
    rows.append(
        Row("  difference to sigpy's maps in 99 % of pixels", apart, "", target="< 0.02",
            holds=apart < 0.02)
    )  # fmt: skip


def _off_the_grid(rows: list[Row], maps: Any, image: Any) -> None:
    import finufft

    from limen.physics.mr import adjoint, forward, radial

    sampling = radial(201, SHAPE, n_samples=640, tolerance=1e-4)
    points = (2 * np.pi * sampling.trajectory_per_mm).astype(np.float32)
    ky, kx = (np.ascontiguousarray(p) for p in points.T)
    cores = len(os.sched_getaffinity(0))
    plans = [finufft.Plan(kind, SHAPE, n_trans=COILS, eps=1e-4, isign=sign, dtype="complex64",
                          nthreads=cores) for kind, sign in ((2, -1), (1, 1))]  # fmt: skip
    for plan in plans:
        plan.setpts(ky, kx)
    coils = np.ascontiguousarray(image * maps)
    y = forward(image, sampling, maps)
    times = _alternating(
        {
            "forward": lambda: forward(image, sampling, maps),
            "bare 2": lambda: plans[0].execute(coils),
            "adjoint": lambda: adjoint(y, sampling, maps),
            "bare 1": lambda: plans[1].execute(y),
        },
        9,
    )
    for name, bare in (("forward", "bare 2"), ("adjoint", "bare 1")):
        holds = times[name] <= 1.3 * times[bare]
        rows.append(
            Row(f"radial {name}, {COILS} coils, {len(ky)} samples", times[name], "s",
                "finufft alone", times[bare], "<= 1.3 x", holds)
        )  # fmt: skip


def _memory(rows: list[Row], maps: Any, image: Any) -> None:
    """Growth of the peak beyond the result, from 4 to 32 slices of coil images."""
    from limen.physics.mr import Cartesian, adjoint, forward

    sampling = Cartesian(SHAPE)
    grown = []
    for slices in (4, 32):
        kspace = forward(np.stack([image] * slices), sampling, maps)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        adjoint(kspace, sampling, maps)
        grown.append((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
    result = 32 * N * N * 8 / 2**20
    rows.append(
        Row("adjoint of 32 slices: memory beyond k-space", grown[1], "MB", "its result", result,
            "<= result + 40 MB", grown[1] <= result + 40)
    )  # fmt: skip


def main() -> None:
    from limen.physics.mr import phantom_image, ring_maps

    image = phantom_image(SHAPE, (0.65, 0.65)).astype(np.complex64)
    maps = ring_maps(COILS, SHAPE).astype(np.complex64)
    rows: list[Row] = []
    for part in (_memory, _fft, _cg_sense, _off_the_grid, _espirit):
        part(rows, maps, image)
    show(rows)
    if "--json" not in sys.argv:
        load = os.getloadavg()[0]
        print(f"  load of the machine (1 min): {load:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()

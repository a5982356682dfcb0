"""CT projectors of one 512 x 512 slice, 720 views, 736 detectors, beside scikit-image and ASTRA.

ASTRA (GPL, CPU projectors, one thread) is measured when it can be imported. It needs 381 MB of
CUDA libraries, so it is in no extra: without it its time is scikit-image's of this run times the
ratio that was measured once on a quiet machine of two cores (2.5.0: forward 0.94 s beside 2.34 s,
back-projection 0.70 s beside 1.34 s, fan 0.88 s and 0.79 s), and the row says so.
"""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from table import Row, show

N, VIEWS, DETECTORS, REPEATS = 512, 720, 736, 7
ASTRA_SHARE = {"forward": 0.94 / 2.34, "back-projection": 0.70 / 1.34}


def _alternating(works: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Best wall time of each, all taken in turns: a load on the machine meets all alike."""
    for work in works.values():
        work()
    best = dict.fromkeys(works, math.inf)
    for _ in range(REPEATS):
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - begun)
    return best


def _astra() -> dict[str, Callable[[], Any]]:
    try:
        import astra
    except ImportError:
        return {}
    volume = astra.create_vol_geom(N, N)
    rays = astra.create_proj_geom("parallel", 1.0, DETECTORS, np.pi * np.arange(VIEWS) / VIEWS)
    projector = astra.create_projector("linear", rays, volume)
    image, sinogram = _image(), np.ones((VIEWS, DETECTORS), np.float32)

    def forward() -> None:
        astra.data2d.delete(astra.create_sino(image, projector)[0])

    def back() -> None:
        astra.data2d.delete(astra.create_backprojection(sinogram, projector)[0])

    return {"astra forward": forward, "astra back-projection": back}


def _image() -> np.ndarray:
    x = np.arange(N) - (N - 1) / 2
    body = np.hypot(x[:, None] / 1.2, x[None]) < 190
    texture = 1e-3 * np.random.default_rng(0).random((N, N))
    return ((0.02 + texture) * body).astype(np.float32)


def _memory(work: Callable[[], Any], one: int) -> float:
    """Memory of the process beyond what it had, over one slice's input and output, at its peak."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / one


def main() -> None:
    from skimage.transform import iradon, radon

    from limen.physics.ct import FanGeometry, ParallelGeometry, adjoint, fbp, forward

    image = _image()
    parallel = ParallelGeometry(VIEWS, DETECTORS, 1.0, (N, N), 1.0)
    fans = {
        kind: FanGeometry(VIEWS, DETECTORS, 1.5, 800.0, 1200.0, (N, N), 1.0, kind)
        for kind in ("curved", "flat")
    }
    lines = forward(image, parallel)
    fan_lines = {kind: forward(image, g) for kind, g in fans.items()}
    degrees = 180 * np.arange(VIEWS) / VIEWS
    sinogram = radon(image, degrees, circle=False)
    many = np.repeat(image[:, :, None], 16, axis=2)
    many_lines = np.repeat(lines[:, :, None], 16, axis=2)
    works: dict[str, Callable[[], Any]] = {
        "forward": lambda: forward(image, parallel),
        "skimage forward": lambda: radon(image, degrees, circle=True),
        "fbp": lambda: fbp(lines, parallel, "ramp"),
        "skimage fbp": lambda: iradon(sinogram, degrees, filter_name="ramp", output_size=N,
                                      circle=False),
        "adjoint": lambda: adjoint(lines, parallel),
        "fan curved forward": lambda: forward(image, fans["curved"]),
        "fan curved fbp": lambda: fbp(fan_lines["curved"], fans["curved"], "ramp"),
        "fan flat forward": lambda: forward(image, fans["flat"]),
        "fan flat fbp": lambda: fbp(fan_lines["flat"], fans["flat"], "ramp"),
        **_astra(),
    }  # fmt: skip
    t = _alternating(works)
    stacks = _alternating(
        {"forward": lambda: forward(many, parallel), "fbp": lambda: fbp(many_lines, parallel)}
    )
    rows = []
    for ours, theirs, least in (("forward", "skimage forward", 20), ("fbp", "skimage fbp", 15)):
        ratio = t[theirs] / t[ours]
        rows.append(Row(f"parallel {ours}", t[ours], "s", "scikit-image", t[theirs],
                        f">= {least}x", ratio >= least))  # fmt: skip
    for ours, kind, base in (
        ("forward", "forward", "skimage forward"), ("fbp", "back-projection", "skimage fbp"),
    ):  # fmt: skip
        measured = t.get(f"astra {kind}")
        astra = measured if measured is not None else ASTRA_SHARE[kind] * t[base]
        peer = "astra" if measured is not None else "astra, by its ratio to scikit-image"
        rows.append(Row(f"parallel {ours}", t[ours], "s", peer, astra, ">= 8x",
                        astra / t[ours] >= 8))  # fmt: skip
    for kind in ("curved", "flat"):
        for what in ("forward", "fbp"):
            mine = t[f"fan {kind} {what}"]
            rows.append(Row(f"fan {kind} {what}", mine, "s", "our parallel", t[what],
                            "<= 1.5x of parallel", mine <= 1.5 * t[what]))  # fmt: skip
    rows.append(Row("parallel adjoint", t["adjoint"], "s"))
    rows += [
        Row(f"parallel {what}, each of 16 slices", took / 16, "s") for what, took in stacks.items()
    ]
    one = image.nbytes + lines.nbytes
    long = np.repeat(image[:, :, None], 96, axis=2)
    extra = _memory(lambda: forward(long, parallel), one)
    allowed = 96 * lines.nbytes / one + 30
    rows.append(
        Row("memory of forward on 96 slices, in one slice's input and output", extra, "slices",
            target="the output and at most 30 more", holds=extra < allowed)
    )  # fmt: skip
    show(rows)


if __name__ == "__main__":
    main()

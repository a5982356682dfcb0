"""Draw each degradation of OCT at five levels: on a phantom, and on real fringes where they are.

    python docs/gallery/oct.py [folder for the pictures]

Writes ``oct-phantom.png``, and ``oct-real.png`` if the real set is found (``LIMEN_TEST_DATA``, else
``../shared/data``). All pictures go through raw fringes: degraded, then reconstructed, 45 dB from
black to white, the same for all pictures of a figure.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from limen.physics.oct import (
    Acquisition,
    AxialMotion,
    Defocus,
    Detector,
    DispersionMismatch,
    ExcessNoise,
    KClockError,
    Optics,
    Recipe,
    Sampling,
    Saturation,
    Source,
    SourcePower,
    SpectralResolution,
    add_noise,
    calibrate,
    mean_counts,
    photon_transfer,
    read_calibration_set,
    reconstruct,
)

RANGE_DB = 45.0
TILE = (230, 190)
LABEL = 30

Levels = list[tuple[Any, list[float]]]


def retina(acquisition: Acquisition, n_scans: int = 256, seed: int = 1) -> np.ndarray:
    """(A-scans, depths) complex64 reflectivity: layers, a pocket of fluid, bright interfaces."""
    rng = np.random.default_rng(seed)
    x = np.arange(n_scans)[:, None] / n_scans
    z = acquisition.sampling.depth_um[None, :]
    top = 330 + 90 * (2 * x - 1) ** 2 + 60 * np.exp(-(((x - 0.5) / 0.12) ** 2))
    thickness = np.array([60, 45, 70, 50, 90, 22, 300.0])
    power_db = np.array([-2, -9, -5, -12, -17, 2, -8.0])
    power = np.zeros((n_scans, z.size))
    edge = top
    for t, p in zip(thickness, power_db, strict=True):
        inside = (z >= edge) & (z < edge + t)
        power = np.where(inside, 10 ** (p / 10), power)
        edge = edge + t
    fluid = ((x - 0.7) / 0.09) ** 2 + ((z - top - 190) / 55) ** 2 < 1
    power = np.where(fluid, 1e-5, power)
    power *= np.exp(-np.maximum(z - top, 0) / 350)
    speckle = rng.standard_normal(power.shape) + 1j * rng.standard_normal(power.shape)
    field = np.sqrt(power / 2) * speckle
    # specular: the vitreous face and the pigment epithelium
    for depth, height in ((top, 6.0), (top + 315, 4.0)):
        j = np.rint(depth[:, 0] / acquisition.sampling.depth_spacing_um).astype(int)
        field[np.arange(n_scans), j] += height * np.exp(1j * rng.uniform(-np.pi, np.pi, n_scans))
    return (2.5e-3 * field).astype(np.complex64)


def phantom() -> tuple[Acquisition, np.ndarray, Recipe, Levels]:
    acquisition = Acquisition(
        Sampling.even_in_wavelength(1024, 790, 910), Source(850, 50), exposure_us=10, period_us=12,
        detector=Detector(4e4, 4e4, read_noise_electrons=60, full_scale_counts=65535),
        optics=Optics(waist_um=5, focus_um=520, scan_step_um=4),
    )  # fmt: skip
    raw = add_noise(mean_counts(retina(acquisition), acquisition), acquisition.detector,
                    np.random.default_rng(2))  # fmt: skip
    acquisition = acquisition.replaced(background_counts=acquisition.reference_counts)
    levels: Levels = [
        (SourcePower(acquisition), [1, 0.3, 0.1, 0.03, 0.01]),
        (ExcessNoise(acquisition), [0, 0.01, 0.03, 0.06, 0.2]),
        (DispersionMismatch(acquisition), [0, 500, 1500, 4000, 10000]),
        (KClockError(acquisition), [0, 0.5, 1.5, 4, 12]),
        (Saturation(acquisition), [1, 0.9, 0.8, 0.6, 0.3]),
        (AxialMotion(acquisition), [0, 3, 10, 20, 60]),
        (Defocus(acquisition), [0, 100, 250, 500, 1000]),
        (SpectralResolution(acquisition), [0, 100, 200, 400, 800]),
    ]
    return acquisition, raw, Recipe.of_acquisition(acquisition), levels


def real(folder: Path) -> tuple[Acquisition, np.ndarray, Recipe, Levels]:
    """The wavelengths of the set are not known: 1260 to 1360 nm is assumed, for the axes' units."""
    found = calibrate(read_calibration_set(folder))
    raw = np.load(folder / "bscan_010.npy")
    dark = float(np.load(folder / "dark_not.npy").min())
    gain, error = photon_transfer(raw, dark)
    print(f"real set: {gain:.3g} +/- {error:.2g} electrons per raw unit, by photon transfer")
    electrons = gain * float(raw.mean(0).max() - dark)
    spectrum = np.maximum(raw.mean(0) - dark, 1e-3)
    acquisition = Acquisition(
        Sampling.of_positions(found.positions, 1024, 1260, 1360),
        Source(1310, 60, tuple(spectrum / spectrum.max())), exposure_us=8, period_us=20,
        detector=Detector(electrons, electrons, electrons_per_count=gain, dark_counts=dark),
        optics=Optics(waist_um=8, focus_um=450, scan_step_um=8),
    )  # fmt: skip
    levels: Levels = [
        (SourcePower(acquisition), [1, 0.5, 0.2, 0.05, 0.01]),
        (ExcessNoise(acquisition), [0, 1e-3, 3e-3, 0.01, 0.03]),
        (DispersionMismatch(acquisition), [0, 2000, 5000, 12000, 30000]),
        (KClockError(acquisition), [0, 1, 4, 10, 25]),
        (Saturation(acquisition), [1, 0.99, 0.95, 0.8, 0.5]),
        (AxialMotion(acquisition), [0, 5, 20, 40, 120]),
        (Defocus(acquisition), [0, 200, 500, 1000, 2000]),
        (SpectralResolution(acquisition), [0, 100, 200, 400, 800]),
    ]
    return acquisition, raw, Recipe.of_calibration(found), levels


def draw(path: Path, title: str, raw: np.ndarray, recipe: Recipe, levels: Levels,
         depths: int) -> None:  # fmt: skip
    clean = reconstruct(raw, recipe).data[:, 8:depths]
    white = float(np.percentile(clean, 99.8))
    font = ImageFont.load_default(size=13)
    wide, high = TILE
    figure = Image.new("L", (5 * (wide + 6) + 6, len(levels) * (high + LABEL) + 40), 255)
    pen = ImageDraw.Draw(figure)
    pen.text((8, 8), title, fill=0, font=ImageFont.load_default(size=16))
    for r, (degradation, values) in enumerate(levels):
        for c, value in enumerate(values):
            applied = degradation.apply(raw, degradation.draw(float(value), seed=3))
            image = reconstruct(applied.data, recipe).data[:, :depths].T
            grey = np.clip((image - white + RANGE_DB) / RANGE_DB, 0, 1) * 255
            tile = Image.fromarray(grey.astype(np.uint8)).resize(TILE, Image.Resampling.BOX)
            x, y = 6 + c * (wide + 6), 36 + r * (high + LABEL)
            figure.paste(tile, (x, y + LABEL - 8))
            pen.text((x, y), f"{degradation.axis.name} {value:g} {degradation.axis.unit}", fill=0,
                     font=font)  # fmt: skip
            note = "  ".join(f"{k} {v:.3g}" for k, v in applied.record.measured.items())
            said = "; ".join(w.split(":")[0] for w in applied.record.warnings)
            print(f"{degradation.axis.name} {value:g} {degradation.axis.unit}: {note} {said}")
    figure.save(path, optimize=True)
    print(f"wrote {path}")


def main() -> None:
    here = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    _, raw, recipe, levels = phantom()
    title = f"OCT phantom, 850 nm: each degradation from nominal (left); {RANGE_DB:g} dB"
    draw(here / "oct-phantom.png", title, raw, recipe, levels, 330)
    shared = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("LIMEN_TEST_DATA", shared)) / "oct"
    if not (folder / "mirror1.npy").is_file():
        print("no real OCT fringes here: only the phantom is drawn")
        return
    _, raw, recipe, levels = real(folder)
    title = f"OCT fringes of a real sample (wavelengths assumed); {RANGE_DB:g} dB"
    draw(here / "oct-real.png", title, raw, recipe, levels, 230)


if __name__ == "__main__":
    main()

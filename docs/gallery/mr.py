"""Draw each degradation of MR at five levels, on a phantom and on real raw data and images.

    python docs/gallery/mr.py [gre.dat] [image.dcm]

Writes docs/gallery/mr-phantom.png (12 simulated coils, noise as of a scan) and, where they are
given, docs/gallery/mr-raw.png (Siemens raw data of one slice) and docs/gallery/mr-image.png (a
DICOM magnitude image). Numbers over the pictures are in the unit of the axis, with the root mean
square change as a share of the window; the first picture of a row is nominal. The phase encoding
runs from top to bottom. Window: 0 to the 99.5th percentile.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from limen.physics.mr import (
    Acceleration,
    Acquisition,
    Averages,
    BiasField,
    CoilDropout,
    FieldStrength,
    Ghosting,
    Motion,
    OffResonance,
    PartialFourier,
    Rotation,
    SignalToNoise,
    Spikes,
    espirit,
    noise_covariance,
    noise_level,
    phantom_image,
    prewhiten,
    read_twix,
    ring_maps,
    to_image,
)
from limen.physics.mr.acquisition import noise, slice_generator

HERE = Path(__file__).parent
SIDE, HEAD = 150, 16


def rows_for(scan: Acquisition, alone: Acquisition) -> list[tuple[Any, list[float]]]:
    """Degradation and five levels; ``alone`` for those that need one coil only."""
    rows: list[tuple[Any, list[float]]] = [
        (SignalToNoise(alone), [1, 0.5, 0.25, 0.12, 0.06]),
        (Averages(alone.with_fields(averages=16)), [16, 8, 4, 2, 1]),
        (FieldStrength(alone.with_fields(field_tesla=3.0)), [3, 1.5, 1, 0.5, 0.2]),
        (Acceleration(alone, "equispaced", 0), [1, 2, 3, 4, 6]),
        (Acceleration(alone, "random", 16), [1, 1.5, 2, 3, 5]),
        (Acceleration(alone, "random", 16, "l1-wavelet"), [1, 1.5, 2, 3, 5]),
        (Acceleration(alone, "poisson-disc", 16, "l1-wavelet"), [1, 2, 3, 5, 8]),
        (Motion(alone, course="breathing"), [0, 1, 2, 4, 8]),
        (Motion(alone, course="walk", order="interleaved"), [0, 1, 2, 4, 8]),
        (Rotation(alone), [0, 1, 2, 4, 8]),
        (Ghosting(alone, 2), [0, 0.05, 0.1, 0.2, 0.4]),
        (Ghosting(alone, 5, "phase"), [0, 0.05, 0.1, 0.2, 0.4]),
        (Spikes(alone), [0, 1, 3, 10, 30]),
        (OffResonance(alone), [0, 200, 500, 1000, 2000]),
        (OffResonance(alone.with_fields(bandwidth_hz_per_pixel=20.0), "phase"),
         [0, 50, 100, 200, 400]),
        (PartialFourier(alone), [1, 0.8, 0.7, 0.6, 0.52]),
        (PartialFourier(alone, "zero-filled"), [1, 0.8, 0.7, 0.6, 0.52]),
        (BiasField(alone), [0, 0.2, 0.4, 0.6, 0.9]),
    ]  # fmt: skip
    if scan.maps is not None:
        most = scan.n_coils - 1
        lost = sorted({round(most * s) for s in (0, 0.1, 0.3, 0.6, 1.0)})
        rows += [
            (CoilDropout(scan), [float(v) for v in lost]),
            (Acceleration(scan, "equispaced", 0, "sense"), [1, 2, 4, 5, 8]),
            (Acceleration(scan, "equispaced", 24, "grappa"), [1, 2, 3, 4, 5]),
            (Acceleration(scan, "poisson-disc", 16, "cg-sense"), [1, 2, 4, 6, 8]),
            (Motion(scan, course="step"), [0, 1, 2, 4, 8]),
        ]
    return rows


def _label(degradation: Any, value: float) -> str:
    words = [degradation.axis.name]
    for name in ("mask", "method", "course", "order", "kind", "slow"):
        word = getattr(degradation, name, None)
        if isinstance(word, str) and word != "zero-filled":
            words.append(word)
    return " ".join([*words, f"{value:g}", degradation.axis.unit])


def draw(image: np.ndarray, scan: Acquisition, to: Path, raw: np.ndarray | None = None) -> None:
    """A row for each degradation: inserted into an image, or acting on (coils, ky, kx) raw data."""
    rows = rows_for(scan, scan if raw is not None else scan.with_fields(maps=None))
    tall = max(SIDE * image.shape[0] // image.shape[1], 1)
    sheet = Image.new("L", (5 * SIDE, len(rows) * (tall + HEAD)), 0)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    top = float(np.percentile(image, 99.5))
    for r, (degradation, values) in enumerate(rows):
        for c, value in enumerate(values):
            value = min(value, degradation.axis.highest)
            drawn = degradation.draw(value, seed=4)
            if raw is None:
                picture = degradation.insert(image, drawn).data
            else:
                data = degradation.apply(raw, drawn).data
                sampling = degradation.sampled(drawn) if hasattr(degradation, "sampled") else None
                method = getattr(degradation, "method", "zero-filled")
                picture = np.abs(degradation.acquisition.image_of(data, sampling, method))
            grey = (np.clip(picture / top, 0, 1) * 63).astype(
                np.uint8
            ) * 4  # 64 greys: half the file
            tile = Image.fromarray(grey).resize((SIDE, tall), Image.Resampling.BOX)
            sheet.paste(tile, (c * SIDE, r * (tall + HEAD) + HEAD))
            change = float(np.sqrt(((picture - image) ** 2).mean()) / top)
            text = f"{value:g} {degradation.axis.unit} ({change:.1%})"
            if c == 0:
                text = _label(degradation, value)
            pen.text((c * SIDE + 3, r * (tall + HEAD) + 3), text, 255, font)
    sheet.save(to, optimize=True)
    print(to)


def phantom() -> tuple[np.ndarray, Acquisition]:
    shape, pixel_mm, sd = (240, 200), (0.9, 0.9), 0.015
    clean = phantom_image(shape, pixel_mm) + 0j
    image = np.abs(clean + noise(shape, sd, slice_generator(1, 0), np.complex128))
    maps = ring_maps(12, shape, pixel_mm).astype(np.complex64)
    scan = Acquisition(shape, pixel_mm, maps=maps, noise_sd=sd, bandwidth_hz_per_pixel=200.0)
    return image.astype(np.float32), scan


def real_raw(path: str) -> tuple[np.ndarray, Acquisition, np.ndarray]:
    """Prewhitened raw data of the first slice, with ESPIRiT maps."""
    raw = read_twix(path).without_oversampling()
    kspace = raw.kspace[0]
    corner = to_image(kspace)[:, :12, :12].reshape(len(kspace), -1)
    kspace = prewhiten(kspace, noise_covariance(corner))
    maps, _ = espirit(kspace, crop=0.8)
    # prewhitened noise has variance 1, half of it in each part
    scan = Acquisition(
        raw.sampling.shape, raw.sampling.pixel_mm, maps=maps, noise_sd=float(np.sqrt(0.5)),
        bandwidth_hz_per_pixel=raw.bandwidth_hz_per_pixel,
    )  # fmt: skip
    return np.abs(scan.image_of(kspace)), scan, kspace


def real_image(path: str) -> tuple[np.ndarray, Acquisition]:
    import pydicom

    file = pydicom.dcmread(path)
    image = file.pixel_array.astype(np.float32)
    pixel_mm = tuple(float(v) for v in getattr(file, "PixelSpacing", (1.0, 1.0)))
    sd = noise_level(image).value
    scan = Acquisition(image.shape, pixel_mm, noise_sd=sd, bandwidth_hz_per_pixel=200.0)
    return image, scan


def main() -> None:
    draw(*phantom(), HERE / "mr-phantom.png")
    for path in sys.argv[1:]:
        if path.endswith(".dat"):
            image, scan, kspace = real_raw(path)
            draw(image, scan, HERE / "mr-raw.png", kspace)
        else:
            draw(*real_image(path), HERE / "mr-image.png")


if __name__ == "__main__":
    main()

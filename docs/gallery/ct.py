"""Draw each degradation of CT at five levels, on a phantom and on a real chest.

    python docs/gallery/ct.py [chest.nii.gz]

Writes docs/gallery/ct-phantom.png and, where a chest CT is given (an axial NIfTI volume in HU),
docs/gallery/ct-chest.png. Numbers over the pictures are in the unit of the axis; the first picture
of a row is nominal. Window: -250 to 450 HU; arc, thickness and kernel: -1000 to 400 HU.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from limen.physics.ct.acquisition import Acquisition
from limen.physics.ct.blur import Softening
from limen.physics.ct.dose import Dose
from limen.physics.ct.hardening import BeamHardening
from limen.physics.ct.metal import Metal
from limen.physics.ct.motion import Motion
from limen.physics.ct.rings import Rings
from limen.physics.ct.sparse import Arc, Views
from limen.physics.ct.thickness import SliceThickness

HERE = Path(__file__).parent
SIDE, HEAD = 256, 18
SOFT, WIDE = (-250, 450), (-1000, 400)


def phantom() -> tuple[np.ndarray, float, float]:
    """(256, 256, 9) HU: water with bones, air, contrasts and rods that tilt; 1.4 and 2.5 mm."""
    n, pixel, spacing = 256, 1.4, 2.5
    fine = 3
    at = (np.arange(n * fine) - (n * fine - 1) / 2) * pixel / fine
    x, y = np.meshgrid(at, at, indexing="ij")
    slices = []
    for k in range(-4, 5):
        z = k * spacing
        hu = np.where(np.hypot(x / 1.25, y) < 110, 0.0, -1000.0)
        for cx, cy, radius, value in (
            (-60, 0, 14, 900), (60, 0, 14, 900), (0, -60, 22, -850), (0, 55, 16, 60),
            (-45, 55, 12, -60), (45, -50, 9, 300), (45, 55, 3, 300), (60, 55, 2, 300),
            (72, 55, 1.2, 300), (-70 + z, -50, 5, 200), (-50, -50 + 2 * z, 5, 200),
        ):  # fmt: skip
            hu = np.where(np.hypot(x - cx, y - cy) < radius, value, hu)
        slices.append(hu.reshape(n, fine, n, fine).mean(axis=(1, 3)))
    return np.stack(slices, axis=2).astype(np.float32), pixel, spacing


def chest(path: str) -> tuple[np.ndarray, float, float]:
    """Nine slices around the middle of a volume."""
    import nibabel as nib

    image: Any = nib.as_closest_canonical(nib.load(path))
    middle = image.shape[2] // 2
    part = np.asarray(image.dataobj[:, ::-1, middle - 4 : middle + 5], dtype=np.float32)
    pixel, _, spacing = (float(v) for v in image.header.get_zooms()[:3])
    return part, pixel, spacing


def rows_for(
    shape: tuple[int, ...], pixel: float, spacing: float
) -> list[tuple[Any, list[float], Any]]:
    """Degradation, five levels, and window."""
    scan = Acquisition.of_image(
        shape, pixel, 984, photons_per_ray=2e5, electronic_noise_photons=10.0
    )
    return [
        (Dose(scan), [1.0, 0.3, 0.1, 0.03, 0.01], SOFT),
        (Views(scan), [984, 246, 123, 82, 41], SOFT),
        (Arc(scan), [180, 170, 150, 120, 90], WIDE),
        (Motion(scan, "breathing"), [0, 1, 2, 4, 8], SOFT),
        (Motion(scan, "shift"), [0, 1, 2, 4, 8], SOFT),
        (Rings(scan), [0, 0.002, 0.005, 0.01, 0.03], SOFT),
        (BeamHardening(scan), [0, 0.25, 0.5, 0.75, 1.0], SOFT),
        (Metal(scan, "titanium", centre_mm=(10.0, -15.0)), [0, 2, 5, 10, 15], SOFT),
        (Metal(scan, "iron", centre_mm=(10.0, -15.0)), [0, 2, 4, 6, 10], SOFT),
        (SliceThickness(spacing, spacing), [spacing * n for n in (1, 2, 3, 5, 7)], WIDE),
        (Softening(pixel, pixel), [0, 1, 2, 4, 8], WIDE),
    ]


def draw(volume: np.ndarray, pixel: float, spacing: float, to: Path) -> None:
    rows = rows_for(volume.shape, pixel, spacing)
    sheet = Image.new("L", (5 * SIDE, len(rows) * (SIDE + HEAD)), 0)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default()
    for r, (degradation, values, (low, high)) in enumerate(rows):
        for c, value in enumerate(values):
            whole = isinstance(degradation, SliceThickness)
            source = volume if whole else volume[:, :, 4]
            applied = degradation.insert(source, degradation.draw(value, seed=4))
            image = applied.data[:, :, 4] if whole else applied.data
            grey = np.clip((image.T - low) / (high - low), 0, 1) * 255
            picture = Image.fromarray(grey.astype(np.uint8)).resize(
                (SIDE, SIDE), Image.Resampling.BOX
            )
            top = r * (SIDE + HEAD)
            sheet.paste(picture, (c * SIDE, top + HEAD))
            drawn = applied.record.drawn.parameters
            kind = drawn.get("material") or drawn.get("course") or ""
            unit = degradation.axis.unit
            label = f"{degradation.axis.name} {kind} {value:g} {unit}".replace("  ", " ")
            change = float(np.std(image - volume[:, :, 4]))
            pen.text((c * SIDE + 3, top + 3), f"{label}  (change {change:.0f} HU)", 255, font)
    sheet.save(to, optimize=True)
    print(to)


def main() -> None:
    draw(*phantom(), HERE / "ct-phantom.png")
    if len(sys.argv) > 1:
        draw(*chest(sys.argv[1]), HERE / "ct-chest.png")


if __name__ == "__main__":
    main()

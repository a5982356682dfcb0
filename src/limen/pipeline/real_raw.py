"""Pictures of real raw data: that the physics works on what a scanner measured, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from limen.data.volume import Array
from limen.evidence import write_atomically

if TYPE_CHECKING:
    from limen.physics.mr import RawData

_SEED = 20260712


def draw_kspace(file: Path, picture: Path) -> None:
    """Raw k-space of one slice as measured, and with the axes that mr-brain-lesion declares.

    Parameters
    ----------
    file : Path
        Siemens raw data (twix), one slice, several coils; needs twixtools.
    picture : Path
        The PNG to write.

    Raises
    ------
    RawDataError
    """
    from limen.physics.mr import read_twix

    raw = read_twix(file).without_oversampling()
    panels = degraded_kspace(raw)
    top = float(np.percentile(panels[0][1], 99.5))
    note = "Real k-space of a phantom, 3 T, gradient echo. It shows the physics; no model was run."
    _draw([(words, image, 0.0, top) for words, image in panels], note, picture)


def degraded_kspace(raw: RawData) -> list[tuple[str, Array]]:
    """Words and (y, x) magnitude of the first slice: as measured, then along each axis."""
    from limen.physics.mr import (
        Acceleration,
        Acquisition,
        Motion,
        SignalToNoise,
        noise_covariance,
        prewhiten,
        root_sum_of_squares,
        to_image,
        to_kspace,
    )

    images = to_image(raw.kspace[0])
    # nothing is in the corners of the field of view but noise
    n = max(8, images.shape[-1] // 12)
    corners = [images[:, y, x] for y in (slice(0, n), slice(-n, None)) for x in (slice(0, n),)]
    samples = np.concatenate([c.reshape(len(images), -1) for c in corners], axis=1)
    white = to_kspace(prewhiten(images, noise_covariance(samples)))
    shape = (white.shape[-2], white.shape[-1])
    # prewhitened noise has variance 1, half of it in each part
    acquisition = Acquisition(shape, raw.sampling.pixel_mm, noise_sd=float(np.sqrt(0.5)))
    axes: list[tuple[str, Any, float]] = [
        ("mr.snr 0.3", SignalToNoise(acquisition), 0.3),
        ("mr.acceleration 3x, zero-filled", Acceleration(acquisition), 3),
        ("mr.motion 4 mm", Motion(acquisition), 4.0),
    ]
    shown = [("as measured", white)]
    for words, degradation, value in axes:
        drawn = degradation.draw(value, _SEED)
        shown.append((words, degradation.apply(white[None], drawn).data[0]))
    return [(words, root_sum_of_squares(to_image(kspace))) for words, kspace in shown]


def draw_fringes(folder: Path, picture: Path) -> None:
    """The first B-scan of real fringes before and after calibration by two mirrors.

    Parameters
    ----------
    folder : Path
        ``bscan*.npy`` and a calibration set, see `limen.physics.oct.read_calibration_set`.
    picture : Path
        The PNG to write.

    Raises
    ------
    CalibrationError, FringeFileError, FringeError
        FringeFileError also where there is no B-scan.
    """
    from limen.physics.oct import FringeFileError, read_calibration_set, read_fringes

    files = sorted(folder.glob("bscan*.npy"))
    if not files:
        raise FringeFileError("there is no B-scan", where=folder.name, mend="give bscan*.npy")
    measured = read_calibration_set(folder)
    scan = read_fringes(files[0]).data[0]
    panels = []
    for words, image in calibrated_scans(scan, measured):
        low, high = (float(v) for v in np.percentile(image, (25, 99.8)))
        panels.append((words, image.T, low, high))
    note = (
        "Real fringes. Axes in pixels: wavelengths and the step between A-scans are not stated. "
        "No model was run."
    )
    _draw(panels, note, picture)


def calibrated_scans(scan: Array, measured: Any) -> list[tuple[str, Array]]:
    """Words and (A-scans, depths) dB of fringes (A-scans, samples): even in k, and before that."""
    from limen.physics.oct import Recipe, calibrate, reconstruct
    from limen.physics.oct.reconstruction import window_of

    found = calibrate(measured)
    n = scan.shape[-1]
    at = np.arange(n, dtype=np.float64)
    plain = Recipe(at, np.zeros(n), window_of("hann", n), n, None)
    return [
        ("samples as they come", reconstruct(scan, plain, workers=1).data),
        (
            "even in k, dispersion removed",
            reconstruct(scan, Recipe.of_calibration(found), workers=1).data,
        ),
    ]


def _draw(panels: list[tuple[str, Array, float, float]], note: str, picture: Path) -> None:
    """Grey pictures side by side, each in its window, and lines under all."""
    import io
    import textwrap

    from PIL import Image, ImageDraw, ImageFont

    side, gap, line = 340, 12, 18
    width = len(panels) * (side + gap) + gap
    lines = textwrap.wrap(note, width // 7)
    page = Image.new("RGB", (width, side + 2 * gap + line * (len(lines) + 2)), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size=13)
    for n, (words, image, low, high) in enumerate(panels):
        left = gap + n * (side + gap)
        pen.text((left, gap // 2), words, fill="black", font=font)
        grey = np.clip((np.asarray(image, dtype=np.float64) - low) / (high - low), 0, 1) * 255
        panel = Image.fromarray(grey.astype(np.uint8)).resize((side, side))
        page.paste(panel, (left, gap + line))
    for n, words in enumerate(lines):
        pen.text((gap, side + 2 * gap + line * (n + 1)), words, fill="black", font=font)
    held = io.BytesIO()
    page.save(held, format="png")
    write_atomically(picture, held.getvalue())

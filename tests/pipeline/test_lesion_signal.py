"""d' of planted lesions, read off their images, against closed forms of what was planted."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limen.data import Case, Geometry, Source, Volume, write_nifti
from limen.data.insilico.retina_patient import (
    FIRST_NM,
    LAST_NM,
    REFRACTIVE_INDEX,
    SITES,
    SOURCE_NM,
    acquisition_of,
)
from limen.physics.ct import MU_WATER_PER_MM, Acquisition
from limen.physics.oct import Recipe, add_noise, mean_counts, reconstruct
from limen.pipeline.examples import find_example
from limen.pipeline.lesion_signal import OCT_ERROR, READ, STATED, SignalJob, Signals, signals
from limen.product import Declaration, load_declaration

PIXEL_MM, RADIUS = 1.0, 6
CT, MR, OCT = (
    load_declaration(find_example(n) / "limen.yaml")
    for n in ("ct-lung-nodule", "mr-brain-lesion", "oct-retinal-fluid")
)


def case_of(folder: Path, image: np.ndarray, mask: np.ndarray, spacing: tuple[float, ...],
            **attributes: Any) -> Case:  # fmt: skip
    geometry = Geometry(np.diag([*spacing, 1.0]), (*image.shape,))  # type: ignore[arg-type]
    sources = []
    for name, values in (("image", image), ("reference", mask.astype(np.uint8))):
        path = folder / f"{name}.nii.gz"
        write_nifti(Volume(values, geometry), path)
        sources.append(Source("nifti", (path,)))
    return Case("case", "P", *sources, attributes=attributes)


def found_in(case: Case, declaration: Declaration) -> Signals:
    return signals(SignalJob(case, declaration, (1,)))


def disc(shape: tuple[int, int], radius: float) -> np.ndarray:
    x, y = np.ogrid[: shape[0], : shape[1]]
    return np.hypot(x - shape[0] // 2, y - shape[1] // 2) <= radius


# --- MR -------------------------------------------------------------------------------------------


def head_with_disc(noise_sd: float, contrast: float) -> tuple[np.ndarray, np.ndarray]:
    """A head as a magnitude image with the noise of a complex one, and the mask of a disc."""
    rng = np.random.default_rng(3)
    shape = (96, 96, 3)
    mask = np.zeros(shape, bool)
    mask[:, :, 1] = disc(shape[:2], RADIUS)
    signal = 400.0 * disc(shape[:2], 40)[:, :, None] + contrast * mask
    parts = noise_sd * rng.standard_normal((2, *shape))
    return np.hypot(signal + parts[0], parts[1]).astype(np.float32), mask


@pytest.mark.parametrize("stated", [True, False])
def test_mr_is_contrast_over_noise_times_the_root_of_voxels(tmp_path: Path, stated: bool) -> None:
    image, mask = head_with_disc(20.0, 30.0)
    known = {"noise_sd": 20.0} if stated else {}
    d_prime, error = found_in(case_of(tmp_path, image, mask, (1, 1, 4), **known), MR).d_prime[1]
    assert error == (STATED if stated else READ)
    assert d_prime == pytest.approx(30.0 * math.sqrt(mask.sum()) / 20.0, rel=error)


def test_mr_halves_when_noise_doubles(tmp_path: Path) -> None:
    found = []
    for noise_sd in (10.0, 20.0):
        image, mask = head_with_disc(noise_sd, 60.0)
        found.append(found_in(case_of(tmp_path, image, mask, (1, 1, 4)), MR).d_prime[1][0])
    assert found[1] == pytest.approx(found[0] / 2, rel=0.15)


def test_mr_without_readable_noise_says_why(tmp_path: Path) -> None:
    image, mask = head_with_disc(20.0, 30.0)
    image[~disc((96, 96), 12)] = 0  # a mask of the background, and hardly anything else
    found = found_in(case_of(tmp_path, image, mask, (1, 1, 4)), MR)
    assert not found.d_prime and "noise is not stated and cannot be read" in found.unknown[1]


# --- CT -------------------------------------------------------------------------------------------

PHOTONS, VIEWS, BODY, CONTRAST = 2e4, 120, 60.0, 40.0
GRID = (136, 136)


def closed_form_ct(photons: float, views: int) -> float:
    """d' of a disc in the middle of a disc of water, both as chords, ray by ray."""
    s = np.arange(-10 * BODY, 10 * BODY + 1) * 0.1
    water = MU_WATER_PER_MM * 2 * np.sqrt(BODY**2 - s**2)
    lesion = MU_WATER_PER_MM * CONTRAST / 1000 * 2 * np.sqrt(np.maximum(RADIUS**2 - s**2, 0))
    counts = photons * np.exp(-water)
    squared = (counts * np.expm1(-lesion)) ** 2 / counts
    return math.sqrt(views * squared.sum() * 0.1 / PIXEL_MM)


def water_with_disc(sd_hu: float = 5.0) -> tuple[np.ndarray, np.ndarray]:
    mask = disc(GRID, RADIUS)
    hu = np.where(disc(GRID, BODY), 0.0, -1000.0) + CONTRAST * mask
    hu += sd_hu * np.random.default_rng(0).standard_normal(GRID)
    return hu[:, :, None].astype(np.float32), mask[:, :, None]


def test_ct_is_the_closed_form_of_discs_in_water(tmp_path: Path) -> None:
    image, mask = water_with_disc()
    found = {}
    for photons in (PHOTONS, PHOTONS / 4):
        case = case_of(tmp_path, image, mask, (1, 1, 4), photons_per_ray=photons, views=VIEWS)
        found[photons], error = found_in(case, CT).d_prime[1]
        assert found[photons] == pytest.approx(closed_form_ct(photons, VIEWS), rel=error)
    # a quarter of the photons is twice the noise
    assert found[PHOTONS / 4] == pytest.approx(found[PHOTONS] / 2, rel=1e-3)


def test_ct_takes_the_views_of_the_case_and_else_the_declared_ones(tmp_path: Path) -> None:
    image, mask = water_with_disc()
    stated, declared = (
        found_in(case_of(tmp_path, image, mask, (1, 1, 4), photons_per_ray=PHOTONS, **v), CT)
        for v in ({"views": 60}, {})
    )
    ratio = declared.d_prime[1][0] / stated.d_prime[1][0]
    assert ratio == pytest.approx(math.sqrt(CT.physics["ct.views"].from_ / 60), rel=0.02)


def test_ct_reads_photons_that_are_not_stated_off_the_image(tmp_path: Path) -> None:
    scan = Acquisition.of_image(GRID, PIXEL_MM, n_views=VIEWS, photons_per_ray=PHOTONS)
    clean, mask = water_with_disc(0.0)
    rng = np.random.default_rng(1)
    lines = scan.project(clean)
    noise = rng.standard_normal(lines.shape) / np.sqrt(PHOTONS * np.exp(-lines))
    image = (clean + scan.hu_of(noise.astype(np.float32))).astype(np.float32)
    case = case_of(tmp_path, image, mask, (1, 1, 4), views=VIEWS)
    d_prime, error = found_in(case, CT).d_prime[1]
    assert error == READ
    assert d_prime == pytest.approx(closed_form_ct(PHOTONS, VIEWS), rel=error)


# --- OCT ------------------------------------------------------------------------------------------


def scan_with_gap(light_db: float, frames: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Tissue with a dark gap, scanned as simulated eyes are, and d' of the light that is missing.

    In closed form: scatterers of mean square R each add ``(F s)^2 R / 2`` to the mean square of
    the electrons in a sample, whose noise is that of the reference's light and of the detector.
    """
    acquisition = acquisition_of(SITES[0])
    shape = (48, acquisition.sampling.n_depths)
    level = 10 ** (light_db / 20)
    amplitude = np.zeros(shape)
    amplitude[:, 60:190] = level
    mask = np.zeros(shape, bool)
    mask[16:32, 90:110] = True
    amplitude[mask] = 0
    rng = np.random.Generator(np.random.SFC64(5))
    recipe, power = Recipe.of_acquisition(acquisition), np.zeros(shape)
    for _ in range(frames):
        parts = rng.standard_normal((2, *shape))
        counts = mean_counts(amplitude * (parts[0] + 1j * parts[1]), acquisition)
        noisy = add_noise(counts, acquisition.detector, rng)
        power += 10 ** (reconstruct(noisy, recipe, acquisition.reference_counts).data / 10)
    detector = acquisition.detector
    fringe = detector.fringe_counts * detector.electrons_per_count * acquisition.spectrum
    variance = detector.electrons * acquisition.spectrum + detector.read_noise_electrons**2
    missing = 2 * level**2 * mask.sum()
    squared = frames * missing / 2 * (fringe**2 / variance).sum()
    return 10 * np.log10(power / frames).astype(np.float32), mask, math.sqrt(squared)


def eye(folder: Path, image: np.ndarray, mask: np.ndarray, **known: Any) -> Case:
    acquisition = acquisition_of(SITES[0])
    step_mm = acquisition.sampling.depth_spacing_um / REFRACTIVE_INDEX / 1e3
    stated = {
        "first_nm": FIRST_NM, "last_nm": LAST_NM, "source_nm": SOURCE_NM,
        "source_fwhm_nm": SITES[0].fwhm_nm, "refractive_index": REFRACTIVE_INDEX,
    }  # fmt: skip
    return case_of(
        folder, image[:, :, None], mask[:, :, None], (0.03, step_mm, 0.5), **stated, **known
    )


@pytest.mark.parametrize(("light_db", "frames"), [(-62.0, 3), (-74.0, 1), (-92.0, 1)])
def test_oct_is_the_light_that_a_lesion_takes_away(
    tmp_path: Path, light_db: float, frames: int
) -> None:
    image, mask, true = scan_with_gap(light_db, frames)
    d_prime, error = found_in(eye(tmp_path, image, mask, frames=frames), OCT).d_prime[1]
    assert error == OCT_ERROR
    assert d_prime == pytest.approx(true, rel=OCT_ERROR)


def test_oct_needs_the_frames_and_the_wavelengths(tmp_path: Path) -> None:
    image, mask, _ = scan_with_gap(-62.0, 1)
    assert "frames" in found_in(eye(tmp_path, image, mask), OCT).unknown[1]
    case = eye(tmp_path, image, mask, frames=1)
    del case.attributes["source_nm"]
    assert "wavelengths" in found_in(case, OCT).unknown[1]


# --- all ------------------------------------------------------------------------------------------


def test_a_speck_has_no_detectability(tmp_path: Path) -> None:
    image, mask = head_with_disc(20.0, 30.0)
    speck = np.zeros_like(mask)
    speck[48, 48, 1] = True
    found = found_in(case_of(tmp_path, image, speck, (1, 1, 4), noise_sd=20.0), MR)
    assert not found.d_prime and "fewer than 3 voxels" in found.unknown[1]


def test_only_the_lesions_asked_about_are_looked_at(tmp_path: Path) -> None:
    image, mask = head_with_disc(20.0, 30.0)
    mask[20:24, 48:52, 1] = True
    case = case_of(tmp_path, image, mask, (1, 1, 4), noise_sd=20.0)
    both = signals(SignalJob(case, MR, (1, 2))).d_prime
    assert set(both) == {1, 2} and set(found_in(case, MR).d_prime) == {1}

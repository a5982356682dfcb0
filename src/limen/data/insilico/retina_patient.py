"""One simulated patient: a macula with fluid of known place, acquired by a simulated OCT scanner.

The retina is drawn (``retina``), its scatterers get random phases, and every B-scan goes through
the physics of OCT: fringes of a spectrometer with roll-off, shot and read noise, 16 bits, then
k-linearisation, FFT and the mean power of a few frames in dB. Simulated patients are nobody's
data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.data.insilico.cohort import Cohort
from limen.data.insilico.retina import (
    INTRARETINAL,
    SUBRETINAL,
    Field,
    draw_eye,
    draw_findings,
    draw_retina,
)
from limen.data.volume import Geometry, Volume
from limen.physics.oct import Acquisition, Detector, Optics, Recipe, Sampling, Source

Array = NDArray[Any]

N_SCANS, N_COLUMNS = 12, 192
SCAN_STEP_UM, COLUMN_STEP_UM = 500.0, 31.25
FIRST_NM, LAST_NM, SOURCE_NM = 800.0, 880.0, 840.0
REFRACTIVE_INDEX = 1.38
GREY_DB = 0.25
"""Images are rounded to it: finer steps are noise that no file should carry."""
NERVE_FIBRES_DB = -52.0
"""Power that comes back from the nerve fibre layer in one depth sample, against a mirror."""


@dataclass(frozen=True)
class Site:
    """A simulated hospital: how its scanner takes maculae."""

    name: str
    scanner: str
    fwhm_nm: float
    frames: int
    """B-scans averaged at each place."""
    light_db: tuple[float, float]
    """Lowest and highest light from the eye: media, pupil, alignment."""


SITES = (
    Site("north", "sim-o1", 48.0, 3, (-9.0, 0.0)),
    Site("east", "sim-o2", 42.0, 1, (-6.0, 2.0)),
    Site("south", "sim-o3", 52.0, 2, (-8.0, 1.0)),
)


def acquisition_of(site: Site) -> Acquisition:
    """The site's spectrometer, light and detector."""
    return Acquisition(
        sampling=Sampling.even_in_wavelength(768, FIRST_NM, LAST_NM),
        source=Source(SOURCE_NM, site.fwhm_nm),
        detector=Detector(
            reference_electrons=9e4,
            sample_electrons=1.3e6,
            read_noise_electrons=120.0,
            electrons_per_count=2.0,
            full_scale_counts=65535.0,
        ),
        optics=Optics(scan_step_um=COLUMN_STEP_UM, refractive_index=REFRACTIVE_INDEX),
    )


@dataclass(frozen=True)
class SimulatedRetina:
    """What is known of one simulated patient.

    Attributes
    ----------
    image : Volume
        (x, y, z) float32 dB, LPS: x along the B-scan, y into the eye, z from B-scan to B-scan.
    reference : Volume
        (x, y, z) uint8: 1 intraretinal, 2 subretinal fluid.
    attributes : dict
        Sex, age, side, site, scanner, frames, and the volume of fluid.
    """

    image: Volume
    reference: Volume
    attributes: dict[str, str | float | int]


def simulate_retina(seed: int, number: int) -> SimulatedRetina:
    """Patient ``number`` of the cohort with this seed; the same at every call.

    Anatomy, findings and acquisition each have their own stream of random numbers. Results may
    differ in the last bit between processors.
    """
    anatomy, sick, scan = np.random.SeedSequence([seed, number]).spawn(3)
    rng = np.random.default_rng(anatomy)
    eye = draw_eye(rng)
    site = SITES[number % len(SITES)]
    acquisition = acquisition_of(site)
    step_um = acquisition.sampling.depth_spacing_um / REFRACTIVE_INDEX
    field = Field(
        N_SCANS, N_COLUMNS, acquisition.sampling.n_depths, SCAN_STEP_UM, COLUMN_STEP_UM, step_um
    )
    found = draw_findings(np.random.default_rng(sick), eye)
    retina = draw_retina(rng, eye, found, field)
    image, light_db = _scan(scan, retina.reflectivity_db, acquisition, site)
    spacing = (COLUMN_STEP_UM / 1e3, step_um / 1e3, SCAN_STEP_UM / 1e3)
    shape = (N_COLUMNS, field.n_depths, N_SCANS)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * spacing
    geometry = Geometry(affine, shape)
    labels = np.ascontiguousarray(retina.labels.transpose(1, 2, 0))
    voxel = geometry.voxel_volume_mm3
    return SimulatedRetina(
        image=Volume(np.ascontiguousarray(image.transpose(1, 2, 0)), geometry),
        reference=Volume(labels, geometry),
        attributes={
            "modality": "OPT",
            "sex": eye.sex,
            "age_years": eye.age_years,
            "laterality": "L" if eye.side == "left" else "R",
            "site": site.name,
            "scanner": site.scanner,
            "frames": site.frames,
            "light_db": round(light_db, 1),
            "first_nm": FIRST_NM,
            "last_nm": LAST_NM,
            "source_nm": SOURCE_NM,
            "source_fwhm_nm": site.fwhm_nm,
            "refractive_index": REFRACTIVE_INDEX,
            "drusen": len(found.drusen),
            "epithelium_detached": "yes" if found.detachments else "no",
            "intraretinal_mm3": round(float((labels == INTRARETINAL).sum() * voxel), 4),
            "subretinal_mm3": round(float((labels == SUBRETINAL).sum() * voxel), 4),
        },
    )


RETINAS = Cohort(
    method="data.insilico.retina/1",
    simulate=simulate_retina,
    seed=20260721,
    development=60,
    validation=100,
    validation_from=120,  # 60 to 119 were looked at before a hundred were asked for
)
"""The cohort of the example oct-retinal-fluid; about 1 s of one core and 0.9 MB a patient."""


# --- acquisition ------------------------------------------------------------------------------


def _scan(
    seed: np.random.SeedSequence, reflectivity_db: Array, acquisition: Acquisition, site: Site
) -> tuple[Array, float]:
    """(scans, columns, depths) float32 dB as the site's scanner shows it, and the eye's light.

    Scatterers move a little between frames: half of the speckle's power is new in each.
    """
    from limen.physics.oct import add_noise, digitise, mean_counts, reconstruct

    rng = np.random.Generator(np.random.SFC64(seed))
    light_db = float(rng.uniform(*site.light_db))
    level = (NERVE_FIBRES_DB + light_db) / 20
    amplitude = 10 ** (reflectivity_db / 20 + np.float32(level)) * np.float32(0.5)
    recipe = Recipe.of_acquisition(acquisition)
    lasting = _phasors(rng, amplitude.shape)
    power = np.zeros(amplitude.shape, dtype=np.float32)
    for _ in range(site.frames):
        scattered = amplitude * (lasting + _phasors(rng, amplitude.shape))
        counts = mean_counts(scattered, acquisition)
        raw = digitise(add_noise(counts, acquisition.detector, rng), acquisition.detector)
        shown = reconstruct(raw, recipe, acquisition.reference_counts, workers=1).data
        power += 10 ** (shown / 10)
    image = 10 * np.log10(power / site.frames)
    return (np.round(image / GREY_DB) * GREY_DB).astype(np.float32), light_db


def _phasors(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Complex normal numbers of mean power 2."""
    parts = rng.standard_normal((*shape, 2), dtype=np.float32)
    return np.asarray(parts.view(np.complex64)[..., 0])

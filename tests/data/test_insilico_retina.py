"""Simulated maculae: layers in order, fluid of the volume of its shapes, noise as stated."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from limen.data.insilico.retina import (
    EPITHELIUM,
    FLUID_DB,
    INTRARETINAL,
    OUTER_NUCLEAR,
    SUBRETINAL,
    VITREOUS_DB,
    Cyst,
    Dome,
    Field,
    Findings,
    _boundaries,
    _chord,
    _height,
    draw_eye,
    draw_findings,
    draw_retina,
)
from limen.data.insilico.retina_patient import (
    COLUMN_STEP_UM,
    N_SCANS,
    RETINAS,
    SCAN_STEP_UM,
    SITES,
    _scan,
    acquisition_of,
    simulate_retina,
)
from limen.physics.oct import Recipe
from limen.physics.oct.noise import noise_variance

SEED = 7
FINE = Field(61, 121, 380, 50.0, 25.0, 3.2)
"""Scans as close as columns, so that volumes can be held against closed forms."""
VOXEL_UM3 = 50.0 * 25.0 * 3.2


@pytest.fixture(scope="module")
def eye():
    return draw_eye(np.random.default_rng(3))


# --- parts ------------------------------------------------------------------------------------


def test_layers_follow_each_other_and_the_pit_is_thin(eye):
    tops = _boundaries(np.random.default_rng(1), eye, Findings(), FINE)
    assert (np.diff(tops, axis=0) >= 0).all()
    retina = tops[EPITHELIUM] - tops[0]
    x, y = FINE.plane_um()
    away = np.hypot(x - eye.fovea_um[0], y - eye.fovea_um[1])
    # Grover et al., Am. J. Ophthalmol. 148, 2009: 225 um at the foveola, 300 to 350 um around
    assert 150 < retina[away < 100].mean() < 260
    assert 280 < retina[(away > 900) & (away < 1300)].mean() < 370
    assert tops[0].min() > 60
    assert tops[EPITHELIUM].max() < FINE.n_depths * FINE.depth_step_um - 100


def test_a_dome_without_lobes_has_its_volume_in_closed_form():
    dome = Dome(40.0, -30.0, 800.0, 100.0, ())
    x, y = FINE.plane_um()
    volume = _height(dome, x, y).sum() * 50.0 * 25.0
    # the integral of h (1 - r^2/R^2)^0.8 over the disc
    assert volume == pytest.approx(np.pi * 800.0**2 * 100.0 / 1.8, rel=0.01)


def test_a_cyst_is_an_ellipsoid():
    cyst = Cyst(10.0, 20.0, 400.0, 120.0, OUTER_NUCLEAR, 0.0)
    x, y = FINE.plane_um()
    ellipsoid = 4 / 3 * np.pi * 400.0**2 * 120.0
    assert _chord(cyst, x, y).sum() * 50.0 * 25.0 == pytest.approx(ellipsoid, rel=0.02)


def test_labels_have_the_volume_of_the_shapes(eye):
    cyst = Cyst(-700.0, 0.0, 300.0, 80.0, OUTER_NUCLEAR, 0.05)
    pool = Dome(600.0, 0.0, 500.0, 90.0, ())
    drawn = draw_retina(np.random.default_rng(2), eye, Findings((cyst,), (pool,)), FINE)
    intra = (drawn.labels == INTRARETINAL).sum() * VOXEL_UM3
    under = (drawn.labels == SUBRETINAL).sum() * VOXEL_UM3
    assert intra == pytest.approx(4 / 3 * np.pi * 300.0**2 * 80.0, rel=0.05)
    assert under == pytest.approx(np.pi * 500.0**2 * 90.0 / 1.8, rel=0.05)
    # fluid is dark, and lies in the retina: brighter tissue above and below it
    assert np.percentile(drawn.reflectivity_db[drawn.labels > 0], 99) < -15
    assert np.median(drawn.reflectivity_db[drawn.labels > 0]) == pytest.approx(FLUID_DB, abs=3)
    for column in np.argwhere((drawn.labels > 0).any(axis=2))[::50]:
        a_scan = drawn.reflectivity_db[tuple(column)]
        marked = np.flatnonzero(drawn.labels[tuple(column)])
        assert a_scan[: marked[0]].max() > -8
        assert a_scan[marked[-1] :].max() > -8


def test_fluid_lifts_what_lies_above_it_and_nothing_below(eye):
    pool = Dome(0.0, 0.0, 700.0, 120.0, ())
    dry, wet = (
        _boundaries(np.random.default_rng(1), eye, found, FINE)
        for found in (Findings(), Findings(pools=(pool,)))
    )
    bed = wet[EPITHELIUM] - dry[EPITHELIUM]  # the whole eye may move for room
    np.testing.assert_allclose(bed, bed[0, 0], atol=1e-3)
    lifted = dry[0] + bed - wet[0]
    x, y = FINE.plane_um()
    np.testing.assert_allclose(lifted[:, ::8], _height(pool, x, y)[:, ::8], atol=25)


def test_drusen_and_detachments_are_no_fluid(eye):
    found = Findings(
        detachments=(Dome(0.0, 0.0, 600.0, 120.0, ()),), drusen=(Dome(900.0, 0.0, 90.0, 40.0, ()),)
    )
    drawn = draw_retina(np.random.default_rng(2), eye, found, FINE)
    assert not drawn.labels.any()


def test_a_quarter_of_eyes_is_dry(eye):
    drawn = [draw_findings(np.random.default_rng(n), eye) for n in range(400)]
    dry = np.mean([not f.cysts and not f.pools for f in drawn])
    assert dry == pytest.approx(0.25, abs=0.07)


# --- patients ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def patient():
    return simulate_retina(SEED, 1)  # one frame: quick


def test_a_patient_is_the_same_at_every_call_and_unlike_the_next(patient):
    again = simulate_retina(SEED, 1)
    np.testing.assert_array_equal(again.image.values, patient.image.values)
    np.testing.assert_array_equal(again.reference.values, patient.reference.values)
    assert again.attributes == patient.attributes
    other = simulate_retina(SEED, 4).image.values
    assert np.corrcoef(other.ravel(), patient.image.values.ravel())[0, 1] < 0.95


def test_image_and_reference_share_a_grid_in_mm(patient):
    geometry = patient.image.geometry
    assert geometry.same_grid(patient.reference.geometry)
    sampling = acquisition_of(SITES[1]).sampling
    assert geometry.shape == (192, sampling.n_depths, N_SCANS)
    depth_mm = sampling.depth_spacing_um / 1.38 / 1e3
    np.testing.assert_allclose(
        geometry.spacing_mm, (COLUMN_STEP_UM / 1e3, depth_mm, SCAN_STEP_UM / 1e3)
    )
    voxel = geometry.voxel_volume_mm3
    for value, name in ((INTRARETINAL, "intraretinal_mm3"), (SUBRETINAL, "subretinal_mm3")):
        volume = (patient.reference.values == value).sum() * voxel
        assert patient.attributes[name] == pytest.approx(volume, abs=1e-4)


@pytest.mark.parametrize("site", SITES, ids=[s.name for s in SITES])
def test_noise_and_speckle_are_as_stated(site):
    """No light from the eye: the noise floor of the detector. Much: speckle, averaged over
    frames of which half is new each time."""
    acquisition = acquisition_of(site)
    shape = (2, 64, acquisition.sampling.n_depths)
    empty = np.full(shape, 3 * VITREOUS_DB, dtype=np.float32)
    dark, _ = _scan(np.random.SeedSequence(1), empty, acquisition, site)
    recipe, detector = Recipe.of_acquisition(acquisition), acquisition.detector
    electrons = detector.electrons * acquisition.spectrum
    counts2 = (noise_variance(electrons, detector)) / detector.electrons_per_count**2 + 1 / 12
    floor = recipe.noise_db(counts2)
    shown = 10 * np.log10((10 ** (dark[..., 20:300] / 10)).mean())
    assert shown == pytest.approx(floor, abs=0.3)

    bright = np.full(shape, VITREOUS_DB, dtype=np.float32)
    bright[..., 100:200] = 0
    image, light_db = _scan(np.random.SeedSequence(1), bright, acquisition, site)
    assert site.light_db[0] <= light_db <= site.light_db[1]
    power = 10 ** (image[..., 120:180].astype(float) / 10)
    looks = 1 / (power.std() / power.mean()) ** 2
    # n frames whose power is correlated by a quarter: n / (1 + (n - 1) / 4) looks
    assert looks == pytest.approx(site.frames / (1 + (site.frames - 1) / 4), rel=0.2)


def test_the_cohort_can_be_sent_to_workers():
    assert pickle.loads(pickle.dumps(RETINAS)) == RETINAS
    assert not set(RETINAS.numbers("development")) & set(RETINAS.numbers("validation"))


def test_other_eyes_are_no_near_duplicates_and_the_same_eye_is(patient):
    """All maculae are a bright band; what tells them apart is finer than a cube of a volume."""
    from limen.data.leakage import LIMIT, find_leaks, fingerprint
    from limen.data.volume import Volume

    values = patient.image.values
    noisy = 0.8 * values + 4 + np.random.default_rng(0).standard_normal(values.shape)
    again = fingerprint(Volume(noisy.astype(np.float32), patient.image.geometry))
    others = [fingerprint(simulate_retina(SEED, n).image) for n in (4, 7, 10)]
    mine = [("development/a", "p", fingerprint(patient.image))]
    theirs = [(f"validation/{n}", f"q{n}", f) for n, f in enumerate((again, *others))]
    leaks = find_leaks(mine, theirs)
    assert [(x.case_b, x.kind) for x in leaks] == [("validation/0", "near-duplicate")]
    assert leaks[0].distance < LIMIT


def test_the_guard_can_look_at_an_eye(patient):
    """An eye is smaller than the blocks in which the guard sees a body."""
    from limen.boundary.guard_features import GRID, look, patient_slices

    image = patient.image
    slices, pixel_mm, _ = patient_slices(image.values, image.geometry.affine_lps_mm)
    seen = look(slices, pixel_mm, "OCT")
    assert np.isfinite(seen.anatomy).all()
    assert seen.blocks.shape[:2] == (GRID, GRID)
    bright = seen.blocks.mean(axis=(0, 2))
    assert bright.argmax() not in (0, GRID - 1)  # vitreous in front, sclera behind

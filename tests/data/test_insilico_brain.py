"""Simulated heads: tissue where anatomy says, lesions where the mask says, noise as stated."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from limen.data.insilico.brain import FLUID, draw_head, draw_head_size
from limen.data.insilico.brain_patient import (
    APART_MM,
    BRAINS,
    FOCAL_MM,
    GRID_SHAPE,
    MASS_MM,
    SITES,
    SPACING_MM,
    Site,
    _scan,
    simulate_brain,
)
from limen.data.insilico.shapes import Grid

SEED = 7
SICK = (9, 10)
"""Two patients of this seed with focal lesions, the first also with a mass."""


@pytest.fixture(scope="module")
def patients():
    return [simulate_brain(SEED, n) for n in SICK]


@pytest.fixture(scope="module")
def head():
    rng = np.random.default_rng(2)
    size = draw_head_size(rng)
    return size, draw_head(rng, size, Grid((96, 116, 40), (1.9, 1.9, 3.0), 4.0))


def test_tissues_have_their_signals_in_their_places(head):
    size, drawn = head
    fluid = drawn.signal[drawn.ventricle_mm < -1.5]
    white = drawn.signal[(drawn.white_mm > 3) & (drawn.ventricle_mm > 8) & drawn.upper]
    grey = drawn.signal[(drawn.white_mm > -2.2) & (drawn.white_mm < -1.2) & drawn.upper]
    assert np.median(fluid) == pytest.approx(FLUID, abs=0.02)
    assert np.median(white) == pytest.approx(size.white, abs=0.03)
    assert np.median(grey) > size.white + 0.05
    assert drawn.signal[0].max() < 0.1  # air beside the head
    assert (drawn.signal >= -1e-3).all()


def test_a_head_has_the_volumes_of_a_head(head):
    size, drawn = head
    voxel_ml = 1.9 * 1.9 * 3.0 / 1000
    # Allen et al., NeuroImage 18, 2003: brains of about 1.0 to 1.5 L; this grid cuts the base
    assert 0.75 < drawn.brain_share.sum() * voxel_ml / 1000 / size.scale**3 < 1.6
    lateral = (drawn.ventricle_mm < 0).sum() * voxel_ml
    assert 4 < lateral < 90


def test_ventricles_grow_with_atrophy():
    sizes = []
    for atrophy in (0.0, 1.0):
        rng = np.random.default_rng(4)
        size = replace(draw_head_size(rng), atrophy=atrophy)
        drawn = draw_head(rng, size, Grid((72, 88, 30), (2.5, 2.5, 4.0), 4.0))
        sizes.append((drawn.ventricle_mm < 0).sum())
    assert sizes[1] > 2 * sizes[0]


def test_a_patient_is_the_same_at_every_call_and_unlike_the_next(patients):
    again = simulate_brain(SEED, SICK[1])
    np.testing.assert_array_equal(again.image.values, patients[1].image.values)
    np.testing.assert_array_equal(again.reference.values, patients[1].reference.values)
    assert again.attributes == patients[1].attributes
    a, b = (p.image.values.astype(float).ravel() for p in patients)
    assert np.corrcoef(a, b)[0, 1] < 0.97


def test_every_lesion_is_one_part_of_the_mask_at_its_place(patients):
    for patient in patients:
        assert patient.lesions
        geometry = patient.reference.geometry
        assert geometry.same_grid(patient.image.geometry)
        np.testing.assert_allclose(geometry.spacing_mm, SPACING_MM)
        parts, count = ndimage.label(patient.reference.values, structure=np.ones((3, 3, 3)))
        assert count == len(patient.lesions) == patient.attributes["lesions"]
        middles = ndimage.center_of_mass(parts > 0, parts, range(1, count + 1))
        places = [(geometry.affine_lps_mm @ [*m, 1.0])[:3] for m in middles]
        for lesion in patient.lesions:
            low, high = MASS_MM if lesion.kind == "mass" else FOCAL_MM
            assert low <= lesion.diameter_mm <= high
            nearest = min(np.linalg.norm(p - lesion.centre_mm) for p in places)
            # half a slice, and what a ventricle or a sulcus cuts away
            assert nearest < 2.5 + 0.35 * lesion.diameter_mm
        for i, one in enumerate(patient.lesions):
            for other in patient.lesions[:i]:
                apart = np.linalg.norm(np.subtract(one.centre_mm, other.centre_mm))
                assert apart > (one.diameter_mm + other.diameter_mm) / 2 + APART_MM / 2


def test_a_deep_lesion_has_the_volume_of_the_sphere_of_its_diameter(patients):
    voxel = float(np.prod(SPACING_MM))
    seen = 0
    for patient in patients:
        parts, count = ndimage.label(patient.reference.values, structure=np.ones((3, 3, 3)))
        volumes = [voxel * (parts == n).sum() for n in range(1, count + 1)]
        for lesion in patient.lesions:
            sphere = np.pi / 6 * lesion.diameter_mm**3
            if lesion.place == "deep" and lesion.kind == "focal" and lesion.diameter_mm > 14:
                assert min(abs(v / sphere - 1) for v in volumes) < 0.25
                seen += 1
    assert seen


def test_lesions_are_brighter_than_white_matter(patients):
    for patient in patients:
        image = patient.image.values.astype(float)
        marked = patient.reference.values > 0
        around = ndimage.binary_dilation(marked, np.ones((9, 9, 1))) & ~marked
        assert np.median(image[marked]) > 1.12 * np.median(image[around])


@pytest.mark.parametrize("site", SITES, ids=[s.name for s in SITES])
def test_noise_is_as_stated(site: Site):
    """The background of a magnitude is Rayleigh: its mean square is twice the variance."""
    slices = np.zeros(GRID_SHAPE, dtype=np.float32)
    slices[40:104, 50:126] = 0.6
    image, ratio = _scan(np.random.SeedSequence(5), slices, 0.6, site)
    low, high = site.signal_to_noise
    assert low <= ratio <= high
    white = image[60:84, 70:106].mean()
    corner = image[:16, :16].astype(float)
    sd = np.sqrt((corner**2).mean() / 2)
    if site.acceleration == 1:
        assert white / sd == pytest.approx(ratio, rel=0.15)  # shading changes white, not noise
    else:  # half of the lines: root two, and the coils' geometry on top
        middle = image[64:80, 80:96, 4:20].astype(float)
        spread = np.diff(middle, axis=2).std() / np.sqrt(2)
        assert spread > 1.25 * white / ratio


def test_the_cohort_can_be_sent_to_workers():
    assert pickle.loads(pickle.dumps(BRAINS)) == BRAINS
    assert not set(BRAINS.numbers("development")) & set(BRAINS.numbers("validation"))

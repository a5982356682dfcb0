"""Simulated patients: their parts against closed forms, the whole against what it claims."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from limen.data import Pseudonyms, find_cases, read_image, read_labels
from limen.data.insilico.blobs import voxel_share
from limen.data.insilico.chest_patient import (
    APART_MM,
    CHESTS,
    DIAMETER_MM,
    SPACING_MM,
    simulate_patient,
)
from limen.data.insilico.cohort import cohort_ready, write_cohort
from limen.data.insilico.nodules import draw_nodule
from limen.data.insilico.texture import power_law_field
from limen.data.insilico.vessels import grow_tree, tree_share
from limen.product.declaration import Dataset, Task

SEED = 7
NUMBERS = (0, 1, 3)
"""Patients of this seed with two nodules, with none, and with four."""


@pytest.fixture(scope="module")
def patients():
    return [simulate_patient(SEED, n) for n in NUMBERS]


# --- parts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("diameter_mm", [4.0, 9.0, 20.0])
def test_a_nodule_has_the_volume_of_the_sphere_of_its_diameter(diameter_mm):
    spacing = (0.7, 0.7, 1.1)
    shape = (60, 60, 40)
    first = -(np.array(shape) - 1) / 2 * spacing
    nodule = draw_nodule(np.random.default_rng(3), diameter_mm, "part-solid", "parenchymal")
    share = voxel_share(nodule, first, spacing, shape)
    volume = share.whole.sum() * np.prod(spacing)
    assert volume == pytest.approx(np.pi / 6 * diameter_mm**3, rel=0.03)
    core = share.core.sum() * np.prod(spacing)
    assert core == pytest.approx(nodule.core_fraction**3 * volume, rel=0.08)
    assert (share.core <= share.whole).all()


def test_a_nodule_cut_by_the_grid_keeps_only_what_is_inside():
    nodule = replace(
        draw_nodule(np.random.default_rng(3), 10.0, "solid", "parenchymal"), lobes=np.zeros((0, 4))
    )
    share = voxel_share(nodule, np.array([0.5, -9.5, -9.5]), (1.0, 1.0, 1.0), (20, 20, 20))
    assert share.whole.sum() == pytest.approx(np.pi / 12 * 10.0**3, rel=0.01)  # one half


def test_texture_falls_off_with_its_exponent():
    field = power_law_field(np.random.default_rng(0), (96, 96, 48), (1.0, 1.0, 2.0), 3.0, 1e6)
    assert field.mean() == pytest.approx(0, abs=1e-5)
    assert field.std() == pytest.approx(1, abs=1e-5)
    power = np.abs(np.fft.fftn(field)) ** 2
    f = np.sqrt(
        np.fft.fftfreq(96)[:, None, None] ** 2
        + np.fft.fftfreq(96)[None, :, None] ** 2
        + np.fft.fftfreq(48, 2.0)[None, None, :] ** 2
    )
    inside = (f > 0.03) & (f < 0.24)
    slope = np.polyfit(np.log(f[inside]), np.log(power[inside]), 1)[0]
    assert slope == pytest.approx(-3.0, abs=0.1)


def test_one_branch_is_a_cylinder():
    radius, length = 3.0, 40.0
    branch = np.array([[0, 0, -length / 2, 0, 0, length / 2, radius]])
    share = tree_share(branch, np.array([-15.0, -15.0, -30.0]), (0.5, 0.5, 1.0), (61, 61, 61))
    capsule = np.pi * radius**2 * length + 4 / 3 * np.pi * radius**3
    assert share.sum() * 0.25 == pytest.approx(capsule, rel=0.02)


def test_a_tree_serves_every_tip_and_obeys_murrays_law():
    rng = np.random.default_rng(1)
    tips = rng.uniform(-50, 50, (37, 3))
    tree = grow_tree(rng, np.zeros(3), tips, tip_radius_mm=0.5, exponent=3.0)
    starts, ends, radii = tree[:, 0:3], tree[:, 3:6], tree[:, 6]
    served = {tuple(e) for e in ends[np.isclose(radii, 0.5)]}
    assert served == {tuple(t) for t in tips}
    for start, end, radius in zip(starts, ends, radii, strict=True):
        children = radii[(starts == end).all(axis=1)]
        if len(children):
            assert radius**3 == pytest.approx((children**3).sum())
        assert (start == 0).all() or (ends == start).all(axis=1).sum() == 1  # connected


# --- patients ---------------------------------------------------------------------------------


def test_a_patient_is_the_same_at_every_call_and_unlike_the_next(patients):
    again = simulate_patient(SEED, NUMBERS[2])
    np.testing.assert_array_equal(again.image.values, patients[2].image.values)
    np.testing.assert_array_equal(again.reference.values, patients[2].reference.values)
    assert again.attributes == patients[2].attributes
    a, b = (p.image.values.astype(float).ravel() for p in patients[:2])
    assert np.corrcoef(a, b)[0, 1] < 0.97


def test_every_nodule_is_one_lesion_of_its_size_apart_from_the_others(patients):
    for patient in patients:
        count = ndimage.label(patient.reference.values, structure=np.ones((3, 3, 3)))[1]
        assert count == len(patient.nodules) == patient.attributes["nodules"]
        low, high = DIAMETER_MM
        for nodule in patient.nodules:
            assert low <= nodule.diameter_mm <= high
        for i, one in enumerate(patient.nodules):
            for other in patient.nodules[:i]:
                apart = np.linalg.norm(np.subtract(one.centre_mm, other.centre_mm))
                assert apart > (one.diameter_mm + other.diameter_mm) / 2 + APART_MM / 2


def test_the_mask_lies_where_the_nodules_are_in_the_patient(patients):
    for patient in patients:
        geometry = patient.reference.geometry
        labels, count = ndimage.label(patient.reference.values, structure=np.ones((3, 3, 3)))
        middles = ndimage.center_of_mass(labels > 0, labels, range(1, count + 1))
        places = [geometry.affine_lps_mm @ [*m, 1.0] for m in middles]
        for nodule in patient.nodules:
            nearest = min(np.linalg.norm(p[:3] - nodule.centre_mm) for p in places)
            # a juxta-pleural nodule ends at the pleura, so its middle moves inward
            assert nearest < 1.5 + 0.3 * nodule.diameter_mm


def test_a_chest_has_the_hounsfield_units_of_its_tissues(patients):
    for patient in patients:
        hu = patient.image.values
        assert hu.dtype == np.int16
        assert hu.min() >= -1024
        assert 0.08 < np.mean((hu > -950) & (hu < -650)) < 0.4  # lung
        assert 0.15 < np.mean((hu > -150) & (hu < 120)) < 0.6  # fat and soft tissue
        assert 0.005 < np.mean(hu > 200) < 0.08  # bone, and blood with contrast
        inside = hu[patient.reference.values > 0]
        if len(inside):
            assert -700 < inside.mean() < 200
        assert 18 <= patient.attributes["age_years"] <= 110


def test_more_photons_make_less_noise():
    """The noise of the same chest at two doses, from two halves that differ only in noise."""
    from limen.data.insilico import chest_patient as module

    rng = np.random.SeedSequence(5)
    water = np.full(module.GRID_SHAPE, -1000, dtype=np.float32)
    x, y = np.meshgrid(np.arange(240) - 119.5, np.arange(184) - 91.5, indexing="ij")
    water[(x**2 + y**2 < 75**2)] = 0
    noise = []
    for photons in (1e5, 4e5):
        site = module.Site("test", "test", "hann", (photons, photons * 1.0001), 0.0)
        image, drawn = module._scan(rng, water, site)
        assert drawn == pytest.approx(photons, rel=1e-3)
        noise.append(image[100:140, 72:112].std())
    assert noise[0] / noise[1] == pytest.approx(2.0, rel=0.1)  # variance goes as 1 / dose


# --- cohort -----------------------------------------------------------------------------------

SMALL = replace(CHESTS, seed=SEED, development=2, validation=1, validation_from=2)


@pytest.fixture(scope="module")
def cohort_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    told: list[tuple[int, int]] = []
    assert not cohort_ready(folder, SMALL)
    write_cohort(folder, SMALL, lambda done, of: told.append((done, of)), workers=2)
    assert told == [(1, 3), (2, 3), (3, 3)]
    return folder


def test_the_cohort_is_read_back_as_declared(cohort_folder: Path, patients):
    assert cohort_ready(cohort_folder, SMALL)
    assert not cohort_ready(cohort_folder, replace(SMALL, seed=8))
    found = {}
    for use in ("development", "validation"):
        declared = Dataset(name=use, use=use, path=f"data/{use}", approval="x.yaml")
        found[use] = find_cases(declared, cohort_folder, Pseudonyms(b"s" * 32))
        assert not found[use].problems
    assert len(found["development"].cases) == 2
    assert len(found["validation"].cases) == 1
    seen = [{c.patient for c in found[use].cases} for use in found]
    assert not seen[0] & seen[1]
    case = found["development"].cases[1]
    image = read_image(case)
    np.testing.assert_array_equal(image.values, patients[1].image.values)
    np.testing.assert_allclose(image.geometry.spacing_mm, SPACING_MM)
    assert image.geometry.same_grid(patients[1].image.geometry)
    task = Task(kind="lesion-detection", labels={"nodule": 1})
    reference = read_labels(case.reference, image.geometry, task, case.id)
    np.testing.assert_array_equal(reference.values, patients[1].reference.values)
    assert case.attributes["site"] == patients[1].attributes["site"]
    assert case.attributes["age_years"] == patients[1].attributes["age_years"]


def test_an_interrupted_cohort_goes_on_and_another_seed_begins_anew(cohort_folder: Path):
    data = cohort_folder / "data"
    image = data / "development" / "images" / "sim-0000.nii.gz"
    before = image.stat().st_mtime_ns
    stamp = json.loads((data / "cohort.json").read_text())
    # as a kill would leave it: begun, not finished, one patient's row not yet written
    (data / "cohort.json").rename(data / "cohort.begun.json")
    (data / "development" / "rows" / "sim-0001.json").unlink()
    write_cohort(cohort_folder, SMALL, workers=1)
    assert json.loads((data / "cohort.json").read_text()) == stamp
    assert image.stat().st_mtime_ns == before
    with (data / "development" / "cases.csv").open() as f:
        assert [r["case"] for r in csv.DictReader(f)] == ["sim-0000", "sim-0001"]


def test_a_larger_cohort_adds_to_a_smaller_one(cohort_folder: Path):
    images = cohort_folder / "data" / "development" / "images"
    before = {p.name: p.stat().st_mtime_ns for p in images.iterdir()}
    larger = replace(SMALL, development=3, validation_from=3, validation=1)
    write_cohort(cohort_folder, larger, workers=1)
    assert cohort_ready(cohort_folder, larger) and not cohort_ready(cohort_folder, SMALL)
    after = {p.name: p.stat().st_mtime_ns for p in images.iterdir()}
    assert len(before) == 2 and len(after) == 3 and before.items() <= after.items()
    with (cohort_folder / "data" / "validation" / "cases.csv").open() as f:
        assert [r["case"] for r in csv.DictReader(f)] == ["sim-0003"]
    write_cohort(cohort_folder, SMALL, workers=1)


def test_a_smaller_cohort_is_judged_on_no_patient_that_trained_the_model():
    few = replace(CHESTS, development=7, validation=3)
    assert list(few.numbers("development")) == list(range(7))
    assert not set(few.numbers("validation")) & set(CHESTS.numbers("development"))
    assert set(few.numbers("validation")) <= set(CHESTS.numbers("validation"))
    with pytest.raises(ValueError, match="validation patients as well"):
        replace(CHESTS, development=501)

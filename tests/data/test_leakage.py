"""The same patient, the same pixels and near-duplicates, against known changes of known images."""

from __future__ import annotations

import itertools
import json
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from limen.data import Fingerprint, Geometry, Volume, find_leaks, fingerprint
from limen.data.insilico.texture import power_law_field
from limen.data.leakage import _best_mirrored, _pixel_digest, _upright

SPACING = (3.0, 3.0, 4.0)


@cache
def patient(seed: int, shape=(72, 64, 40)) -> Volume:
    """A body of one outline for all, with a texture of its own."""
    rng = np.random.default_rng(seed)
    x, y, _ = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    inside = (x / 0.9) ** 2 + (y / 0.8) ** 2 < 1
    values = np.where(inside, 200 * power_law_field(rng, shape, SPACING, 3.0), -1000)
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = (-110.5, -95.2, 31.7)
    return Volume(np.round(values).astype(np.float32), Geometry(affine, shape))


@cache
def printed(seed: int) -> Fingerprint:
    return fingerprint(patient(seed))


def oriented(volume: Volume, order, flips) -> Volume:
    """The same voxels at the same places, stored with other axes."""
    values = np.transpose(volume.values, order)
    affine = volume.geometry.affine_lps_mm[:, [*order, 3]].copy()
    for axis in flips:
        values = np.flip(values, axis)
        affine[:, 3] += affine[:, axis] * (values.shape[axis] - 1)
        affine[:, axis] *= -1
    return Volume(values, Geometry(affine, values.shape))


def cropped(volume: Volume, cut) -> Volume:
    values = volume.values[tuple(slice(c, -c) for c in cut)]
    affine = volume.geometry.affine_lps_mm.copy()
    affine[:3, 3] += affine[:3, :3] @ cut
    return Volume(values, Geometry(affine, values.shape))


def resampled(volume: Volume, step) -> Volume:
    shape = tuple(int((n - 1) / s) + 1 for n, s in zip(volume.values.shape, step, strict=True))
    values = ndimage.affine_transform(volume.values, np.array(step), output_shape=shape, order=1)
    affine = volume.geometry.affine_lps_mm @ np.diag([*step, 1.0])
    return Volume(values, Geometry(affine, shape))


def windowed(volume: Volume) -> Volume:
    values = np.round(255 * np.clip((volume.values + 600) / 1200, 0, 1)).astype(np.uint8)
    return Volume(values, volume.geometry)


ORIENTATIONS = [
    (order, flips)
    for order in itertools.permutations(range(3))
    for n in range(4)
    for flips in itertools.combinations(range(3), n)
]


def test_all_48_orientations_hold_the_same_pixels_and_lie_in_the_same_place():
    volume = patient(1, (24, 20, 30))
    expected = fingerprint(volume)
    assert expected.place is not None
    assert len(ORIENTATIONS) == 48
    for order, flips in ORIENTATIONS:
        turned = oriented(volume, order, flips)
        upright, spacing_mm, first_mm = _upright(turned)
        assert _pixel_digest(turned.values) == expected.pixels
        np.testing.assert_array_equal(upright, volume.values)
        np.testing.assert_allclose(spacing_mm, SPACING)
        np.testing.assert_allclose(first_mm, volume.geometry.affine_lps_mm[:3, 3])


def test_the_pixels_do_not_depend_on_header_type_or_memory_order():
    volume = patient(2, (16, 18, 20))
    expected = fingerprint(volume).pixels
    lost = Geometry(np.eye(4), volume.values.shape)
    for values in (
        volume.values.astype(np.int16),
        np.asfortranarray(volume.values.astype(np.float64)),
        volume.values[::-1].transpose(1, 0, 2),
    ):
        assert fingerprint(Volume(values, Geometry(np.eye(4), values.shape))).pixels == expected
    zero = np.where(volume.values == 0, np.float32(-0.0), volume.values)
    assert fingerprint(Volume(zero, lost)).pixels == expected


def test_one_voxel_a_shift_or_a_swap_of_two_voxels_are_other_pixels():
    volume = patient(3, (16, 18, 20))
    expected = fingerprint(volume).pixels
    changed = volume.values.copy()
    changed[5, 5, 5] += 1
    swapped = volume.values.copy()
    swapped[8, 9, 10], swapped[9, 10, 11] = swapped[9, 10, 11], swapped[8, 9, 10]
    assert swapped[8, 9, 10] != swapped[9, 10, 11]
    for values in (changed, np.roll(volume.values, 1, 0), swapped, volume.values[:, :, :-1]):
        found = fingerprint(Volume(values, Geometry(np.eye(4), values.shape)))
        assert found.pixels != expected


def test_a_fingerprint_survives_json():
    for volume in (patient(4), patient(4, (6, 5, 1))):
        print_ = fingerprint(volume)
        again = Fingerprint.from_dict(json.loads(json.dumps(print_.as_dict())))
        assert again.pixels == print_.pixels
        np.testing.assert_array_equal(again.frame, print_.frame)
        np.testing.assert_array_equal(again.place, print_.place)


def test_a_fingerprint_is_small():
    assert len(json.dumps(printed(4).as_dict())) < 8000


@pytest.mark.parametrize(
    "change",
    [
        windowed,
        lambda v: resampled(v, (1.3, 1.3, 0.7)),
        lambda v: cropped(v, (3, 3, 2)),
        lambda v: windowed(resampled(cropped(v, (2, 2, 1)), (1.2, 1.2, 1.0))),
        lambda v: Volume(v.values[::-1, :, ::-1] + 1, Geometry(np.eye(4), v.values.shape)),
        lambda v: oriented(windowed(v), (2, 0, 1), (0, 2)),
    ],
    ids=["windowed", "resampled", "cropped", "all three", "mirrored, header lost", "turned"],
)
def test_a_changed_copy_is_a_near_duplicate_of_its_own_original_only(change):
    development = [(f"dev/{n}", f"P{n}", printed(n)) for n in range(6)]
    validation = [("val/copy", "Q", fingerprint(change(patient(2))))]
    leaks = find_leaks(development, validation)
    assert [(leak.case_a, leak.case_b, leak.kind) for leak in leaks] == [
        ("dev/2", "val/copy", "near-duplicate")
    ]
    assert 0 <= leaks[0].distance < 0.14


def test_different_patients_of_one_outline_are_no_leak():
    entries = [(f"{n}", f"P{n}", printed(n)) for n in range(16)]
    assert find_leaks(entries[:8], entries[8:]) == []


def test_the_same_patient_in_two_data_sets():
    a, b, c = (printed(n) for n in range(3))
    leaks = find_leaks([("dev/1", "P1", a), ("dev/2", "P2", b)], [("other/9", "P2", c)])
    assert [leak.as_dict() for leak in leaks] == [
        {
            "case_a": "dev/2",
            "case_b": "other/9",
            "kind": "same patient",
            "in_words": "P2 is a patient of development and of validation",
            "distance": 0.0,
        }
    ]


def test_a_pair_is_named_once_by_its_strongest_reason():
    a = printed(1)
    leaks = find_leaks([("dev/1", "P1", a)], [("val/1", "P1", a)])
    assert [leak.kind for leak in leaks] == ["same pixels"]


def test_one_image_under_two_patients_of_validation_counts_twice():
    a, b = printed(1), printed(2)
    validation = [("val/1", "P1", a), ("val/2", "P2", a), ("val/3", "P1", a), ("val/4", "P4", b)]
    leaks = find_leaks([], validation)
    assert [(x.case_a, x.case_b, x.kind) for x in leaks] == [("val/1", "val/2", "same pixels")]


def test_repeats_of_one_patient_within_a_side_are_no_leak():
    a, b = printed(1), fingerprint(windowed(patient(1)))
    assert find_leaks([("d/1", "P1", a), ("d/2", "P2", b)], []) == []
    assert find_leaks([], [("v/1", "P1", a), ("v/2", "P1", a)]) == []


def test_images_of_one_value_say_nothing():
    flat = Volume(np.full((8, 8, 8), 7.0, np.float32), Geometry(np.eye(4), (8, 8, 8)))
    print_ = fingerprint(flat)
    assert find_leaks([("d/1", "P1", print_)], [("v/1", "P2", print_)]) == []


@pytest.mark.parametrize("shape", [(1, 1, 2), (40, 30, 1), (3, 3, 3), (200, 2, 2)])
def test_small_and_flat_images_have_a_fingerprint(shape):
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    print_ = fingerprint(Volume(values, Geometry(np.eye(4), shape)))
    assert print_.pixels
    found = find_leaks([("d/1", "P1", print_)], [("v/1", "P2", print_)])
    assert [leak.kind for leak in found] == ["same pixels"]


@given(st.integers(0, 2**31))
def test_mirrored_likeness_is_the_largest_over_the_eight_mirrorings(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 2048)).astype(np.float32)
    part = 256
    best = max(
        sum(
            (-1) ** bin(p & mirrored).count("1")
            * float(a[p * part : (p + 1) * part] @ b[p * part : (p + 1) * part])
            for p in range(8)
        )
        for mirrored in range(8)
    )
    assert _best_mirrored(a[None], b[None])[0, 0] == pytest.approx(best, rel=1e-4, abs=1e-3)


def test_blocks_do_not_change_the_answer(monkeypatch):
    entries = [(f"{n}", f"P{n}", fingerprint(patient(n, (40, 36, 24)))) for n in range(5)]
    copies = [(f"c{n}", f"Q{n}", fingerprint(windowed(patient(n, (40, 36, 24))))) for n in range(5)]
    whole = find_leaks(entries, copies)
    monkeypatch.setattr("limen.data.leakage._BLOCK", 2)
    assert find_leaks(entries, copies) == whole
    assert len(whole) == 5

"""The guard on bodies it was not calibrated on: what it lets through, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from guard_phantoms import AFFINE, LIMIT, SHAPE, body, phantom_guard, shown, volume

from limen.boundary.guard import Guard
from limen.boundary.guard_calibration import GuardError, Shown
from limen.boundary.guard_file import BOUNDARY_FILE, DIGESTS_FILE, digests_of
from limen.boundary.guard_fit import fit_parts
from limen.data import DataError, write_nifti

NEW_PATIENTS = range(100, 116)


@pytest.fixture(scope="module")
def guard() -> Guard:
    return phantom_guard()


def refused(guard: Guard, values: np.ndarray, **attributes: object) -> str:
    answer = guard(volume(values), attributes)
    assert answer.answer != "inside", answer
    assert answer.reasons
    return "; ".join(answer.reasons)


def test_lets_new_patients_through_and_refuses_low_dose(guard: Guard) -> None:
    inside = [guard(volume(body(p))).answer for p in NEW_PATIENTS]
    assert inside.count("inside") >= 14
    low = [guard(volume(body(p, 0.1))) for p in NEW_PATIENTS]
    assert sum(a.answer == "inside" for a in low) <= 1
    assert any("ct.dose reads as" in r for a in low for r in a.reasons)


def test_the_interval_of_a_reading_holds_the_truth(guard: Guard) -> None:
    held = []
    for patient in NEW_PATIENTS:
        for dose in (0.5, 0.15):
            checks = guard(volume(body(patient, dose))).checks
            check = next(c for c in checks if c.name == "ct.dose")
            assert check.low is not None and check.high is not None
            held.append(check.low <= dose <= check.high)
    assert np.mean(held) >= 0.85


@pytest.mark.parametrize(
    ("axis", "words"), [(0, "left and right"), (1, "front and back"), (2, "head and feet")]
)
def test_refuses_a_flipped_volume(guard: Guard, axis: int, words: str) -> None:
    found = [refused(guard, np.flip(body(p), axis)) for p in NEW_PATIENTS]
    assert np.mean([words in text for text in found]) > 0.6


def test_a_direction_in_which_patients_look_alike_is_not_judged_and_said() -> None:
    """Bodies that are their own mirror image on average say nothing of left and right."""
    rng = np.random.default_rng(3)

    def either(seen: Shown) -> Shown:
        blocks = seen.seen.blocks[::-1] if rng.uniform() < 0.5 else seen.seen.blocks
        return replace(seen, seen=replace(seen.seen, blocks=blocks))

    plain = replace(
        phantom_guard(), parts=fit_parts([either(shown(p, 1.0)) for p in range(20)], [])
    )
    answers = [plain(volume(np.flip(body(p), 0))) for p in NEW_PATIENTS]
    checks = [next(c for c in a.checks if c.name == "orientation") for a in answers]
    assert all(c.answer == "inside" for c in checks)
    assert all("alike with left and right changed" in c.in_words for c in checks)
    assert plain(volume(np.flip(body(110), 2))).answer == "outside"


def test_what_is_stored_the_other_way_round_is_the_same_image(guard: Guard) -> None:
    values = body(101)
    turned = np.transpose(values[::-1, :, ::-1], (2, 0, 1))
    affine = np.zeros((4, 4))
    # index axes now run along z, x, y; x and z backwards
    affine[2, 0], affine[0, 1], affine[1, 2] = -AFFINE[2, 2], -AFFINE[0, 0], AFFINE[1, 1]
    affine[:3, 3] = [AFFINE[0, 0] * (SHAPE[0] - 1), 0, AFFINE[2, 2] * (SHAPE[2] - 1)]
    affine[3, 3] = 1
    assert guard(volume(turned, affine)) == guard(volume(values))


def test_refuses_what_is_no_chest_ct(guard: Guard) -> None:
    chest, rng = body(102), np.random.default_rng(0)
    window = (np.clip((chest + 1350) / 1500, 0, 1) * 255).astype(np.float32)
    refused(guard, window)
    refused(guard, rng.normal(0, 300, SHAPE).astype(np.float32))
    refused(guard, rng.uniform(-1024, 1500, SHAPE).astype(np.float32))
    refused(guard, np.zeros(SHAPE, np.float32))
    refused(guard, np.full(SHAPE, -1000, np.float32))
    # a head: bone around brain, air around
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    r = np.sqrt((x / 0.5) ** 2 + (y / 0.7) ** 2 + (z / 3) ** 2)
    head = np.where(r < 0.9, 35.0, np.where(r < 1.0, 1100.0, -1000.0))
    refused(guard, (head + 12 * rng.standard_normal(SHAPE)).astype(np.float32))
    # an MR: no air level, other contrasts
    mr = np.where(r < 0.9, 600.0, np.where(r < 1, 100.0, 5.0)) + 20 * np.abs(
        rng.standard_normal(SHAPE)
    )
    refused(guard, mr.astype(np.float32))


def test_refuses_by_what_is_stated(guard: Guard) -> None:
    assert "the header says MR" in refused(guard, body(103), modality="MR")
    assert "age 7 years" in refused(guard, body(103), modality="CT", age_years=7)
    stretched = AFFINE @ np.diag([2, 2, 1, 1])
    reasons = guard(volume(body(103), stretched)).reasons
    assert any("pixels of 6 mm, calibrated with 3 mm" in r for r in reasons)
    answer = guard(volume(body(103)))
    assert any("age is not stated" in n for n in answer.notes)


def test_refuses_what_cannot_be_looked_at(guard: Guard) -> None:
    assert "too small" in refused(guard, body(104)[:20])
    assert "too small" in refused(guard, body(104)[:, :, :1])
    assert "no volume" in guard(volume(body(104)[:, :, 0])).reasons[0]
    broken = body(104)
    broken[40, 40] = np.nan
    assert "not numbers" in refused(guard, broken)
    assert "no place" in guard(volume(body(104), np.zeros((4, 4)))).reasons[0]


def test_nothing_lies_inside_an_empty_boundary(guard: Guard) -> None:
    empty = replace(guard, certified=False, boundary="nothing is certified: 16 of 60 fail")
    answer = empty(volume(body(105)))
    assert answer.answer == "outside"
    assert answer.reasons[0] == "nothing is certified: 16 of 60 fail"


# --- on disk --------------------------------------------------------------------------------------


def write(guard: Guard, home: Path) -> None:
    home.mkdir()
    (home / BOUNDARY_FILE).write_text(json.dumps({"guard": guard.as_dict()}))
    (home / "page.html").write_text("<p>a page</p>")
    (home / DIGESTS_FILE).write_bytes(digests_of(home, [BOUNDARY_FILE, "page.html"]))


def test_a_loaded_guard_answers_the_same(guard: Guard, tmp_path: Path) -> None:
    write(guard, tmp_path / "boundary")
    loaded = Guard.load(tmp_path)
    assert Guard.load(tmp_path / "boundary") == loaded
    for values in (body(106), body(106, 0.1), np.flip(body(106), 1)):
        assert loaded(volume(values)) == guard(volume(values))


@pytest.mark.parametrize("altered", [BOUNDARY_FILE, "page.html"])
def test_refuses_to_load_an_altered_release(guard: Guard, tmp_path: Path, altered: str) -> None:
    home = tmp_path / "release"
    write(guard, home)
    path = home / altered
    path.write_text(path.read_text().replace("p", "q", 1))
    with pytest.raises(GuardError, match="not what was released"):
        Guard.load(home)
    path.unlink()
    with pytest.raises(GuardError):
        Guard.load(home)


def test_refuses_digests_that_do_not_list_the_boundary(guard: Guard, tmp_path: Path) -> None:
    home = tmp_path / "release"
    write(guard, home)
    (home / DIGESTS_FILE).write_bytes(digests_of(home, ["page.html"]))
    with pytest.raises(GuardError, match="does not list"):
        Guard.load(home)
    (home / DIGESTS_FILE).write_text("{")
    with pytest.raises(GuardError, match="cannot be read"):
        Guard.load(home)
    (home / DIGESTS_FILE).unlink()
    with pytest.raises(GuardError, match="not there"):
        Guard.load(home)


def test_refuses_a_guard_of_another_format(guard: Guard, tmp_path: Path) -> None:
    home = tmp_path / "release"
    write(guard, home)
    (home / BOUNDARY_FILE).write_text(json.dumps({"guard": {**guard.as_dict(), "guard": 99}}))
    (home / DIGESTS_FILE).write_bytes(digests_of(home, [BOUNDARY_FILE]))
    with pytest.raises(GuardError, match="another version"):
        Guard.load(home)
    with pytest.raises(GuardError, match="no boundary here"):
        Guard.load(tmp_path)


def test_a_guard_of_other_features_is_of_another_format() -> None:
    from limen.boundary.guard import FORMAT
    from limen.pipeline.graph import METHODS

    assert METHODS["seen"] == f"boundary.guard_features/{FORMAT}"


def test_reads_a_file_as_it_reads_a_volume(guard: Guard, tmp_path: Path) -> None:
    path = tmp_path / "image.nii.gz"
    write_nifti(volume(body(107)), path)
    assert guard(path) == guard(volume(body(107)))
    with pytest.raises(DataError):
        guard(tmp_path / "absent.nii.gz")
    with pytest.raises(DataError):
        guard(tmp_path)


def test_needs_no_heavy_library(guard: Guard, tmp_path: Path) -> None:
    write(guard, tmp_path / "release")
    np.save(tmp_path / "image.npy", body(108))
    code = """
import sys
import numpy as np
from types import SimpleNamespace as N
from limen.boundary.guard import Guard
image = N(values=np.load(sys.argv[2]), geometry=N(affine_lps_mm=np.diag([3.0, 3.0, 5.0, 1.0])))
print(Guard.load(sys.argv[1])(image).answer)
heavy = {"torch", "numba", "onnxruntime", "polars", "pydantic", "pydicom", "nibabel", "matplotlib"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "release"), str(tmp_path / "image.npy")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == [guard(volume(body(108))).answer, "[]"]


def test_a_whole_release_is_checked_before_its_guard_is_loaded(
    guard: Guard, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    release.mkdir()
    write(guard, release / "boundary")
    (release / "model").mkdir()
    (release / "model/weights.onnx").write_bytes(b"weights")
    (release / "release.json").write_text("{}")
    with pytest.raises(GuardError, match="not there"):
        Guard.load(release)
    names = ["model/weights.onnx", "release.json", "boundary/boundary.json"]
    (release / DIGESTS_FILE).write_bytes(digests_of(release, names))
    assert Guard.load(release) == guard
    (release / "model/weights.onnx").write_bytes(b"other weights")
    with pytest.raises(GuardError, match=r"weights\.onnx.*not what was released"):
        Guard.load(release)


def test_without_any_axis_to_guard_the_rest_is_still_looked_at(guard: Guard) -> None:
    parts = fit_parts([shown(p, 1.0) for p in range(12)], [])
    plain = replace(guard, parts=parts)
    assert plain(volume(body(110))).answer == "inside"
    assert plain(volume(np.flip(body(110), 1))).answer == "outside"
    with pytest.raises(GuardError, match="too few patients"):
        fit_parts([shown(p, 1.0) for p in range(5)], [])
    with pytest.raises(GuardError, match="beyond its limit"):
        fit_parts([shown(p, 1.0) for p in range(12)], [LIMIT])

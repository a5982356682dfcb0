"""No patient on two sides; what comes later moves nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limen.data.case import Case, Source
from limen.data.splits import split_patients

PARTS = {"train": 0.7, "tune": 0.2, "test": 0.1}


def case(number: int, patient: str) -> Case:
    return Case(f"case-{number:03d}", patient, Source("nifti", (Path("x.nii"),)), None)


def sides(parts: dict[str, list[Case]]) -> dict[str, set[str]]:
    return {name: {c.patient for c in cases} for name, cases in parts.items()}


patients = st.lists(st.integers(0, 12).map(lambda n: f"P-{n}"), max_size=40)


@given(patients, st.integers())
def test_no_patient_is_on_two_sides_and_no_case_is_lost(names: list[str], seed: int) -> None:
    cases = [case(n, name) for n, name in enumerate(names)]
    parts = split_patients(cases, PARTS, seed)
    assert list(parts) == list(PARTS)
    assert sum(map(len, sides(parts).values())) == len(set(names))
    assert sorted(c.id for part in parts.values() for c in part) == sorted(c.id for c in cases)
    for part in parts.values():
        assert part == sorted(part, key=cases.index)


@given(patients, patients, st.integers(0, 100))
def test_cases_added_later_move_nobody(first: list[str], later: list[str], seed: int) -> None:
    old = [case(n, name) for n, name in enumerate(first)]
    new = [case(100 + n, name) for n, name in enumerate(later)]
    before, after = split_patients(old, PARTS, seed), split_patients(new + old, PARTS, seed)
    for name in PARTS:
        assert sides(before)[name] <= sides(after)[name]


@pytest.mark.parametrize("fractions", [PARTS, {"a": 0.5, "b": 0.5}, {"a": 0.1, "b": 0.9}])
def test_fractions_hold_within_four_standard_errors(fractions: dict[str, float]) -> None:
    n = 4000
    parts = split_patients([case(k, f"P-{k}") for k in range(n)], fractions, 3)
    for name, fraction in fractions.items():
        error = np.sqrt(fraction * (1 - fraction) / n)
        assert len(parts[name]) / n == pytest.approx(fraction, abs=4 * error)


def test_another_seed_is_another_split() -> None:
    cases = [case(k, f"P-{k}") for k in range(50)]
    assert split_patients(cases, PARTS, 1) != split_patients(cases, PARTS, 2)
    assert split_patients(cases, PARTS, 1) == split_patients(cases, PARTS, 1)


# SHA-256 of "7\\0case-NNN" by coreutils' sha256sum, its first eight bytes as a fraction.
FIXED = {
    "train": [0, 1, 4, 5, 6, 7, 8, 9, 13, 15, 16, 17, 18, 19],
    "tune": [2, 11, 12, 14],
    "test": [3, 10],
}


def test_the_split_is_the_same_on_every_machine_and_version() -> None:
    parts = split_patients([case(k, f"P-{k}") for k in range(20)], PARTS, 7)
    assert {n: [int(c.id[5:]) for c in p] for n, p in parts.items()} == FIXED


def test_pseudonyms_of_another_salt_are_the_same_split() -> None:
    one = split_patients([case(k, f"P-{k // 2}") for k in range(40)], PARTS, 7)
    two = split_patients([case(k, f"Q-{99 - k // 2}") for k in range(40)], PARTS, 7)
    assert {n: [c.id for c in p] for n, p in one.items()} == {
        n: [c.id for c in p] for n, p in two.items()
    }


def test_one_part_takes_all() -> None:
    assert len(split_patients([case(1, "P-1")], {"all": 1.0}, 0)["all"]) == 1


@pytest.mark.parametrize(
    "fractions",
    [
        {},
        {"a": 0.5},
        {"a": 0.5, "b": 0.6},
        {"a": 1.5, "b": -0.5},
        {"a": 1.0, "b": 0.0},
        {"a": float("nan"), "b": 0.5},
        {"a": float("inf")},
    ],
)
def test_fractions_that_are_none(fractions: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="fractions must"):
        split_patients([], fractions, 0)

"""Pseudonyms, the salt, and which names may be shown."""

from __future__ import annotations

import base64
import hashlib
import hmac
import multiprocessing
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limen.data.errors import IdentityError
from limen.data.identity import (
    Pseudonyms,
    load_or_make_salt,
    looks_like_code,
    safe_name,
)

SALT = bytes(range(32))


def test_pseudonyms_are_hmac_sha256_in_base32() -> None:
    expected = base64.b32encode(hmac.digest(SALT, b"patient\0P1", hashlib.sha256)).decode()[:10]
    assert Pseudonyms(SALT).patient(" P1\0") == f"P-{expected}"
    assert re.fullmatch(r"C-[A-Z2-7]{10}", Pseudonyms(SALT).series("1.2.3"))


@given(st.text(min_size=1).filter(lambda t: t.strip(" \0\t\r\n")), st.binary(min_size=16))
def test_pseudonyms_depend_on_identifier_and_salt(raw: str, salt: bytes) -> None:
    mine = Pseudonyms(salt)
    assert mine.patient(raw) == Pseudonyms(salt).patient(raw)
    assert mine.patient(raw) != mine.patient(raw + "1")
    assert mine.patient(raw) != Pseudonyms(salt + b"x").patient(raw)
    assert mine.patient(raw)[2:] != mine.series(raw)[2:]


@pytest.mark.parametrize("raw", [None, "", "  ", "ANONYMOUS", "Anon^", "0000", "unknown", "N/A"])
def test_nameless_patients_are_not_one_person(raw: str | None) -> None:
    pseudonyms = Pseudonyms(SALT)
    a, known_a = pseudonyms.patient_of(raw, "1.2.3")
    b, known_b = pseudonyms.patient_of(raw, "1.2.4")
    assert a != b
    assert not known_a
    assert not known_b
    assert pseudonyms.patient_of("P1", "1.2.3") == (pseudonyms.patient("P1"), True)


def test_no_identifier_at_all() -> None:
    with pytest.raises(IdentityError):
        Pseudonyms(SALT).patient_of("", None)
    with pytest.raises(IdentityError):
        Pseudonyms(SALT).patient(" ")
    with pytest.raises(IdentityError):
        Pseudonyms(b"short")


def test_salt_is_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "state" / "salt"
    salt = load_or_make_salt(path)
    assert len(salt) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_make_salt(path) == salt
    assert [p.name for p in path.parent.iterdir()] == ["salt"]
    assert salt.hex() not in repr(Pseudonyms(salt))


def test_processes_that_start_at_once_share_one_salt(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        salts = pool.map(load_or_make_salt, [tmp_path / "salt"] * 64, chunksize=1)
    assert len(set(salts)) == 1


def test_damaged_salt_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "salt"
    path.write_bytes(b"x" * 31)
    with pytest.raises(IdentityError, match="31 bytes instead of 32"):
        load_or_make_salt(path)
    assert path.read_bytes() == b"x" * 31


@pytest.mark.parametrize(
    "name",
    ["case3", "patient_012", "LIDC-IDRI-0001", "image", "ct", "image.nii.gz", "IM-001-0003.dcm",
     "s0001", "sub-01_ses-2", "KJR-004", "P-ABCDEFGHIJ", "lung_003", "BraTS20_Training_001_flair"],
)  # fmt: skip
def test_codes_are_shown(name: str) -> None:
    assert safe_name(name, ()) == name


@pytest.mark.parametrize(
    "name",
    ["Kim_Cheolsu", "KIM-0001", "case_Kim", "19610412", "610412", "김철수", "Müller", "case_김",
     "00123456", "", "---", "John Smith CT", "J.Smith.3"],
)  # fmt: skip
def test_names_are_not_shown(name: str) -> None:
    assert safe_name(name, ()) is None
    assert not looks_like_code(name)


def test_a_code_that_is_the_patients_number_is_not_shown() -> None:
    assert safe_name("case_01234", ["01234"]) is None
    assert safe_name("case_01-234", ["01234"]) is None
    assert safe_name("LUNG-2", ["Lung"]) is None
    assert safe_name("ct_2", ["ct"]) is None  # a family name of two letters, standing alone
    assert safe_name("act_2", ["ct"]) is None  # an unknown word
    assert safe_name("case_2", ["se"]) == "case_2"

"""Key files: other tools read them, a wrong passphrase does not, nothing is overwritten."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("cryptography")

from limen.evidence.keys import (
    KeyFileError,
    WrongPassphrase,
    new_key,
    public_bytes,
    read_key,
    signature_is_good,
    write_key,
)


def test_the_first_vectors_of_rfc_8032_hold() -> None:
    # RFC 8032, 7.1, tests 1 and 2
    for public, message, signature in [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39"
            "701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f36"
            "13d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
    ]:
        p, m, s = (bytes.fromhex(x) for x in (public, message, signature))
        assert signature_is_good(p, s, m)
        assert not signature_is_good(p, s, m + b"x")
        assert not signature_is_good(p[:-1], s, m)
        assert not signature_is_good(p, s[:-1], m)
        assert not signature_is_good(b"\xff" * 32, s, m)


def test_a_key_comes_back_under_its_passphrase(tmp_path: Path) -> None:
    key, path = new_key(), tmp_path / "a.pem"
    write_key(path, key, "correct horse")
    assert public_bytes(read_key(path, "correct horse")) == public_bytes(key)
    assert path.stat().st_mode & 0o077 == 0
    assert b"ENCRYPTED PRIVATE KEY" in path.read_bytes()


@pytest.mark.parametrize("wrong", ["correct hors", "Correct horse", "", None])
def test_a_wrong_passphrase_is_told(tmp_path: Path, wrong: str | None) -> None:
    write_key(tmp_path / "a.pem", new_key(), "correct horse")
    with pytest.raises(WrongPassphrase):
        read_key(tmp_path / "a.pem", wrong)


def test_openssl_reads_the_key(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl")
    key, path = new_key(), tmp_path / "a.pem"
    write_key(path, key, "correct horse")
    told = subprocess.run(
        ["openssl", "pkey", "-in", path, "-passin", "pass:correct horse", "-pubout",
         "-outform", "DER"],
        capture_output=True, check=True,
    )  # fmt: skip
    assert told.stdout[-32:] == public_bytes(key)


def test_a_short_passphrase_is_refused_and_nothing_written(tmp_path: Path) -> None:
    with pytest.raises(WrongPassphrase, match="too short"):
        write_key(tmp_path / "a.pem", new_key(), "seven77")
    assert not list(tmp_path.iterdir())


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.pem"
    write_key(path, new_key(), "correct horse")
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="is there"):
        write_key(path, new_key(), "correct horse")
    assert path.read_bytes() == before


RSA = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2
OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r
1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G
-----END PRIVATE KEY-----
"""


@pytest.mark.parametrize("text", ["", "no key", RSA, "-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_what_is_no_key_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.pem").write_text(text)
    with pytest.raises(KeyFileError, match="Ed25519"):
        read_key(tmp_path / "a.pem", "whatever")


def test_a_missing_key_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="not there"):
        read_key(tmp_path / "a.pem", "whatever")

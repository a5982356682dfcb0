"""Signed notes and checkpoints, against the vector of Go's golang.org/x/mod/sumdb/note tests."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limen.evidence.checkpoint import (
    BadCheckpoint,
    Checkpoint,
    VerifierKey,
    open_note,
    sign_note,
    verifier_key,
)
from limen.evidence.merkle import EMPTY_ROOT

pytest.importorskip("cryptography")
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# golang.org/x/mod/sumdb/note, note_test.go
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
SIGNED = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotp"
    "RZb6KE6RyyBwJnAM=\n"
)
NOTE = f"{TEXT}\n{SIGNED}"
PETER = Ed25519PrivateKey.from_private_bytes(SEED)


def test_gos_note_is_made_byte_for_byte() -> None:
    assert sign_note(TEXT, "PeterNeumann", PETER) == NOTE
    assert str(verifier_key("PeterNeumann", PETER)) == VKEY


def test_gos_note_is_opened() -> None:
    assert open_note(NOTE, VerifierKey.parse(VKEY)) == TEXT


def test_signatures_of_strangers_are_ignored() -> None:
    stranger = sign_note(TEXT, "Someone", Ed25519PrivateKey.generate()).rpartition("\n\n")[2]
    key = VerifierKey.parse(VKEY)
    assert open_note(NOTE + stranger, key) == TEXT
    with pytest.raises(BadCheckpoint, match="not signed by the key"):
        open_note(f"{TEXT}\n{stranger}", key)


def test_the_text_may_hold_empty_lines() -> None:
    text = "a\n\nb\n"
    assert open_note(sign_note(text, "k", PETER), verifier_key("k", PETER)) == text


def test_every_changed_bit_of_a_note_is_found() -> None:
    key = VerifierKey.parse(VKEY)
    raw = NOTE.encode()
    for at in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises((BadCheckpoint, UnicodeDecodeError)):
            open_note(changed.decode(), key)


@pytest.mark.parametrize(
    "text", ["", "a", "a+b", VKEY[:-1], VKEY + "A", "a b" + VKEY[12:], VKEY.replace("c7", "c8")]
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(BadCheckpoint):
        VerifierKey.parse(text)


@settings(max_examples=30)
@given(st.integers(0, 2**60), st.binary(min_size=32, max_size=32))
def test_checkpoints_read_what_they_wrote(size: int, root: bytes) -> None:
    head = Checkpoint("limen.local/x", size, root)
    assert Checkpoint.parse(head.text()) == head


def test_c2sps_example_checkpoint_is_read() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    head = Checkpoint.parse(text)
    assert (head.origin, head.size) == ("example.com/behind-the-sofa", 20852163)
    assert head.text() == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n1\n",
        "o\n01\n" + base64.b64encode(EMPTY_ROOT).decode() + "\n",
        "o\n-1\n" + base64.b64encode(EMPTY_ROOT).decode() + "\n",
        "o\n1\n" + base64.b64encode(EMPTY_ROOT[1:]).decode() + "\n",
        "\n1\n" + base64.b64encode(EMPTY_ROOT).decode() + "\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadCheckpoint):
        Checkpoint.parse(text)

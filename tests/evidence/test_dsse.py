"""DSSE envelopes: the protocol's published vector, and securesystemslib as another reader."""

from __future__ import annotations

import base64
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("cryptography")
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from limen.evidence.dsse import BadEnvelope, Envelope, pae, sign
from limen.evidence.keys import new_key, public_bytes

# DSSE protocol v1.0.0, "Test Vectors"
X = 46950820868899156662930047687818585632848591499744589407958293238635476079160
Y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
VECTOR = (
    b'{"payload": "aGVsbG8gd29ybGQ=",\n "payloadType": "http://example.com/HelloWorld",\n'
    b' "signatures": [{"sig": "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJP'
    b'cIAriEGAHTVeCUjW2JIZA=="}]}'
)


def test_the_published_encoding() -> None:
    assert (
        pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_the_published_envelope_is_read_and_its_signature_is_over_our_encoding() -> None:
    envelope = Envelope.from_json(VECTOR, "http://example.com/HelloWorld")
    assert envelope.payload == b"hello world"
    ((_, raw),) = envelope.signatures
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    public = ec.EllipticCurvePublicNumbers(X, Y, ec.SECP256R1()).public_key()
    message = pae(envelope.payload_type, envelope.payload)
    public.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))


def test_lengths_are_of_bytes_and_not_of_characters() -> None:
    assert pae("é", "한".encode()) == b"DSSEv1 2 \xc3\xa9 3 \xed\x95\x9c"


@given(st.text(max_size=20), st.binary(max_size=50), st.text(max_size=20), st.binary(max_size=50))
def test_no_two_contents_share_an_encoding(t1: str, p1: bytes, t2: str, p2: bytes) -> None:
    assert (pae(t1, p1) == pae(t2, p2)) == ((t1, p1) == (t2, p2))


def test_securesystemslib_verifies_what_we_signed() -> None:
    lib = pytest.importorskip("securesystemslib.dsse")
    signer = pytest.importorskip("securesystemslib.signer")
    key = new_key()
    made = sign("application/vnd.in-toto+json", b'{"a":1}', key)
    keyid = made.signatures[0][0]
    theirs = lib.Envelope.from_dict(json.loads(made.to_json()))
    public = signer.SSlibKey(keyid, "ed25519", "ed25519", {"public": public_bytes(key).hex()})
    assert list(theirs.verify([public], 1)) == [keyid]
    theirs.payload += b" "
    with pytest.raises(Exception, match="Accepted signatures"):
        theirs.verify([public], 1)


def test_we_verify_what_securesystemslib_signed() -> None:
    lib = pytest.importorskip("securesystemslib.dsse")
    signer = pytest.importorskip("securesystemslib.signer")
    key = new_key()
    theirs = lib.Envelope(b"payload", "application/x", {})
    theirs.sign(signer.CryptoSigner(key))
    read = Envelope.from_json(json.dumps(theirs.to_dict()).encode(), "application/x")
    assert read.signed_by([public_bytes(new_key()), public_bytes(key)]) == [public_bytes(key)]


def test_every_changed_bit_of_payload_type_and_signature_is_found() -> None:
    key = new_key()
    made = sign("t/x", b"payload", key)
    public = public_bytes(key)
    rng = random.Random(0)
    for _ in range(300):
        fields = [made.payload_type.encode(), made.payload, made.signatures[0][1]]
        which = rng.randrange(3)
        changed = bytearray(fields[which])
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(7)
        fields[which] = bytes(changed)
        spoilt = Envelope(fields[0].decode(), fields[1], (("", fields[2]),))
        assert spoilt.signed_by([public]) == []
    assert made.signed_by([public]) == [public]


def test_url_safe_base64_is_read_too() -> None:
    key = new_key()
    made = sign("t", bytes(range(256)), key)
    value = json.loads(made.to_json())
    value["payload"] = base64.urlsafe_b64encode(made.payload).decode()
    value["signatures"][0]["sig"] = base64.urlsafe_b64encode(made.signatures[0][1]).decode()
    assert Envelope.from_json(json.dumps(value).encode()) == made


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"[]", b"\xff", b'{"payload":"a","payloadType":"t","signatures":[]}',
     b'{"payload":"","payloadType":"t","signatures":[]}',
     b'{"payload":"","payloadType":1,"signatures":[{"sig":""}]}',
     b'{"payload":"","payloadType":"other","signatures":[{"sig":""}]}'],
)  # fmt: skip
def test_what_is_no_envelope_is_told(text: bytes) -> None:
    with pytest.raises(BadEnvelope):
        Envelope.from_json(text, "t")

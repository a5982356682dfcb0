"""Signing envelopes: DSSE v1.0.0 (https://github.com/secure-systems-lab/dsse) with Ed25519.

What is signed is the pre-authentication encoding of type and payload, so that a payload cannot be
taken for one of another type. Other people's tools (securesystemslib, cosign, in-toto) verify the
same envelopes.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limen.errors import LimenError
from limen.evidence.keys import key_id, public_bytes, signature_is_good

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class BadEnvelope(LimenError):
    """The text is no DSSE envelope of the type that was asked for."""

    exit_code = 1


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed (DSSE protocol, "PAE")."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True)
class Envelope:
    """A payload, its type, and signatures over both.

    Attributes
    ----------
    payload_type : str
    payload : bytes
    signatures : tuple of (str, bytes)
        Key id, which is only a hint and decides nothing, and the signature.
    """

    payload_type: str
    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]

    def signed_by(self, publics: Iterable[bytes]) -> list[bytes]:
        """Those of the public keys (32 bytes each) that made one of the signatures."""
        message = pae(self.payload_type, self.payload)
        return [
            public
            for public in dict.fromkeys(publics)
            if any(signature_is_good(public, s, message) for _, s in self.signatures)
        ]

    def to_json(self) -> bytes:
        """The envelope as canonical JSON (RFC 8785)."""
        import rfc8785

        return rfc8785.dumps(
            {
                "payload": base64.b64encode(self.payload).decode(),
                "payloadType": self.payload_type,
                "signatures": [
                    {"keyid": k, "sig": base64.b64encode(s).decode()} for k, s in self.signatures
                ],
            }
        )

    @classmethod
    def from_json(cls, text: bytes, payload_type: str | None = None) -> Envelope:
        """Read an envelope; base64 may be standard or URL-safe, as the protocol asks.

        Raises
        ------
        BadEnvelope
            If it is malformed, has no signature, or its type is not ``payload_type``.
        """
        try:
            value = json.loads(text)
            found = cls(
                _text(value["payloadType"]),
                _unb64(value["payload"]),
                tuple((_text(s.get("keyid", "")), _unb64(s["sig"])) for s in value["signatures"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadEnvelope(
                "this is no DSSE envelope", mend="restore it from where it was signed"
            ) from None
        if not found.signatures:
            raise BadEnvelope("the envelope is not signed", mend="sign it")
        if payload_type is not None and found.payload_type != payload_type:
            raise BadEnvelope(
                f"the envelope holds no {payload_type}",
                found=found.payload_type[:80],
                mend="name the right file",
            )
        return found


def sign(payload_type: str, payload: bytes, key: Ed25519PrivateKey) -> Envelope:
    """Put a payload into an envelope and sign it."""
    signature = key.sign(pae(payload_type, payload))
    return Envelope(payload_type, payload, ((key_id(public_bytes(key)), signature),))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _unb64(value: object) -> bytes:
    try:
        text = _text(value).replace("-", "+").replace("_", "/")
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError from error

"""Checkpoints: the signed head of a ledger, as text that other people's tools can verify.

The format is C2SP's ``tlog-checkpoint``, a ``signed-note`` (https://c2sp.org, both v1.0.0): three
lines (origin, number of leaves, root in base64), an empty line, and a line for each signature.
Go's ``sumdb/note`` and the witnesses of transparency logs read the same.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from limen.errors import LimenError
from limen.evidence.keys import public_bytes, signature_is_good

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_ED25519 = b"\x01"
_MOST_SIGNATURES = 100


class BadCheckpoint(LimenError):
    """A signed note is malformed, or no signature on it is by the key that is trusted."""

    exit_code = 1


@dataclass(frozen=True)
class VerifierKey:
    """A named public key, as text ``name+hash+base64`` (signed-note, "vkey")."""

    name: str
    public: bytes
    """32 bytes."""

    @property
    def hash(self) -> bytes:
        """The key ID of signed notes: 4 bytes that tell keys of one name apart."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.hash.hex()}+{_b64(_ED25519 + self.public)}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read the text form.

        Raises
        ------
        BadCheckpoint
            If it is malformed, of another algorithm, or its hash is not that of its content.
        """
        name, _, rest = text.partition("+")
        claimed, _, encoded = rest.partition("+")
        content = _unb64(encoded)
        if _is_name(name) and content is not None and len(content) == 33 and content[:1] == b"\1":
            key = cls(name, content[1:])
            if key.hash.hex() == claimed:
                return key
        raise BadCheckpoint(
            "the text is no Ed25519 verifier key",
            found=text[:80],
            mend="give it whole, as name+hash+base64, like ledger/log.pub holds it",
        )


@dataclass(frozen=True)
class Checkpoint:
    """Head of a ledger: which ledger, how many leaves, which root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{_b64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a note; extension lines after the third are allowed and ignored.

        Raises
        ------
        BadCheckpoint
            If it is no checkpoint.
        """
        lines = text.split("\n")
        if len(lines) >= 4 and lines[-1] == "" and all(lines[:-1]):
            origin, size, root = lines[0], lines[1], _unb64(lines[2])
            whole = size.isascii() and size.isdigit() and str(int(size)) == size
            if whole and root is not None and len(root) == 32:
                return cls(origin, int(size), root)
        raise BadCheckpoint(
            "the text of the checkpoint is not origin, size and root",
            found=text[:80],
            mend="restore it from a copy",
        )


def verifier_key(name: str, key: Ed25519PrivateKey) -> VerifierKey:
    """The public half of a key under a name."""
    if not _is_name(name):
        raise BadCheckpoint(
            "a key's name holds neither spaces nor plus signs", found=name, mend="choose another"
        )
    return VerifierKey(name, public_bytes(key))


def sign_note(text: str, name: str, key: Ed25519PrivateKey) -> str:
    """The text with one signature under it, as a signed note.

    Parameters
    ----------
    text : str
        Ends in a newline; no control characters besides newlines.
    """
    if not text.endswith("\n") or not _is_plain(text):
        raise ValueError("the text of a note ends in a newline and holds no control characters")
    verifier = verifier_key(name, key)
    signature = verifier.hash + key.sign(text.encode())
    return f"{text}\n— {name} {_b64(signature)}\n"


def open_note(note: str, key: VerifierKey) -> str:
    """The text of a note whose signature by ``key`` is good; other signatures are ignored.

    Raises
    ------
    BadCheckpoint
        If the note is malformed, has no signature by the key, or that signature is wrong.
    """
    text, gap, signatures = note.rpartition("\n\n")
    text += "\n"
    lines = signatures.split("\n")
    if not gap or lines.pop() != "" or not lines or not _is_plain(note):
        raise _malformed("the note is not text, an empty line and signatures")
    if len(lines) > _MOST_SIGNATURES:
        raise _malformed("the note has too many signatures")
    found = False
    for line in lines:
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        content = _unb64(encoded)
        if dash != "—" or not _is_name(name) or content is None or len(content) < 5:
            raise _malformed("a line under the note is no signature")
        if name != key.name or content[:4] != key.hash:
            continue
        if not signature_is_good(key.public, content[4:], text.encode()):
            raise BadCheckpoint(
                "the signature on the note is wrong",
                where=key.name,
                mend="the text was altered after it was signed: restore it from a copy",
            )
        found = True
    if not found:
        raise BadCheckpoint(
            "the note is not signed by the key that is trusted",
            where=key.name,
            found=", ".join(line.partition(" ")[2].partition(" ")[0] for line in lines)[:80],
            mend="ask for the checkpoint of this ledger, or for its key",
        )
    return text


def _malformed(what: str) -> BadCheckpoint:
    return BadCheckpoint(what, mend="restore it from a copy")


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() for c in name)


def _is_plain(text: str) -> bool:
    return all(c >= " " or c == "\n" for c in text)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _unb64(text: str) -> bytes | None:
    """Strict standard base64: one text for each content, else None."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        return None
    return data if _b64(data) == text else None

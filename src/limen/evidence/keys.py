"""Ed25519 keys (RFC 8032): made, kept in files under a passphrase, and known by their digest.

A private key is a PKCS#8 PEM file, encrypted with its passphrase (PBES2; RFC 5958, RFC 8018), so
that other tools can read it too: ``openssl pkey -in alice.key.pem -pubout``. Only the ledger's own
key has no passphrase, because runs that nobody watches sign with it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from limen.errors import LimenError
from limen.evidence.digest import digest_bytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MIN_PASSPHRASE = 8
"""Characters; a key file may be copied and tried at leisure."""


class KeyFileError(LimenError):
    """A key file is missing, is no Ed25519 key, or would be overwritten."""


class WrongPassphrase(LimenError):
    """The passphrase does not open the key file, or is too short to protect one."""

    exit_code = 1


def new_key() -> Ed25519PrivateKey:
    """A new private key from the system's random source."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate()


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The public key, 32 bytes (RFC 8032, 5.1.5)."""
    return key.public_key().public_bytes_raw()


def key_id(public: bytes) -> str:
    """What a public key is called: the SHA-256 of its 32 bytes, in hexadecimal."""
    return digest_bytes(public)


def signature_is_good(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` (64 bytes) over ``message`` was made with this public key's other half.

    Wrong lengths, and 32 bytes that are no public key, are answered with False.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def private_pem(key: Ed25519PrivateKey, passphrase: str | None) -> bytes:
    """The key as PKCS#8 PEM; encrypted unless ``passphrase`` is None."""
    from cryptography.hazmat.primitives import serialization as s

    if passphrase is not None and len(passphrase) < MIN_PASSPHRASE:
        raise WrongPassphrase(
            "the passphrase is too short",
            found=f"{len(passphrase)} characters",
            mend=f"choose one of at least {MIN_PASSPHRASE} characters; several words are best",
        )
    sealing: s.KeySerializationEncryption = (
        s.NoEncryption()
        if passphrase is None
        else s.BestAvailableEncryption(passphrase.encode("utf-8"))
    )
    return key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, sealing)


def write_key(path: Path, key: Ed25519PrivateKey, passphrase: str | None) -> None:
    """Write a key file that only its owner may read; one that is there is never overwritten.

    Raises
    ------
    KeyFileError
        If the file is there.
    WrongPassphrase
        If the passphrase is too short.
    """
    pem = private_pem(key, passphrase)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError(
            "a key file of this name is there",
            where=path.name,
            mend="choose another name; a key that was used is kept, and revoked when it is lost",
        ) from None
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(pem)
            f.flush()
            os.fsync(f.fileno())
    except BaseException:  # a full disk: half a key is none, and would be in the way of a whole one
        path.unlink(missing_ok=True)
        raise


def read_key(path: Path, passphrase: str | None) -> Ed25519PrivateKey:
    """Read a key file.

    Raises
    ------
    KeyFileError
        If it is missing or holds no Ed25519 key.
    WrongPassphrase
        If the passphrase does not open it, or it is encrypted and none was given.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        pem = path.read_bytes()
    except OSError:
        raise KeyFileError(
            "the key file is not there or cannot be read",
            where=path.name,
            mend="name the file that `limen keys new` wrote",
        ) from None
    sealed = b"ENCRYPTED" in pem
    given = passphrase.encode("utf-8") if passphrase is not None and sealed else None
    try:
        key = load_pem_private_key(pem, given)
    except (ValueError, TypeError) as error:
        if sealed and (given is None or "assword" in str(error) or "decrypt" in str(error)):
            raise WrongPassphrase(
                "the passphrase does not open this key",
                where=path.name,
                mend="type it again; a passphrase that is lost cannot be found: revoke the key",
            ) from None
        raise _no_key(path) from None
    except Exception:
        # cryptography has an exception of its own for each foreign algorithm
        raise _no_key(path) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(path)
    return key


def public_pem(key: Ed25519PrivateKey) -> bytes:
    """The public key as PEM (SubjectPublicKeyInfo, RFC 8410), which other tools read too."""
    from cryptography.hazmat.primitives import serialization as s

    return key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)


def read_public(path: Path) -> bytes:
    """Read a public key file; 32 bytes.

    Raises
    ------
    KeyFileError
        If it is missing or holds no Ed25519 public key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(path.read_bytes())
        if isinstance(key, Ed25519PublicKey):
            return key.public_bytes_raw()
    except Exception:
        # cryptography has an exception of its own for each foreign algorithm
        pass
    raise KeyFileError(
        "the file holds no Ed25519 public key in PEM, or is not there",
        where=path.name,
        mend="name the .pub that `limen keys new` wrote",
    )


def _no_key(path: Path) -> KeyFileError:
    return KeyFileError(
        "the file holds no Ed25519 private key in PKCS#8 PEM",
        where=path.name,
        mend="make one with `limen keys new`, or with `openssl genpkey -algorithm ed25519`",
    )

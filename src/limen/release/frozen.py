"""A release on disk: everything that was frozen, its digests, and its place in the ledger.

Layout of the folder::

    release.json     what the release is: model, criteria, results, reach, digest of each file
    limen.yaml, model/, approvals/, evidence/, boundary.json, signatures/     what it names
    ledger.json      the release's record, the proof that it is in the ledger, the signed head
    digests.json     SHA-256 of every file here

Whoever loads it needs nothing else; the ledger's key, known from elsewhere, shows whose it is.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError
from limen.evidence.digest import digest_bytes, digest_file
from limen.evidence.merkle import leaf_hash, verify_inclusion

if TYPE_CHECKING:
    from limen.evidence.checkpoint import VerifierKey

FORMAT = 1
MANIFEST, LEDGER, DIGESTS = "release.json", "ledger.json", "digests.json"


class BadRelease(LimenError):
    """A release's folder is not what was frozen."""

    exit_code = 1


@dataclass(frozen=True)
class Release:
    """A release whose every digest was checked.

    Attributes
    ----------
    folder : Path
    manifest : dict
        ``release.json``.
    digest : str
        Of the manifest: what is signed and promoted.
    key : str
        The ledger's key that vouches for it, as ``limen verify`` takes it.
    """

    folder: Path
    manifest: dict[str, Any]
    digest: str
    key: str

    @property
    def name(self) -> str:
        return f"{self.manifest['product']} {self.manifest['version']}"

    def read(self, file: str) -> bytes:
        """A file of the release, as it was frozen.

        Raises
        ------
        BadRelease
            If it is none of its files, or changed since the release was loaded.
        """
        if file not in self.manifest["files"]:
            raise BadRelease("the release has no such file", where=self.name, found=file[:80])
        data = (self.folder / file).read_bytes()
        if digest_bytes(data) != self.manifest["files"][file]:
            raise _altered(file)
        return data

    def verdicts(self) -> dict[str, bool | None]:
        """By ``SET/CASE``: whether it passed; None where it could not be evaluated."""
        found: dict[str, bool | None] = {}
        for name in self.manifest["sets"]:
            for case, verdict in json.loads(self.read(f"evidence/{name}.verdicts.json")).items():
                found[f"{name}/{case}"] = verdict["passed"]
            summary = json.loads(self.read(f"evidence/{name}.summary.json"))
            found.update({f"{name}/{lost['case']}": None for lost in summary["not_evaluated"]})
        return found


def write_release(
    folder: Path, manifest: bytes, files: Mapping[str, bytes], ledger: Mapping[str, Any]
) -> None:
    """Write a release whole or not at all.

    Parameters
    ----------
    folder : Path
        Not there yet.
    manifest : bytes
        JSON, as its record in the ledger names it.
    files : mapping
        Path within the folder to content; those that the manifest lists.
    ledger : mapping
        ``record``, ``index``, ``proof``, ``checkpoint`` and ``key``.
    """
    if folder.exists():
        raise BadRelease(
            "something of this name is there", where=folder.name, mend="move it elsewhere"
        )
    part = folder.with_name(f".writing-{folder.name}")
    shutil.rmtree(part, ignore_errors=True)
    proof = json.dumps(ledger, indent=1, sort_keys=True).encode() + b"\n"
    whole = {**files, MANIFEST: manifest, LEDGER: proof}
    listed = {name: digest_bytes(data) for name, data in sorted(whole.items())}
    whole[DIGESTS] = json.dumps({"sha256": listed}, indent=1).encode() + b"\n"
    try:
        for name, data in whole.items():
            path = part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def load_release(folder: Path, key: VerifierKey | None = None) -> Release:
    """Load a release and check every digest, its record and the ledger's signature over that.

    Parameters
    ----------
    folder : Path
    key : VerifierKey, optional
        The ledger's key, known from elsewhere; else the one in the folder is believed.

    Raises
    ------
    BadRelease
        If a file is missing, altered or not listed, or the ledger does not vouch for it.
    """
    if not (folder / MANIFEST).is_file():
        raise BadRelease(
            "there is no release here", where=folder.name, mend="freeze one with `limen release`"
        )
    manifest_bytes = (folder / MANIFEST).read_bytes()
    manifest = _json(manifest_bytes, MANIFEST)
    if manifest.get("limen_release") != FORMAT:
        raise BadRelease(
            "the release was frozen by another version of Limen",
            where=folder.name,
            found=str(manifest.get("limen_release"))[:20],
            mend=f"use that version (this one reads version {FORMAT})",
        )
    listed = _json((folder / DIGESTS).read_bytes() if (folder / DIGESTS).is_file() else b"",
                   DIGESTS).get("sha256", {})  # fmt: skip
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    expected = {**manifest["files"], MANIFEST: digest_bytes(manifest_bytes)}
    for name in sorted(there ^ (set(listed) | {DIGESTS})):
        raise _altered(name, "it is not there" if name in listed else "it is not listed")
    for name, digest in listed.items():
        if name not in (*expected, LEDGER) or digest != expected.get(name, digest):
            raise _altered(name, "its digest is not the one that was frozen")
        if digest_file(folder / name) != digest:
            raise _altered(name)
    if missing := sorted(expected.keys() - listed.keys()):
        raise _altered(missing[0], "it is not listed")
    trusted = _check_ledger(folder, digest_bytes(manifest_bytes), key)
    return Release(folder, manifest, digest_bytes(manifest_bytes), trusted)


def _check_ledger(folder: Path, digest: str, key: VerifierKey | None) -> str:
    from limen.evidence.checkpoint import BadCheckpoint, Checkpoint, VerifierKey, open_note

    held = _json((folder / LEDGER).read_bytes(), LEDGER)
    try:
        own = VerifierKey.parse(held["key"])
        head = Checkpoint.parse(open_note(held["checkpoint"], key or own))
        line = held["record"].encode()
        proof = [base64.b64decode(p, validate=True) for p in held["proof"]]
        record = json.loads(line)
        is_in = verify_inclusion(leaf_hash(line), held["index"], head.size, proof, head.root)
        names_it = (record["kind"], record["result"]) == ("release", digest)
    except BadCheckpoint as error:
        raise _altered(LEDGER, error.what) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _altered(LEDGER, "it cannot be read") from None
    if not is_in or not names_it:
        raise _altered(LEDGER, "the ledger does not hold this release")
    return str(own if key is None else key)


def _json(data: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise _altered(name, "it cannot be read")
    return value


def _altered(name: str, found: str = "its content is not what was frozen") -> BadRelease:
    return BadRelease(
        "a file of the release is not what was frozen",
        where=name,
        found=found,
        mend="take the release from where it was frozen; an altered one is not loaded",
    )

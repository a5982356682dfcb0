"""A copy of a ledger for a stranger: everything that was signed, and no private key.

The bundle has the layout of the store, so that the same check reads it; what a stranger needs from
elsewhere is the ledger's key (``ledger/log.pub``) and a quality key. A zip file is byte for byte
the same when it is made again from the same ledger.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from limen.errors import LimenError
from limen.evidence.ledger import Ledger, read_lines
from limen.evidence.record import Record
from limen.evidence.store import OBJECTS, get_object
from limen.evidence.verify import verify

README = """\
This is a ledger of evidence made with Limen, for you to verify.

records.jsonl      what was computed from what, one record a line; each line is a leaf of an
                   RFC 6962 Merkle tree (SHA-256)
ledger/checkpoint  the tree's size and root, signed (C2SP tlog-checkpoint; Ed25519)
ledger/log.pub     the key that signed it, as name+hash+base64 (C2SP signed-note)
objects/           contents by their SHA-256: results, rosters, signatures
                   (rosters and signatures are DSSE envelopes; the latter hold in-toto statements)

Get two things from elsewhere, not from here: the ledger's key, and the public key of the team's
quality member. Then:

    limen verify THIS --key LEDGER_KEY --quality QUALITY_KEY --recompute

The last computes every verdict, figure and interval of the report again, from the measurements of
each case. Nothing is fetched, and nothing here is run.
"""
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip file can state


class NotExportable(LimenError):
    """The ledger does not verify, or the target is in the way."""

    exit_code = 1


def export_bundle(folder: Path, target: Path) -> int:
    """Write a bundle of the store in ``folder``; returns how many records it holds.

    Records beyond the signed head, which a run has just written, are left out.

    Parameters
    ----------
    folder : Path
        ``.limen/`` of a product.
    target : Path
        A folder that is not there yet; or, with the suffix ``.zip``, a file.

    Raises
    ------
    NotExportable
        If something of the store does not verify, or the target is there.
    """
    if target.exists():
        raise NotExportable(
            "something of this name is there", where=target.name, mend="choose another name"
        )
    found = verify(folder)
    if not found.clean or found.head is None:
        first = found.problems[0] if found.problems else None
        raise NotExportable(
            "the ledger does not verify, so that a bundle of it would prove nothing",
            found=None if first is None else f"{first.where}: {first.what}",
            mend="see all with `limen verify`",
        )
    files = _files(folder, found.head.size)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix == ".zip":
        _write_zip(target, files)
    else:
        _write_folder(target, files)
    return found.head.size


@contextlib.contextmanager
def opened(bundle: Path) -> Iterator[Path]:
    """The folder of a bundle; a zip file is unpacked for as long as this lasts.

    Raises
    ------
    NotExportable
        If the file is no zip file, or holds names that lead out of it.
    """
    if not bundle.is_file():
        yield bundle
        return
    with tempfile.TemporaryDirectory(prefix="limen-bundle-") as name:
        try:
            with zipfile.ZipFile(bundle) as archive:
                for entry in archive.namelist():
                    parts = Path(entry).parts
                    if Path(entry).is_absolute() or ".." in parts:
                        raise zipfile.BadZipFile
                archive.extractall(name)
        except (
            zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, zlib.error,
            RuntimeError,  # a flipped bit says that an entry is encrypted
        ):  # fmt: skip
            raise NotExportable(
                "the file is no bundle, or was damaged",
                where=bundle.name,
                mend="ask for it again",
            ) from None
        yield Path(name)


def _files(folder: Path, size: int) -> Iterator[tuple[str, bytes]]:
    """Name and content of everything in the bundle, in a fixed order, one in memory at a time."""
    ledger = Ledger(folder)
    lines = [line for _, line in zip(range(size), read_lines(ledger.log_path), strict=False)]
    yield "README.txt", README.encode()
    yield "format", (folder / "format").read_bytes()
    yield "ledger/checkpoint", ledger.checkpoint_path.read_bytes()
    yield "ledger/log.pub", ledger.public_path.read_bytes()
    yield "records.jsonl", b"".join(line + b"\n" for line in lines)
    digests = set()
    for line in lines:
        record = Record.from_dict(json.loads(line))
        digests.add(record.result)
        if record.kind == OBJECTS:
            digests.update(json.loads(get_object(folder / "objects", record.result)))
    for digest in sorted(digests):
        yield f"objects/{digest[:2]}/{digest}", get_object(folder / "objects", digest)


def _write_folder(target: Path, files: Iterator[tuple[str, bytes]]) -> None:
    try:
        for name, content in files:
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def _write_zip(target: Path, files: Iterator[tuple[str, bytes]]) -> None:
    part = target.with_name(f".writing-{target.name}")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files:
                info = zipfile.ZipInfo(name, _DATE)
                info.external_attr = 0o644 << 16
                archive.writestr(info, content, zipfile.ZIP_DEFLATED)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise

"""A stranger verifies a bundle with public keys alone, with code of his own."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("cryptography")
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from limen.evidence import Record, Store
from limen.evidence.bundle import NotExportable, export_bundle, opened
from limen.evidence.keys import new_key, public_bytes
from limen.evidence.roster import Member, Roster, add_roster
from limen.evidence.signatures import sign_result
from limen.evidence.verify import verify

NAMES = {"Q": "quality", "D": "developer", "C": "clinician"}


@pytest.fixture
def product(tmp_path: Path) -> tuple[Path, dict[str, bytes], str]:
    """A signed ledger; the public keys; the digest that was signed."""
    folder, keys = tmp_path / "state", {n: new_key() for n in NAMES}
    roster = Roster(tuple(Member(n, r, public_bytes(keys[n])) for n, r in NAMES.items()))  # type: ignore[arg-type]
    with Store(folder).writing() as store:
        for i in range(5):
            listing = store.put_json(["listing", i])
            inputs = {"listing": listing}
            store.add(Record("k", f"set/{i}", "m/1", inputs, store.put_json({"dice": i / 7})))
        boundary = store.put_json({"to": 0.2})
        store.add(Record("boundary", "p", "m/1", {}, boundary))
        add_roster(store, roster, keys["Q"])
        for name in "CD":
            sign_result(store, "boundary", boundary, keys[name], "reviewed")
    return folder, {n: public_bytes(k) for n, k in keys.items()}, boundary


# --- the stranger's own code: nothing of Limen, the RFC's recursion, DSSE by its text -----------


def mth(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def check(bundle: Path, log_key: bytes, publics: dict[str, bytes], boundary: str) -> set[str]:
    """Asserts that all is in order; returns who signed the boundary."""
    text, _, signature = (bundle / "ledger/checkpoint").read_text().partition("\n\n")
    raw = base64.b64decode(signature.split(" ")[2])
    Ed25519PublicKey.from_public_bytes(log_key).verify(raw[4:], text.encode() + b"\n")
    _, size, root = text.split("\n")
    lines = (bundle / "records.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == int(size)
    assert mth(lines) == base64.b64decode(root)
    for path in (bundle / "objects").rglob("*/*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    signers = set()
    for record in map(json.loads, lines):
        content = (bundle / "objects" / record["result"][:2] / record["result"]).read_bytes()
        if record["kind"] != "signature":
            continue
        envelope = json.loads(content)
        payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"]
        signed = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
        value = json.loads(payload)
        assert value["_type"] == "https://in-toto.io/Statement/v1"
        assert value["subject"][0]["digest"]["sha256"] == boundary
        name = value["predicate"]["signer"]
        Ed25519PublicKey.from_public_bytes(publics[name]).verify(
            base64.b64decode(envelope["signatures"][0]["sig"]), signed
        )
        signers.add(name)
    return signers


def log_key(folder: Path) -> bytes:
    return base64.b64decode((folder / "ledger/log.pub").read_text().split("+", 2)[2])[1:]


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_a_stranger_verifies_it_with_public_keys_alone(
    product: tuple[Path, dict[str, bytes], str], tmp_path: Path, name: str
) -> None:
    folder, publics, boundary = product
    target = tmp_path / name
    assert export_bundle(folder, target) == (folder / "records.jsonl").read_bytes().count(b"\n")
    with opened(target) as bundle:
        assert check(bundle, log_key(folder), publics, boundary) == {"C", "D"}
        assert verify(bundle, quality=[publics["Q"]]).clean
        assert not any("PRIVATE" in p.read_text("latin1") for p in bundle.rglob("*.*"))
        assert sorted(p.name for p in (bundle / "ledger").iterdir()) == ["checkpoint", "log.pub"]


def test_the_zip_is_the_same_when_made_again(
    product: tuple[Path, dict[str, bytes], str], tmp_path: Path
) -> None:
    export_bundle(product[0], tmp_path / "a.zip")
    export_bundle(product[0], tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_changed_bit_of_a_bundle_is_found(
    product: tuple[Path, dict[str, bytes], str], tmp_path: Path
) -> None:
    export_bundle(product[0], tmp_path / "b")
    files = [p for p in (tmp_path / "b").rglob("*") if p.is_file() and p.name != "README.txt"]
    rng = random.Random(3)
    for _ in range(100):
        path = rng.choice(files)
        data = path.read_bytes()
        changed = bytearray(data)
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        assert not verify(tmp_path / "b", quality=[product[1]["Q"]]).clean, path
        path.write_bytes(data)


def test_a_changed_bit_of_a_zip_is_told_and_never_a_traceback(
    product: tuple[Path, dict[str, bytes], str], tmp_path: Path
) -> None:
    export_bundle(product[0], tmp_path / "a.zip")
    data, rng = (tmp_path / "a.zip").read_bytes(), random.Random(5)
    refused = 0
    for _ in range(150):
        changed = bytearray(data)
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        (tmp_path / "b.zip").write_bytes(changed)
        try:
            with opened(tmp_path / "b.zip"):
                pass
        except NotExportable:
            refused += 1
    assert refused > 100


def test_an_altered_ledger_is_not_exported(
    product: tuple[Path, dict[str, bytes], str], tmp_path: Path
) -> None:
    log = product[0] / "records.jsonl"
    log.write_bytes(log.read_bytes().replace(b"set/1", b"set/2"))
    with pytest.raises(NotExportable, match="not those that were signed"):
        export_bundle(product[0], tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_nothing_is_overwritten(
    product: tuple[Path, dict[str, bytes], str], tmp_path: Path
) -> None:
    (tmp_path / "b.zip").write_bytes(b"mine")
    with pytest.raises(NotExportable, match="is there"):
        export_bundle(product[0], tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_bytes() == b"mine"


def test_a_damaged_or_malicious_zip_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"no zip")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("../outside", "x")
    for name in ("a.zip", "b.zip"):
        with pytest.raises(NotExportable), opened(tmp_path / name):
            pass
    assert not (tmp_path.parent / "outside").exists()

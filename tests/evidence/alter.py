"""Random alterations of a store, for the property test and for benchmarks/evidence.py."""

from __future__ import annotations

import random
from pathlib import Path

from limen.evidence import Record, Store

KINDS = (
    "bit flipped",
    "file cut short",
    "bytes added",
    "records swapped",
    "record removed",
    "record repeated",
    "records reversed",
    "end of log cut off",
    "objects swapped",
    "object renamed",
    "file removed",
    "older head put back",
)


def make_store(folder: Path, records: int) -> bytes:
    """A store with results, refused cases and listings; returns an older signed head."""
    rng = random.Random(1)
    older = b""
    for part in range(2):
        with Store(folder).writing() as store:
            for i in range(records // 2):
                value = {"part": part, "i": i, "noise": rng.random()}
                listing = store.put_json([part, i, "listing"])
                inputs = {"image": f"{rng.getrandbits(256):064x}", "listing": listing}
                store.add(Record("k", f"set/{i}", "m/1", inputs, store.put_json(value)))
        older = older or (folder / "ledger/checkpoint").read_bytes()
    return older


def files_of(folder: Path) -> dict[Path, bytes]:
    """What is evidence: all but the lock, and the caches that are no evidence."""
    return {
        p: p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name not in ("lock", "salt") and not p.name.startswith("digests")
    }


def alter(
    rng: random.Random, kind: str, folder: Path, files: dict[Path, bytes], older_head: bytes
) -> list[Path]:
    """Alter one thing on disk; returns the paths to restore (new ones have no old content)."""
    log = folder / "records.jsonl"
    lines = files[log].splitlines(keepends=True)
    objects = [p for p in files if p.parent.parent.name == "objects"]
    if kind == "bit flipped":
        path = rng.choice(list(files))
        data = bytearray(files[path])
        at = rng.randrange(len(data) * 8)
        data[at // 8] ^= 1 << at % 8
        path.write_bytes(data)
        return [path]
    if kind == "file cut short":
        path = rng.choice(list(files))
        path.write_bytes(files[path][: rng.randrange(len(files[path]))])
        return [path]
    if kind == "bytes added":
        path = rng.choice(list(files))
        at = rng.randrange(len(files[path]) + 1)
        path.write_bytes(files[path][:at] + rng.randbytes(rng.randint(1, 40)) + files[path][at:])
        return [path]
    if kind == "records swapped":
        i, j = rng.sample(range(len(lines)), 2)
        lines[i], lines[j] = lines[j], lines[i]
    elif kind == "record removed":
        del lines[rng.randrange(len(lines))]
    elif kind == "record repeated":
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
    elif kind == "records reversed":
        i, j = sorted(rng.sample(range(len(lines) + 1), 2))
        if j - i < 2:
            i, j = 0, len(lines)
        lines[i:j] = lines[i:j][::-1]
    elif kind == "end of log cut off":
        del lines[rng.randrange(len(lines)) :]
    elif kind == "objects swapped":
        a, b = rng.sample(objects, 2)
        a.write_bytes(files[b])
        b.write_bytes(files[a])
        return [a, b]
    elif kind == "object renamed":
        a = rng.choice(objects)
        name = f"{rng.getrandbits(256):064x}"
        b = a.parent / (a.name[:2] + name[2:])
        a.rename(b)
        return [a, b]
    elif kind == "file removed":
        # without its private key a ledger is whole, it only cannot be continued
        path = rng.choice([p for p in files if p.name != "key.pem"])
        path.unlink()
        return [path]
    else:
        (folder / "ledger/checkpoint").write_bytes(older_head)
        return [folder / "ledger/checkpoint"]
    log.write_bytes(b"".join(lines))
    return [log]


def restore(paths: list[Path], files: dict[Path, bytes]) -> None:
    for path in paths:
        if path in files:
            path.write_bytes(files[path])
        else:
            path.unlink(missing_ok=True)

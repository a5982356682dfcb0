"""The ledger and reach at the size and with the cruelty that they are meant for.

Parts, each by its name on the command line, else all: alterations, kills, append, verify,
lineages, withdrawal, reuse, stale. Peers: SQLite for appending durably in batches of 100, sha256sum
for reading every byte of the store once, networkx for following a lineage. The disk is whatever the
temporary folder is on.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from table import Row, show

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "evidence"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "release"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "pipeline"))
from alter import KINDS, alter, files_of, make_store, restore
from generated_lineages import FAULTY, GOOD, USE, expected, make
from seeded_edits import EDITS, Edited, from_nothing, results, run_again
from test_reuse import ever_accepted

from limen.evidence import Record, Store
from limen.evidence.lineage import Lineage
from limen.evidence.reach import reach, withdrawal
from limen.evidence.verify import verify

N_ALTERATIONS, N_KILLS, N_RECORDS, N_LINEAGES, N_NODES = 10_000, 500, 1_000_000, 1_000, 1_000_000
BATCH, OBJECTS = 100, 2_000
N_EDITS, N_CASES = 300, 20


def alterations() -> list[Row]:
    """Random edits, truncations, reorderings, deletions and swaps; each is undone again."""
    found = 0
    rng = random.Random(2026)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        older = make_store(folder, 16)
        files = files_of(folder)
        for i in range(N_ALTERATIONS):
            kind = KINDS[i % len(KINDS)]
            changed = alter(rng, kind, folder, files, older)
            found += bool(verify(folder, threads=1).problems)
            restore(changed, files)
        clean = verify(folder).clean
    return [
        Row(
            f"alterations found of {N_ALTERATIONS:,}", found, "", target=f"{N_ALTERATIONS:,}",
            holds=found == N_ALTERATIONS and clean,
        )
    ]  # fmt: skip


WRITE = (
    "import sys; from pathlib import Path; from limen.evidence import Record, Store, ledger\n"
    "ledger.CHECKPOINT_EVERY_S = 0.005\n"
    "with Store(Path(sys.argv[1])).writing() as s:\n"
    "  print('ready', flush=True)\n"
    "  for i in range(int(sys.argv[2]), 10**9):\n"
    "    s.add(Record('k', f'set/{i}', 'm/1', {}, s.put_json(i))); print(i, flush=True)"
)


def kills() -> list[Row]:
    """kill -9 at random moments, from before the first record on; the log is never mended."""
    rng = random.Random(7)
    lost = unclean = 0
    next_ = 0
    acknowledged: set[int] = set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n in range(N_KILLS):
            with subprocess.Popen(
                [sys.executable, "-c", WRITE, name, str(next_)], stdout=subprocess.PIPE, text=True
            ) as writer:
                assert writer.stdout is not None
                # one in ten is killed while it starts, the others after some records
                starts = n % 10 == 0
                lines = 0 if starts else rng.randint(1, 12)
                first = "".join(writer.stdout.readline() for _ in range(lines))
                time.sleep(rng.uniform(0, 0.5 if starts else 0.02))
                os.kill(writer.pid, signal.SIGKILL)
                told = (first + writer.stdout.read()).split("\n")[:-1]
            done = [int(x) for x in told if x.isdigit()]
            acknowledged.update(done)
            next_ = max(acknowledged, default=-1) + 1
            # a record may be on disk of which the writer did not get to say so
            if folder.joinpath("records.jsonl").exists():
                unclean += not verify(folder, threads=1).clean
        store = Store(folder)
        for i in acknowledged:
            record = store.latest("k", f"set/{i}")
            lost += record is None or store.get_json(record.result) != i
        with store.writing():
            pass
        end = verify(folder)
    return [
        Row(f"kills of {N_KILLS} after which verify is not clean", unclean, "", target="0",
            holds=unclean == 0),
        Row(f"of {len(acknowledged):,} acknowledged records lost", lost, "", target="0",
            holds=lost == 0 and end.clean and not end.notes),
    ]  # fmt: skip


def _record(i: int, results: list[str]) -> Record:
    text = f"{i:064x}"
    inputs = {"image": text, "prediction": text[::-1], "task": "c" * 64}
    return Record(
        "measurement", f"validation/case-{i}", "measures.case/1", inputs,
        results[i % len(results)], origin="phantom", made_utc="2026-11-25T10:00:00+00:00",
    )  # fmt: skip


def append_and_verify(parts: set[str]) -> list[Row]:
    """A ledger of a million records; the rate of its last tenth; then the whole is verified."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "store"
        with Store(folder).writing() as store:
            results = [store.put_json({"object": i}) for i in range(OBJECTS)]
            begun = time.perf_counter()
            for start in range(0, N_RECORDS, BATCH):
                if start == N_RECORDS * 9 // 10:
                    late = time.perf_counter()
                store.add(*(_record(i, results) for i in range(start, start + BATCH)))
            end = time.perf_counter()
            single = 200
            for i in range(single):
                store.add(_record(N_RECORDS + i, results))
            one_by_one = (time.perf_counter() - end) / single
        rate, late_rate = N_RECORDS / (end - begun), N_RECORDS / 10 / (end - late)
        if "append" in parts:
            peer = _sqlite_rate(Path(name))
            # under 0.2 s for a thousand is over 5,000 a second
            rows += [
                Row(f"appending 1,000 records, batches of {BATCH}", 1000 / rate, "s", "SQLite",
                    1000 / peer, "under 0.2", rate > 5_000),
                Row("the same, the last tenth of a million", 1000 / late_rate, "s", "SQLite",
                    1000 / peer, "under 0.2", late_rate > 5_000),
                Row("appending one record, on disk", one_by_one, "s"),
            ]  # fmt: skip
        if "verify" in parts:
            begun = time.perf_counter()
            found = verify(folder)
            took = time.perf_counter() - begun
            assert found.clean and found.records >= N_RECORDS, found.problems[:3]
            begun = time.perf_counter()
            for path in (folder / "records.jsonl", folder / "objects"):
                subprocess.run(
                    f"find {path} -type f -print0 | xargs -0 sha256sum > /dev/null",
                    shell=True, check=True,
                )  # fmt: skip
            bare = time.perf_counter() - begun
            rows.append(
                Row("verify a million records", took, "s", "sha256sum of the same bytes", bare,
                    "under 60", took < 60)
            )  # fmt: skip
    return rows


def _sqlite_rate(folder: Path) -> float:
    db = sqlite3.connect(folder / "peer.sqlite", isolation_level=None)
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE log (n INTEGER PRIMARY KEY, line TEXT)")
    line, count = "x" * 470, 20_000
    begun = time.perf_counter()
    for start in range(0, count, BATCH):
        db.execute("BEGIN")
        db.executemany("INSERT INTO log VALUES (?,?)", [(start + i, line) for i in range(BATCH)])
        db.execute("COMMIT")
    took = time.perf_counter() - begun
    db.close()
    return count / took


def lineages() -> list[Row]:
    """Generated lineages with planted faults: touched artefacts missed, and others named."""
    escaped = named = faults = 0
    for seed in range(N_LINEAGES):
        made = make(random.Random(10_000 + seed))
        lineage = Lineage.from_edges(made.kinds, made.edges)
        found = reach(
            lineage, USE, [GOOD, *FAULTY.values()], made.held,
            patients=made.patients, withdrawn=made.withdrawn,
        )  # fmt: skip
        touched, _ = expected(made)
        told = {(m.rule, m.of): {lineage.names[i] for i in m.affected} for m in found.limits}
        for fault in touched.keys() | told.keys():
            want, got = touched.get(fault, set()), told.get(fault, set())
            escaped, named, faults = escaped + len(want - got), named + len(got - want), faults + 1
    return [
        Row(f"touched artefacts that escape, {faults:,} faults", escaped, "", target="0",
            holds=escaped == 0),
        Row("untouched artefacts that are named", named, "", target="0", holds=named == 0),
    ]  # fmt: skip


def at_size() -> list[Row]:
    """One patient's withdrawal in a lineage of a million nodes, wide, deep and mixed."""
    import networkx

    rows = []
    child = np.arange(1, N_NODES)
    rng = np.random.default_rng(0)
    window = np.maximum(0, child - 1000)
    shapes = {
        "mixed": np.concatenate([rng.integers(0, child), rng.integers(window, child)]),
        "one chain": child - 1,
        "one source": np.zeros_like(child),
    }
    for name, parents in shapes.items():
        children = np.resize(child, parents.size)
        names = [f"n{i}" for i in range(N_NODES)]
        begun = time.perf_counter()
        lineage = Lineage(names, ["case"] * N_NODES, parents, children)
        lineage.number("n0")
        built = time.perf_counter() - begun
        times = []
        for _ in range(3):
            begun = time.perf_counter()
            found = withdrawal(lineage, ["n0", "n5"])
            times.append(time.perf_counter() - begun)
        graph = networkx.DiGraph(zip(parents.tolist(), children.tolist(), strict=True))
        begun = time.perf_counter()
        theirs = {0, 5} | networkx.descendants(graph, 0) | networkx.descendants(graph, 5)
        peer = time.perf_counter() - begun
        assert theirs == set(found.tolist())
        took = max(times)
        rows.append(
            Row(f"withdrawal, a million nodes, {name}: {found.size:,} touched", took, "s",
                "networkx", peer, "under 1", took < 1)
        )  # fmt: skip
        rows.append(Row(f"  reading that lineage in (once), {parents.size:,} edges", built, "s"))
    return rows


def reuse() -> list[Row]:
    """Fifty adaptive releases, all harmful, on one set: how often is any of them accepted?"""
    rng = np.random.default_rng(2026)
    repetitions = 200
    guarded = sum(ever_accepted(rng, True) for _ in range(repetitions)) / repetitions
    careless = sum(ever_accepted(rng, False) for _ in range(repetitions)) / repetitions
    return [
        Row("a harmful release is ever accepted, share of 200", guarded, "", "one test at 5 % each",
            careless, "at most 0.05", guarded <= 0.05)
    ]  # fmt: skip


def stale() -> list[Row]:
    """Seeded changes of all kinds of inputs: what is left is what a run from nothing makes."""
    rng = random.Random(2026)
    stale_left, shares = 0, []
    with tempfile.TemporaryDirectory() as name:
        edited = Edited(Path(name) / "product", N_CASES, rng)
        run_again(edited.folder)
        for i in range(N_EDITS):
            EDITS[i % len(EDITS)](edited)
            computed, there = run_again(edited.folder)
            shares.append(computed / there)
            anew = from_nothing(edited.folder, Path(name) / "anew")
            now = results(edited.folder)
            stale_left += sum(now.get(k) != anew.get(k) for k in now.keys() | anew.keys())
    mean = float(np.mean(shares))
    return [
        Row(f"evidence left stale by {N_EDITS} changes of {len(EDITS)} kinds", stale_left, "",
            target="0", holds=stale_left == 0),
        Row(f"evidence computed again, mean share, {N_CASES} cases", mean, "", "everything", 1.0,
            "at most 0.25", mean <= 0.25),
    ]  # fmt: skip


PARTS: dict[str, Callable[[], list[Row]]] = {
    "alterations": alterations, "kills": kills, "lineages": lineages, "withdrawal": at_size,
    "reuse": reuse, "stale": stale,
}  # fmt: skip


def main() -> None:
    asked = {a for a in sys.argv[1:] if not a.startswith("-")}
    asked = asked or {*PARTS, "append", "verify"}
    rows = [row for name, part in PARTS.items() if name in asked for row in part()]
    if asked & {"append", "verify"}:
        rows += append_and_verify(asked)
    show(rows)
    if not all(r.holds in (True, None) for r in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()

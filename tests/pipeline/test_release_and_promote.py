"""Freeze, compare, promote and take back a product that was run, with keys of three people."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pipeline_builders import build_product, write_case, write_threshold_model

import limen
from limen.evidence.keys import new_key, public_bytes
from limen.evidence.ledger import Ledger
from limen.evidence.roster import Member, Roster, RosterError, add_roster
from limen.evidence.verify import verify
from limen.pipeline.failure_list import NoSuchFailure, explain, failure_list, verdicts_now
from limen.pipeline.freeze import AlreadyReleased, NoSuchRelease, NotFresh, freeze, release_record
from limen.pipeline.promotion import (
    BadFact,
    facts_of,
    promote,
    record_clearance,
    record_field,
    settle_all,
    stage_of,
)
from limen.release import compare
from limen.release.frozen import BadRelease, load_release

KEYS = {role: new_key() for role in ("quality", "clinician", "developer")}
CONSENT = """\
kind: prospective-consent
board: A
number: "7"
expires: 2990-01-01
purposes: [NRES]
commercial: true
legal_basis: [21 CFR 50.20]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = build_product(tmp_path_factory.mktemp("release") / "product")
    edit(folder / "limen.yaml", "risk:", "regimes: [fda]\nrisk:")
    (folder / "approvals/a.yaml").write_text(CONSENT)
    limen.run(folder, workers=1)
    with limen.load(folder).store.writing() as store:
        members = [Member(r[0].upper(), r, public_bytes(k)) for r, k in KEYS.items()]
        add_roster(store, Roster(tuple(members)), KEYS["quality"])
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "product"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def next_version(folder: Path, level: float, version: str, old: str = "0.1.0") -> None:
    """Other weights under a version of their own, evaluated."""
    write_threshold_model(folder / "model/threshold.onnx", level)
    edit(folder / "limen.yaml", f"version: {old}", f"version: {version}")
    limen.run(folder, workers=1)


# --- freezing -----------------------------------------------------------------------------------


def test_a_release_loads_with_every_digest_checked_and_the_ledger_vouching(folder: Path):
    release, is_new = freeze(limen.load(folder))
    assert is_new
    again, is_new = freeze(limen.load(folder))
    assert (again.digest, is_new) == (release.digest, False)
    key = Ledger(folder / ".limen").public_key()
    moved = Path(shutil.move(release.folder, folder.parent / "elsewhere"))
    loaded = load_release(moved, key)
    assert loaded.verdicts() == verdicts_now(limen.load(folder))
    assert loaded.read("model/threshold.onnx") == (folder / "model/threshold.onnx").read_bytes()
    assert loaded.manifest["reach"]["reach"] == "routine-use"
    assert verify(folder / ".limen").clean
    # the folder can be written again, from the ledger's record alone
    assert freeze(limen.load(folder))[0].digest == loaded.digest


@pytest.mark.parametrize(
    "harm",
    [
        lambda f: (f / "model/threshold.onnx").write_bytes(b"other weights"),
        lambda f: (f / "evidence/val.summary.json").unlink(),
        lambda f: (f / "evidence/extra.json").write_text("{}"),
        lambda f: edit(f / "release.json", '"version":"0.1.0"', '"version":"0.1.1"'),
        lambda f: edit(f / "ledger.json", '"index": ', '"index": 1'),
        lambda f: edit(f / "digests.json", '"sha256"', '"sha1"'),
        lambda f: (f / "digests.json").unlink(),
    ],
)
def test_an_altered_release_is_not_loaded(folder: Path, harm):
    release, _ = freeze(limen.load(folder))
    harm(release.folder)
    with pytest.raises(BadRelease):
        load_release(release.folder)


def test_a_release_with_all_its_digests_forged_is_not_in_the_ledger(folder: Path):
    """Manifest and listing altered alike, as somebody who knows the format would."""
    from limen.evidence import digest_bytes

    release, _ = freeze(limen.load(folder))
    path = release.folder / "release.json"
    listing = json.loads((release.folder / "digests.json").read_text())
    edit(path, '"reach":"routine-use"', '"reach":"submission"')
    listing["sha256"]["release.json"] = digest_bytes(path.read_bytes())
    (release.folder / "digests.json").write_text(json.dumps(listing))
    with pytest.raises(BadRelease, match="the ledger does not hold this release"):
        load_release(release.folder)


def test_a_release_whose_record_a_full_disk_left_unsigned_is_still_frozen(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(self: Ledger) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr(Ledger, "sign_head", full)
        freeze(limen.load(folder))
    release, is_new = freeze(limen.load(folder))
    assert is_new and load_release(release.folder).digest == release.digest
    assert verify(folder / ".limen").clean


def test_a_stranger_follows_the_proof_with_code_of_his_own(folder: Path):
    """RFC 6962, 2.1.1, read backwards; C2SP signed notes by their text; nothing of Limen."""

    def root(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
        if size == 1:
            assert not path
            return leaf
        k = 1 << ((size - 1).bit_length() - 1)
        left = root(leaf, index, k, path[:-1]) if index < k else path[-1]
        right = path[-1] if index < k else root(leaf, index - k, size - k, path[:-1])
        return hashlib.sha256(b"\1" + left + right).digest()

    release, _ = freeze(limen.load(folder))
    held = json.loads((release.folder / "ledger.json").read_text())
    text, _, signature = held["checkpoint"].partition("\n\n")
    key = base64.b64decode(held["key"].split("+", 2)[2])[1:]
    raw = base64.b64decode(signature.split(" ")[2])[4:]
    Ed25519PublicKey.from_public_bytes(key).verify(raw, text.encode() + b"\n")
    _, size, signed = text.split("\n")
    leaf = hashlib.sha256(b"\0" + held["record"].encode()).digest()
    path = [base64.b64decode(p) for p in held["proof"]]
    assert root(leaf, held["index"], int(size), path) == base64.b64decode(signed)
    manifest = (release.folder / "release.json").read_bytes()
    assert json.loads(held["record"])["result"] == hashlib.sha256(manifest).hexdigest()


def test_another_ledger_does_not_vouch_for_it(folder: Path, tmp_path: Path):
    from limen.evidence import Store

    release, _ = freeze(limen.load(folder))
    with Store(tmp_path / "other").writing() as other:
        other.head()
    with pytest.raises(BadRelease):
        load_release(release.folder, Ledger(tmp_path / "other").public_key())


def test_what_is_stale_is_not_frozen_and_a_version_is_one_release(folder: Path):
    freeze(limen.load(folder))
    write_case(folder / "data/val", 0, missed=True)
    with pytest.raises(NotFresh, match=r"case val/case-0"):
        freeze(limen.load(folder))
    limen.run(folder, workers=1)
    with pytest.raises(AlreadyReleased, match="summary val"):
        freeze(limen.load(folder))
    with pytest.raises(NoSuchRelease):
        release_record(limen.load(folder), "9.9.9")


# --- comparing, and failures that are not forgotten -----------------------------------------------


def test_what_newly_fails_is_named_and_no_failure_is_ever_forgotten(folder: Path):
    first, _ = freeze(limen.load(folder))
    assert [f.failure.case for f in failure_list(limen.load(folder))] == [
        "val/case-1",
        "val/case-3",
    ]
    next_version(folder, 0.95, "0.2.0")  # finds nothing: every ball is missed
    product = limen.load(folder)
    second, _ = freeze(product)
    found = compare(first.verdicts(), second.verdicts())
    assert found.newly_failing == ("val/case-0", "val/case-2", "val/case-4")
    before = [f.failure.case for f in failure_list(product)]
    next_version(folder, 0.5, "0.3.0", "0.2.0")
    (folder / "data/val/images/case-3.nii.gz").unlink()
    (folder / "data/val/references/case-3.nii.gz").unlink()
    limen.run(folder, workers=1)
    after = {f.failure.case: f.failure for f in failure_list(limen.load(folder))}
    assert [c for c in after if c in before] == before
    assert after["val/case-0"].now is True and not after["val/case-0"].is_open
    assert after["val/case-0"].first_release == "small 0.2.0"
    # taken out of the set: not run again, so still open
    assert after["val/case-3"].now is None and after["val/case-3"].is_open


def test_an_explanation_counts_when_a_clinician_and_a_developer_signed_it(folder: Path):
    product = limen.load(folder)
    with pytest.raises(NoSuchFailure, match="never failed"):
        explain(product, "val/case-0", "why", KEYS["clinician"])
    with pytest.raises(NoSuchFailure, match="no explanation"):
        explain(product, "val/case-1", None, KEYS["clinician"])
    before = (folder / ".limen/records.jsonl").read_bytes()
    with pytest.raises(RosterError):
        explain(product, "val/case-1", "why", new_key())
    assert (folder / ".limen/records.jsonl").read_bytes() == before  # nor are the words left there
    one = explain(product, "val/case-1", "Darker than any nodule.", KEYS["clinician"])
    assert (one.to_sign, one.failure.is_explained) == (("developer",), False)
    both = explain(product, "val/case-1", None, KEYS["developer"])
    assert both.failure.is_explained and not both.failure.is_open
    assert both.failure.now is False and both.why == "Darker than any nodule."
    # other words are another explanation, which nobody but its writer has signed
    other = explain(product, "val/case-1", "It is small.", KEYS["developer"])
    assert other.to_sign == ("clinician",) and not other.failure.is_explained
    assert len(failure_list(limen.load(folder))) == 2


# --- stages ---------------------------------------------------------------------------------------


def missing(standing) -> dict[str, str]:
    return {m.requirement: m.found for m in standing.move.missing}


def test_nothing_is_promoted_that_was_not_frozen(folder: Path):
    with pytest.raises(NoSuchRelease, match="nothing is frozen"):
        promote(limen.load(folder), key=KEYS["developer"])


def test_one_stage_up_with_the_signature_of_who_may_move_it(folder: Path):
    freeze(limen.load(folder))
    asked = promote(limen.load(folder))
    assert missing(asked) == {"those who may move it ask for it": "not asked by: developer"}
    assert missing(promote(limen.load(folder), key=KEYS["clinician"]))
    product = limen.load(folder)
    moved = promote(product, key=KEYS["developer"])
    assert (moved.move.is_granted, moved.stage) == (True, "publication")
    assert stage_of(product, release_record(product)) == "publication"
    refused = promote(limen.load(folder), key=KEYS["developer"])
    assert set(missing(refused)) == {
        "a boundary is certified", "clinician and developer signed the boundary",
        "those who may move it ask for it",
    }  # fmt: skip
    assert all(m.mend for m in refused.move.missing)
    assert verify(folder / ".limen").clean


def test_a_leap_names_everything_that_is_missing(folder: Path):
    """The wishes of earlier stages do not carry a release further."""
    freeze(limen.load(folder))
    promote(limen.load(folder), key=KEYS["developer"])
    edit(folder / "limen.yaml", "at_most: 1", "at_most: 2")
    found = missing(promote(limen.load(folder)))
    assert "verdicts val" in found["all evidence is fresh"]
    assert "the product is another by now" in found["the release is what is evaluated"]


def test_an_approval_that_expired_takes_a_release_back(folder: Path):
    freeze(limen.load(folder))
    promote(limen.load(folder), key=KEYS["developer"])
    edit(folder / "approvals/a.yaml", "2990-01-01", "2026-01-01")
    result = limen.run(folder, workers=1)
    (back,) = result.taken_back
    assert (back.move.before, back.stage) == ("publication", "feasibility")
    assert missing(back)["the data permits publication"] == "the lineage reaches feasibility"
    assert settle_all(limen.load(folder)) == []  # once is enough


def test_a_failed_run_of_the_same_product_takes_it_back_and_another_product_does_not(folder: Path):
    freeze(limen.load(folder))
    promote(limen.load(folder), key=KEYS["developer"])
    next_version(folder, 0.95, "0.2.0")  # development goes on, and fails
    product = limen.load(folder)
    assert stage_of(product, release_record(product, "0.1.0")) == "publication"
    next_version(folder, 0.5, "0.1.0", "0.2.0")
    (folder / "data/val/images/case-4.nii.gz").write_bytes(b"no image")
    (back,) = limen.run(folder, workers=1).taken_back
    assert back.stage == "feasibility"
    assert missing(back)["every case is evaluated"] == "1 cases not evaluated"


def field_of(product) -> tuple[float | None, float | None]:
    facts, _ = facts_of(product, release_record(product), ())
    return facts.field_failure_rate, facts.field_limit


def test_failures_in_use_over_their_limit_are_recorded_and_told(folder: Path):
    freeze(limen.load(folder))
    with pytest.raises(BadFact):
        record_field(limen.load(folder), 3, 0, 0.05, KEYS["clinician"])
    record_field(limen.load(folder), 0, 0, 0.05, KEYS["clinician"])
    assert field_of(limen.load(folder)) == (None, 0.05)
    with pytest.raises(BadFact, match="declared are: fda"):
        record_clearance(limen.load(folder), "mdr", "1", KEYS["quality"])
    product = limen.load(folder)
    record_field(product, 30, 200, 0.05, KEYS["clinician"])
    record_clearance(product, "fda", "K260001", KEYS["developer"])
    assert field_of(product) == (0.15, 0.05)
    facts, _ = facts_of(product, release_record(product), ())
    assert facts.clearances_missing == ("fda",)  # a developer's word is not quality's
    record_clearance(product, "fda", "K260001", KEYS["quality"])
    facts, _ = facts_of(product, release_record(product), ())
    assert facts.clearances_missing == ()
    assert facts.not_accepted and facts.not_accepted[0].startswith("val: Used once")


# --- reuse ----------------------------------------------------------------------------------------


def test_each_answer_of_a_set_is_a_use_and_new_patients_begin_anew(folder: Path):
    from limen.pipeline.reuse import judge_reuse

    def uses() -> int:
        product = limen.load(folder)
        summary = product.store.latest("summary", "val")
        assert summary is not None
        judged = judge_reuse(product, product.sets["val"], product.store.get_json(summary.result))
        assert judged is not None
        return judged.uses

    assert uses() == 1
    limen.run(folder, workers=1)
    assert uses() == 1  # nothing was asked
    next_version(folder, 0.95, "0.2.0")
    assert uses() == 2
    edit(folder / "limen.yaml", "name: val,", "name: renamed,")
    edit(folder / "limen.yaml", "name: renamed,", "name: val,")
    assert uses() == 2
    shutil.rmtree(folder / "data/val")
    for n in range(30, 33):
        write_case(folder / "data/val", n)
    limen.run(folder, workers=1)
    assert uses() == 1

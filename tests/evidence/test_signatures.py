"""Roles, revocation and what counts: a clinician and a developer on the same digest, or nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("cryptography")
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from limen.evidence import Record, Store
from limen.evidence.dsse import sign
from limen.evidence.keys import new_key, public_bytes
from limen.evidence.roster import (
    ROSTER_TYPE,
    Member,
    Role,
    Roster,
    RosterError,
    add_roster,
    roster_at,
    roster_entries,
)
from limen.evidence.signatures import (
    PAYLOAD_TYPE,
    NotSignable,
    Signed,
    roles_missing,
    sign_result,
    signatures,
    statement,
)
from limen.evidence.verify import verify

NAMES: dict[str, Role] = {
    "Q. Kim": "quality", "D. Lee": "developer", "C. Park": "clinician", "C. Choi": "clinician",
}  # fmt: skip


@dataclass
class Team:
    folder: Path
    keys: dict[str, Ed25519PrivateKey]
    boundary: str

    def roster(self) -> Roster:
        store = Store(self.folder)
        found = roster_at(roster_entries(store.history(), store.get))
        assert found is not None
        return found

    def sign(self, name: str, digest: str = "") -> None:
        with Store(self.folder).writing() as store:
            sign_result(
                store, "boundary", digest or self.boundary, self.keys[name], "I have reviewed it"
            )

    def revoke(self, name: str) -> None:
        with Store(self.folder).writing() as store:
            add_roster(store, self.roster().with_revoked(name, "lost"), self.keys["Q. Kim"])

    def signed(self) -> list[Signed]:
        store = Store(self.folder)
        return signatures(store.history(), store.get)

    def missing(self) -> list[Role]:
        return roles_missing(self.signed(), self.boundary)


@pytest.fixture
def team(tmp_path: Path) -> Team:
    keys = {name: new_key() for name in NAMES}
    roster = Roster(tuple(Member(n, r, public_bytes(keys[n])) for n, r in NAMES.items()))
    with Store(tmp_path).writing() as store:
        boundary = store.put_json({"axis": "ct.dose", "to": 0.2})
        store.add(Record("boundary", "product", "m/1", {}, boundary))
        add_roster(store, roster, keys["Q. Kim"])
    return Team(tmp_path, keys, boundary)


def test_both_roles_sign_the_same_boundary(team: Team) -> None:
    assert team.missing() == ["clinician", "developer"]
    team.sign("C. Park")
    assert team.missing() == ["developer"]
    team.sign("C. Choi")  # a second clinician is no developer
    assert team.missing() == ["developer"]
    team.sign("D. Lee")
    assert team.missing() == []
    found = verify(team.folder)
    assert found.clean
    assert [(s.signer, s.role) for s in found.signatures if s.counts] == [
        ("C. Park", "clinician"), ("C. Choi", "clinician"), ("D. Lee", "developer"),
    ]  # fmt: skip


def test_signatures_on_two_digests_do_not_add_up(team: Team) -> None:
    with Store(team.folder).writing() as store:
        other = store.put_json({"axis": "ct.dose", "to": 0.1})
    team.sign("C. Park")
    team.sign("D. Lee", other)
    assert team.missing() == ["developer"]


def test_a_revoked_keys_later_signatures_do_not_count_and_earlier_ones_do(team: Team) -> None:
    team.sign("C. Park")
    team.revoke("C. Park")
    assert team.missing() == ["developer"]
    with pytest.raises(RosterError, match="revoked"):
        team.sign("C. Park")
    # someone with the key who does not go through Limen's own check
    head = verify(team.folder).head
    assert head is not None
    member = Member("C. Park", "clinician", public_bytes(team.keys["C. Park"]))
    with Store(team.folder).writing() as store:
        other = store.put_json({"axis": "ct.dose", "to": 0.05})
        value = statement("boundary", other, member, "yes", head, store.now_utc())
        made = sign(PAYLOAD_TYPE, json.dumps(value).encode(), team.keys["C. Park"])
        store.add(
            Record("signature", "boundary", "x/1", {"signed": other}, store.put(made.to_json()))
        )
    late = team.signed()[-1]
    assert (late.counts, late.is_forged, late.why_not) == (
        False, False, "its key was revoked before: lost",
    )  # fmt: skip
    found = verify(team.folder)
    assert found.clean
    assert any("does not count" in n for n in found.notes)


def test_an_unlisted_key_is_refused(team: Team) -> None:
    team.keys["stranger"] = new_key()
    with pytest.raises(RosterError, match="not in the roster"):
        team.sign("stranger")


def test_nothing_is_signed_that_is_not_there(team: Team) -> None:
    with pytest.raises(NotSignable):
        team.sign("C. Park", "0" * 64)


def test_without_a_roster_no_signature_is_made(tmp_path: Path) -> None:
    with Store(tmp_path).writing() as store:
        digest = store.put_json(1)
        with pytest.raises(RosterError, match="no roster"):
            sign_result(store, "boundary", digest, new_key(), "yes")


def forge(team: Team, case: str) -> None:
    """What somebody who can write the store, but has not the keys, could try."""
    head = verify(team.folder).head
    assert head is not None
    park = Member("C. Park", "clinician", public_bytes(team.keys["C. Park"]))
    lee = team.keys["D. Lee"]
    with Store(team.folder).writing() as store:
        value = statement("boundary", team.boundary, park, "yes", head, store.now_utc())
        made = sign(PAYLOAD_TYPE, json.dumps(value).encode(), team.keys["C. Park"])
        signed, subject = team.boundary, "boundary"
        if case == "a developer as a clinician":
            made = sign(PAYLOAD_TYPE, made.payload, lee)
        elif case == "the payload edited":
            made = type(made)(
                made.payload_type, made.payload.replace(b"yes", b"YES"), made.signatures
            )
        elif case == "moved to another digest":
            signed = store.put_json("other")
        elif case == "moved to another subject":
            subject = "release"
        elif case == "from another ledger":
            value["predicate"]["ledger"]["root"] = "00" * 32
            made = sign(PAYLOAD_TYPE, json.dumps(value).encode(), team.keys["C. Park"])
        elif case == "from the future":
            value["predicate"]["ledger"]["size"] = 10**6
            made = sign(PAYLOAD_TYPE, json.dumps(value).encode(), team.keys["C. Park"])
        content = b"no envelope" if case == "no envelope" else made.to_json()
        store.add(Record("signature", subject, "x/1", {"signed": signed}, store.put(content)))


@pytest.mark.parametrize(
    "case",
    ["a developer as a clinician", "the payload edited", "moved to another digest",
     "moved to another subject", "from another ledger", "from the future", "no envelope"],
)  # fmt: skip
def test_a_forged_signature_is_a_problem(team: Team, case: str) -> None:
    forge(team, case)
    found = verify(team.folder)
    assert [s.is_forged for s in found.signatures] == [True]
    assert len(found.problems) == 1


def test_the_genuine_article_of_the_forgeries_is_good(team: Team) -> None:
    forge(team, "nothing")
    assert verify(team.folder).clean
    assert team.missing() == ["developer"]


# --- the roster itself --------------------------------------------------------------------------


def test_only_quality_changes_the_roster(team: Team) -> None:
    changed = team.roster().with_member(Member("New", "developer", public_bytes(new_key())))
    with Store(team.folder).writing() as store:
        with pytest.raises(RosterError, match="quality"):
            add_roster(store, changed, team.keys["D. Lee"])
        add_roster(store, changed, team.keys["Q. Kim"])
    assert len(team.roster().members) == 5


def test_a_roster_that_quality_did_not_sign_is_a_problem_and_does_not_hold(team: Team) -> None:
    mallory = new_key()
    with Store(team.folder).writing() as store:
        own = Roster((Member("M", "quality", public_bytes(mallory)),))
        made = sign(ROSTER_TYPE, own.to_json(), mallory)
        store.add(Record("roster", "roster", "x/1", {}, store.put(made.to_json())))
    assert len(team.roster().members) == 4
    assert not verify(team.folder).clean


def test_a_stranger_names_the_quality_key_that_he_trusts(team: Team) -> None:
    assert verify(team.folder, quality=[public_bytes(team.keys["Q. Kim"])]).clean
    assert not verify(team.folder, quality=[public_bytes(new_key())]).clean


def test_a_revoked_quality_key_changes_nothing_any_more(team: Team) -> None:
    second = new_key()
    roster = team.roster().with_member(Member("Q. Han", "quality", public_bytes(second)))
    with Store(team.folder).writing() as store:
        add_roster(store, roster, team.keys["Q. Kim"])
        add_roster(store, roster.with_revoked("Q. Kim", "left"), second)
        again = team.roster().with_member(Member("X", "developer", public_bytes(new_key())))
        with pytest.raises(RosterError, match="quality"):
            add_roster(store, again, team.keys["Q. Kim"])


@pytest.mark.parametrize(
    "change",
    [
        lambda r: Roster(r.members[:-1]),
        lambda r: Roster((*r.members[:-1], Member("C. Choi", "developer", r.members[-1].public))),
        lambda r: Roster((*r.members[:-1], Member("Other", "clinician", r.members[-1].public))),
    ],
)
def test_members_are_only_added_or_revoked(team: Team, change: object) -> None:
    with Store(team.folder).writing() as store, pytest.raises(RosterError, match="takes off"):
        add_roster(store, change(team.roster()), team.keys["Q. Kim"])  # type: ignore[operator]


def test_a_revocation_is_not_taken_back(team: Team) -> None:
    before = team.roster()
    team.revoke("C. Park")
    with Store(team.folder).writing() as store, pytest.raises(RosterError, match="takes off"):
        add_roster(store, before, team.keys["Q. Kim"])


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ([("A", "quality", b"1" * 32), ("A", "developer", b"2" * 32)], "name twice"),
        ([("A", "quality", b"1" * 32), ("B", "developer", b"1" * 32)], "key twice"),
        ([("A", "boss", b"1" * 32)], "no known role"),
        ([("A", "quality", b"1" * 31)], "no key"),
        ([(" ", "quality", b"1" * 32)], "no name"),
    ],
)
def test_a_roster_that_contradicts_itself_is_refused(members: list, what: str) -> None:
    with pytest.raises(RosterError, match=what.replace("no key", "or no key")):
        Roster(tuple(Member(*m) for m in members))


def test_the_last_quality_key_is_not_revoked(team: Team) -> None:
    with pytest.raises(RosterError, match="no quality key would be left"):
        team.roster().with_revoked("Q. Kim", "left")
    with pytest.raises(RosterError, match="belongs to this name"):
        team.roster().with_revoked("Nobody", "left")


def test_in_toto_accepts_the_statement(team: Team) -> None:
    from in_toto_attestation.v1 import resource_descriptor as descriptor
    from in_toto_attestation.v1 import statement as lib

    team.sign("C. Park")
    store = Store(team.folder)
    record = store.latest("signature", "boundary")
    assert record is not None
    envelope = json.loads(store.get(record.result))
    import base64

    value = json.loads(base64.b64decode(envelope["payload"]))
    subjects = [descriptor.ResourceDescriptor(**s).pb for s in value["subject"]]
    theirs = lib.Statement(subjects, value["predicateType"], value["predicate"])
    theirs.validate()
    assert value["_type"] == lib.STATEMENT_TYPE_URI

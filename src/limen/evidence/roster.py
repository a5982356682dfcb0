"""The roster: which key belongs to whom, in which role, and which keys are revoked.

A roster is a JSON document in a DSSE envelope, signed by quality, and a record of the ledger. Its
place in the ledger, not a date, says from when it holds. The first one is signed by a quality
member whom it lists itself: whoever verifies knows that one key from elsewhere. Every later one is
signed by a quality key that is in force under the one before it. Members are never taken off or
changed, only added and revoked, so that old signatures can still be judged.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from limen.errors import LimenError
from limen.evidence.dsse import BadEnvelope, Envelope, sign
from limen.evidence.keys import key_id, public_bytes
from limen.evidence.record import Record

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from limen.evidence.store import Store

Role = Literal["developer", "clinician", "quality"]
ROLES: tuple[Role, ...] = get_args(Role)
ROSTER_TYPE = "application/vnd.limen.roster+json"
METHOD = "evidence.roster/1"


class RosterError(LimenError):
    """A roster contradicts itself or the one before it, or its signer may not sign it."""

    exit_code = 1


@dataclass(frozen=True)
class Member:
    """A person, one key of theirs, and the role it signs in.

    Attributes
    ----------
    name : str
        As it is to stand beside signatures. One person in two roles has two names and two keys.
    public : bytes
        32 bytes.
    revoked : str or None
        Why the key no longer counts.
    """

    name: str
    role: Role
    public: bytes
    revoked: str | None = None


@dataclass(frozen=True)
class Roster:
    members: tuple[Member, ...] = ()

    def __post_init__(self) -> None:
        for what, values in (
            ("name", [m.name for m in self.members]),
            ("key", [key_id(m.public)[:16] for m in self.members]),
        ):
            twice = sorted({v for v in values if values.count(v) > 1})
            if twice:
                raise RosterError(
                    f"the roster lists a {what} twice",
                    found=", ".join(twice),
                    mend="give each member, in each role, a name and a key of their own",
                )
        for m in self.members:
            if m.role not in ROLES or not m.name.strip() or len(m.public) != 32:
                raise RosterError(
                    "a member of the roster has no name, no known role or no key",
                    found=f"{m.name!r}, {m.role!r}",
                    mend=f"roles are {', '.join(ROLES)}",
                )

    def member(self, public: bytes) -> Member | None:
        return next((m for m in self.members if m.public == public), None)

    def in_force(self, role: Role | None = None) -> list[Member]:
        """Members whose key is not revoked, of one role or all."""
        return [m for m in self.members if m.revoked is None and role in (None, m.role)]

    def with_member(self, member: Member) -> Roster:
        return Roster((*self.members, member))

    def with_revoked(self, name: str, why: str) -> Roster:
        """The roster in which that member's later signatures do not count.

        Raises
        ------
        RosterError
            If nobody is called so, the key is revoked already, or no quality key would be left.
        """
        found = next((m for m in self.members if m.name == name), None)
        if found is None or found.revoked is not None:
            raise RosterError(
                "no key in force belongs to this name",
                found=name,
                mend="names in force: " + (", ".join(m.name for m in self.in_force()) or "none"),
            )
        changed = Roster(
            tuple(replace(m, revoked=why) if m.name == name else m for m in self.members)
        )
        if not changed.in_force("quality"):
            raise RosterError(
                "no quality key would be left, so that the roster could never change again",
                where=name,
                mend="add another quality member first",
            )
        return changed

    def check_follows(self, before: Roster) -> None:
        """Raise RosterError where something but additions and revocations happened."""
        for old in before.members:
            new = self.member(old.public)
            same = new is not None and replace(new, revoked=old.revoked) == old
            if not same or (old.revoked is not None and new != old):
                raise RosterError(
                    "the roster takes off or changes a member of the one before it",
                    found=old.name,
                    mend="only add members, or revoke them",
                )

    def to_json(self) -> bytes:
        import rfc8785

        members = [
            {**asdict(m), "public": base64.b64encode(m.public).decode()} for m in self.members
        ]
        return rfc8785.dumps({"roster": 1, "members": members})

    @classmethod
    def from_json(cls, text: bytes) -> Roster:
        try:
            value: dict[str, Any] = json.loads(text)
            if value["roster"] != 1:
                raise RosterError(
                    "the roster was written by another version of Limen",
                    found=str(value["roster"])[:20],
                    mend="use that version (this one reads version 1)",
                )
            return cls(
                tuple(
                    Member(**{**m, "public": base64.b64decode(m["public"], validate=True)})
                    for m in value["members"]
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RosterError("this is no roster", mend="restore it from a copy") from None


@dataclass(frozen=True)
class RosterEntry:
    """A roster in the ledger: the record's place, and why it does not hold, if it does not."""

    index: int
    roster: Roster
    why_not: str | None = None


def roster_entries(
    records: Iterable[Record | None],
    get: Callable[[str], bytes],
    trusted: Collection[bytes] | None = None,
) -> list[RosterEntry]:
    """All rosters of a ledger, in order, each judged under those before it.

    Parameters
    ----------
    records : iterable of Record
        Every record of the ledger, in order.
    get : callable
        Digest to content.
    trusted : collection of bytes, optional
        Public keys, one of which has to have signed the first roster; without, whichever quality
        member signed it is believed.
    """
    entries: list[RosterEntry] = []
    before: Roster | None = None
    for index, record in enumerate(records):
        if record is None or record.kind != "roster":
            continue
        roster = Roster()
        try:
            envelope = Envelope.from_json(get(record.result), ROSTER_TYPE)
            roster = Roster.from_json(envelope.payload)
            _check_may_hold(envelope, roster, before, trusted)
        except (RosterError, BadEnvelope) as error:
            entries.append(RosterEntry(index, roster, error.what))
        except LimenError:
            entries.append(RosterEntry(index, roster, "its content is not in the store"))
        else:
            entries.append(RosterEntry(index, roster))
            before = roster
    return entries


def roster_at(entries: Iterable[RosterEntry], index: int | None = None) -> Roster | None:
    """The roster in force for the record at ``index`` (the newest by default)."""
    held = [e.roster for e in entries if e.why_not is None and (index is None or e.index < index)]
    return held[-1] if held else None


def roster_now(store: Store) -> Roster | None:
    """The roster in force in a store's ledger."""
    return roster_at(roster_entries(store.history(), store.get))


def add_roster(store: Store, roster: Roster, key: Ed25519PrivateKey) -> Record:
    """Sign a roster and put it into the ledger, inside ``store.writing()``.

    Raises
    ------
    RosterError
        If it may not follow the one in force, or the key may not sign it.
    """
    history = store.history()
    held = [e for e in roster_entries(history, store.get) if e.why_not is None]
    envelope = sign(ROSTER_TYPE, roster.to_json(), key)
    _check_may_hold(envelope, roster, held[-1].roster if held else None, None)
    digest = store.put(envelope.to_json())
    inputs = {"previous": history[held[-1].index].result} if held else {}
    record = Record("roster", "roster", METHOD, inputs, digest, made_utc=store.now_utc())
    store.add(record)
    return record


def _check_may_hold(
    envelope: Envelope,
    roster: Roster,
    before: Roster | None,
    trusted: Collection[bytes] | None,
) -> None:
    if before is not None:
        roster.check_follows(before)
    allowed = [m.public for m in (before or roster).in_force("quality")]
    if before is None and trusted is not None:
        allowed = [p for p in allowed if p in trusted]
    if not envelope.signed_by(allowed):
        raise RosterError(
            "the roster is not signed by a quality key that is in force",
            mend="have a quality member sign it"
            if before is not None
            else "the first roster lists a quality member, who signs it",
        )


def member_of(roster: Roster, key: Ed25519PrivateKey) -> Member:
    """The member in force whom a private key belongs to.

    Raises
    ------
    RosterError
        If the key is not listed, or is revoked.
    """
    found = roster.member(public_bytes(key))
    if found is None:
        raise RosterError(
            "this key is not in the roster, so that its signature would not count",
            found=key_id(public_bytes(key))[:16],
            mend="have a quality member add it: `limen keys add`",
        )
    if found.revoked is not None:
        raise RosterError(
            "this key is revoked, so that its signature would not count",
            where=found.name,
            found=found.revoked,
            mend="make a new key and have a quality member add it",
        )
    return found

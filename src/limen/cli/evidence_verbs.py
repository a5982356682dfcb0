"""Verbs on the ledger: verify, sign, bundle, keys."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limen.cli.show import Folder, Json, json_out, table_out
from limen.errors import LimenError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from limen.evidence.record import Record
    from limen.evidence.verify import Verification
    from limen.pipeline.recompute import Recomputed

_SHOWN = 20
PASSPHRASE = "LIMEN_PASSPHRASE"
"""Environment variable that answers the question for a passphrase."""

KeyFile = Annotated[
    Path,
    typer.Option(
        "--key", help="Your private key file; its passphrase is asked for.", metavar="FILE"
    ),
]
Public = Annotated[Path, typer.Option(help="The member's public key file (.pub).", metavar="FILE")]

keys = typer.Typer(
    help="Keys and the roster: who signs in which role.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def add_to(app: typer.Typer) -> None:
    for verb in (verify, sign, bundle):
        app.command()(verb)
    app.add_typer(keys, name="keys")


class NoCheckpoint(LimenError):
    """The file that is named as a checkpoint cannot be read."""


class NotAsked(LimenError):
    """An option needs another one."""


class NothingToSign(LimenError):
    """There is no such result, or it is stale."""

    exit_code = 1


def verify(
    folder: Annotated[
        Path, typer.Argument(help="A product's folder, or a bundle (folder or zip).")
    ] = Path(),
    key: Annotated[
        str | None, typer.Option(help="The ledger's public key, known from elsewhere.")
    ] = None,
    quality: Annotated[
        list[Path] | None,
        typer.Option(help="Public key file of quality, known from elsewhere.", metavar="FILE"),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="A checkpoint kept elsewhere, which the ledger has to continue."),
    ] = None,
    recompute: Annotated[
        bool,
        typer.Option("--recompute", help="Also compute each number of the report again."),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            help="With --recompute: the product's folder with its images and references; the "
            "measurements are made again from them too.",
            metavar="FOLDER",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check the whole ledger, every stored file and every signature; offline, from the bytes up.

    Exit status 0 when all is as it was written, 1 when anything is not.
    """
    from limen.evidence.bundle import opened
    from limen.evidence.checkpoint import VerifierKey
    from limen.evidence.keys import read_public
    from limen.evidence.verify import verify as check

    trusted = None if key is None else VerifierKey.parse(key)
    publics = [read_public(p) for p in quality] if quality else None
    kept = None if checkpoint is None else _kept(checkpoint)
    if data is not None and not recompute:
        raise NotAsked("--data is where measurements are recomputed from", mend="add --recompute")
    with opened(_state_folder(folder)) as state:
        found = check(state, key=trusted, quality=publics, checkpoint=kept)
        again = _recompute(state, data) if recompute else None
    if as_json:
        told = found.as_dict()
        json_out(told if again is None else {**told, "recomputed": again.as_dict()})
    else:
        _verification_out(found)
        if found.clean and trusted is None:
            typer.echo(
                "Checked with the public key that lies beside the evidence; `--key` checks with "
                "one that you have from elsewhere."
            )
        if again is not None:
            _recomputed_out(again)
    if not found.clean or (again is not None and not again.agrees):
        raise typer.Exit(1)


def _kept(checkpoint: Path) -> str:
    """The text of a checkpoint that was kept elsewhere."""
    try:
        return checkpoint.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise NoCheckpoint(
            "the checkpoint is not there, or is no text",
            where="--checkpoint",
            mend="name a copy of .limen/ledger/checkpoint that was kept elsewhere",
        ) from None


def _recompute(state: Path, data: Path | None) -> Recomputed:
    from limen.pipeline.recompute import recompute

    return recompute(state, data)


def _recomputed_out(again: Recomputed) -> None:
    for note in again.notes:
        typer.echo(f"  note: {note}")
    if again.measurements is None:
        typer.echo(
            "Recomputed from the measurements of each case as they are recorded; with --data "
            "FOLDER they are made again from predictions, images and references."
        )
    else:
        typer.echo(
            f"{again.measurements} measurements made again from the kept predictions and from "
            "image and reference, each file of the recorded digest. How the model came to its "
            "predictions is taken as recorded."
        )
    typer.echo(f"{again.numbers} numbers of {again.reports} report(s) computed again from them.")
    for place in again.differ[:_SHOWN]:
        typer.echo(f"  {place}")
    if again.agrees:
        typer.echo("The report follows from the measurements.")


def sign(
    key: KeyFile,
    folder: Folder = Path(),
    what: Annotated[
        str, typer.Option(help="Kind of result: boundary, summary, report, verdicts ...")
    ] = "boundary",
    subject: Annotated[
        str | None, typer.Option(help="Its subject, where there are several of the kind.")
    ] = None,
    meaning: Annotated[
        str, typer.Option(help="What you mean by it; it becomes part of what is signed.")
    ] = "I have reviewed it and stand by it.",
    as_json: Json = False,
) -> None:
    """Sign a result with your key. A clinician and a developer both sign the same boundary.

    Exit status 1 when the result is stale, or your signature would not count.
    """
    from limen.evidence import Store
    from limen.evidence.signatures import roles_missing, sign_result, signatures

    store = Store(_state_folder(folder))
    record = _newest(store, what, subject)
    _require_fresh(folder, record)
    private = open_key(key)
    with store.writing():
        made = sign_result(
            store, f"{record.kind} {record.subject}", record.result, private, meaning
        )
    found = signatures(store.history(), store.get)
    missing = roles_missing(found, record.result)
    if as_json:
        json_out(
            {"signed": made.inputs["signed"], "subject": made.subject, "roles_missing": missing}
        )
        return
    typer.echo(f"Signed {made.subject}, {record.result[:12]}.")
    counted = [s for s in found if s.counts and s.digest == record.result]
    typer.echo("It bears: " + ", ".join(f"{s.signer} ({s.role})" for s in counted))
    if missing:
        typer.echo("Still to sign: a " + " and a ".join(missing))


def bundle(
    target: Annotated[Path, typer.Argument(help="The folder or .zip file to write.")],
    folder: Annotated[Path, typer.Option("--product", help="The product's folder.")] = Path(),
    to: Annotated[
        list[str] | None,
        typer.Option(help="The site it goes to, as approvals name it; several times."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Export the ledger for a stranger, who verifies it with public keys alone.

    It holds predictions and pictures of cases. Exit status 1 where an approval keeps them within
    an institution that --to does not name.
    """
    from limen.evidence.bundle import export_bundle
    from limen.evidence.ledger import Ledger

    state = _state_folder(folder)
    sharing = _require_may_leave(folder, to or ())
    records = export_bundle(state, target)
    public = Ledger(state).public_key()
    if as_json:
        json_out({"records": records, "key": str(public), "sharing": sharing})
        return
    typer.echo(f"Wrote {target}: {records} records and all that they name.")
    for file, words in sharing.items():
        typer.echo(f"Of sharing, {file} says: {words}")
    typer.echo("Tell whoever verifies it, by another way, the ledger's key:")
    typer.echo(f"  {public}")


def _require_may_leave(folder: Path, sites: Collection[str]) -> dict[str, str]:
    """What the approvals say of sharing; a copy of a bundle has none beside it."""
    from limen.pipeline import load
    from limen.pipeline.reach import require_may_leave, sharing_in_words

    if not (folder / "limen.yaml").is_file():
        return {}
    product = load(folder)
    require_may_leave(product, sites)
    return sharing_in_words(product)


@keys.command("new")
def new_key_file(
    file: Annotated[Path, typer.Argument(help="The private key file to write, e.g. park.pem.")],
) -> None:
    """Make a key: a file under a passphrase, and beside it a .pub to hand to quality."""
    from limen.evidence import write_atomically
    from limen.evidence.keys import KeyFileError, new_key, public_pem, write_key

    public = file.with_suffix(".pub")
    if file.exists() or public.exists():
        raise KeyFileError(
            "a key file of this name is there",
            where=(file if file.exists() else public).name,
            mend="choose another name; a key that was used is kept, and revoked when it is lost",
        )
    key = new_key()
    write_key(file, key, _passphrase(confirm=True))
    write_atomically(public, public_pem(key))
    typer.echo(f"Wrote {file.name} (keep it to yourself) and {public.name} (hand it to quality).")


@keys.command("add")
def add_member(
    name: Annotated[str, typer.Argument(help="As it is to stand beside signatures.")],
    role: Annotated[str, typer.Option(help="developer, clinician or quality.")],
    public: Public,
    key: KeyFile,
    folder: Folder = Path(),
) -> None:
    """Put a member on the roster, signed by quality; the first is quality itself."""
    from limen.evidence import Store
    from limen.evidence.keys import read_public
    from limen.evidence.roster import Member, Roster, add_roster, roster_now

    member = Member(name, role, read_public(public))  # type: ignore[arg-type]
    store = Store(_state_folder(folder))
    before = roster_now(store) or Roster()
    roster = before.with_member(member)
    private = open_key(key)
    with store.writing():
        add_roster(store, roster, private)
    typer.echo(f"{name} signs as {role} from now on.")


@keys.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="The member whose key is revoked.")],
    why: Annotated[str, typer.Option(help="Why: lost, left, disclosed ...")],
    key: KeyFile,
    folder: Folder = Path(),
) -> None:
    """Let a key's later signatures not count; what it signed before still does."""
    from limen.evidence import Store
    from limen.evidence.roster import Roster, add_roster, roster_now

    store = Store(_state_folder(folder))
    before = roster_now(store) or Roster()
    roster = before.with_revoked(name, why)
    private = open_key(key)
    with store.writing():
        add_roster(store, roster, private)
    typer.echo(f"What {name} signs from now on does not count.")


@keys.command("list")
def list_members(folder: Folder = Path(), as_json: Json = False) -> None:
    """The roster in force."""
    from limen.evidence import Store
    from limen.evidence.keys import key_id
    from limen.evidence.roster import Roster, roster_now

    store = Store(_state_folder(folder))
    roster = roster_now(store) or Roster()
    rows = [
        {"name": m.name, "role": m.role, "key": key_id(m.public), "revoked": m.revoked}
        for m in roster.members
    ]
    if as_json:
        json_out({"members": rows})
    elif not rows:
        typer.echo("There is no roster yet: `limen keys add NAME --role quality ...` begins it.")
    else:
        table_out(
            "Roster",
            ["name", "role", "key", "in force"],
            [
                [str(r["name"]), str(r["role"]), str(r["key"])[:16],
                 "yes" if r["revoked"] is None else f"revoked: {r['revoked']}"]
                for r in rows
            ],
        )  # fmt: skip


def _state_folder(folder: Path) -> Path:
    """``.limen`` of a product's folder; or the folder or file itself, where it is a bundle."""
    return folder if folder.is_file() or (folder / "ledger").is_dir() else folder / ".limen"


def _newest(store: object, kind: str, subject: str | None) -> Record:
    from limen.evidence import Outcome, Store

    assert isinstance(store, Store)
    found = [
        r
        for r in store.history()
        if r.kind == kind and r.outcome is Outcome.done and subject in (None, r.subject)
    ]
    if not found:
        kinds = sorted(
            {r.kind for r in store.records()} - {"objects", "roster", "signature", "run"}
        )
        raise NothingToSign(
            f"there is no {kind}" + (f" of {subject}" if subject else "") + " yet",
            mend="kinds that are there: " + (", ".join(kinds) or "none; `limen run` makes them"),
        )
    subjects = sorted({r.subject for r in found})
    if len(subjects) > 1:
        shown = ", ".join(subjects[:8]) + (" ..." if len(subjects) > 8 else "")
        raise NothingToSign(
            f"there are {len(subjects)} results of this kind",
            found=shown,
            mend="name one with --subject",
        )
    return found[-1]


def _require_fresh(folder: Path, record: Record) -> None:
    """Nobody signs what no longer follows from the files as they are."""
    from limen.pipeline import load
    from limen.pipeline.status import status

    stale = [
        i
        for i in status(load(folder)).stale
        if (i.kind, i.subject) == (record.kind, record.subject)
    ]
    if stale:
        raise NothingToSign(
            f"the {record.kind} is stale: it does not follow from the files as they are",
            where=record.subject,
            found=", ".join(stale[0].because) or None,
            mend="`limen run` first, look at the result, then sign it",
        )


def open_key(file: Path) -> Ed25519PrivateKey:
    from limen.evidence.keys import read_key

    if file.exists() and b"ENCRYPTED" not in file.read_bytes():
        return read_key(file, None)
    return read_key(file, _passphrase())


def _passphrase(confirm: bool = False) -> str:
    import os

    given = os.environ.get(PASSPHRASE)
    if given is not None:
        return given
    text: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return text


def _verification_out(found: Verification) -> None:
    typer.echo(f"{found.records} records and {found.objects} stored files read.")
    if found.head is not None:
        typer.echo(f"Signed head: {found.head.size} records, root {found.head.root.hex()[:16]}.")
    if found.signatures:
        table_out(
            "Signatures",
            ["what", "who", "role", "counts"],
            [
                [s.subject, s.signer, s.role, "yes" if s.counts else f"no: {s.why_not}"]
                for s in found.signatures
            ],
        )
    for note in found.notes[:_SHOWN]:
        typer.echo(f"  note: {note}")
    if found.clean:
        typer.echo("Nothing was altered.")
        return
    typer.echo(f"\nNot as it was written ({len(found.problems)}):")
    for p in found.problems[:_SHOWN]:
        typer.echo(f"  {p.where}: {p.what}")
    if len(found.problems) > _SHOWN:
        typer.echo(f"  ... and {len(found.problems) - _SHOWN} more; --json lists all")

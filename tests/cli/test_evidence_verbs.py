"""verify, sign, bundle and keys, on a product that was run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cli_builders import write_product
from typer.testing import CliRunner

import limen
from limen.cli.app import build
from limen.evidence import Store
from limen.evidence.ledger import LedgerAltered

PASS = {"LIMEN_PASSPHRASE": "correct horse battery"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product that was run, and three keys on its roster."""
    top = tmp_path_factory.mktemp("evidence")
    folder = write_product(top / "product", 2)
    limen.run(limen.load(folder), workers=1)
    for name, role in (("q", "quality"), ("d", "developer"), ("c", "clinician")):
        assert say("keys", "new", top / f"{name}.pem")[0] == 0
        given = ["--role", role, "--public", top / f"{name}.pub", "--key", top / "q.pem"]
        assert say("keys", "add", name.upper(), folder, *given)[0] == 0
    return top


@pytest.fixture
def top(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def say(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(build(), [str(w) for w in words], env=PASS)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def test_both_sign_a_result_and_a_stranger_verifies_the_bundle(top: Path) -> None:
    folder = top / "product"
    code, told = say("sign", folder, "--what", "summary", "--key", top / "c.pem")
    assert (code, "Still to sign: a developer" in told) == (0, True)
    code, told = say("sign", folder, "--what", "summary", "--key", top / "d.pem", "--json")
    assert json.loads(told)["roles_missing"] == []
    assert say("verify", folder)[0] == 0

    code, told = say("bundle", top / "b.zip", "--product", folder, "--json")
    key = json.loads(told)["key"]
    given = [top / "b.zip", "--key", key, "--quality", top / "q.pub"]
    code, told = say("verify", *given, "--json")
    found = json.loads(told)
    assert (code, found["clean"]) == (0, True)
    assert [(s["signer"], s["role"], s["why_not"]) for s in found["signatures"]] == [
        ("C", "clinician", None), ("D", "developer", None),
    ]  # fmt: skip
    assert say("verify", top / "b.zip", "--quality", top / "c.pub")[0] == 1
    code, told = say("verify", *given, "--checkpoint", folder / ".limen/ledger/checkpoint")
    assert (code, "Nothing was altered." in told, "lies beside" in told) == (0, True, False)
    assert "lies beside the evidence" in say("verify", top / "b.zip")[1]


def test_where_recomputing_starts_is_said(top: Path) -> None:
    folder = top / "product"
    code, told = say("verify", folder, "--recompute")
    assert (code, "from the measurements of each case as they are recorded" in told) == (0, True)
    code, told = say("verify", folder, "--recompute", "--data", folder)
    assert (code, "2 measurements made again from the kept predictions" in told) == (0, True)
    with pytest.raises(limen.errors.LimenError, match="add --recompute"):
        say("verify", folder, "--data", folder)


def test_a_checkpoint_that_cannot_be_read_is_told(top: Path) -> None:
    (top / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("binary", "missing"):
        with pytest.raises(limen.errors.LimenError, match="kept elsewhere"):
            say("verify", top / "product", "--checkpoint", top / name)


def test_a_newer_ledger_is_told_as_newer_and_not_as_altered(top: Path) -> None:
    (top / "product/.limen/format").write_text("3\n")
    code, told = say("verify", top / "product")
    assert (code, "written by a newer Limen (format 3" in told) == (1, True)


def test_a_bundle_keeps_to_the_terms_of_sharing(top: Path) -> None:
    folder = top / "product"
    (folder / "a.yaml").write_text(
        "kind: public\nlicence: CC-BY-4.0\npurposes: [GRU, IS]\nsites: [Seoul]\n"
        "sharing: With partners of the trial.\n"
    )
    with pytest.raises(limen.errors.LimenError, match=r"DUO:0000028.*for use at Seoul"):
        say("bundle", top / "b.zip", "--product", folder)
    assert not (top / "b.zip").exists()
    code, told = say("bundle", top / "b.zip", "--product", folder, "--to", "Seoul")
    assert (code, "a.yaml says: With partners of the trial." in told) == (0, True)


def test_a_stale_result_is_not_signed(top: Path) -> None:
    folder = top / "product"
    text = (folder / "limen.yaml").read_text()
    (folder / "limen.yaml").write_text(text.replace("failure_rate: 0.5", "failure_rate: 0.4"))
    with pytest.raises(limen.errors.LimenError, match="stale"):
        say("sign", folder, "--what", "summary", "--key", top / "c.pem")


def test_what_is_not_there_is_not_signed(top: Path) -> None:
    with pytest.raises(limen.errors.LimenError, match="there is no boundary yet"):
        say("sign", top / "product", "--key", top / "c.pem")
    with pytest.raises(limen.errors.LimenError, match="2 results of this kind"):
        say("sign", top / "product", "--what", "measurement", "--key", top / "c.pem")
    given = ["--what", "measurement", "--subject", "val/case0", "--key", top / "c.pem"]
    assert say("sign", top / "product", *given)[0] == 0


def test_a_revoked_key_signs_no_more(top: Path) -> None:
    folder = top / "product"
    say("sign", folder, "--what", "summary", "--key", top / "c.pem")
    assert say("keys", "revoke", "C", folder, "--why", "left", "--key", top / "q.pem")[0] == 0
    with pytest.raises(limen.errors.LimenError, match="revoked"):
        say("sign", folder, "--what", "summary", "--key", top / "c.pem")
    told = say("keys", "list", folder, "--json")[1]
    assert [m["revoked"] for m in json.loads(told)["members"]] == [None, None, "left"]
    assert json.loads(say("verify", folder, "--json")[1])["signatures"][0]["why_not"] is None


def test_only_quality_adds_members(top: Path) -> None:
    say("keys", "new", top / "x.pem")
    given = ["--role", "clinician", "--public", top / "x.pub", "--key", top / "d.pem"]
    with pytest.raises(limen.errors.LimenError, match="quality"):
        say("keys", "add", "X", top / "product", *given)


def test_an_altered_ledger_is_told_and_not_continued(top: Path) -> None:
    log = top / "product/.limen/records.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"phantom"', b'"measured"', 1))
    code, told = say("verify", top / "product")
    assert code == 1
    assert "the first" in told and "not those that were signed" in told
    with pytest.raises(LedgerAltered):
        say("sign", top / "product", "--what", "summary", "--key", top / "c.pem")
    with pytest.raises(LedgerAltered):
        limen.run(limen.load(top / "product"), workers=1)


def test_a_wrong_passphrase_signs_nothing(top: Path) -> None:
    before = len(Store(top / "product/.limen").history())
    with pytest.raises(limen.errors.LimenError, match="passphrase"):
        CliRunner().invoke(
            build(),
            ["sign", str(top / "product"), "--what", "summary", "--key", str(top / "c.pem")],
            env={"LIMEN_PASSPHRASE": "wrong horse"},
            catch_exceptions=False,
        )
    assert len(Store(top / "product/.limen").history()) == before


def test_a_folder_without_evidence_does_not_verify(tmp_path: Path) -> None:
    assert say("verify", tmp_path)[0] == 1


def test_keys_are_not_overwritten(top: Path) -> None:
    before = (top / "c.pub").read_bytes(), (top / "c.pem").read_bytes()
    with pytest.raises(limen.errors.LimenError, match="is there"):
        say("keys", "new", top / "c.pem")
    assert ((top / "c.pub").read_bytes(), (top / "c.pem").read_bytes()) == before

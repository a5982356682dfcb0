"""What run, evaluate, status and report say, in words, in JSON and by their exit status."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_builders import write_product
from typer.testing import CliRunner

from limen.cli import app as command_line
from limen.cli.app import build


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three cases whose predictions are their references."""
    return write_product(tmp_path / "product", 3)


def say(verb: str, folder: Path, *more: str) -> tuple[int, str]:
    given = [*more, "-j", "1"] if verb in ("run", "evaluate") else list(more)
    result = CliRunner().invoke(build(), [verb, str(folder), *given])
    assert not result.exception or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout


@pytest.fixture(scope="module")
def _runs() -> dict[tuple[str, bytes], Path]:
    return {}


@pytest.fixture
def after_run(
    _runs: dict[tuple[str, bytes], Path],
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
) -> Callable[[str, bytes], Path]:
    """The product with one file replaced, after a run that is made once; a copy, to be changed."""

    def made(file: str, content: bytes) -> Path:
        if (file, content) not in _runs:
            product = write_product(tmp_path_factory.mktemp("run-once") / "product", 3)
            (product / file).write_bytes(content)
            say("run", product)
            _runs[file, content] = product
        return Path(shutil.copytree(_runs[file, content], tmp_path / "product"))

    return made


@pytest.mark.parametrize("verb", ["run", "evaluate", "status", "report"])
def test_a_lost_case_is_told_by_every_verb(after_run: Callable[[str, bytes], Path], verb: str):
    folder = after_run("data/references/case1.nii.gz", b"")
    code, words = say(verb, folder)
    assert code == 1
    assert "val/case1, mask: this is not a NIfTI file" in words
    assert "Not complete: data set val: 1 of 3 cases not evaluated" in words
    code, text = say(verb, folder, "--json")
    told = json.loads(text)
    assert code == 1
    assert told["complete"] is False
    assert told["sets"]["val"] == {
        "use": "validation",
        "cases": 3,
        "not_evaluated": 1,
        "complete": False,
    }
    assert told["not_evaluated"]["val/case1"]["mend"]


@pytest.mark.parametrize("verb", ["run", "evaluate", "status", "report"])
def test_nothing_lost(after_run: Callable[[str, bytes], Path], verb: str):
    folder = after_run("a.yaml", b"kind: phantom\n")
    code, words = say(verb, folder)
    assert code == 0
    assert "Not complete" not in words
    code, text = say(verb, folder, "--json")
    assert (code, json.loads(text)["complete"]) == (0, True)


@pytest.mark.parametrize(
    ("approval", "words"),
    [
        ("issued: 2999-12-31", "not in force yet (issued on 2999-12-31"),
        ("expires: 2001-01-01", "has expired (expired on 2001-01-01)"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "evaluate", "status", "report"])
def test_an_approval_that_is_not_in_force(
    after_run: Callable[[str, bytes], Path], verb: str, approval: str, words: str
):
    folder = after_run("a.yaml", f"kind: public\nlicence: MIT\n{approval}\n".encode())
    code, told = say(verb, folder)
    assert code == 1
    assert "Not permitted today: data set val" in told and words in told
    assert "val" in json.loads(say(verb, folder, "--json")[1])["approvals"]


def test_a_leak_within_validation_is_told_as_what_it_is(folder: Path):
    for part in ("data/images", "data/references", "preds"):
        same = (folder / part / "case1.nii.gz").read_bytes()
        (folder / part / "case2.nii.gz").write_bytes(same)
    for verb in ("run", "status", "report"):
        code, words = say(verb, folder)
        assert code == 1
        assert "Leak, same pixels: val/case1 and val/case2: one image under two patients" in words


@pytest.mark.parametrize(
    ("error", "shown", "mend"),
    [
        (OSError(errno.EACCES, "Permission denied", "/d/Kim_Cheolsu.nii"), "not shown", "right"),
        (OSError(errno.EACCES, "Permission denied", "/d/Kim_Cheolsu/c1"), "c1", "right"),
        (OSError(errno.EEXIST, "File exists", "/p/.limen"), "/p/.limen", "in the way"),
        (
            OSError(
                errno.EISDIR, "Is a directory", "/p/report/.writing-x", None, "/p/report/p.html"
            ),
            "/p/report/p.html",
            "in the way",
        ),
        (OSError(errno.EROFS, "Read-only", "/p/report/.writing-x"), "/p/report", "copy"),
        (OSError(errno.ENOSPC, "No space left on device"), "", "free disk space"),
    ],
)
def test_a_failure_of_the_system_shows_no_name_of_a_data_file(
    monkeypatch, capsys, error: OSError, shown: str, mend: str
):
    def fail() -> None:
        raise error

    monkeypatch.setattr(command_line, "build", lambda _: fail)
    monkeypatch.setattr(sys, "argv", ["limen", "run"])
    with pytest.raises(SystemExit) as ended:
        command_line.start()
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert shown in told and mend in told
    assert "Cheolsu" not in told and ".writing" not in told


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["status", "--nope", "--json"], "No such option: --nope"),
        (["lint", "--json"], "Missing argument 'FILE...'"),
    ],
)
def test_mistakes_on_the_command_line_are_json_where_a_machine_reads(words, what):
    code = "from limen.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert json.loads(done.stdout)["what"] == what

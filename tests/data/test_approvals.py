"""Approvals: what a file must state, how far each kind reaches, when it ends."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest

from limen.data.approvals import (
    REACHES,
    Approval,
    ApprovalError,
    ApprovalKind,
    approval_problem,
    load_approval,
    origin_of,
    reach,
    reach_of,
)

TODAY = date(2026, 5, 1)
BOARD = "board: Ethics Committee A\nnumber: 2021-123\n"
WHOLE = {
    "phantom": "",
    "simulated": "",
    "undeclared": "",
    "public": "licence: CC-BY-4.0\n",
    "retrospective-waiver": BOARD,
    "prospective-consent": BOARD,
}


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def write(text: str | bytes) -> Path:
        path = tmp_path / "approval.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def refused(path: Path) -> str:
    with pytest.raises(ApprovalError) as caught:
        load_approval(path)
    text = str(caught.value)
    assert text.startswith("approval approval.yaml")
    assert str(path.parent) not in text
    return text


@pytest.mark.parametrize("kind", get_args(ApprovalKind))
def test_every_kind(file: Any, kind: str) -> None:
    approval = load_approval(file(f"kind: {kind}\n{WHOLE[kind]}"))
    assert approval.kind == kind
    assert approval_problem(approval, TODAY) is None


def test_every_field(file: Any) -> None:
    approval = load_approval(
        file(
            "# who may do what\nkind: prospective-consent\n" + BOARD + "issued: 2021-03-01\n"
            "expires: 2026-04-30\npurposes: [development]\nsites: [A, B]\n"
            "de_identification: DICOM PS3.15 basic profile, at site A\nnote: 김 위원회\n"
        )
    )
    assert approval.issued == date(2021, 3, 1)
    assert approval.expires == date(2026, 4, 30)
    assert approval.sites == ["A", "B"]
    assert approval.note == "김 위원회"


@pytest.mark.parametrize("kind", ["retrospective-waiver", "prospective-consent"])
@pytest.mark.parametrize("given", ["", "board: A\n", "number: 1-2\n", "board: ''\nnumber: ''\n"])
def test_missing_board_or_number(file: Any, kind: str, given: str) -> None:
    assert "states its board and its number" in refused(file(f"kind: {kind}\n{given}"))


def test_public_needs_a_licence(file: Any) -> None:
    assert "licence" in refused(file("kind: public\n"))


def test_missing_kind_is_named(file: Any) -> None:
    text = refused(file("board: A\n"))
    assert "kind" in text.split("mend")[0]
    assert "required" in text


def test_unknown_key_with_its_line_and_the_nearest(file: Any) -> None:
    text = refused(file("# a comment\nkind: phantom\n\nexpire: 2020-01-01\n"))
    assert "line 4, expire" in text
    assert "did you mean expires?" in text


def test_unknown_key_near_to_nothing(file: Any) -> None:
    text = refused(file("kind: phantom\nqqqqq: 1\n"))
    assert "line 2, qqqqq" in text
    assert "did you mean" not in text


def test_all_errors_at_once(file: Any) -> None:
    text = refused(file("kind: phanton\nissued: yesterday\nsite: [A]\n"))
    for part in ("line 1, kind: 'phanton'", "line 2, issued", "did you mean sites?"):
        assert part in text


def test_number_that_yaml_reads_as_an_integer(file: Any) -> None:
    text = refused(file("kind: retrospective-waiver\nboard: A\nnumber: 20210042\n"))
    assert "line 3, number" in text
    assert "quotes" in text


def test_expires_before_issued(file: Any) -> None:
    text = refused(file("kind: phantom\nissued: 2021-01-01\nexpires: 2020-01-01\n"))
    assert "expires lies before issued" in text


@pytest.mark.parametrize("day", ["soon", "20210101", "[2021]", "2021-2-30"])
def test_dates_that_are_none(file: Any, day: str) -> None:
    assert "line 2, expires" in refused(file(f"kind: phantom\nexpires: {day}\n"))


def test_a_day_that_does_not_exist(file: Any) -> None:
    assert "date that does not exist" in refused(file("kind: phantom\nexpires: 2021-02-30\n"))


@pytest.mark.parametrize(
    "text",
    ["", "# nothing\n", "phantom", "[kind, phantom]", "kind: [a\n", "kind: a: b\n", "\t", "1: 2"],
)
def test_not_a_mapping(file: Any, text: str) -> None:
    assert "mend" in refused(file(text))


def test_a_key_given_twice(file: Any) -> None:
    assert "approval.yaml:2" in refused(file("kind: phantom\nkind: public\n"))


@pytest.mark.parametrize("data", [b"\xff\xfe\x00k", b"kind: \x00phantom", b"\x80\x81"])
def test_bytes_that_are_no_text(file: Any, data: bytes) -> None:
    assert "mend" in refused(file(data))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for name in ("approval.yaml", "folder"):
        (tmp_path / "folder").mkdir(exist_ok=True)
        with pytest.raises(ApprovalError, match=rf"^approval {name}: .*not there.*undeclared"):
            load_approval(tmp_path / name)


def test_last_day_still_holds(file: Any) -> None:
    approval = load_approval(file("kind: public\nlicence: CC0\nexpires: 2026-05-01\n"))
    assert approval_problem(approval, date(2026, 5, 1)) is None
    problem = approval_problem(approval, date(2026, 5, 2))
    assert problem is not None
    assert "expired on 2026-05-01" in str(problem)
    assert problem.mend
    assert reach_of(approval, "measured", date(2026, 5, 1)) == "publication"
    assert reach_of(approval, "measured", date(2026, 5, 2)) == "feasibility"


# --- origin and reach -------------------------------------------------------------------------


def approval(kind: Any) -> Approval:
    return Approval(kind=kind, board="A", number="1", licence="CC0")


REACH = {
    # kind: (measured or observed, resimulated, phantom)
    "phantom": ("feasibility", "feasibility", "feasibility"),
    "simulated": ("feasibility", "feasibility", "feasibility"),
    "undeclared": ("feasibility", "feasibility", "feasibility"),
    "public": ("publication", "publication", "feasibility"),
    "retrospective-waiver": ("submission", "publication", "feasibility"),
    "prospective-consent": ("routine-use", "publication", "feasibility"),
}


@pytest.mark.parametrize("kind", get_args(ApprovalKind))
def test_reach_table(kind: Any) -> None:
    measured, resimulated, phantom = REACH[kind]
    assert reach(kind) == measured
    assert reach_of(approval(kind), "measured") == measured
    assert reach_of(approval(kind), "observed") == measured
    assert reach_of(approval(kind), "resimulated") == resimulated
    assert reach_of(approval(kind), "phantom") == phantom


def test_reaches_stand_in_the_designs_order() -> None:
    assert " < ".join(REACHES) == (
        "feasibility < publication < clinical-validation < submission < routine-use"
    )


@pytest.mark.parametrize("kind", ["phantom", "simulated"])
@pytest.mark.parametrize("declared", ["measured", "observed"])
def test_made_data_cannot_be_declared_real(kind: Any, declared: Any) -> None:
    with pytest.raises(ApprovalError, match=rf"declared as {declared}.*approval says {kind}.*mend"):
        origin_of(approval(kind), declared)


@pytest.mark.parametrize("kind", get_args(ApprovalKind))
def test_origin_follows_from_the_approval(kind: Any) -> None:
    made = kind in ("phantom", "simulated")
    assert origin_of(approval(kind), None) == ("phantom" if made else "measured")
    assert origin_of(approval(kind), "phantom") == "phantom"
    assert origin_of(approval(kind), "resimulated") == "resimulated"


def test_an_approval_of_a_day_to_come_is_not_in_force(file: Any) -> None:
    approval = load_approval(
        file("kind: retrospective-waiver\nboard: B\nnumber: N-7\nissued: 2026-05-02\n")
    )
    day_before, that_day = date(2026, 5, 1), date(2026, 5, 2)
    problem = approval_problem(approval, day_before)
    assert problem is not None and "not in force yet" in problem.what
    assert "2026-05-02" in str(problem.found) and problem.mend
    assert reach_of(approval, "measured", day_before) == "feasibility"
    assert not approval.expired(day_before)
    assert approval_problem(approval, that_day) is None
    assert reach_of(approval, "measured", that_day) == "submission"

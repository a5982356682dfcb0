"""Approvals: what a file must state, how far each kind reaches, when it ends."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest

from limen.data.approval_rules import LEGAL_BASES, RULES, basis_of
from limen.data.approvals import (
    REACHES,
    Approval,
    ApprovalError,
    ApprovalKind,
    approval_problem,
    licence_allows_sale,
    load_approval,
    origin_of,
    reach,
    reach_of,
    require_agreement,
)
from limen.data.permissions import permission_of
from limen.evidence.reach import ContradictingApprovals, Use, limits_of

TODAY = date(2026, 5, 1)
BOARD = "board: Ethics Committee A\nnumber: 2021-123\nexpires: 2030-01-01\n"
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
            "# who may do what\nkind: prospective-consent\nboard: C\nnumber: n-1\n"
            "issued: 2021-03-01\n"
            "expires: 2026-04-30\npurposes: [DUO:0000006, ncu]\nsites: [A, B]\n"
            "populations: [adults]\nsharing: inside the EU\ncommercial: false\n"
            "legal_basis: [GDPR Art 9(2)(a)]\nwithdrawn: {P-AAAAAAAAAA: 2026-02-01}\n"
            "de_identification: DICOM PS3.15 basic profile, at site A\nnote: 김 위원회\n"
        )
    )
    assert approval.issued == date(2021, 3, 1)
    assert approval.expires == date(2026, 4, 30)
    assert approval.sites == ["A", "B"]
    assert approval.purposes == ["HMB", "NCU"]
    assert approval.withdrawn == {"P-AAAAAAAAAA": date(2026, 2, 1)}
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
    return Approval(kind=kind, board="A", number="1", licence="CC0", expires=date(2999, 1, 1))


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
        file(
            "kind: retrospective-waiver\nboard: B\nnumber: N-7\nissued: 2026-05-02\n"
            "expires: 2027-05-01\n"
        )
    )
    day_before, that_day = date(2026, 5, 1), date(2026, 5, 2)
    problem = approval_problem(approval, day_before)
    assert problem is not None and "not in force yet" in problem.what
    assert "2026-05-02" in str(problem.found) and problem.mend
    assert reach_of(approval, "measured", day_before) == "feasibility"
    assert not approval.expired(day_before)
    assert approval_problem(approval, that_day) is None
    assert reach_of(approval, "measured", that_day) == "submission"


# --- what the file says must hold together --------------------------------------------------------


@pytest.mark.parametrize("kind", ["retrospective-waiver", "prospective-consent"])
def test_a_board_approves_for_a_term(file: Any, kind: str) -> None:
    text = refused(file(f"kind: {kind}\nboard: A\nnumber: n-1\nissued: 2026-01-01\n"))
    assert "states its last day (expires)" in text


def test_an_unknown_purpose_is_named_with_the_nearest_term(file: Any) -> None:
    text = refused(file("kind: public\nlicence: CC0\npurposes: [HMBB, teaching, GRU]\n"))
    assert "line 3, purposes" in text
    assert "did you mean HMB?" in text and "'teaching' (did you mean GS?)" in text


def test_nobodys_data_may_state_purposes_in_words(file: Any) -> None:
    assert load_approval(file("kind: simulated\npurposes: [teaching]\n")).purposes == ["teaching"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("licence: CC-BY-NC-4.0\ncommercial: true\n", "the licence is non-commercial"),
        ("licence: X\ncommercial: true\npurposes: [GRU, NCU]\n", "non-commercial use only (NCU)"),
        ("licence: X\npurposes: [DS]\n", "stated together"),
        ("licence: X\npurposes: [GRU]\ndiseases: [MONDO:1]\n", "stated together"),
        ("licence: X\npurposes: [GRU, IS]\n", "the sites are stated together"),
        ("licence: X\nage_years: [65, 18]\n", "the youngest age first"),
        ("licence: X\nage_years: [-1, 18]\n", "none below 0"),
    ],
)
def test_a_file_that_contradicts_itself(file: Any, text: str, why: str) -> None:
    assert why in refused(file(f"kind: public\n{text}"))


def test_two_files_of_one_approval_have_to_agree(file: Any) -> None:
    given = Approval(kind="retrospective-waiver", board="A", number="7", expires=date(2027, 1, 1))
    again = given.model_copy(update={"note": "copied"})
    other = given.model_copy(update={"expires": date(2028, 1, 1), "board": "a "})
    elsewhere = other.model_copy(update={"board": "B"})
    require_agreement({"a.yaml": given, "b.yaml": again, "c.yaml": elsewhere})
    with pytest.raises(ContradictingApprovals, match=r"a.yaml and c.yaml.*differ in .*expires"):
        require_agreement({"a.yaml": given, "b.yaml": again, "c.yaml": other})


@pytest.mark.parametrize(
    ("licence", "sale"),
    [
        ("CC-BY-4.0", True), ("CC0", True), ("CC0-1.0", True), ("MIT (and more)", True),
        ("apache-2.0", True), ("CC-BY-NC-4.0", False), ("cc by nc", False),
        ("ReXGradient non-commercial", False), ("Non Commercial use", False),
        ("as on the web page", None), ("", None), (None, None), ("MITRE terms", None),
    ],
)  # fmt: skip
def test_what_a_licence_says_of_sale(licence: str | None, sale: bool | None) -> None:
    assert licence_allows_sale(licence) is sale


# --- permissions, and the rules behind them -------------------------------------------------------

WAIVER = Approval(
    kind="retrospective-waiver", board="A", number="7", issued=date(2025, 1, 1),
    expires=date(2027, 1, 1), purposes=["HMB"], commercial=True, legal_basis=["21 CFR 50.22"],
)  # fmt: skip
USE = Use(TODAY, "health-research", commercial=True)


def rules(approval: Approval, origin: Any = "measured", use: Use = USE, regimes=("fda",)) -> dict:
    made = permission_of(approval, origin, "a", regimes)
    return {rule: ceiling for rule, ceiling, _ in limits_of(made, use)}


def changed(**given: Any) -> Approval:
    return Approval(**{**WAIVER.model_dump(), **given})


@pytest.mark.parametrize(
    ("approval", "use", "more"),
    [
        (WAIVER, USE, {}),
        (changed(purposes=[]), USE, {"purpose not stated": "feasibility"}),
        (changed(purposes=["CC"]), USE, {"purpose not permitted": "none"}),
        (WAIVER, Use(TODAY, "clinical-care"), {"purpose not permitted": "none"}),
        (changed(commercial=None), USE, {"commercial use not stated": "publication"}),
        (changed(commercial=None), Use(TODAY), {}),
        (changed(commercial=False), USE, {"non-commercial": "publication"}),
        (changed(legal_basis=[]), USE, {"legal basis not shown": "publication"}),
        (changed(legal_basis=["45 CFR 46.104(d)(4)"]), USE,
         {"legal basis not shown": "publication"}),
        (changed(legal_basis=["45 CFR 46.104 (d)(4)", "§ 50.22"]), USE, {}),
        (changed(legal_basis=["a law that nobody here knows"]), USE, {}),
        (changed(expires=date(2026, 4, 30)), USE, {"approval expired": "feasibility"}),
        (changed(sites=["Seoul"]), Use(TODAY, "health-research", None, frozenset({"Bern"})),
         {"site not covered": "none"}),
    ],
)  # fmt: skip
def test_what_an_approval_lacks_for_a_use(approval: Approval, use: Use, more: dict) -> None:
    assert rules(approval, use=use) == {"kind of approval": "submission", **more}


def test_an_exemption_that_fda_does_not_know_counts_where_fda_is_not_asked() -> None:
    exempt = changed(legal_basis=["45 CFR 46.104(d)(4)"])
    assert rules(exempt, regimes=("mfds",)) == {"kind of approval": "submission"}


@pytest.mark.parametrize("kind", ["phantom", "simulated"])
def test_nobodys_data_permits_everything_up_to_feasibility(kind: Any) -> None:
    assert rules(Approval(kind=kind)) == {"kind of approval": "feasibility"}


@pytest.mark.parametrize("kind", get_args(ApprovalKind))
@pytest.mark.parametrize("origin", ["measured", "resimulated", "phantom"])
def test_the_ceiling_of_a_permission_is_the_reach_of_the_data(kind: Any, origin: Any) -> None:
    made = approval(kind)
    assert permission_of(made, origin, "a").ceiling == reach_of(made, origin, TODAY)


def test_every_rule_is_cited_and_every_kind_has_one_for_each_regime() -> None:
    asked = {k for k in get_args(ApprovalKind) if k != "undeclared"}
    assert {(r.kind, r.regime) for r in RULES} == {
        (k, regime) for k in asked for regime in ("fda", "mdr", "mfds")
    }
    assert all(r.citation and r.enough_for for r in RULES)
    assert all(b.citation and b.what for b in LEGAL_BASES)
    assert "21 CFR 50.22" in permission_of(WAIVER, "measured", "a", ("fda",)).because


@pytest.mark.parametrize("basis", LEGAL_BASES, ids=lambda b: b.citation)
def test_a_basis_is_known_by_its_own_citation(basis: Any) -> None:
    assert basis_of(basis.citation) is basis

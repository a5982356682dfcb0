"""Reach through the lineage of a product that was run, faults planted by hand."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from pipeline_builders import build_product, write_threshold_model

import limen
from limen.evidence.lineage import BadLineage
from limen.evidence.reach import ContradictingApprovals
from limen.pipeline.lineage import MODEL, RESULTS
from limen.pipeline.reach import (
    HowFar,
    MayNotLeave,
    NoSuchSource,
    affected_by_approval,
    affected_by_patient,
    how_far,
    require_may_leave,
    set_reach,
)
from limen.pipeline.standing import approvals_not_in_force

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
    folder = build_product(tmp_path_factory.mktemp("reach") / "product")
    text = (folder / "limen.yaml").read_text()
    text = text.replace("development, approval: approvals/a", "development, approval: approvals/d")
    (folder / "limen.yaml").write_text(text)
    (folder / "approvals/a.yaml").write_text(CONSENT)
    (folder / "approvals/d.yaml").write_text(CONSENT.replace('"7"', '"8"'))
    limen.run(folder, workers=1)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "product"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def far(folder: Path, **given: object) -> HowFar:
    return how_far(limen.load(folder), **given)  # type: ignore[arg-type]


def against(found: HowFar) -> dict[str, tuple[str, ...]]:
    return {b.limit.rule: b.path for b in found.because}


def names(found: list) -> set[str]:
    return {a.name for a in found}


def test_with_everything_permitted_results_reach_routine_use(folder: Path):
    found = far(folder)
    assert (found.stage, found.because) == ("routine-use", ())
    assert {set_reach(p, s) for p in [limen.load(folder)] for s in p.sets.values()} == {
        "routine-use"
    }


@pytest.mark.parametrize(
    ("old", "new", "stage", "rule"),
    [
        ("commercial: true", "commercial: false", "publication", "non-commercial"),
        ("commercial: true\n", "", "publication", "commercial use not stated"),
        ("NRES", "HMB", "submission", "purpose not permitted"),
        ("2990-01-01", "2026-01-01", "feasibility", "approval expired"),
        ("kind: prospective-consent", "kind: retrospective-waiver", "submission",
         "kind of approval"),
        ("legal_basis: [21 CFR 50.20]", "", "publication", "legal basis not shown"),
        ("purposes: [NRES]", "", "feasibility", "purpose not stated"),
        ("NRES]", "NRES, NMDS]", "none", "purpose not permitted"),
    ],
)  # fmt: skip
def test_the_weakest_ancestor_of_the_weights_decides(folder: Path, old, new, stage, rule):
    """The fault lies on development data, far from the numbers."""
    edit(folder / "approvals/d.yaml", old, new)
    found = far(folder, day=date(2026, 11, 25))
    assert found.stage == stage
    path = against(found)[rule]
    assert path[0] == RESULTS and path[-1].startswith("case dev/")
    assert all(b.limit.of.startswith("approvals/d.yaml") for b in found.because)
    assert far(folder, day=date(2026, 11, 25), node="reading val/case-0").stage == "routine-use"


def test_a_patient_of_development_touches_the_weights_and_all_that_they_predicted(folder: Path):
    product = limen.load(folder)
    found = affected_by_patient(product, product.case("dev/case-20")[1].patient)
    per_case = {f"{k} val/case-{n}" for k in ("prediction", "measurement", "picture")
                for n in range(5)}  # fmt: skip
    assert names(found) == per_case | {
        "case dev/case-20", "reading dev/case-20", MODEL, "verdicts val", "summary val",
        "leakage small", "report small", "report-content small",
    }  # fmt: skip
    way = next(a.path for a in found if a.name == "measurement val/case-3")
    assert way == ("measurement val/case-3", "prediction val/case-3", MODEL, "case dev/case-20")


def test_a_patient_of_validation_touches_its_case_and_the_sums_and_no_other_case(folder: Path):
    found = affected_by_patient(limen.load(folder), "val/case-3")
    assert names(found) == {
        *(f"{k} val/case-3" for k in ("case", "reading", "prediction", "measurement", "picture")),
        "verdicts val", "summary val", "leakage small", "report small", "report-content small",
    }  # fmt: skip


def test_results_of_earlier_weights_do_not_escape(folder: Path):
    before = affected_by_patient(limen.load(folder), "dev/case-20")
    write_threshold_model(folder / "model/threshold.onnx", 0.6)
    limen.run(folder, workers=1)
    after = affected_by_patient(limen.load(folder), "dev/case-20")
    assert names(after) >= names(before)
    earlier = {n.rpartition(" (")[0] for n in names(after) if n.endswith(")")}
    assert earlier >= {f"prediction val/case-{n}" for n in range(5)}
    assert sum(a.kind == "weights" for a in after) == 2


def test_a_case_that_was_taken_out_still_touches_what_was_made_with_it(folder: Path):
    patient = limen.load(folder).case("val/case-3")[1].patient
    for part in ("images", "references"):
        (folder / f"data/val/{part}/case-3.nii.gz").unlink()
    found = names(affected_by_patient(limen.load(folder), patient))
    assert {"reading val/case-3", "verdicts val", "report small"} <= found


def test_a_withdrawal_in_the_approval_file_leaves_no_use_at_all(folder: Path):
    patient = limen.load(folder).case("val/case-3")[1].patient
    with (folder / "approvals/a.yaml").open("a") as f:
        f.write(f"withdrawn: {{{patient}: 2026-11-01}}\n")
    assert far(folder, day=date(2026, 10, 31)).stage == "routine-use"
    found = far(folder, day=date(2026, 11, 1))
    assert found.stage == "none"
    assert against(found)["consent withdrawn"] == (RESULTS, "case val/case-3")
    evaluation = limen.run(folder, workers=1).evaluation
    assert "withdrew" in str(evaluation.approvals["val"]["what"])


def test_a_site_that_the_approval_does_not_cover(folder: Path):
    with (folder / "approvals/a.yaml").open("a") as f:
        f.write("sites: [Seoul]\n")
    rows = ["case,patient,site,image,reference"]
    for n in range(5):
        site = ("Seoul", "Bern")[n == 2]
        rows.append(f"c{n},p{n},{site},images/case-{n}.nii.gz,references/case-{n}.nii.gz")
    (folder / "data/val/cases.csv").write_text("\n".join(rows) + "\n")
    found = far(folder)
    assert found.stage == "none"
    assert against(found)["site not covered"] == (RESULTS, "case val/c2")
    assert far(folder, node="case val/c1").stage == "routine-use"
    assert far(folder, node="case val/c1", sites=["Bern"]).stage == "none"


def with_ages(folder: Path, ages: list[int]) -> None:
    rows = ["case,patient,age_years,image,reference"]
    for n, age in enumerate(ages):
        rows.append(f"c{n},p{n},{age},images/case-{n}.nii.gz,references/case-{n}.nii.gz")
    (folder / "data/val/cases.csv").write_text("\n".join(rows) + "\n")


def test_a_patient_of_an_age_that_the_approval_does_not_cover(folder: Path):
    with (folder / "approvals/a.yaml").open("a") as f:
        f.write("age_years: [18, 90]\n")
    with_ages(folder, [18, 17, 90, 50, 64])  # 90 stands for 90 and older
    found = far(folder)
    assert found.stage == "none"
    assert against(found)["patient not covered"] == (RESULTS, "case val/c1")
    assert far(folder, node="case val/c2").stage == "routine-use"
    with_ages(folder, [18, 18, 90, 50, 64])
    assert far(folder).stage == "routine-use"


@pytest.mark.parametrize(
    ("first", "second", "stage"),
    [
        ("[18, 90]", None, "routine-use"),
        ("[18, 40]", None, "publication"),
        ("[18, 40]", "[41, 90]", "routine-use"),
        ("[18, 40]", "[42, 90]", "publication"),
        ("[18, 40]", "", "routine-use"),  # the second says nothing of ages: it may cover all
        ("[19, 90]", None, "publication"),
    ],
)
def test_ages_that_the_product_is_for_and_no_approval_covers(folder: Path, first, second, stage):
    """The intended use is for 18 to 90 years."""
    with (folder / "approvals/a.yaml").open("a") as f:
        f.write(f"age_years: {first}\n")
    if second is not None:
        more = f"age_years: {second}\n" if second else ""
        (folder / "approvals/b.yaml").write_text(CONSENT.replace('"7"', '"9"') + more)
        shutil.copytree(folder / "data/val", folder / "data/more")
        edit(folder / "limen.yaml", "model:\n", "  - {name: more, path: data/more, "
             "use: validation, approval: approvals/b.yaml}\nmodel:\n")  # fmt: skip
    found = far(folder)
    assert found.stage == stage
    why = [b.limit.why for b in found.because]
    assert all("the product is for 18 to 90 years" in w and "MDCG 2020-1" in w for w in why)


def test_data_of_one_institution_goes_nowhere_else(folder: Path):
    product = limen.load(folder)
    require_may_leave(product)
    edit(folder / "approvals/d.yaml", "[NRES]", "[NRES, IS]\nsites: [Seoul, Bern]")
    product = limen.load(folder)
    for sites in ((), ["Boston"], ["Seoul", "Boston"]):
        with pytest.raises(MayNotLeave, match=r"approvals/d.yaml, number 8.*DUO:0000028"):
            require_may_leave(product, sites)
    require_may_leave(product, ["Seoul"])


def test_a_clock_that_was_set_back_brings_no_approval_back(folder: Path, monkeypatch):
    """Every record was made today; the clock then says that it is ten years ago."""
    import limen.data.approvals as module

    class Back(date):
        @classmethod
        def today(cls):
            return cls(2016, 1, 1)

    edit(folder / "approvals/d.yaml", "2990-01-01", "2020-01-01")
    assert against(far(folder)).keys() == {"approval expired"}
    monkeypatch.setattr(module, "date", Back)
    product = limen.load(folder)
    assert module.today() == date(2016, 1, 1)
    assert against(how_far(product)).keys() == {"approval expired"}
    assert set_reach(product, product.sets["dev"]) == "feasibility"
    assert list(approvals_not_in_force(product)) == ["dev"]
    assert far(folder, day=date(2019, 1, 1)).stage == "routine-use"  # who names a day is answered


LINEAGE = """\
lineage:
  - {name: pretrained, kind: weights%s}
  - {name: teacher, kind: weights, from: [pretrained]}
  - {name: drawn, kind: synthetic, from: [teacher]}
  - {name: model, kind: weights, from: [dev, drawn]}
  - {name: brochure, kind: text, from: [report]}
"""


def test_weights_from_elsewhere_need_an_approval_and_reach_through_distillation(folder: Path):
    yaml = (folder / "limen.yaml").read_text()
    (folder / "limen.yaml").write_text(yaml + LINEAGE % "")
    found = far(folder)
    assert found.stage == "feasibility"
    assert against(found) == {
        "no approval": (RESULTS, MODEL, "synthetic drawn", "weights teacher",
                        "weights pretrained"),
    }  # fmt: skip
    (folder / "approvals/w.yaml").write_text("kind: public\nlicence: CC-BY-NC-4.0\n")
    licence = ", approval: approvals/w.yaml"
    (folder / "limen.yaml").write_text(yaml + LINEAGE % licence)
    assert far(folder).stage == "feasibility"  # its purposes are not stated
    with (folder / "approvals/w.yaml").open("a") as f:
        f.write("purposes: [NRES]\n")
    found = far(folder, node="text brochure")
    assert found.stage == "publication"
    way = against(found)["non-commercial"]
    assert (way[:2], way[-1]) == (("text brochure", "report small"), "weights pretrained")
    touched = names(affected_by_approval(limen.load(folder), "approvals/w.yaml"))
    assert {"weights teacher", "synthetic drawn", MODEL, "text brochure"} <= touched
    assert "reading val/case-0" not in touched


def test_a_lineage_that_leads_back_to_itself(folder: Path):
    with (folder / "limen.yaml").open("a") as f:
        f.write("lineage: [{name: dev, kind: synthetic, from: [model]},"
                " {name: model, kind: weights, from: [dev]}]\n")  # fmt: skip
    with pytest.raises(BadLineage):
        far(folder)


def test_data_limited_to_a_disease(folder: Path):
    edit(folder / "approvals/d.yaml", "[NRES]", "[DS]\ndiseases: [MONDO:0005233]")
    assert far(folder).stage == "none"
    edit(folder / "limen.yaml", "modality: CT", "modality: CT\n    disease: MONDO:0005233")
    assert far(folder).stage == "submission"  # DS is no clinical care


def test_two_files_that_contradict_each_other_stop_the_run(folder: Path):
    (folder / "approvals/d.yaml").write_text(CONSENT.replace("2990", "2991"))
    with pytest.raises(ContradictingApprovals, match=r"approvals/d.yaml and approvals/a.yaml"):
        limen.run(folder, workers=1)


def test_what_nobody_has_heard_of(folder: Path):
    with pytest.raises(NoSuchSource):
        affected_by_patient(limen.load(folder), "P-AAAAAAAAAA")
    with pytest.raises(NoSuchSource, match=r"approvals/a.yaml, number 7"):
        affected_by_approval(limen.load(folder), "9")
    assert names(affected_by_approval(limen.load(folder), "7")) >= {"report small"}


def test_trials_boundary_and_explanation_derive_from_weights_and_cases(folder: Path):
    """As the steps of the boundary record them: a list of cases, trials, and what names them."""
    from limen.evidence import Record, digest_json

    product = limen.load(folder)
    listing = [["val/case-0", "P-AAAAAAAAAA"], ["val/case-2", "P-BBBBBBBBBB"]]
    with product.store.writing() as store:

        def add(kind: str, subject: str, inputs: dict[str, str]) -> str:
            result = store.put_json([kind, subject])
            store.add(Record(kind, subject, f"{kind}/1", inputs, result))
            return result

        store.put_json(listing)
        add("trial", "val/case-0 at ct.dose 0.5", {"image": "a" * 64})
        stress = add("stress", "small", {"cases": digest_json(listing)})
        boundary = add("boundary", "small", {"stress": stress})
        add("explanation", "small", {"boundary": boundary})
        add("seen", "val/case-1", {"image": "b" * 64})
    made = {"stress small", "boundary small", "explanation small"}
    product = limen.load(folder)
    of_weights = names(affected_by_patient(product, "dev/case-20"))
    assert made | {"trial val/case-0 at ct.dose 0.5"} <= of_weights
    assert "seen val/case-1" not in of_weights
    assert made <= names(affected_by_patient(product, "val/case-2"))
    assert not made & names(affected_by_patient(product, "val/case-1"))

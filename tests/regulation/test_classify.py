"""Facts, contradictions, dates, flips, and the honest beside the claimed class."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from regulated_products import PRODUCTS

from limen.regulation.answer import NOTICE
from limen.regulation.claims import DICOM_OUTPUTS, claimed_facts, compare, outputs_of_dicom
from limen.regulation.classify import classify, classify_all
from limen.regulation.errors import ContradictingUse, RuleNotInForce, UnknownFact, UnknownRegime
from limen.regulation.facts import OUTPUTS, UseFacts, facts_of, read_facts, resolve
from limen.regulation.mdr_class import CLASSES, TABLE
from limen.regulation.mfds_class import adjusted

ON = date(2026, 11, 25)
NODULE = {
    "situation": "serious",
    "outputs": ["mark"],
    "modality": "CT",
    "anatomy": "chest",
    "user": "radiologist",
    "statement": "Marks suspected lung nodules on chest CT for a radiologist.",
}


# --- bad input ---


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"outputs": ["marks"]}, "mark"),
        ({"outputs": []}, "outputs is missing"),
        ({"situation": "serius"}, "serious"),
        ({"situation": None}, "situation is missing"),
        ({"autonmy": "assistive"}, "autonomy"),
        ({"disease_trained": "yes"}, "True"),
        ({"inputs": ["xray"]}, "image"),
    ],
)
def test_an_unknown_fact_is_an_error_with_the_nearest_word(change, words):
    with pytest.raises(UnknownFact) as caught:
        read_facts({**NODULE, **change})
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"autonomy": "autonomous", "statement": "Marks nodules. For reference only."},
        {"autonomy": "autonomous", "statement": "결절을 표시합니다. 참고용입니다."},
        {"autonomy": "autonomous", "workflow": "second-read"},
        {"storage_only": True},
        {"subject": "image-quality"},
    ],
)
def test_facts_that_cannot_both_hold_are_an_error(change):
    with pytest.raises(ContradictingUse, match="cannot tell"):
        read_facts({**NODULE, **change})


@pytest.mark.parametrize(
    ("regime", "on", "since"),
    [
        ("mfds", date(2024, 1, 1), "2025-01-24"),
        ("mdr", date(2020, 1, 1), "2021-05-26"),
        ("fda", date(2016, 1, 1), "2016-12-13"),
        ("fda", date(2019, 1, 1), "2020-01-22"),
    ],
)
def test_a_date_before_the_rules_cannot_be_told(regime, on, since):
    with pytest.raises(RuleNotInForce, match="cannot tell") as caught:
        classify(read_facts(NODULE), regime, on)
    assert since in str(caught.value)


def test_one_regime_that_cannot_be_told_does_not_hide_the_others():
    answers, untold = classify_all(read_facts(NODULE), ["fda", "mdr", "mfds"], date(2025, 7, 1))
    assert [a.regime for a in answers] == ["fda", "mdr"]
    assert list(untold) == ["mfds"]


def test_a_regime_without_rules_is_told():
    with pytest.raises(UnknownRegime, match="pmda"):
        classify(read_facts(NODULE), "pmda", ON)


# --- laws ---


def test_the_eu_table_is_that_of_the_guidance():
    # MDCG 2019-11 Rev.1 Annex III, rows critical, serious, non-serious
    levels = ("treat-or-diagnose", "drive", "inform")
    rows = {
        "critical": ("III", "IIb", "IIa"),
        "serious": ("IIb", "IIa", "IIa"),
        "non-serious": ("IIa", "IIa", "IIa"),
    }
    assert {(s, v): c for s, row in rows.items() for v, c in zip(levels, row, strict=True)} == TABLE


@pytest.mark.parametrize(
    ("grade", "harm", "expected"),
    # guideline 1455-01 p.23
    [
        (4, "death", 4), (4, "injury", 4), (4, "none", 3), (3, "death", 4), (3, "injury", 3),
        (3, "none", 2), (2, "death", 3), (2, "injury", 2), (2, "none", 2), (1, "death", 1),
        (1, "injury", 1), (1, "none", 1),
    ],
)  # fmt: skip
def test_harm_moves_the_grade_within_two_to_four(grade, harm, expected):
    assert adjusted(grade, harm) == expected


@pytest.mark.parametrize("regime", ["fda", "mdr", "mfds"])
@pytest.mark.parametrize("product", PRODUCTS[::7], ids=lambda p: p.name)
def test_a_flip_really_flips(product, regime):
    facts = read_facts(product.facts)
    answer = classify(facts, regime, ON)
    assert answer.flips
    for flip in answer.flips:
        other = classify(replace(facts, **dict(flip.facts)), regime, ON)
        assert (other.klass, other.category) == (flip.klass, flip.category)
        assert other.key != answer.key


ORDER = {"mdr": {c: i for i, c in enumerate(CLASSES)}, "mfds": {f"grade {i}": i for i in range(5)}}
DISCLAIMERS = st.sampled_from(
    [
        " For reference only.",
        " Not a diagnosis.",
        " The physician remains responsible.",
        " Not intended for diagnostic use.",
        " 참고용으로만 사용하십시오.",
        " It does not replace clinical judgment.",
    ]
)


@settings(max_examples=60, deadline=None)
@given(
    outputs=st.frozensets(st.sampled_from(sorted(OUTPUTS)), min_size=1, max_size=3),
    situation=st.sampled_from(["critical", "serious", "non-serious"]),
    said=st.lists(DISCLAIMERS, min_size=1, max_size=3),
    declared=st.sampled_from([None, "inform", "drive"]),
)
def test_disclaimers_and_modest_words_never_lower_a_class(outputs, situation, said, declared):
    plain = UseFacts(situation=situation, outputs=outputs, statement="Works on images.")
    modest = replace(plain, statement=plain.statement + "".join(said), significance=declared)
    for regime in ("fda", "mdr", "mfds"):
        before, after = classify(plain, regime, ON), classify(modest, regime, ON)
        assert after.qualifies == before.qualifies
        if regime == "fda":
            assert after.key == before.key
        else:
            order = ORDER[regime]
            assert order.get(after.klass, -1) >= order.get(before.klass, -1)


def test_what_was_not_stated_is_told():
    resolved, assumed = resolve(read_facts(NODULE))
    told = {a.fact for a in assumed}
    assert {"autonomy", "unflagged", "finding", "subject"} <= told
    assert resolved.finding == "cancer"
    answer = classify(read_facts(NODULE), "fda", ON)
    assert "Assumed" in answer.words()
    assert all(a.why for a in answer.assumed)


def test_marks_of_weak_sources_are_shown():
    forecast = {
        "situation": "serious",
        "outputs": ["prognosis"],
        "finding": "cancer",
        "modality": "MG",
        "anatomy": "breast",
        "statement": "Five-year risk of breast cancer from a screening mammogram.",
    }
    answer = classify(read_facts(forecast), "fda", ON)
    assert answer.category == "21 CFR 892.8500"
    assert answer.confidence == "secondary"
    assert "[S]" in answer.words()
    assert "not legal advice" in NOTICE


# --- honest and claimed ---


def test_a_product_that_marks_and_says_triage_diverges():
    facts = read_facts({**NODULE, "statement": "Prioritises chest CT with suspected nodules."})
    found = compare(facts, "fda", ON)
    assert found.honest.category == "21 CFR 892.2070"
    assert found.claimed is not None
    assert found.claimed.category == "21 CFR 892.2080"
    assert found.diverges
    assert "marks a place" in found.words()
    assert len(found.words().split()) < 200


def test_words_that_claim_more_than_the_outputs_diverge_upwards():
    facts = read_facts(
        {**NODULE, "statement": "Detects cancer and rules out disease autonomously."}
    )
    found = compare(facts, "mdr", ON)
    assert (found.honest.klass, found.claimed.klass) == ("IIa", "IIb")
    assert any("rules out" in r for r in found.reasons)


def test_hidden_rule_out_is_told():
    facts = read_facts({**NODULE, "unflagged": "not-read"})
    found = compare(facts, "fda", ON)
    assert found.diverges
    assert any("hide" in r for r in found.reasons)
    assert found.honest.ask is not None


def test_outputs_found_in_dicom_count():
    seen = outputs_of_dicom(["1.2.840.10008.5.1.4.1.1.88.50"])
    found = compare(read_facts(NODULE), "fda", ON, seen=seen)
    assert found.honest.category == "21 CFR 892.2090"
    assert any("not declared" in r for r in found.reasons)


def test_agreeing_words_are_told_as_agreeing():
    found = compare(read_facts(NODULE), "fda", ON)
    assert not found.diverges
    assert "agree" in found.words()


def test_denied_words_claim_nothing():
    text = "Marks nodules. It does not diagnose and is not intended to rule out disease."
    facts = claimed_facts(read_facts(NODULE), text)
    assert facts.outputs == {"mark"}
    assert facts.unflagged is None
    assert claimed_facts(read_facts(NODULE), "A product for hospitals.") is None


def test_an_object_that_can_show_anything_cannot_be_told():
    with pytest.raises(UnknownFact, match="secondary capture"):
        outputs_of_dicom(["1.2.840.10008.5.1.4.1.1.7"])


def test_the_dicom_table_names_real_objects():
    uid = pytest.importorskip("pydicom.uid")
    names = {u: uid.UID(u).name for u in DICOM_OUTPUTS}
    assert not [u for u, name in names.items() if name == u], "not in DICOM PS3.6"
    assert names["1.2.840.10008.5.1.4.1.1.88.50"] == "Mammography CAD SR Storage"
    assert all("contour" in DICOM_OUTPUTS[u] for u, n in names.items() if "Segmentation" in n)


def test_facts_come_from_a_declaration():
    from limen.product import IntendedUse

    use = IntendedUse.model_validate(
        {
            "statement": "Marks suspected lung nodules on chest CT of adults.",
            "user": "radiologist",
            "population": {"age_years": (18, 110)},
            "modality": "CT",
            "anatomy": "chest",
            "situation": "serious",
            "outputs": ["mark"],
            "unflagged": "not-read",
        }
    )
    assert classify(facts_of(use), "mdr", ON).klass == "IIb"
    facts = facts_of(use, {"autonomy": "assistive", "unflagged": "read-as-usual"})
    assert facts.outputs == {"mark"}
    assert facts.autonomy == "assistive"
    assert classify(facts, "mfds", ON).klass == "grade 3"


def test_the_declaration_offers_every_fact_with_the_same_words():
    from typing import get_args

    from limen.product import IntendedUse
    from limen.product.declaration import Output
    from limen.regulation.facts import OPTIONS

    assert set(get_args(Output)) == set(OUTPUTS)
    declared = IntendedUse.model_json_schema()["properties"]
    for name, options in OPTIONS.items():
        if name in declared and name != "situation":
            words = [w for part in declared[name]["anyOf"] for w in part.get("enum", ())]
            assert set(words) == {o for o in options if isinstance(o, str)}, name


# --- what an outline is of ---


def outline(statement: str, **more: object) -> UseFacts:
    given = {"situation": "serious", "outputs": ["contour", "measurement"], "statement": statement}
    return resolve(read_facts({**given, **more}))[0]


@pytest.mark.parametrize(
    "statement",
    [
        "Outlines suspected intraretinal and subretinal fluid, and states its volume.",
        "Segments intracranial haemorrhage on CT.",
        "뇌 CT에서 출혈 부위의 윤곽을 표시한다.",
    ],
)
def test_an_outline_of_what_no_healthy_patient_has_is_of_something_abnormal(statement):
    assert outline(statement).subject == "abnormality"
    assert outline(statement, subject="anatomy").subject == "anatomy"


def test_an_outline_of_organs_or_for_a_treatment_plan_is_not():
    assert outline("Outlines the left ventricle and states its volume.").subject == "anatomy"
    plan = outline("Outlines organs and the tumour for radiotherapy.", for_treatment=True)
    assert plan.subject == "anatomy"

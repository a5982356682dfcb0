"""The model card in the schema of the Coalition for Health AI, as XML and as JSON.

Source: Applied Model Card schema v0.2 (github.com/coalition-for-health-ai/mc-schema, schema.xsd).
The order of elements is the schema's; what nobody told Limen says so, and is never left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from limen.regulation.answer import NOTICE
from limen.regulation.facts import OUTPUTS
from limen.regulation.wording.evidence import SupportedFigure
from limen.reports.dossier.content import DossierInput
from limen.reports.dossier.figures import shown, value_json
from limen.reports.words import criterion_words

NAMESPACE = "https://mc.chai.org/v0.2/schema.xsd"
UNTOLD = "Not stated to Limen."

_SAFETY = ("failure rate", "false marks per case")


def chai_card(given: DossierInput) -> dict[str, Any]:
    """The card as nested mappings, in the order of the schema."""
    info = given.declaration.product
    use = info.intended_use
    limits = "\n".join(f"- {line.words}" for line in given.limits)
    ages = f"{use.population.age_years[0]:g} to {use.population.age_years[1]:g} years"
    outputs = "; ".join(OUTPUTS[o] for o in use.outputs)
    return {
        "BasicInfo": {
            "ModelName": info.name,
            "ModelDeveloper": UNTOLD,
            "DeveloperContact": UNTOLD,
        },
        "ReleaseInfo": {
            "ReleaseStage": f"Evidence reaches {given.stage} at best.",
            "ReleaseDate": given.generated_utc[:10],
            "ReleaseVersion": info.version,
            "GlobalAvailability": UNTOLD,
            "RegulatoryApproval": _classes(given),
        },
        "ModelSummary": {
            "Summary": use.statement,
            "Keywords": [use.modality, use.anatomy, given.declaration.task.kind],
        },
        "UsesAndDirections": {
            "IntendedUseAndWorkflow": f"{use.statement} Workflow: {use.workflow or UNTOLD}",
            "PrimaryIntendedUsers": use.user,
            "HowToUse": "\n".join(
                f"- {duty}" for duty in given.contract.responsible.get(use.user, ())
            )
            or UNTOLD,
            "TargetedPatientPopulation": f"{ages}; {use.population.sex} sex",
            "CautionedOutOfScopeSettings": limits,
        },
        "Warnings": {
            "KnownRisksAndLimitations": limits,
            "KnownBiasesOrEthicalConsiderations": _biases(given),
            "ClinicalRiskLevel": f"{use.situation} situation (IMDRF N12). {_classes(given)}",
        },
        "TrustIngredients": {
            "AISystemFacts": {
                "OutcomesAndOutputs": outputs,
                "ModelType": ", ".join(
                    f"{k} {v}" for k, v in given.versions.items() if k != "limen"
                ),
                "InputDataSource": f"{use.modality} of the {use.anatomy}",
                "OutputAndInputDataTypes": f"In: {use.modality} images. Out: {outputs}.",
                "DevelopmentDataCharacterization": _sets(given, "development"),
                "BiasMitigationApproaches": UNTOLD,
                "OngoingMaintenance": "\n".join(f"- {line}" for line in given.contract.updates),
            },
            "TransparencyInformation": {"FundingSource": UNTOLD, "StakeholdersConsulted": UNTOLD},
        },
        "KeyMetrics": _metrics(given),
        "Resources": {
            "EvaluationReferences": ", ".join(given.attachments) or UNTOLD,
            "PeerReviewedPublications": UNTOLD,
            "PatientConsentOrDisclosure": "\n".join(
                f"- {s.name}: {s.approval}" for s in given.sets
            ),
        },
        "Bibliography": "",
    }


def as_xml(card: Mapping[str, Any]) -> bytes:
    """The card as an instance document of the schema."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<AppliedModelCard xmlns="{NAMESPACE}">']
    for name, value in card.items():
        lines += _element(name, value, "  ")
    return ("\n".join([*lines, "</AppliedModelCard>"]) + "\n").encode()


def as_json(card: Mapping[str, Any]) -> bytes:
    """The same card as JSON, its values as objects."""
    return (json.dumps({"schema": NAMESPACE, **card}, indent=2, ensure_ascii=False) + "\n").encode()


def _element(name: str, value: Any, indent: str) -> list[str]:
    if name == "Keywords":
        inner = [line for v in value for line in _element("Keyword", v, indent + "  ")]
    elif name == "Results":
        inner = [line for v in value for line in _element("MetricResult", v, indent + "  ")]
    elif name == "ValueJson":
        text = escape(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
        return [f"{indent}<{name}>{text}</{name}>"]
    elif isinstance(value, Mapping):
        inner = [line for k, v in value.items() for line in _element(k, v, indent + "  ")]
    else:
        return [f"{indent}<{name}>{escape(str(value))}</{name}>"]
    return [f"{indent}<{name}>", *inner, f"{indent}</{name}>"]


def _classes(given: DossierInput) -> str:
    found = "; ".join(given.contract.classes) or "no regime is declared"
    return f"No clearance or certificate is known to Limen. Expected: {found}. {NOTICE}"


def _sets(given: DossierInput, use: str) -> str:
    lines = [
        f"- {s.name}: {s.patients} patients, {s.cases} cases, {s.origin}; {s.approval}"
        for s in given.sets
        if s.use == use
    ]
    return "\n".join(lines) or UNTOLD


def _biases(given: DossierInput) -> str:
    if not given.groups:
        return "No group of patients was large enough to be judged apart."
    return "Figures by group stand under fairness; a group that no case states was not judged."


def _metrics(given: DossierInput) -> dict[str, Any]:
    claim = _claim(given)
    safety = [f for f in given.figures if f.metric in _SAFETY]
    useful = [f for f in given.figures if f.metric not in _SAFETY]
    met = " ".join(x.words for x in given.limits if x.name.startswith("claim on ")) or (
        "The claim is met on every validation set."
    )
    return {
        "UsefulnessUsabilityEfficacy": _metric(given, claim, useful, met),
        "FairnessEquity": _metric(given, "The same in every group.", given.groups, _biases(given)),
        "SafetyReliability": _metric(given, claim, safety, met),
    }


def _metric(
    given: DossierInput, goal: str, figures: Iterable[SupportedFigure], meaning: str
) -> dict[str, Any]:
    results = [
        {"Label": f"{f.metric}, {f.data}", "ValueJson": value_json(f.figure)}
        for f in shown(figures)
    ] or [{"Label": "nothing to state", "ValueJson": {"kind": "text", "text": "not evaluated"}}]
    return {
        "MetricGoal": goal,
        "Results": results,
        "Interpretation": meaning,
        "TestType": "; ".join(f"{s.name}: {s.origin}" for s in given.sets if s.use == "validation")
        or UNTOLD,
        "TestingDataDescription": _sets(given, "validation"),
        "ValidationProcessAndJustification": (
            "Unit of independence: the patient. Shares of patients: exact intervals (Clopper and "
            "Pearson); everything else: bootstrap over patients. Each value names its record."
        ),
    }


def _claim(given: DossierInput) -> str:
    declaration = given.declaration
    criteria = "; ".join(criterion_words(c, declaration.task) for c in declaration.criteria)
    risk = declaration.risk
    return (
        f"A case passes when {criteria}. At most {100 * risk.failure_rate:g} % of patients fail, "
        f"with {100 * risk.confidence:g} % confidence."
    )

"""Risks of a product, fed by its failure modes: what failed, how often, on which data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limen.measures.intervals import clopper_pearson
from limen.pipeline.boundary_state import boundary_state, explanation_of
from limen.pipeline.figures import summaries
from limen.reports.dossier.content import DECLARATION, RiskLine
from limen.reports.words import criterion_words

if TYPE_CHECKING:
    from limen.evidence import Record
    from limen.pipeline.product import LoadedSet, Product
    from limen.pipeline.status import Status
    from limen.product import Criterion
    from limen.regulation.wording import SupportedFigure

CONFIDENCE = 0.95
_ACTS_ALONE = {
    "missed_lesions": (
        "A finding is not marked",
        "The model gives no mark at a finding; the reader relies on the marks and overlooks it.",
        "The case is read as if nothing were there.",
        "delayed diagnosis or treatment",
    ),
    "false_marks": (
        "A mark where nothing is",
        "The model marks healthy tissue; the reader follows the mark.",
        "A healthy structure is taken for a finding.",
        "needless examination, anxiety, time lost",
    ),
}
_OTHER = (
    "An output beyond its limit",
    "The output differs from the reference by more than clinicians allow; it is used as it is.",
    "A decision rests on a wrong outline or value.",
    "wrong treatment, or a wrong course of follow-up",
)


def risk_lines(product: Product, found: Status) -> tuple[RiskLine, ...]:
    """Lines by criterion and data set, by failure mode, then of what neither sees."""
    use = product.declaration.product.intended_use
    severity = f"{use.situation} situation, worst harm: {use.harm or 'not stated'}"
    lines: list[RiskLine] = []
    records = summaries(product, found)
    for name in records:
        dataset = product.sets[name]
        verdicts = next(
            (i.record for i in found.items if (i.kind, i.subject) == ("verdicts", name)), None
        )
        if verdicts is not None:
            lines += _by_criterion(product, dataset, verdicts, severity, len(lines))
            lines += _not_evaluated(product, dataset, records[name], severity, len(lines))
    boundary = boundary_state(product, found).record
    if boundary is not None:
        lines += _by_mode(product, boundary, severity, len(lines))
    return (*lines, *_by_use(product, boundary, severity, len(lines)))


def _by_criterion(
    product: Product, dataset: LoadedSet, record: Record, severity: str, already: int
) -> list[RiskLine]:
    verdicts: dict[str, Any] = product.store.get_json(record.result)
    patients = {c.id: c.patient for c in dataset.cases}
    everyone = {patients[c] for c in verdicts if c in patients}
    lines = []
    for number, criterion in enumerate(product.declaration.criteria):
        failing = {
            patients[case]
            for case, verdict in verdicts.items()
            if case in patients and _fails(verdict, criterion)
        }
        hazard, sequence, situation, harm = _ACTS_ALONE.get(criterion.measure, _OTHER)
        wanted = criterion_words(criterion, product.declaration.task)
        lines.append(
            RiskLine(
                id=f"R{already + number + 1}",
                hazard=hazard,
                sequence=sequence,
                situation=f"{situation} Judged by: {wanted}.",
                harm=harm,
                severity=severity,
                occurrence=_share(dataset, len(failing), len(everyone), record.result),
                occurrence_words="",
                control=_control(product),
                verification=f"verdicts of {dataset.name}, case by case, in the report",
                source=record.result,
            )
        )
    return lines


def _fails(verdict: dict[str, Any], criterion: Criterion) -> bool:
    """Whether a case's verdict fails any clause of a criterion."""
    return any(
        not c["passed"]
        and c["measure"] == criterion.measure
        and c["min_diameter_mm"] == criterion.min_diameter_mm
        and (criterion.label is None or c["label"] == criterion.label)
        and (criterion.region is None or c["region"] == criterion.region)
        for c in verdict["criteria"]
    )


def _share(dataset: LoadedSet, failing: int, n: int, digest: str) -> SupportedFigure | None:
    from limen.regulation.wording import SupportedFigure

    if n == 0:
        return None
    made = clopper_pearson(failing, n, CONFIDENCE)
    return SupportedFigure(
        "patients with such a case",
        failing / n,
        made.low,
        made.high,
        n,
        "patients",
        dataset.name,
        dataset.origin,
        digest,
        CONFIDENCE,
    )


def _control(product: Product) -> str:
    use = product.declaration.product.intended_use
    if use.autonomy == "autonomous":
        return "none by a reader: it acts alone; follow-up of every output"
    return f"information for safety: the {use.user} reads every case and decides"


def _not_evaluated(
    product: Product, dataset: LoadedSet, record: Record, severity: str, already: int
) -> list[RiskLine]:
    summary = product.store.get_json(record.result)
    lost = len({x["patient"] for x in summary["not_evaluated"]})
    everyone = len({c.patient for c in dataset.cases}) + len(dataset.problems)
    return [
        RiskLine(
            id=f"R{already + 1}",
            hazard="No output",
            sequence="The input cannot be read or the model stops; nobody notices.",
            situation="The case waits for an output that does not come.",
            harm="delayed reading",
            severity=severity,
            occurrence=_share(dataset, lost, everyone, record.result),
            occurrence_words="",
            control="design: a case without output is named, with its reason, never passed over",
            verification=f"cases not evaluated of {dataset.name}",
            source=record.result,
        )
    ]


def _by_mode(product: Product, boundary: Record, severity: str, already: int) -> list[RiskLine]:
    """Failure modes that the boundary's explanation found: where it fails more often."""
    explained = explanation_of(product, boundary)
    if explained is None:
        return []
    explanation, record = explained
    return [
        RiskLine(
            id=f"R{already + number}",
            hazard="Fails more often in one kind of case",
            sequence="It is used where it fails more often; the reader trusts it as elsewhere.",
            situation=f"Where {' and '.join(mode.where)}.",
            harm="as in the lines above",
            severity=severity,
            occurrence=None,
            # a lesion's name is its case and its place
            occurrence_words=mode.in_words("findings" if "," in mode.failing[0] else "cases"),
            control=_control(product),
            verification="explanation of the boundary",
            source=record.result,
        )
        for number, mode in enumerate(explanation.modes, start=1)
    ]


def _by_use(
    product: Product, boundary: Record | None, severity: str, already: int
) -> list[RiskLine]:
    """Risks of use that no case of a data set shows."""
    axes = ", ".join(product.declaration.physics) or "no axis declared"
    known = "certified: see the boundary page" if boundary else f"not known: no boundary ({axes})"
    told = [
        (
            "An image beyond the boundary",
            "An image is worse than those judged (dose, views, motion, scanner); it is used all "
            "the same.",
            "The output is as confident as ever, and less often right.",
            "as in the lines above",
            known,
            "protective measure: the guard answers inside, outside or cannot tell",
            "boundary record" if boundary else "missing",
        ),
        (
            "Over-reliance",
            "Readers look where marks are, and less where none are.",
            "An unmarked finding gets less attention than without the software.",
            "delayed diagnosis",
            "not measured: it takes a reader study",
            "information for safety, training of users",
            "reader study: made outside Limen",
        ),
        (
            "Use for other patients",
            "It is used for an age, an organ or a modality that it was not judged for.",
            "The output rests on nothing that was measured.",
            "as in the lines above",
            "not measured",
            "information for safety: the limits stand on every export",
            "exports are refused when a limit is missing",
        ),
    ]
    return [
        RiskLine(
            id=f"R{already + n}",
            hazard=hazard,
            sequence=sequence,
            situation=situation,
            harm=harm,
            severity=severity,
            occurrence=None,
            occurrence_words=words,
            control=control,
            verification=verification,
            source=DECLARATION,
        )
        for n, (hazard, sequence, situation, harm, words, control, verification) in enumerate(
            told, start=1
        )
    ]

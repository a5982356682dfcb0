"""The dossier of a product: gathered from its evidence, held against its limits, then written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from limen.evidence import (
    Outcome,
    Record,
    changed_inputs,
    digest_bytes,
    digest_json,
    write_atomically,
)
from limen.pipeline.boundary_state import boundary_state
from limen.pipeline.contract import contract_of
from limen.pipeline.dossier_known import known_topics
from limen.pipeline.dossier_risks import risk_lines
from limen.pipeline.errors import NotMadeYet
from limen.pipeline.figures import summaries, supported, supported_figures
from limen.pipeline.limits import product_limits
from limen.pipeline.model import model_identity
from limen.pipeline.redo import CASE_KINDS
from limen.pipeline.regulatory import Regulatory, regulatory
from limen.pipeline.requirements import evidence_states, keep_result
from limen.reports.dossier.content import (
    DECLARATION,
    Change,
    DossierInput,
    Indexed,
    LimitLine,
    SetLine,
)

if TYPE_CHECKING:
    from limen.pipeline.product import Product
    from limen.pipeline.status import Status
    from limen.regulation.wording import SupportedFigure

METHOD = "reports.dossier/1"
_BOUNDARY_TITLES = {
    "boundary.html": "the boundary's page",
    "boundary.json": "the boundary, as it is signed",
    "digests.json": "digests of both",
}
_BY_CASE = (*CASE_KINDS, "trial", "seen")
_BOOKKEEPING = ("objects", "run", "run-end", "roster", "signature")


def dossier_folder(product: Product) -> Path:
    return product.folder / "report" / "dossier"


def write_dossier(product: Product, on: date, *, pdf: bool) -> tuple[Path, Record]:
    """Write every file of the dossier, and keep their digests as evidence.

    Parameters
    ----------
    product : Product
    on : date
        Of the rules.
    pdf : bool

    Raises
    ------
    NotMadeYet
        A summary is missing or stale: a dossier shows fresh results only.
    LimitLost
        An export lacks a limit; nothing is written then.
    PdfNotAvailable
    """
    from limen.pipeline.report import write_report
    from limen.pipeline.status import status
    from limen.reports.dossier import render_dossier

    found = status(product)
    _require_fresh(product, found)
    attachments = _attachments(product, found, write_report(product))
    given = gather(product, found, on, {name: title for name, (title, _) in attachments.items()})
    files = render_dossier(given, pdf=pdf)
    files |= {name: content for name, (_, content) in attachments.items()}
    folder = dossier_folder(product)
    for name, content in files.items():
        write_atomically(folder / name, content)
    name = product.declaration.product.name
    before = product.store.latest("dossier", name)
    if before is not None:
        # a file of another evaluation may not stand beside the rest
        for old in set(product.store.get_json(before.result)["files"]) - set(files):
            (folder / old).unlink(missing_ok=True)
    shown = {n: digest_bytes(c) for n, c in sorted(files.items())}
    inputs = {
        "results": digest_json({n: r.result for n, r in summaries(product, found).items()}),
        "limits": digest_json([line.words for line in given.limits]),
        "declaration": _declaration_digest(product),
        "files": digest_json(shown),
    }
    return folder, keep_result(product, "dossier", name, METHOD, inputs, {"files": shown})


def gather(
    product: Product, found: Status, on: date, attachments: Mapping[str, str]
) -> DossierInput:
    """Everything the dossier shows."""
    from limen.regulation import compare
    from limen.regulation.checklists import CHECKLISTS, answer_checklist
    from limen.regulation.required import required_evidence

    figures = supported_figures(product, found)
    limits = product_limits(product, found, figures)
    lines = tuple(LimitLine(x.name, x.words, source) for x, source in limits)
    answers = regulatory(product.declaration, on)
    states = evidence_states(product, found)
    compared = {a.regime: compare(answers.facts, a.regime, on) for a in answers.answers}
    sets = _sets(product, found)
    risks = risk_lines(product, found)
    known = known_topics(product, found, answers, sets, lines, risks)
    every = _every_record(product)
    return DossierInput(
        declaration=product.declaration,
        on=on,
        generated_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=_versions(product),
        stage=_stage(product),
        limits=lines,
        figures=tuple(figures),
        groups=tuple(_groups(product, found)),
        sets=sets,
        answers=tuple(answers.answers),
        untold=_untold(answers),
        words_against_class={r: c.words() for r, c in compared.items() if c.diverges},
        contract=contract_of(product, answers, [x for x, _ in limits]),
        required={a.regime: required_evidence(a, states) for a in answers.answers},
        risks=risks,
        history=_history(product),
        index=_index(product, found, every),
        every_record=every,
        checklists=tuple(answer_checklist(c, known) for c in CHECKLISTS),
        attachments=attachments,
    )


def _require_fresh(product: Product, found: Status) -> None:
    stale = [i for i in found.stale if i.kind in ("summary", "verdicts", "leakage")]
    if stale:
        raise NotMadeYet(
            "the evaluation is missing or stale, and a dossier shows fresh results only",
            where=f"{stale[0].kind} of {stale[0].subject}",
            mend=f"run `limen run {product.folder}` first",
        )


def _attachments(product: Product, found: Status, report: Path) -> dict[str, tuple[str, bytes]]:
    """What travels with the dossier: the report, and page and file of a boundary that holds."""
    from limen.boundary.guard_file import HOME, check_digests
    from limen.pipeline.freeze import boundary_files

    attached = {"report.html": ("the evaluation, case by case", report.read_bytes())}
    boundary = boundary_state(product, found).record
    if boundary is not None:
        files = boundary_files(product, boundary)
        if files:
            check_digests(product.folder / HOME)
        for name, content in files.items():
            attached[name] = (_BOUNDARY_TITLES.get(PurePath(name).name, name), content)
    return attached


def _versions(product: Product) -> dict[str, str]:
    import limen

    return {
        "limen": limen.__version__,
        **{k: v[:16] for k, v in model_identity(product)[1].items()},
    }


def _stage(product: Product) -> str:
    from limen.data import REACHES, reach_of

    reached = [
        reach_of(s.approval, s.origin)
        for s in product.sets.values()
        if s.is_validation and s.left_out is None
    ]
    return max(reached, key=REACHES.index, default=REACHES[0])


def _untold(answers: Regulatory) -> dict[str, str]:
    return {r: f"{e.what}: {e.found}; {e.mend}" for r, e in answers.untold.items()}


def _sets(product: Product, found: Status) -> tuple[SetLine, ...]:
    from limen.data import reach_of
    from limen.reports.words import approval_words, origin_words

    records = summaries(product, found)
    lines = []
    for s in product.sets.values():
        if s.left_out is not None:
            continue
        approval = s.approval.model_dump(mode="json")
        standing = found.sets.get(s.name, {})
        lines.append(
            SetLine(
                s.name,
                s.declared.use,
                origin_words(s.origin, approval),
                approval_words(approval),
                reach_of(s.approval, s.origin),
                len(s.cases) + len(s.problems),
                len({c.patient for c in s.cases}) + len(s.problems),
                int(standing.get("not_evaluated", 0)),
                records[s.name].result if s.name in records else DECLARATION,
            )
        )
    return tuple(lines)


def _groups(product: Product, found: Status) -> list[SupportedFigure]:
    """Failure rate of each group of one attribute."""
    figures: list[SupportedFigure] = []
    for name, record in summaries(product, found).items():
        summary = product.store.get_json(record.result)
        for group in summary["subgroups"]["groups"]:
            figure = group["failure_rate"]
            if len(group["by"]) == 1 and figure["value"] is not None:
                by = ", ".join(f"{k} {v}" for k, v in group["by"].items())
                origin = product.sets[name].origin
                figures += supported("failure rate", figure, f"{name}, {by}", origin, record.result)
    return figures


def _history(product: Product) -> tuple[Change, ...]:
    """Results above single cases, in the order they were made, with what had changed."""
    last: dict[tuple[str, str], Record] = {}
    steps = []
    for record in product.store.history():
        if record.kind in (*_BY_CASE, *_BOOKKEEPING) or record.outcome is not Outcome.done:
            continue
        before = last.get((record.kind, record.subject))
        last[record.kind, record.subject] = record
        if before is not None and before.result == record.result:
            continue
        because: tuple[str, ...] = ()
        if before is not None:
            because = tuple(changed_inputs(before, record.method, record.inputs))
        steps.append(Change(record.made_utc, record.kind, record.subject, record.result, because))
    return tuple(steps)


def _every_record(product: Product) -> tuple[Indexed, ...]:
    return tuple(
        _indexed(r) for r in product.store.records() if r.kind not in ("run", "run-end", "objects")
    )


def _indexed(record: Record) -> Indexed:
    return Indexed(
        record.kind,
        record.subject,
        record.method,
        record.result,
        record.origin or "",
        record.made_utc,
    )


def _index(product: Product, found: Status, every: tuple[Indexed, ...]) -> tuple[Indexed, ...]:
    """What the page lists: current results each, and those of cases together by data set."""
    from limen.reports.dossier.page import declared

    version = product.declaration.product.version
    lines = [declared(_declaration_digest(product), version)]
    current = {i.record.result for i in found.items if i.record is not None}
    of_cases: dict[tuple[str, str, str], list[Indexed]] = {}
    for entry in every:
        if entry.kind in _BY_CASE:
            of_case = entry.kind in CASE_KINDS
            if not of_case or entry.result in current:
                of = entry.subject.partition("/")[0]
                key = (entry.kind, of if of_case else f"{of}, all ever made", entry.method)
                of_cases.setdefault(key, []).append(entry)
        elif entry.result in current or entry.kind not in ("summary", "verdicts", "leakage"):
            lines.append(entry)
    for (kind, dataset, method), entries in of_cases.items():
        digest = digest_json(sorted(e.result for e in entries))
        origin = Counter(e.origin for e in entries).most_common(1)[0][0]
        made = max(e.made_utc for e in entries)
        lines.append(Indexed(kind, dataset, method, digest, origin, made, len(entries)))
    return tuple(lines)


def _declaration_digest(product: Product) -> str:
    return digest_json(product.declaration.model_dump(mode="json", by_alias=True))

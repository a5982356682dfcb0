"""All files of a dossier, held against its limits before any is written."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from limen.reports.dossier.content import DossierInput
from limen.reports.dossier.limits import require_limits
from limen.reports.dossier.model_card_chai import as_json, as_xml, chai_card
from limen.reports.dossier.model_card_readme import readme
from limen.reports.dossier.page import page
from limen.reports.dossier.risk_table import risk_csv


def render_dossier(given: DossierInput, *, pdf: bool) -> dict[str, bytes]:
    """Every file of the dossier by its name.

    Parameters
    ----------
    given : DossierInput
    pdf : bool
        Whether to print the page too.

    Raises
    ------
    LimitLost
        An export does not state a limit; then there are no files.
    PdfNotAvailable
    """
    card = chai_card(given)
    html = page(given, pdf=pdf)
    files = {
        "dossier.html": html.encode(),
        "model-card.xml": as_xml(card),
        "model-card.json": as_json(card),
        "README.md": readme(given),
        "contract.md": given.contract.words().encode(),
        "risk-table.csv": risk_csv(given),
        "checklists.json": _json(
            {
                "limits": [line.words for line in given.limits],
                "checklists": [c.as_dict() for c in given.checklists],
            }
        ),
        "change-history.json": _json(
            [
                {
                    "when_utc": h.when_utc,
                    "kind": h.kind,
                    "subject": h.subject,
                    "result": h.result,
                    "because": list(h.because),
                }
                for h in given.history
            ]
        ),
        "evidence-index.csv": _index(given),
    }
    if pdf:
        from limen.reports.dossier.pdf import as_pdf

        software = f"limen {given.versions.get('limen', '')}"
        files["dossier.pdf"] = as_pdf(html, files["model-card.xml"], software)
    require_limits(files, given.limits)
    return files


def _index(given: DossierInput) -> bytes:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["kind", "subject", "method", "result_sha256", "origin", "made_utc"])
    rows.writerows(
        [r.kind, r.subject, r.method, r.result, r.origin, r.made_utc] for r in given.every_record
    )
    return out.getvalue().encode()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()

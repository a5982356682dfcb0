"""The risk table as CSV, in the terms of ISO 14971:2019; each limit is information for safety."""

from __future__ import annotations

import csv
import io

from limen.reports.dossier.content import DossierInput
from limen.reports.dossier.figures import shown

COLUMNS = (
    "id",
    "hazard",
    "foreseeable sequence of events",
    "hazardous situation",
    "harm",
    "severity",
    "occurrence of the situation (P1)",
    "record",
    "risk control",
    "verification",
    "residual risk",
)


def risk_csv(given: DossierInput) -> bytes:
    """One line a risk, then one line a limit."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(COLUMNS)
    for risk in given.risks:
        occurrence = risk.occurrence_words
        if risk.occurrence is not None:
            occurrence = shown([risk.occurrence])[0].whole
        rows.writerow(
            [
                risk.id,
                risk.hazard,
                risk.sequence,
                risk.situation,
                risk.harm,
                risk.severity,
                occurrence,
                risk.source,
                risk.control,
                risk.verification,
                risk.residual,
            ]
        )
    for n, limit in enumerate(given.limits, start=1):
        told = f"information for safety: {limit.words}"
        held = "every export is held against it"
        line = [f"L{n}", "use beyond a limit", *[""] * 5, limit.source, told, held, ""]
        rows.writerow(line)
    return out.getvalue().encode()

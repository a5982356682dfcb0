"""The dossier as one HTML page; the same page becomes the PDF."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from jinja2 import Environment

from limen.regulation.answer import NOTICE
from limen.regulation.rules import NAMES
from limen.reports.dossier.content import DECLARATION, DossierInput, Indexed, RiskLine
from limen.reports.dossier.figures import Shown, anchor, shown
from limen.reports.templating import environment

HISTORY_MOST = 40
"""Steps of the history on the page; the file beside it has all."""

_CONTENTS = (
    ("limits", "Limits"),
    ("results", "Results"),
    ("class", "Class under each regime"),
    ("contract", "Contract"),
    ("required", "Required evidence"),
    ("risks", "Risks"),
    ("checklists", "Reporting checklists"),
    ("history", "Change history"),
    ("index", "Index of evidence"),
    ("files", "Files"),
)
_FILES = (
    ("dossier.pdf", "this page for print"),
    ("model-card.xml", "model card, CHAI Applied Model Card v0.2"),
    ("model-card.json", "the same as JSON"),
    ("README.md", "model card with front matter for model hubs"),
    ("contract.md", "the contract, one page"),
    ("risk-table.csv", "the risk table, ISO 14971"),
    ("checklists.json", "reporting checklists with their answers"),
    ("change-history.json", "every result that was made anew"),
    ("evidence-index.csv", "every record with its digest"),
)


@dataclass(frozen=True)
class _Risk:
    line: RiskLine
    shown: Shown | None


def page(given: DossierInput, *, pdf: bool) -> str:
    """The page; the same input gives the same text.

    Parameters
    ----------
    given : DossierInput
    pdf : bool
        Whether there is a PDF beside it to name.
    """
    history = given.history[::-1]
    # what the declaration states has a line in the index like everything else
    assert any(r.result == DECLARATION for r in given.index)
    return (
        _environment()
        .get_template("dossier.html")
        .render(
            given=given,
            info=given.declaration.product,
            notice=NOTICE,
            names=NAMES,
            contents=_CONTENTS,
            generated=given.generated_utc.replace("T", " ").replace("+00:00", " UTC"),
            figures=shown(given.figures),
            groups=shown(given.groups),
            sources={line.words: line.source for line in given.limits},
            risks=[
                _Risk(r, shown([r.occurrence])[0] if r.occurrence else None) for r in given.risks
            ],
            history=history[:HISTORY_MOST],
            more_history=max(0, len(history) - HISTORY_MOST),
            files=[f for f in _FILES if pdf or f[0] != "dossier.pdf"]
            + list(given.attachments.items()),
        )
    )


def declared(digest: str, version: str) -> Indexed:
    """The line of the index for what limen.yaml states."""
    return Indexed(DECLARATION, f"limen.yaml, digest {digest}", version, DECLARATION, "", "")


@cache
def _environment() -> Environment:
    return environment({"anchor": anchor})

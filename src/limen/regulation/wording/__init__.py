"""Texts against the evidence: labels, brochures, slides, in English and Korean."""

from __future__ import annotations

from limen.regulation.wording.documents import Block, Document, of_text, read_document
from limen.regulation.wording.evidence import (
    Limit,
    SupportedFigure,
    WordingEvidence,
    evidence_of,
    read_evidence,
)
from limen.regulation.wording.lint import CODES, Finding, Linted, lint

__all__ = [
    "CODES",
    "Block",
    "Document",
    "Finding",
    "Limit",
    "Linted",
    "SupportedFigure",
    "WordingEvidence",
    "evidence_of",
    "lint",
    "of_text",
    "read_document",
    "read_evidence",
]

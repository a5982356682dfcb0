"""What each kind of approval is enough for under US, EU and Korean rules, with sources.

A rule here is a fact with its citation, the day since when it is in force as far as that is known,
and how it came to us: read in the text itself, read in a secondary source, from memory, or derived
by us. Nothing here is legal advice; a board or an authority may read a rule otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Literal

from limen.data.approvals import ApprovalKind, Reach, reach

Regime = Literal["fda", "mdr", "mfds"]
Source = Literal["read", "secondary", "memory", "derived"]
COMPILED = date(2026, 11, 24)
"""Day on which the sources were last looked at."""


@dataclass(frozen=True)
class ApprovalRule:
    """What data of one kind serves for under one regime.

    Attributes
    ----------
    kind, regime : str
    enough_for, not_enough_for : str
    citation : str
    since : date or None
        In force, or issued, since; None where no single date is known.
    source : str
        How the rule came to us.
    """

    kind: ApprovalKind
    regime: Regime
    enough_for: str
    not_enough_for: str
    citation: str
    since: date | None
    source: Source

    @property
    def reach(self) -> Reach:
        """The furthest stage that follows for results on such data."""
        return reach(self.kind)

    def __str__(self) -> str:
        told = [] if self.since is None or str(self.since) in self.citation else [str(self.since)]
        told += [] if self.source == "read" else [self.source]
        return self.citation + (f" ({', '.join(told)})" if told else "")


_QI = "FDA guidance Technical Performance Assessment of Quantitative Imaging, 2022-06-16"
_CMS = "FDA guidance Assessing the Credibility of Computational Modeling and Simulation, 2023-11-17"
_812_28 = "21 CFR 812.28"
_EU = "MDCG 2020-1, 4.2 to 4.4"
_EU_SINCE = date(2020, 3, 1)
_KR_SINCE = date(2026, 1, 24)

TARGET_POPULATION = f"clinical performance takes data of the target population ({_EU})"
"""Why data on other patients than the product is for goes no further than publication."""

RULES: tuple[ApprovalRule, ...] = (
    # --- made: no person is behind the data ---
    ApprovalRule("phantom", "fda", "verification, bias and precision of measurements",
                 "a clinical claim alone: phantoms may not fully reflect clinical performance",
                 _QI, date(2022, 6, 16), "read"),
    ApprovalRule("phantom", "mdr", "technical performance",
                 "clinical performance, which takes data of the target population",
                 _EU, _EU_SINCE, "read"),
    ApprovalRule("phantom", "mfds", "verification of the software",
                 "clinical evaluation of a function with a clinical claim",
                 "MFDS Notice 2025-25 Art 25(2)1", date(2025, 4, 15), "derived"),
    ApprovalRule("simulated", "fda", "verification, and support beside clinical data",
                 "sole evidence: the guidance covers neither standalone machine learning nor how "
                 "virtual cohorts are made", _CMS, date(2023, 11, 17), "read"),
    ApprovalRule("simulated", "mdr", "technical performance",
                 "clinical performance, which takes data of the target population",
                 _EU, _EU_SINCE, "read"),
    ApprovalRule("simulated", "mfds", "verification of the software",
                 "clinical evaluation of a function with a clinical claim",
                 "MFDS Notice 2025-25 Art 25(2)1", date(2025, 4, 15), "derived"),
    # --- public ---
    ApprovalRule("public", "fda", "research and literature; training where the licence allows",
                 "a sequestered test: it was often seen in training",
                 "FDA CADe guidances 2022-09-28, Test Data Reuse", date(2022, 9, 28), "derived"),
    ApprovalRule("public", "mdr", "research and literature; training where the licence allows",
                 "clinical performance, unless it is of the target population and was never seen",
                 _EU, _EU_SINCE, "derived"),
    ApprovalRule("public", "mfds", "research and literature; training where the licence allows",
                 "a product, unless it was lawfully collected and its licence allows it",
                 "Digital Medical Products Rule Art 29(2)3", _KR_SINCE, "read"),
    # --- patients' data ---
    ApprovalRule("retrospective-waiver", "fda", "standalone performance and reader studies, data "
                 "from abroad too", "claims on a future state or on patient management",
                 f"21 CFR 50.22 (88 FR 88228); {_812_28}", date(2024, 1, 22), "read"),
    ApprovalRule("retrospective-waiver", "mdr", "clinical performance on the target population",
                 "outputs that predict a future state or affect management may need prospective "
                 "data", _EU, _EU_SINCE, "read"),
    ApprovalRule("retrospective-waiver", "mfds", "a data clinical trial, without MFDS's approval "
                 "of a plan, with the board's", "a use that needs new data from subjects",
                 "Digital Medical Products Rule Art 14(3)1", _KR_SINCE, "read"),
    ApprovalRule("prospective-consent", "fda", "everything, time to treatment included", "",
                 "21 CFR 812", None, "read"),
    ApprovalRule("prospective-consent", "mdr", "everything", "", "MDR Art 62", date(2021, 5, 26),
                 "read"),
    ApprovalRule("prospective-consent", "mfds", "everything", "",
                 "Digital Medical Products Act Art 9", date(2025, 1, 24), "read"),
)  # fmt: skip


@dataclass(frozen=True)
class LegalBasis:
    """A law that permits the use of patients' data, as far as Limen knows it.

    Attributes
    ----------
    words : tuple of str
        Each has to occur in what the approval states, blanks and case aside.
    regime, what, citation : str
    since : date or None
    source : str
    ceiling : str or None
        How far data under this basis alone goes under its regime, where it is not the kind's own
        reach.
    """

    words: tuple[str, ...]
    regime: Regime
    what: str
    citation: str
    since: date | None
    source: Source
    ceiling: Reach | None = None


LEGAL_BASES: tuple[LegalBasis, ...] = (
    LegalBasis(("50.22",), "fda", "a board's waiver for minimal risk", "21 CFR 50.22 (88 FR 88228)",
               date(2024, 1, 22), "read"),
    LegalBasis(("50.20",), "fda", "informed consent", "21 CFR 50.20", None, "memory"),
    LegalBasis(("46.116(f)",), "fda", "a board's waiver under the Common Rule", "45 CFR 46.116(f)",
               None, "memory"),
    LegalBasis(("46.104(d)(4)",), "fda", "exempt secondary research: FDA knows no such exemption",
               "45 CFR 46.104(d)(4)", None, "secondary", "publication"),
    LegalBasis(("gdpr", "9(2)(a)"), "mdr", "explicit consent", "GDPR Art 9(2)(a)",
               date(2018, 5, 25), "memory"),
    LegalBasis(("gdpr", "9(2)(j)"), "mdr", "scientific research", "GDPR Art 9(2)(j) and 89",
               date(2018, 5, 25), "memory"),
    LegalBasis(("2025/327",), "mdr", "a data permit of the European Health Data Space, which "
               "covers the development of products (applies from 2029)",
               "Regulation (EU) 2025/327 Art 53(1)(e)", None, "secondary"),
    LegalBasis(("bioethics", "16"), "mfds", "consent, or a board's waiver of it",
               "Bioethics and Safety Act Art 16", None, "secondary"),
    LegalBasis(("28-2",), "mfds", "pseudonymised data for scientific research, which "
               "includes new products", "Personal Information Protection Act Art 28-2",
               date(2020, 8, 5), "secondary"),
)  # fmt: skip


def rules_of(kind: ApprovalKind, regimes: Collection[str] = ()) -> list[ApprovalRule]:
    """The rules on one kind of approval, of these regimes or of all."""
    return [r for r in RULES if r.kind == kind and (not regimes or r.regime in regimes)]


def basis_of(text: str) -> LegalBasis | None:
    """The known legal basis that a text states, or None."""
    plain = re.sub(r"[\s§]+|\bart(icle)?\.?", "", text.casefold())
    return next((b for b in LEGAL_BASES if all(w in plain for w in b.words)), None)


def lacking_basis(stated: Collection[str], regimes: Collection[str]) -> str | None:
    """Why what an approval states as its legal basis is not enough for a product, in words.

    None where it is. A basis that Limen does not know counts as stated: a person judges it.
    """
    if not stated:
        return "the law behind the consent or its waiver is not stated (legal_basis)"
    known = [basis_of(text) for text in stated]
    short = [b for b in known if b is not None and b.ceiling is not None and b.regime in regimes]
    if short and len(short) == len(known):
        return f"{short[0].citation}: {short[0].what}"
    return None

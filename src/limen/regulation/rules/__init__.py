"""The rules as dated data: one table for each regime, one book over all of them."""

from __future__ import annotations

from limen.regulation.rules import fda, imdrf, mdr, mfds
from limen.regulation.rules.rule import (
    MARKS,
    NAMES,
    REGIMES,
    Confidence,
    Regime,
    Rule,
    RuleBook,
    regime_of,
    worst,
)

BOOK = RuleBook((*imdrf.RULES, *fda.RULES, *mdr.RULES, *mfds.RULES))

__all__ = [
    "BOOK",
    "MARKS",
    "NAMES",
    "REGIMES",
    "Confidence",
    "Regime",
    "Rule",
    "RuleBook",
    "regime_of",
    "worst",
]

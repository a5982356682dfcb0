"""A product's regulatory answers on a day, as the contract, the lists and the dossier need them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limen.product import Declaration
    from limen.regulation import RegimeAnswer, UseFacts
    from limen.regulation.errors import RuleNotInForce


@dataclass(frozen=True)
class Regulatory:
    """What the regimes answer for a product on a day.

    Attributes
    ----------
    on : date
    facts : UseFacts
        As declared; what is not stated is assumed in each answer.
    answers : list of RegimeAnswer
    untold : dict
        By regime why it cannot be told on the day.
    """

    on: date
    facts: UseFacts
    answers: list[RegimeAnswer]
    untold: dict[str, RuleNotInForce]


def regulatory(
    declaration: Declaration, on: date, regimes: Iterable[str] | None = None
) -> Regulatory:
    """The answers of the declared regimes, or of all three where none is declared."""
    from limen.regulation import classify_all, facts_of
    from limen.regulation.rules import REGIMES

    facts = facts_of(declaration.product.intended_use)
    asked = list(regimes or declaration.regimes or REGIMES)
    answers, untold = classify_all(facts, asked, on)
    return Regulatory(on, facts, answers, untold)

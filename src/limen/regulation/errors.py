"""What can go wrong when a regime is asked: one class for each failure a caller can act on."""

from __future__ import annotations

from limen.errors import LimenError


class UnknownRegime(LimenError):
    """No rules are kept for this regime."""


class RuleNotInForce(LimenError):
    """A rule that the answer rests on is not in force on the date asked for."""


class UnknownFact(LimenError):
    """A fact about the intended use has a name or a value that is not known."""


class ContradictingUse(LimenError):
    """Two statements about the intended use cannot both hold."""


class UnknownChange(LimenError):
    """A difference between two releases is of a kind, or has a fact, that is not known."""


class OutsidePlan(LimenError):
    """A change lies outside the predetermined change plan; the message names the clause."""

    exit_code = 1


class UnreadableDocument(LimenError):
    """A document to be checked cannot be read: encrypted, damaged, or of an unknown kind."""

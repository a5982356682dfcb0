"""Failures of a run that a caller can act on."""

from __future__ import annotations

from limen.errors import LimenError


class UnknownCase(LimenError):
    """A case was asked for that is not in the product."""


class NothingEvaluated(LimenError):
    """Not one case of the product could be evaluated."""


class NotMadeYet(LimenError):
    """A result was asked for before it was made."""

    exit_code = 1


class MissingData(LimenError):
    """A declared data set is not there."""


class WorkerDied(LimenError):
    """The process that worked on a case ended without an answer, most often for want of memory."""


class Unexpected(LimenError):
    """A failure that Limen did not foresee: a defect of Limen or of a library."""


class ChangedMeanwhile(LimenError):
    """A file changed while work on it was going on."""


class CannotDegrade(LimenError):
    """An image cannot be simulated at a condition, or a product along an axis."""


class NotEnoughPatients(LimenError):
    """After the split no patient is left to explore with, or to certify with."""

    exit_code = 1

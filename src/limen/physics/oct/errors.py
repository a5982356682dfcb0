"""What can be wrong with fringes, their acquisition, their files and their calibration."""

from __future__ import annotations

from limen.errors import LimenError


class AcquisitionError(LimenError):
    """An acquisition that cannot be, or that does not say what is needed of it."""


class FringeError(LimenError):
    """Fringes (or an image) that do not belong to their acquisition, or are not finite."""


class FringeFileError(FringeError):
    """A fringe file that is truncated, or that contradicts its header."""


class CalibrationError(LimenError):
    """Mirror measurements from which no calibration can be made."""


class CannotSay(LimenError):
    """A condition that this image or these fringes do not show; the message says why."""

    exit_code = 1

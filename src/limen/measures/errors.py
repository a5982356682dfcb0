"""What can go wrong when measuring: one class per failure that a caller can act on."""

from __future__ import annotations

from limen.errors import LimenError


class MeasureError(LimenError):
    """Something cannot be measured, judged or summed up."""


class ShapeMismatch(MeasureError):
    """Prediction and reference do not have one shape, or are not volumes."""


class NotALabelMap(MeasureError):
    """A label map holds values that are not whole numbers of zero or more."""


class UndeclaredValue(MeasureError):
    """A label map holds a value that the task does not declare."""


class BadAffine(MeasureError):
    """The affine is not a 4 by 4 map from voxels to millimetres with a volume."""


class Undefined(MeasureError):
    """The quantity has no value here, for instance a distance to nothing."""


class BadCriterion(MeasureError):
    """A criterion that this room cannot judge."""


class BadScores(MeasureError):
    """Scores, outcomes or patients that do not belong together or are not finite numbers."""


class NotProbabilities(MeasureError):
    """Probabilities outside 0 to 1."""


class BadPlan(MeasureError):
    """A plan asks for what cannot be: a share outside 0 to 1, a claim that is not true."""


class CannotSay(MeasureError):
    """There is too little to state an interval."""

    exit_code = 1


class BadConvention(MeasureError):
    """A convention that this room does not know, or that cannot be used on this input."""


class BadValue(MeasureError):
    """A number out of its range: a tolerance below zero, a probability above one, NaN."""


class SpacingMissing(MeasureError):
    """Arrays came without their spacing; it is never guessed."""


class UnknownFile(MeasureError):
    """A file that is no label map this room can read."""

"""What can be wrong with data: one class per failure that a caller can act on."""

from __future__ import annotations

from limen.errors import LimenError


class DataError(LimenError):
    """Something is wrong with the data of a case or a data set."""


class UnreadableFile(DataError):
    """A file is missing, truncated, damaged, or not of a kind that Limen reads."""


class BrokenSeries(DataError):
    """The files do not make up one volume: missing, duplicate or mixed slices."""


class GeometryMismatch(DataError):
    """A mask does not lie on the grid of its image."""


class SpacingMissing(DataError):
    """The distance between voxels is absent or not a positive number; Limen never guesses it."""


class UndeclaredLabel(DataError):
    """A mask holds a label that is neither declared nor ignored, or one that is ambiguous."""


class BadValues(DataError):
    """Voxel values that cannot be used, such as NaN or infinity."""


class EmptyFolder(DataError):
    """A folder holds nothing that Limen reads."""


class ManifestError(DataError):
    """The table of cases has a wrong column, row or path."""


class IdentityError(DataError):
    """The pseudonyms cannot be made, for example because the salt is damaged."""


class OverlappingLabels(DataError):
    """Two different labels claim one voxel, which a label map cannot hold."""

"""Overlap and volume: how much of the prediction and the reference is the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import Undefined
from limen.measures.grid import checked_pair, voxel_volume_mm3


def dice(prediction: ArrayLike, reference: ArrayLike) -> float:
    """Dice similarity coefficient, 2 |P and R| / (|P| + |R|), without unit, from 0 to 1.

    Both empty is 1 (nothing was there and nothing was found); one empty is 0.

    Parameters
    ----------
    prediction, reference : (...) array
        Masks of one shape; any value other than zero is inside.

    Raises
    ------
    ShapeMismatch

    Notes
    -----
    Definition of Metrics Reloaded (Maier-Hein, Reinke et al., Nature Methods 2024), which
    leaves the both-empty case open; Limen flags it as a correct rejection wherever it is shown.
    """
    p, r = checked_pair(prediction, reference)
    total = int(np.count_nonzero(p)) + int(np.count_nonzero(r))
    return 1.0 if total == 0 else 2.0 * int(np.count_nonzero(p & r)) / total


def volume_ml(mask: ArrayLike, affine_mm: ArrayLike) -> float:
    """Volume of a mask in mL: voxels inside times |det| of the affine (1 mL = 1000 mm3)."""
    return int(np.count_nonzero(np.asarray(mask))) * voxel_volume_mm3(affine_mm) / 1000.0


def volume_error_ml(prediction: ArrayLike, reference: ArrayLike, affine_mm: ArrayLike) -> float:
    """Predicted volume minus reference volume, in mL; above zero the prediction is too large."""
    p, r = checked_pair(prediction, reference)
    return volume_ml(p, affine_mm) - volume_ml(r, affine_mm)


def relative_volume_error(prediction: ArrayLike, reference: ArrayLike) -> float:
    """Signed volume error as a fraction of the reference volume (0.1 is 10 % too large).

    Both empty is 0.

    Raises
    ------
    Undefined
        When only the reference is empty: nothing can be a fraction of nothing.
    """
    p, r = checked_pair(prediction, reference)
    found, true = int(np.count_nonzero(p)), int(np.count_nonzero(r))
    if true == 0:
        if found == 0:
            return 0.0
        raise Undefined("reference is empty")
    return (found - true) / true

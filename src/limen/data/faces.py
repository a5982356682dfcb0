"""Whether a face could be reconstructed from a head CT or MR: a heuristic on its surface.

Seen from the side, a face is hollow above and below its nose; a head without a face is round, and
one whose face was cut off is hollow once at most. Where a nose stands out between two hollows, a
face can be rendered, and recognised (Schwarz et al., NEJM 2019). Patient space, LPS millimetres.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from limen.data.dicom_file import text
from limen.data.volume import Volume

HEAD_PARTS = ("HEAD", "BRAIN", "SKULL", "FACE", "ORBIT", "SINUS", "NECK", "EAR", "IAC", "JAW")
_SKIN_HU = -300.0
_REACH_MM = 45.0
"""From the tip of a nose to the hollows above and below it, at most."""
_HOLLOW_MM = 3.0
"""How deep each of the two has to be; the surface of a round head has none but for its voxels."""
_THICKEST_MM, _TALLEST_MM = 5.0, 60.0


def is_head(header: Dataset) -> bool:
    """Whether a file is a CT or MR image of a head, by what its header states."""
    if text(header, "Modality").upper() not in ("CT", "MR"):
        return False
    stated = " ".join(
        text(header, k) for k in ("BodyPartExamined", "StudyDescription", "SeriesDescription",
                                  "ProtocolName")
    ).upper()  # fmt: skip
    return any(part in stated for part in HEAD_PARTS)


def face_stands_out(head: Volume) -> float | None:
    """How deep the hollows beside a nose are, in mm; 0 where no nose stands out between two.

    Parameters
    ----------
    head : Volume
        CT in HU, or MR.

    Returns
    -------
    float or None
        None where the slices are too few or too thick to show a face at all.
    """
    from scipy.ndimage import label

    values, spacing_mm = _as_lps(head)
    if max(spacing_mm) > _THICKEST_MM or values.shape[2] * spacing_mm[2] < _TALLEST_MM:
        return None
    skin = values > _threshold(values)
    parts, count = label(skin)
    if not count:
        return None
    head_only = parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    inside = np.argwhere(head_only.any(axis=(1, 2)))
    middle = (int(inside[0, 0]) + int(inside[-1, 0])) // 2
    half = max(1, round(8 / spacing_mm[0]))
    strip = head_only[max(0, middle - half) : middle + half + 1].any(axis=0)  # (P, S)
    there = np.flatnonzero(strip.any(axis=0))
    front_mm = -strip.argmax(axis=0)[there] * spacing_mm[1]
    hollow_mm = _under_hull(there * spacing_mm[2], front_mm)
    reach, best = max(1, round(_REACH_MM / spacing_mm[2])), 0.0
    for k in np.flatnonzero(hollow_mm <= spacing_mm[1]):
        below, above = hollow_mm[max(0, k - reach) : k], hollow_mm[k + 1 : k + 1 + reach]
        if below.size and above.size:
            best = max(best, min(float(below.max()), float(above.max())))
    return best if best >= max(_HOLLOW_MM, 1.5 * spacing_mm[1]) else 0.0


def _under_hull(z_mm: NDArray[Any], front_mm: NDArray[Any]) -> NDArray[Any]:
    """How far each point of a profile lies under the convex hull over it; shape (points,)."""
    hull: list[int] = []
    for k in range(len(z_mm)):
        while len(hull) > 1:
            i, j = hull[-2], hull[-1]
            turn = (z_mm[j] - z_mm[i]) * (front_mm[k] - front_mm[i]) - (
                front_mm[j] - front_mm[i]
            ) * (z_mm[k] - z_mm[i])
            if turn < 0:
                break
            hull.pop()
        hull.append(k)
    under: NDArray[Any] = np.interp(z_mm, z_mm[hull], front_mm[hull]) - front_mm
    return under


def _as_lps(head: Volume) -> tuple[NDArray[np.float32], tuple[float, float, float]]:
    """Values with axes growing to left, posterior and superior, as near as the grid allows."""
    directions = np.asarray(head.geometry.affine_lps_mm)[:3, :3]
    order = np.argmax(np.abs(directions), axis=1)
    if len(set(order.tolist())) < 3:
        order = np.array([0, 1, 2])
    turned = np.asarray(head.values, dtype=np.float32).transpose(order)
    for axis in range(3):
        if directions[axis, order[axis]] < 0:
            turned = np.flip(turned, axis)
    spacing = head.geometry.spacing_mm
    return turned, (spacing[order[0]], spacing[order[1]], spacing[order[2]])


def _threshold(values: NDArray[np.float32]) -> float:
    if float(values.min()) < _SKIN_HU - 200:
        return _SKIN_HU
    return 0.1 * float(np.percentile(values, 99))

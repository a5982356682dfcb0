"""Scored marks against true lesions: FROC, AFROC and weighted AFROC."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import BadValue, ShapeMismatch, Undefined
from limen.measures.grid import Array, as_floats

if TYPE_CHECKING:
    from limen.measures.lesions import Lesions

FurtherMarks = Literal["false", "ignored"]


@dataclass(frozen=True, eq=False)
class MarkedCase:
    """What scored marks did on one case.

    Attributes
    ----------
    lesion_scores : (N,) float64
        For each lesion the score from which on it is found; minus infinity where no mark found
        it.
    false_scores : (M,) float64
        Scores of the false marks.
    lesion_weights : (N,) float64
        Add up to 1, where there are lesions.
    case, patient : str
    """

    lesion_scores: Array
    false_scores: Array
    lesion_weights: Array = field(default_factory=lambda: np.zeros(0))
    case: str = ""
    patient: str = ""


@dataclass(frozen=True, eq=False)
class Froc:
    """Free-response curve: lesions found against false marks per case, over all thresholds.

    Attributes
    ----------
    thresholds : (T,) float64
        Every score that occurs, falling; marks of this score or more count.
    sensitivity : (T,) float64
        Share of all lesions that are found.
    false_per_case : (T,) float64
        False marks over the number of all cases.
    n_lesions, n_cases : int
    """

    thresholds: Array
    sensitivity: Array
    false_per_case: Array
    n_lesions: int
    n_cases: int

    def sensitivity_at(self, false_per_case: float) -> float:
        """Sensitivity at a rate of false marks: that of the lowest threshold still within it.

        No interpolation: a threshold that nobody can set is not claimed. 0 where even the
        highest threshold lets more through.
        """
        within = self.false_per_case <= false_per_case
        return float(self.sensitivity[within].max(initial=0.0))

    def score(self, rates: Sequence[float] = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)) -> float:
        """Mean sensitivity at several rates of false marks per case.

        The default rates are those of the ANODE09 and LUNA16 challenges (van Ginneken et al.,
        Med Image Anal 2010), which interpolate between thresholds; this does not.
        """
        return float(np.mean([self.sensitivity_at(r) for r in rates]))


@dataclass(frozen=True, eq=False)
class Afroc:
    """Alternative free-response curve.

    Attributes
    ----------
    thresholds : (T,) float64
    lesion_fraction : (T,) float64
        Share of lesions found; weighted: mean over diseased cases of the weight found.
    false_case_fraction : (T,) float64
        Share of cases without lesions that have at least one mark.
    area : float
        Chance that a lesion is scored over the highest mark of a case without lesions; ties and
        pairs in which neither is marked count half. 1 is perfect.
    weighted : bool
    n_diseased, n_normal : int
    """

    thresholds: Array
    lesion_fraction: Array
    false_case_fraction: Array
    area: float
    weighted: bool
    n_diseased: int
    n_normal: int


def marked_case(
    n_lesions: int,
    scores: ArrayLike,
    hits: Sequence[tuple[int, int]],
    *,
    lesion_weights: ArrayLike | None = None,
    further_marks: FurtherMarks = "false",
    case: str = "",
    patient: str = "",
) -> MarkedCase:
    """Sort scored marks of one case into finds and false marks, for every threshold at once.

    Parameters
    ----------
    n_lesions : int
    scores : (M,) array
        Score of each mark; higher is surer. Any scale, finite.
    hits : sequence of (lesion, mark)
        Which marks may count as a find of which lesion: by shared voxels, IoU or distance, as
        :func:`hits_by_distance` and :func:`hits_by_box` give them. From 0 on.
    lesion_weights : (N,) array, optional
        Clinical weight of each lesion; scaled to add up to 1. Default: all the same.
    further_marks : "false" or "ignored"
        What a mark counts as that lies on lesions which better marks have found already. LUNA16
        ignores them; Limen counts each mark that a reader has to look at.

    Notes
    -----
    At every threshold as many lesions are found as a one-to-one matching of the marks above it
    can find. Marks join in order of falling score, each by an augmenting path; matchings of this
    kind are a matroid, so what is best at one threshold stays best at the next.
    """
    if n_lesions < 0:
        raise BadValue("there cannot be fewer than no lesions", found=str(n_lesions))
    found = as_floats(scores, "list of scores").reshape(-1)
    if not np.isfinite(found).all():
        raise BadValue("a mark has no finite score", found="NaN or infinity")
    weights = (
        np.full(n_lesions, 1.0 / max(n_lesions, 1))
        if lesion_weights is None
        else np.asarray(lesion_weights, dtype=float)
    )
    if weights.shape != (n_lesions,):
        raise ShapeMismatch(
            "there is not one weight for each lesion", found=f"{weights.size} for {n_lesions}"
        )
    if n_lesions and not (np.isfinite(weights).all() and (weights > 0).all()):
        raise BadValue("the weight of a lesion is not above zero", found=str(weights.tolist()))
    may_hit: dict[int, list[int]] = {}
    for lesion, mark in hits:
        if not (0 <= lesion < n_lesions and 0 <= mark < found.size):
            raise BadValue("a hit names a lesion or a mark that is not there",
                           found=f"({lesion}, {mark})")  # fmt: skip
        may_hit.setdefault(mark, []).append(lesion)
    owner: dict[int, int] = {}
    lesion_scores = np.full(n_lesions, -math.inf)
    false: list[float] = []
    for mark in np.argsort(-found, kind="stable"):
        new = _joins(int(mark), may_hit, owner)
        if new is not None:
            lesion_scores[new] = found[mark]
        elif further_marks == "false" or int(mark) not in may_hit:
            false.append(float(found[mark]))
    total = weights.sum() or 1.0
    return MarkedCase(lesion_scores, np.array(false), weights / total, case, patient)


def _joins(mark: int, may_hit: dict[int, list[int]], owner: dict[int, int]) -> int | None:
    """The lesion that is found now that the mark joins, others making way where they can.

    None where it finds nothing more. ``owner`` is brought up to date.
    """
    reached: dict[int, int] = {}
    asking = [mark]
    for other in asking:
        for lesion in may_hit.get(other, ()):
            if lesion in reached:
                continue
            reached[lesion] = other
            if lesion in owner:
                asking.append(owner[lesion])
                continue
            free: int | None = lesion
            while free is not None:
                taker = reached[free]
                given_up = next((x for x in may_hit[taker] if owner.get(x) == taker), None)
                owner[free] = taker
                free = given_up
            return lesion
    return None


def hits_by_distance(
    lesions_mm: ArrayLike, marks_mm: ArrayLike, within_mm: float | ArrayLike
) -> list[tuple[int, int]]:
    """Hits (lesion, mark) of marks that are points: no further than ``within_mm`` from a centre.

    Parameters
    ----------
    lesions_mm, marks_mm : (N, D), (M, D) array
        Positions in mm.
    within_mm : float or (N,) array
        For all lesions, or of each (its radius, say).
    """
    lesions, marks = as_floats(lesions_mm, "list of lesions"), as_floats(marks_mm, "list of marks")
    if not lesions.size or not marks.size:
        return []
    if lesions.ndim != 2 or marks.ndim != 2 or lesions.shape[1] != marks.shape[1]:
        raise ShapeMismatch(
            "lesions and marks are not lists of points of one kind",
            found=f"shape {lesions.shape} against {marks.shape}",
        )
    limit = np.broadcast_to(np.asarray(within_mm, float), (len(lesions),))
    if not (np.isfinite(lesions).all() and np.isfinite(marks).all()):
        raise BadValue("a position is not finite", found="NaN or infinity")
    if not (np.isfinite(limit).all() and (limit > 0).all()):
        raise BadValue("the radius of a hit is not above zero", found=str(within_mm))
    far = np.linalg.norm(lesions[:, None] - marks[None], axis=2)
    return [(int(a), int(b)) for a, b in np.argwhere(far <= limit[:, None] * (1 + 1e-12))]


def hits_by_box(
    lesions: ArrayLike, marks: ArrayLike, min_iou: float = 0.0
) -> list[tuple[int, int]]:
    """Hits (lesion, mark) of boxes that share some extent and have this IoU or more."""
    from limen.measures.matching import box_iou

    iou = box_iou(lesions, marks)
    return [(int(a), int(b)) for a, b in np.argwhere((iou > 0) & (iou >= min_iou))]


def marked_masks(
    reference: Lesions,
    prediction: Lesions,
    probabilities: ArrayLike,
    *,
    min_iou: float = 0.0,
    further_marks: FurtherMarks = "false",
    case: str = "",
    patient: str = "",
) -> MarkedCase:
    """A case whose marks are lesions of a predicted mask; the score of each is its largest
    probability.

    Parameters
    ----------
    reference, prediction : Lesions
        Of :func:`limen.measures.find_lesions`, on one grid.
    probabilities : (I, J, K) array
        From 0 to 1.
    min_iou : float
        IoU from which on a mark that shares a voxel hits.

    Raises
    ------
    ShapeMismatch, BadValue
    """
    from limen.measures.lesions import overlaps

    p = np.asarray(probabilities)
    if p.shape != prediction.shape:
        raise ShapeMismatch(
            "probabilities and lesions are not on one grid",
            found=f"shape {p.shape} against {prediction.shape}",
        )
    if p.size and not (p.min() >= 0 and p.max() <= 1):  # NaN fails too
        raise BadValue(
            "the probabilities are not all from 0 to 1",
            found=f"{p.min():g} to {p.max():g}",
            mend="apply the model's activation first",
        )
    scores = prediction.runs.largest_of_each(p.transpose(prediction.order), len(prediction.lesions))
    hits = [
        (x.reference - 1, x.prediction - 1)
        for x in overlaps(reference, prediction)
        if x.iou >= min_iou
    ]
    n = len(reference.lesions)
    return marked_case(n, scores, hits, further_marks=further_marks, case=case, patient=patient)


def froc(cases: Sequence[MarkedCase]) -> Froc:
    """Free-response ROC of a set of cases.

    Raises
    ------
    Undefined
        When no case has a lesion.
    """
    n_lesions = sum(c.lesion_scores.size for c in cases)
    if n_lesions == 0:
        raise Undefined("no case has a lesion, so none can be found")
    lesions = np.concatenate([c.lesion_scores for c in cases])
    false = np.concatenate([c.false_scores for c in cases])
    thresholds = _thresholds(lesions, false)
    return Froc(
        thresholds,
        _at_least(lesions, thresholds) / n_lesions,
        _at_least(false, thresholds) / len(cases),
        n_lesions,
        len(cases),
    )


def afroc(cases: Sequence[MarkedCase], *, weighted: bool = False) -> Afroc:
    """Alternative FROC, or with ``weighted`` the weighted one, of a set of cases.

    Only false marks on cases without lesions count, each such case by its highest. Weighted,
    every diseased case counts the same, however many lesions it has.

    Raises
    ------
    Undefined
        When no case has a lesion, or every case has one.

    Notes
    -----
    Chakraborty and Winter, Radiology 1990; weighted: Chakraborty and Zhai, Med Phys 2016.
    """
    diseased = [c for c in cases if c.lesion_scores.size]
    normal = [c for c in cases if not c.lesion_scores.size]
    if not diseased or not normal:
        what = "no case has a lesion" if not diseased else "every case has a lesion"
        raise Undefined(f"{what}, and the curve needs cases of both kinds")
    lesions = np.concatenate([c.lesion_scores for c in diseased])
    highest = np.array([c.false_scores.max(initial=-math.inf) for c in normal])
    each = np.concatenate([c.lesion_weights for c in diseased]) / len(diseased)
    weights = each if weighted else np.full(lesions.size, 1.0 / lesions.size)
    thresholds = _thresholds(lesions, highest)
    order = np.sort(highest)
    below = np.searchsorted(order, lesions, side="left")
    level = np.searchsorted(order, lesions, side="right") - below
    area = float(np.sum(weights * (below + level / 2)) / highest.size)
    return Afroc(
        thresholds,
        np.array([weights[lesions >= t].sum() for t in thresholds]),
        _at_least(highest, thresholds) / highest.size,
        area,
        weighted,
        len(diseased),
        len(normal),
    )


def _thresholds(*scores: Array) -> Array:
    every = np.concatenate(scores)
    return np.unique(every[np.isfinite(every)])[::-1]


def _at_least(scores: Array, thresholds: Array) -> Array:
    order = np.sort(scores)
    counts: Array = order.size - np.searchsorted(order, thresholds, side="left")
    return counts

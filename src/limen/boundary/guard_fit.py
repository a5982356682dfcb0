"""Fit a guard on images of calibration patients, and measure it on patients left out.

The unit of independence is the patient: all images of one, at every condition, are left out
together. Readings that set thresholds come from fits without the patient they are of (cross-
conformal prediction: Vovk, Annals of Mathematics and AI 74, 2015).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.boundary.guard_calibration import GuardError, Limit, Parts, Shown, is_inside
from limen.boundary.guard_features import Seen
from limen.boundary.guard_likeness import fit_anatomy, fit_likeness, fit_shapes, fit_turns
from limen.boundary.guard_parts import (
    HEADER_NUMBERS,
    HEADER_WORDS,
    GuardedAxis,
    Header,
    Reader,
    rounded,
    with_levels,
)

Array = NDArray[Any]

FEWEST_PATIENTS = 10
REFUSED_BY_READINGS = 0.05
"""Share of inside images that the readings of all axes together may refuse."""
LET_THROUGH = 0.05
_FOLDS = 10
_RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


def fit_parts(shown: Sequence[Shown], limits: Sequence[Limit]) -> Parts:
    """Fit every part of a guard.

    Parameters
    ----------
    shown : sequence of Shown
        For each patient the image as acquired, and at conditions on both sides of each limit.
    limits : sequence of Limit

    Raises
    ------
    GuardError
        With too few patients, or an axis without images beyond its limit.
    """
    patients = sorted({s.patient for s in shown})
    if len(patients) < FEWEST_PATIENTS:
        raise GuardError(
            "too few patients to calibrate a guard",
            found=f"{len(patients)} patients",
            mend=f"give at least {FEWEST_PATIENTS} with an image that can be degraded",
        )
    folds = _folds(patients)
    header = _header([s for s in shown if s.axis is None])
    axes = _fit_axes(shown, limits, folds, header)
    inside = [s for s in shown if is_inside(s, limits)]
    as_acquired = [s for s in shown if s.axis is None]
    shapes = fit_shapes(np.array([s.seen.blocks.ravel() for s in as_acquired]))
    texture = np.array([s.seen.condition for s in inside])
    return Parts(
        axes=axes,
        header=header,
        texture=fit_likeness(texture, [s.patient for s in inside], folds),
        anatomy=fit_anatomy(as_acquired, inside, folds, shapes),
        shapes=shapes,
        turns=fit_turns(as_acquired, folds),
        patients=len(patients),
    )


def _folds(patients: Sequence[str]) -> dict[str, int]:
    order = np.random.default_rng(0).permutation(len(patients))
    n = min(_FOLDS, len(patients))
    return {patients[i]: k % n for k, i in enumerate(order)}


# --- readings -------------------------------------------------------------------------------------


def _header(shown: Sequence[Shown]) -> Header:
    """Entries that every patient states and that differ between them."""
    numbers = [n for n in HEADER_NUMBERS if _varies([s.attributes.get(n) for s in shown])]
    words = {}
    for name in HEADER_WORDS:
        values = [s.attributes.get(name) for s in shown]
        known = sorted({v for v in values if isinstance(v, str)})
        if all(isinstance(v, str) for v in values) and 2 <= len(known) <= 6:
            words[name] = tuple(known)
    return Header(tuple(numbers), words)


def _varies(values: Sequence[Any]) -> bool:
    if not all(isinstance(v, int | float) and not isinstance(v, bool) and v > 0 for v in values):
        return False
    return bool(max(values) > 1.02 * min(values))


def _fit_axes(
    shown: Sequence[Shown], limits: Sequence[Limit], folds: Mapping[str, int], header: Header
) -> tuple[GuardedAxis, ...]:
    if not limits:
        return ()
    fold = np.array([folds[s.patient] for s in shown])
    plain = np.array([_reading_features(s.seen, None) for s in shown])
    with_header = None
    if header.numbers or header.words:
        codes = [header.code(s.attributes) for s in shown]
        if all(c is not None for c in codes):
            pairs = zip(shown, codes, strict=True)
            with_header = np.array([_reading_features(s.seen, c) for s, c in pairs])
    kinds = [plain] if with_header is None else [plain, with_header]
    readers: list[list[Reader]] = []
    for features in kinds:
        found = [_fit_reader(features, shown, fold, limit) for limit in limits]
        readers.append(_with_thresholds(found, shown, limits))
    return tuple(
        GuardedAxis(
            limit.axis,
            limit.value,
            limit.certified,
            readers[0][i],
            readers[1][i] if with_header is not None else None,
        )
        for i, limit in enumerate(limits)
    )


def _reading_features(seen: Seen, code: Array | None) -> Array:
    # the body's size decides how much noise a dose gives
    size = seen.anatomy[-7:-4]
    found = np.concatenate([seen.condition, size])
    return found if code is None else np.concatenate([found, code])


def reading_features(seen: Seen, header: Header, attributes: Mapping[str, Any] | None) -> Array:
    """What readings are made of; without a header that can be used, of the image alone."""
    return _reading_features(seen, None if attributes is None else header.code(attributes))


def _fit_reader(
    features: Array, shown: Sequence[Shown], fold: Array, limit: Limit
) -> tuple[Reader, Array]:
    """The reader, and each image's score by a fit without its patient.

    Of several linear scores (of the position, or of which side of the limit an image lies on;
    of logarithms, or of levels too; more or less ridge) the one that lets fewest images through.
    """
    name = limit.axis.name
    true = _positions(shown, limit)
    mine = np.array([s.axis in (None, name) for s in shown])
    outside = true > limit.position + 1e-9
    if not outside.any():
        raise GuardError(
            "an axis has no image beyond its limit to calibrate on",
            where=name,
            mend="let the search go beyond the limit (physics in limen.yaml)",
        )
    weight = np.where(mine, 3.0, 1.0)
    targets = np.stack([true, outside.astype(float)], axis=1)
    best: tuple[float, bool, int, float, Array] | None = None
    for levels in (False, True):
        x = with_levels(features) if levels else features
        for (ridge, k), score in _left_out(x, targets, weight, fold).items():
            inside = score[mine & ~outside]
            # several shares, so that one image does not decide
            cuts = [_upper(inside, share) for share in (0.01, 0.025, 0.05, 0.1)]
            through = float(np.mean([(score[outside] <= cut).mean() for cut in cuts]))
            if best is None or through < best[0] - 1e-12:
                best = (through, levels, k, ridge, score)
    assert best is not None
    _, levels, k, ridge, score = best
    x = with_levels(features) if levels else features
    centre, spread, solve = _ridge(x, targets, weight)
    weights = solve(ridge)[:, k]
    return Reader(levels, rounded(centre), rounded(spread), rounded(weights)), score


def _positions(shown: Sequence[Shown], limit: Limit) -> Array:
    name = limit.axis.name
    return np.array([limit.axis.position(s.value) if s.axis == name else 0.0 for s in shown])


def _left_out(
    x: Array, targets: Array, weight: Array, fold: Array
) -> dict[tuple[float, int], Array]:
    """By ridge and number of the target: each image's score by a fit without its patient."""
    scores = {(r, k): np.zeros(len(x)) for r in _RIDGES for k in range(targets.shape[1])}
    for part in np.unique(fold):
        out = fold == part
        centre, spread, solve = _ridge(x[~out], targets[~out], weight[~out])
        z = np.clip(np.where(np.isfinite(x[out]), (x[out] - centre) / spread, 0.0), -6, 6)
        for ridge in _RIDGES:
            weights = solve(ridge)
            for k in range(targets.shape[1]):
                scores[ridge, k][out] = z @ weights[:-1, k] + weights[-1, k]
    return scores


def _ridge(
    x: Array, targets: Array, weight: Array
) -> tuple[Array, Array, Callable[[float], Array]]:
    """Centre and spread of the features, and the weights for a ridge, the constant's last."""
    known = np.isfinite(x)
    centre = np.array([np.median(x[k, j]) if k.any() else 0.0 for j, k in enumerate(known.T)])
    z = np.where(known, x - centre, 0.0)
    spread = np.maximum(z.std(axis=0), 1e-9)
    z = np.clip(z / spread, -6, 6)
    design = np.hstack([z, np.ones((len(z), 1))])
    weighted = (design * weight[:, None]).T
    gram, right = weighted @ design, weighted @ targets
    penalty = np.eye(len(gram))
    penalty[-1, -1] = 0
    return centre, spread, lambda ridge: np.linalg.solve(gram + ridge * penalty, right)


def _with_thresholds(
    found: Sequence[tuple[Reader, Array]], shown: Sequence[Shown], limits: Sequence[Limit]
) -> list[Reader]:
    """Thresholds as low as all axes together allow, and the interval of each reading."""
    inside = np.array([is_inside(s, limits) for s in shown])
    scores = np.array([left_out for _, left_out in found])
    # the largest share that each axis may refuse so that all together refuse no more than allowed
    for share in np.linspace(REFUSED_BY_READINGS, REFUSED_BY_READINGS / max(len(limits), 1), 30):
        thresholds = [_upper(s[inside], float(share)) for s in scores]
        refused = (scores[:, inside] > np.array(thresholds)[:, None]).any(axis=0)
        if refused.mean() <= REFUSED_BY_READINGS:
            break
    return [
        _with_interval(reader, score, shown, limit, threshold)
        for (reader, score), limit, threshold in zip(found, limits, thresholds, strict=True)
    ]


def _with_interval(
    reader: Reader, score: Array, shown: Sequence[Shown], limit: Limit, threshold: float
) -> Reader:
    from scipy.optimize import isotonic_regression

    mine = np.array([s.axis in (None, limit.axis.name) for s in shown])
    true = _positions(shown, limit)
    order = np.argsort(score[mine], kind="stable")
    rising = isotonic_regression(true[mine][order]).x
    starts = np.flatnonzero(np.r_[True, np.diff(rising) != 0])
    ends = np.r_[starts[1:], rising.size]
    knots = [score[mine][order][a:b].mean() for a, b in zip(starts, ends, strict=True)]
    reader = replace(reader, scores=rounded(knots), positions=rounded(rising[starts]))
    rest = true[mine] - np.interp(score[mine], reader.scores, reader.positions)
    # ranks of patients, not of images: those of one patient err alike
    tail = max(0.05 - 1 / (len({s.patient for s in shown}) + 1), 0.0)
    low, high = np.quantile(rest, (tail, 1 - tail))
    beyond = true > limit.position + 1e-9
    return replace(
        reader,
        threshold=rounded([threshold])[0],
        low=rounded([low])[0],
        high=rounded([high])[0],
        reliable_from=_reliable_from(true[beyond], score[beyond], threshold),
    )


def _upper(values: Array, share: float) -> float:
    ordered = np.sort(values)
    rank = int(np.ceil((ordered.size + 1) * (1 - share)))
    return float(ordered[min(rank, ordered.size) - 1])


def _lower(values: Array, share: float) -> float:
    rank = int(np.floor((values.size + 1) * share + 1e-9))
    return float(np.sort(values)[rank - 1]) if rank else -np.inf


def _reliable_from(true: Array, score: Array, threshold: float) -> float | None:
    """Position from which at most `LET_THROUGH` of images score at most the threshold.

    As a conformal bound: of n patients' scores the floor(`LET_THROUGH` (n + 1))-th smallest, which
    a further patient's undercuts with at most that chance. With too few patients there is none.
    """
    levels = np.unique(np.round(true, 9))
    lowest = np.array([_lower(score[np.isclose(true, v)], LET_THROUGH) for v in levels])
    lowest = np.minimum.accumulate(lowest[::-1])[::-1]  # a worse level never excuses a milder one
    good = np.flatnonzero(lowest > threshold)
    if good.size == 0:
        return None
    k = int(good[0])
    if k == 0 or np.isinf(lowest[k - 1]):
        return float(levels[k])
    part = (threshold - lowest[k - 1]) / (lowest[k] - lowest[k - 1])
    return float(levels[k - 1] + part * (levels[k] - levels[k - 1]))

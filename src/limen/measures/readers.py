"""Several readers of one case: how well they agree, what they say together, and whether a model
stands among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.distance import Convention, require_convention
from limen.measures.errors import BadValue, ShapeMismatch, Undefined
from limen.measures.grid import Array, small_labels
from limen.measures.label_pair import LabelPair, structures_of
from limen.measures.structures import LabelMeasures, measure_structures, tolerances_of

AGREEMENT = ("dice", "iou", "nsd", "boundary_iou", "hd_mm", "hd95_mm", "assd_mm", "masd_mm")
_MORE_IS_BETTER = frozenset(["dice", "iou", "nsd", "boundary_iou"])
_MOST_READERS = 20


@dataclass(frozen=True)
class Standing:
    """Where a model stands among the readers, by one measure of one label.

    Attributes
    ----------
    measure : str
    model : tuple of float
        Agreement of the model with each reader.
    readers : tuple of float
        Of each reader, the mean agreement with the other readers.
    pairs : tuple of float
        Agreement of every two readers.
    among_readers : bool
        Whether the model agrees with the readers, on average, at least as well as the reader
        does who agrees least with the others.
    williams_index : float or None
        Mean agreement of the model with the readers over that of the readers with each other;
        1 is a model like a reader. Of measures for which more is better; None where the readers
        never agree, and for distances.
    """

    measure: str
    model: tuple[float, ...]
    readers: tuple[float, ...]
    pairs: tuple[float, ...]
    among_readers: bool
    williams_index: float | None


@dataclass(frozen=True)
class ReaderAgreement:
    """How several readers, and a model if there is one, agree on one label of one case.

    Attributes
    ----------
    label : str
    n_readers : int
    pairs : mapping of (int, int) to LabelMeasures
        Readers by their places, the first as prediction, the second as reference.
    model : tuple of LabelMeasures, or None
        The model against each reader.
    standings : mapping of str to Standing
        By measure, of those that are defined for every pair.
    undefined : mapping of str to str
        Why the others are not.
    """

    label: str
    n_readers: int
    pairs: dict[tuple[int, int], LabelMeasures]
    model: tuple[LabelMeasures, ...] | None
    standings: dict[str, Standing]
    undefined: dict[str, str]


@dataclass(frozen=True, eq=False)
class Staple:
    """What readers say together, each weighed by how reliable it proves to be.

    Attributes
    ----------
    probability : (...) float64
        That a voxel belongs to the structure.
    sensitivity, specificity : tuple of float
        Of each reader.
    iterations : int
    """

    probability: Array
    sensitivity: tuple[float, ...]
    specificity: tuple[float, ...]
    iterations: int

    @property
    def mask(self) -> Array:
        """Where the probability is at least 1/2."""
        inside: Array = self.probability >= 0.5
        return inside


def reader_agreement(
    references: Sequence[ArrayLike | str | Path],
    prediction: ArrayLike | str | Path | None = None,
    *,
    spacing_mm: Sequence[float] | None = None,
    affine_mm: ArrayLike | None = None,
    labels: Iterable[int] | Mapping[str, int | Sequence[int]] | None = None,
    nsd_tolerance_mm: float | Mapping[Any, float] | None = None,
    convention: Convention = "limen",
) -> dict[Any, ReaderAgreement]:
    """Compare readers of one case with each other, and a model with the spread among them.

    Parameters
    ----------
    references : sequence of label maps
        Of at least two readers; as for :func:`limen.measures.segmentation`.
    prediction : label map, optional
        Of the model.
    spacing_mm, affine_mm, labels, nsd_tolerance_mm, convention
        As for :func:`limen.measures.segmentation`.

    Returns
    -------
    dict
        By label.

    Raises
    ------
    Undefined
        For fewer than two readers, or no label at all.
    MeasureError
        As for :func:`limen.measures.segmentation`.

    Notes
    -----
    Williams, Biometrics 1976; for outlines Chalana and Kim, IEEE Trans Med Imaging 1997. A model
    compared with one reader alone is blamed for that reader's habits.
    """
    from limen.measures.files import opened

    require_convention(convention)
    if len(references) < 2:
        raise Undefined(
            "agreement needs at least two readers",
            found=f"{len(references)}",
            mend="use segmentation for a single reference",
        )
    maps = []
    names = None
    for other in [*references, *([] if prediction is None else [prediction])]:
        m, _, affine, flat, named = opened(other, references[0], spacing_mm, affine_mm, labels)
        maps.append(m)
        names = names or named
    small = [small_labels(m, "label map") for m in maps]
    base = LabelPair.of(small[0], small[0], affine[:3, :3], flat=flat)
    every = [base.with_order(m) for m in small]
    structures = structures_of(every, labels if labels is not None else names, maps)
    tolerances = {name: tolerances_of(nsd_tolerance_mm, name) for name in structures}

    def measured(a: int, b: int) -> list[LabelMeasures]:
        pair = LabelPair(every[a], every[b], base.axes_mm, base.order, base.voxel_mm3)
        return measure_structures(pair, structures, tolerances, convention)

    n = len(references)
    pairs = {ab: measured(*ab) for ab in combinations(range(n), 2)}
    model = [measured(n, reader) for reader in range(n)] if prediction is not None else None
    found = {}
    for at, name in enumerate(structures):
        own = {ab: rows[at] for ab, rows in pairs.items()}
        against = None if model is None else tuple(rows[at] for rows in model)
        standings, undefined = _standings(own, against, n)
        found[name] = ReaderAgreement(str(name), n, own, against, standings, undefined)
    return found


def _standings(
    pairs: Mapping[tuple[int, int], LabelMeasures],
    model: tuple[LabelMeasures, ...] | None,
    n: int,
) -> tuple[dict[str, Standing], dict[str, str]]:
    standings: dict[str, Standing] = {}
    undefined: dict[str, str] = {}
    for measure in AGREEMENT:
        rows = [*pairs.values(), *(model or ())]
        missing = [m.undefined.get(measure, "it was not measured") for m in rows
                   if getattr(m, measure) is None]  # fmt: skip
        if missing:
            undefined[measure] = f"in {len(missing)} of {len(rows)} pairs: {missing[0]}"
            continue
        between = {ab: float(getattr(m, measure)) for ab, m in pairs.items()}
        readers = tuple(
            float(np.mean([v for ab, v in between.items() if reader in ab])) for reader in range(n)
        )
        own = tuple(float(getattr(m, measure)) for m in model or ())
        mean = float(np.mean(own)) if own else 0.0
        together = float(np.mean(list(between.values())))
        better = measure in _MORE_IS_BETTER
        standings[measure] = Standing(
            measure=measure,
            model=own,
            readers=readers,
            pairs=tuple(between.values()),
            among_readers=bool(own)
            and (mean >= min(readers) - 1e-12 if better else mean <= max(readers) + 1e-12),
            williams_index=mean / together if own and better and together > 0 else None,
        )
    return standings, undefined


def consensus(references: Sequence[ArrayLike], *, least: int | None = None) -> Array:
    """Labels that a majority of readers agree on, voxel by voxel.

    Parameters
    ----------
    references : sequence of (...) integer array
        Label maps of one shape.
    least : int, optional
        How many readers have to say the same label. Default: more than half. 1 is the union of
        their marks (of one label), their number the intersection.

    Returns
    -------
    (...) uint8 or uint16
        0 where no label has enough readers. Where several have, the one with more; with equal
        numbers none, for a tie is no consensus.
    """
    maps = _stack(references)
    least = len(maps) // 2 + 1 if least is None else least
    if not 1 <= least <= len(maps):
        raise BadValue(
            "so many readers cannot agree", found=str(least), mend=f"say 1 to {len(maps)}"
        )
    best = np.zeros(maps[0].shape, maps[0].dtype)
    votes = np.zeros(maps[0].shape, np.uint8)
    for value in sorted({int(v) for m in maps for v in np.unique(m)} - {0}):
        count = np.zeros(maps[0].shape, np.uint8)
        for m in maps:
            count += m == value
        best[(count > votes) & (count >= least)] = value
        best[(count == votes) & (count >= least)] = 0
        votes = np.maximum(votes, count)
    return best


def staple(
    references: Sequence[ArrayLike],
    label: int = 1,
    *,
    prior: float | None = None,
    iterations: int = 1000,
) -> Staple:
    """Estimate one structure and the reliability of each reader together (STAPLE).

    Parameters
    ----------
    references : sequence of (...) integer array
        Label maps of one shape, at least two, at most 20.
    label : int
        The structure; every other value is outside.
    prior : float, optional
        Chance that a voxel belongs to it; default: the share of voxels that readers mark, over
        the whole grid. It depends on how much background there is, a known weakness of the
        method: compare only like grids.
    iterations : int
        At most; it ends before when nothing changes any more.

    Raises
    ------
    Undefined
        Fewer than two readers, or when nobody marks anything or everybody everything.

    Notes
    -----
    Warfield, Zou and Wells, IEEE Trans Med Imaging 2004, without a spatial prior. Voxels with
    the same marks have the same answer, so it is computed once for each pattern of marks.
    """
    maps = _stack(references)
    if not 2 <= len(maps) <= _MOST_READERS:
        raise Undefined(f"STAPLE needs 2 to {_MOST_READERS} readers", found=f"{len(maps)}")
    code = np.zeros(maps[0].shape, np.uint32)
    for n, m in enumerate(maps):
        code |= (m == label).astype(np.uint32) << np.uint32(n)
    if not code.size:
        raise Undefined("the maps have no voxel, so nothing can be estimated")
    patterns, inverse, counts = np.unique(code, return_inverse=True, return_counts=True)
    marks = ((patterns[:, None] >> np.arange(len(maps), dtype=np.uint32)) & 1).astype(float)
    share = float((marks.mean(axis=1) * counts).sum() / counts.sum())
    if share in (0.0, 1.0):
        raise Undefined(
            f"{'no reader marks anything' if share == 0 else 'every reader marks everything'}"
            f" as label {label}, so nothing can be estimated"
        )
    g = share if prior is None else prior
    if not 0 < g < 1:
        raise BadValue("the prior is not between 0 and 1", found=str(prior))
    p = q = np.full(len(maps), 0.99999)
    done = 0
    for _ in range(iterations):
        done += 1
        inside = np.log(g) + _log_chance(marks, p)
        outside = np.log1p(-g) + _log_chance(1 - marks, q)
        w = 1.0 / (1.0 + np.exp(np.clip(outside - inside, -700, 700)))
        in_weight, out_weight = w * counts, (1 - w) * counts
        new_p = (marks * in_weight[:, None]).sum(axis=0) / in_weight.sum()
        new_q = ((1 - marks) * out_weight[:, None]).sum(axis=0) / out_weight.sum()
        change = max(np.abs(new_p - p).max(), np.abs(new_q - q).max())
        p, q = new_p, new_q
        if change < 1e-12:
            break
    probability = w[inverse].reshape(maps[0].shape)
    return Staple(probability, tuple(map(float, p)), tuple(map(float, q)), done)


def _log_chance(agrees: Array, rate: Array) -> Array:
    """Log chance of each pattern (N, R) when readers are right at these rates (R,)."""
    safe = np.clip(rate, 1e-300, 1 - 1e-16)
    logs: Array = agrees @ np.log(safe) + (1 - agrees) @ np.log1p(-safe)
    return logs


def _stack(references: Sequence[ArrayLike]) -> list[Array]:
    maps = [np.asarray(m) for m in references]
    if not maps:
        raise Undefined("there is no reader")
    shapes = {m.shape for m in maps}
    if len(shapes) > 1:
        raise ShapeMismatch(
            "the readers' maps are not on one grid", found=" against ".join(map(str, shapes))
        )
    padded = [small_labels(m.reshape(m.shape + (1,) * (3 - m.ndim)), "label map") for m in maps]
    dtype = np.result_type(*padded)
    return [m.reshape(maps[0].shape).astype(dtype, copy=False) for m in padded]

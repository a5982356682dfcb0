"""The same patient, the same pixels, or nearly the same, on both sides of a split.

A model tested on what it was trained on looks better than it is. File names cannot tell:
examinations come back under another number, resampled, windowed, cropped or mirrored.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np

from limen.data.volume import Array, Volume

LeakKind = Literal["same patient", "same pixels", "near-duplicate"]
Entry = tuple[str, str, "Fingerprint"]
"""Subject (``DATASET/CASE``), the patient's pseudonym, the image's fingerprint."""

LIMIT = 0.14
"""Distance under which two images are called near-duplicates; see :func:`find_leaks`."""

_BINS = 2048
_CELL_MM = 6.0
_FRAME_CELLS = (48, 48, 24)
_FINE = 2  # fine cells in a cell, along each axis
_FEWEST_CELLS = 256
_LEVELS = 32  # grey levels before ranking, so that noise in air does not become contrast
_CALM = 1e-3  # added to the local variance of ranks, so that flat places stay flat
_BLOCK = 2048


@dataclass(frozen=True)
class Fingerprint:
    """What is kept of an image to recognise it; the image cannot be made from it.

    Attributes
    ----------
    pixels : str
        Digest of the exact values, whatever the order and direction of the axes, the file's
        format and its header; empty for an image of one value, which says nothing.
    place : (2048,) int8 or None
        Local contrasts on a lattice fixed in patient space, folded by a fixed signed hash
        ("count sketch", Charikar et al. 2002), so that the correlation of two images is that
        of their sketches. Cropping takes cells away and moves none. None where the image
        holds too few cells.
    frame : (2048,) int8 or None
        The same on a lattice that spans the array, whatever the header says: 8 parts of 256,
        even or odd under mirroring each axis.
    """

    pixels: str
    place: Array | None
    frame: Array | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON; the sketches as base64."""
        return {"pixels": self.pixels, "place": _text(self.place), "frame": _text(self.frame)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`as_dict`."""
        return cls(plain["pixels"], _sketch_of(plain["place"]), _sketch_of(plain["frame"]))


@dataclass(frozen=True)
class Leak:
    """Two cases that should have nothing to do with each other, and why they have.

    Attributes
    ----------
    case_a, case_b : str
        Subjects, ``DATASET/CASE``; ``case_a`` of development, unless both are of validation.
    kind : "same patient", "same pixels" or "near-duplicate"
    in_words : str
    distance : float
        1 minus the correlation of the fingerprints; 0 for the same pixels and the same patient.
    """

    case_a: str
    case_b: str
    kind: LeakKind
    in_words: str
    distance: float

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def fingerprint(image: Volume) -> Fingerprint:
    """The fingerprint of an image.

    Parameters
    ----------
    image : Volume
        (I, J, K) finite values, any type.
    """
    values, spacing_mm, first_mm = _upright(image)
    if values.size == 0 or values.min() == values.max():
        return Fingerprint("", None, None)
    return Fingerprint(
        _pixel_digest(values), _place_sketch(values, spacing_mm, first_mm), _frame_sketch(values)
    )


def find_leaks(development: Sequence[Entry], validation: Sequence[Entry]) -> list[Leak]:
    """Cases of validation that development, or another patient of validation, already holds.

    Between development and validation: the same patient, the same pixels, near-duplicates.
    Within validation: the same pixels under two patients, because patients are counted there.
    A pair is named once, by the strongest of its reasons (pixels, patient, likeness).

    Returns
    -------
    list of Leak
        Sorted by kind and cases.

    Notes
    -----
    Near-duplicates are images whose likeness (correlation of sketches, the larger of both
    lattices) is above ``1 - LIMIT`` = 0.86. The limit was set where two *different* patients are
    not called one, because a false alarm spoils a whole data set. Measured by
    ``benchmarks/leakage.py`` on simulated chests on one grid, which share their outline and are
    far more alike than people: of 3,160 pairs of different patients none was called a
    near-duplicate, the largest likeness was 0.795. The limit and the lattices were chosen on
    these very chests, so that is no independent test; one made afterwards is: of the 8,400
    pairs of the in-silico cohort's development and validation, through another scanner and
    other seeds, none was called one (largest 0.775). The pairs share patients, so no rate follows
    from either. Real patients were not compared. Of 12 changed copies each of the former, with
    the smallest likeness:

    - found, 12 of 12: lung window in 8 bits (0.957), resampled to 1.5 x 1.5 x 3 mm (0.942) and
      3 x 3 x 5 mm (0.935), cropped by 3 % a side (0.966), smoothed with sd 2 mm (0.877), mirrored
      with the header lost (1.0), and window, crop and resampling together (0.942);
    - found in part: cropped by 6 % a side 6 of 12 (0.832); noise added, sd 20 HU 5 of 12 (0.811),
      50 HU 3 of 12 (0.795);
    - missed, 0 of 12: cropped by 10 % a side (0.729), a narrow soft-tissue window that blackens
      the lungs (0.799).

    Not looked for: an image turned by an angle, or cropped with its header lost. 10,000 against
    10,000 cases take 36 s on two busy cores.
    """
    leaks = {(leak.case_a, leak.case_b): leak for leak in _near(development, validation)}
    leaks |= {(leak.case_a, leak.case_b): leak for leak in _same_patient(development, validation)}
    leaks |= {(leak.case_a, leak.case_b): leak for leak in _same_pixels(development, validation)}
    return sorted(leaks.values(), key=lambda leak: (leak.kind, leak.case_a, leak.case_b))


# --- comparing --------------------------------------------------------------------------------


def _same_patient(development: Sequence[Entry], validation: Sequence[Entry]) -> Iterator[Leak]:
    known: dict[str, list[str]] = {}
    for subject, patient, _ in development:
        known.setdefault(patient, []).append(subject)
    for subject, patient, _ in validation:
        for other in known.get(patient, []):
            words = f"{patient} is a patient of development and of validation"
            yield Leak(other, subject, "same patient", words, 0.0)


def _same_pixels(development: Sequence[Entry], validation: Sequence[Entry]) -> Iterator[Leak]:
    known: dict[str, list[str]] = {}
    for subject, _, print_ in development:
        if print_.pixels:
            known.setdefault(print_.pixels, []).append(subject)
    first: dict[str, tuple[str, str]] = {}
    for subject, patient, print_ in validation:
        if not print_.pixels:
            continue
        for other in known.get(print_.pixels, []):
            words = "the image of a development case, voxel for voxel"
            yield Leak(other, subject, "same pixels", words, 0.0)
        earlier, whose = first.setdefault(print_.pixels, (subject, patient))
        if whose != patient:
            words = "one image under two patients of validation, so one patient counts twice"
            yield Leak(earlier, subject, "same pixels", words, 0.0)


def _near(development: Sequence[Entry], validation: Sequence[Entry]) -> Iterator[Leak]:
    found: dict[tuple[int, int], tuple[float, str]] = {}
    for words, kind in (
        ("shows nearly the same in the same place", "place"),
        ("shows nearly the same (maybe resampled, windowed or mirrored)", "frame"),
    ):
        ours = _stacked(development, kind)
        theirs = _stacked(validation, kind)
        for a, b, distance in _close_pairs(ours, theirs, mirrored=kind == "frame"):
            if distance < found.get((a, b), (np.inf, ""))[0]:
                found[a, b] = (distance, words)
    for (a, b), (distance, words) in sorted(found.items()):
        told = f"the image {words} as a development case; distance {distance:.2f}"
        yield Leak(development[a][0], validation[b][0], "near-duplicate", told, round(distance, 4))


def _stacked(entries: Sequence[Entry], kind: str) -> tuple[Array, Array]:
    """(n, 2048) float32 unit rows of those that have a sketch, and their places in the list."""
    sketches = [(n, getattr(e[2], kind)) for n, e in enumerate(entries)]
    there = [n for n, s in sketches if s is not None]
    rows = np.array([s for _, s in sketches if s is not None], dtype=np.float32)
    rows = rows.reshape(len(there), _BINS)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return rows, np.array(there, dtype=int)


def _close_pairs(
    ours: tuple[Array, Array], theirs: tuple[Array, Array], mirrored: bool
) -> Iterator[tuple[int, int, float]]:
    for i in range(0, len(ours[0]), _BLOCK):
        for j in range(0, len(theirs[0]), _BLOCK):
            a, b = ours[0][i : i + _BLOCK], theirs[0][j : j + _BLOCK]
            likeness = _best_mirrored(a, b) if mirrored else a @ b.T
            for m, n in np.argwhere(likeness > 1 - LIMIT):
                distance = max(0.0, 1.0 - float(likeness[m, n]))
                yield int(ours[1][i + m]), int(theirs[1][j + n]), distance


def _best_mirrored(a: Array, b: Array) -> Array:
    """Largest correlation over the 8 ways to mirror one of the two."""
    part = _BINS // 8
    # Mirroring an axis changes the sign of the parts that are odd along it, nothing else; so
    # the 8 correlations are the Walsh-Hadamard transform of the 8 parts' correlations.
    parts = [a[:, p * part : (p + 1) * part] @ b[:, p * part : (p + 1) * part].T for p in range(8)]
    for bit in (1, 2, 4):
        for p in range(8):
            if not p & bit:
                parts[p], parts[p | bit] = parts[p] + parts[p | bit], parts[p] - parts[p | bit]
    best: Array = np.max(parts, axis=0)
    return best


# --- making -----------------------------------------------------------------------------------


def _upright(image: Volume) -> tuple[Array, Array, Array]:
    """Values with axes nearest to L, P, S; spacing; and where the first voxel lies along each.

    An oblique grid keeps its own axes: what is derived from one examination shares them.
    """
    affine = image.geometry.affine_lps_mm
    spacing = np.array(image.geometry.spacing_mm)
    along = affine[:3, :3] / spacing
    best = max(
        ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)),
        key=lambda order: sum(abs(along[lps, axis]) for lps, axis in enumerate(order)),
    )
    values = np.transpose(image.values, best)
    first = affine[:3, 3].copy()
    for lps, axis in enumerate(best):
        if along[lps, axis] < 0:
            values = np.flip(values, lps)
            first += affine[:3, axis] * (values.shape[lps] - 1)
            along[:, axis] *= -1
    directions = along[:, list(best)]
    return values, spacing[list(best)], first @ directions


def _pixel_digest(values: Array) -> str:
    """Digest that no permutation and no mirroring of the axes changes.

    Every voxel's bits are mixed (the finaliser of MurmurHash3) and summed plane by plane along
    each axis, modulo 2^64: sums do not know the order inside a plane. What is left of the order
    is that of the planes (either way round) and of the axes (sorted).
    """
    sums = [np.zeros(n, dtype=np.uint64) for n in values.shape]
    for start in range(0, values.shape[2], 16):  # in pieces, for the memory
        piece = np.ascontiguousarray(values[:, :, start : start + 16], dtype=np.float32) + 0.0
        bits = piece.view(np.uint32)
        bits ^= bits >> 16
        bits *= np.uint32(0x85EBCA6B)
        bits ^= bits >> 13
        bits *= np.uint32(0xC2B2AE35)
        bits ^= bits >> 16
        columns = bits.sum(axis=2, dtype=np.uint64)
        sums[0] += columns.sum(axis=1)
        sums[1] += columns.sum(axis=0)
        sums[2][start : start + 16] = bits.sum(axis=(0, 1), dtype=np.uint64)
    axes = sorted(min(s.astype("<u8").tobytes(), s[::-1].astype("<u8").tobytes()) for s in sums)
    digest = hashlib.sha256()
    for axis in axes:
        digest.update(len(axis).to_bytes(8, "little") + axis)
    return digest.hexdigest()


def _place_sketch(values: Array, spacing_mm: Array, first_mm: Array) -> Array | None:
    extent = np.array(values.shape) * spacing_mm
    cells_mm = np.full(3, _CELL_MM)
    if extent.max() / _CELL_MM < 20:
        # An eye or a small animal needs a finer lattice, along each axis its own: an OCT volume is
        # five times as wide as deep, and in cubes all of them would look alike.
        for axis in range(3):
            while extent[axis] / cells_mm[axis] < 20 and cells_mm[axis] > 2 * spacing_mm[axis]:
                cells_mm[axis] /= 2
    weights, starts = [], []
    for axis, cell in enumerate(cells_mm):
        low = (first_mm[axis] - spacing_mm[axis] / 2) / cell
        high = low + values.shape[axis] * spacing_mm[axis] / cell
        begin, end = int(np.ceil(low - 1e-3)), int(np.floor(high + 1e-3))
        edges = np.arange(begin * _FINE, end * _FINE + 1) / _FINE
        per_voxel = cell / spacing_mm[axis]
        weights.append(_area_weights(values.shape[axis], (edges - low) * per_voxel))
        starts.append(begin)
    if np.prod([len(w) // _FINE for w in weights]) < _FEWEST_CELLS:
        return None
    contrast = _local_contrast(_averaged(values, weights))
    index = np.ix_(*(starts[a] + np.arange(n) for a, n in enumerate(contrast.shape)))
    return _eight_bits(_folded(contrast, index, _BINS))


def _frame_sketch(values: Array) -> Array | None:
    weights = []
    for axis, cells in enumerate(_FRAME_CELLS):
        edges = np.linspace(0, values.shape[axis], cells * _FINE + 1)
        weights.append(_area_weights(values.shape[axis], edges))
    contrast = _local_contrast(_averaged(values, weights))
    parts = [contrast]
    for axis in (2, 1, 0):  # so that bit 0 of a part's number is that of the last axis
        mirrored = [np.flip(p, axis) for p in parts]
        half = tuple(slice(_FRAME_CELLS[axis] // 2) if a == axis else slice(None) for a in range(3))
        even = [(p + m)[half] for p, m in zip(parts, mirrored, strict=True)]
        odd = [(p - m)[half] for p, m in zip(parts, mirrored, strict=True)]
        parts = even + odd
    index = np.ix_(*(np.arange(n // 2) for n in _FRAME_CELLS))
    return _eight_bits(np.concatenate([_folded(p, index, _BINS // 8) for p in parts]))


def _area_weights(voxels: int, edges: Array) -> Array:
    """(cells, voxels) float32: share of each voxel in each cell; edges in voxels, rising."""
    edges = np.clip(edges, 0, voxels)
    voxel = np.arange(voxels)
    low, high = edges[:-1, None], edges[1:, None]
    share = np.clip(np.minimum(voxel + 1, high) - np.maximum(voxel, low), 0, None)
    return np.asarray(share / np.maximum(share.sum(1, keepdims=True), 1e-12), dtype=np.float32)


def _averaged(values: Array, weights: Sequence[Array]) -> Array:
    """Mean over the cells of a lattice, partial voxels counted in part."""
    planes = [
        weights[0] @ np.asarray(values[:, :, k], dtype=np.float32) @ weights[1].T
        for k in range(values.shape[2])
    ]
    return np.stack(planes, axis=-1) @ weights[2].T


def _local_contrast(fine: Array) -> Array:
    """Ranks of the fine cells, averaged, less their surroundings, over their local spread.

    Ranks make it blind to any rising change of the values; the local contrast makes it see
    what is one patient's own rather than the outline that all share.
    """
    from scipy.ndimage import gaussian_filter

    low, high = np.quantile(fine, (0.01, 0.99))
    scaled = (fine - low) * np.float32(_LEVELS / max(float(high - low), 1e-12))
    levels = np.round(scaled).clip(0, _LEVELS).astype(np.uint8)
    counts = np.bincount(levels.ravel(), minlength=_LEVELS + 1)
    ranks = ((np.cumsum(counts) - counts / 2) / fine.size).astype(np.float32)[levels]
    a, b, c = (n // _FINE for n in fine.shape)
    cells = ranks.reshape(a, _FINE, b, _FINE, c, _FINE).mean(axis=(1, 3, 5))
    detail = cells - gaussian_filter(cells, 1.0, mode="nearest")
    spread = np.sqrt(gaussian_filter(detail**2, 1.5, mode="nearest") + _CALM)
    return np.asarray(detail / spread, dtype=np.float32)


def _folded(contrast: Array, index: tuple[Array, ...], bins: int) -> Array:
    """Sum of the cells in ``bins`` bins, cell and sign by a fixed hash of the cell's index."""
    x, y, z = (i.astype(np.int64).astype(np.uint64) for i in index)
    mixed = x * np.uint64(0x9E3779B97F4A7C15) ^ y * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed = mixed ^ z * np.uint64(0x165667B19E3779F9)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    sign = np.where(mixed >> np.uint64(63), 1.0, -1.0)
    bin_ = (mixed % np.uint64(bins)).astype(np.int64)
    return np.bincount(bin_.ravel(), (contrast * sign).ravel(), bins)


def _eight_bits(sketch: Array) -> Array | None:
    top = 4 * float(sketch.std())
    if top < 1e-6:
        return None
    return np.asarray(np.clip(np.round(sketch / top * 127), -127, 127), dtype=np.int8)


def _text(sketch: Array | None) -> str | None:
    return None if sketch is None else base64.b64encode(sketch.tobytes()).decode("ascii")


def _sketch_of(text: str | None) -> Array | None:
    return None if text is None else np.frombuffer(base64.b64decode(text), dtype=np.int8)

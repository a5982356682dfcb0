"""Training patches: the cases in memory, where patches are cut, how they are varied."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from limen.data.case import Case, NoReference
from limen.data.read import read_image, read_labels
from limen.data.resample import labels_to_image_space
from limen.data.volume import Array, Geometry, Volume
from limen.errors import LimenError
from limen.models.preprocess import padding_value, prepare
from limen.models.training_errors import BrokenCases

if TYPE_CHECKING:
    from limen.models.recipe import Augmentation, Recipe
    from limen.product.declaration import ModelInput, Task

Window = tuple[int, int, int]
_POINTS = 64
"""Voxels remembered of each lesion; patches are drawn around one of them."""


@dataclass(frozen=True, eq=False)
class TrainingCase:
    """One case as the network meets it.

    Attributes
    ----------
    patient : str
    values : (X, Y, Z) float16 or float32
        The prepared image on the model's grid. float16 (steps of 1/2000 of the window) only
        where a window bounds the values.
    labels : (X, Y, Z) uint8 or uint16
        Label values on the model's grid: resampled for training alone; measuring never does.
    geometry : Geometry
        The model's grid.
    lesions : tuple of (n, 3) int arrays
        Some voxels of each connected part of each label.
    padding : float
        What stands beyond the image.
    digest : str
        SHA-256 of what was read, image and labels.
    """

    patient: str
    values: Array
    labels: Array
    geometry: Geometry
    lesions: tuple[Array, ...]
    padding: float
    digest: str


def read_training_cases(
    cases: Sequence[Case],
    spec: ModelInput,
    task: Task,
    said: Callable[[int, int], None],
) -> list[TrainingCase]:
    """Read every case into memory: about 3 bytes for each voxel of the model's grid.

    Parameters
    ----------
    said : callable
        Told cases read and cases in all.

    Raises
    ------
    BrokenCases
        Some cannot be used; all of them are named.
    """
    read: list[TrainingCase] = []
    broken: list[tuple[str, LimenError]] = []
    for number, case in enumerate(cases, 1):
        try:
            read.append(_read(case, spec, task))
        except LimenError as error:
            broken.append((case.id, error))
        said(number, len(cases))
    if broken:
        raise BrokenCases.of(broken)
    return read


def _read(case: Case, spec: ModelInput, task: Task) -> TrainingCase:
    if case.reference is None:
        raise NoReference("the case has no reference", where=case.id)
    image = read_image(case)
    labels = read_labels(case.reference, image.geometry, task, case.id)
    digest = hashlib.sha256(np.ascontiguousarray(image.values).tobytes())
    digest.update(np.ascontiguousarray(labels.values).tobytes())
    digest.update(image.geometry.affine_lps_mm.astype("<f8").tobytes())
    if task.reference == "instances":
        # every number is a lesion of its own, and all of them are of the one declared label
        one = np.uint16(next(iter(task.labels.values())))
        labels = Volume(np.where(labels.values > 0, one, np.uint16(0)), labels.geometry)
    prepared = prepare(image, spec)
    moved = labels_to_image_space(labels, prepared.geometry).values
    exact = np.float16 if spec.normalise == "window" else np.float32
    return TrainingCase(
        patient=case.patient,
        values=np.ascontiguousarray(prepared.values, dtype=exact),
        labels=np.ascontiguousarray(moved),
        geometry=prepared.geometry,
        lesions=_lesion_points(moved),
        padding=padding_value(prepared.values, spec),
        digest=digest.hexdigest(),
    )


def _lesion_points(labels: Array) -> tuple[Array, ...]:
    from scipy.ndimage import find_objects, generate_binary_structure, label

    found: list[Array] = []
    for value in np.unique(labels[labels > 0]):
        parts, _ = label(labels == value, structure=generate_binary_structure(3, 3))
        for number, box in enumerate(find_objects(parts), 1):
            points = np.argwhere(parts[box] == number) + [s.start for s in box]
            found.append(points[:: max(1, -(-len(points) // _POINTS))])
    return tuple(found)


class Patches:
    """Draws batches; batch ``step`` is the same whenever it is drawn, so a resumed training goes
    on as if it had never stopped.

    Parameters
    ----------
    cases : sequence of TrainingCase
        At least one.
    window : (x, y, z)
        Voxels of a patch.
    recipe : Recipe
    """

    def __init__(self, cases: Sequence[TrainingCase], window: Window, recipe: Recipe) -> None:
        self._cases, self._window, self._recipe = cases, window, recipe
        # Lesions and not voxels are drawn evenly: small ones count as much as large ones.
        self._lesions = [(c, points) for c in cases for points in c.lesions]

    def batch(self, step: int) -> tuple[Array, Array]:
        """Patches of a step.

        Returns
        -------
        values : (N, x, y, z) float32
        labels : (N, x, y, z) int64
            Label values.
        """
        rng = np.random.default_rng([self._recipe.seed, step])
        drawn = [self._patch(rng) for _ in range(self._recipe.batch)]
        return np.stack([v for v, _ in drawn]), np.stack([t for _, t in drawn])

    def _patch(self, rng: np.random.Generator) -> tuple[Array, Array]:
        around = None
        if self._lesions and rng.random() < self._recipe.foreground_share:
            case, points = self._lesions[int(rng.integers(len(self._lesions)))]
            around = points[int(rng.integers(len(points)))]
        else:
            case = self._cases[int(rng.integers(len(self._cases)))]
        start = [
            _start(rng, size, length, None if around is None else int(around[axis]))
            for axis, (size, length) in enumerate(zip(case.values.shape, self._window, strict=True))
        ]
        values = cut(case.values, start, self._window, case.padding).astype(np.float32)
        labels = cut(case.labels, start, self._window, 0).astype(np.int64)
        return varied(values, labels, self._recipe.augmentation, rng)


def _start(rng: np.random.Generator, size: int, length: int, around: int | None) -> int:
    """First voxel of a patch along one axis; below 0 where the image is smaller than it."""
    if size <= length:
        return -((length - size) // 2)
    low, high = 0, size - length
    if around is not None:
        # anywhere in the patch but its outermost eighth, where context is lacking
        rim = length // 8
        low = min(max(low, around - length + 1 + rim), high)
        high = max(min(high, around - rim), low)
    return int(rng.integers(low, high + 1))


def cut(values: Array, start: Sequence[int], window: Window, padding: float) -> Array:
    """A patch that may reach beyond the array."""
    if all(
        s >= 0 and s + n <= size for s, n, size in zip(start, window, values.shape, strict=True)
    ):
        return values[tuple(slice(s, s + n) for s, n in zip(start, window, strict=True))]
    patch = np.full(window, padding, dtype=values.dtype)
    there, here = [], []
    for s, n, size in zip(start, window, values.shape, strict=True):
        low, high = max(s, 0), min(s + n, size)
        there.append(slice(low, high))
        here.append(slice(low - s, high - s))
    patch[tuple(here)] = values[tuple(there)]
    return patch


def varied(
    values: Array, labels: Array, how: Augmentation, rng: np.random.Generator
) -> tuple[Array, Array]:
    """A patch mirrored, and its intensities changed a little; the number of draws is fixed."""
    flips = tuple(a for a, name in enumerate("xyz") if rng.random() < 0.5 and name in how.flip)
    values, labels = np.flip(values, flips), np.flip(labels, flips)
    scale, shift = 1 + how.scale * rng.uniform(-1, 1), how.shift * rng.uniform(-1, 1)
    sigma = how.noise * rng.random()
    values = values * np.float32(scale) + np.float32(shift)
    if how.noise > 0:
        values = values + np.float32(sigma) * rng.standard_normal(values.shape, dtype=np.float32)
    return values, labels

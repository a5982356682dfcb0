"""Two label maps on one grid as runs, and which of their values are measured together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from limen.measures.errors import NotALabelMap, Undefined
from limen.measures.grid import Array, flat_axes

if TYPE_CHECKING:
    from limen.measures.runs import Runs


@dataclass(frozen=True, eq=False)
class LabelPair:
    """A prediction and its reference as runs, on one grid.

    Attributes
    ----------
    prediction, reference : Runs
    axes_mm : (3, 3) float64
        Steps of the image's axes, as columns, in mm in the patient.
    order : (int, int, int)
        Which axis of the image each axis of the runs is.
    voxel_mm3 : float or None
        None for a 2-D image.
    """

    prediction: Runs
    reference: Runs
    axes_mm: Array
    order: tuple[int, int, int]
    voxel_mm3: float | None

    @classmethod
    def of(cls, prediction: Array, reference: Array, axes_mm: Array, *, flat: bool = False) -> Self:
        """From label maps (I, J, K) of uint8 or uint16; ``flat`` for a 2-D image (I, J, 1)."""
        from limen.measures.runs import in_memory_order, runs_of

        maps, order = in_memory_order([prediction, reference])
        voxel_mm3 = None if flat else float(abs(np.linalg.det(axes_mm)))
        return cls(runs_of(maps[0]), runs_of(maps[1]), axes_mm, order, voxel_mm3)

    def with_order(self, labels: Array) -> Runs:
        """The runs of another label map (I, J, K) of this grid, along the same axis."""
        from limen.measures.runs import runs_of

        return runs_of(np.ascontiguousarray(labels.transpose(self.order)))

    @property
    def flat_axes(self) -> tuple[bool, bool, bool]:
        return flat_axes(self.prediction.shape)


def structures_of(
    runs: Sequence[Runs], labels: Any, maps: Sequence[Array]
) -> dict[Any, tuple[int, ...]]:
    """Values of each label to measure, by its value or its name; see :func:`segmentation`."""
    if labels is None:
        if all(m.dtype == bool for m in maps):
            return {1: (1,)}
        present = sorted({int(v) for r in runs for v in np.unique(r.value)})
        if not present:
            raise Undefined(
                "there is no label in any map, so there is nothing to measure",
                mend="say labels=[...] to count this as a correct rejection of them",
            )
        return {v: (v,) for v in present}
    named = labels.items() if isinstance(labels, Mapping) else [(v, v) for v in labels]
    found: dict[Any, tuple[int, ...]] = {}
    for name, value in named:
        values = tuple(value) if isinstance(value, Sequence) else (value,)
        for v in values:
            if isinstance(v, bool) or int(v) != v or not 1 <= v <= 65535:
                raise NotALabelMap(
                    "a label is not a whole number from 1 to 65535", where=str(name), found=str(v)
                )
        found[name] = tuple(int(v) for v in values)
    return found


class ByValue:
    """Runs sorted by value once, so that a thousand labels do not each look at all of them."""

    def __init__(self, runs: Runs, top: int) -> None:
        order = np.argsort(runs.value, kind="stable")
        self._runs, self._place = runs.take(order), order
        self._first = np.concatenate([[0], np.cumsum(np.bincount(runs.value, minlength=top + 1))])

    def of(self, values: Sequence[int]) -> Runs:
        """The runs of these values, in order."""
        parts = [slice(self._first[v], self._first[v + 1]) for v in sorted(set(values))]
        if len(parts) == 1:
            return self._runs.take(parts[0])
        which = np.concatenate([np.arange(part.start, part.stop) for part in parts])
        return self._runs.take(which[np.argsort(self._place[which])])

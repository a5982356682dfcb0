"""The frozen parts of a guard: each compares what is seen with the calibration patients."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.boundary.result import SearchAxis

Array = NDArray[Any]

HEADER_NUMBERS = (
    "photons_per_ray", "exposure_mas", "tube_current_ma", "ctdi_vol_mgy", "kvp",
    "field_strength_t", "repetition_time_ms", "echo_time_ms",
)  # fmt: skip
"""Header entries that say with how much signal an image was taken; compared by their ratio."""
HEADER_WORDS = ("kernel",)
"""Header entries that say how it was reconstructed."""

TURNS: dict[str, Callable[[Array], Array]] = {
    "left and right changed": lambda b: b[::-1],
    "front and back changed": lambda b: b[:, ::-1],
    "head and feet changed": lambda b: b[:, :, ::-1],
    "turned by half a turn about the long axis": lambda b: b[::-1, ::-1],
    "rows and columns changed": lambda b: np.swapaxes(b, 0, 1),
}
"""Ways in which a volume is put the wrong way, each its own inverse, on blocks (x, y, z)."""


@dataclass(frozen=True)
class Header:
    """The header entries that help to read conditions, as numbers.

    Attributes
    ----------
    numbers : tuple of str
        Taken as logarithms.
    words : mapping
        Entry to the values that calibration patients have.
    """

    numbers: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]

    def code(self, attributes: Mapping[str, Any]) -> Array | None:
        """The entries as numbers; None where one is missing or was never seen."""
        out: list[float] = []
        for name in self.numbers:
            value = attributes.get(name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
                return None
            out.append(math.log(value))
        for name, known in self.words.items():
            if attributes.get(name) not in known:
                return None
            out += [float(attributes[name] == word) for word in known[1:]]
        return np.array(out)

    def as_dict(self) -> dict[str, Any]:
        return {
            "numbers": list(self.numbers),
            "words": {name: list(known) for name, known in self.words.items()},
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Header:
        words = {name: tuple(known) for name, known in kept["words"].items()}
        return cls(tuple(kept["numbers"]), words)


@dataclass(frozen=True)
class Reader:
    """A condition read off an image: a linear score of what is seen, and what it stands for.

    Attributes
    ----------
    levels : bool
        Whether the features stand there twice, as logarithms and as levels.
    centre, spread, weights : tuple of float
        Of each feature; the weight of the constant stands last.
    threshold : float
        A score above it is refused.
    scores, positions : tuple of float
        Knots from score to position on the axis: 0 at nominal, 1 at the worst searched. Both rise.
    low, high : float
        Added to a position, the ends of its 90 % interval, from patients left out.
    reliable_from : float or None
        From this position on at most 5 % of images are let through; None: nowhere searched.
    """

    levels: bool
    centre: tuple[float, ...]
    spread: tuple[float, ...]
    weights: tuple[float, ...]
    threshold: float = 0.0
    scores: tuple[float, ...] = (0.0,)
    positions: tuple[float, ...] = (0.0,)
    low: float = 0.0
    high: float = 0.0
    reliable_from: float | None = None

    def score(self, features: Array) -> float:
        x = with_levels(features) if self.levels else features
        z = (x - np.array(self.centre)) / np.array(self.spread)
        z = np.clip(np.where(np.isfinite(z), z, 0.0), -6, 6)
        return float(z @ np.array(self.weights[:-1]) + self.weights[-1])

    def position(self, score: float) -> float:
        return float(np.interp(score, self.scores, self.positions))

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Reader:
        many = ("centre", "spread", "weights", "scores", "positions")
        return cls(**{**kept, **{n: tuple(kept[n]) for n in many}})


def with_levels(features: Array) -> Array:
    """Features and, as most are logarithms of levels, the levels themselves."""
    return np.concatenate([features, np.exp(np.clip(features, -20.0, 3.0))], axis=-1)


@dataclass(frozen=True)
class GuardedAxis:
    """One axis with the limit that is enforced on it.

    Attributes
    ----------
    axis : SearchAxis
    limit : float
        In the axis's unit.
    certified : bool
        Whether the limit is certified; else it is the one that exploration suggests.
    by_image : Reader
        From the image alone.
    by_header : Reader or None
        With the header's entries beside; None where the calibration patients state none.
    """

    axis: SearchAxis
    limit: float
    certified: bool
    by_image: Reader
    by_header: Reader | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> GuardedAxis:
        header = kept["by_header"]
        return cls(
            SearchAxis.from_dict(kept["axis"]),
            kept["limit"],
            kept["certified"],
            Reader.from_dict(kept["by_image"]),
            None if header is None else Reader.from_dict(header),
        )


@dataclass(frozen=True)
class Likeness:
    """How far an image lies from the calibration patients' images, as a conformal p-value.

    The distance is Mahalanobis' with a covariance shrunk to its diagonal; each calibration
    patient's own is that of the worst of their images inside the boundary, from a fit without them.

    Attributes
    ----------
    centre, spread : tuple of float
    precision : tuple of tuple of float
        Inverse covariance of the scaled features.
    distances : tuple of float
        Of the calibration patients, rising.
    refused_at : float
        A p-value up to this is refused.
    """

    centre: tuple[float, ...]
    spread: tuple[float, ...]
    precision: tuple[tuple[float, ...], ...]
    distances: tuple[float, ...]
    refused_at: float

    def distance(self, features: Array) -> float:
        z = (features - np.array(self.centre)) / np.array(self.spread)
        # what cannot be read lies as far out as a rare image
        z = np.clip(np.where(np.isfinite(z), z, 3.0), -1e3, 1e3)
        return float(np.sqrt(max(z @ np.array(self.precision) @ z, 0.0) / z.size))

    def p_value(self, features: Array) -> float:
        """Chance that a patient like those of calibration lies at least as far out."""
        n = len(self.distances)
        further = n - int(np.searchsorted(self.distances, self.distance(features), "left"))
        return (1 + further) / (n + 1)

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Likeness:
        return cls(
            tuple(kept["centre"]),
            tuple(kept["spread"]),
            tuple(tuple(row) for row in kept["precision"]),
            tuple(kept["distances"]),
            kept["refused_at"],
        )


@dataclass(frozen=True)
class Turn:
    """Tells a volume from itself put the wrong way.

    The score is linear in the difference of the blocks and the turned blocks, so a turned volume
    has exactly the negative score.

    Attributes
    ----------
    name : str
        One of `TURNS`.
    weights : tuple of float
        For each block.
    refused_below : float
        A score below it is refused.
    seen : float
        Share of calibration patients, each left out, whose turned volume would be refused.
    """

    name: str
    weights: tuple[float, ...]
    refused_below: float
    seen: float

    def score(self, blocks: Array) -> float:
        return float((blocks - TURNS[self.name](blocks)).ravel() @ np.array(self.weights))

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Turn:
        return cls(**{**kept, "weights": tuple(kept["weights"])})


@dataclass(frozen=True)
class Shapes:
    """The main ways in which calibration patients' anatomies differ, and what is left beside.

    Attributes
    ----------
    mean : tuple of float
        Of the blocks.
    components : tuple of tuple of float
        Orthonormal.
    """

    mean: tuple[float, ...]
    components: tuple[tuple[float, ...], ...]

    def code(self, blocks: Array) -> Array:
        """Coordinates on the components, and the logarithm of the rest's length."""
        rest = np.asarray(blocks, float).ravel() - np.array(self.mean)
        base = np.array(self.components)
        at = base @ rest
        rest = rest - at @ base
        return np.append(at, math.log(float(np.sqrt((rest**2).mean())) + 1e-3))

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Shapes:
        return cls(tuple(kept["mean"]), tuple(tuple(row) for row in kept["components"]))


def rounded(values: Array | Sequence[float]) -> tuple[float, ...]:
    """Plain numbers of six digits, so that a guard reads the same wherever it is loaded."""
    return tuple(float(f"{v:.6g}") for v in np.asarray(values, float).ravel())

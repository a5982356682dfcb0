"""Simulated lung nodules: blobs with a kind, a place and Hounsfield units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from limen.data.insilico.blobs import Blob, draw_lobes

Kind = Literal["solid", "part-solid", "ground-glass"]
Place = Literal["parenchymal", "juxta-pleural", "juxta-vascular"]


@dataclass(frozen=True, kw_only=True)
class Nodule(Blob):
    """One simulated nodule.

    Attributes
    ----------
    kind : solid, part-solid or ground-glass
    place : parenchymal, juxta-pleural or juxta-vascular
    hu : float
        Value of the nodule; of its ground-glass part if it is part-solid.
    core_hu : float
        Value of the solid core; equal to ``hu`` when there is none.
    """

    kind: Kind
    place: Place
    hu: float
    core_hu: float


def draw_nodule(rng: np.random.Generator, diameter_mm: float, kind: Kind, place: Place) -> Nodule:
    """A nodule with random lobes and value, its centre still at the origin."""
    lobes = draw_lobes(rng, (0.02, 0.10))
    solid_hu = float(rng.uniform(0, 80))
    ground_hu = float(rng.uniform(-600, -300))
    return Nodule(
        centre_mm=(0.0, 0.0, 0.0),
        diameter_mm=diameter_mm,
        kind=kind,
        place=place,
        hu=solid_hu if kind == "solid" else ground_hu,
        core_hu=ground_hu if kind == "ground-glass" else solid_hu,
        core_fraction=float(rng.uniform(0.35, 0.65)) if kind == "part-solid" else 0.0,
        lobes=lobes,
    )

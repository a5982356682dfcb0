"""Folders of small volumes, as people lay them out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from limen.data.identity import Pseudonyms
from limen.data.nifti import write_nifti
from limen.data.volume import Geometry, Volume
from limen.product.declaration import Dataset

PSEUDONYMS = Pseudonyms(b"s" * 32)


def put(path: Path, value: int = 1) -> Path:
    """A volume of 2 x 2 x 2 voxels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.full((2, 2, 2), value, dtype=np.uint8)
    write_nifti(Volume(values, Geometry(np.eye(4), (2, 2, 2))), path)
    return path


def dataset(**fields: Any) -> Dataset:
    fields = {"path": "data", **fields} if "images" not in fields else fields
    return Dataset(name="validation", use="validation", approval="a.yaml", **fields)

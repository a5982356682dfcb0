"""What the tests of models share."""

from __future__ import annotations

import numpy as np
import pytest

from limen.product.declaration import Task


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def lesions() -> Task:
    return Task(kind="lesion-detection", labels={"lesion": 1})


@pytest.fixture
def organs() -> Task:
    return Task(kind="segmentation", labels={"liver": 1, "spleen": 2})

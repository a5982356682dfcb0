"""Tasks that the tests of measures share."""

from __future__ import annotations

import pytest

from limen.product.declaration import Task


@pytest.fixture
def nodules() -> Task:
    return Task(kind="lesion-detection", labels={"nodule": 1})


@pytest.fixture
def organs() -> Task:
    return Task(kind="segmentation", labels={"liver": 1, "spleen": 2})

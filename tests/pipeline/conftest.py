"""Fixtures of the pipeline's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from pipeline_builders import build_product


@pytest.fixture
def product_folder(tmp_path: Path) -> Path:
    return build_product(tmp_path / "product")

"""Fixtures of the pipeline's tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pipeline_builders import build_product

import limen


@pytest.fixture
def product_folder(tmp_path: Path) -> Path:
    return build_product(tmp_path / "product")


@pytest.fixture(scope="session")
def _made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = build_product(tmp_path_factory.mktemp("run-once") / "product")
    limen.run(limen.load(folder), workers=1)
    return folder


@pytest.fixture
def run_folder(_made_once: Path, tmp_path: Path) -> Path:
    """The small product after a whole run; a copy, to be changed."""
    return Path(shutil.copytree(_made_once, tmp_path / "product"))

"""The reference pages say what the models say, and leave no key without words."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
MEND = "run `python docs/make_reference.py` and commit what it wrote"

spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
maker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(maker)
PAGES = maker.pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_the_models_are(name):
    assert (DOCS / "reference" / name).read_text(encoding="utf-8") == PAGES[name], MEND


@pytest.mark.parametrize("name", PAGES)
def test_no_key_is_without_words(name):
    rows = [line for line in PAGES[name].splitlines() if line.startswith("| `")]
    assert rows
    assert [row for row in rows if row.endswith("|  |")] == []


def test_every_page_is_in_the_index():
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    assert all(f"reference/{name}" in index for name in PAGES)

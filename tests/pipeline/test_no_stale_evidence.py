"""After any change, what a run leaves is what a run from nothing would make."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from seeded_edits import EDITS, Edited, from_nothing, results, run_again

from limen.pipeline import graph


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Edited:
    made = Edited(tmp_path_factory.mktemp("edits") / "product", 3, random.Random(6))
    run_again(made.folder)
    return made


def test_every_kind_of_change_one_after_the_other(edited: Edited, tmp_path: Path):
    """Each kind once, compared twice, because a change left over would still show."""
    before = dict(graph.METHODS)
    try:
        for number, edit in enumerate(EDITS, 1):
            edit(edited)
            computed, _ = run_again(edited.folder)
            assert computed == 0 or edit is not Edited.nothing
            if number in (8, len(EDITS)):
                assert results(edited.folder) == from_nothing(edited.folder, tmp_path / "again")
    finally:
        graph.METHODS.update(before)


def test_one_case_changed_is_one_case_computed(edited: Edited):
    edited.image()
    computed, _ = run_again(edited.folder)
    assert computed <= 4 + 4  # its chain; verdicts, summary, leakage, report

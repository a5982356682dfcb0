"""Newly failing cases first, whatever the average; failures are never forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from limen.release.difference import compare, failures

VERDICTS = st.dictionaries(
    st.sampled_from([f"case{i}" for i in range(8)]), st.sampled_from([True, False, None])
)


def test_a_better_average_does_not_hide_what_fails_now() -> None:
    old = {"a": True, "b": False, "c": False, "d": False, "e": True}
    new = {"a": False, "b": True, "c": True, "d": False, "f": True}
    found = compare(old, new)
    assert found.passed_now > found.passed_before
    assert found.newly_failing == ("a",)
    assert (found.newly_passing, found.still_failing) == (("b", "c"), ("d",))
    assert (found.lost, found.added) == (("e",), ("f",))


def test_a_case_that_cannot_be_evaluated_any_more_is_newly_failing() -> None:
    assert compare({"a": True}, {"a": None}).newly_failing == ("a",)


@given(VERDICTS, VERDICTS)
def test_every_case_is_in_exactly_one_list_or_passes_in_both(old: dict, new: dict) -> None:
    d = compare(old, new)
    listed = [*d.newly_failing, *d.lost, *d.newly_passing, *d.still_failing, *d.added]
    assert len(listed) == len(set(listed))
    both = {c for c in old.keys() & new.keys() if old[c] is True and new[c] is True}
    assert set(listed) == (old.keys() | new.keys()) - both


@given(st.lists(VERDICTS, min_size=1, max_size=5), VERDICTS)
def test_the_list_of_failures_never_shrinks(history: list[dict], further: dict) -> None:
    releases = [(f"r{i}", v) for i, v in enumerate(history)]
    before = failures(releases)
    after = failures([*releases, ("last", further)])
    first = [(f.case, f.first_release) for f in before]
    assert [(f.case, f.first_release) for f in after][: len(first)] == first


def test_a_failure_is_open_until_it_passes_or_is_explained() -> None:
    releases = [
        ("r1", {"a": False, "b": False, "c": None, "d": True}),
        ("r2", {"a": True, "b": False}),
    ]
    found = {f.case: f for f in failures(releases, explained={"b"})}
    assert {c: f.is_open for c, f in found.items()} == {"a": False, "b": False, "c": True}
    assert found["c"].now is None
    assert failures([]) == []

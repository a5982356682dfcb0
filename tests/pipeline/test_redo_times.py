"""The time that evidence takes to be made again, from when the last run's records were made."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from limen.evidence import Record
from limen.pipeline.redo import Again, GraphRedo, _time

START = datetime.fromisoformat("2026-11-20T08:00:00+00:00")


def record(kind: str, second: float) -> Record:
    made = (START + timedelta(seconds=second)).isoformat()
    return Record(kind, "a", "m/1", {}, "0" * 64, made_utc=made)


def test_a_pace_is_the_last_runs_and_never_an_old_ones():
    first = [record("prediction", 100.0 * i) for i in range(10)]
    last = [record("prediction", 5000 + 2.0 * i) for i in range(6)]
    seconds, why = _time([*first, *last], "prediction", 40)
    assert seconds == pytest.approx(40 * 2.0)
    assert why == "the last run made 6 in 10 s"


def test_two_records_make_no_pace():
    seconds, why = _time([record("prediction", 0), record("prediction", 9)], "prediction", 40)
    assert seconds is None
    assert "no run of it is known" in why


def test_the_boundarys_time_is_split_where_its_search_ended():
    search = [record("trial", 10.0 * i) for i in range(5)]
    certificate = [record("trial", 100 + 30.0 * i) for i in range(4)]
    history = [*search, record("stress", 50), *certificate, record("boundary", 195)]
    assert _time(history, "stress", 1)[0] == pytest.approx(50.0)
    seconds, why = _time(history, "boundary", 1)
    assert seconds == pytest.approx(145.0)
    assert "4 trials" in why
    assert _time(history[:-1][:5], "boundary", 1)[0] is None


def test_one_unknown_time_leaves_the_whole_unknown():
    known = Again("measurement", "val", 4, ("task",), 8.0, "")
    picture = Again("picture", "val", 4, ("measurement",), 6.0, "")
    assert GraphRedo((known, picture), 3).seconds == pytest.approx(8.0)
    search = Again("stress", "p", 1, ("model",), 60.0, "")
    assert GraphRedo((known, picture, search), 3).seconds == pytest.approx(68.0)
    unknown = Again("boundary", "p", 1, ("stress",), None, "")
    assert GraphRedo((known, search, unknown), 3).seconds is None

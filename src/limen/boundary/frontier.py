"""Where the verdict flips when two to four axes degrade at once: an adaptive level-set search.

Degradation is nearly monotone, and that is used twice: a condition milder than one that passes
passes, one worse than one that fails fails (as long as the case has not shown otherwise); and a
surrogate that is taught such certain points guesses the frontier between them. Every new
condition is asked for where the guess crosses, and is least sure.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.boundary.result import Condition, SearchAxis, Trial
from limen.boundary.surrogate import Surrogate

Array = NDArray[Any]

BUDGET = {2: 40, 3: 100, 4: 200}
"""Trials of one case by the number of axes."""
_HALVINGS = 4
_RAYS, _LEVELS = 160, 14
_TURNS = 4
"""Sets of rays drawn until one holds a crossing that no trial decides."""
_KNOWN = 120
"""Points of certain verdict that the surrogate is taught besides the trials."""
_APART = 0.25
"""Two conditions asked for by one guess lie so far apart."""


class FoundSet:
    """The conditions under which a case passes, as far as its trials tell.

    Parameters
    ----------
    axes : sequence of SearchAxis
    trials : sequence of Trial
        Of conditions on these axes; nominal among them.
    """

    def __init__(self, axes: Sequence[SearchAxis], trials: Sequence[Trial]) -> None:
        self._axes = tuple(axes)
        self.points = positions([t.condition for t in trials], axes)
        self.passed = np.array([t.passed for t in trials], bool)
        self.contradictions, self._sound = _contradictions(self.points, self.passed)
        self.reach = _reach(self.points, self.passed)
        self._rng = np.random.default_rng(0)
        self._pool = _pool(len(self._axes))
        self.surrogate: Surrogate | None = None

    def passes(self, conditions: Sequence[Condition]) -> Array:
        """(n,) bools: whether the case is taken to pass."""
        return self.passes_at(positions(conditions, self._axes))

    def passes_at(self, at: Array) -> Array:
        """The same at positions, (n, axes), 0 nominal and 1 worst."""
        passing, failing = self.certain(at)
        if self.surrogate is None:
            self.teach()
        if self.surrogate is None:  # every trial has one answer
            return passing | (~failing & bool(self.passed.all()))
        return np.asarray(passing | (~failing & (self.surrogate.mean(at / self.reach) > 0)))

    def certain(self, at: Array) -> tuple[Array, Array]:
        """Which positions pass, and which fail, by a trial that is worse, or milder."""
        passing, failing = np.zeros(len(at), bool), np.zeros(len(at), bool)
        for point, passed in zip(self.points[self._sound], self.passed[self._sound], strict=True):
            if passed:
                passing |= (at <= point + 1e-9).all(axis=1)
            else:
                failing |= (at >= point - 1e-9).all(axis=1)
        return passing, failing

    def teach(self, like: FoundSet | None = None) -> None:
        """Fit the surrogate; with ``like``, in its lengths and powers instead of the best."""
        if self.passed.all() or not self.passed.any():
            return
        passing, failing = self.certain(self._pool * self.reach)
        points, verdicts = [self.points / self.reach], [self.passed]
        for known, verdict in ((passing, True), (failing, False)):
            some = np.flatnonzero(known)
            some = self._rng.choice(some, min(len(some), _KNOWN // 2), replace=False)
            points.append(self._pool[some])
            verdicts.append(np.full(len(some), verdict))
        x, y = np.concatenate(points), np.concatenate(verdicts)
        before = like.surrogate if like is not None else None
        self.surrogate = Surrogate.best(x, y) if before is None else before.again(x, y)

    def unsure(self) -> Array:
        """(n, axes) positions where the guess crosses, least sure first."""
        if self.surrogate is None:
            return np.zeros((0, len(self._axes)))
        for _ in range(_TURNS):
            at = self._undecided(self._crossings(self.surrogate))
            if len(at):
                break
        else:  # the guess says nothing new: take what no trial decides
            some = self._rng.permutation(len(self._pool))[:1000]
            at = self._undecided(self._pool[some])
        if not len(at):
            return at
        mean, spread = self.surrogate.mean_and_spread(at)
        return np.asarray(at[np.argsort(np.abs(mean) - spread)] * self.reach)

    def _undecided(self, at: Array) -> Array:
        passing, failing = self.certain(at * self.reach)
        return np.asarray(at[~passing & ~failing])

    def _crossings(self, surrogate: Surrogate) -> Array:
        """Where rays from nominal leave the guessed set."""
        n = len(self._axes)
        ends = self._rng.random((_RAYS, n))
        ends[self._rng.random((_RAYS, n)) < 0.2] = 0.0
        ends[~ends.any(axis=1)] = 1.0
        ends /= ends.max(axis=1)[:, None]
        levels = (np.arange(_LEVELS) + 0.5) / _LEVELS
        grid = (ends[:, None] * levels[:, None]).reshape(-1, n)
        mean = surrogate.mean(grid).reshape(_RAYS, _LEVELS)
        leaves = (mean[:, :-1] > 0) & (mean[:, 1:] <= 0)
        ray = np.flatnonzero(leaves.any(axis=1))
        step = leaves[ray].argmax(axis=1)
        before, after = mean[ray, step], mean[ray, step + 1]
        length = levels[step] + before / (before - after) / _LEVELS
        return np.asarray(ends[ray] * length[:, None])


def explore(
    axes: Sequence[SearchAxis], known: Sequence[Trial] = (), budget: int | None = None
) -> Generator[Condition, Trial, tuple[Trial, ...]]:
    """Ask for conditions until the budget is spent or nothing is unsure.

    A generator like `limen.boundary.margin.bracket`: it yields a condition, is sent its trial,
    and returns all trials.

    Parameters
    ----------
    axes : sequence of SearchAxis
        Two to four.
    known : sequence of Trial
        Trials of this case that are there already, such as those of its margins; they count.
    budget : int, optional
        Trials in all; default `BUDGET`.
    """
    if not 2 <= len(axes) <= 4:
        raise ValueError(f"a frontier is searched on two to four axes, got {len(axes)}")
    most = budget or BUDGET[len(axes)]
    trials = {_key(t.condition, axes): t for t in known}

    def ask(at: Array) -> Generator[Condition, Trial, bool]:
        condition = condition_at(at, axes)
        key = _key(condition, axes)
        if key not in trials:
            trials[key] = yield condition
        return trials[key].passed

    n = len(axes)
    if not (yield from ask(np.zeros(n))):
        return tuple(trials.values())
    for direction in np.eye(n):
        yield from _halve_towards(ask, direction, axes, trials, most)
    reach = FoundSet(axes, tuple(trials.values())).reach
    yield from _halve_towards(ask, reach, axes, trials, most)

    last: FoundSet | None = None
    refit = len(trials)
    while len(trials) < most:
        found = FoundSet(axes, tuple(trials.values()))
        if len(trials) >= refit:
            found.teach()
            refit = max(refit + 12, round(1.5 * refit))
        else:
            found.teach(last)
        last = found
        asked: list[Array] = []
        for at in found.unsure():
            if len(asked) == 2 or len(trials) >= most:
                break
            if any(((at - a) ** 2 / found.reach**2).sum() < _APART**2 for a in asked):
                continue
            if _key(condition_at(at, axes), axes) in trials:
                continue
            yield from ask(at)
            asked.append(at)
        if not asked:
            break
    return tuple(trials.values())


def condition_at(at: Array, axes: Sequence[SearchAxis]) -> dict[str, float]:
    """The nearest condition that exists at a position; axes at nominal are left out."""
    values = {a.name: a.value(float(p)) for a, p in zip(axes, at, strict=True)}
    return {a.name: values[a.name] for a in axes if values[a.name] != a.nominal}


def positions(conditions: Sequence[Condition], axes: Sequence[SearchAxis]) -> Array:
    """(n, axes) positions of conditions."""
    rows = [[a.position(c.get(a.name, a.nominal)) for a in axes] for c in conditions]
    return np.asarray(rows, float).reshape(len(conditions), len(axes))


def _halve_towards(
    ask: Any, end: Array, axes: Sequence[SearchAxis], trials: dict[Any, Trial], most: int
) -> Generator[Condition, Trial, None]:
    if len(trials) >= most or (yield from ask(end)):
        return
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        if len(trials) >= most:
            return
        middle = (low + high) / 2
        if (yield from ask(middle * end)):
            low = middle
        else:
            high = middle


def _key(condition: Condition, axes: Sequence[SearchAxis]) -> tuple[float, ...]:
    return tuple(condition.get(a.name, a.nominal) for a in axes)


def _contradictions(points: Array, passed: Array) -> tuple[int, Array]:
    """Pairs of a failure and a pass that is worse on every axis; and who is in none of them."""
    sound = np.ones(len(points), bool)
    count = 0
    good = np.flatnonzero(passed)
    for bad in np.flatnonzero(~passed):
        worse = good[(points[good] >= points[bad] - 1e-9).all(axis=1)]
        count += len(worse)
        sound[worse] = False
        if len(worse):
            sound[bad] = False
    return count, sound


def _reach(points: Array, passed: Array) -> Array:
    """The least failing position on each axis alone, 1 where none fails: the frontier's box."""
    reach = np.ones(points.shape[1])
    for i in range(points.shape[1]):
        alone = ~passed & (np.delete(points, i, axis=1) <= 1e-9).all(axis=1)
        if alone.any():
            reach[i] = max(points[alone, i].min(), 1e-6)
    return reach


@cache
def _pool(n: int) -> Array:
    """Positions spread evenly, half of them along rays and so denser near nominal.

    The additive recurrence of Roberts (2018), by powers of the root of x^(n + 1) = x + 1: as even
    as this needs, and without the second that importing scipy.stats takes.
    """
    root = 2.0
    for _ in range(40):
        root = (1 + root) ** (1 / (n + 1))
    even = (0.5 + np.arange(1, 2049)[:, None] * root ** -np.arange(1.0, n + 1)) % 1
    length = np.random.default_rng(0).random((1024, 1))
    rays = even[::2] / even[::2].max(axis=1)[:, None] * length
    return np.concatenate([even[1::2], rays])

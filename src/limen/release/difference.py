"""Two releases case by case, and the failures that are never forgotten."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

Verdicts = Mapping[str, bool | None]
"""By case: whether it passed; None where it could not be evaluated."""


@dataclass(frozen=True)
class Difference:
    """What differs between two releases; each list is sorted by case.

    Attributes
    ----------
    newly_failing : tuple of str
        Passed before, and fail or cannot be evaluated now. They come first, whatever the averages.
    lost : tuple of str
        Not among the cases of the new release at all.
    newly_passing, still_failing, added : tuple of str
        ``added`` are cases the old release did not have.
    """

    newly_failing: tuple[str, ...]
    lost: tuple[str, ...]
    newly_passing: tuple[str, ...]
    still_failing: tuple[str, ...]
    added: tuple[str, ...]
    passed_before: int
    passed_now: int


def compare(old: Verdicts, new: Verdicts) -> Difference:
    """Compare two releases case by case; a case without a verdict did not pass."""

    def which(*conditions: bool | None) -> tuple[str, ...]:
        was, now = conditions
        return tuple(
            sorted(c for c in old.keys() & new.keys() if (bool(old[c]), bool(new[c])) == (was, now))
        )

    return Difference(
        newly_failing=which(True, False),
        lost=tuple(sorted(old.keys() - new.keys())),
        newly_passing=which(False, True),
        still_failing=which(False, False),
        added=tuple(sorted(new.keys() - old.keys())),
        passed_before=sum(v is True for v in old.values()),
        passed_now=sum(v is True for v in new.values()),
    )


@dataclass(frozen=True)
class Failure:
    """A case that failed in some release, and how it stands.

    Attributes
    ----------
    case : str
    first_release : str
        In which it first failed.
    now : bool or None
        Whether it passes in the last release; None where it was not run or not evaluated there.
    is_explained : bool
        Whether a signed explanation stands beside it. It stays on the list all the same.
    """

    case: str
    first_release: str
    now: bool | None
    is_explained: bool

    @property
    def is_open(self) -> bool:
        """Whether it neither passes now nor is explained."""
        return self.now is not True and not self.is_explained


def failures(
    releases: Sequence[tuple[str, Verdicts]], explained: Collection[str] = ()
) -> list[Failure]:
    """Every case that ever failed, in the order in which they first did.

    Adding a release can only lengthen the list. A case that could not be evaluated is a failure.
    """
    first: dict[str, str] = {}
    for name, verdicts in releases:
        for case in sorted(verdicts):
            if verdicts[case] is not True:
                first.setdefault(case, name)
    last = releases[-1][1] if releases else {}
    return [Failure(c, name, last.get(c), c in explained) for c, name in first.items()]

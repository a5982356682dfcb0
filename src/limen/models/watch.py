"""Who is told how a training gets on, and what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from limen.models.tune import TuneScore


@dataclass(frozen=True)
class Standing:
    """How far a training is. ``loss`` is the mean since the last word; ``tune`` the last look."""

    step: int
    steps: int
    loss: float
    tune: TuneScore | None
    best: float | None
    left_s: float
    """Seconds to the last step at the pace so far; early stopping may make it fewer."""


class Watcher(Protocol):
    """Whoever is told of the progress."""

    def say(self, words: str) -> None: ...
    def read(self, done: int, total: int) -> None: ...
    def step(self, standing: Standing) -> None: ...


class Silent:
    """A watcher that tells nobody."""

    def say(self, words: str) -> None: ...
    def read(self, done: int, total: int) -> None: ...
    def step(self, standing: Standing) -> None: ...

"""What is wrong in a file that people write: each mistake with its place, all in one error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from limen.errors import LimenError


class ProductNotFound(LimenError):
    """There is no ``limen.yaml`` where one was looked for."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a declaration or a recipe.

    Attributes
    ----------
    file : str
        Name of the file, without its folder.
    line : int
        From 1; of the offending text, or of the section in which something is missing.
    column : int or None
        From 1.
    key : str
        Where it stands, e.g. ``criteria[1].at_most``; "" is the file as a whole.
    found : str or None
        The offending text as written, shortened to one line; None when something is missing.
    expected : str
        What belongs there, in words.
    nearest : str or None
        The valid word nearest to what was found.
    """

    file: str
    line: int
    column: int | None
    key: str
    found: str | None
    expected: str
    nearest: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " + (f"{self.key}: " if self.key else "")
        found = "missing" if self.found is None else f"found '{self.found}'"
        meant = f"; did you mean '{self.nearest}'?" if self.nearest is not None else ""
        # names in the file may hold line breaks; a problem is one line
        return " ".join(f"{place}{found}; expected {self.expected}{meant}".split())

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


class FileMistakes(LimenError):
    """A file that people write is wrong; ``problems`` has every mistake, in order of its lines."""

    file_is: ClassVar[str]
    problems: tuple[Problem, ...]

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        n = len(self.problems)
        super().__init__(
            f"{self.file_is} has {'a mistake' if n == 1 else f'{n} mistakes'}",
            where=self.problems[0].file,
            found=self.problems[0].found,
            mend=f"expected {self.problems[0].expected}" if n == 1 else "mend each line named",
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.problems,)

    def _text(self) -> str:
        return "\n".join(str(p) for p in self.problems)


class DeclarationError(FileMistakes):
    """A ``limen.yaml`` is wrong."""

    file_is = "the declaration"


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """The valid word that is spelled most like this one, or None when none is much alike."""
    # only mistakes pay for the import
    from rapidfuzz.distance import DamerauLevenshtein
    from rapidfuzz.process import extractOne

    found = extractOne(
        word.lower(),
        list(valid),
        scorer=DamerauLevenshtein.normalized_similarity,
        processor=str.lower,
        score_cutoff=0.6,
    )
    return None if found is None else found[0]


def listed(words: Sequence[str], last: str = "or") -> str:
    """``a, b or c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"

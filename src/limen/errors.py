"""The one shape every failure of Limen has: what, where, found, mend.

Rooms define their own subclasses, one for each failure that a caller can act on.
"""

from __future__ import annotations


class LimenError(Exception):
    """A failure a user can act on.

    Parameters
    ----------
    what : str
        What is wrong, one sentence without a full stop.
    where : str, optional
        Case, file, line or key. Never anything that identifies a patient.
    found : str, optional
        The offending value, as text.
    mend : str, optional
        What to do about it.
    """

    exit_code = 2
    """Exit status of the command line: 2 the input is wrong, 1 the answer is no."""

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        found: str | None = None,
        mend: str | None = None,
    ) -> None:
        self.what, self.where, self.found, self.mend = what, where, found, mend
        super().__init__(self._text())

    def __reduce__(self) -> tuple[object, ...]:
        # Errors travel between worker processes; the default would lose the keywords.
        return _rebuild, (type(self), self.what, self.where, self.found, self.mend)

    def _text(self) -> str:
        parts = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.found is not None:
            parts.append(f"found: {self.found}")
        if self.mend is not None:
            parts.append(f"mend: {self.mend}")
        return "; ".join(parts)

    def as_dict(self) -> dict[str, str | None]:
        return {
            "error": type(self).__name__,
            "what": self.what,
            "where": self.where,
            "found": self.found,
            "mend": self.mend,
        }


def _rebuild(
    kind: type[LimenError], what: str, where: str | None, found: str | None, mend: str | None
) -> LimenError:
    return kind(what, where=where, found=found, mend=mend)

"""What is kept between the sittings of a training, so that it can be stopped at any moment."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from limen.evidence import write_atomically


@dataclass
class Reached:
    """How far a training has come; plain JSON.

    ``seconds`` is the time of all sittings; ``curve`` has one entry for each look at the tune
    cases.
    """

    step: int = 0
    best_step: int = 0
    best_value: float = -1.0
    seconds: float = 0.0
    curve: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Checkpoint:
    """Everything a training needs to go on as if it had not been stopped.

    ``weights``, ``averaged``, ``best`` and ``optimizer`` are torch's state dictionaries.
    """

    reached: Reached
    weights: dict[str, Any]
    averaged: dict[str, Any]
    best: dict[str, Any]
    optimizer: dict[str, Any]


class OtherProblem(Exception):
    """What is kept is of other cases, another recipe or other settings."""


class DamagedCheckpoint(Exception):
    """What is kept cannot be read."""


def keep(path: Path, problem: str, checkpoint: Checkpoint) -> None:
    """Write a checkpoint whole or not at all.

    Parameters
    ----------
    path : Path
    problem : str
        Digest of everything that the weights depend on.
    checkpoint : Checkpoint
    """
    import torch

    file = io.BytesIO()
    torch.save(
        {
            "problem": problem,
            "reached": json.dumps(asdict(checkpoint.reached)),
            "weights": checkpoint.weights,
            "averaged": checkpoint.averaged,
            "best": checkpoint.best,
            "optimizer": checkpoint.optimizer,
        },
        file,
    )
    write_atomically(path, file.getvalue())


def restore(path: Path, problem: str) -> Checkpoint | None:
    """The checkpoint of this very problem, or None where there is none.

    Nothing in the file is run: torch reads tensors and plain values only.

    Raises
    ------
    OtherProblem, DamagedCheckpoint
        There is one, but it is of no use.
    """
    import torch

    if not path.exists():
        return None
    try:
        kept = torch.load(path, weights_only=True)
        of_problem = kept["problem"]
        reached = Reached(**json.loads(kept["reached"]))
        checkpoint = Checkpoint(
            reached, kept["weights"], kept["averaged"], kept["best"], kept["optimizer"]
        )
    except Exception as error:  # torch has no one error for a damaged file
        raise DamagedCheckpoint from error
    if of_problem != problem:
        raise OtherProblem
    return checkpoint

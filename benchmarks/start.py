"""How long the command line takes to answer at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from table import Row, seconds, show

LIMEN = str(Path(sys.executable).with_name("limen"))


def _process(*command: str) -> float:
    return seconds(lambda: subprocess.run(command, check=True, capture_output=True), repeats=11)


def main() -> None:
    helped = _process(LIMEN, "--help")
    imported = _process(sys.executable, "-c", "import limen")
    bare = _process(sys.executable, "-c", "pass")
    # the least a command line built with typer can take: it imports typer and prints
    typer = _process(sys.executable, "-c", "import typer, rich")
    monai = _process(sys.executable, "-c", "import monai")
    show(
        [
            Row(
                "limen --help", helped, "s", "import typer, rich", typer, "< 0.15 s", helped < 0.15
            ),
            Row("import limen", imported, "s", "import monai", monai),
            Row("python -c pass, the floor", bare, "s"),
        ]
    )


if __name__ == "__main__":
    main()

"""The ``limen`` command: its verbs, and what becomes of errors.

Exit status: 0 done; 1 the answer is no (refused, stale, incomplete); 2 the input is wrong;
70 a defect of Limen itself; 130 stopped by the user.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from limen.cli.verbs import file_of, files, overview
from limen.errors import LimenError

if TYPE_CHECKING:
    import typer


def build(only: str | None = None) -> typer.Typer:
    """The command line with the verbs of one file, or with all of them."""
    from importlib import import_module

    import typer

    app = typer.Typer(
        name="limen",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        # click's own plain help: rich's Markdown would cost more than all the rest of the start
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    for file in [only] if only else files():
        import_module(f"limen.cli.{file}").add_to(app)

    @app.callback()
    def verbs() -> None:
        """Makes even a single verb one of several, so that its name is still asked for."""

    return app


def start() -> None:
    """Run the command line; every failure ends in one message and an exit status."""
    asked = sys.argv[1:]
    if not asked or asked[0] in ("-h", "--help"):
        print(overview())
        return
    if asked[0] == "--version":
        import limen

        print(f"limen {limen.__version__}")
        return
    as_json = "--json" in asked
    # the workers fill the cores; threads of a library that wait for each other by spinning cost the
    # process beside them, which only chooses what is tried next, ten times its own time
    for name, value in (("OPENBLAS_NUM_THREADS", "1"), ("OMP_WAIT_POLICY", "PASSIVE")):
        os.environ.setdefault(name, value)
    try:
        app = build(file_of(asked[0]))
        if as_json and not {"-h", "--help"} & set(asked):
            sys.exit(_for_machines(app))
        app()
    except LimenError as error:
        _tell(error, as_json)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print(
            "\nStopped. What was finished is kept; run the same command to go on.", file=sys.stderr
        )
        sys.exit(130)
    except BrokenPipeError:
        # the reader went away (`limen status | head`); nothing is left to say to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        _tell(_from_system(error), as_json)
        sys.exit(2)
    except Exception as error:
        if os.environ.get("LIMEN_DEBUG"):
            raise
        _tell(
            LimenError(
                f"a defect of Limen: {type(error).__name__}",
                mend="run again with LIMEN_DEBUG=1 to see where, and report it",
            ),
            as_json,
        )
        sys.exit(70)


class Usage(LimenError):
    """An option is unknown, or an argument is missing."""


def _for_machines(app: typer.Typer) -> int:
    """Run a verb whose mistakes on the command line are JSON too; returns the exit status."""
    import typer

    try:
        status = app(standalone_mode=False)
    except typer.Abort:
        return 1
    except Exception as error:
        # click's own errors, which typer carries under a name that is not public
        if not hasattr(error, "format_message"):
            raise
        raise Usage(
            error.format_message().rstrip("."), mend="`limen VERB --help` says what it takes"
        ) from None
    return status if isinstance(status, int) else 0


def _tell(error: LimenError, as_json: bool) -> None:
    from limen.cli.show import error_out

    error_out(error, as_json)


def _from_system(error: OSError) -> LimenError:
    in_the_way = "a file or folder of this name is in the way: move it elsewhere"
    mends = {
        errno.ENOSPC: "free disk space and run again; what was finished is kept",
        errno.EACCES: "give this user the right to read and write there",
        errno.EPERM: "give this user the right to read and write there",
        errno.EROFS: "work on a copy of the folder that can be written",
        errno.EEXIST: in_the_way,
        errno.ENOTDIR: in_the_way,
        errno.EISDIR: in_the_way,
        errno.ENOTEMPTY: in_the_way,
        errno.ELOOP: "the link leads back to itself: remove it",
        errno.ENAMETOOLONG: "use shorter names",
        errno.EMFILE: "raise the limit of open files (ulimit -n), or use fewer --workers",
    }
    name = error.filename2 if error.filename2 is not None else error.filename
    mend = mends.get(error.errno or 0, "see the system's message")
    what = error.strerror or type(error).__name__
    return LimenError(what, where=None if name is None else _shown(str(name)), mend=mend)


def _shown(name: str) -> str:
    """A path in a message: only what Limen itself writes; other names may identify a patient."""
    path = Path(name)
    if path.name.startswith(".writing-"):
        path = path.parent
    if {".limen", "report", "approvals", "model"} & set(path.parts) or path.name == "limen.yaml":
        return str(path)
    from limen.data.identity import safe_name

    return safe_name(path.name, ()) or "a file whose name is not shown"

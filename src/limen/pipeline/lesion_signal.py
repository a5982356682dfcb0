"""What the raw signal holds of a lesion: d' of the ideal observer on raw data made of its image.

The observer knows lesion and background exactly, so that no model does better. The lesion's signal
is its mask times its contrast to a ring around it; the noise is what the case's attributes state,
else what can be read off the image; where neither is known there is no d'.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError

if TYPE_CHECKING:
    from limen.data import Case, Volume
    from limen.data.volume import Array
    from limen.product import Declaration

STATED, READ = 0.25, 0.35
"""Relative error of d' with noise that is stated, and with noise that is read off the image: that
of the contrast, which is read off a noisy image, and that of the noise (records 42 and 82)."""
OCT_ERROR = 0.35
"""Speckle makes contrasts of OCT uncertain, and the noise floor is always read off the image."""
_RING_VOXELS = 3
_FEWEST = 3
_USUAL_VIEWS = 984


@dataclass(frozen=True)
class SignalJob:
    """What a worker needs for the lesions of one case."""

    case: Case
    declaration: Declaration
    lesions: tuple[int, ...]
    """Ids of reference lesions, as `measures.find_lesions` numbers them."""


@dataclass(frozen=True)
class Signals:
    """d' of each lesion with its relative error, and why it is not known of the others."""

    d_prime: Mapping[int, tuple[float, float]]
    unknown: Mapping[int, str]


@dataclass(frozen=True)
class _Lesion:
    """A lesion within its box: where it is, and the ring around it, as (I, J, K) masks."""

    number: int
    box: tuple[slice, slice, slice]
    mask: Array
    ring: Array


class _Unknown(LimenError):
    """Why d' of a case's lesions is not known."""


def signals(job: SignalJob) -> Signals:
    """d' of lesions of one case, in a worker."""
    from limen.data import read_image, read_labels

    case, modality = job.case, job.declaration.product.intended_use.modality
    assert case.reference is not None
    try:
        image = read_image(case)
        reference = read_labels(case.reference, image.geometry, job.declaration.task, case.id)
        lesions = list(_lesions(reference, job))
        made = {"CT": _ct, "MR": _mr, "OCT": _oct}
        if modality not in made:
            raise _Unknown(f"it is not simulated how {modality} is acquired")
        found = made[modality](image, case, job.declaration, lesions)
    except LimenError as error:
        return Signals({}, dict.fromkeys(job.lesions, error.what))
    small = f"it has fewer than {_FEWEST} voxels, or nothing around it"
    return Signals(found, {n: small for n in job.lesions if n not in found})


def _lesions(reference: Volume, job: SignalJob) -> Iterator[_Lesion]:
    """Each with its ring, of voxels that are no lesion; without those too small to be measured.

    The ring lies within slices, for they are mostly thicker than pixels are wide.
    """
    import numpy as np
    import scipy.ndimage as ndi

    numbered = lesion_map(reference, job.declaration)
    disc = ndi.generate_binary_structure(3, 1)
    disc[:, :, [0, 2]] = False
    for number, box in enumerate(ndi.find_objects(numbered), start=1):
        if box is None or number not in job.lesions:
            continue
        wide = tuple(
            slice(max(s.start - m, 0), min(s.stop + m, n))
            for s, m, n in zip(box, (_RING_VOXELS, _RING_VOXELS, 0), numbered.shape, strict=True)
        )
        here = numbered[wide]
        mask = here == number
        ring = ndi.binary_dilation(mask, disc, iterations=_RING_VOXELS) & (here == 0)
        if min(np.count_nonzero(mask), np.count_nonzero(ring)) >= _FEWEST:
            yield _Lesion(number, (wide[0], wide[1], wide[2]), mask, ring)


def lesion_map(labels: Volume, declaration: Declaration) -> Array:
    """(I, J, K) ids of lesions, as `limen.measures` numbers them; 0 where there is none."""
    import numpy as np

    from limen.measures import find_lesions

    task = declaration.task
    instances = task.reference == "instances"
    names: Any = "lesion" if instances else {v: name for name, v in task.labels.items()}
    found = find_lesions(
        np.ascontiguousarray(labels.values), labels.geometry.affine_lps_mm, names,
        "instances" if instances else "mask",
    )  # fmt: skip
    return np.asarray(np.transpose(found.runs.map(), np.argsort(found.order)))


def _contrast(image: Volume, lesion: _Lesion) -> float:
    """Mean of the lesion less the median of its ring, which may cross vessels and bone."""
    import numpy as np

    here = image.values[lesion.box].astype(np.float64)
    return float(here[lesion.mask].mean() - np.median(here[lesion.ring]))


# --- CT -------------------------------------------------------------------------------------------


def _ct(
    image: Volume, case: Case, declaration: Declaration, lesions: Sequence[_Lesion]
) -> dict[int, tuple[float, float]]:
    """In counts: slices count as acquired one by one, so their d'^2 add.

    Views and photons are those that the case states (``views``, ``photons_per_ray``); else the
    declared nominal views, and photons read off the noise of the image.
    """
    import numpy as np

    from limen.physics.ct import KERNELS, Acquisition, photons_of_image, raw_detectability

    pixel_mm, other_mm, _ = image.geometry.spacing_mm
    if abs(pixel_mm - other_mm) > 1e-3 * pixel_mm:
        raise _Unknown("its pixels are not square")
    given = declaration.physics.get("ct.views")
    declared = _USUAL_VIEWS if given is None else int(given.from_)
    kernel = str(case.attributes.get("kernel", "hann"))
    scan = Acquisition.of_image(
        image.geometry.shape[:2],
        pixel_mm,
        n_views=int(_number(case, "views") or declared),
        kernel=kernel if kernel in KERNELS else "hann",
        electronic_noise_photons=_number(case, "electronic_noise_photons") or 0.0,
    )
    photons, error = _number(case, "photons_per_ray"), STATED
    if photons is None:
        read = photons_of_image(image.values, scan)
        if read.value is None:
            raise _Unknown(f"its photons are not stated and cannot be read: {read.because}")
        photons, error = float(read.value), READ
    found = {}
    for lesion in lesions:
        slices = image.values[:, :, lesion.box[2]]
        signal = np.zeros(slices.shape, np.float32)
        signal[lesion.box[:2]] = lesion.mask * np.float32(_contrast(image, lesion))
        background = scan.project(slices - signal)
        lines = scan.project(slices) - background
        d_prime = raw_detectability(background, lines, photons, scan.electronic_noise_photons)
        found[lesion.number] = (d_prime, error)
    return found


# --- MR -------------------------------------------------------------------------------------------


def _mr(
    image: Volume, case: Case, declaration: Declaration, lesions: Sequence[_Lesion]
) -> dict[int, tuple[float, float]]:
    """In k-space of one coil that sees all, every line measured; slices add as in CT.

    The noise is that of the image (``noise_sd``, in its unit, where it is stated), so what
    acceleration and coils did to it is in it. Voxels that were made by interpolation share their
    noise and count as if they did not: then d' is too large.
    """
    import numpy as np

    from limen.physics.mr import Cartesian, detectability, noise_level

    sd, error = _number(case, "noise_sd"), STATED
    if sd is None:
        read = noise_level(image.values)
        if read.value is None or not read.value > 0:
            because = read.because or "there is none"
            raise _Unknown(f"its noise is not stated and cannot be read: {because}")
        sd, error = float(read.value), READ
    sampling = Cartesian(image.geometry.shape[:2], image.geometry.spacing_mm[:2])
    found = {}
    for lesion in lesions:
        contrast, total = _contrast(image, lesion), 0.0
        for k in range(lesion.mask.shape[2]):
            signal = np.zeros(image.geometry.shape[:2])
            signal[lesion.box[:2]] = lesion.mask[:, :, k] * contrast
            total += detectability(signal, sampling, 2 * sd**2) ** 2
        found[lesion.number] = (math.sqrt(total), error)
    return found


# --- OCT ------------------------------------------------------------------------------------------


def _oct(
    image: Volume, case: Case, declaration: Declaration, lesions: Sequence[_Lesion]
) -> dict[int, tuple[float, float]]:
    """In fringes, against the shot noise that makes the noise floor of the image.

    The signal is the light that a lesion adds or takes away: speckle whose mean power is the
    difference of power between lesion and ring. Its phases are known to the observer, as those
    of the signal in MR are, and not to a model, which is why d' is a limit. Frames that were
    averaged (``frames``, to be stated) each have their own noise, so their d'^2 add.
    """
    import numpy as np
    from scipy.stats import gamma

    from limen.physics.oct import ideal_observer_snr
    from limen.pipeline.degrade_oct import lit_acquisition_of

    frames = _number(case, "frames")
    if frames is None:
        raise _Unknown("it is not stated how many frames were averaged (frames)")
    acquisition = lit_acquisition_of(image, case.attributes, case.id)
    power_of_unit = _power_of_unit_reflectivity(acquisition)
    # the median of averaged speckle lies under its mean
    under = float(gamma.median(frames) / frames)
    found = {}
    for lesion in lesions:
        power = 10 ** (image.values[lesion.box].astype(np.float64) / 10)
        inside, around = (float(np.median(power[m])) / under for m in (lesion.mask, lesion.ring))
        amplitude = math.sqrt(abs(inside - around) / power_of_unit)
        rng = np.random.default_rng(lesion.number)
        signal = np.zeros((lesion.mask.shape[2], lesion.mask.shape[0], image.values.shape[1]),
                          np.complex128)  # fmt: skip
        turn = np.exp(1j * rng.uniform(-np.pi, np.pi, lesion.mask.shape))
        signal[:, :, lesion.box[1]] = np.moveaxis(lesion.mask * turn * amplitude, 2, 0)
        d_prime = math.sqrt(frames) * ideal_observer_snr(signal, acquisition)
        found[lesion.number] = (d_prime, OCT_ERROR)
    return found


def _power_of_unit_reflectivity(acquisition: Any) -> float:
    """Mean power in an image where every depth has a reflectivity of mean square 1 and any phase.

    Of a fringe ``F s`` through the window w: ``n / 4 sum (w F s)^2``, by Parseval.
    """
    import numpy as np

    from limen.physics.oct import Recipe

    recipe = Recipe.of_acquisition(acquisition)
    light = np.interp(recipe.positions, np.arange(recipe.n_samples), acquisition.spectrum)
    fringe = acquisition.detector.fringe_counts * light
    return float(recipe.n_points / 4 * np.sum((recipe.window * fringe) ** 2))


def _number(case: Case, name: str) -> float | None:
    """A stated attribute above zero."""
    value = case.attributes.get(name)
    return float(value) if isinstance(value, int | float) and value > 0 else None

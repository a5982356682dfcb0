"""A case's image at a condition: from the declared axes to the physics that moves along them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError
from limen.pipeline import degrade_mr, degrade_oct
from limen.pipeline.errors import CannotDegrade
from limen.pipeline.seeds import seed_of

if TYPE_CHECKING:
    from limen.boundary import SearchAxis
    from limen.data import Volume
    from limen.physics.ct import Acquisition
    from limen.product import Declaration

METHOD = "pipeline.degrade/4"
"""Raised whenever the same condition of the same image may give another one."""

_BY_RATIO = {
    "ct.dose", "ct.views", "ct.arc", "ct.slice_thickness",
    "mr.snr", "mr.averages", "mr.field", "mr.acceleration", "oct.power",
}  # fmt: skip
_ORDER = (
    "ct.motion", "ct.metal", "ct.beam_hardening", "ct.rings", "ct.arc", "ct.views", "ct.dose",
    "ct.slice_thickness", "ct.kernel",
)  # fmt: skip
"""As on a scanner: what happens to the rays, then which are taken, with how many photons, then
what reconstruction does. Axes that are neither here nor in the order of MR or OCT cannot be
simulated."""
_SIMULATED = (*_ORDER, *degrade_mr.ORDER, *degrade_oct.ORDER)
_USUAL_VIEWS = 984
_BEGINS_AT = {
    **dict.fromkeys(("ct.dose", "mr.snr", "mr.acceleration", "mr.partial_fourier", "oct.power",
                     "oct.saturation"), 1.0),
    **dict.fromkeys(("ct.motion", "ct.metal", "ct.beam_hardening", "ct.rings", "ct.kernel",
                     "mr.motion", "mr.rotation", "mr.ghosting", "mr.spikes", "mr.off_resonance",
                     "mr.coil_dropout", "mr.bias_field", "oct.dispersion", "oct.k_clock",
                     "oct.motion", "oct.defocus"), 0.0),
    "ct.arc": 180.0,
}  # fmt: skip
"""Axes that tell what is done to the data: whatever the data are, they begin here."""
FACTS = (
    "photons_per_ray", "kernel", "electronic_noise_photons", "phase_axis", "noise_sd",
    *degrade_oct.NEEDED,
)  # fmt: skip
"""Attributes of a case that a degraded image may depend on."""


@dataclass(frozen=True)
class Degraded:
    """An image at a condition, and what was applied, for the evidence."""

    image: Volume
    applied: tuple[dict[str, Any], ...]


def searched_axes(declaration: Declaration, tolerance: float) -> tuple[SearchAxis, ...]:
    """The declared axes, from nominal to the worst, in the order of ``limen.yaml``.

    Raises
    ------
    CannotDegrade
        For an axis on which images cannot be degraded yet, or that does not begin at nominal.
    """
    from limen.boundary import SearchAxis
    from limen.product.axes import AXES

    axes = []
    for name, given in declaration.physics.items():
        if name not in _SIMULATED:
            raise CannotDegrade(
                "images of cases cannot be degraded along this axis yet",
                where=f"physics.{name}",
                mend=f"declare one of {', '.join(sorted(_SIMULATED))}",
            )
        if given.from_ != _BEGINS_AT.get(name, given.from_):
            raise CannotDegrade(
                "this axis tells what is done to the data as acquired, and so begins at nominal",
                where=f"physics.{name}.from",
                found=f"{given.from_:g}",
                mend=f"write from: {_BEGINS_AT[name]:g}",
            )
        by_ratio = name in _BY_RATIO and given.from_ > 0 and given.to > 0
        axes.append(
            SearchAxis(
                name=name,
                unit=AXES[name].unit,
                nominal=given.from_,
                worst=given.to,
                tolerance=tolerance,
                scale="log" if by_ratio else "linear",
                whole=AXES[name].whole,
            )
        )
    return tuple(axes)


def degrade(
    image: Volume,
    condition: Mapping[str, float],
    *,
    case: str,
    attributes: Mapping[str, Any],
    nominal: Mapping[str, float],
) -> Degraded:
    """An image as it would be at a condition, through raw data made from it.

    Parameters
    ----------
    image : Volume
        (I, J, K), slices along K: HU of CT, magnitude of MR, dB of OCT.
    condition : mapping
        Values on axes; what is not named is at nominal.
    case : str
        ``DATASET/CASE``, of which seeds are made.
    attributes : mapping
        Of the case. CT: ``photons_per_ray``, ``kernel`` and ``electronic_noise_photons`` are used
        where they are stated; photons are read off the image's noise where not. MR and OCT: see
        ``degrade_mr`` and ``degrade_oct``.
    nominal : mapping
        Value of each declared axis as acquired.

    Raises
    ------
    CannotDegrade
        The image or what is known of it does not allow it.
    """
    from limen.data import Volume

    if not condition:
        return Degraded(image, ())
    if any(axis.startswith("oct.") for axis in condition):
        with _naming(f"{case}, {', '.join(condition)}"):
            made, records = degrade_oct.degrade_fringes(image, condition, case, attributes)
        return Degraded(made, tuple(records))
    if any(axis.startswith("mr.") for axis in condition):
        return _through_k_space(image, condition, case, attributes)
    acquisition = _acquisition(image, attributes, nominal, case)
    values = image.values
    applied = []
    views_left = 1.0
    for axis in (a for a in _ORDER if a in condition):
        if axis == "ct.dose":
            acquisition = _with_photons(acquisition, image, case, views_left)
        operator = _operator(axis, acquisition, image, attributes, nominal)
        with _naming(f"{case}, {axis}"):
            drawn = operator.draw(condition[axis], seed_of(case, axis))
            done = operator.insert(values, drawn)
        values = done.data
        applied.append(done.record.as_dict())
        if axis in ("ct.views", "ct.arc"):
            # Noise that is added later is as strong as that of the views that are left. Its draw is
            # that of all views, so that conditions differ in the condition alone.
            left = operator.degraded_acquisition(drawn).geometry.n_views
            views_left *= left / acquisition.geometry.n_views
    return Degraded(Volume(values, image.geometry), tuple(applied))


def _through_k_space(
    image: Volume, condition: Mapping[str, float], case: str, attributes: Mapping[str, Any]
) -> Degraded:
    """The same for MR, whose degradations each begin at the image that is there."""
    from limen.data import Volume

    applied = []
    for axis in (a for a in degrade_mr.ORDER if a in condition):
        with _naming(f"{case}, {axis}"):
            operator = degrade_mr.operator(axis, image, attributes, case)
            drawn = operator.draw(condition[axis], seed_of(case, axis))
            done = operator.insert(image.values, drawn)
        image = Volume(done.data, image.geometry)
        applied.append(done.record.as_dict())
    return Degraded(image, tuple(applied))


@contextmanager
def _naming(where: str) -> Iterator[None]:
    """What physics refuses, as CannotDegrade with the case in which it did."""
    try:
        yield
    except CannotDegrade:
        raise
    except LimenError as error:
        raise CannotDegrade(error.what, where=where, found=error.found, mend=error.mend) from None


def _acquisition(
    image: Volume, attributes: Mapping[str, Any], nominal: Mapping[str, float], case: str
) -> Acquisition:
    import numpy as np

    from limen.physics.ct import KERNELS, Acquisition

    x_mm, y_mm, _ = image.geometry.spacing_mm
    along = np.abs(image.geometry.affine_lps_mm[:3, 2])
    if abs(x_mm - y_mm) > 1e-3 * x_mm or along.argmax() != 2 or not image.geometry.is_orthogonal:
        raise CannotDegrade(
            "only axial slices of square pixels can be degraded",
            where=case,
            found=f"pixels of {x_mm:.4g} x {y_mm:.4g} mm",
            mend="give axial images, with slices as the last axis",
        )
    kernel = str(attributes.get("kernel", "hann"))
    photons = attributes.get("photons_per_ray")
    return Acquisition.of_image(
        image.geometry.shape[:2],
        x_mm,
        n_views=int(nominal.get("ct.views", _USUAL_VIEWS)),
        kernel=kernel if kernel in KERNELS else "hann",
        photons_per_ray=float(photons) if photons is not None else None,
        electronic_noise_photons=float(attributes.get("electronic_noise_photons", 0.0)),
    )


def _with_photons(
    acquisition: Acquisition, image: Volume, case: str, views_left: float
) -> Acquisition:
    """With the photons that made the image, of which fewer views hold a share."""
    from dataclasses import replace

    from limen.physics.ct import photons_of_image

    photons = acquisition.photons_per_ray
    if photons is None:
        read = photons_of_image(image.values, acquisition, seed=seed_of(case, "photons"))
        if read.value is None:
            raise CannotDegrade(
                "it cannot be read off the image how many photons made it",
                where=f"{case}, ct.dose",
                found=read.because,
                mend="state photons_per_ray in the manifest, or leave ct.dose out",
            )
        photons = read.value
    return replace(acquisition, photons_per_ray=photons * views_left)


def _operator(
    axis: str,
    acquisition: Acquisition,
    image: Volume,
    attributes: Mapping[str, Any],
    nominal: Mapping[str, float],
) -> Any:
    from limen.physics import ct

    through_rays: dict[str, Any] = {
        "ct.motion": ct.Motion,
        "ct.metal": ct.Metal,
        "ct.beam_hardening": ct.BeamHardening,
        "ct.rings": ct.Rings,
        "ct.arc": ct.Arc,
        "ct.views": ct.Views,
        "ct.dose": ct.Dose,
    }
    if axis in through_rays:
        return through_rays[axis](acquisition)
    pixel_mm, _, spacing_mm = image.geometry.spacing_mm
    if axis == "ct.slice_thickness":
        return ct.SliceThickness(spacing_mm, nominal[axis])
    return ct.Softening(pixel_mm, acquisition.geometry.detector_spacing_mm)

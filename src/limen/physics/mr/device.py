"""Cartesian MR on arrays of any library with the array API: computed where the arrays lie.

CuPy and torch arrays on a GPU are the purpose; the result is an array of the same library on the
same device. For NumPy arrays the functions of the same names in ``limen.physics.mr`` are faster.
"""

from __future__ import annotations

from typing import Any

from limen.physics.mr.sampling import AcquisitionError, Cartesian

_PLANE = (-2, -1)


def to_kspace(image: Any) -> Any:
    """K-space (..., ky, kx) of an image (..., y, x); centred at n // 2, unitary."""
    from array_api_compat import array_namespace

    xp = array_namespace(image)
    turned = xp.fft.ifftshift(image, axes=_PLANE)
    return xp.fft.fftshift(xp.fft.fftn(turned, axes=_PLANE, norm="ortho"), axes=_PLANE)


def to_image(kspace: Any) -> Any:
    """The inverse, and the adjoint, of `to_kspace`."""
    from array_api_compat import array_namespace

    xp = array_namespace(kspace)
    turned = xp.fft.ifftshift(kspace, axes=_PLANE)
    return xp.fft.fftshift(xp.fft.ifftn(turned, axes=_PLANE, norm="ortho"), axes=_PLANE)


def forward(image: Any, sampling: Cartesian, maps: Any) -> Any:
    """``A x = M F S x``, as `limen.physics.mr.forward`.

    Parameters
    ----------
    image : (..., y, x) complex array
    sampling : Cartesian
    maps : (coils, y, x) complex array
        Of the same library, type and device.

    Returns
    -------
    (..., coils, ky, kx) array; what the mask leaves out is zero. Memory: all coil images.

    Raises
    ------
    AcquisitionError
        When shapes contradict each other or an array is not complex.
    """
    _check(image, sampling, maps, coils=False)
    return _masked(to_kspace(image[..., None, :, :] * maps), sampling)


def adjoint(kspace: Any, sampling: Cartesian, maps: Any) -> Any:
    """The adjoint of `forward`: (..., y, x) of (..., coils, ky, kx)."""
    from array_api_compat import array_namespace

    _check(kspace, sampling, maps, coils=True)
    xp = array_namespace(kspace)
    images = to_image(_masked(kspace, sampling))
    return xp.sum(xp.conj(maps) * images, axis=-3)


def cg_sense(
    kspace: Any,
    sampling: Cartesian,
    maps: Any,
    iterations: int = 20,
    regularisation: float = 0.0,
) -> Any:
    """`limen.physics.mr.cg_sense`, all slices (..., coils, ky, kx) at once, each on its own.

    Memory: the coil images of all slices, twice.
    """
    from array_api_compat import array_namespace

    from limen.physics.mr.sense_iterative import check_solver

    check_solver(iterations, regularisation)
    xp = array_namespace(kspace)

    def dot(a: Any, b: Any) -> Any:
        return xp.sum(xp.real(xp.conj(a) * b), axis=_PLANE, keepdims=True)

    residual = adjoint(kspace, sampling, maps)
    x, direction, size = residual * 0, residual, dot(residual, residual)
    if not bool(xp.all(xp.isfinite(size))):
        raise AcquisitionError("K-space or maps hold what is not a finite number", found="NaN")
    one = xp.ones_like(size)
    for _ in range(iterations):
        changed = adjoint(forward(direction, sampling, maps), sampling, maps)
        changed = changed + regularisation * direction
        curvature = dot(direction, changed)
        # a slice of which nothing but rounding is left stands still
        alpha = xp.where(curvature > 0, size / xp.where(curvature > 0, curvature, one), 0 * one)
        x = x + alpha * direction
        residual = residual - alpha * changed
        new = dot(residual, residual)
        direction = residual + xp.where(size > 0, new / xp.where(size > 0, size, one), 0 * one) * (
            direction
        )
        size = new
    return x


def _masked(kspace: Any, sampling: Cartesian) -> Any:
    if sampling.mask is None:
        return kspace
    from array_api_compat import array_namespace, device

    xp = array_namespace(kspace)
    return kspace * xp.asarray(sampling.mask.astype(_real(kspace)), device=device(kspace))


def _real(kspace: Any) -> str:
    """Name of the real type of a complex array's parts."""
    return "float32" if "complex64" in str(kspace.dtype) else "float64"


def _check(data: Any, sampling: Cartesian, maps: Any, coils: bool) -> None:
    lead = (maps.shape[0],) if coils and maps.ndim == 3 else ()
    wanted = (*lead, *sampling.shape)
    if (
        not isinstance(sampling, Cartesian)
        or maps.ndim != 3
        or tuple(maps.shape[1:]) != tuple(sampling.shape)
        or data.ndim < len(wanted)
        or tuple(data.shape[data.ndim - len(wanted) :]) != wanted
    ):
        raise AcquisitionError(
            "Image or k-space, maps and sampling contradict each other",
            found=f"shape {tuple(data.shape)}, maps {tuple(maps.shape)}, grid {sampling.shape}",
            mend="give (..., [coils,] y, x), maps (coils, y, x), and Cartesian sampling",
        )
    if "complex" not in str(data.dtype) or maps.dtype != data.dtype:
        raise AcquisitionError(
            "Image or k-space and maps are complex, of one type",
            found=f"{data.dtype} and {maps.dtype}",
        )

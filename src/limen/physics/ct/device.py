"""CT of parallel beams on arrays of any library with the array API: computed where they lie.

CuPy and torch arrays on a GPU are the purpose; for NumPy arrays the functions of the same names in
``limen.physics.ct`` are many times faster. One view at a time: memory beside input and output is
a few numbers for each pixel (or each ray times pixels along it) and slice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from limen.physics.ct.backproject import parallel_response
from limen.physics.ct.geometry import GeometryError, ParallelGeometry


def forward(image_per_mm: Any, geometry: ParallelGeometry) -> Any:
    """Line integrals by Joseph's method, as `limen.physics.ct.forward`.

    Parameters
    ----------
    image_per_mm : (x, y, slices) float32 or float64 array
    geometry : ParallelGeometry

    Returns
    -------
    (views, detectors, slices) array of the same library, type and device

    Raises
    ------
    GeometryError
    """
    from array_api_compat import array_namespace

    _check(image_per_mm, geometry, geometry.image_shape)
    xp = array_namespace(image_per_mm)
    pixel, (nx, ny) = geometry.pixel_mm, geometry.image_shape
    x, y = ((np.arange(n) - (n - 1) / 2) * pixel for n in (nx, ny))
    offsets = geometry.offsets_mm[:, None]
    turned = xp.permute_dims(image_per_mm, (1, 0, 2))
    views = []
    for theta in geometry.angles_rad:
        cos, sin = float(np.cos(theta)), float(np.sin(theta))
        # along the axis to which the ray is more parallel, and the place across it
        if abs(cos) >= abs(sin):
            across, source, step = (offsets - y[None] * sin) / cos, image_per_mm, pixel / abs(cos)
        else:
            across, source, step = (offsets - x[None] * cos) / sin, turned, pixel / abs(sin)
        n_across, n_along = int(source.shape[0]), int(source.shape[1])
        at = across / pixel + (n_across - 1) / 2
        values = _between(xp, source, at, np.arange(n_along)[None], n_across, n_along)
        views.append(xp.sum(values, axis=1) * step)
    return xp.stack(views)


def fbp(sinogram: Any, geometry: ParallelGeometry, kernel: str = "hann") -> Any:
    """Attenuation image by filtered back-projection, as `limen.physics.ct.fbp`.

    Parameters
    ----------
    sinogram : (views, detectors, slices) float32 or float64 array
    geometry : ParallelGeometry
    kernel : str
        One of `limen.physics.ct.KERNELS`.

    Returns
    -------
    (x, y, slices) array, 1/mm, of the same library, type and device

    Raises
    ------
    GeometryError
    """
    import scipy.fft
    from array_api_compat import array_namespace

    _check(sinogram, geometry, geometry.sinogram_shape)
    xp = array_namespace(sinogram)
    n_detectors = geometry.n_detectors
    n = scipy.fft.next_fast_len(2 * n_detectors, real=True)
    response = _put(xp, parallel_response(n, geometry, kernel), sinogram)[None, :, None]
    # shorter than n, the views are padded with zeros
    spectrum = xp.fft.rfft(sinogram, n=n, axis=1)
    filtered = xp.fft.irfft(spectrum * response, n=n, axis=1)[:, :n_detectors, :]
    nx, ny = geometry.image_shape
    x, y = ((np.arange(m) - (m - 1) / 2) * geometry.pixel_mm for m in (nx, ny))
    image = 0
    for v, theta in enumerate(geometry.angles_rad):
        along = x[:, None] * np.cos(theta) + y[None] * np.sin(theta)
        at = along / geometry.detector_spacing_mm + (n_detectors - 1) / 2
        image = image + _between(xp, filtered[v, :, None, :], at, np.zeros((1, 1), int),
                                 n_detectors, 1)  # fmt: skip
    return image


def _between(xp: Any, source: Any, at: Any, row: Any, n: int, n_rows: int) -> Any:
    """(*at.shape, slices): linear interpolation along the first axis; 0 beyond its ends."""
    lower = np.floor(at)
    share = at - lower
    flat = xp.reshape(source, (n * n_rows, -1))
    total = 0
    for index, weight in ((lower, 1 - share), (lower + 1, share)):
        inside = (index >= 0) & (index <= n - 1)
        place = np.clip(index, 0, n - 1).astype(np.int64) * n_rows + row
        some = xp.take(flat, _put(xp, place.reshape(-1), source), axis=0)
        weights = _put(xp, (weight * inside).reshape(-1, 1), source)
        total = total + some * weights
    return xp.reshape(total, (*at.shape, -1))


def _put(xp: Any, values: Any, like: Any) -> Any:
    """Indices as they are, other numbers in the type of ``like``, on its device."""
    from array_api_compat import device

    values = np.ascontiguousarray(values)
    if values.dtype.kind != "i":
        values = values.astype("float32" if "float32" in str(like.dtype) else "float64")
    return xp.asarray(values, device=device(like))


def _check(data: Any, geometry: ParallelGeometry, plane: tuple[int, int]) -> None:
    if not isinstance(geometry, ParallelGeometry):
        raise GeometryError("Only parallel beams are computed here", mend="rebin fans first")
    if data.ndim != 3 or tuple(data.shape[:2]) != plane or "float" not in str(data.dtype):
        raise GeometryError(
            "The array does not belong to this geometry",
            found=f"{data.dtype} of shape {tuple(data.shape)}",
            mend=f"give ({plane[0]}, {plane[1]}, slices), single or double precision",
        )

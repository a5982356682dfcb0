"""Reading the image and the labels of a case, whatever files hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from limen.data.case import Case, Source
from limen.data.errors import BadValues, GeometryMismatch, UndeclaredLabel
from limen.data.volume import Array, Geometry, Volume, require_finite

if TYPE_CHECKING:
    from limen.product.declaration import Task


_MANY_VALUES = 50
"""More values than this that are no label, and the mask is most likely an image."""


def read_image(case: Case) -> Volume:
    """The image of a case.

    Returns
    -------
    Volume
        ``values`` (I, J, K) float32, finite; HU for CT, else as the file scales them. Any memory
        order.

    Raises
    ------
    DataError
        Of the kind that applies; every message names the case and no file.
    """
    where = f"{case.id}, image"
    source = case.image
    if source.kind == "dicom-series":
        from limen.data.dicom_series import read_series

        volume = read_series(source.files, where)
    else:
        volume = _read_file(source, where)
    values = volume.values.astype(np.float32, copy=False)
    require_finite(values, where)
    return Volume(values, volume.geometry)


def read_labels(source: Source, geometry: Geometry, task: Task, where: str) -> Volume:
    """A reference or a prediction, as a label map on the grid of its image.

    A mask is never resampled. One that is stored with its axes in another order or direction,
    its voxels at the same places, is re-indexed without loss.

    Parameters
    ----------
    source : Source
        A NIfTI or NRRD mask, a DICOM SEG or an RTSTRUCT.
    geometry : Geometry
        Of the image.
    task : product.Task
        Declares the labels. With ``reference: instances`` every whole number from 1 on is a
        lesion of its own.
    where : str
        The case, for errors.

    Returns
    -------
    Volume
        ``values`` uint8 or uint16, 0 = background and whatever is ignored; ``geometry`` is the
        one given.

    Raises
    ------
    GeometryMismatch
        The mask has another shape, spacing or place than the image.
    UndeclaredLabel
        A value that is neither declared nor ignored; it is named with its number of voxels.
    BadValues
        Values that are not whole numbers, NaN, infinity.
    UnreadableFile, SpacingMissing, ...
    """
    if source.kind == "dicom-seg":
        from limen.data.dicom_seg import read_seg

        return read_seg(source.files[0], geometry, task.labels, task.ignore_labels, where)
    if source.kind == "dicom-rtstruct":
        from limen.data.dicom_rtstruct import read_rtstruct

        return read_rtstruct(source.files[0], geometry, task.labels, task.ignore_labels, where)
    mask = _on_grid(_read_file(source, f"{where}, mask"), geometry, where)
    return Volume(_labels(mask, task, where), geometry)


def same_places(volume: Volume, geometry: Geometry) -> Volume | None:
    """The volume re-indexed to a grid whose voxels lie at the same places, or None.

    Axes may be permuted and reversed; nothing is interpolated.
    """
    there = volume.geometry
    step = np.linalg.solve(geometry.affine_lps_mm[:3, :3], there.affine_lps_mm[:3, :3])
    turn = np.round(step)
    if not (np.abs(turn).sum(axis=0) == 1).all() or not (np.abs(turn).sum(axis=1) == 1).all():
        return None
    # turn[a, b] = +-1: axis b of the volume runs along axis a of the grid.
    order = [int(np.flatnonzero(turn[axis])[0]) for axis in range(3)]
    flips = [bool(turn[axis, order[axis]] < 0) for axis in range(3)]
    values = np.transpose(volume.values, order)
    affine = there.affine_lps_mm[:, [*order, 3]].copy()
    for axis, flip in enumerate(flips):
        if flip:
            values = np.flip(values, axis)
            affine[:, 3] += affine[:, axis] * (values.shape[axis] - 1)
            affine[:, axis] *= -1
    shape = (values.shape[0], values.shape[1], values.shape[2])
    if not geometry.same_grid(Geometry(affine, shape)):
        return None
    return Volume(values, geometry)


def _read_file(source: Source, where: str) -> Volume:
    if source.kind == "nifti":
        from limen.data.nifti import read_nifti

        return read_nifti(source.files[0], where)
    if source.kind == "nrrd":
        from limen.data.nrrd import read_nrrd

        return read_nrrd(source.files[0], where)
    raise ValueError(f"{where}: a {source.kind} cannot be read here")


def _on_grid(mask: Volume, geometry: Geometry, where: str) -> Array:
    if geometry.same_grid(mask.geometry):
        return mask.values
    turned = same_places(mask, geometry)
    if turned is not None:
        return turned.values
    found = f"image {_grid_words(geometry)}; mask {_grid_words(mask.geometry)}"
    if mask.geometry.shape == geometry.shape:
        apart = geometry.corner_offset_mm(mask.geometry)
        found += f"; corners up to {apart:.3g} mm apart"
    raise GeometryMismatch(
        "the mask does not lie on the grid of its image",
        where=where,
        found=found,
        mend="export the mask on the image's own grid; Limen never resamples a reference",
    )


def _grid_words(geometry: Geometry) -> str:
    shape = "x".join(str(n) for n in geometry.shape)
    spacing = "x".join(f"{s:.4g}" for s in geometry.spacing_mm)
    return f"{shape} voxels of {spacing} mm"


def _labels(values: Array, task: Task, where: str) -> Array:
    if values.dtype.kind == "f":
        require_finite(values, where)
        whole = np.round(values)
        off = np.abs(values - whole) > 1e-4
        if off.any():
            example = float(values[off][0])
            raise BadValues(
                f"{int(off.sum())} voxels of the mask are not whole numbers",
                where=where,
                found=f"{example:.6g}",
                mend="give a label map, not probabilities or a resampled mask",
            )
        values = whole
    largest = np.iinfo(np.uint16).max
    ignored = {int(v) for v in task.ignore_labels if isinstance(v, int)}
    beyond = [v for v in ignored if not 0 <= v <= largest]
    if beyond:
        values = np.where(np.isin(values, beyond), values.dtype.type(0), values)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    kept: set[int] | None = set(task.labels.values()) if task.reference == "mask" else None
    small: Array | None = None
    if low >= 0 and high <= largest:
        small = values.astype(np.uint8 if high <= 255 else np.uint16, order="K")
        counts = _counts(small)
        present = {int(v): int(counts[v]) for v in np.flatnonzero(counts)}
    else:
        found, number = np.unique(values, return_counts=True)
        present = {int(v): int(n) for v, n in zip(found, number, strict=True)}
    wrong = {
        v: n
        for v, n in present.items()
        if v != 0
        and v not in ignored
        and (not 0 <= v <= largest or (kept is not None and v not in kept))
    }
    if wrong or small is None:
        shown = ", ".join(f"{v} ({n} voxels)" for v, n in list(wrong.items())[:8])
        raise UndeclaredLabel(
            "the mask holds a value that is not a declared label",
            where=where,
            found=shown + (f" and {len(wrong) - 8} more" if len(wrong) > 8 else ""),
            mend=f"declare it under task.labels ({_declared(task)}) or task.ignore_labels"
            if len(wrong) <= _MANY_VALUES
            else "it looks like an image and not like a mask: check that images and references are "
            "not swapped",
        )
    if ignored & set(present):
        small[np.isin(small, sorted(ignored & set(present)))] = 0
    return small


def _counts(labels: Array) -> Array:
    """Voxels of each value; in pieces, because bincount works on a copy of 8 bytes a voxel."""
    flat = labels.ravel(order="K")
    total = np.zeros(int(flat.max(initial=0)) + 1, dtype=np.int64)
    for start in range(0, flat.size, 1 << 20):
        total += np.bincount(flat[start : start + (1 << 20)], minlength=total.size)
    return total


def _declared(task: Task) -> str:
    return ", ".join(f"{name}: {value}" for name, value in task.labels.items())

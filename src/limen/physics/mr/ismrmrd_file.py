"""ISMRMRD raw data in HDF5, read and written.

The layout is the documented one (Inati et al., Magn. Reson. Med. 77, 2017): a group with ``xml``
and ``data``, a row of ``data`` for each readout: a header of 340 bytes, its trajectory and its
samples, coil after coil, real and imaginary parts in turn. Nothing about the patient is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.mr.echo_planar import NOT_CORRECTED, phase_between, regrid, without_phase
from limen.physics.mr.ismrmrd_header import Header, make_header, parse_header
from limen.physics.mr.raw import (
    HeaderMismatchError,
    RawData,
    TruncatedFileError,
    UnreadableFileError,
    check_file,
    check_samples,
    open_hdf5,
)
from limen.physics.mr.sampling import Cartesian, NonCartesian, as_complex

Array = NDArray[Any]

# bits of `flags`, counted from 1
NOISE, CALIBRATION, CALIBRATION_AND_IMAGE, REVERSED, PHASE_CORRECTION = 19, 20, 21, 22, 24
_NOT_IMAGE = (NOISE, CALIBRATION, 23, PHASE_CORRECTION, 26, 27, 28, 29, 30, 31)

_COUNTERS = np.dtype(
    [(name, "<u2") for name in (
        "kspace_encode_step_1", "kspace_encode_step_2", "average", "slice", "contrast", "phase",
        "repetition", "set", "segment")] + [("user", "<u2", (8,))]
)  # fmt: skip
_HEAD = np.dtype(
    [
        ("version", "<u2"), ("flags", "<u8"), ("measurement_uid", "<u4"), ("scan_counter", "<u4"),
        ("acquisition_time_stamp", "<u4"), ("physiology_time_stamp", "<u4", (3,)),
        ("number_of_samples", "<u2"), ("available_channels", "<u2"), ("active_channels", "<u2"),
        ("channel_mask", "<u8", (16,)), ("discard_pre", "<u2"), ("discard_post", "<u2"),
        ("center_sample", "<u2"), ("encoding_space_ref", "<u2"), ("trajectory_dimensions", "<u2"),
        ("sample_time_us", "<f4"), ("position", "<f4", (3,)), ("read_dir", "<f4", (3,)),
        ("phase_dir", "<f4", (3,)), ("slice_dir", "<f4", (3,)),
        ("patient_table_position", "<f4", (3,)), ("idx", _COUNTERS), ("user_int", "<i4", (8,)),
        ("user_float", "<f4", (8,)),
    ]
)  # fmt: skip


def read_ismrmrd(
    path: str | Path,
    contrast: int = 0,
    phase: int = 0,
    repetition: int = 0,
    set_number: int = 0,
    group: str = "dataset",
) -> RawData:
    """Read one image's raw data.

    Parameters
    ----------
    path : path
    contrast, phase, repetition, set_number : int
        Which, where a file has several; `RawData.others` says how many there are.
    group : str
        Of the HDF5 file.

    Returns
    -------
    RawData
        Averaged over averages. A second phase encoding is transformed to slices. Echo-planar lines
        are put even in k, and the phase between their two directions is taken out, where the file
        says how they were sampled and has readouts for it.

    Raises
    ------
    RawDataError
        One of its subclasses: unreadable, truncated, contradicting its header, not finite,
        saturated.
    """
    path = check_file(path)
    where = path.name
    with open_hdf5(path) as file:
        if group not in file or "data" not in file[group] or "xml" not in file[group]:
            raise UnreadableFileError(
                "This is not an ISMRMRD file",
                where=where,
                found=f"groups {sorted(file.keys())}",
                mend=f"it must have {group}/xml and {group}/data",
            )
        try:
            header = parse_header(file[group]["xml"][0], where)
            rows = file[group]["data"][:]
        except OSError:
            raise TruncatedFileError(
                "The file ends before its data do", where=where, mend="copy it again"
            ) from None
    if rows.size == 0:
        raise TruncatedFileError("There is no readout in the file", where=where)
    try:
        head = rows["head"]
        flags, idx = head["flags"], head["idx"]
    except (ValueError, IndexError):
        raise HeaderMismatchError(
            "Readouts have no ISMRMRD header", where=where, found=str(rows.dtype)[:80]
        ) from None

    def flagged(bit: int) -> Array:
        return np.asarray(flags & np.uint64(1 << (bit - 1)) != 0)

    image = ~np.logical_or.reduce([flagged(b) for b in _NOT_IMAGE])
    wanted = {"contrast": contrast, "phase": phase, "repetition": repetition, "set": set_number}
    others = {}
    for name, value in wanted.items():
        there = np.unique(idx[name][image])
        if there.size > 1:
            others[name] = int(there.size)
        image &= idx[name] == value
    if not image.any():
        raise HeaderMismatchError(
            "There is no such image in the file", where=where, found=str(wanted),
            mend=f"the file has {others or 'one of each'}",
        )  # fmt: skip
    coils = int(head["active_channels"][image][0])
    fields: dict[str, Any] = {
        "averages": int(np.unique(idx["average"][image]).size),
        "field_tesla": header.field_tesla,
        "echo_time_ms": header.echo_time_ms,
        "repetition_time_ms": header.repetition_time_ms,
        "dwell_time_us": float(head["sample_time_us"][image][0]) or None,
        "slice_thickness_mm": header.encoded_fov_mm[2] / header.encoded_matrix[2],
        "origin": header.origin,
        "others": others,
        "noise": _noise(rows[flagged(NOISE)], coils, where),
    }
    if header.trajectory != "cartesian" and int(head["trajectory_dimensions"][image].max()) > 0:
        return _off_the_grid(rows[image], header, coils, where, fields)
    if header.trajectory not in ("cartesian", "epi"):
        raise HeaderMismatchError(
            "Samples are off the grid and the file does not say where",
            where=where, found=header.trajectory, mend="export it with its trajectory",
        )  # fmt: skip
    phases: dict[int, tuple[float, float]] = {}
    if header.trajectory == "epi":
        phases = _phases(rows[flagged(PHASE_CORRECTION)], header, coils, where)
    kspace, mask = _on_the_grid(rows[image], header, coils, where, phases)
    check_samples(kspace[..., mask], where, header.origin)
    extra = flagged(CALIBRATION)
    if extra.any():
        fields["calibration"] = _on_the_grid(rows[extra], header, coils, where)[0]
    nx, ny, _ = header.encoded_matrix
    pixel_mm = (header.encoded_fov_mm[1] / ny, header.encoded_fov_mm[0] / nx)
    warnings = [NOT_CORRECTED] if header.trajectory == "epi" and len(phases) < len(kspace) else []
    return RawData(
        kspace, Cartesian((ny, nx), pixel_mm, None if mask.all() else mask),
        readout_pixels=header.recon_matrix[0], warnings=tuple(warnings), **fields,
    )  # fmt: skip


def _samples(row: Any, coils: int, where: str) -> Array:
    """(coils, samples) of one readout."""
    n, channels = int(row["head"]["number_of_samples"]), int(row["head"]["active_channels"])
    data = np.asarray(row["data"], dtype=np.float32)
    if channels != coils or data.size != 2 * n * channels:
        raise HeaderMismatchError(
            "A readout contradicts its header",
            where=where,
            found=f"{data.size // 2} samples for {channels} coils of {n}; the first has {coils} "
            "coils",
            mend="the file is damaged: export it again",
        )
    return data.view(np.complex64).reshape(channels, n)


def _noise(rows: Array, coils: int, where: str) -> Array | None:
    readouts = [_samples(r, coils, where) for r in rows if r["head"]["active_channels"] == coils]
    return np.concatenate(readouts, axis=1) if readouts else None


def _is_reversed(row: Any) -> bool:
    return bool(int(row["head"]["flags"]) >> (REVERSED - 1) & 1)


def _even(row: Any, header: Header, coils: int, where: str) -> Array:
    """(coils, samples) of one readout in the order of rising k, even in k."""
    data, gradient = _samples(row, coils, where), header.gradient
    if _is_reversed(row):
        data = data[:, ::-1]
        gradient = None if gradient is None else gradient.turned_round
    return data if gradient is None or header.trajectory != "epi" else regrid(data, gradient)


def _phases(rows: Array, header: Header, coils: int, where: str) -> dict[int, tuple[float, float]]:
    """By slice: the phase between the two directions, from readouts without phase encoding."""
    lines: dict[int, tuple[list[Array], list[Array]]] = {}
    for row in rows:
        ways = lines.setdefault(int(row["head"]["idx"]["slice"]), ([], []))
        ways[_is_reversed(row)].append(_even(row, header, coils, where))
    return {
        n: phase_between(np.mean(forth, axis=0), np.mean(back, axis=0))
        for n, (forth, back) in lines.items()
        if forth and back
    }


def _on_the_grid(
    rows: Array,
    header: Header,
    coils: int,
    where: str,
    phases: Mapping[int, tuple[float, float]] | None = None,
) -> tuple[Array, Array]:
    nx, ny, nz = header.encoded_matrix
    idx = rows["head"]["idx"]
    n_slices = int(idx["slice"].max()) + 1
    size = n_slices * coils * nz * ny * nx * 8
    if size > 64e9:
        raise HeaderMismatchError(
            "The header asks for more than any scan has", where=where, found=f"{size / 1e9:.0f} GB"
        )
    kspace = np.zeros((n_slices, nz, coils, ny, nx), np.complex64)
    times = np.zeros((n_slices, nz, ny), np.int32)
    mask = np.zeros((ny, nx), bool)
    middle = ny // 2 if header.centre_line is None else header.centre_line
    deep = nz // 2 if header.centre_partition is None else header.centre_partition
    for row in rows:
        head = row["head"]
        i = head["idx"]
        data = _even(row, header, coils, where)
        if phases and int(i["slice"]) in phases:
            data = without_phase(data, _is_reversed(row), phases[int(i["slice"])])
        n = data.shape[1]
        pre, post = int(head["discard_pre"]), int(head["discard_post"])
        # whole readouts fill the grid; others are placed by their centre
        first = 0 if n == nx else nx // 2 - int(head["center_sample"])
        line = int(i["kspace_encode_step_1"]) - middle + ny // 2
        part = int(i["kspace_encode_step_2"]) - deep + nz // 2 if nz > 1 else 0
        inside = 0 <= line < ny and 0 <= part < nz and first >= 0 and first + n <= nx
        if not inside or pre + post >= n:
            raise HeaderMismatchError(
                "A readout lies outside of the encoded matrix",
                where=where,
                found=f"line {line} of {ny}, partition {part} of {nz}, samples {first} to "
                f"{first + n} of {nx}",
                mend="matrixSize, encodingLimits or center_sample in the header are wrong",
            )
        s = int(i["slice"])
        kept = slice(first + pre, first + n - post)
        kspace[s, part, :, line, kept] += data[:, pre : n - post]
        times[s, part, line] += 1
        mask[line, kept] = True
    with np.errstate(invalid="ignore"):  # infinity is told of by check_samples
        kspace /= np.maximum(times, 1)[:, :, None, :, None]
    if nz == 1:
        return kspace[:, 0], mask
    import scipy.fft

    # partitions to slices, centred and unitary
    parts = scipy.fft.ifftshift(kspace, axes=1)
    parts = scipy.fft.ifft(parts, axis=1, norm="ortho", overwrite_x=True, workers=-1)
    parts = scipy.fft.fftshift(parts, axes=1)
    return np.ascontiguousarray(parts.reshape(-1, coils, ny, nx)), mask


def _off_the_grid(
    rows: Array, header: Header, coils: int, where: str, fields: dict[str, Any]
) -> RawData:
    idx = rows["head"]["idx"]
    nx, ny, _ = header.recon_matrix
    if header.encoded_matrix[2] > 1:
        raise HeaderMismatchError(
            "Only 2-D acquisitions off the grid can be read", where=where,
            found=f"{header.encoded_matrix[2]} partitions",
        )  # fmt: skip
    n_slices = int(idx["slice"].max()) + 1
    per_slice: list[list[Array]] = [[] for _ in range(n_slices)]
    paths: list[list[Array]] = [[] for _ in range(n_slices)]
    for row in rows:
        data = _samples(row, coils, where)
        dimensions = int(row["head"]["trajectory_dimensions"])
        path = np.asarray(row["traj"], dtype=np.float64)
        if dimensions < 2 or path.size != dimensions * data.shape[1]:
            raise HeaderMismatchError(
                "A trajectory contradicts its header", where=where,
                found=f"{path.size} numbers for {data.shape[1]} samples in {dimensions} dimensions",
            )  # fmt: skip
        s = int(row["head"]["idx"]["slice"])
        per_slice[s].append(data)
        paths[s].append(path.reshape(-1, dimensions)[:, 1::-1])  # (x, y) to (y, x)
    first = np.concatenate(paths[0])
    for path_of_slice in paths[1:]:
        if not np.array_equal(np.concatenate(path_of_slice), first):
            raise HeaderMismatchError("Slices have different trajectories", where=where)
    if np.abs(first).max() > 0.5:
        raise HeaderMismatchError(
            "The trajectory is not in cycles per pixel", where=where,
            found=f"up to {np.abs(first).max():.4g}", mend="scale it to -0.5 to 0.5",
        )  # fmt: skip
    kspace = np.stack([np.concatenate(s, axis=1) for s in per_slice])
    check_samples(kspace, where, header.origin)
    # k is in cycles per pixel of the encoded matrix, that is of the readout's
    fov_x, fov_y, _ = header.encoded_fov_mm
    pixel_mm = (fov_y / header.encoded_matrix[1], fov_x / header.encoded_matrix[0])
    sampling = NonCartesian(first / np.array(pixel_mm), (ny, nx), pixel_mm)
    return RawData(kspace, sampling, samples_per_readout=per_slice[0][0].shape[1], **fields)


def write_ismrmrd(path: str | Path, raw: RawData, group: str = "dataset") -> None:
    """Write raw data so that other programs read them; what is simulated says so in the header.

    Samples are stored as complex64. Lines that were not measured are not written. Averages are
    already averaged and written as one.

    Parameters
    ----------
    path : path
        A new file; one that is there is replaced.
    raw : RawData
    group : str
    """
    import h5py

    kspace = as_complex(np.asarray(raw.kspace)).astype(np.complex64)
    s = raw.sampling
    ny, nx = s.shape
    dy, dx = s.pixel_mm
    on_grid = isinstance(s, Cartesian)
    header = Header(
        encoded_matrix=(nx, ny, 1),
        encoded_fov_mm=(nx * dx, ny * dy, raw.slice_thickness_mm or 1.0),
        recon_matrix=(raw.readout_pixels if on_grid else nx, ny, 1),
        trajectory="cartesian" if on_grid else "other",
        field_tesla=raw.field_tesla,
        echo_time_ms=raw.echo_time_ms,
        repetition_time_ms=raw.repetition_time_ms,
        coils=kspace.shape[1],
        origin=raw.origin,
    )
    rows = _readouts(raw, kspace)
    floats = h5py.special_dtype(vlen=np.dtype("float32"))
    table = np.zeros(len(rows), np.dtype([("head", _HEAD), ("traj", floats), ("data", floats)]))
    for i, (flag, n, line, samples, path_of_k) in enumerate(rows):
        head = table[i]["head"]
        head["version"] = 1
        head["flags"] = 1 << (flag - 1) if flag else 0
        head["scan_counter"] = i
        head["number_of_samples"] = samples.shape[1]
        head["available_channels"] = head["active_channels"] = samples.shape[0]
        head["center_sample"] = samples.shape[1] // 2
        head["trajectory_dimensions"] = 2 if path_of_k.size else 0
        head["sample_time_us"] = raw.dwell_time_us or 0.0
        head["read_dir"], head["phase_dir"], head["slice_dir"] = np.eye(3)
        head["idx"]["kspace_encode_step_1"] = line
        head["idx"]["slice"] = n
        table[i]["traj"] = path_of_k
        table[i]["data"] = np.ascontiguousarray(samples).view(np.float32).ravel()
    with h5py.File(path, "w") as file:
        g = file.create_group(group)
        xml = g.create_dataset("xml", (1,), dtype=h5py.special_dtype(vlen=bytes))
        xml[0] = make_header(header)
        g.create_dataset("data", data=table, maxshape=(None,), chunks=(min(len(rows), 256),))


def _readouts(raw: RawData, kspace: Array) -> list[tuple[int, int, int, Array, Array]]:
    """(flag, slice, line, samples, trajectory) of each readout, in the order of writing."""
    s = raw.sampling
    rows: list[tuple[int, int, int, Array, Array]] = []
    none = np.zeros((0,), np.float32)
    if raw.noise is not None:
        noise = np.asarray(raw.noise, np.complex64)
        step = 32_768
        rows += [
            (NOISE, 0, 0, noise[:, k : k + step], none) for k in range(0, noise.shape[1], step)
        ]
    for n in range(len(kspace)):
        if isinstance(s, Cartesian):
            if raw.calibration is not None:
                lines = raw.calibration[n].astype(np.complex64)
                there = np.flatnonzero(lines.any(axis=(0, 2)))
                rows += [(CALIBRATION, n, int(k), lines[:, k], none) for k in there]
            there = np.flatnonzero(s.measured.any(axis=1))
            rows += [(0, n, int(k), kspace[n, :, k], none) for k in there]
            continue
        size = raw.samples_per_readout or min(kspace.shape[2], 32_768)
        turns = (s.trajectory_per_mm * np.asarray(s.pixel_mm))[:, ::-1].astype(np.float32)
        for i, begin in enumerate(range(0, kspace.shape[2], size)):
            part = slice(begin, begin + size)
            rows.append((0, n, i, kspace[n, :, part], turns[part].ravel()))
    return rows

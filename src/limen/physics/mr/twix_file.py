"""Siemens raw data (twix, .dat), through the optional package twixtools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.mr.echo_planar import (
    NOT_CORRECTED,
    Trapezoid,
    phase_between,
    regrid,
    without_phase,
)
from limen.physics.mr.raw import (
    HeaderMismatchError,
    MissingReaderError,
    RawData,
    TruncatedFileError,
    UnreadableFileError,
    check_file,
    check_samples,
)
from limen.physics.mr.sampling import Cartesian

Array = NDArray[Any]


def read_twix(path: str | Path, echo: int = 0, repetition: int = 0, set_number: int = 0) -> RawData:
    """Read the last measurement of a file: Cartesian, one slice direction, 2-D.

    Parameters
    ----------
    path : path
    echo, repetition, set_number : int
        Which, where there are several; `RawData.others` says how many there are.

    Returns
    -------
    RawData
        Averaged over averages. Protocol text is used for lengths and times only. Echo-planar lines
        are put even in k, and the phase between their two directions is taken out, by the
        readouts without phase encoding that the file has for it.

    Raises
    ------
    RawDataError
        One of its subclasses; MissingReaderError where twixtools is not installed.
    """
    path = check_file(path)
    where = path.name
    try:
        import twixtools
    except ImportError:
        raise MissingReaderError(
            "Siemens raw data need the package twixtools",
            where=where,
            mend="pip install 'limen[twix]', or convert the file to ISMRMRD",
        ) from None
    try:
        scans = twixtools.read_twix(
            str(path), parse_pmu=False, parse_geometry=False, verbose=False, keep_syncdata=False
        )
        scan = scans[-1]
        blocks = list(scan["mdb"])
        pages = [b.data for b in blocks]
    except Exception as error:
        # the package raises whatever it stumbles over
        raise UnreadableFileError(
            "The file cannot be read as Siemens raw data",
            where=where,
            found=type(error).__name__,
            mend="copy it again; it may be truncated, or of another format",
        ) from None
    everything = [(b, p) for b, p in zip(blocks, pages, strict=True)]
    image = [(b, p) for b, p in everything if b.is_image_scan()]
    noise = [p for b, p in everything if b.is_flag_set("NOISEADJSCAN")]
    if not image:
        raise TruncatedFileError("There is no readout of an image in the file", where=where)
    # a scan that was written whole says which readout is its last
    if not any(b.is_flag_set("LASTSCANINMEAS") or b.is_flag_set("ACQEND") for b in blocks):
        raise TruncatedFileError(
            "The file ends before the measurement does",
            where=where,
            found=f"{len(image)} readouts",
            mend="copy it again",
        )
    wanted = {"cEco": echo, "cRep": repetition, "cSet": set_number}
    names = {"cEco": "contrast", "cRep": "repetition", "cSet": "set"}
    others = {}
    for counter, value in wanted.items():
        there = {getattr(b, counter) for b, _ in image}
        if len(there) > 1:
            others[names[counter]] = len(there)
        image = [(b, p) for b, p in image if getattr(b, counter) == value]
    if not image:
        raise HeaderMismatchError("There is no such image in the file", where=where,
                                  found=str(wanted), mend=f"the file has {others}")  # fmt: skip
    yaps = scan["hdr"].get("MeasYaps", {})
    steps = yaps.get("sKSpace", {})
    try:
        slice_of = yaps["sSliceArray"]["asSlice"][0]
        fov_x, fov_y = float(slice_of["dReadoutFOV"]), float(slice_of["dPhaseFOV"])
        thickness = float(slice_of["dThickness"])
        ny, base = int(steps["lPhaseEncodingLines"]), int(steps["lBaseResolution"])
    except (KeyError, IndexError, TypeError, ValueError):
        raise HeaderMismatchError(
            "The protocol does not say field of view and matrix", where=where
        ) from None
    if len({b.cPar for b, _ in image}) > 1 or int(steps.get("ucTrajectory", 1)) != 1:
        raise HeaderMismatchError(
            "Only 2-D Cartesian measurements can be read from this format",
            where=where,
            mend="convert the file to ISMRMRD",
        )
    coils, nx = image[0][1].shape
    n_slices = max(b.cSlc for b, _ in image) + 1
    kspace = np.zeros((n_slices, coils, ny, nx), np.complex64)
    times = np.zeros((n_slices, ny), np.int32)
    two_ways = any(b.is_flag_set("REFLECT") for b, _ in image)
    gradient = _trapezoid(scan["hdr"].get("Meas", {})) if two_ways else None
    phases = _phases(everything, wanted, gradient) if two_ways else {}
    for b, data in image:
        line = b.cLin - int(b.mdh.CenterLin) + ny // 2
        if data.shape != (coils, nx) or not 0 <= line < ny:
            raise HeaderMismatchError(
                "A readout contradicts the protocol",
                where=where,
                found=f"line {line} of {ny}, shape {data.shape} beside {(coils, nx)}",
                mend="the file is damaged, or has partial echoes: convert it to ISMRMRD",
            )
        if two_ways:
            data = _even(b, data, gradient)
        if b.cSlc in phases:
            data = without_phase(data, b.is_flag_set("REFLECT"), phases[b.cSlc])
        kspace[b.cSlc, :, line] += data
        times[b.cSlc, line] += 1
    if int(image[0][0].mdh.CenterCol) != nx // 2:
        raise HeaderMismatchError(
            "Partial echoes cannot be read from this format",
            where=where,
            found=f"centre {int(image[0][0].mdh.CenterCol)} of {nx} samples",
            mend="convert the file to ISMRMRD",
        )
    kspace /= np.maximum(times, 1)[:, None, :, None]
    measured: Array = np.asarray((times > 0).any(axis=0))
    mask = np.repeat(measured[:, None], nx, axis=1)
    check_samples(kspace[..., mask], where)
    times_ms = {"TE": yaps.get("alTE", [0])[echo : echo + 1], "TR": yaps.get("alTR", [0])[:1]}
    dwell = yaps.get("sRXSPEC", {}).get("alDwellTime", [0])[0]
    return RawData(
        # the readout covers a field of view as much larger as it is oversampled
        kspace, Cartesian((ny, nx), (fov_y / ny, fov_x / base), None if mask.all() else mask),
        readout_pixels=min(base, nx),
        noise=np.concatenate(noise, axis=1) if noise and noise[0].shape[0] == coils else None,
        averages=len({b.cAve for b, _ in image}), slice_thickness_mm=thickness,
        field_tesla=yaps.get("sProtConsistencyInfo", {}).get("flNominalB0"),
        echo_time_ms=times_ms["TE"][0] / 1000 if times_ms["TE"] else None,
        repetition_time_ms=times_ms["TR"][0] / 1000 if times_ms["TR"] else None,
        dwell_time_us=dwell / 1000 or None, others=others,
        warnings=(NOT_CORRECTED,) if two_ways and len(phases) < n_slices else (),
    )  # fmt: skip


def _trapezoid(protocol: Any) -> Trapezoid | None:
    """The readout gradient, where samples are taken on its ramps."""
    try:
        if int(protocol["alRegridMode"][0]) != 2:
            return None
        names = ("RampupTime", "FlattopTime", "RampdownTime", "DelaySamplesTime")
        up, flat, down, delay = (float(protocol[f"alRegrid{name}"][0]) for name in names)
        return Trapezoid(up, flat, down, delay, float(protocol["aflRegridADCDuration"][0]))
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _even(block: Any, data: Array, gradient: Trapezoid | None) -> Array:
    """A readout in the order of rising k, even in k."""
    if not block.is_flag_set("REFLECT"):
        return data if gradient is None else regrid(data, gradient)
    data = data[:, ::-1]
    return data if gradient is None else regrid(data, gradient.turned_round)


def _phases(
    everything: list[tuple[Any, Array]], wanted: dict[str, int], gradient: Trapezoid | None
) -> dict[int, tuple[float, float]]:
    """By slice: the phase between the two directions, from readouts without phase encoding."""
    lines: dict[int, tuple[list[Array], list[Array]]] = {}
    for b, data in everything:
        if b.is_flag_set("PHASCOR") and all(getattr(b, c) == v for c, v in wanted.items()):
            ways = lines.setdefault(b.cSlc, ([], []))
            ways[b.is_flag_set("REFLECT")].append(_even(b, data, gradient))
    return {
        n: phase_between(np.mean(forth, axis=0), np.mean(back, axis=0))
        for n, (forth, back) in lines.items()
        if forth and back
    }

"""The pictures of one case: the slices that explain its verdict, with both outlines.

The image is a greyscale bitmap and the outlines are vector paths over it, so they stay sharp at
any size and can be told apart without colour. Nothing is written into a picture but the sides
of the patient and a scale.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.data.volume import Volume
from limen.product.criteria import volume_unit
from limen.reports.view import Crop, View, contour_path, crop_around, view_of, whole_slice

Array = NDArray[Any]
Kind = Literal["missed", "false", "overview", "disagreement", "largest"]

CLOSE_UP_MM = 60.0
MOST_CLOSE_UPS = 6
_CLOSE_UP_PX = 288
_WHOLE_PX = 320
_MARGIN_MM = 20.0
_JPEG_QUALITY = 84
_SAMPLED_VOXELS = 500_000
_PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True)
class Picture:
    """One slice of a case, ready to be drawn.

    Attributes
    ----------
    kind : str
        missed and false: close-up of a reference lesion not found, or of a mark on nothing;
        overview: a whole slice; disagreement and largest: where the outlines differ most, and
        where the reference is largest.
    title, caption : str
        In words; names nothing that identifies a patient.
    plane : str
        axial, coronal or sagittal.
    lesions : tuple of (side, id)
        What the picture is about: ids in the measurement's reference or prediction.
    width_px, height_px : int
        Size of the bitmap and of the coordinates of the paths.
    jpeg : bytes
        8-bit greyscale.
    reference, prediction : str
        SVG paths of the outlines.
    targets : tuple of (x, y, width, height)
        Boxes in picture pixels around ``lesions``.
    sides : (left, right, top, bottom)
        Side of the patient that each edge lies towards.
    scale_bar_mm, scale_bar_px : float
    window : (low, high)
        Image values shown as black and white.
    window_is_automatic : bool
    mean_value : float or None
        Mean image value inside the lesion; None where the picture is not about one lesion, or
        its voxels cannot be told from a neighbour's.
    """

    kind: Kind
    title: str
    caption: str
    plane: str
    lesions: tuple[tuple[str, int], ...]
    width_px: int
    height_px: int
    jpeg: bytes
    reference: str
    prediction: str
    targets: tuple[tuple[float, float, float, float], ...]
    sides: tuple[str, str, str, str]
    scale_bar_mm: float
    scale_bar_px: float
    window: tuple[float, float]
    window_is_automatic: bool
    mean_value: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON; the bitmap as base64."""
        plain = dict(vars(self))
        plain["jpeg_base64"] = base64.b64encode(plain.pop("jpeg")).decode("ascii")
        for key in ("lesions", "targets"):
            plain[key] = [list(x) for x in plain[key]]
        for key in ("sides", "window"):
            plain[key] = list(plain[key])
        return plain


def case_pictures(
    image: Volume,
    reference: Volume,
    prediction: Volume,
    measurement: Mapping[str, Any],
    window: tuple[float, float] | None,
) -> list[Picture]:
    """The pictures of one case, the most telling one first.

    Parameters
    ----------
    image, reference, prediction : Volume
        On one grid; labels 0 are background.
    measurement : dict
        ``Measurement.as_dict()`` of this reference and prediction.
    window : (low, high) or None
        Image values shown as black and white; None: the 0.5th and 99.5th percentile.

    Returns
    -------
    list of Picture
        Where lesions are looked for: a close-up of each missed lesion and each false mark (six
        at most, the largest first), then one whole slice. Otherwise the slice where the
        outlines differ most and the slice where the reference is largest.
    """
    case = _CasePictures(image, reference, prediction, window)
    if "lesions" in measurement:
        return case.of_lesions(measurement["lesions"])
    return case.of_outlines()


class _CasePictures:
    """The volumes of a case, turned once to the view they are shown in."""

    def __init__(
        self,
        image: Volume,
        reference: Volume,
        prediction: Volume,
        window: tuple[float, float] | None,
    ) -> None:
        self._view: View = view_of(image.geometry)
        self._image = self._view.slices(image.values)
        self._labels = {
            "reference": self._view.slices(reference.values),
            "prediction": self._view.slices(prediction.values),
        }
        self._automatic = window is None
        self._window = _automatic_window(image.values) if window is None else window

    def of_lesions(self, lesions: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Picture]:
        missed = [("reference", x) for x in _by_size(lesions["reference"]) if x["matched"] is None]
        false = [("prediction", x) for x in _by_size(lesions["prediction"]) if x["matched"] is None]
        room_for_missed = MOST_CLOSE_UPS - min(len(false), MOST_CLOSE_UPS // 3)
        shown = (missed[:room_for_missed] + false)[:MOST_CLOSE_UPS]
        left_over = len(missed) + len(false) - len(shown)
        pictures = [self._close_up(side, lesion) for side, lesion in shown]
        found = [
            ("reference", x) for x in _by_size(lesions["reference"]) if x["matched"] is not None
        ]
        return [*pictures, self._overview([*missed, *false, *found], left_over)]

    def of_outlines(self) -> list[Picture]:
        reference, prediction = self._labels["reference"], self._labels["prediction"]
        area_cm2 = self._view.pixel_area_mm2 / 100
        differing = np.count_nonzero(reference != prediction, axis=(1, 2))
        areas = np.count_nonzero(reference, axis=(1, 2))
        if not differing.any() and not areas.any():
            middle = len(areas) // 2
            return [self._picture("overview", "Middle slice", self._nothing(), middle)]
        worst, largest = int(np.argmax(differing)), int(np.argmax(areas))
        pictures = []
        if differing.any():
            caption = (
                f"{self._slice_words(worst)}: {differing[worst] * area_cm2:.2g} cm² differ, "
                f"against {areas[worst] * area_cm2:.2g} cm² of reference in this slice."
            )
            pictures.append(
                self._picture("disagreement", "Largest disagreement", caption, worst, True)
            )
        if areas.any() and (not pictures or largest != worst):
            caption = (
                f"{self._slice_words(largest)}: {areas[largest] * area_cm2:.2g} cm² of reference, "
                f"{differing[largest] * area_cm2:.2g} cm² differ."
            )
            pictures.append(self._picture("largest", "Largest reference", caption, largest, True))
        return pictures

    def _close_up(self, side: str, lesion: Mapping[str, Any]) -> Picture:
        spans = self._view.box(_triple(lesion, "start"), _triple(lesion, "stop"))
        index = self._fullest_slice(side, spans)
        name = _noun(lesion["label"])
        size = f"{lesion['diameter_mm']:.1f} mm"
        if side == "reference":
            kind: Kind = "missed"
            title = f"Missed {name}, {size}"
            remark = " It lies under a mark that is matched to another lesion."
        else:
            kind = "false"
            title = f"False mark, {size}"
            remark = " It touches a lesion that another mark has already found."
        caption = (
            f"{self._position_words(spans)} at {_lps_words(lesion['centroid_lps_mm'])}; "
            f"long axis {lesion['long_axis_mm']:.1f} mm, {_volume_words(lesion['volume_ml'])}."
            f"{remark if lesion['overlaps'] else ''}"
            f"{' Cut off by the border of the image.' if lesion['touches_edge'] else ''}"
        )
        crop = crop_around(self._view, spans[1], spans[2], CLOSE_UP_MM, _CLOSE_UP_PX)
        return self._draw(
            kind, title, caption, index, crop, [(side, lesion)], self._mean_value(side, lesion)
        )

    def _overview(
        self, worst_first: list[tuple[str, Mapping[str, Any]]], left_over: int
    ) -> Picture:
        """The whole slice through the first lesion, with every missed or false one in it."""
        if not worst_first:
            middle = self._view.shape[0] // 2
            return self._picture("overview", "Middle slice", self._nothing(), middle)
        side, lesion = worst_first[0]
        spans = self._view.box(_triple(lesion, "start"), _triple(lesion, "stop"))
        index = self._fullest_slice(side, spans)
        wrong = [(s, x) for s, x in worst_first if x["matched"] is None]
        here = [(s, x) for s, x in wrong if self._crosses(x, index)]
        if wrong:
            title = "Whole slice through the worst"
            missed = f"missed {_noun(lesion['label'])}"
            what = missed if side == "reference" else "false mark"
            caption = f"{self._slice_words(index)}, through the largest {what}."
        else:
            title = f"Largest {_noun(lesion['label'])}, {lesion['diameter_mm']:.1f} mm"
            caption = (
                f"{self._slice_words(index)}. {self._position_words(spans)} at "
                f"{_lps_words(lesion['centroid_lps_mm'])}."
            )
        if left_over:
            caption += f" {left_over} smaller {'one has' if left_over == 1 else 'ones have'} "
            caption += "no close-up."
        crop = whole_slice(self._view, _WHOLE_PX)
        return self._draw("overview", title, caption, index, crop, here, None)

    def _picture(
        self, kind: Kind, title: str, caption: str, index: int, zoom: bool = False
    ) -> Picture:
        crop = whole_slice(self._view, _WHOLE_PX)
        if zoom:
            there = (self._labels["reference"][index] != 0) | (
                self._labels["prediction"][index] != 0
            )
            rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
            margin = [int(np.ceil(_MARGIN_MM / mm)) for mm in self._view.spacing_mm[1:]]
            crop = crop_around(
                self._view,
                (int(rows[0]) - margin[0], int(rows[-1]) + 1 + margin[0]),
                (int(columns[0]) - margin[1], int(columns[-1]) + 1 + margin[1]),
                CLOSE_UP_MM,
                _WHOLE_PX,
            )
        return self._draw(kind, title, caption, index, crop, [], None)

    def _draw(
        self,
        kind: Kind,
        title: str,
        caption: str,
        index: int,
        crop: Crop,
        about: Sequence[tuple[str, Mapping[str, Any]]],
        mean_value: float | None,
    ) -> Picture:
        px_per_mm = crop.scale[0] / self._view.spacing_mm[2]
        bar_mm = _scale_bar_mm(crop.width_px / px_per_mm)
        plane = self._view.plane
        return Picture(
            kind=kind,
            title=title,
            caption=caption,
            plane=plane.name,
            lesions=tuple((side, int(lesion["id"])) for side, lesion in about),
            width_px=crop.width_px,
            height_px=crop.height_px,
            jpeg=_jpeg(self._image[index], crop, self._window),
            reference=contour_path(self._labels["reference"][index], crop),
            prediction=contour_path(self._labels["prediction"][index], crop),
            targets=tuple(self._target(lesion, crop) for _, lesion in about),
            sides=(plane.left, plane.right, plane.top, plane.bottom),
            scale_bar_mm=bar_mm,
            scale_bar_px=round(bar_mm * px_per_mm, 1),
            window=(float(self._window[0]), float(self._window[1])),
            window_is_automatic=self._automatic,
            mean_value=mean_value,
        )

    def _target(self, lesion: Mapping[str, Any], crop: Crop) -> tuple[float, float, float, float]:
        _, rows, columns = self._view.box(_triple(lesion, "start"), _triple(lesion, "stop"))
        x0, y0 = crop.place(rows[0] - 0.5, columns[0] - 0.5)
        x1, y1 = crop.place(rows[1] - 0.5, columns[1] - 0.5)
        return (round(x0, 1), round(y0, 1), round(x1 - x0, 1), round(y1 - y0, 1))

    def _crosses(self, lesion: Mapping[str, Any], index: int) -> bool:
        first, past = self._view.box(_triple(lesion, "start"), _triple(lesion, "stop"))[0]
        return first <= index < past

    def _fullest_slice(
        self, side: str, spans: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    ) -> int:
        part = self._labels[side][tuple(slice(*s) for s in spans)]
        counts = np.count_nonzero(part, axis=(1, 2))
        # of equally full slices, the middle one
        best = np.flatnonzero(counts == counts.max())
        return spans[0][0] + int(best[len(best) // 2])

    def _mean_value(self, side: str, lesion: Mapping[str, Any]) -> float | None:
        spans = self._view.box(_triple(lesion, "start"), _triple(lesion, "stop"))
        box = tuple(slice(*s) for s in spans)
        inside = self._labels[side][box] != 0
        if int(np.count_nonzero(inside)) != lesion["voxels"]:
            return None
        return float(np.mean(self._image[box][inside], dtype=np.float64))

    def _nothing(self) -> str:
        return f"{self._slice_words(self._view.shape[0] // 2)}. Nothing marked, nothing to find."

    def _slice_words(self, index: int) -> str:
        n = self._view.shape[0]
        if n == 1:
            return "The only slice"
        start = {"axial": "feet", "coronal": "front", "sagittal": "patient's right"}
        return f"Slice {index + 1} of {n} from the {start[self._view.plane.name]}"

    def _position_words(self, spans: tuple[tuple[int, int], ...]) -> str:
        """Where in the image, in the patient's own directions: thirds along each axis."""
        thirds = (
            ("right", "", "left"),
            ("anterior", "", "posterior"),
            ("lower", "middle", "upper"),
        )
        mirrored = (False, self._view.plane.rows_mirrored, False)
        words = {}
        for span, n, axis, back in zip(
            spans, self._view.shape, self._view.plane.axes, mirrored, strict=True
        ):
            if n > 1:
                middle = (span[0] + span[1]) / 2 / n
                words[axis] = thirds[axis][min(2, int(3 * (1 - middle if back else middle)))]
        sides = " and ".join(words[a] for a in (0, 1) if words.get(a)) or "central"
        height = f", {words[2]} third of the image" if 2 in words else ""
        return f"{sides.capitalize()}{height},"


def _automatic_window(values: Array) -> tuple[float, float]:
    step = max(1, int(np.ceil((values.size / _SAMPLED_VOXELS) ** (1 / 3))))
    sample = values[::step, ::step, ::step]
    low, high = (float(x) for x in np.percentile(sample, _PERCENTILES))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low, low + 1.0)


def _jpeg(image: Array, crop: Crop, window: tuple[float, float]) -> bytes:
    from PIL import Image

    low, high = window
    part = image[crop.r0 : crop.r1, crop.c0 : crop.c1].astype(np.float64)
    grey = np.rint(255 * np.clip((part - low) / (high - low), 0, 1)).astype(np.uint8)
    bitmap = Image.fromarray(np.ascontiguousarray(grey)).resize(
        (crop.width_px, crop.height_px), Image.Resampling.BICUBIC
    )
    written = io.BytesIO()
    bitmap.save(written, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return written.getvalue()


def _by_size(lesions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(lesions, key=lambda x: (-x["diameter_mm"], x["id"]))


def _triple(lesion: Mapping[str, Any], end: str) -> tuple[int, int, int]:
    i, j, k = lesion[f"bbox_{end}_ijk"]
    return int(i), int(j), int(k)


def _scale_bar_mm(width_mm: float) -> float:
    lengths = (100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1)
    return next((x for x in lengths if x <= width_mm / 3), lengths[-1])


def _noun(label: str) -> str:
    return label if label.isalpha() else f"lesion ({label})"


def _lps_words(centroid_mm: Sequence[float]) -> str:
    # adding zero turns -0 into 0
    x, y, z = (f"{round(c) + 0:d}" for c in centroid_mm)
    return f"({x}, {y}, {z}) mm LPS"


def _volume_words(volume_ml: float) -> str:
    factor, unit = volume_unit(volume_ml)
    return f"{volume_ml * factor:.2g} {unit}" if volume_ml < 10 else f"{volume_ml:.0f} {unit}"

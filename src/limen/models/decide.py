"""From what a model gives out to a label map on the image's own grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from limen.data.resample import labels_to_image_space, scores_to_image_space
from limen.data.volume import Array, Geometry, Volume
from limen.models.errors import BadPrediction, ModelMismatch

if TYPE_CHECKING:
    from limen.product.declaration import ModelOutput, Task

_UNUSUAL = 1e-3
"""How far outside of 0 to 1 a probability may lie for rounding."""


@dataclass(frozen=True)
class ChannelPlan:
    """Which channels are looked at, the label value each stands for, and how they are decided.

    ``threshold`` None: the highest score wins. Else the channels are foreground, and the highest
    one wins where it reaches the threshold.
    """

    channels: tuple[int, ...]
    values: tuple[int, ...]
    threshold: float | None


def channel_plan(spec: ModelOutput, task: Task, n: int, where: str) -> ChannelPlan:
    """How ``n`` channels of scores become the declared labels.

    - One channel: the score of the one declared label, against ``threshold``.
    - ``softmax``: every channel takes part; those that no label has are background. With a single
      label and a single background channel, the label's score against ``threshold``.
    - ``sigmoid``: the labels' channels, each against ``threshold``; others are left out.
    - ``none``: as softmax where a channel is background, as sigmoid where each has a label.

    Without ``channels`` a label's channel is its value, 0 being background.

    Raises
    ------
    ModelMismatch
        A label without a channel, a channel without a label, or a softmax over one channel.
    """
    labels, given = task.labels, spec.channels
    if n == 1 and given is None and len(labels) == 1:
        of_channel = {0: next(iter(labels.values()))}
    else:
        named = dict(labels) if given is None else {k: given[k] for k in labels if k in given}
        of_channel = {channel: labels[name] for name, channel in named.items()}
        is_complete = given is not None or set(of_channel) == set(range(1, n))
        if len(of_channel) < len(labels) or max(of_channel) >= n or not is_complete:
            raise _misfit(spec, task, n, where)
    if n == 1 and spec.activation == "softmax":
        raise ModelMismatch(
            "a softmax over one channel is 1 everywhere",
            where=where,
            found="1 output channel, activation: softmax",
            mend="set model.output.activation: sigmoid, or none if it holds probabilities",
        )
    channels = tuple(sorted(of_channel))
    background = n - len(channels)
    compete = spec.activation == "softmax" or (spec.activation == "none" and background > 0)
    if not compete or (len(channels), background) == (1, 1):
        return ChannelPlan(channels, tuple(of_channel[c] for c in channels), spec.threshold)
    if spec.threshold != 0.5:
        raise ModelMismatch(
            "a threshold is for one foreground score; here the highest of several wins",
            where=where,
            found=f"threshold {spec.threshold:g}, {n} channels",
            mend="leave out model.output.threshold",
        )
    return ChannelPlan(tuple(range(n)), tuple(of_channel.get(c, 0) for c in range(n)), None)


def labels_from_scores(
    scores: Array, grid: Geometry, image: Geometry, spec: ModelOutput, task: Task, where: str
) -> Volume:
    """The label map that scores on the model's grid stand for.

    Probabilities go back to the image's grid first and are decided there.

    Parameters
    ----------
    scores : (C, X, Y, Z) float32
        As the model gives them, on ``grid``. Overwritten.
    grid, image : Geometry
        Of the model and of the image.
    spec, task : product.ModelOutput, product.Task
    where : str
        The case, for errors.

    Returns
    -------
    Volume
        uint8 or uint16 on ``image``.

    Raises
    ------
    BadPrediction
        NaN, infinity, or no probabilities where probabilities were declared.
    ModelMismatch
        The channels are not those of the labels.
    """
    plan = channel_plan(spec, task, len(scores), where)
    require_finite_answer(scores, where)
    if spec.activation == "none":
        low, high = float(scores.min()), float(scores.max())
        if low < -_UNUSUAL or high > 1 + _UNUSUAL:
            raise BadPrediction(
                "the model's output holds values that are not probabilities",
                where=where,
                found=f"{low:.4g} to {high:.4g}",
                mend="set model.output.activation to softmax or sigmoid, or holds: labels",
            )
    _activate(scores, spec.activation)
    chosen = (scores[c] for c in plan.channels)
    found = scores_to_image_space(chosen, grid, image, plan.values, threshold=plan.threshold)
    return drop_small(found, spec.min_volume_mm3)


def labels_from_labels(
    values: Array, grid: Geometry, image: Geometry, spec: ModelOutput, task: Task, where: str
) -> Volume:
    """The label map on the image's grid of labels on the model's; see :func:`labels_from_scores`.

    Raises
    ------
    BadPrediction
        NaN, values that are not whole, a label that is not declared.
    """
    require_finite_answer(values, where)
    whole = np.rint(values)
    if values.dtype.kind == "f" and (off := np.abs(values - whole) > 1e-4).any():
        raise BadPrediction(
            "the model's output holds values that are not whole numbers, so they are no labels",
            where=where,
            found=f"{float(values[off][0]):.6g}",
            mend="set model.output.holds: scores",
        )
    present, counts = np.unique(whole, return_counts=True)
    known = {0, *task.labels.values()}
    ignored = {v for v in task.ignore_labels if isinstance(v, int)}
    wrong = {
        int(v): int(n)
        for v, n in zip(present, counts, strict=True)
        if int(v) not in ignored
        # with instances, each number from 1 on is a lesion of its own
        and not (0 <= v <= 65535 and (int(v) in known or task.reference == "instances"))
    }
    if wrong:
        declared = ", ".join(f"{name}: {value}" for name, value in task.labels.items())
        raise BadPrediction(
            "the model gives a label that is not declared",
            where=where,
            found=", ".join(f"{v} ({n} voxels)" for v, n in list(wrong.items())[:8]),
            mend=f"declare it under task.labels ({declared}) or task.ignore_labels",
        )
    if ignored:
        whole = np.where(np.isin(whole, sorted(ignored)), 0, whole)
    small = whole.astype(np.uint8 if whole.max(initial=0) <= 255 else np.uint16)
    return drop_small(labels_to_image_space(Volume(small, grid), image), spec.min_volume_mm3)


def drop_small(labels: Volume, min_volume_mm3: float) -> Volume:
    """The label map without components smaller than a volume.

    Components are of one value each, by 26 neighbours, on the grid given: what ``measures`` will
    count as one lesion.
    """
    if min_volume_mm3 <= labels.geometry.voxel_volume_mm3:
        return labels
    from scipy.ndimage import find_objects, generate_binary_structure, label

    least = min_volume_mm3 / labels.geometry.voxel_volume_mm3 * (1 - 1e-9)
    kept = labels.values.copy()
    for value, box in enumerate(find_objects(labels.values), start=1):
        if box is None:
            continue
        here = labels.values[box] == value
        parts, _ = label(here, structure=generate_binary_structure(3, 3))
        too_small = np.bincount(parts.ravel()) < least
        too_small[0] = False
        kept[box][too_small[parts]] = 0
    return Volume(kept, labels.geometry)


def require_finite_answer(values: Array, where: str) -> None:
    """Refuse NaN and infinity in what a model gave out."""
    if values.dtype.kind != "f":
        return
    bad = values.size - int(np.isfinite(values).sum())
    if bad:
        raise BadPrediction(
            "the model's output holds NaN or infinity",
            where=where,
            found=f"{bad} of {values.size} values",
            mend="check model.input (window, normalise) and the export, "
            "most often of half precision",
        )


def _activate(scores: Array, activation: str) -> None:
    if activation == "softmax":
        scores -= scores.max(axis=0)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=0)
    elif activation == "sigmoid":
        # by tanh, which cannot overflow
        scores *= np.float32(0.5)
        np.tanh(scores, out=scores)
        scores += np.float32(1)
        scores *= np.float32(0.5)


def _misfit(spec: ModelOutput, task: Task, n: int, where: str) -> ModelMismatch:
    labels = ", ".join(f"{name}: {value}" for name, value in task.labels.items())
    found = f"{n} output channel{'s' if n > 1 else ''}; labels {labels}"
    if spec.channels is not None:
        found += "; channels " + ", ".join(f"{name}: {c}" for name, c in spec.channels.items())
        mend = f"give every label a channel from 0 to {n - 1} under model.output.channels"
    else:
        mend = (
            f"declare as task.labels what channels 1 to {n - 1} mean, or say under "
            "model.output.channels which channel each label has"
            if n > 1
            else "declare one label, or export the model with a channel for each"
        )
    return ModelMismatch(
        "the model's output channels are not those of the labels",
        where=where,
        found=found,
        mend=mend,
    )

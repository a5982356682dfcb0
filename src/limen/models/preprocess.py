"""From a case's image to what a model is given: its grid and its grey values.

Training and inference both go through here, so they cannot differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from limen.data.resample import to_model_space
from limen.data.volume import Array, Volume
from limen.models.errors import ModelMismatch

if TYPE_CHECKING:
    from limen.product.declaration import ModelInput


def prepare(image: Volume, spec: ModelInput) -> Volume:
    """The image on the model's grid, with the grey values the model expects.

    In this order: reorient and resample (:func:`limen.data.to_model_space`), clip to
    ``window_hu`` or ``window``, scale:

    - ``window``: the window's low and high become ``scale_to``;
    - ``zscore``: mean 0 and standard deviation 1 (of the population) over all voxels of the case
      on the model's grid, after clipping; an image of one value becomes 0 everywhere;
    - ``none``: values as they are after clipping.

    Parameters
    ----------
    image : Volume
        (I, J, K), finite; HU for CT. Never changed.
    spec : product.ModelInput

    Returns
    -------
    Volume
        (X, Y, Z) float32, finite, on the model's grid; x, y, z grow towards ``orientation``. Any
        memory order.

    Raises
    ------
    ModelMismatch
        ``normalise: window`` without a window.
    """
    moved = to_model_space(image, spec.spacing_mm, spec.orientation)
    window = spec.window_hu or spec.window
    if window is None:
        values = moved.values.astype(np.float32, order="K", copy=True)
    else:
        values = np.clip(moved.values, np.float32(window[0]), np.float32(window[1]))
    if spec.normalise == "window":
        _scale(values, window, spec.scale_to)
    elif spec.normalise == "zscore":
        _standardise(values)
    return Volume(values, moved.geometry)


def padding_value(prepared: Array, spec: ModelInput) -> float:
    """What stands beyond the field of view: the lowest value the model can be given.

    With ``normalise: window`` the lower end of ``scale_to`` (air, on CT); otherwise the lowest
    value of the prepared image itself.
    """
    return float(spec.scale_to[0]) if spec.normalise == "window" else float(prepared.min())


def _scale(values: Array, window: tuple[float, float] | None, to: tuple[float, float]) -> None:
    if window is None or not window[0] < window[1]:
        raise ModelMismatch(
            "normalise: window needs a window, the lower value first",
            where="model.input",
            found=f"{window}",
            mend="give window_hu (CT) or window, or set normalise: zscore or none",
        )
    slope = (to[1] - to[0]) / (window[1] - window[0])
    values -= np.float32(window[0])
    values *= np.float32(slope)
    values += np.float32(to[0])
    # rounding must not put a value outside of what was promised
    np.clip(values, np.float32(to[0]), np.float32(to[1]), out=values)


def _standardise(values: Array) -> None:
    # plane by plane, because numpy's std would hold the whole image once more in float64
    n = values.size
    mean = sum(float(plane.sum(dtype=np.float64)) for plane in values) / n
    squares = sum(float(np.square(plane - mean, dtype=np.float64).sum()) for plane in values)
    deviation = float(np.sqrt(squares / n))
    # Under float32's own grain the image is of one value, and the rest is rounding.
    if deviation <= 1e-7 * max(abs(mean), 1e-30):
        values[...] = 0
        return
    values -= np.float32(mean)
    values /= np.float32(deviation)

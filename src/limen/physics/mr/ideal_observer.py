"""How well the best possible observer finds a known signal in raw k-space."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.mr.operators import forward
from limen.physics.mr.sampling import AcquisitionError, Sampling, check_image

Array = NDArray[Any]


def matched_filter(
    signal: Array, sampling: Sampling, covariance: Array | float, maps: Array | None = None
) -> tuple[Array, float]:
    """The ideal observer of a signal known exactly, in complex Gaussian noise.

    With ``s = A signal`` and noise ``n`` of covariance ``E[n n^H] = psi`` between coils at each
    sample, the same for all samples and independent between them, the log-likelihood ratio is
    linear in the data: the observer computes ``t(y) = Re(s^H psi^-1 y)``. Between with and without
    signal its mean changes by ``s^H psi^-1 s`` and its variance is half of that, so that

        d'^2 = 2 s^H psi^-1 s

    (Barrett and Myers, Foundations of Image Science, 2004, section 13.2.8; the 2 is because psi
    counts the variance of both parts of a complex number). No model that sees the same data can
    do better; its area under the ROC curve is Phi(d' / sqrt 2).

    Parameters
    ----------
    signal : (y, x) array
        What the lesion adds to the image (its contrast), in the image's unit; complex or real.
    sampling : Cartesian or NonCartesian
        What is measured, with its mask.
    covariance : (coils, coils) array, or float
        psi of `noise_covariance`; a number for a variance that all coils have. Prewhitened data
        have 1; noise of standard deviation sd in each part has 2 sd^2.
    maps : (coils, y, x) array, optional
        Without them one coil that sees all.

    Returns
    -------
    template : ([coils,] *sampling.kspace_shape) array
        ``psi^-1 s``: the observer is ``np.vdot(template, y).real``.
    d_prime : float
        Signal-to-noise ratio of the observer.

    Raises
    ------
    AcquisitionError
        When shapes contradict each other or the covariance is not positive definite.
    """
    signal = check_image(signal, sampling)
    if signal.ndim != 2 or not np.isfinite(signal).all():
        raise AcquisitionError("A signal is one finite (y, x) image", found=f"shape {signal.shape}")
    s = forward(signal.astype(np.complex128), sampling, maps)
    n = 1 if maps is None else len(maps)
    psi = np.asarray(covariance, np.complex128)
    if psi.ndim == 0:
        psi = psi * np.eye(n)
    if psi.shape != (n, n) or not np.isfinite(psi).all():
        raise AcquisitionError(
            "The noise covariance does not belong to these coils",
            found=f"shape {psi.shape} for {n} coils",
        )
    psi = (psi + psi.conj().T) / 2
    if float(np.linalg.eigvalsh(psi)[0]) <= 0:
        raise AcquisitionError(
            "The noise covariance is not positive definite",
            found=f"lowest eigenvalue {float(np.linalg.eigvalsh(psi)[0]):.3g}",
        )
    template = np.linalg.solve(psi, s.reshape(n, -1)).reshape(s.shape)
    return template, float(np.sqrt(2 * max(np.vdot(s, template).real, 0.0)))


def detectability(
    signal: Array, sampling: Sampling, covariance: Array | float, maps: Array | None = None
) -> float:
    """d' of the ideal observer, see `matched_filter`."""
    return matched_filter(signal, sampling, covariance, maps)[1]

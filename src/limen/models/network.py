"""The network that ``limen train`` makes, and what it minimises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limen.models.recipe import Network

_SMOOTH = {"batch": 1e-5, "patch": 10.0}
"""Voxels added above and below in Dice; so many that a patch without foreground has a slope."""
_FOCAL_GAMMA = 2.0


def build_network(network: Network, channels: int, axes: str) -> Any:
    """A torch module from (N, 1, three spatial axes) to (N, channels, the same axes).

    Parameters
    ----------
    network : Network
        Strides are along x, y, z.
    channels : int
        Output scores, before any softmax.
    axes : str
        ``xyz`` or ``zyx``: the order of the spatial axes in the tensor.
    """
    from monai.networks.nets import UNet

    norms = {"instance": ("instance", {"affine": True}), "batch": "batch"}
    turn = 1 if axes == "xyz" else -1
    return UNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=channels,
        channels=tuple(network.channels),
        strides=[stride[::turn] for stride in network.strides],
        kernel_size=network.kernel,
        up_kernel_size=network.kernel,
        num_res_units=network.res_units,
        norm=norms[network.norm],
    )


def training_loss(
    scores: Any, target: Any, foreground: tuple[int, ...], kind: str, over: str
) -> Any:
    """Soft Dice loss of the foreground plus cross-entropy (or focal loss) of every channel.

    It is MONAI's ``DiceCELoss(include_background=False)``, or with ``dice-focal`` and gamma = 2
    the focal loss of Lin et al. (ICCV 2017).

    Parameters
    ----------
    scores : (N, C, ...) tensor
        Before the softmax.
    target : (N, ...) int64 tensor
        Channel of each voxel.
    foreground : tuple of int
        Channels that stand for a label.
    kind : str
        ``dice-ce`` or ``dice-focal``.
    over : str
        ``batch``: Dice of all patches together, so large lesions outweigh small ones. ``patch``:
        the mean over patches, each of which counts as much, whatever the size of its lesion.
    """
    import torch
    from torch.nn.functional import log_softmax, nll_loss

    logs = log_softmax(scores, dim=1)
    per_voxel = nll_loss(logs, target, reduction="none")
    if kind == "dice-focal":
        per_voxel = per_voxel * (1 - torch.exp(-per_voxel)) ** _FOCAL_GAMMA
    summed = tuple(range(0 if over == "batch" else 1, target.ndim))
    smooth, dice = _SMOOTH[over], 0.0
    for channel in foreground:
        share, truth = logs[:, channel].exp(), (target == channel).float()
        both, either = (share * truth).sum(summed), share.sum(summed) + truth.sum(summed)
        dice = dice + ((2 * both + smooth) / (either + smooth)).mean()
    return per_voxel.mean() + 1 - dice / len(foreground)

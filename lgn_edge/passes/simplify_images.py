"""The standard pipeline of image layers, before they are laid out or unrolled."""

from __future__ import annotations

from typing import Final

from lgn_edge.network import Network
from lgn_edge.network.convolution import ImageLayer
from lgn_edge.passes.fold_channels import fold_channels
from lgn_edge.passes.merge_channels import merge_channels
from lgn_edge.passes.split_trees import split_trees

PASSES: Final = (split_trees, fold_channels, merge_channels)


def simplify_images(network: Network) -> Network:
    """Run PASSES in order, once: each goes from front to back, and what one leaves is nothing new for those before it.

    The result computes the same outputs for all inputs. Its kernels have 8 leaves at most, as few as their functions
    let them, and differ from each other where they may. Channels that nobody reads any more are left to whoever lays
    them out. A network without image layers stays what it is, at no cost.
    """
    if not any(isinstance(layer, ImageLayer) for layer in network.layers):
        return network
    for rewrite in PASSES:
        network = rewrite(network)
    return network

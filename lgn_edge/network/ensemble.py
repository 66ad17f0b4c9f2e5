"""Several networks as one: their scores added."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from lgn_edge.errors import InputError
from lgn_edge.network.heads import GroupSum
from lgn_edge.network.layers import Layer, LogicDense, signal_index
from lgn_edge.network.network import Network


def ensemble(networks: Sequence[Network], name: str = "ensemble") -> Network:
    """One network whose scores are the sums of the scores of several, so that each of their last gates has a vote.

    Networks that were trained apart err apart: together they are right more often. Their last layers become one, in
    the order of the classes; all other layers stay as they are, side by side.

    Args:
        networks: at least one; with equal encoders, the same classes, and a LogicDense as the last layer.
        name: of the new network; names of classes and features are those of the first.

    Returns:
        The network. Its tau and beta are the sums of theirs: where all have the same tau, its logits are their mean.

    Raises:
        InputError: there is none, or one does not go with the first.
    """
    if not networks:
        raise InputError("ensemble: no network; give at least one")
    first = networks[0]
    heads = [_checked_head(network, first, f"ensemble: network {i}") for i, network in enumerate(networks)]
    head = GroupSum(
        sum(each.n_inputs for each in heads),
        heads[0].classes,
        sum(each.tau for each in heads),
        sum(each.beta for each in heads),
    )
    starts = accumulate((len(network.layers) - 1 for network in networks[:-1]), initial=0)
    # Where the encoder and each layer but the last of a network are in the whole.
    places = [(0, *range(start + 1, start + len(each.layers))) for start, each in zip(starts, networks, strict=True)]
    moved = [
        [tuple(place[source] for source in sources) for sources in network.sources]
        for network, place in zip(networks, places, strict=True)
    ]
    layers: list[Layer] = [layer for network in networks for layer in network.layers[:-1]]
    widths = (first.encoder.n_outputs, *(layer.n_outputs for layer in layers))
    last, read = _last([network.layers[-1] for network in networks], [sources[-1] for sources in moved], widths, head)
    return Network(
        first.encoder,
        (*layers, last),
        head,
        name,
        first.class_names,
        reads=(*(sources for of_one in moved for sources in of_one[:-1]), read),
        feature_names=first.feature_names,
    )


def _last(
    layers: Sequence[Layer], reads: Sequence[Sequence[int]], widths: Sequence[int], head: GroupSum
) -> tuple[LogicDense, tuple[int, ...]]:
    """Last layers as one, in which all gates that count for a class stand together, and what it reads.

    Args:
        layers: of each network.
        reads: what each of them reads.
        widths: of everything that may be read.
        head: of the whole.
    """
    read = tuple(sorted({source for sources in reads for source in sources}))
    start = dict(zip(read, accumulate((widths[source] for source in read), initial=0), strict=False))
    gates = []
    for layer, sources in zip(layers, reads, strict=True):
        assert isinstance(layer, LogicDense)
        wire = np.concatenate([signal_index(start[source], widths[source]) for source in sources])
        gates.append(np.stack([wire[layer.a], wire[layer.b], layer.table]).reshape(3, head.classes, -1))
    a, b, table = np.concatenate(gates, axis=2).reshape(3, -1)
    return LogicDense(sum(widths[source] for source in read), a, b, table.astype(np.uint8)), read


def _checked_head(network: Network, first: Network, what: str) -> GroupSum:
    """The head of a network that goes with the first.

    Raises:
        InputError: it does not; `what` is its name in messages.
    """
    head, last = network.head, network.layers[-1]
    if not isinstance(head, GroupSum):
        raise InputError(f"{what} has the head {type(head).__name__}; only scores of GroupSum can be added")
    if not isinstance(last, LogicDense):
        raise InputError(f"{what} ends in {type(last).__name__}; its last layer must be LogicDense")
    if network.encoder != first.encoder:
        raise InputError(f"{what} has another encoder than network 0; train all with one [encoder] on the same data")
    if (head.classes, network.class_names) != (first.head.n_outputs, first.class_names):
        raise InputError(f"{what} has other classes than network 0; give the same, in the same order")
    return head

"""Image layers of a few samples, one sample after the other: positions are the bits of words, as on small machines.

A row holds 512 samples, and takes as long for one. A word of positions is full with a single sample. What the gates
behind read is pushed into rows, a bit a sample, and they run once for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lgn_edge.forms.images.images import Images
from lgn_edge.forms.images.jobs import jobs_of
from lgn_edge.forms.positions.layout import lay_out
from lgn_edge.forms.positions.program import Positions
from lgn_edge.forms.rows.cost import one_ns, pack_ns, stages_ns
from lgn_edge.network import Network
from lgn_edge.network.layers import Int32Array
from lgn_edge.passes.kernel_tables import BoolArray

WORD_BITS: Final = 64  # of a word of positions, and of a row's first word, which has a bit for each of the few samples


@dataclass(frozen=True)
class Few:
    """How image layers run for few samples.

    Attributes:
        positions: the layers.
        word, bit: int32[signals], where each bit that gates read is, in `positions`.
        row: int32[signals], the row of samples that it goes to.
        most: samples of a call that are done so.
    """

    positions: Positions
    word: Int32Array
    bit: Int32Array
    row: Int32Array
    most: int


@dataclass(frozen=True)
class Convolutions:
    """The image layers of a network that stay what they are.

    Attributes:
        images: for many samples.
        few: for few samples; None where those are done as many are.
    """

    images: Images
    few: Few | None


def few(network: Network, layers: Sequence[int], live: BoolArray, images: Images) -> Few | None:
    """Plan image layers for few samples; None where their positions do not lie in words, or that is no faster.

    Args:
        network: what `images` was laid out from, with `layers` and `live` (see `images.layout`).
        layers: of it.
        live: which bits of the encoder, and outputs of the layers, gates read.
        images: the same layers for many samples.
    """
    positions = lay_out(jobs_of(network, layers, live), layers, WORD_BITS)
    if positions is None or not positions.stages:
        return None
    word, bit = (np.full(len(live), -1, np.int32) for _ in range(2))
    first = 0
    for source in (0, *(layer + 1 for layer in layers)):
        if source in positions.images:
            signal, words, bits = positions.images[source].places()
            word[first + signal], bit[first + signal] = words, bits
        first += network.widths[source]
    read = np.flatnonzero(live)
    read = read[np.lexsort((bit[read], word[read]))]
    of_block = pack_ns(len(images.input_bit)) + stages_ns(images)
    most = min(WORD_BITS, int(of_block // one_ns(positions, len(read))))
    return Few(positions, word[read], bit[read], images.row[read], most) if most else None

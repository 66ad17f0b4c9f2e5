"""Layers of gates on a GPU, forward and backward, in Triton; `lgn_edge/nn/rows.py` says what the arrays hold.

Signals are rows `[signal][sample]`, so a warp that follows a wire reads neighbouring samples. Where a layer computes
with bits they are packed, `int32 [signal][word]`, bit i of word w being sample 32 w + i.

Wires are pairs, `int32 [gate][2]`: entry 2 * gate is the first input of a gate and entry 2 * gate + 1 the second, so
the other input of an entry is `entry ^ 1`; of gates with k inputs they are `int32 [gate][k]`. Gradients of inputs are
gathered: each signal walks the list of the entries that read it. Two-input gates of wiring that stays are walked along
chains instead, which gather less (see `chains.py`). There are no atomics and each sum has one order, so the same batch
gives the same bits.

Everything is computed and summed in float32, whatever the rows are stored in.
"""

from lgn_edge.nn.kernels.gpu_programs.chains import chains_backward, chains_forward, visit_sums
from lgn_edge.nn.kernels.gpu_programs.gates import (
    bits_forward,
    choice_gradient,
    chosen_readers,
    coefficient_gradient,
    forward,
    input_gradient,
)
from lgn_edge.nn.kernels.gpu_programs.lookup import lookup_corner_gradient, lookup_forward, lookup_input_gradient
from lgn_edge.nn.kernels.gpu_programs.parameters import coefficients, weight_gradient
from lgn_edge.nn.kernels.gpu_programs.signals import count, pack, unpack
from lgn_edge.nn.kernels.gpu_programs.trees import (
    trees_bits_forward,
    trees_choice_gradient,
    trees_forward,
    trees_gradients,
    trees_input_gradient,
)

__all__ = [
    "bits_forward",
    "chains_backward",
    "chains_forward",
    "choice_gradient",
    "chosen_readers",
    "coefficient_gradient",
    "coefficients",
    "count",
    "forward",
    "input_gradient",
    "lookup_corner_gradient",
    "lookup_forward",
    "lookup_input_gradient",
    "pack",
    "trees_bits_forward",
    "trees_choice_gradient",
    "trees_forward",
    "trees_gradients",
    "trees_input_gradient",
    "unpack",
    "visit_sums",
    "weight_gradient",
]

"""What encoding one sample takes: whether its loop is unrolled, its tables, and the units that rates are for."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.network import Network, Threshold
from lgn_edge.network.layers import Int32Array

_MANY: Final = 400  # inputs for which packing four at a time is worth the code, in a form that shall be small


def unrolled(input_bit: Int32Array) -> int:
    """Comparisons that the loop of a small program takes at a time."""
    return 4 if len(input_bit) >= _MANY else 1


def loading_order(encoder: Threshold) -> NDArray[np.integer[Any]]:
    """Numbers [bits] in whose order bits are loaded: by feature, those of edges behind the others."""
    if encoder.minus is None:
        return encoder.feature
    return encoder.feature + encoder.is_edge * np.int64(encoder.n_features)


def encoder_units(
    network: Network, input_bit: Int32Array, complemented: NDArray[np.bool_], unroll: int
) -> dict[str, int]:
    """How often a program has what encoders cost: itself, comparisons of a kind, bytes of tables, classes.

    An edge is a comparison, and once more what it takes besides.
    """
    n_edges = int(network.encoder.is_edge[input_bit].sum())
    floats = network.encoder.input_dtype == "float32"
    kinds = dict.fromkeys(("bits", "fast_bits", "float_bits", "fast_float_bits", "edge_bits", "fast_edge_bits"), 0)
    fast = "fast_" if unroll > 1 else ""
    kind = fast + ("float_bits" if floats else "bits")
    return {
        "one": 1,
        "floats": int(floats),
        "edges": int(n_edges > 0),
        **kinds,
        kind: len(input_bit),
        f"{fast}edge_bits": n_edges,
        "tables": table_bytes(network, input_bit, complemented),
        "classes": network.head.n_outputs,
    }


def table_bytes(network: Network, input_bit: Int32Array, complemented: NDArray[np.bool_]) -> int:
    """Bytes of the tables that packing reads."""
    from lgn_edge.forms.one_sample.encode import encoder_tables
    from lgn_edge.kernels.encoding import comparisons

    bits = comparisons(network.encoder, input_bit)
    return sum(values.nbytes for values in encoder_tables(bits, complemented).values())

"""LookupTable: a dense layer.

It looks up, for each of its neurons, the entry whose address is made of the neuron's inputs, the first input being the
least significant bit. Ours have two inputs of one bit, so a table is [f(0,0), f(1,0), f(0,1), f(1,1)]: the bits of our
table id in another order.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import FunctionProto, parser

from lgn_edge.network.truth_table import UInt8Array
from lgn_edge.onnx_model.qonnx.domain import DOMAIN, OPSET

OP: Final = "LookupTable"

# bit of a table id at each address a + 2 * b
_SHIFT: Final = np.array([3, 1, 2, 0], np.uint8)

# The last axis is named by its number: ONNX Runtime does not reduce an empty tensor along axis -1.
_BODY: Final = f"""
<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]>
{OP} <input_bits, out_bits> (X, indices, table) => (Y)
{{
  zero = Constant <value_int = 0> ()
  one = Constant <value_int = 1> ()
  two = Constant <value_int = 2> ()
  last = Constant <value_ints = [-1]> ()
  bits = Constant <value_int: int = @input_bits> ()
  neurons_shape = Shape <start = 0, end = 1> (indices)
  fan_in_shape = Shape <start = 1, end = 2> (indices)
  entries = Shape <start = 1, end = 2> (table)
  neurons = Squeeze (neurons_shape)
  fan_in = Squeeze (fan_in_shape)
  slot = Range (zero, fan_in, one)
  place = Mul (slot, bits)
  weight = Pow (two, place)
  gathered = Gather <axis = -1> (X, indices)
  digits = Cast <to = 7> (gathered)
  weighted = Mul (digits, weight)
  shape = Shape (X)
  rank = Shape (shape)
  address = ReduceSum <keepdims = 0> (weighted, rank)
  neuron = Range (zero, neurons, one)
  start = Mul (neuron, entries)
  position = Add (address, start)
  entry = Reshape (table, last)
  Y = Gather <axis = 0> (entry, position)
}}
"""


def function() -> FunctionProto:
    """LookupTable in standard ops, for runtimes without the domain."""
    return parser.parse_function(_BODY)


def entries(table: UInt8Array) -> UInt8Array:
    """LookupTable entries uint8 [..., 4], by address a + 2 * b, of table ids uint8 [...]."""
    return np.asarray(table[..., None] >> _SHIFT & 1, np.uint8)


def ids(entry: NDArray[Any]) -> UInt8Array:
    """Table ids uint8 [...] of entries 0 or 1 [..., 4]: the inverse of `entries`."""
    return np.asarray((entry.astype(np.uint8) << _SHIFT).sum(axis=-1), np.uint8)

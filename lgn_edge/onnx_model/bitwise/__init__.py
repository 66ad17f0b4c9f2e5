"""Foreign graphs of bitwise or logical ops, read as circuits.

`reading` follows a graph from node to node; `ops` has the one table of who reads which op: `logic` and `lookup` make
gates, `moves`, `parts` and `shapes` move what is there.
"""

from lgn_edge.onnx_model.bitwise.reading import circuit, named_circuit

__all__ = ["circuit", "named_circuit"]

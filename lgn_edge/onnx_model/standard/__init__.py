"""The lowering to standard ops: the fastest that a runtime without the domain can do with a network.

A network is simplified and put into levels (`level`), its gates sorted by kind, so that a level is a few large nodes
(`gates`); scores are counted by carry-save adders (`count`); everything runs block by block of words, so that a block's
signals stay in the cache (`model`). `recognise` reads such a file back and checks every node of it.
"""

from lgn_edge.onnx_model.standard.model import lower
from lgn_edge.onnx_model.standard.recognise import network, recognises

__all__ = ["lower", "network", "recognises"]

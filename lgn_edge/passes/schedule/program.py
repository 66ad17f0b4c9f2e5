"""What the operations of a program do."""

from lgn_edge.passes.push_complements import EXECUTE

__all__ = ["EXECUTE"]

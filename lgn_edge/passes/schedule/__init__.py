"""From a circuit to a program: the order of the gates, where each result lives, and when outputs are counted."""

from lgn_edge.passes.schedule.uniform import TREE, UniformProgram, uniform_gate, uniform_schedule

__all__ = ["TREE", "UniformProgram", "uniform_gate", "uniform_schedule"]

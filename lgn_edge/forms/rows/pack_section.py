"""A part of the kernel that packs samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lgn_edge.kernels.tir import Table


@dataclass(frozen=True)
class Section:
    """A part of the kernel: what reads its tables, which LLVM IR that calls, and the tables.

    Attributes:
        tables: in the order in which `emit` takes them.
        emit: takes the stride, the samples, their count, the slots and the tables.
        llvm: more LLVM IR.
    """

    tables: tuple[Table, ...]
    emit: Callable[..., None]
    llvm: str = ""

"""Where a network's values lie in the workspace: rows of samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgn_edge.forms.images.images import Images
from lgn_edge.forms.rows.schedule import UniformProgram
from lgn_edge.network.layers import Int32Array


@dataclass(frozen=True)
class Workspace:
    """The rows that values of a block of samples are in; what counts and packs works in those behind them.

    Attributes:
        input_bit: int32[n], the encoder's bits that are read.
        input_row: int32[n], the row of each.
        slot_row: int32[slots], the row of each slot of the program.
        n_rows: rows of values.
    """

    input_bit: Int32Array
    input_row: Int32Array
    slot_row: Int32Array
    n_rows: int

    @property
    def scattered(self) -> bool:
        """Whether input i is anywhere but in row i."""
        return not np.array_equal(self.input_row, np.arange(len(self.input_row)))

    @classmethod
    def of(cls, program: UniformProgram, images: Images | None = None) -> Workspace:
        """The workspace of a program, behind image layers or alone.

        Alone, its slots are the rows. Behind image layers its inputs are where those leave them, which is where it may
        write later on, and its other slots are behind their rows.
        """
        slots = np.arange(program.n_slots, dtype=np.int32)
        if images is None:
            return cls(program.input_bit, slots[: program.n_live_inputs], slots, program.n_slots)
        others = slots[program.n_live_inputs :] + np.int32(images.n_rows - program.n_live_inputs)
        slot_row = np.concatenate([images.row[program.input_bit], others])
        return cls(images.input_bit, images.input_row, slot_row, images.n_rows + len(others))

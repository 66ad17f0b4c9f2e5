"""The form of machines with vector units: a row of samples at a time, kernels compiled by TVM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lgn_edge.errors import UnsupportedError
from lgn_edge.forms.form import Memory, Sources, Task, Vectors
from lgn_edge.forms.images.images import Images
from lgn_edge.forms.prediction import Cost
from lgn_edge.forms.rows.calls import calls
from lgn_edge.forms.rows.few import Convolutions, Few
from lgn_edge.forms.rows.schedule import UniformProgram, uniform_schedule
from lgn_edge.forms.rows.workspace import Workspace
from lgn_edge.network import Network
from lgn_edge.network.layers import Int32Array
from lgn_edge.targets.target import Target
from lgn_edge.templates import render

if TYPE_CHECKING:
    from lgn_edge.kernels.tir import Kernel, Table

ROWS: Final = "rows"
_LARGEST_OFFSET: Final = 2**31 - 1  # kernels compute addresses in int32


@dataclass(frozen=True)
class RowsPart:
    """A network as a `UniformProgram`, with stages of image layers in front of it or without.

    Attributes:
        network: gives the encoder and the head.
        convolutions: the image layers that stay what they are.
        program: the other logic layers, scheduled.
        target: gives the row.
    """

    network: Network
    convolutions: Convolutions | None
    program: UniformProgram
    target: Target
    form: str = ROWS
    why: str = ""

    @property
    def images(self) -> Images | None:
        """The image layers for many samples."""
        return self.convolutions.images if self.convolutions else None

    @property
    def few(self) -> Few | None:
        """The image layers for few samples."""
        return self.convolutions.few if self.convolutions else None

    @property
    def n_gates(self) -> int:
        """Gates that run."""
        return self.program.n_gates + (self.images.n_gates if self.images else 0)

    @property
    def n_slots(self) -> int:
        """Rows that hold values."""
        return self.workspace.n_rows

    @property
    def input_bit(self) -> Int32Array:
        """The encoder's bits that are read."""
        return self.workspace.input_bit

    @property
    def workspace(self) -> Workspace:
        """Where values lie."""
        return Workspace.of(self.program, self.images)

    @property
    def n_rows(self) -> int:
        """Rows that the kernels of a block work in."""
        from lgn_edge.forms.rows.kernels import workspace_rows

        return workspace_rows(self.network, self.program, self.workspace, self.target.shape)

    @property
    def memory(self) -> Memory:
        """Rows for values, and for packing and counting; behind them words of positions."""
        from lgn_edge.forms.positions.convolve_any import words_of_any

        shape, words = self.target.shape, words_of_any(self.few.positions) if self.few else 0
        rows = self.n_rows + -(-words // shape.lanes)
        return Memory(block=shape.samples, bytes=rows * shape.row_bytes, align=shape.row_bytes)

    def cost(self) -> Cost | None:
        """Not predicted: machines with vector units have one form."""
        return None

    def sources(self, common: Mapping[str, object], vectors: Vectors) -> Sources:
        """The public functions around the kernels, and the self-test."""
        called = calls(str(common["name"]), self.convolutions, self.n_rows * self.target.shape.lanes)
        return Sources(
            templates={"src/lgn_{name}.c": "model.c.in", "src/lgn_{name}_selftest.c": "selftest.c.in"},
            values={
                "strided": render("strided.h.in", common),
                **called,
            },
        )

    def compiled(self, prefix: str, vectors: Vectors) -> tuple[Sequence[Kernel], Sequence[Table]]:
        """All kernels, and the vectors of the self-test."""
        from lgn_edge.forms.rows.kernels import network_kernels
        from lgn_edge.kernels.tir import Table

        samples = vectors.samples
        tables = (
            Table(f"{prefix}_selftest_samples", samples.view(f"i{samples.dtype.itemsize}").ravel()),
            Table(f"{prefix}_selftest_scores", vectors.scores.ravel()),
        )
        kernels = network_kernels(self.network, self.convolutions, self.program, self.target.shape, prefix)
        return kernels, tables


@dataclass(frozen=True)
class Rows:
    """Rows of samples (`forms.form.Form`)."""

    name: str = ROWS
    stages: tuple[str, ...] = ("encode", "gates", "head")
    unpredicted: tuple[str, ...] = ("speed", "size", "balanced")

    def serves(self, task: Task) -> bool:
        """Machines with vector units."""
        target = task.target
        return target.shape.lanes > 1 and target.gpu is None and target.gpu_beside is None

    def plan(self, task: Task) -> RowsPart:
        """The gates in an order that keeps rows in the cache.

        Raises:
            UnsupportedError: something is too large for the kernels' 32-bit offsets.
        """
        samples = task.target.shape.samples
        _check_offsets("features of a block of samples", task.network.encoder.n_features * samples)
        _check_offsets("scores of a block of samples", task.network.head.n_outputs * samples)
        program = uniform_schedule(task.circuit, task.network.head.n_outputs)
        part = RowsPart(task.network, task.convolutions, program, task.target)
        _check_offsets("words of the workspace", part.n_rows * task.target.shape.lanes)
        _check_offsets("indices of the gates", 4 * program.n_gates)
        return part


def _check_offsets(what: str, number: int) -> None:
    if number > _LARGEST_OFFSET:
        raise UnsupportedError(
            f"the network has {number:,} {what}; the kernels reach {_LARGEST_OFFSET:,}: make it smaller"
        )

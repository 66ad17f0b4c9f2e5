"""What a device without vector units runs: kernels for one sample at a time, as C sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.network import Circuit, Network
from lgn_edge.network.layers import Int32Array
from lgn_edge.passes.parts import Parts, parts
from lgn_edge.passes.tape import Tape, make_tape
from lgn_edge.targets.target import Target

if TYPE_CHECKING:
    from lgn_edge.kernels.tir import Kernel

TABLE: Final = "table"  # a small loop that walks a tape
STRAIGHT: Final = "straight"  # an expression a gate
FORMS: Final = (TABLE, STRAIGHT)


@dataclass(frozen=True)
class DeviceProgram:
    """A network in the form that a device runs.

    Attributes:
        form: one of FORMS.
        circuit: the gates that run.
        tape: which inputs are loaded in which order, and what the table form walks.
        n_slots: bytes of the workspace.
        parts: the functions of the straight form.
    """

    form: str
    circuit: Circuit
    tape: Tape
    n_slots: int
    parts: Parts | None = None

    @property
    def n_gates(self) -> int:
        """Gates that run."""
        return self.circuit.n_gates

    @property
    def input_bit(self) -> Int32Array:
        """The encoder's bit in each of the first slots."""
        return self.tape.input_bit


def device_program(network: Network, circuit: Circuit, form: str) -> DeviceProgram:
    """The program of a simplified circuit, in a form."""
    tape = make_tape(circuit, network.head, network.encoder.feature)
    if form == TABLE:
        return DeviceProgram(form, circuit, tape, tape.n_slots)
    split = parts(circuit)
    return DeviceProgram(form, circuit, tape, tape.n_live_inputs + len(split.crossing), split)


def write_kernels(
    folder: Path, network: Network, program: DeviceProgram, target: Target, prefix: str, comment: str
) -> int:
    """Write FOLDER/PREFIX_kernels.c; returns the checksum of its tables."""
    from lgn_edge.kernels.checksum import checksum, checksum_of
    from lgn_edge.targets.c_source import c_source

    kernels, prologue, epilogue = _kernels(network, program, target, prefix)
    tables = [table for kernel in kernels for table in kernel.tables]
    text = c_source([*kernels, checksum(tables, prefix)], comment, prologue, epilogue)
    (folder / f"{prefix}_kernels.c").write_text(text)
    return checksum_of(tables)


def _kernels(network: Network, program: DeviceProgram, target: Target, prefix: str) -> tuple[list[Kernel], str, str]:
    """The kernels, and C that goes before and behind them."""
    from lgn_edge.kernels.encoding import comparisons
    from lgn_edge.kernels.straight import KEEP, run_parts, straight
    from lgn_edge.kernels.tape import load_one, pack_one, run_tape

    bits, n_slots = comparisons(network.encoder, program.input_bit), program.n_slots
    inputs = [pack_one(bits, n_slots, prefix), load_one(program.input_bit, n_slots, target.shape.word, prefix)]
    if program.parts is None:
        return [*inputs, run_tape(program.tape, network.head, prefix)], "", ""
    functions = straight(program.circuit, network.head, program.parts, program.input_bit, prefix)
    return [*inputs, *functions], KEEP, run_parts(len(functions), network.head, prefix)


def c_rows(values: NDArray[Any]) -> str:
    """The elements of an array [rows, n] as the inside of a C initialiser, a line a row."""
    return ",\n".join("    {" + ", ".join(map(c_literal, row)) + "}" for row in values.tolist())


def c_literal(value: float | int) -> str:
    """A C constant of a whole number, or of a float32 exactly."""
    if isinstance(value, int):
        return str(value) if value > np.iinfo(np.int32).min else "(-2147483647 - 1)"
    return f"{value!r}f" if "." in repr(value) or "e" in repr(value) else f"{value!r}.0f"

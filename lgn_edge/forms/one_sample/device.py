"""What a device without vector units runs: kernels for one sample at a time, as C sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.forms.straight.register_program import RegisterProgram, register_program
from lgn_edge.forms.table.tape import Tape, make_tape
from lgn_edge.kernels.shape import Core
from lgn_edge.network import Circuit, Network
from lgn_edge.network.layers import Int32Array
from lgn_edge.passes.polarity import input_polarity
from lgn_edge.passes.push_complements import push_complements
from lgn_edge.targets.target import Target

if TYPE_CHECKING:
    from lgn_edge.kernels.tir import Kernel

TABLE: Final = "table"  # a small loop that walks a tape
STRAIGHT: Final = "straight"  # an expression a gate
FORMS: Final = (TABLE, STRAIGHT)
_MANY: Final = 400  # inputs for which packing four at a time is worth the code, in a form that shall be small


@dataclass(frozen=True)
class DeviceProgram:
    """A network in the form that a device runs.

    Attributes:
        form: one of FORMS.
        circuit: the gates that run.
        tape: which inputs are loaded in which order, and what the table form walks.
        complemented: bool[...], of the inputs in that order, those that are stored as their complements.
        steps: the straight form.
        slot: the type of a slot: a byte, or a word where values are written and read again, as the stack has words.
        batch: samples that are taken at once where there are so many: 1, or the bits of a word.
    """

    form: str
    circuit: Circuit
    tape: Tape
    complemented: NDArray[np.bool_]
    steps: RegisterProgram | None = None
    slot: str = "uint8"
    batch: int = 1

    @property
    def n_gates(self) -> int:
        """Gates that run."""
        return self.circuit.n_gates

    @property
    def n_slots(self) -> int:
        """Slots in all."""
        return self.steps.n_slots if self.steps else self.tape.n_slots

    @property
    def workspace_bytes(self) -> int:
        """Memory besides the stack; straight-line code has its slots on the stack and needs none, C at least one."""
        if self.batch > 1:
            return self.batch // 8 * self.tape.n_slots
        return 1 if self.steps else self.tape.n_slots

    @property
    def input_bit(self) -> Int32Array:
        """The encoder's bit in each of the first slots."""
        return self.tape.input_bit


def device_program(network: Network, circuit: Circuit, form: str, core: Core, batch: int = 1) -> DeviceProgram:
    """The program of a simplified circuit, in a form, for a core; words of samples walk the tape in either."""
    tape = make_tape(circuit, network.head, network.encoder.feature)
    plain = np.zeros(circuit.n_inputs, np.bool_)
    if form == TABLE:
        return DeviceProgram(form, circuit, tape, plain[tape.input_bit], batch=batch)
    polarity = input_polarity(circuit) if core.fused else plain
    circuit = push_complements(circuit, polarity)
    steps = register_program(
        circuit, network.head, tape.input_bit, values=core.values, totals=core.totals, fused=core.fused
    )
    slot = f"uint{core.register_bits}" if core.values else "uint8"
    return DeviceProgram(form, circuit, tape, polarity[tape.input_bit], steps, slot, batch)


def write_kernels(
    folder: Path, network: Network, program: DeviceProgram, target: Target, prefix: str, comment: str
) -> int:
    """Write FOLDER/PREFIX_kernels.c; returns the checksum of its tables."""
    from lgn_edge.kernels.checksum import checksum, checksum_of
    from lgn_edge.targets.c_source import c_source

    kernels, prologue, epilogue = _kernels(network, program, target, prefix)
    tables = list({table.symbol: table for kernel in kernels for table in kernel.tables}.values())
    text = c_source([*kernels, checksum(tables, prefix)], comment, prologue, epilogue)
    (folder / f"{prefix}_kernels.c").write_text(text)
    return checksum_of(tables)


def _kernels(network: Network, program: DeviceProgram, target: Target, prefix: str) -> tuple[list[Kernel], str, str]:
    """The kernels, and C that goes before and behind them."""
    from lgn_edge.forms.one_sample.classify import (
        COUNTING,
        classify_straight,
        classify_table,
        classify_words,
        gates_are_inlined,
    )
    from lgn_edge.forms.one_sample.encode import load_one, pack_one
    from lgn_edge.forms.straight.kernels import MACROS, straight
    from lgn_edge.forms.table.kernels import run_tape
    from lgn_edge.forms.words.kernels import load_words, pack_words, run_words
    from lgn_edge.kernels.encoding import comparisons

    bits, n_slots, word = comparisons(network.encoder, program.input_bit), program.n_slots, target.shape.word
    slot = program.slot
    unroll = 4 if packs_by_four(program) else 1
    inputs = [
        pack_one(bits, program.complemented, slot, n_slots, prefix, unroll),
        load_one(program.input_bit, program.complemented, slot, n_slots, word, prefix),
    ]
    if program.steps is None:
        kernels, macros = [*inputs, run_tape(program.tape, network.head, prefix)], [COUNTING]
        around = [classify_table(prefix, bits.element, word)]
    else:
        kernels = [
            *inputs,
            straight(program.circuit, network.head, program.steps, slot, target.core, prefix),
        ]
        macros = [COUNTING, MACROS, *([gates_are_inlined(prefix, slot)] if target.core.values else [])]
        around = [classify_straight(prefix, bits.element, word, slot, n_slots, network.head.classes)]
    if program.batch > 1:
        # packing for straight-line code may give complements, which the tape knows nothing of
        tables, tape = f"{prefix}_plain" if program.complemented.any() else prefix, program.tape
        kernels += [
            pack_words(bits, tape.n_slots, target.shape, tables, prefix),
            load_words(program.input_bit, tape.n_slots, target.shape, tables, prefix),
            run_words(tape, network.head, target.shape, prefix),
        ]
        around.append(classify_words(prefix, bits.element, word))
    return kernels, "\n".join(macros), "\n".join(around)


def packs_by_four(program: DeviceProgram) -> bool:
    """Whether the loop that encodes a sample takes four inputs at a time."""
    return program.form == STRAIGHT or len(program.input_bit) >= _MANY


def c_rows(values: NDArray[Any]) -> str:
    """The elements of an array [rows, n] as the inside of a C initialiser, a line a row."""
    return ",\n".join("    {" + ", ".join(map(c_literal, row)) + "}" for row in values.tolist())


def c_literal(value: float | int) -> str:
    """A C constant of a whole number, or of a float32 exactly."""
    if isinstance(value, int):
        return str(value) if value > np.iinfo(np.int32).min else "(-2147483647 - 1)"
    return f"{value!r}f" if "." in repr(value) or "e" in repr(value) else f"{value!r}.0f"

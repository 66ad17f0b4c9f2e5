"""Samples through the public C entry of an artifact, on any emulated machine.

int lgn_<name>_predict(const lgn_<name>_input *samples, size_t n, int32_t *scores, uint16_t *classes);
int lgn_<name>_selftest(void);
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lgn_edge.emulate.aarch64 import AArch64
from lgn_edge.emulate.cortex_m import CortexM
from lgn_edge.emulate.errors import EmulationError
from lgn_edge.emulate.gdb import DEBUGGED, GdbMachine
from lgn_edge.emulate.image import Image
from lgn_edge.emulate.machine import Call
from lgn_edge.emulate.riscv import RiscV
from lgn_edge.emulate.timing import Cycles
from lgn_edge.emulate.wasm import WasmMachine, WasmModule
from lgn_edge.errors import InputError
from lgn_edge.network import Prediction

_CANARY = bytes.fromhex("c0a1e5ce0badf00d")
_ALIGN = 8


class Emulator(Protocol):
    """What runs firmware: memory, and functions that can be called. A `Machine` is one."""

    @property
    def free(self) -> int:
        """Bytes that `allocate` still has."""

    def call(self, symbol: str, *arguments: int, count: bool = False) -> Call:
        """Call a function."""

    def read(self, address: int, size: int) -> bytes:
        """Bytes of memory."""

    def write(self, address: int, data: bytes) -> None:
        """Put bytes into memory."""

    def allocate(self, size: int, align: int = 8) -> int:
        """Reserve RAM."""

    def mark(self) -> int:
        """A state of the allocations."""

    def release(self, mark: int = 0) -> None:
        """Go back to it."""


@dataclass(frozen=True)
class Firmware:
    """A linked image with an artifact in it.

    Attributes:
        image: the firmware, or a WebAssembly module.
        prefix: what its symbols begin with, such as "lgn_digits".
        n_features: columns of a sample.
        input_dtype: "float32" or "uint8".
        classes: how many.
        core: what executes it, such as "cortex-m4".
    """

    image: Image | WasmModule
    prefix: str
    n_features: int
    input_dtype: str
    classes: int
    core: str = "cortex-m4"

    def start(self) -> Emulator:
        """A fresh machine with this firmware in it."""
        if isinstance(self.image, WasmModule):
            return WasmMachine(self.image)
        kind = GdbMachine if self.core in DEBUGGED else _MACHINES[self.image.machine]
        return kind(self.image, self.core)


_MACHINES: Mapping[str, Callable[[Image, str], Emulator]] = {
    "EM_AARCH64": AArch64,
    "EM_ARM": CortexM,
    "EM_RISCV": RiscV,
}


@dataclass(frozen=True)
class Usage:
    """What a prediction cost.

    Attributes:
        instructions: executed by one call for one sample, exactly.
        stack_bytes: the deepest stack of any call.
        cycles: of the call whose instructions were counted, where the core's timings are known.
    """

    instructions: int
    stack_bytes: int
    cycles: Cycles | None = None


def predict(
    firmware: Firmware, samples: NDArray[Any], *, batch: int | None = None, machine: Emulator | None = None
) -> tuple[Prediction, Usage]:
    """Run samples through the firmware.

    Args:
        firmware: what to run.
        samples: [n, features] of the firmware's input type; any n, 0 included.
        batch: samples a call; by default as many as fit into the free RAM.
        machine: where to run, to keep its state between calls; by default a fresh one.

    Returns:
        What the firmware wrote, and the cost, measured on the first sample (on zeros when there is none).

    Raises:
        EmulationError: a fault, a return code other than 0, or a write behind the results.
        InputError: samples of another shape or type, or no RAM for a single one.
    """
    _check(firmware, samples)
    if batch is not None and batch < 1:
        raise InputError(f"a batch of {batch} samples is impossible; give 1 or more")
    machine = machine or firmware.start()
    step = _step(machine, firmware, len(samples), batch)
    scores = np.zeros((len(samples), firmware.classes), np.int32)
    classes = np.zeros(len(samples), np.uint16)
    first = samples[:1] if len(samples) else np.zeros((1, firmware.n_features), firmware.input_dtype)
    one = _call(machine, firmware, first, count=True)
    stack = one.stack
    for start in range(0, len(samples), step):
        part = slice(start, min(start + step, len(samples)))
        result = _call(machine, firmware, samples[part], count=False)
        scores[part], classes[part] = result.scores, result.classes
        stack = max(stack, result.stack)
    return Prediction(scores, classes), Usage(one.instructions, stack, one.cycles)


def measure(firmware: Firmware, samples: NDArray[Any], *, machine: Emulator | None = None) -> Usage:
    """What one call for all these samples together costs; the arguments and errors of `predict`.

    Kernels treat as many samples as a word has bits at once: ask with one, 32 and 33 samples.
    """
    _check(firmware, samples)
    result = _call(machine or firmware.start(), firmware, samples, count=True)
    return Usage(result.instructions, result.stack, result.cycles)


def selftest(firmware: Firmware, *, machine: Emulator | None = None) -> Usage:
    """Run the vectors that the artifact carries.

    Raises:
        EmulationError: a fault, or a return code other than 0.
        InputError: the firmware was linked without its self-test.
    """
    call = (machine or firmware.start()).call(f"{firmware.prefix}_selftest", count=True)
    _check_code(f"{firmware.prefix}_selftest", call)
    return Usage(call.instructions or 0, call.stack_bytes, call.cycles)


@dataclass(frozen=True)
class _Result:
    scores: NDArray[np.int32]
    classes: NDArray[np.uint16]
    instructions: int
    stack: int
    cycles: Cycles | None


def _call(machine: Emulator, firmware: Firmware, samples: NDArray[Any], *, count: bool) -> _Result:
    n, entry = len(samples), f"{firmware.prefix}_predict"
    mark = machine.mark()
    try:
        source = machine.allocate(samples.nbytes, _ALIGN)
        scores = _guarded(machine, 4 * n * firmware.classes)
        classes = _guarded(machine, 2 * n)
        machine.write(source, np.ascontiguousarray(samples).tobytes())
        call = machine.call(entry, source, n, scores, classes, count=count)
        _check_code(entry, call)
        score_bytes = _unguarded(machine, scores, 4 * n * firmware.classes, f"{entry}'s scores")
        class_bytes = _unguarded(machine, classes, 2 * n, f"{entry}'s classes")
    finally:
        machine.release(mark)
    return _Result(
        np.frombuffer(score_bytes, "<i4").reshape(n, firmware.classes),
        np.frombuffer(class_bytes, "<u2"),
        call.instructions or 0,
        call.stack_bytes,
        call.cycles,
    )


def _guarded(machine: Emulator, size: int) -> int:
    """Room for `size` bytes of output with canaries right before and behind."""
    address = machine.allocate(len(_CANARY) + size + len(_CANARY), _ALIGN) + len(_CANARY)
    machine.write(address - len(_CANARY), _CANARY)
    machine.write(address + size, _CANARY)
    return address


def _unguarded(machine: Emulator, address: int, size: int, what: str) -> bytes:
    data = machine.read(address - len(_CANARY), size + 2 * len(_CANARY))
    if not data.startswith(_CANARY) or not data.endswith(_CANARY):
        raise EmulationError(f"{what}: the firmware wrote outside of their {size} bytes")
    return data[len(_CANARY) : len(_CANARY) + size]


def room(machine: Emulator, firmware: Firmware) -> int:
    """How many samples of a call fit into the free RAM with their results."""
    return max(0, machine.free - 4 * len(_CANARY) - 4 * _ALIGN) // _bytes_a_sample(firmware)


def _bytes_a_sample(firmware: Firmware) -> int:
    return firmware.n_features * np.dtype(firmware.input_dtype).itemsize + 4 * firmware.classes + 2


def _step(machine: Emulator, firmware: Firmware, n: int, batch: int | None) -> int:
    """How many samples a call gets: what is asked for, else what fits, in whole words where a word fits."""
    if batch is not None:
        return batch
    fit = room(machine, firmware)
    if fit < 1:
        one = _bytes_a_sample(firmware)
        raise InputError(f"one sample needs {one} bytes, but only {machine.free} bytes of RAM are free; give more RAM")
    return max(1, min(n, fit if fit < 32 else fit - fit % 32))


def _check(firmware: Firmware, samples: NDArray[Any]) -> None:
    if samples.ndim != 2 or samples.shape[1] != firmware.n_features:
        raise InputError(f"samples have shape {samples.shape}; {firmware.prefix} needs [n, {firmware.n_features}]")
    if samples.dtype != np.dtype(firmware.input_dtype):
        raise InputError(f"samples are {samples.dtype}; {firmware.prefix} needs {firmware.input_dtype}")


def _check_code(entry: str, call: Call) -> None:
    if call.result:
        raise EmulationError(f"{entry} returned {call.signed} instead of 0")

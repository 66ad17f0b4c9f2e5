"""Which launches run a network on a GPU: one that does everything in shared memory, or one a step in global memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from lgn_edge.errors import UnsupportedError
from lgn_edge.forms.gpu.launch import (
    BUFFER,
    CLASSES,
    COUNT,
    NUMBER,
    SAMPLES,
    SCORES,
    TABLE,
    WORDS,
    WORK,
    Argument,
    Buffer,
    Launch,
    Launches,
    Sequence,
)
from lgn_edge.forms.gpu.program import WaveProgram
from lgn_edge.forms.gpu.sizes import TILE, WORD_BITS
from lgn_edge.forms.gpu.table import is_narrow, program_table
from lgn_edge.forms.gpu.waves import wave_program
from lgn_edge.kernels.encoding import Comparisons, comparisons
from lgn_edge.kernels.shape import Gpu
from lgn_edge.network import Circuit, Network

if TYPE_CHECKING:
    from lgn_edge.kernels.tir import Kernel

BLOCK: Final = "block"
WAVES: Final = "waves"

_WORD_BYTES: Final = 4
_PER_THREAD: Final = 4  # gates of a wave that a thread does one after the other; fewer where slots get scarce
_FEW: Final = "_few"  # of the names of kernels for up to 32 samples: a tile of one word
_MOST_BLOCKS: Final = 65535  # of a grid, in x and in y
_GRAIN: Final = 1024  # slots by which shared memory grows: few different kernels


@dataclass(frozen=True)
class GpuPlan:
    """A network for a GPU.

    Attributes:
        form: BLOCK or WAVES.
        why: it has that form.
        program: what runs.
        bits: what its inputs are.
        words: of 32 samples that a block takes, in shared memory; 1 in global memory.
        gpu: the machine.
        launches: what runs it.
    """

    form: str
    why: str
    program: WaveProgram
    bits: Comparisons
    words: int
    gpu: Gpu
    launches: Launches

    @property
    def samples(self) -> int:
        """That are evaluated together: those of a block, or of a tile."""
        return (self.words if self.form == BLOCK else TILE) * WORD_BITS

    @property
    def block_slots(self) -> int:
        """Slots that the shared memory of a block holds, those of the program and a few more."""
        return _in_grains(self.program.n_slots)

    def kernels(self) -> tuple[Kernel, ...]:
        """The kernels of the launches."""
        from lgn_edge.forms.gpu.kernels import Input, block_kernels, wave_kernels

        given = Input(self.bits.element, bool(self.bits.is_edge.any()), self.gpu.octets)
        if self.form == BLOCK:
            return block_kernels(given, self.block_slots, self.words, self.gpu.threads)
        narrow, threads = is_narrow(self.program), self.gpu.threads
        return wave_kernels(given, narrow, threads, TILE) + wave_kernels(given, narrow, threads, 1, _FEW)


def gpu_plan(network: Network, circuit: Circuit, gpu: Gpu) -> GpuPlan:
    """Take shared memory where the slots of a network fit into it, for as many samples as the GPU takes at once.

    Args:
        network: gives the encoder and the head.
        circuit: its logic layers, simplified.
        gpu: the machine.

    Raises:
        UnsupportedError: something is larger than the grid or the buffers of a GPU.
    """
    program = wave_program(circuit, network.head.n_outputs, _PER_THREAD * gpu.threads)
    words = _words(program, gpu)
    if words < gpu.words:
        smaller = wave_program(circuit, network.head.n_outputs, gpu.threads)
        if _words(smaller, gpu) > words:
            program, words = smaller, _words(smaller, gpu)
    size = f"{program.n_slots:,} values are alive at once, and {gpu.shared_bytes >> 10} KiB of shared memory"
    if words:
        why = f"{size} hold them for {words * WORD_BITS} samples"
        return _planned(BLOCK, why, network, program, words, gpu)
    each = gpu.threads // WORD_BITS
    program = wave_program(circuit, network.head.n_outputs, _MOST_BLOCKS * each)
    return _planned(WAVES, f"{size} do not hold them", network, program, 1, gpu)


def _words(program: WaveProgram, gpu: Gpu) -> int:
    """Words of 32 samples for which shared memory holds the slots: a power of two, or 0."""
    fit = gpu.shared_bytes // (_in_grains(program.n_slots) * _WORD_BYTES)
    return 1 << min(fit, gpu.words).bit_length() >> 1


def _in_grains(slots: int) -> int:
    return -(-slots // _GRAIN) * _GRAIN


def _planned(form: str, why: str, network: Network, program: WaveProgram, words: int, gpu: Gpu) -> GpuPlan:
    bits = comparisons(network.encoder, program.input_bit)
    table = program_table(program, bits)
    itemsize = np.dtype(network.encoder.input_dtype).itemsize
    buffers = [
        Buffer("samples", SAMPLES, network.encoder.n_features * itemsize, 1),
        Buffer("words", WORDS, network.encoder.n_outputs * _WORD_BYTES, WORD_BITS),
        Buffer("scores", SCORES, network.head.n_outputs * _WORD_BYTES, 1),
        Buffer("classes", CLASSES, _WORD_BYTES, 1),
        Buffer("program", TABLE, table.nbytes),
    ]
    if form == BLOCK:
        grain, most = words * WORD_BITS, _MOST_BLOCKS * words * WORD_BITS
        launches = {most: _block(words, gpu.threads)}
    else:
        grain = TILE * WORD_BITS
        slots = Buffer("slots", WORK, program.n_slots * TILE * _WORD_BYTES, grain)
        buffers.append(slots)
        most = max(1, gpu.cache_bytes // slots.each) * grain
        launches = {WORD_BITS: _waves(program, gpu.threads, 1, _FEW), most: _waves(program, gpu.threads, TILE)}
    fit = _most(buffers, most, grain, gpu)
    sequences = tuple(
        Sequence(takes, min(most, fit), each) for most, kinds in launches.items() for takes, each in kinds.items()
    )
    return GpuPlan(form, why, program, bits, words, gpu, Launches(tuple(buffers), sequences, {"program": table}))


def _most(buffers: list[Buffer], most: int, grain: int, gpu: Gpu) -> int:
    """The samples that fit at once, a multiple of `grain`."""
    large = max((buffer for buffer in buffers), key=lambda buffer: buffer.bytes(grain))
    if large.bytes(grain) > gpu.buffer_bytes:
        raise UnsupportedError(
            f"the {large.name} of {grain} samples take {large.bytes(grain):,} bytes, and a buffer of {gpu.kind} has"
            f" {gpu.buffer_bytes:,} at most: make the network smaller, or build for a CPU"
        )
    shared = [buffer for buffer in buffers if buffer.samples]
    fit = min(gpu.buffer_bytes // buffer.bytes(grain) for buffer in shared)
    return max(grain, min(most // grain, fit) * grain)


_SAMPLES, _WORDS, _SCORES, _CLASSES, _PROGRAM, _SLOTS = (Argument(BUFFER, index) for index in range(6))
_COUNT: Final = Argument(COUNT)


def _block(words: int, threads: int) -> dict[str, tuple[Launch, ...]]:
    rest, samples = (_PROGRAM, _SCORES, _CLASSES, _COUNT), words * WORD_BITS
    return {
        SAMPLES: (Launch("lgn_block", (_SAMPLES, *rest), threads, samples),),
        WORDS: (Launch("lgn_block_packed", (_WORDS, *rest), threads, samples),),
    }


def _waves(program: WaveProgram, threads: int, tile: int, suffix: str = "") -> dict[str, tuple[Launch, ...]]:
    each, samples = threads // tile, tile * WORD_BITS

    def rows(items: int) -> int:
        number = max(1, -(-items // each))
        if number > _MOST_BLOCKS:
            raise UnsupportedError(
                f"the network has {items:,} bits or counters at once, and a launch takes {_MOST_BLOCKS * each:,}:"
                " make it smaller, or build for a CPU"
            )
        return number

    sizes = [np.diff(stops, prepend=0).tolist() for stops in (program.wave_stop, program.round_stop)]
    steps = [
        Launch(kernel + suffix, (_PROGRAM, _SLOTS, Argument(NUMBER, step)), threads, samples, rows(size))
        for step, both in enumerate(zip(*sizes, strict=True))
        for kernel, size in zip(("lgn_wave", "lgn_round"), both, strict=True)
        if size
    ]
    first = rows(program.n_live_inputs)
    last = Launch("lgn_scores" + suffix, (_PROGRAM, _SLOTS, _SCORES, _CLASSES, _COUNT), threads, threads)
    return {
        takes: (Launch(kernel + suffix, (given, _PROGRAM, _SLOTS, _COUNT), threads, samples, first), *steps, last)
        for takes, kernel, given in ((SAMPLES, "lgn_encode", _SAMPLES), (WORDS, "lgn_load", _WORDS))
    }

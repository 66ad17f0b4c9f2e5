"""The kernels: none depends on a network, which is in a table (`table.py`).

Each step (encoding, a wave of gates, a round of trees, scores) is written once, over slots that are anywhere: in the
shared memory of a block, where one kernel does all steps with barriers between them; or in global memory, where each
step is a launch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.gpu.sizes import PLANES, TILE, TREE, WORD_BITS
from lgn_edge.forms.gpu.table import COMPARE, GATE, HEADER, ROW, TERM
from lgn_edge.forms.gpu.tir import Place, barrier, gpu_kernel, shared
from lgn_edge.kernels.compare import float_above
from lgn_edge.kernels.tir import Buffer, Expr, Kernel, Parameter, as_index, constant, scratch

_ANY: Final = 1  # elements of a pointer; the number is not known
_WORD: Final = "uint32"
_SAMPLES: Final = 8  # that a thread loads before it compares the first of them
_GATES: Final = 4  # that a thread loads before it runs the first of them, where a wave has as many


@dataclass(frozen=True)
class Input:
    """What samples are.

    Attributes:
        element: "uint8", or "int32" for the bit patterns of float32.
        edges: whether a bit may compare a difference of two features.
        octets: whether the machine loads single bytes; else it loads the words that they are in.
    """

    element: str
    edges: bool = False
    octets: bool = True

    @property
    def parameter(self) -> Parameter:
        """The pointer to them."""
        dtype = self.element if self.octets or self.element != "uint8" else _WORD
        return Parameter("samples", dtype, _ANY)

    def load(self, samples: Buffer, at: Expr) -> Expr:
        """Element `at` as int32."""
        if self.octets or self.element != "uint8":
            return as_index(samples[at])
        moved = samples[at >> 2] >> tirx.Cast(_WORD, (at & 3) << 3)
        return as_index(moved & constant(0xFF, _WORD))


class Program:
    """The table, read by its header, which is loaded where this is made; compilers drop what a kernel does not use."""

    def __init__(self, table: Buffer) -> None:
        self._table = table
        self._header = {name: T.Bind(as_index(table[i])) for i, name in enumerate(HEADER)}

    def number(self, name: str) -> Expr:
        """A number or place of the header."""
        return self._header[name]

    def word(self, place: str, at: Expr) -> Expr:
        """Word `at` of a part, uint32."""
        return self._table[self.number(place) + at]

    def index(self, place: str, at: Expr) -> Expr:
        """The same as int32."""
        return as_index(self.word(place, at))


class Slots(Protocol):
    """Where values are: `words` words a slot that a thread may work on at once."""

    @property
    def words(self) -> int:
        """The number of words."""

    def load(self, slot: Expr, word: Expr | None = None) -> Expr:
        """A word of a slot, or all of them as a vector."""

    def store(self, slot: Expr, value: Expr, word: Expr | None = None) -> None:
        """Emit: write what `load` loads."""


@dataclass(frozen=True)
class SharedSlots:
    """Slots in the shared memory of a block, which works on `words` words of samples."""

    buffer: Buffer
    words: int

    def load(self, slot: Expr, word: Expr | None = None) -> Expr:
        """See `Slots`."""
        return tirx.BufferLoad(self.buffer, [self._at(slot, word)])

    def store(self, slot: Expr, value: Expr, word: Expr | None = None) -> None:
        """See `Slots`."""
        T.buffer_store(self.buffer, value, [self._at(slot, word)])

    def _at(self, slot: Expr, word: Expr | None) -> Expr:
        if word is not None:
            return slot * self.words + word
        return slot if self.words == 1 else tirx.Ramp(slot * self.words, 1, self.words)


@dataclass(frozen=True)
class GlobalSlots:
    """Slots in global memory: tiles of `tile` words of samples, in each slot after slot. A thread works on one word.

    `first` is the first slot of the tile, and `lane` the word of the thread.
    """

    buffer: Buffer
    tile: int
    first: Expr
    lane: Expr
    words: int = 1

    def load(self, slot: Expr, word: Expr | None = None) -> Expr:
        """See `Slots`; the word is that of the thread."""
        return self.buffer[(self.first + slot) * self.tile + self.lane]

    def store(self, slot: Expr, value: Expr, word: Expr | None = None) -> None:
        """See `Slots`; the word is that of the thread."""
        T.buffer_store(self.buffer, value, [(self.first + slot) * self.tile + self.lane])


def encode(program: Program, given: Input, samples: Buffer, count: Expr, bit: Expr, first: Expr) -> Expr:
    """Emit: the word of an encoder's bit of 32 samples from `first` on, zeros for those behind the last."""
    at = T.Bind(bit * COMPARE)
    feature = T.Bind(program.index("compare", at))
    level = T.Bind(program.index("compare", at + 1))
    minus = T.Bind(program.index("compare", at + 2)) if given.edges else None
    features = program.number("features")
    word = scratch(_WORD, 1)
    T.buffer_store(word, constant(0, _WORD), [0])

    def add(s: Expr, number: int) -> None:
        """Emit the bits of samples s.. of the word; their loads first, as a thread waits for them."""
        start = [T.Bind((first + s + i) * features) for i in range(number)]
        values = [T.Bind(given.load(samples, at + feature)) for at in start]
        if minus is not None:
            others = [T.Bind(given.load(samples, at + tirx.max(minus, 0))) for at in start]
            none = constant(0, "int32")
            values = [T.Bind(x - tirx.Select(minus < 0, none, y)) for x, y in zip(values, others, strict=True)]
        for i, x in enumerate(values):
            above = float_above(x, level) if given.element == "int32" else x > level
            T.buffer_store(word, word[0] | (tirx.Cast(_WORD, above) << tirx.Cast(_WORD, s + i)), [0])

    count_here = T.Bind(tirx.min(count - first, WORD_BITS))
    several = T.Bind(tirx.max(count_here, 0) >> (_SAMPLES.bit_length() - 1))
    with T.serial(0, several) as part:
        add(T.Bind(part * _SAMPLES), _SAMPLES)
    with T.serial(several * _SAMPLES, count_here) as s:
        add(s, 1)
    return word[0]


def run_gates(program: Program, slots: Slots, gates: Sequence[Expr], narrow: bool) -> None:
    """Emit some gates of a wave for all words of their slots (`program.wave_gate`)."""
    fetched = [_fetch(program, gate, narrow) for gate in gates]
    values = [(T.Bind(slots.load(a)), T.Bind(slots.load(b))) for a, b, _, _ in fetched]
    for (_, _, dst, kind), (x, y) in zip(fetched, values, strict=True):
        ka, kb, kab = (_mask(kind, bit, slots.words) for bit in range(3))
        slots.store(dst, (ka & x) ^ (y & (kb ^ (kab & x))))


def _fetch(program: Program, gate: Expr, narrow: bool) -> tuple[Expr, Expr, Expr, Expr]:
    """Emit the loads of a gate; gives a, b and dst, int32, and the kind, uint32."""
    at = T.Bind(gate * GATE[narrow])
    if not narrow:
        a, b, dst = (T.Bind(program.index("gate", at + i)) for i in range(3))
        return a, b, dst, T.Bind(program.word("gate", at + 3))
    low, high = (T.Bind(program.word("gate", at + i)) for i in range(2))
    mask, half = constant(0xFFFF, _WORD), constant(16, _WORD)
    return as_index(low & mask), as_index(low >> half), as_index(high & mask), T.Bind(high >> half)


def _mask(kind: Expr, bit: int, words: int) -> Expr:
    """Emit a bit of a kind as ones or zeros in all bits of all words."""
    # signed, as TVM tells LLVM that a subtraction of unsigned numbers never wraps
    number = as_index((kind >> constant(bit, _WORD)) & constant(1, _WORD))
    mask = T.Bind(tirx.Cast(_WORD, constant(0, "int32") - number))
    return mask if words == 1 else tirx.Broadcast(mask, words)


def run_tree(program: Program, slots: Slots, tree: Expr, word: Expr | None = None) -> None:
    """Emit a tree of full adders for one word: three words of a weight become one, and one of twice the weight."""
    at = T.Bind(tree * ROW)
    values = [T.Bind(slots.load(T.Bind(program.index("tree", at + i)), word)) for i in range(TREE)]
    for plane in range(PLANES):
        carries = []
        while len(values) > 1:
            x, y, z, *values = values
            half = T.Bind(x ^ y)
            values.append(T.Bind(half ^ z))
            carries.append(T.Bind((x & y) | (half & z)))
        slots.store(T.Bind(program.index("tree", at + TREE + plane)), values[0], word)
        values = carries


def finish(
    program: Program, slots: Slots, word: Expr, bit: Expr, sample: Expr, scores: Buffer, classes: Buffer
) -> None:
    """Emit the scores of one sample, bit `bit` of a word, and its class, the first maximum."""
    number, shift = program.number("classes"), tirx.Cast(_WORD, bit)
    score, best = scratch("int32", 1), scratch("int32", 2)
    T.buffer_store(best, constant(0, "int32"), [1])
    with T.serial(0, number) as c:
        T.buffer_store(score, program.index("base", c), [0])
        start, stop = T.Bind(program.index("term_stop", c)), T.Bind(program.index("term_stop", c + 1))
        with T.serial(start, stop) as term:
            value = T.Bind(slots.load(T.Bind(program.index("term", term * TERM)), word))
            one = T.Bind(as_index((value >> shift) & constant(1, _WORD)))
            T.buffer_store(score, score[0] + one * program.index("term", term * TERM + 1), [0])
        T.buffer_store(scores, score[0], [sample * number + c])
        with T.If(tirx.Or(c == 0, score[0] > best[0])), T.Then():
            T.buffer_store(best, score[0], [0])
            T.buffer_store(best, c, [1])
    T.buffer_store(classes, best[1], [sample])


_TABLE: Final = Parameter("program", _WORD, _ANY)
_WORDS: Final = Parameter("packed", _WORD, _ANY)
_RESULTS: Final = (Parameter("scores", "int32", _ANY), Parameter("classes", "int32", _ANY))
_COUNT: Final = Parameter("count")


def block_kernels(given: Input, n_slots: int, words: int, threads: int) -> tuple[Kernel, ...]:
    """A network in one launch, from samples or packed bits to scores and classes.

    A block takes `words` words of samples.

    `lgn_block(samples, program, scores, classes, count)`, and `lgn_block_packed` with packed bits for samples.

    Args:
        given: what samples are.
        n_slots: that shared memory shall hold.
        words: of a slot.
        threads: of a block.
    """

    def run(place: Place, program: Program, fill: Callable[[Expr, Expr], Expr], *results: Buffer, count: Expr) -> None:
        slots = SharedSlots(shared(_WORD, n_slots * words), words)
        shift = words.bit_length() - 1

        def each_word(items: Expr, emit: Callable[[Expr, Expr], None]) -> None:
            place.share(items * words, lambda some: emit(some[0] >> shift, some[0] & (words - 1)))

        first = T.Bind(place.block * words)  # word of samples
        each_word(program.number("bits"), lambda bit, word: slots.store(bit, fill(bit, first + word), word))
        barrier()
        with T.serial(0, program.number("steps")) as step:
            gate, gates = T.Bind(program.index("wave", step)), T.Bind(program.index("wave", step + 1))
            wave = T.Bind(gates - gate)
            place.share(wave, partial(_some_gates, program, slots, gate), _GATES)
            barrier()
            tree, trees = T.Bind(program.index("round", step)), T.Bind(program.index("round", step + 1))
            with T.If(trees > tree), T.Then():  # the same for all threads
                each_word(trees - tree, lambda i, word: run_tree(program, slots, T.Bind(tree + i), word))
                barrier()

        def give(some: Sequence[Expr]) -> None:
            (s,) = some
            sample = T.Bind(first * WORD_BITS + s)
            with T.If(sample < count), T.Then():
                finish(program, slots, s >> 5, s & (WORD_BITS - 1), sample, *results)

        place.share(constant(words * WORD_BITS, "int32"), give)

    def from_samples(place: Place, samples: Buffer, table: Buffer, *rest: Buffer) -> None:
        *results, count = rest
        program = Program(table)

        def fill(bit: Expr, word: Expr) -> Expr:
            return encode(program, given, samples, count, bit, T.Bind(word * WORD_BITS))

        run(place, program, fill, *results, count=count)

    def from_words(place: Place, packed: Buffer, table: Buffer, *rest: Buffer) -> None:
        *results, count = rest
        program = Program(table)
        run(place, program, lambda bit, word: load(program, packed, count, bit, word), *results, count=count)

    return (
        gpu_kernel("lgn_block", (given.parameter, _TABLE, *_RESULTS, _COUNT), threads, from_samples),
        gpu_kernel("lgn_block_packed", (_WORDS, _TABLE, *_RESULTS, _COUNT), threads, from_words),
    )


def _some_gates(program: Program, slots: Slots, first: Expr, some: Sequence[Expr]) -> None:
    run_gates(program, slots, [first + i for i in some], narrow=True)


def load(program: Program, packed: Buffer, count: Expr, bit: Expr, word: Expr) -> Expr:
    """Emit: a word of an input's packed bits; of words behind the last one, the last."""
    stride = T.Bind(count + (WORD_BITS - 1) >> 5)
    return packed[program.index("input", bit) * stride + tirx.min(word, stride - 1)]


def wave_kernels(given: Input, narrow: bool, threads: int, tile: int = TILE, suffix: str = "") -> tuple[Kernel, ...]:
    """A network step by step: each kernel does one step for tiles of samples, which are the blocks in x.

    `lgn_encode(samples, program, slots, count)`, `lgn_load` with packed bits; `lgn_wave(program, slots, step)`;
    `lgn_round(program, slots, step)`; `lgn_scores(program, slots, scores, classes, count)`, of which a block takes as
    many samples as it has threads. In y, blocks of all but the last take `threads / tile` bits, gates or trees each.

    Args:
        given: what samples are.
        narrow: whether 16 bits name every slot.
        threads: of a block.
        tile: words of 32 samples of a tile, a power of two that is at most `threads`. The threads that are beside each
            other take the words of one gate where there are many, and else a gate each.
        suffix: of the kernels' names.
    """
    slots_parameter, shift = Parameter("slots", _WORD, _ANY), tile.bit_length() - 1

    def step(place: Place, table: Buffer, slots: Buffer) -> tuple[Program, GlobalSlots, Expr]:
        program = Program(table)
        first, lane = T.Bind(place.block * program.number("slots")), T.Bind(place.thread & (tile - 1))
        item = T.Bind(place.row * (place.threads >> shift) + (place.thread >> shift))
        return program, GlobalSlots(slots, tile, first, lane), item

    def fill(place: Place, given_buffer: Buffer, table: Buffer, slots: Buffer, count: Expr, packed: bool) -> None:
        program, here, bit = step(place, table, slots)
        word = T.Bind(place.block * here.tile + here.lane)
        with T.If(bit < program.number("bits")), T.Then():
            if packed:
                value = load(program, given_buffer, count, bit, word)
            else:
                value = encode(program, given, given_buffer, count, bit, T.Bind(word * WORD_BITS))
            here.store(bit, value)

    def encoding(place: Place, samples: Buffer, table: Buffer, slots: Buffer, count: Expr) -> None:
        fill(place, samples, table, slots, count, packed=False)

    def loading(place: Place, words: Buffer, table: Buffer, slots: Buffer, count: Expr) -> None:
        fill(place, words, table, slots, count, packed=True)

    def gates(place: Place, table: Buffer, slots: Buffer, number: Expr) -> None:
        program, here, item = step(place, table, slots)
        gate = T.Bind(program.index("wave", number) + item)
        with T.If(gate < program.index("wave", number + 1)), T.Then():
            run_gates(program, here, [gate], narrow)

    def trees(place: Place, table: Buffer, slots: Buffer, number: Expr) -> None:
        program, here, item = step(place, table, slots)
        tree = T.Bind(program.index("round", number) + item)
        with T.If(tree < program.index("round", number + 1)), T.Then():
            run_tree(program, here, tree)

    def scores(place: Place, table: Buffer, slots: Buffer, *rest: Buffer) -> None:
        *results, count = rest
        program = Program(table)
        sample = T.Bind(place.block * place.threads + place.thread)
        with T.If(sample < count), T.Then():
            word = T.Bind(sample >> 5)
            first, lane = T.Bind((word >> shift) * program.number("slots")), T.Bind(word & (tile - 1))
            finish(program, GlobalSlots(slots, tile, first, lane), None, sample & (WORD_BITS - 1), sample, *results)

    def make(name: str, parameters: Sequence[Parameter], body: Callable[..., None], rows: bool = True) -> Kernel:
        return gpu_kernel(name + suffix, parameters, threads, body, rows=rows)

    program = (_TABLE, slots_parameter)
    return (
        make("lgn_encode", (given.parameter, *program, _COUNT), encoding),
        make("lgn_load", (_WORDS, *program, _COUNT), loading),
        make("lgn_wave", (*program, Parameter("step")), gates),
        make("lgn_round", (*program, Parameter("step")), trees),
        make("lgn_scores", (*program, *_RESULTS, _COUNT), scores, rows=False),
    )

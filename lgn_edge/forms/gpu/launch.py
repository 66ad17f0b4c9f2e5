"""What a GPU is told to do, as data: buffers, and launches of kernels over them.

Every launcher is the same loop over it (`execute` in Python, deploy/gpu/ in C and JavaScript) and knows nothing of
networks: make the buffers, write what the caller gives, launch, read what the caller gets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.errors import InvariantError

# What a buffer is for. All numbers in it are little-endian.
SAMPLES: Final = "samples"  # written by the caller: features [n][features] of the input type
WORDS: Final = "words"  # written by the caller: packed bits uint32[bits][ceil(n / 32)]
SCORES: Final = "scores"  # read by the caller: int32[n][classes]
CLASSES: Final = "classes"  # read by the caller: int32[n]
TABLE: Final = "table"  # constant: what `Launches.tables` has by its name
WORK: Final = "work"  # written by one launch and read by the next; with any content before

ROLES: Final = (SAMPLES, WORDS, SCORES, CLASSES, TABLE, WORK)

BUFFER, NUMBER, COUNT = "buffer", "number", "count"  # what an argument is
KINDS: Final = (BUFFER, NUMBER, COUNT)

_WORD: Final = 4  # bytes; kernels read whole words


@dataclass(frozen=True)
class Buffer:
    """Memory of the GPU.

    Attributes:
        name: for people; a table's name in `Launches.tables`.
        role: one of ROLES.
        each: bytes for so many samples as `samples` says.
        samples: that share `each` bytes; 0 where the size is `each`, however many samples there are.
    """

    name: str
    role: str
    each: int
    samples: int = 0

    def bytes(self, count: int) -> int:
        """Its size for so many samples, a multiple of 4 and never 0."""
        size = self.each * -(-count // self.samples) if self.samples else self.each
        return max(1, -(-size // _WORD)) * _WORD


@dataclass(frozen=True)
class Argument:
    """An argument of a kernel.

    Attributes:
        kind: BUFFER, the start of a buffer; NUMBER, an int32; COUNT, the samples of the call as an int32.
        value: the buffer's index, or the number; 0 of a count.
    """

    kind: str
    value: int = 0


@dataclass(frozen=True)
class Launch:
    """A kernel over a grid of blocks: ceil(n / samples) of them in x, `rows` in y.

    Attributes:
        kernel: its name in the source.
        arguments: buffers first, then numbers.
        threads: of a block, in x.
        samples: of a block.
        rows: blocks in y, at most 65,535.
        shared: bytes of shared memory that the launcher gives a block; what a kernel declares itself is not in it.
    """

    kernel: str
    arguments: tuple[Argument, ...]
    threads: int
    samples: int
    rows: int = 1
    shared: int = 0

    def blocks(self, count: int) -> tuple[int, int]:
        """The grid for so many samples."""
        return -(-count // self.samples), self.rows


@dataclass(frozen=True)
class Sequence:
    """What a call does: launches one after the other, each of which sees all that those before it wrote.

    Attributes:
        takes: SAMPLES or WORDS.
        most: samples that it can take at once.
        launches: in their order.
    """

    takes: str
    most: int
    launches: tuple[Launch, ...]


@dataclass(frozen=True)
class Launches:
    """A network for a GPU. A call takes the first sequence that holds its samples; more go in pieces through the last.

    Attributes:
        buffers: one of SAMPLES, WORDS, SCORES and CLASSES each, and any number of the others.
        sequences: of each kind of input at least one, in the order of `most`.
        tables: the content of each buffer that is a TABLE, by its name; one-dimensional.
    """

    buffers: tuple[Buffer, ...]
    sequences: tuple[Sequence, ...]
    tables: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises InvariantError where something does not fit together, which is a defect of a form."""
        for role in (SAMPLES, WORDS, SCORES, CLASSES):
            _require(sum(buffer.role == role for buffer in self.buffers) == 1, f"there is not one buffer of {role}")
        for buffer in self.buffers:
            _require(buffer.role in ROLES, f"{buffer.name} has the role {buffer.role!r}")
            content = self.tables.get(buffer.name)
            expected = content.nbytes if content is not None and buffer.role == TABLE else None
            _require(
                (buffer.role == TABLE) == (content is not None) and expected in (None, buffer.each),
                f"table {buffer.name} and its content differ",
            )
        for takes in (SAMPLES, WORDS):
            most = [sequence.most for sequence in self.sequences if sequence.takes == takes]
            _require(bool(most) and most == sorted(most), f"the sequences for {takes} are none, or not in order")
        for sequence in self.sequences:
            for launch in sequence.launches:
                given = [argument.value for argument in launch.arguments if argument.kind == BUFFER]
                _require(all(0 <= i < len(self.buffers) for i in given), f"{launch.kernel} takes a buffer too many")
                _require(
                    all(argument.kind == BUFFER for argument in launch.arguments[: len(given)]),
                    f"{launch.kernel} takes numbers before buffers",
                )

    @property
    def kernels(self) -> tuple[str, ...]:
        """The names of the kernels, in the order of their first launch."""
        return tuple(dict.fromkeys(launch.kernel for each in self.sequences for launch in each.launches))

    def sequence(self, takes: str, count: int) -> Sequence:
        """The sequence of a call with so many samples."""
        able = [sequence for sequence in self.sequences if sequence.takes == takes]
        return next((sequence for sequence in able if count <= sequence.most), able[-1])

    def to_json(self) -> str:
        """All but the tables' content, of which it has the places in `table_bytes`, as {name: [first byte, bytes]}."""
        place, where = 0, {}
        for name, content in self.tables.items():
            where[name] = [place, content.nbytes]
            place += content.nbytes
        buffers, sequences = ([asdict(each) for each in records] for records in (self.buffers, self.sequences))
        document = {"license": "MIT-0", "buffers": buffers, "tables": where, "sequences": sequences}
        return json.dumps(document, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, content: bytes) -> Launches:
        """What `to_json` and `table_bytes` say; tables are bytes."""
        given = json.loads(text)
        data = np.frombuffer(content, np.uint8)
        return cls(
            tuple(Buffer(**buffer) for buffer in given["buffers"]),
            tuple(_sequence(each) for each in given["sequences"]),
            {name: data[first : first + size] for name, (first, size) in given["tables"].items()},
        )

    def table_bytes(self) -> bytes:
        """The tables' content, one behind the other."""
        return b"".join(np.ascontiguousarray(_little(content)).tobytes() for content in self.tables.values())

    def to_c(self, prefix: str) -> str:
        """All of it as tables of C, in the types of deploy/gpu/launch.h; the tables' content is PREFIX_TABLE.

        They are `lgn_buffers`, `lgn_arguments`, `lgn_launches`, `lgn_sequences` and `lgn_kernels`, static.
        """
        names = self.kernels
        launches = [launch for sequence in self.sequences for launch in sequence.launches]
        arguments = [argument for launch in launches for argument in launch.arguments]
        tables = [buffer.name for buffer in self.buffers if buffer.role == TABLE]
        externs = "".join(f"extern const uint8_t {prefix}_{name}[];\n" for name in tables)
        firsts = np.cumsum([0, *(len(launch.arguments) for launch in launches)]).tolist()
        starts = np.cumsum([0, *(len(sequence.launches) for sequence in self.sequences)]).tolist()
        return externs + "\n".join(
            (
                _c_table("lgn_buffer", "buffers", [
                    f'{{"{buffer.name}", {_c(buffer.role)}, {buffer.each}u, {buffer.samples}u, '
                    f"{f'{prefix}_{buffer.name}' if buffer.role == TABLE else 'NULL'}}}"
                    for buffer in self.buffers
                ]),
                _c_table("lgn_argument", "arguments", [f"{{{_c(each.kind)}, {each.value}}}" for each in arguments]),
                _c_table("char *const", "kernels", [f'"{name}"' for name in names]),
                _c_table("lgn_launch", "launches", [
                    f"{{{names.index(launch.kernel)}, {first}, {len(launch.arguments)}, {launch.threads}u, "
                    f"{launch.samples}u, {launch.rows}u, {launch.shared}u}}"
                    for launch, first in zip(launches, firsts, strict=False)
                ]),
                _c_table("lgn_sequence", "sequences", [
                    f"{{{_c(each.takes)}, {each.most}u, {first}, {len(each.launches)}}}"
                    for each, first in zip(self.sequences, starts, strict=False)
                ]),
            )
        )  # fmt: skip


def _sequence(given: Mapping[str, Any]) -> Sequence:
    launches = tuple(
        Launch(**{**launch, "arguments": tuple(Argument(**each) for each in launch["arguments"])})
        for launch in given["launches"]
    )
    return Sequence(given["takes"], given["most"], launches)


def _c(word: str) -> str:
    return f"LGN_{word.upper()}"


def _c_table(kind: str, name: str, rows: list[str]) -> str:
    body = "".join(f"    {row},\n" for row in rows)
    return f"static const {kind} lgn_{name}[] = {{\n{body}}};\n"


def _little(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(values.dtype.newbyteorder("<"))


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise InvariantError(f"launches: {what}")

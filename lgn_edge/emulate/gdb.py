"""Firmware in an emulator that speaks the GDB remote protocol: QEMU for cores that unicorn lacks, simavr for AVR.

The same contract as a `Machine`: functions are called, memory is read and written. Instructions are not counted. On AVR
cycles are, exactly: simavr executes each instruction in the cycles of the instruction set manual, and a timer of the
part counts them.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

from lgn_edge.emulate.availability import PROGRAMS, available
from lgn_edge.emulate.elf import intel_hex, write_executable
from lgn_edge.emulate.errors import EmulationError
from lgn_edge.emulate.image import Image
from lgn_edge.emulate.machine import Call
from lgn_edge.emulate.scratch import Scratch
from lgn_edge.emulate.timing import Cycles
from lgn_edge.errors import InputError, MissingProgramError
from lgn_edge.files import scratch_folder

_START_SECONDS: Final = 20
_CALL_SECONDS: Final = 120
_TURN_SECONDS: Final = 300
_SIMAVR_PORT: Final = 1234
_PACKET: Final = 256  # bytes of memory in a packet; simavr takes no more than 1023 characters
_PAINT: Final = b"\xa5"
_EXIT: Final = "lgn_emulator_exit"
# deploy/bare/emulator.c: a call through timer 1 of an AVR, the registers that it sets and tells the timer by, and a
# function that does nothing
_TIMED, _STOP, _NOTHING = "lgn_emulator_timed", "lgn_emulator_stop", "lgn_emulator_nothing"
_PRESCALER, _TIMER = 26, (18, 19)
_EVERY, _EVERY_1024 = 1, 5


@dataclass(frozen=True)
class Registers:
    """How a debugger numbers registers, and how functions are called.

    Attributes:
        width: bytes of a register.
        word: bytes of a pointer.
        arguments: for each argument its registers, the low one first; the result is where the first argument was.
        sp, pc: numbers of these registers.
        ra: the return address's register; None when it is on the stack.
        thumb: whether code addresses carry the Thumb bit.
        presets: registers that hold a value by convention, and the value.
    """

    width: int
    word: int
    arguments: tuple[tuple[int, ...], ...]
    sp: int
    pc: int
    ra: int | None
    thumb: bool = False
    presets: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Debugged:
    """A core that an emulator's debugger shows.

    Attributes:
        machine: ELF's name of the family.
        arguments: of the core's program; {image} is the executable and {port} where it listens.
        registers: of the core.
        ram: address and bytes of what is kept for variables, samples and the stack.
        linking: where code and variables go, as assignments before the family's linker script.
        loaded: whether the memory exists only where the executable says so.
        data: what is added to an address in RAM for the debugger.
        return_bytes: of a return address on the stack.
    """

    machine: str
    arguments: tuple[str, ...]
    registers: Registers
    ram: tuple[int, int]
    linking: str = ""
    loaded: bool = False
    data: int = 0
    return_bytes: int = 0

    @property
    def symbols(self) -> tuple[str, ...]:
        """What the image must hold of deploy/bare/emulator.c."""
        return (_EXIT, _TIMED, _STOP, _NOTHING) if self.data else (_EXIT,)


# xPSR, 25, must say that instructions are Thumb
_ARM: Final = Registers(4, 4, ((0,), (1,), (2,), (3,)), sp=13, pc=15, ra=14, thumb=True, presets=((25, 1 << 24),))
_RISCV: Final = Registers(4, 4, ((10,), (11,), (12,), (13,)), sp=2, pc=32, ra=1)
_AVR: Final = Registers(1, 2, ((24, 25), (22, 23), (20, 21), (18, 19)), sp=33, pc=34, ra=None, presets=((1, 0),))


def _board(board: str) -> tuple[str, ...]:
    return ("-M", board, "-nographic", "-monitor", "none", "-S", "-gdb", "tcp::{port}", "-kernel", "{image}")


def _user(cpu: str) -> tuple[str, ...]:
    return ("-cpu", cpu, "-g", "{port}", "{image}")


def _simavr(part: str) -> tuple[str, ...]:
    return ("-m", part, "-f", "16000000", "-g", "{image}")  # it listens at _SIMAVR_PORT


_AVR_FLASH: Final = 8 << 20  # as far as addresses reach: what a part has too little of is found by its size


def _avr(ram: int, size: int) -> str:
    return f"LGN_FLASH_LENGTH = {_AVR_FLASH:#x};\nLGN_RAM_ORIGIN = {ram:#x};\nLGN_RAM_LENGTH = {size:#x};\n"


# the secure side of the board's tightly coupled memories
_AN547: Final = (
    "LGN_FLASH_ORIGIN = 0x10000000;\nLGN_FLASH_LENGTH = 0x80000;\n"
    "LGN_RAM_ORIGIN = 0x30000000;\nLGN_RAM_LENGTH = 0x80000;\n"
)
DEBUGGED: Final = {
    "cortex-m55": Debugged("EM_ARM", _board("mps3-an547"), _ARM, (0x30000000, 0x80000), _AN547),
    "qemu-riscv32": Debugged("EM_RISCV", _user("rv32,zbb=true"), _RISCV, (0x60000000, 4 << 20), loaded=True),
    "atmega328p": Debugged(
        "EM_AVR",
        _simavr("atmega328p"),
        _AVR,
        (0x100, 0x800),
        _avr(0x100, 0x800),
        data=0x800000,
        return_bytes=2,
    ),
    "atmega2560": Debugged(
        "EM_AVR",
        _simavr("atmega2560"),
        _AVR,
        (0x200, 0x2000),
        _avr(0x200, 0x2000),
        data=0x800000,
        return_bytes=3,
    ),
}
"""The cores that are executed this way."""


class GdbMachine:
    """An emulator with an image in it, stopped between calls.

    Args:
        image: what runs; its symbol `lgn_emulator_exit` is where a called function returns to.
        core: one of `DEBUGGED`.

    Raises:
        InputError: the image is for another processor.
        MissingProgramError: the emulator is not installed.
        EmulationError: the emulator does not start.
    """

    def __init__(self, image: Image, core: str) -> None:
        reason = available(core)
        if reason:
            raise MissingProgramError(reason)
        self._core, self._program = DEBUGGED[core], PROGRAMS[core]
        if image.machine != self._core.machine:
            raise InputError(f"{image.name} is for {image.machine}, but {core} runs {self._core.machine}")
        self.image = image
        self._exit = image.symbol(_EXIT).address
        start, size = self._core.ram
        tops = [segment.address + segment.size - self._core.data for segment in image.segments]
        first = max([start, *(top for top in tops if start <= top < start + size)])
        self._stack_bytes = min(64 << 10, (start + size - first) // 4)
        self._top = (start + size - 1) & -16
        self._scratch = Scratch(first, self._top - self._stack_bytes)
        self._start()
        self._paint(self._stack_bytes)
        self._command(f"Z0,{self._exit:x},2")

    def call(self, symbol: str, *arguments: int, count: bool = False) -> Call:
        """Call a function with up to four arguments of a pointer's size. Never counts instructions.

        With `count` on AVR the function is called twice, for its cycles: it must do the same both times.

        Raises:
            EmulationError: it does not return, or faults.
            InputError: no such symbol, or too many arguments.
        """
        called = self._call(symbol, arguments)
        if not count or not self._core.data:
            return called
        return replace(called, cycles=self._cycles(symbol, arguments))

    def _call(self, symbol: str, arguments: tuple[int, ...], prescaler: int = 0) -> Call:
        """Call a function; with a setting of the timer's prescaler through the code that starts and stops the timer."""
        core, registers = self._core, self._core.registers
        if len(arguments) > len(registers.arguments):
            raise InputError(f"{symbol} is called with {len(arguments)} arguments; {len(registers.arguments)} fit")
        for places, value in zip(registers.arguments, arguments, strict=False):
            data = (value % (1 << 8 * registers.word)).to_bytes(registers.word, "little")
            for index, register in enumerate(places):
                self._set(register, data[index * registers.width :][: registers.width])
        for register, preset in registers.presets:
            self._set(register, preset.to_bytes(registers.width, "little"))
        sp = self._top
        begin = symbol
        if registers.ra is None:
            returns = [self._exit]
            if prescaler:
                begin, returns = _TIMED, [self.image.symbol(symbol).address, self.image.symbol(_STOP).address]
                self._set(_PRESCALER, bytes([prescaler]))
            sp -= core.return_bytes * len(returns)
            self.write(sp + 1, b"".join((to // 2).to_bytes(core.return_bytes, "big") for to in returns))
        else:
            self._set(registers.ra, (self._exit | registers.thumb).to_bytes(registers.width, "little"))
        self._set(registers.sp, sp.to_bytes(registers.word, "little"))
        self._set(registers.pc, self.image.symbol(begin).address.to_bytes(4, "little"))
        stopped = self._command("c", _CALL_SECONDS)
        where = int.from_bytes(self._get(registers.pc)[:4], "little")
        if where & ~1 != self._exit:
            near = self.image.nearest(where)
            raise EmulationError(f"{self.image.name}: {symbol} stopped at {near} (pc {where:#010x}): {stopped}")
        used = self._used()
        self._paint(used)
        result = b"".join(self._get(register)[: registers.width] for register in registers.arguments[0])
        return Call(int.from_bytes(result, "little", signed=True) % (1 << 32), None, used)

    def _cycles(self, symbol: str, arguments: tuple[int, ...]) -> Cycles:
        """From the first instruction of a function to its return.

        The timer has 16 bits: counting each cycle tells the low ones, and counting every 1,024th tells the others.
        """
        fine, coarse = (self._timer(symbol, arguments, prescaler) for prescaler in (_EVERY, _EVERY_1024))
        fine -= self._timer(_NOTHING, (), _EVERY)
        cycles = fine + round((coarse * 1024 + 512 - fine) / 65536) * 65536 + self._core.return_bytes + 2  # its return
        return Cycles(cycles, cycles, "counted by simavr")

    def _timer(self, symbol: str, arguments: tuple[int, ...], prescaler: int) -> int:
        self._call(symbol, arguments, prescaler)
        return int.from_bytes(b"".join(self._get(register) for register in _TIMER), "little")

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes of memory."""
        data = b""
        while len(data) < size:
            part = min(_PACKET, size - len(data))
            data += bytes.fromhex(self._command(f"m{address + self._core.data + len(data):x},{part:x}"))
        return data

    def write(self, address: int, data: bytes) -> None:
        """Put bytes into memory."""
        for start in range(0, len(data), _PACKET):
            part = data[start : start + _PACKET]
            self._command(f"M{address + self._core.data + start:x},{len(part):x}:{part.hex()}")

    @property
    def free(self) -> int:
        """Bytes that `allocate` still has."""
        return self._scratch.free

    def allocate(self, size: int, align: int = 8) -> int:
        """Reserve RAM."""
        return self._scratch.allocate(size, align)

    def mark(self) -> int:
        """A state of the allocations that `release` can go back to."""
        return self._scratch.used

    def release(self, mark: int = 0) -> None:
        """Forget all allocations, or those made after `mark`."""
        self._scratch.used = mark

    def close(self) -> None:
        """End the emulator."""
        with contextlib.suppress(OSError):
            self._socket.close()
        self._process.kill()
        self._process.wait()
        if self._turn:
            self._turn.close()
        self._folder.close()

    def __del__(self) -> None:
        if hasattr(self, "_socket"):
            self.close()

    def _start(self) -> None:
        self._folder = contextlib.ExitStack()
        path = self._folder.enter_context(scratch_folder()) / ("image.hex" if self._core.data else "image.elf")
        if self._core.data:
            path.write_text(intel_hex(self.image))
        else:
            path.write_bytes(write_executable(self.image, (self._core.ram,) if self._core.loaded else ()))
        path.chmod(0o755)
        port = _SIMAVR_PORT if self._core.data else _free_port()
        self._turn = _turn() if self._core.data else None
        command = [self._program, *(part.format(image=path, port=port) for part in self._core.arguments)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        limit = time.monotonic() + _START_SECONDS
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=_CALL_SECONDS)
                break
            except OSError as error:
                if time.monotonic() > limit or self._process.poll() is not None:
                    raise EmulationError(f"{self._program} does not start with {self.image.name}") from error
                time.sleep(0.02)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._command("qXfer:features:read:target.xml:0,ffb")  # only then QEMU lets single registers be written
        self._command("?")

    def _used(self) -> int:
        """Bytes of stack that are not painted any more."""
        base, part = self._top - self._stack_bytes, b""
        for start in range(0, self._stack_bytes, _PACKET):
            part = self.read(base + start, min(_PACKET, self._stack_bytes - start))
            rest = part.lstrip(_PAINT)
            if rest:
                return self._stack_bytes - start - (len(part) - len(rest))
        return 0

    def _paint(self, used: int) -> None:
        self.write(self._top - used, _PAINT * used)

    def _set(self, register: int, value: bytes) -> None:
        self._command(f"P{register:x}={value.hex()}")

    def _get(self, register: int) -> bytes:
        return bytes.fromhex(self._command(f"p{register:x}"))

    def _command(self, text: str, seconds: float = 10) -> str:
        """Send a packet and return the answer to it."""
        self._socket.settimeout(seconds)
        data = text.encode()
        try:
            self._socket.sendall(b"$" + data + f"#{sum(data) % 256:02x}".encode())
            while True:
                start = self._buffer.find(b"$")
                end = self._buffer.find(b"#", start)
                if start >= 0 and 0 <= end <= len(self._buffer) - 3:
                    answer, self._buffer = self._buffer[start + 1 : end], self._buffer[end + 3 :]
                    self._socket.sendall(b"+")
                    break
                received = self._socket.recv(65536)
                if not received:
                    raise EmulationError(f"the emulator of {self.image.name} ended after {text[:20]}")
                self._buffer += received
        except OSError as error:
            raise EmulationError(f"the emulator of {self.image.name} does not answer {text[:20]}: {error}") from error
        if answer[:1] == b"E" and text[:1] in "mMPZ":
            raise EmulationError(f"the emulator of {self.image.name} refuses {text[:20]}: {answer.decode()}")
        return answer.decode()


def _turn() -> IO[bytes]:
    """A file that is locked while simavr's port is ours: it has only one, for all programs that run it."""
    lock = (Path(tempfile.gettempdir()) / "lgn-edge-simavr.lock").open("ab")
    limit = time.monotonic() + _TURN_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError as error:
            if time.monotonic() > limit:
                lock.close()
                raise EmulationError(f"another simavr has port {_SIMAVR_PORT}; end it and try again") from error
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""A WebAssembly module, called function by function from Python through wasmtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

from lgn_edge.emulate.availability import require
from lgn_edge.emulate.errors import EmulationError
from lgn_edge.emulate.machine import Call
from lgn_edge.emulate.scratch import Scratch
from lgn_edge.errors import InputError

_PAGE: Final = 65536
_ROOM: Final = 16 << 20  # bytes behind the module's own memory
_FUEL: Final = 10**15  # instructions; more than anybody waits for
_CODE, _DATA = 10, 11  # numbers of these sections


@dataclass(frozen=True)
class WasmModule:
    """A module as it is in its file.

    Attributes:
        name: for messages.
        content: the bytes.
    """

    name: str
    content: bytes

    def section_bytes(self) -> dict[str, int]:
        """Bytes of the code section and of the data section."""
        sizes, at = {"code": 0, "data": 0}, 8
        while at < len(self.content):
            kind = self.content[at]
            size, at = _leb128(self.content, at + 1)
            if kind in (_CODE, _DATA):
                sizes["code" if kind == _CODE else "data"] += size
            at += size
        return sizes


class WasmMachine:
    """An instance of a module with room for samples behind its own memory.

    Args:
        module: what runs; it imports nothing.

    Raises:
        InputError: it imports something, or is not a module.
        MissingProgramError: wasmtime is not installed.
    """

    def __init__(self, module: WasmModule) -> None:
        require("wasmtime")
        import wasmtime

        self._name = module.name
        config = wasmtime.Config()
        config.consume_fuel = True
        engine = wasmtime.Engine(config)
        self._store = wasmtime.Store(engine)
        try:
            compiled = wasmtime.Module(engine, module.content)
        except wasmtime.WasmtimeError as error:
            raise InputError(f"{module.name} is not a WebAssembly module: {error}") from error
        if compiled.imports:
            raise InputError(f"{module.name} imports {compiled.imports[0].name}; it must import nothing")
        # its exports are of several types, told apart by their names
        self._exports = cast(Any, wasmtime.Instance(self._store, compiled, []).exports(self._store))
        self._memory = self._exports["memory"]
        base = self._global("__heap_base")
        own = self._memory.data_len(self._store)
        self.initial_bytes: int = own
        self._memory.grow(self._store, -(-_ROOM // _PAGE))
        self._scratch = Scratch(base, own + _ROOM)

    def call(self, symbol: str, *arguments: int, count: bool = False) -> Call:
        """Call an exported function; WebAssembly's stack is not painted, so its use is not known.

        Raises:
            EmulationError: a trap.
            InputError: no such export.
        """
        import wasmtime

        function = self._exports.get(symbol)
        if not isinstance(function, wasmtime.Func):
            raise InputError(f"{self._name} exports no function {symbol}")
        self._store.set_fuel(_FUEL)
        try:
            result = function(self._store, *arguments)
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            raise EmulationError(f"{self._name}: {symbol} stops: {error}") from error
        spent = _FUEL - self._store.get_fuel()
        return Call(int(result or 0) % (1 << 32), spent if count else None, 0)

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes of memory."""
        return bytes(self._memory.read(self._store, address, address + size))

    def write(self, address: int, data: bytes) -> None:
        """Put bytes into memory."""
        self._memory.write(self._store, data, address)

    @property
    def free(self) -> int:
        """Bytes that `allocate` still has."""
        return self._scratch.free

    def allocate(self, size: int, align: int = 8) -> int:
        """Reserve memory behind the module's own."""
        return self._scratch.allocate(size, align)

    def mark(self) -> int:
        """A state of the allocations that `release` can go back to."""
        return self._scratch.used

    def release(self, mark: int = 0) -> None:
        """Forget all allocations, or those made after `mark`."""
        self._scratch.used = mark

    def _global(self, name: str) -> int:
        return int(self._exports[name].value(self._store))


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number and the offset behind it."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at

"""An image as a file again, in the forms that emulators load: a small ELF executable, or Intel HEX."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from lgn_edge.emulate.image import Image

_MACHINES: Final = {"EM_ARM": (40, 0x05000200), "EM_RISCV": (243, 1)}  # e_machine and e_flags
_HEADER, _ENTRY = 52, 32
_LOAD, _ALL = 1, 7


def write_executable(image: Image, room: Sequence[tuple[int, int]] = ()) -> bytes:
    """A 32-bit little-endian executable with the image's segments, all writable, initialised as start-up code would.

    Args:
        image: what is loaded.
        room: address and bytes of more memory, zero.
    """
    parts = [(segment.address, segment.load_address, segment.data, segment.size) for segment in image.segments]
    parts += [(address, address, b"", size) for address, size in room]
    offset = -(-(_HEADER + _ENTRY * len(parts)) // 4096) * 4096
    entries, body = b"", b""
    for address, load, data, size in parts:
        # loaders map whole pages: a segment lies at the same place in its page as in memory
        start = offset + len(body) + (address - offset - len(body)) % 4096
        body = body.ljust(start - offset, b"\0") + data
        entries += struct.pack("<8I", _LOAD, start, address, load, len(data), size, _ALL, 4096)
    machine, flags = _MACHINES[image.machine]
    header = b"\x7fELF\x01\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIIIIIHHHHHH", 2, machine, 1, image.entry, _HEADER, 0, flags, _HEADER, _ENTRY, len(parts), 0, 0, 0
    )
    return (header + entries).ljust(offset, b"\0") + body


def intel_hex(image: Image) -> str:
    """What a programmer burns into flash, as Intel HEX."""
    lines = []
    for segment in image.segments:
        for start in range(0, len(segment.data), 16):
            address, data = segment.load_address + start, segment.data[start : start + 16]
            lines += [_record(0, 4, (address >> 16).to_bytes(2, "big")), _record(address % 2**16, 0, data)]
    return "\n".join([*lines, _record(0, 1, b"")]) + "\n"


def _record(address: int, kind: int, data: bytes) -> str:
    body = bytes([len(data)]) + address.to_bytes(2, "big") + bytes([kind]) + data
    return f":{body.hex().upper()}{-sum(body) % 256:02X}"

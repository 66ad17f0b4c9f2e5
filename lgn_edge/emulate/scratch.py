"""RAM that no variable of the firmware occupies, handed out upwards for arguments."""

from __future__ import annotations

from dataclasses import dataclass

from lgn_edge.errors import InputError


@dataclass
class Scratch:
    """A range of addresses of which the first `used` bytes are taken.

    Attributes:
        start: first address.
        end: the address behind the last.
        used: bytes taken; setting it back frees what was taken since.
    """

    start: int
    end: int
    used: int = 0

    @property
    def free(self) -> int:
        """Bytes left."""
        return self.end - self.start - self.used

    def allocate(self, size: int, align: int = 8) -> int:
        """Take `size` bytes at a multiple of `align`, a power of two.

        Raises:
            InputError: not so many are left, or `align` is no power of two.
        """
        if align < 1 or align & (align - 1):
            raise InputError(f"an alignment of {align} is not a power of two")
        address = (self.start + self.used + align - 1) & -align
        if address + size > self.end:
            raise InputError(f"{size} bytes do not fit into the {self.free} free ones; give more RAM or fewer samples")
        self.used = address + size - self.start
        return address

"""Linked firmware as data: what goes where in memory, and which symbol is at which address.

Reads any ELF executable; what executes it, checks the machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from lgn_edge.emulate.availability import require
from lgn_edge.errors import InputError, LgnError

_WRITE, _ALLOC, _EXECUTE = 1, 2, 4  # SHF_* of the ELF specification


@dataclass(frozen=True)
class Segment:
    """Bytes that a loader puts into memory.

    Attributes:
        address: where the program expects them (VMA).
        load_address: where the image stores them (LMA): another place than `address` for initialised data.
        data: the stored bytes.
        size: bytes at `address`, those that start as zero included.
    """

    address: int
    load_address: int
    data: bytes
    size: int


@dataclass(frozen=True)
class Section:
    """A section that takes part in the running program.

    Attributes:
        name: such as ".text".
        kind: "text", "rodata", "data" or "bss".
        address: where it is (0 in an object).
        size: bytes.
    """

    name: str
    kind: str
    address: int
    size: int


@dataclass(frozen=True)
class Symbol:
    """A named address; for Arm functions without the Thumb bit.

    Attributes:
        address: of its first byte.
        size: bytes, 0 where the linker does not know.
        section: the name of its section, "" for an absolute value.
    """

    address: int
    size: int
    section: str


@dataclass(frozen=True)
class Image:
    """An ELF executable.

    Attributes:
        name: its file name, for messages.
        machine: ELF's name of the processor family, such as "EM_ARM".
        entry: the address in the ELF header, as it stands there.
        segments: by load address.
        sections: in file order.
        symbols: by name; a global one wins over a local one of the same name.
    """

    name: str
    machine: str
    entry: int
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    symbols: Mapping[str, Symbol]

    def symbol(self, name: str) -> Symbol:
        """The symbol called `name`.

        Raises:
            InputError: there is none.
        """
        if name not in self.symbols:
            raise InputError(f"{self.name} has no symbol {name}; link it with that symbol kept")
        return self.symbols[name]

    def nearest(self, address: int) -> str:
        """The last symbol at or before `address` in its section, as "name+0x12", or "no symbol"."""
        names = [(symbol.address, name) for name, symbol in self.symbols.items() if self._covers(symbol, address)]
        if not names:
            return "no symbol"
        start, name = max(names)
        return f"{name}+{address - start:#x}" if address > start else name

    def _covers(self, symbol: Symbol, address: int) -> bool:
        return symbol.address <= address and any(
            section.name == symbol.section and section.address <= address < section.address + section.size
            for section in self.sections
        )


@dataclass(frozen=True)
class MemoryUse:
    """What a program occupies, in bytes.

    Attributes:
        text: instructions.
        rodata: constants.
        data: initialised variables; they occupy RAM, and flash for their initial values.
        bss: variables that start as zero.
        sections: every section with its size.
    """

    text: int
    rodata: int
    data: int
    bss: int
    sections: tuple[Section, ...]

    @property
    def flash(self) -> int:
        """Bytes of flash: instructions, constants and the initial values of data."""
        return self.text + self.rodata + self.data

    @property
    def ram(self) -> int:
        """Bytes of RAM: data and bss, without any stack."""
        return self.data + self.bss


def read_image(path: str | Path, machine: str = "EM_ARM") -> Image:
    """Read a linked ELF file.

    Args:
        path: the file.
        machine: ELF's name of the processor family it must be for.

    Raises:
        InputError: the file is missing, is no ELF executable, or is for another processor.
        MissingProgramError: pyelftools is not installed.
    """
    source = Path(path)
    with _reading(source) as stream:
        elf = _elf(stream, str(source))
        header = elf.header
        if header["e_machine"] != machine:
            raise InputError(f"{source} is for {header['e_machine']}, not for {machine}; build it for the right target")
        if header["e_type"] != "ET_EXEC":
            raise InputError(f"{source} is {header['e_type']}, not an executable; link it first")
        return Image(
            source.name, machine, header["e_entry"], _segments(elf), _sections(elf), MappingProxyType(_symbols(elf))
        )


def memory_use(image: Image) -> MemoryUse:
    """What a linked image occupies."""
    return _sum(image.sections)


def object_use(path: str | Path) -> MemoryUse:
    """What an ELF object, or all objects of a static library, occupy before the linker drops what nobody needs.

    Raises:
        InputError: the file is missing or is neither.
        MissingProgramError: pyelftools is not installed.
    """
    source = Path(path)
    with _reading(source) as stream:
        if stream.read(8) == b"!<arch>\n":
            sections = tuple(section for elf in _members(stream, str(source)) for section in _sections(elf))
        else:
            sections = _sections(_elf(stream, str(source)))
    return _sum(sections)


@contextmanager
def _reading(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file; whatever a parser stumbles over inside the block is the file's fault."""
    try:
        yield BytesIO(path.read_bytes())
    except LgnError:
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"cannot read {path}: {reason}; give the name of an ELF file") from error
    except Exception as error:  # pyelftools lets errors of many kinds through when a file is damaged
        raise InputError(f"{path} is a damaged ELF file ({error}); build it again") from error


def _elf(stream: IO[bytes], name: str) -> Any:
    require("elftools")
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    stream.seek(0)
    try:
        return ELFFile(stream)
    except ELFError as error:
        raise InputError(f"{name} is not an ELF file; give linked firmware, an object or a static library") from error


def _segments(elf: Any) -> tuple[Segment, ...]:
    loaded = (segment for segment in elf.iter_segments() if segment["p_type"] == "PT_LOAD" and segment["p_memsz"])
    return tuple(sorted(map(_segment, loaded), key=lambda segment: segment.load_address))


def _segment(entry: Any) -> Segment:
    data = bytes(entry.data())
    if not len(data) == entry["p_filesz"] <= entry["p_memsz"]:
        raise ValueError("a segment is cut off")
    return Segment(entry["p_vaddr"], entry["p_paddr"], data, entry["p_memsz"])


def _sections(elf: Any) -> tuple[Section, ...]:
    return tuple(
        Section(section.name, _kind(section), section["sh_addr"], section["sh_size"])
        for section in elf.iter_sections()
        if section["sh_flags"] & _ALLOC and section["sh_size"]
    )


def _kind(section: Any) -> str:
    if section["sh_type"] == "SHT_NOBITS":
        return "bss"
    if section["sh_flags"] & _EXECUTE:
        return "text"
    return "data" if section["sh_flags"] & _WRITE else "rodata"


def _symbols(elf: Any) -> dict[str, Symbol]:
    table = elf.get_section_by_name(".symtab")
    if table is None:
        return {}
    found = [entry for entry in table.iter_symbols() if _is_named(entry)]
    found.sort(key=lambda entry: entry["st_info"]["bind"] != "STB_LOCAL")  # stable: globals come last and win
    return {entry.name: _symbol(elf, entry) for entry in found}


def _is_named(entry: Any) -> bool:
    mapping = entry.name.startswith("$")  # $t, $d, $x: what the linker marks code and data with
    return (
        bool(entry.name) and not mapping and entry["st_shndx"] != "SHN_UNDEF" and entry["st_info"]["type"] != "STT_FILE"
    )


def _symbol(elf: Any, entry: Any) -> Symbol:
    thumb = elf.header["e_machine"] == "EM_ARM" and entry["st_info"]["type"] == "STT_FUNC"
    index = entry["st_shndx"]
    section = elf.get_section(index).name if isinstance(index, int) else ""
    return Symbol(entry["st_value"] & ~1 if thumb else entry["st_value"], entry["st_size"], section)


def _members(stream: IO[bytes], name: str) -> list[Any]:
    """The ELF members of an ar archive whose magic has been read."""
    members = []
    while header := stream.read(60):
        if len(header) < 60 or header[58:] != b"`\n":
            raise InputError(f"{name} is a damaged static library; build it again")
        size = int(header[48:58])
        data = stream.read(size + size % 2)[:size]
        if data.startswith(b"\x7fELF"):
            members.append(_elf(BytesIO(data), f"{name}({header[:16].decode().strip()})"))
    return members


def _sum(sections: tuple[Section, ...]) -> MemoryUse:
    total = dict.fromkeys(("text", "rodata", "data", "bss"), 0)
    for section in sections:
        total[section.kind] += section.size
    return MemoryUse(**total, sections=sections)

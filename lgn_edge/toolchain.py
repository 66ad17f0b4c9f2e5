"""Compiling C, archiving and linking with the ziglang wheel: clang and lld for every target, no system compiler.

Objects carry no debug information and no path of this machine, so the same sources give the same bytes everywhere.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lgn_edge.errors import InputError, InvariantError, MissingProgramError
from lgn_edge.files import cache_folder

_NO_SPACE: Final = ("No space left", "NoSpaceLeft", "Disk quota exceeded", "DiskQuota")  # clang's words, and zig's
STRICT_WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wconversion", "-pedantic")


@dataclass(frozen=True)
class Machine:
    """How clang names what it compiles for.

    Attributes:
        triple: zig's target, such as "thumb-freestanding-eabi".
        cpu: zig's -mcpu, such as "cortex_m4"; empty for the triple's baseline.
        flags: more compiler flags, such as "-ffreestanding".
        clang: call clang itself, for a triple of LLVM's and a part that zig does not pass on.
        attributes: Arm's build attributes that compiled C carries in place of clang's, each a tag and a value.
    """

    triple: str
    cpu: str = ""
    flags: tuple[str, ...] = ()
    clang: bool = False
    attributes: tuple[tuple[int, int], ...] = ()


# Linux by architecture: code for any place in memory, and for a C library of 2012 or newer.
LINUX: Final = {name: Machine(f"{name}-linux-gnu.2.17", flags=("-fPIC",)) for name in ("x86_64", "aarch64")}


def missing() -> str | None:
    """Why nothing can be compiled or linked here, or None."""
    if importlib.util.find_spec("ziglang") is None:
        return "the ziglang package is not installed: pip install 'lgn-edge[link]'"
    return None


def compile_c(
    source: Path,
    output: Path,
    machine: Machine,
    *,
    optimize: str = "-O2",
    include: Sequence[Path] = (),
    defines: Sequence[str] = (),
) -> None:
    """Compile one C99 file to an object, every warning an error; `defines` are flags such as -DSIZE=3."""
    command = [*_compiler(machine), "-std=c99", optimize, *defines, *_compile_flags(source, machine, include)]
    if not machine.attributes:
        _zig(*command, "-c", str(source), "-o", str(output))
        return
    assembly = output.with_suffix(".s")
    # zig adds a -c of its own, which clang finds unused beside -S
    _zig(*command, "-Wno-unused-command-line-argument", "-S", str(source), "-o", str(assembly))
    assembly.write_text(_with_attributes(assembly.read_text(), machine.attributes))
    # clang itself, as zig would put back the section about the stack; the processor is said in the assembly
    _zig("clang", "--target=thumb-none-eabi", "-c", str(assembly), "-o", str(output))
    assembly.unlink()


def _with_attributes(assembly: str, attributes: Sequence[tuple[int, int]]) -> str:
    """The same code with other build attributes, the last of a tag counts, and without a word about the stack.

    GCC leaves out the section .note.GNU-stack where there is no operating system, and GNU ld warns of a program in
    which some objects have it and others do not.
    """
    kept = [line for line in assembly.splitlines() if ".note.GNU-stack" not in line]
    return "\n".join([*kept, *(f"\t.eabi_attribute\t{tag}, {value}" for tag, value in attributes), ""])


def compile_cpp(source: Path, output: Path, machine: Machine, *, include: Sequence[Path] = ()) -> None:
    """Compile one C++17 file that does without the C++ runtime to an object, every warning an error."""
    flags = ["-std=c++17", "-O2", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"]
    _zig("c++", *_machine(machine), *flags, *_compile_flags(source, machine, include), "-c", str(source), "-o",
         str(output))  # fmt: skip


def _compile_flags(source: Path, machine: Machine, include: Sequence[Path]) -> list[str]:
    flags = ["-g0", "-ffunction-sections", "-fdata-sections", *STRICT_WARNINGS, *machine.flags]
    return [*flags, f"-ffile-prefix-map={source.parent}=.", *(f"-I{folder}" for folder in include)]


def assemble(source: Path, output: Path, machine: Machine) -> None:
    """Assemble one file; files that it includes are looked for beside it."""
    _zig("cc", *_machine(machine), *machine.flags, "-g0", f"-I{source.parent}", "-c", str(source), "-o", str(output))


def archive(objects: Sequence[Path], output: Path) -> None:
    """Put objects into a static library, without times and owners."""
    output.unlink(missing_ok=True)
    _zig("ar", "rcsD", str(output), *map(str, objects))


def link_shared(objects: Sequence[Path], output: Path) -> None:
    """Link ELF objects that need no library into a shared one, which programs look for by its file's name."""
    _zig("ld.lld", "-shared", "-soname", output.name, "--gc-sections", "--build-id=none", "-z", "noexecstack",
         "-o", str(output), *map(str, objects))  # fmt: skip


def link_library(objects: Sequence[Path], output: Path, machine: Machine, parts: Sequence[str] = ()) -> None:
    """Link ELF objects that need nothing but the C library, and `parts` of it such as "dl", into a shared one.

    "-nostdlib" keeps zig from compiling its runtime library first, which takes half a minute and which nothing needs.
    """
    libraries = [f"-l{part}" for part in ("c", *parts)]
    linking = [
        f"-Wl,{flag}" for flag in ("--gc-sections", "--build-id=none", "-Bsymbolic", "-z,defs", "-z,noexecstack")
    ]
    _zig("cc", *_machine(machine), "-g0", "-shared", "-nostdlib", *libraries, *linking, "-o", str(output),
         *map(str, objects))  # fmt: skip


def link_firmware(inputs: Sequence[Path], output: Path, script: Path, keep: Sequence[str] = ()) -> None:
    """Link objects and archives into an ELF image by a linker script.

    Args:
        inputs: objects and static libraries.
        output: the ELF file.
        script: GNU linker script.
        keep: symbols that stay although nothing refers to them.
    """
    undefined = [f"--undefined={symbol}" for symbol in keep]
    _zig("ld.lld", "--gc-sections", "--build-id=none", *undefined, "-T", str(script), "-o", str(output),
         *map(str, inputs))  # fmt: skip


def link_wasm(objects: Sequence[Path], output: Path, exports: Sequence[str]) -> None:
    """Link objects into a WebAssembly module without imports that exports functions, its memory and `__heap_base`."""
    flags = [f"--export={name}" for name in (*exports, "__heap_base")]
    _zig("wasm-ld", "--no-entry", "--gc-sections", "--strip-all", "-z", "stack-size=65536", *flags, "-o", str(output),
         *map(str, objects))  # fmt: skip


def link_program(inputs: Sequence[Path], output: Path, machine: Machine) -> None:
    """Link a hosted program with the C library that the toolchain brings."""
    _zig("build-exe", *_machine(machine), "-fno-ubsan-rt", "-lc", *map(str, inputs), f"-femit-bin={output}")


def _compiler(machine: Machine) -> list[str]:
    if machine.clang:
        return ["clang", f"--target={machine.triple}", f"-mmcu={machine.cpu}", f"-I{_headers()}"]
    return ["cc", *_machine(machine)]


def _headers() -> Path:
    """The folder of the headers that come with clang."""
    found = importlib.util.find_spec("ziglang")
    places = list(found.submodule_search_locations or ()) if found else []
    return Path(places[0] if places else ".") / "lib" / "include"


def _machine(machine: Machine) -> list[str]:
    return ["-target", machine.triple, *([f"-mcpu={machine.cpu}"] if machine.cpu else [])]


def _zig(*arguments: str) -> None:
    reason = missing()
    if reason:
        raise MissingProgramError(reason)
    cache_folder()  # zig keeps things beside ours, and where no folder can be made it tries without an end
    result = subprocess.run([sys.executable, "-m", "ziglang", *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        if any(words in result.stderr for words in _NO_SPACE):
            raise InputError("the compiler has no space left to write to; free some in its cache and in TMPDIR")
        raise InvariantError(f"ziglang {' '.join(arguments[:1])} failed: {result.stderr.strip()[-2000:]}")

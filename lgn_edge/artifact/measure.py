"""What an artifact costs on its device: linked and executed, not estimated."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lgn_edge import toolchain
from lgn_edge.artifact.manifest import Manifest
from lgn_edge.deploy_files import deploy_folder
from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.files import scratch_folder
from lgn_edge.targets.registry import find_target
from lgn_edge.targets.target import Target

if TYPE_CHECKING:
    from lgn_edge.emulate import Cycles, Firmware

# Memory of the emulated part: larger than real ones, so that what fits a real one fits here.
_FLASH = 64 << 20
_RAM = {"cortex-m": 4 << 20, "riscv32": 4 << 20, "avr": 0x2000, "aarch64": 64 << 20, "riscv64": 64 << 20}
_ELF_MACHINES = {
    "cortex-m": "EM_ARM",
    "riscv32": "EM_RISCV",
    "avr": "EM_AVR",
    "aarch64": "EM_AARCH64",
    "riscv64": "EM_RISCV",
}
_SAMPLES_RAM = 1 << 20  # kept free for samples and results


@dataclass(frozen=True)
class Measured:
    """Costs of a program that calls only `predict`.

    Attributes:
        flash_bytes: code and constant data of the library, tables included.
        ram_bytes: static memory of the library.
        sections: bytes by kind of section.
        stack_bytes: high-water mark of a call.
        instructions: executed by `predict` for one sample.
        instructions_for_a_word: executed by `predict` for as many samples as a word has bits.
        cycles: of `predict` for one sample: counted, or by the core's table of timings.
        no_cycles: why there are none.
        not_measured: why the figures that are None are missing.
    """

    flash_bytes: int | None = None
    ram_bytes: int | None = None
    sections: dict[str, int] | None = None
    stack_bytes: int | None = None
    instructions: int | None = None
    instructions_for_a_word: int | None = None
    cycles: Cycles | None = None
    no_cycles: str = ""
    not_measured: str = ""

    @property
    def ram_with_stack_bytes(self) -> int | None:
        """Static memory and stack together, as RAM is predicted; None where one of them was not measured."""
        if self.ram_bytes is None or self.stack_bytes is None:
            return None
        return self.ram_bytes + self.stack_bytes


def measure(folder: Path, manifest: Manifest, target: Target) -> Measured:
    """Link the library into the smallest firmware that predicts, and run it on one sample and on a word of them.

    Raises:
        InputError: the target is a part with less memory than that takes.
    """
    if target.gpu:
        return Measured(not_measured="a GPU has memory of its own")
    if target.hosted:
        return Measured(not_measured="a hosted target shares its memory with the program around it")
    from lgn_edge import emulate

    _check_part(target, manifest.workspace_bytes, target.ram_bytes, "RAM")
    unexecuted = emulate.available(manifest.execution)
    if target.family in ("c", "wasm"):
        return Measured(not_measured=unexecuted) if unexecuted else _measure_wasm(folder, manifest)
    reason = emulate.unreadable() or _too_large(manifest, target)
    if reason:
        return Measured(not_measured=reason)
    firmware = link(folder, manifest, keep=("predict",))
    assert isinstance(firmware.image, emulate.Image)
    use = emulate.memory_use(firmware.image)
    _check_part(target, use.flash, target.flash_bytes, "flash")
    linked = Measured(
        flash_bytes=use.flash,
        ram_bytes=use.ram,
        sections={"text": use.text, "rodata": use.rodata, "data": use.data, "bss": use.bss},
    )
    if unexecuted:
        return replace(linked, not_measured=unexecuted)
    machine = firmware.start()
    fit = emulate.room(machine, firmware)
    if fit < 1:
        return replace(
            linked, not_measured="a sample and its scores do not fit into RAM beside the library's variables"
        )
    samples = np.zeros((manifest.word_bits, manifest.features), manifest.input_dtype)
    one = emulate.measure(firmware, samples[:1], machine=machine)
    word = emulate.measure(firmware, samples, machine=machine) if fit >= len(samples) else None
    return replace(
        linked,
        stack_bytes=max(one.stack_bytes, word.stack_bytes if word else 0),
        instructions=one.instructions or None,  # not every emulator counts
        instructions_for_a_word=(word.instructions or None) if word else None,
        cycles=one.cycles,
        no_cycles="" if one.cycles else emulate.untimed(manifest.execution) or "no table has all of its instructions",
    )


def _measure_wasm(folder: Path, manifest: Manifest) -> Measured:
    from lgn_edge import emulate

    firmware = link(folder, manifest)
    assert isinstance(firmware.image, emulate.WasmModule)
    machine = emulate.WasmMachine(firmware.image)
    samples = np.zeros((manifest.word_bits, manifest.features), manifest.input_dtype)
    one, word = (emulate.measure(firmware, samples[:n], machine=machine) for n in (1, manifest.word_bits))
    return Measured(
        flash_bytes=len(firmware.image.content),
        ram_bytes=machine.initial_bytes,
        sections=firmware.image.section_bytes(),
        instructions=one.instructions,
        instructions_for_a_word=word.instructions,
        no_cycles="every engine compiles WebAssembly in its own way",
    )


def _check_part(target: Target, needed: int, has: int, what: str) -> None:
    if has and needed > has:
        raise InputError(
            f"the network does not fit {target.name}: it needs {needed:,} bytes of {what}, and there are {has:,};"
            " train a smaller network, or take a larger part"
        )


def _too_large(manifest: Manifest, target: Target) -> str | None:
    from lgn_edge import emulate

    debugged = emulate.DEBUGGED.get(manifest.execution)
    ram = debugged.ram[1] if debugged else _RAM.get(target.family, sys.maxsize)
    if manifest.workspace_bytes > ram - (0 if debugged else _SAMPLES_RAM):
        return f"the workspace of {manifest.workspace_bytes:,} bytes does not fit the emulator's RAM of {ram:,} bytes"
    return None


def link(folder: Path, manifest: Manifest, keep: tuple[str, ...] = ("predict", "selftest")) -> Firmware:
    """Link an artifact's library, without start-up code, into an image whose functions the emulator calls.

    What a hosted library takes from the C library, memset and its like, is linked from deploy/.

    Args:
        folder: of the artifact.
        manifest: its interface.
        keep: functions of the library that the image must hold, without the prefix.

    Raises:
        UnsupportedError: the network is too large for the emulated memory.
    """
    from lgn_edge import emulate

    target = find_target(manifest.target)
    if target.family == "c":
        raise UnsupportedError(f"{folder} holds C sources; compile them for the machine that is to run them")
    if target.family == "wasm":
        module = folder / f"lgn_{manifest.name}.wasm"
        return emulate.Firmware(
            emulate.WasmModule(module.name, module.read_bytes()),
            f"lgn_{manifest.name}",
            manifest.features,
            manifest.input_dtype,
            manifest.classes,
            manifest.execution,
        )
    reason = _too_large(manifest, target)
    if reason:
        raise UnsupportedError(f"{folder}: {reason}; it runs on a device with more memory only")
    prefix = f"lgn_{manifest.name}"
    with scratch_folder() as work:
        image, script = work / "firmware.elf", work / "linker.ld"
        memory = f"LGN_FLASH_LENGTH = {_FLASH:#x};\nLGN_RAM_LENGTH = {_RAM[target.family]:#x};\n"
        debugged = emulate.DEBUGGED.get(manifest.execution)
        memory = debugged.linking if debugged and debugged.linking else memory
        script.write_text(memory + (deploy_folder() / target.family / "linker.ld").read_text())
        inputs = [folder / "lib" / f"lib{prefix}.a"]
        extra = ["bare/string"] * target.hosted + ["bare/emulator"] * (debugged is not None)
        extra += ["avr/runtime"] * (target.family == "avr")
        for source in extra:
            inputs.append(work / f"{Path(source).name}.o")
            toolchain.compile_c(deploy_folder() / f"{source}.c", inputs[-1], target.machine, optimize="-Os")
        symbols = [f"{prefix}_{function}" for function in keep] + [*(debugged.symbols if debugged else ())]
        toolchain.link_firmware(inputs, image, script, keep=symbols)
        return emulate.Firmware(
            emulate.read_image(image, _ELF_MACHINES[target.family]),
            prefix,
            manifest.features,
            manifest.input_dtype,
            manifest.classes,
            manifest.execution,
        )

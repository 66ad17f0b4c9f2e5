"""PTX of kernels, and what NVIDIA's own programs say of it."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import tvm_ffi
from tvm.tirx.script.builder import ir as T

from lgn_edge.errors import InputError, InvariantError
from lgn_edge.forms.gpu.kernels import Input, block_kernels, wave_kernels
from lgn_edge.forms.gpu.tir import Place, barrier, gpu_kernel, shared
from lgn_edge.kernels.tir import Buffer, Kernel, Parameter
from lgn_edge.targets.cubin import Assembled, cubin, wheel_program
from lgn_edge.targets.cuda import ARCHITECTURES, cuda, cuda_version, find_architectures
from lgn_edge.targets.ptx import Ptx, check_ptx, ptx
from tests.thinning import few

BLOCK = block_kernels(Input("uint8"), 20 << 10, 2, 256)  # 160 KiB of shared memory
WAVES = wave_kernels(Input("int32", edges=True), True, 256)


@pytest.fixture(scope="module")
def block() -> Ptx:
    return ptx(BLOCK, "sm_75")


@pytest.fixture(scope="module")
def waves() -> Ptx:
    return ptx(WAVES, "sm_75")


def test_kernels_become_entries_and_nothing_else(waves: Ptx) -> None:
    assert waves.version == (6, 3)
    assert re.findall(r"\.(entry|func) (\w+)", waves.text) == [("entry", kernel.symbol) for kernel in WAVES]
    assert "__truncsfhf2" not in waves.text
    assert waves.shared == dict.fromkeys([kernel.symbol for kernel in WAVES], 0)


def test_shared_memory_is_the_launchs(block: Ptx) -> None:
    assert block.shared == {"lgn_block": 160 << 10, "lgn_block_packed": 160 << 10}
    assert re.findall(r"^.*\.shared \.align.*$", block.text, re.MULTILINE) == [
        ".extern .shared .align 64 .b8 lgn_shared[];"
    ]


def test_the_same_kernels_give_the_same_text() -> None:
    again = wave_kernels(Input("int32", edges=True), True, 256)
    assert ptx(WAVES, "sm_75") == ptx(again, "sm_75")


def test_what_others_gave_tvm_for_libdevice_stays() -> None:
    name = "tvm_callback_libdevice_path"
    before = tvm_ffi.get_global_func(name, allow_missing=True)
    tvm_ffi.register_global_func(name, lambda arch: "theirs", override=True)
    try:
        ptx(WAVES[:1], "sm_75")
        assert tvm_ffi.get_global_func(name)("sm_75") == "theirs"
    finally:
        tvm_ffi.remove_global_func(name)
        if before is not None:
            tvm_ffi.register_global_func(name, before)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (".visible .entry lgn_wave", ".visible .func lgn_wave", r"has the kernels .*, not lgn_encode"),
        (".target sm_75", ".target sm_75, debug", "is not for sm_75"),
        ("ld.global.nc.b32", "ld.b32", "does not name its memory: 'ld.b32'"),
        ("\n.visible .entry lgn_wave", "\n.weak .func helper()\n.visible .entry lgn_wave", "that is no kernel"),
        ("\n.visible .entry lgn_wave", "\n.shared .b8 x[65536];\n.visible .entry lgn_wave", "48 KiB at most"),
    ],
)
def test_other_ptx_is_a_defect(waves: Ptx, old: str, new: str, message: str) -> None:
    assert old in waves.text
    with pytest.raises(InvariantError, match=message):
        check_ptx(waves.text.replace(old, new), list(waves.shared), "sm_75")


def test_a_kernel_has_one_shared_array() -> None:
    def body(place: Place, out: Buffer) -> None:
        first, second = shared("int32", 64), shared("int32", 128)
        T.buffer_store(first, place.thread, [place.thread])
        T.buffer_store(second, place.thread, [place.thread * 2])
        barrier()
        T.buffer_store(out, first[63 - place.thread] + second[place.thread], [place.thread])

    with pytest.raises(InvariantError, match="kernel twice has several shared arrays"):
        ptx((gpu_kernel("twice", (Parameter("out", "int32", 1),), 64, body),), "sm_75")


@pytest.mark.parametrize("arch", few(list(ARCHITECTURES), "sm_75", "sm_87", "sm_90"))
def test_every_architecture_has_ptx_and_code(arch: str, block: Ptx) -> None:
    newest = ptx(BLOCK[1:], arch)
    assert cuda_version(newest.version) >= 10000
    for text in (newest.text, block.text):
        made = cubin(text, arch)
        if isinstance(made, str):
            pytest.skip(made)
        assert made.code.startswith(b"\x7fELF")
        assert made.by.startswith("ptxas ")


def _instructions(kernels: tuple[Kernel, ...], folder: Path) -> Counter[str]:
    """How often each instruction is in the machine code of Hopper, with its modifiers."""
    disassembler = next(wheel_program("triton", "backends/nvidia/bin/nvdisasm"), None)
    if disassembler is None:
        pytest.skip("there is no nvdisasm: pip install triton")
    made = cubin(ptx(kernels, "sm_75").text, "sm_90")
    if not isinstance(made, Assembled):
        pytest.skip(made)
    path = folder / "kernels.cubin"
    path.write_bytes(made.code)
    said = subprocess.run([disassembler, str(path)], capture_output=True, text=True, check=True).stdout
    return Counter(re.findall(r"^\s+/\*[0-9a-f]{4}\*/\s+(?:@!?U?P\d+ )?([A-Z0-9.]+)", said, re.MULTILINE))


def test_machine_code_has_operations_of_three_inputs_and_wide_loads(tmp_path: Path) -> None:
    code = _instructions(BLOCK[1:], tmp_path)
    assert code["LDS.64"] >= 2  # both inputs of a gate, 64 samples each
    assert code["STS.64"] >= 1
    assert 300 > code["LOP3.LUT"] >= 6  # a gate of any kind takes three, for each of two words
    assert not any(name.startswith(("LDL", "STL")) for name in code)  # nothing is spilled
    assert not any(name.split(".")[0] in ("LD", "ST", "ATOM", "ATOMS", "RED") for name in code)


def test_machine_code_of_waves_reads_constants_by_their_own_way(tmp_path: Path) -> None:
    code = _instructions(WAVES[2:3], tmp_path)
    assert code["LDG.E.CONSTANT"] >= 2
    assert code["LOP3.LUT"] >= 3
    assert code["STG.E"] == 1


@pytest.mark.parametrize(
    ("names", "found"),
    [([], ()), (["sm_90", "jetson-orin", "sm_90"], ("sm_87", "sm_90")), (["sm_110", "sm_75"], ("sm_75", "sm_110"))],
)
def test_architectures_are_found_by_names_and_aliases(names: list[str], found: tuple[str, ...]) -> None:
    assert find_architectures(names) == found


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sm_70", "cannot be made for sm_70: PTX of sm_75, the oldest, does not run on it"),
        ("sm_91", "unknown GPU 'sm_91'; did you mean"),
        ("jetson", "unknown GPU 'jetson'; did you mean jetson-"),
        ("", "unknown GPU ''"),
    ],
)
def test_architectures_that_ptx_cannot_reach_are_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_architectures(["sm_90", name])


def test_a_target_of_several_gpus_suits_all_of_them() -> None:
    target = cuda(find_architectures(["sm_90", "sm_86"]))
    assert target.gpu is not None
    assert (target.gpu.options["mcpu"], target.gpu.shared_bytes) == ("sm_86", 99 << 10)
    assert target.gpu.architectures == ("sm_86", "sm_90")

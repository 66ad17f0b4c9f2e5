"""Kernels of a GPU as PTX, by TVM's wheel alone: no CUDA toolkit, no driver and no GPU.

TVM 0.27 marks kernels in a way that LLVM 22 no longer writes, and so emits functions that nothing can launch. LLVM's
*reader* still knows the mark: the module goes out as IR and in again, and comes out as kernels whose pointers are of
global memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

import tvm
import tvm_ffi
from tvm import tirx

from lgn_edge.errors import InvariantError
from lgn_edge.files import scratch_folder
from lgn_edge.kernels.tir import Expr, Kernel, constant

_TRIPLE: Final = "nvptx64-nvidia-cuda"
_LIBDEVICE: Final = "tvm_callback_libdevice_path"  # TVM asks it for NVIDIA's library of mathematics
_ASKING: Final = Lock()
_NOTHING: Final = """\
target triple = "{triple}"
!llvm.module.flags = !{{!0}}
!0 = !{{i32 2, !"tvm_target", !"{target}"}}
"""
# What TVM adds to every module: conversions of float16, and a compile unit for a debugger.
_ADDED: Final = (
    re.compile(r'^define weak [^\n]* section "\.text\.tvm\.fp16\.conv"[^\n]*\{\n.*?^\}\n', re.MULTILINE | re.DOTALL),
    re.compile(r"^!llvm\.dbg\.cu = [^\n]*\n", re.MULTILINE),
)
_FUNCTION: Final = re.compile(r"^define [^\n]*@(?P<name>\w+)\([^\n]*\{\n.*?^\}\n", re.MULTILINE | re.DOTALL)
_ARRAY: Final = re.compile(
    r"^@(?P<name>[\w.]+) = [^\n]*addrspace\(3\) global \[(?P<count>\d+) x i(?P<bits>\d+)\] \w+, align \d+\n",
    re.MULTILINE,
)
_SHARED: Final = "@lgn_shared"
_DECLARED: Final = f"{_SHARED} = external addrspace(3) global [0 x i32], align 64\n"
_ENTRY: Final = re.compile(r"^\.visible \.entry (\w+)\(", re.MULTILINE)
_FOREIGN: Final = {
    "debug information": re.compile(r"^\.target .*debug|^\t?\.section", re.MULTILINE),
    "a function that is no kernel": re.compile(r"^(?:\.\w+ )*\.func ", re.MULTILINE),
    "a load or store that does not name its memory": re.compile(r"\b(?:ld|st)(?:\.v[24])?\.[busf](?:8|16|32|64)\b"),
    "shared memory of a fixed size, which is 48 KiB at most": re.compile(r"^\.(?:visible )?\.?shared ", re.MULTILINE),
}


@dataclass(frozen=True)
class Ptx:
    """Kernels that every GPU from an architecture on takes.

    Attributes:
        text: the source that the driver, or ptxas, compiles.
        shared: bytes of shared memory that a launch of each kernel must give a block.
    """

    text: str
    shared: Mapping[str, int]

    @property
    def version(self) -> tuple[int, int]:
        """Of the language, such as (6, 3)."""
        major, minor = re.findall(r"^\.version (\d+)\.(\d+)$", self.text, re.MULTILINE)[0]
        return int(major), int(minor)


def ptx(kernels: Sequence[Kernel], arch: str) -> Ptx:
    """The PTX of kernels for an architecture such as "sm_75"; newer GPUs take it too.

    Shared memory comes from the launch, as only that may be more than 48 KiB.

    Args:
        kernels: functions of threads, with distinct symbols and without tables; each has one shared array at most.
        arch: LLVM's name of the oldest GPU that shall run it.

    Raises:
        InvariantError: TVM and LLVM gave something that is no such PTX.
    """
    target = tvm.target.Target({"kind": "nvptx", "mcpu": arch})
    module = tirx.transform.BindTarget(target)(tvm.IRModule({kernel.symbol: kernel.function for kernel in kernels}))
    module = tirx.transform.LowerIntrin()(module)
    with scratch_folder() as folder:
        with _libdevice(folder / "nothing.ll", arch):
            ir = tvm.get_global_func("target.build.nvptx")(module, target).inspect_source("ll")
        for added in _ADDED:
            ir = added.sub("", ir)
        ir, shared = _shared_by_launch(ir)
        ir = _in_order(ir, [kernel.symbol for kernel in kernels])
        path = folder / "kernels.ll"
        path.write_text(ir)
        text = str(tvm.get_global_func("ffi.Module.load_from_file.ll")(str(path), "ll").inspect_source("s"))
    check_ptx(text, [kernel.symbol for kernel in kernels], arch)
    return Ptx(text, {kernel.symbol: shared.get(kernel.symbol, 0) for kernel in kernels})


def _shared_by_launch(ir: str) -> tuple[str, dict[str, int]]:
    """The same IR, where shared arrays are the memory that a launch gives; and the bytes that each function takes."""
    size = {found["name"]: int(found["count"]) * int(found["bits"]) // 8 for found in _ARRAY.finditer(ir)}
    shared = {}
    for function in _FUNCTION.finditer(ir):
        used = size.keys() & re.findall(r"@([\w.]+)", function.group())
        if len(used) > 1:
            raise InvariantError(f"kernel {function['name']} has several shared arrays, and a launch gives one")
        shared[function["name"]] = sum(size[name] for name in used)
    ir = _ARRAY.sub("", ir)
    for name in size:
        ir = re.sub(rf"@{re.escape(name)}\b", _SHARED, ir)
    start = _FUNCTION.search(ir)
    return ir[: start.start()] + _DECLARED + ir[start.start() :] if size and start else ir, shared


def _in_order(ir: str, kernels: Sequence[str]) -> str:
    """The same IR with its functions in this order: TVM's depends on where they lie in memory."""
    functions = {found["name"]: found.group() for found in _FUNCTION.finditer(ir)}
    places = iter(kernels)
    return _FUNCTION.sub(lambda _: functions[next(places)], ir) if functions.keys() == set(kernels) else ir


def _barrier(_: Expr) -> Expr:
    """What LLVM 22 calls a barrier of a block; TVM 0.27 knows the name, but not that it takes a number."""
    return tirx.call_llvm_intrin("void", "llvm.nvvm.barrier.cta.sync.aligned.all", constant(0, "int32"))


tirx.register_intrin_lowering("tirx.tvm_storage_sync", "nvptx", f=_barrier, level=99)


def check_ptx(text: str, kernels: Sequence[str], arch: str) -> None:
    """Make sure that PTX is for an architecture, and consists of these kernels and nothing else.

    Raises:
        InvariantError: it does not; says what it has.
    """
    entries = _ENTRY.findall(text)
    if sorted(entries) != sorted(kernels):
        raise InvariantError(f"the PTX has the kernels {', '.join(entries) or 'none'}, not {', '.join(kernels)}")
    if f"\n.target {arch}\n" not in text:
        raise InvariantError(f"the PTX is not for {arch}")
    for what, pattern in _FOREIGN.items():
        found = pattern.search(text)
        if found:
            raise InvariantError(f"the PTX has {what}: {found.group().strip()!r}")


@contextmanager
def _libdevice(path: Path, arch: str) -> Iterator[None]:
    """TVM links the file `path` where it asks for NVIDIA's library, of which logic takes nothing.

    All that is in the file is what TVM reads a module's target from, which its code for GPUs does not write.
    """
    target = json.dumps({"kind": "llvm", "mtriple": _TRIPLE, "mcpu": arch}).replace('"', r"\22")
    path.write_text(_NOTHING.format(triple=_TRIPLE, target=target))
    with _ASKING:
        before = tvm_ffi.get_global_func(_LIBDEVICE, allow_missing=True)
        tvm_ffi.register_global_func(_LIBDEVICE, lambda *_: str(path), override=True)
        try:
            yield
        finally:
            tvm_ffi.remove_global_func(_LIBDEVICE)
            if before is not None:
                tvm_ffi.register_global_func(_LIBDEVICE, before, override=True)

"""Building the library: kernels compiled by TVM, C and C++ by the ziglang wheel, one shared object without dependencies
but the C library.
"""  # noqa: D205

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from lgn_edge import toolchain
from lgn_edge.files import scratch_folder, write_atomic
from lgn_edge.forms.rows import any_network, image_layers, layers
from lgn_edge.forms.rows.any_network import COMPARED, PACK_FORMS
from lgn_edge.forms.rows.schedule import CACHE_ROWS, LATENCY
from lgn_edge.kernels.tir import Kernel
from lgn_edge.onnx_library.folder import PLAN_SOURCE, sources_folder
from lgn_edge.targets.compile import Job, kernel_jobs, run_jobs
from lgn_edge.targets.target import Level, Target
from lgn_edge.templates import render

_PREFIX: Final = "lgn_onnx"


def build_library(
    target: Target,
    output: Path,
    progress: Callable[[int, int], None] = lambda done, jobs: None,
    kept: Path | None = None,
) -> None:
    """Build the library for a hosted target with rows of eight words.

    The same sources give the same bytes.

    Args:
        target: what it is for.
        output: the shared object to write.
        progress: told how many jobs are done, and how many there are; from several threads, one after the other.
        kept: folder of objects that an earlier try left, and this one leaves; of these sources and this target only.

    Raises:
        MissingProgramError: the C toolchain is not installed.
    """
    kernels = _Kernels.of(target)
    with scratch_folder() as work:
        for name, text in _generated(kernels, target).items():
            (work / name).write_text(text)
        include = [sources_folder(), PLAN_SOURCE.parent, work]

        def compile_source(source: Path) -> Path:
            compiled = work / f"{source.stem}.o"
            if source.suffix == ".cc":
                toolchain.compile_cpp(source, compiled, target.machine, include=include)
            else:
                defines = [f"-DCACHE_ROWS={CACHE_ROWS}", f"-DLATENCY={LATENCY}"] if source.stem == "plan" else []
                toolchain.compile_c(source, compiled, target.machine, include=include, defines=defines)
            return compiled

        own = sources_folder()
        sources = [*sorted(own.glob("*.c")), *sorted(work.glob("*.c")), *sorted(own.glob("*.cc"))]
        jobs = kernel_jobs(kernels.all, target, work)
        jobs += [partial(compile_source, source) for source in sources]
        jobs = jobs if kept is None else keeping(jobs, kept)
        toolchain.link_library(run_jobs(_counted(jobs, progress)), output, target.machine)


def keeping(jobs: Sequence[Job], folder: Path) -> list[Job]:
    """The same jobs; each leaves its object in the folder, whole, and takes the one that is there from an earlier try.

    An object is known by the number of its job.
    """

    def kept(job: Job, path: Path) -> Path:
        if not path.exists():
            write_atomic(path, job().read_bytes())
        return path

    return [partial(kept, job, folder / f"{number}.o") for number, job in enumerate(jobs)]


def _counted(jobs: Sequence[Job], progress: Callable[[int, int], None]) -> list[Job]:
    """The same jobs; each tells that it is done."""
    done, lock = itertools.count(1), threading.Lock()

    def counted(job: Job) -> Path:
        result = job()
        with lock:
            progress(next(done), len(jobs))
        return result

    progress(0, len(jobs))
    return [partial(counted, job) for job in jobs]


@dataclass(frozen=True)
class _Kernels:
    """All kernels, by their places in `struct lgn_kernels`."""

    pack: Sequence[Kernel]
    fields: Mapping[str, Sequence[Kernel]]

    @classmethod
    def of(cls, target: Target) -> _Kernels:
        shape = target.shape
        wide = replace(shape, lanes=2 * shape.lanes)
        return cls(
            [any_network.pack(form, shape, _PREFIX) for form in PACK_FORMS],
            {
                "pack_scalar": [any_network.pack_scalar(compared, shape, _PREFIX) for compared in COMPARED],
                "load": [any_network.load(shape, _PREFIX)],
                "gates": any_network.gates(shape, _PREFIX),
                "sum": [any_network.scores(shape, _PREFIX)],
                "read": [layers.read_rows(shape, _PREFIX), layers.read_rows(wide, f"{_PREFIX}_wide")],
                "write": [layers.write_rows(shape, _PREFIX)],
                "layer": [*layers.layer(shape, _PREFIX), *layers.layer(wide, f"{_PREFIX}_wide")],
                "count": [layers.count_rows(shape, _PREFIX)],
                "convolution": [image_layers.convolution(shape, _PREFIX)],
                "pool": [image_layers.pool(shape, _PREFIX)],
            },
        )

    @property
    def all(self) -> list[Kernel]:
        return [*self.pack, *(kernel for kernels in self.fields.values() for kernel in kernels)]


def _generated(kernels: _Kernels, target: Target) -> dict[str, str]:
    """The C that depends on the target: tables of kernels, and the choice among levels."""
    files = {"kernel_table.c": _table(kernels, target.levels)}
    if len(target.levels) > 1:
        values = {"name": "onnx", "NAME": "ONNX", "version": "the build of this library"}
        levels = f"levels_{target.family}"
        files["lgn_onnx.h"] = f"#define LGN_ONNX_OK 0\n{render(f'{levels}.h.in', values)}"
        files["levels.c"] = render(f"{levels}.c.in", values)
    return files


def _table(kernels: _Kernels, levels: Sequence[Level]) -> str:
    lines = ['#include "kernels.h"', "#include <stddef.h>"]
    if len(levels) > 1:
        lines.append('#include "lgn_onnx.h"')
    lines.append("const struct lgn_pack_form lgn_pack_forms[] = {")
    for form in PACK_FORMS:
        lines.append(f"    {{{COMPARED.index(form.name)}, {form.width}, {form.together}, {form.extra_rows}}},")
    lines += ["};", f"const int32_t lgn_n_pack_forms = {len(PACK_FORMS)};"]
    lines.append(f"const int32_t lgn_gates_ahead = {layers.AHEAD};")
    for level in levels:
        for field, members in {"pack": kernels.pack, **kernels.fields}.items():
            lines += [f"lgn_{field} {kernel.symbol}{level.suffix};" for kernel in members]
        pack = ", ".join(kernel.symbol + level.suffix for kernel in kernels.pack)
        lines.append(f"static lgn_pack *const pack{level.suffix}[] = {{{pack}}};")
        lines.append(f"static const struct lgn_kernels kernels{level.suffix} = {{pack{level.suffix}")
        for members in kernels.fields.values():
            names = ", ".join(kernel.symbol + level.suffix for kernel in members)
            lines.append(f"    , {{{names}}}" if len(members) > 1 else f"    , {names}")
        lines.append("};")
    lines += ["const struct lgn_kernels *lgn_best_kernels(void)", "{"]
    if len(levels) > 1:
        lines += ["    switch (lgn_onnx_level()) {"]
        lines += [f"    case {level.suffix[2:]}: return &kernels{level.suffix};" for level in levels]
        lines += ["    default: return NULL;", "    }"]
    else:
        lines += [f"    return &kernels{levels[0].suffix};"]
    return "\n".join([*lines, "}", ""])

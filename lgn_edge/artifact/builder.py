"""Building an artifact: network to circuit to program to objects to a folder for a device."""

from __future__ import annotations

import importlib.metadata
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike, NDArray

from lgn_edge import toolchain
from lgn_edge._version import __version__
from lgn_edge.artifact.artifact import Artifact, load_artifact
from lgn_edge.artifact.choice import Budget, Choice, check_batch, check_budget, choose
from lgn_edge.artifact.class_names import c_table, example_values, javascript
from lgn_edge.artifact.device import DeviceProgram, c_literal, c_rows, write_kernels
from lgn_edge.artifact.example import example_samples
from lgn_edge.artifact.layout import copy_board, copy_license, templates
from lgn_edge.artifact.manifest import ABI_VERSION, FILE, Manifest, sha256
from lgn_edge.artifact.measure import measure
from lgn_edge.artifact.packaging import check_packages, package_values, write_packages
from lgn_edge.artifact.prediction import Cost
from lgn_edge.artifact.report import REPORT_JSON, REPORT_TEXT, Report, report_text
from lgn_edge.artifact.selftest import selftest_samples
from lgn_edge.artifact.templates import render
from lgn_edge.errors import InputError, MissingProgramError
from lgn_edge.files import atomic_directory
from lgn_edge.network import Circuit, Network, flatten
from lgn_edge.passes import UniformProgram, simplify, uniform_schedule
from lgn_edge.targets.registry import find_target
from lgn_edge.targets.target import Target

_INPUT_ARRAYS = {"uint8": "Uint8Array", "float32": "Float32Array"}
_INPUT_TYPES = {"uint8": "uint8_t", "float32": "float"}
_EXPORTS = ("predict", "predict_in", "predict_packed", "predict_packed_in", "selftest")
_PACKAGES = ("apache-tvm", "ziglang", "numpy")


def build(
    model: Network | str | Path,
    target: str,
    output: str | Path,
    *,
    name: str | None = None,
    optimize: str = "balanced",
    flash: int | None = None,
    ram: int | None = None,
    clock_hz: int | None = None,
    packages: Sequence[str] = (),
    batch: int = 1,
    samples: ArrayLike | None = None,
    package_version: str | None = None,
    package_url: str | None = None,
) -> Artifact:
    """Compile a network for a target and write the artifact's folder.

    The folder appears when everything in it is finished; a folder that was there is replaced as a whole. The same model
    and target give the same bytes.

    Args:
        model: a network, or the path of an ONNX file of ours.
        target: its name (`lgn_edge.targets.registry`).
        output: the folder.
        name: what symbols and files are called (`lgn_NAME_predict`); the network's own name by default. What a C
            identifier cannot hold becomes "_".
        optimize: what firmware shall be best at: "speed", "size", or "balanced". Hosted targets have one form.
        flash: bytes of flash that firmware may use, for code and constants; by default all that the part has.
        ram: bytes of RAM that firmware may use, for its workspace and stack; likewise.
        clock_hz: that the report gives times for; by default those of a common part.
        packages: of `lgn_edge.artifact.packaging.PACKAGES`: what the sources are made into besides.
        batch: samples that firmware shall take at once where a call has so many: 1, or the bits of the machine's word
            (32; on AVR 8), which takes a table, more code and a word of RAM for each value that is alive.
        samples: real ones [n, features], of which the examples classify the first eight; else made-up ones.
        package_version: of the packages, such as "1.2.3"; 1.0.0 by default.
        package_url: of the packages, their address in the web; one of example.com by default.

    Raises:
        InputError: a bad model, target or folder, or the network does not fit; says what it needs.
        MissingProgramError: the C toolchain is not installed.
    """
    machine = find_target(target)
    check_packages(packages, machine, package_version, package_url)
    check_batch(batch, machine)
    if clock_hz and not machine.clock_hz:
        raise InputError(f"no cycles are known of {machine.name}, so a clock gives no time; build without --clock")
    reason = toolchain.missing()
    if reason:
        raise MissingProgramError(f"target {machine.name} needs a linker: {reason}")
    clock = _Clock()
    with clock("read"):
        network = model if isinstance(model, Network) else _read(model)
    identifier = c_identifier(name if name is not None else network.name)
    shown = example_samples(network, samples, machine.selftest_vectors)
    with clock("simplify"):
        circuit, _ = simplify(flatten(network))
    budget = Budget(flash or machine.flash_bytes or None, ram or machine.ram_bytes or None)
    with clock("schedule"):
        program, choice = _schedule(circuit, network, machine, optimize, budget, batch)
    with atomic_directory(output) as folder, tempfile.TemporaryDirectory() as work:
        manifest = _interface(network, program, machine, identifier)
        about = package_values(identifier, package_version, package_url)
        values = _write_sources(folder, network, program, manifest, machine, about | _example_values(manifest, *shown))
        write_packages(folder, packages, identifier, values)
        with clock("compile"):
            objects = _compile(network, program, machine, manifest, folder, Path(work))
        with clock("link"):
            _link(objects, folder, identifier, machine)
        with clock("measure"):
            measured = measure(folder, manifest, machine)
        if isinstance(program, DeviceProgram) and measured.ram_needed is not None:
            cost = Cost(measured.flash_bytes or 0, measured.ram_needed, measured.instructions)
            check_budget(network.name, machine, program.form, cost, budget)
        report = Report(
            name=identifier,
            target=machine.name,
            gates=network.n_gates,
            gates_simplified=circuit.n_gates,
            gates_scheduled=program.n_gates,
            inputs=network.encoder.n_outputs,
            inputs_live=len(program.input_bit),
            slots=program.n_slots,
            form=program.form if isinstance(program, DeviceProgram) else "rows",
            why=choice.why if choice else "rows: hosted machines take many samples at once",
            predicted=choice.predicted if choice else {},
            measured=measured,
            clock_hz=clock_hz or machine.clock_hz,
        )
        (folder / REPORT_JSON).write_text(report.to_json())
        (folder / REPORT_TEXT).write_text(report_text(report, manifest))
        files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        manifest.files.update({file: sha256(folder / file) for file in files})
        (folder / FILE).write_text(manifest.to_json())
    return replace(load_artifact(output), seconds=clock.seconds)


def _schedule(
    circuit: Circuit, network: Network, target: Target, optimize: str, budget: Budget, batch: int
) -> tuple[UniformProgram | DeviceProgram, Choice | None]:
    """Vector code has one kind of gate and takes what stays in the cache; small machines take one sample at a time."""
    if target.shape.lanes > 1:
        if str(budget):
            raise InputError(f"{target.name} has no limits of flash and RAM; --flash and --ram are for firmware")
        return uniform_schedule(circuit, network.head.classes), None
    choice = choose(network, circuit, target, optimize, budget, batch)
    return choice.program, choice


def _read(path: str | Path) -> Network:
    from lgn_edge import onnx_model  # a network at hand needs no onnx

    return onnx_model.read(path)


def c_identifier(name: str) -> str:
    """The name in lower case with every character that a C identifier cannot hold replaced by "_".

    Raises:
        InputError: nothing of it is a letter or digit.
    """
    identifier = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if not identifier:
        raise InputError(f"the name {name!r} holds no letter or digit; choose another with --name")
    return identifier


@dataclass
class _Clock:
    """Seconds of each step."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[step] = time.perf_counter() - start


def _interface(network: Network, program: UniformProgram | DeviceProgram, target: Target, identifier: str) -> Manifest:
    block, workspace_align = 1, 1
    if isinstance(program, DeviceProgram):
        block, workspace_bytes, workspace_align = program.batch, program.workspace_bytes, max(1, program.batch // 8)
    else:
        from lgn_edge.kernels.network_kernels import workspace_rows

        block, workspace_align = target.shape.samples, target.shape.row_bytes
        workspace_bytes = workspace_rows(network, program, target.shape) * workspace_align
    return Manifest(
        name=identifier,
        target=target.name,
        triple=target.triple,
        cpu=target.levels[0].cpu,
        levels=tuple(level.cpu for level in target.levels),
        execution=target.execution,
        features=network.encoder.n_features,
        input_dtype=network.encoder.input_dtype,
        bits=network.encoder.n_outputs,
        classes=network.head.classes,
        class_names=network.class_names,
        tau=network.head.tau,
        beta=network.head.beta,
        word_bits=target.shape.word_bits,
        block=block,
        workspace_bytes=workspace_bytes,
        workspace_align=workspace_align,
        model_hash=network.fingerprint(),
        versions={"lgn-edge": __version__, **{name: importlib.metadata.version(name) for name in _PACKAGES}},
        files={},
    )


def _example_values(manifest: Manifest, samples: NDArray[Any], what: str) -> dict[str, object]:
    macro = f"LGN_{manifest.name.upper()}_CLASS_NAMES"
    return {
        "class_names": c_table(manifest.class_names, macro),
        "class_names_js": javascript(manifest.class_names),
        "examples": len(samples),
        "example_samples": c_rows(samples),
        "samples_js": ", ".join(map(str, samples.ravel().tolist())),
        "samples_are": what,
        **example_values(manifest.class_names, macro),
    }


def _write_sources(
    folder: Path,
    network: Network,
    program: UniformProgram | DeviceProgram,
    manifest: Manifest,
    target: Target,
    given: Mapping[str, object],
) -> dict[str, object]:
    """Write everything but libraries and reports; returns what the templates were filled with."""
    samples = selftest_samples(network, target.selftest_vectors)
    values: dict[str, object] = {
        **given,
        "name": manifest.name,
        "NAME": manifest.name.upper(),
        "version": __version__,
        "target": target.name,
        "gates": network.n_gates,
        "hash": manifest.model_hash,
        "abi": ABI_VERSION,
        "features": manifest.features,
        "classes": manifest.classes,
        "bits": manifest.bits,
        "word_bits": manifest.word_bits,
        "block": manifest.block,
        "tau": c_literal(manifest.tau),
        "beta": c_literal(manifest.beta),
        "workspace_bytes": manifest.workspace_bytes,
        "workspace_align": manifest.workspace_align,
        "reentrant": int(manifest.workspace_bytes <= max(1, target.workspace_on_stack)),
        "input_type": _INPUT_TYPES[manifest.input_dtype],
        "word_type": f"uint{manifest.word_bits}_t",
        "vectors": target.selftest_vectors,
        "zig": f"-target {target.machine.triple} -mcpu={target.machine.cpu}",
        "tau_js": manifest.tau,
        "beta_js": manifest.beta,
        "name_js": manifest.name.replace("_", "-"),
        "input_array": _INPUT_ARRAYS[manifest.input_dtype],
        "gcc": target.gcc[0],
        "gcc_flags": target.gcc[1],
        "from_source": "ON" if target.family == "riscv32" else "OFF",  # an object there fits one way to pass floats
    }
    (folder / "src").mkdir()
    device = isinstance(program, DeviceProgram)
    values |= dict.fromkeys(("words_prototypes", "words", "packed_words", "misaligned"), "")
    values["cell"] = "uint8_t"
    if isinstance(program, DeviceProgram):
        comment = f"{manifest.name}: kernels and tables. Written by lgn-edge {__version__}; do not edit."
        values["checksum"] = write_kernels(folder / "src", network, program, target, f"lgn_{manifest.name}", comment)
        values["element"] = "uint8" if manifest.input_dtype == "uint8" else "int32"
        if program.batch > 1:
            align = f"LGN_{manifest.name.upper()}_WORKSPACE_ALIGN"
            values["cell"] = values["word_type"]
            values["misaligned"] = f" ||\n        (uintptr_t)workspace % {align} != 0u"
            values["words_prototypes"] = render("device_words.c.in", values)
            values["words"] = render("device_words_predict.c.in", values)
            values["packed_words"] = render("device_words_packed.c.in", values)
        values["samples"], values["expected"] = c_rows(samples), c_rows(network.evaluate(samples).scores)
    levels = f"levels_{target.family}" if len(target.levels) > 1 else None
    values["levels"] = render(f"{levels}.h.in", values) if levels else ""
    values["strided"] = "" if device else render("strided.h.in", values)
    for template, path in templates(target, manifest.name, one_sample=device):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(render(template, values))
    copy_board(folder, target)
    copy_license(folder)
    return values


def _compile(
    network: Network,
    program: UniformProgram | DeviceProgram,
    target: Target,
    manifest: Manifest,
    folder: Path,
    work: Path,
) -> list[Path]:
    from lgn_edge.targets.compile import Job, assemble_tables, kernel_jobs, run_jobs

    def compile_source(source: Path) -> Path:
        output = work / f"{source.stem}.o"
        optimize = "-O2" if target.hosted else "-Os"
        toolchain.compile_c(source, output, target.machine, optimize=optimize, include=[folder / "include"])
        return output

    jobs: list[Job] = []
    if isinstance(program, UniformProgram):
        from lgn_edge.kernels.network_kernels import network_kernels
        from lgn_edge.kernels.tir import Table

        prefix = f"lgn_{manifest.name}"
        jobs += kernel_jobs(network_kernels(network, program, target.shape, prefix), target, work)
        samples = selftest_samples(network, target.selftest_vectors)
        tables = [
            Table(f"{prefix}_selftest_samples", samples.view(f"i{samples.dtype.itemsize}").ravel()),
            Table(f"{prefix}_selftest_scores", network.evaluate(samples).scores.ravel()),
        ]
        jobs.append(partial(assemble_tables, tables, target, work, "selftest_tables"))
    jobs += [partial(compile_source, source) for source in sorted((folder / "src").glob("*.c"))]
    return run_jobs(jobs)


def _link(objects: Sequence[Path], folder: Path, identifier: str, target: Target) -> None:
    if target.family == "c":
        return  # compiling was the proof that it compiles
    library = folder / "lib"
    library.mkdir()
    toolchain.archive(objects, library / f"liblgn_{identifier}.a")
    if target.hosted:
        toolchain.link_shared(objects, library / f"liblgn_{identifier}.so")
    if target.family == "wasm":
        exports = [f"lgn_{identifier}_{function}" for function in _EXPORTS]
        toolchain.link_wasm(objects, folder / f"lgn_{identifier}.wasm", exports)

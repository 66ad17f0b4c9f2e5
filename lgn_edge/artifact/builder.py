"""Building an artifact: network to circuit to program to objects to a folder for a device."""

from __future__ import annotations

import importlib.metadata
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from numpy.typing import ArrayLike

from lgn_edge import toolchain
from lgn_edge._version import __version__
from lgn_edge.artifact.artifact import Artifact, load_artifact
from lgn_edge.artifact.class_names import name_values
from lgn_edge.artifact.example import example_values, real_samples
from lgn_edge.artifact.head_text import head_values
from lgn_edge.artifact.layout import copy_board, copy_license, made, templates
from lgn_edge.artifact.manifest import ABI_VERSION, FILE, Manifest
from lgn_edge.artifact.measure import measure
from lgn_edge.artifact.packaging import check_packages, package_values, write_packages
from lgn_edge.artifact.report import REPORT_JSON, REPORT_TEXT, Report, report_text
from lgn_edge.artifact.selftest import selftest_samples
from lgn_edge.checks import whole_number
from lgn_edge.errors import InputError, MissingProgramError
from lgn_edge.files import atomic_directory, check_folder, scratch_folder, sha256
from lgn_edge.forms.choice import Budget, Plan, check_batch, check_budget, plan
from lgn_edge.forms.form import Vectors
from lgn_edge.forms.prediction import Cost
from lgn_edge.forms.rows.split import split
from lgn_edge.network import Circuit, Network
from lgn_edge.network.facts import layer_facts
from lgn_edge.network.heads import MAX_CLASSES
from lgn_edge.passes.layered import as_network
from lgn_edge.targets.cuda import for_architectures
from lgn_edge.targets.registry import find_target
from lgn_edge.targets.target import Target
from lgn_edge.templates import render

KIND = "artifact"  # of the folder, for those who replace it
_INPUT_ARRAYS = {"uint8": "Uint8Array", "float32": "Float32Array"}
_INPUT_TYPES = {"uint8": "uint8_t", "float32": "float"}
_NAN = "; a NaN is above no threshold, so that every bit of its feature is 0"
_LONG = 10.0  # seconds after which somebody who waits wants to hear
_MOST_OF_A_NAME = 64  # characters, which every file system and linker takes
_MOST_OF_A_PART = 10**12  # bytes of its memory, hertz of its clock
_EXPORTS = ("predict", "predict_in", "predict_packed", "predict_packed_in", "selftest")
_PACKAGES = ("apache-tvm", "ziglang", "numpy")


def build(
    model: Network | Circuit | str | Path,
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
    arch: Sequence[str] = (),
    samples: ArrayLike | None = None,
    package_version: str | None = None,
    package_url: str | None = None,
    force: bool = False,
    progress: Callable[[str], None] = lambda text: None,
) -> Artifact:
    """Compile a network for a target and write the artifact's folder.

    The folder appears when everything in it is finished. An artifact that was there, as it was built, is replaced as a
    whole. The same model and target give the same bytes.

    Args:
        model: a network, a circuit, or the path of an ONNX file of one.
        target: its name (`lgn_edge.targets.registry`).
        output: the folder.
        name: what symbols and files are called (`lgn_NAME_predict`): lower-case letters and digits, with single _
            between them; the network's own name by default, as `c_identifier` makes it one.
        optimize: what firmware shall be best at: "speed", "size", or "balanced". Hosted targets have one form.
        flash: bytes of flash that firmware may use, for code and constants; by default all that the part has.
        ram: bytes of RAM that firmware may use, for its workspace and stack; likewise.
        clock_hz: that the report gives times for; by default those of a common part.
        packages: of `lgn_edge.artifact.packaging.PACKAGES`: what the sources are made into besides.
        batch: samples that firmware shall take at once where a call has so many: 1, or the bits of the machine's word
            (32; on AVR 8), which takes a table, more code and a word of RAM for each value that is alive.
        arch: GPUs that the target `cuda` shall be for, such as "sm_90" or "jetson-orin": machine code is made of each
            where that can be done here, and no older GPU runs it; without any, every GPU from sm_75 on.
        samples: real ones [n, features], of which the examples classify the first eight; else made-up ones.
        package_version: of the packages, such as "1.2.3"; 1.0.0 by default.
        package_url: of the packages, their address in the web; one of example.com by default.
        force: replace a folder whatever is in it.
        progress: told what is built, once it is read and checked, and the steps that a long build comes to.

    Raises:
        InputError: a bad model, target or folder, what is in the folder would be lost, or the network does not fit;
            says what it needs.
        MissingProgramError: the C toolchain is not installed.
    """
    machine = for_architectures(find_target(target), arch)
    check_packages(packages, machine, package_version, package_url)
    check_batch(batch, machine)
    if clock_hz and not machine.clock_hz:
        raise InputError(f"no cycles are known of {machine.name}, so a clock gives no time; build without --clock")
    flash, ram, clock_hz = (
        None if number is None else whole_number(number, what, least=1, most=_MOST_OF_A_PART)
        for what, number in (("flash", flash), ("ram", ram), ("clock_hz", clock_hz))
    )
    if name is not None and c_identifier(name) != name:
        raise InputError(
            f"the name {name!r} would be another one in C symbols; give lower-case letters and digits, with single _"
            f" between them, {_MOST_OF_A_NAME} at most, such as {c_identifier(name)!r}"
        )
    check_folder(output, KIND, force)
    reason = toolchain.missing()
    if reason:
        raise MissingProgramError(f"target {machine.name} needs a linker: {reason}")
    clock = _Clock(progress)
    with clock("read"):
        network = _network(model)
    if network.head.n_outputs > MAX_CLASSES:
        raise InputError(f"{network.name} has {network.head.n_outputs} outputs; an artifact has {MAX_CLASSES} at most")
    identifier = name or c_identifier(network.name)
    real = None if samples is None else real_samples(network, samples)
    progress(f"building {network.name} for {machine.name}: {network.gates_text}")
    with clock("simplify"):
        parted = split(network, machine)
    budget = Budget(flash or machine.flash_bytes or None, ram or machine.ram_bytes or None)
    with clock("schedule"):
        planned = plan(network, parted.circuit, machine, optimize, budget, batch, parted.convolutions)
    tested = selftest_samples(network, machine.selftest_vectors)
    vectors = Vectors(tested, network.evaluate(tested).scores)
    rebuilt = made(machine, identifier)
    with atomic_directory(output, KIND, made=rebuilt, force=force) as folder, scratch_folder() as work:
        manifest = _interface(network, planned, machine, identifier)
        about = package_values(identifier, package_version, package_url)
        about |= {"made": " ".join(rebuilt)}
        about |= example_values(real, tested)
        values, kernels = _write_sources(folder, network, planned, vectors, manifest, machine, about)
        write_packages(folder, packages, identifier, values)
        with clock("compile"):
            objects = _compile(planned, vectors, machine, manifest, folder, work)
        with clock("link"):
            _link(objects, folder, identifier, machine)
        with clock("measure"):
            measured = measure(folder, manifest, machine)
        if measured.ram_with_stack_bytes is not None:
            cost = Cost(measured.flash_bytes or 0, measured.ram_with_stack_bytes, measured.instructions)
            check_budget(network.name, machine, planned.form, cost, budget)
        report = Report(
            name=identifier,
            target=machine.name,
            gates=network.n_gates,
            gates_simplified=parted.n_gates,
            gates_scheduled=sum(part.n_gates for part in planned.parts),
            inputs=network.encoder.n_outputs,
            inputs_live=len(planned.parts[0].input_bit),
            slots=sum(part.n_slots for part in planned.parts),
            form=planned.form,
            why="; ".join(filter(None, (planned.why, parted.why))),
            predicted=planned.predicted,
            measured=measured,
            clock_hz=clock_hz or machine.clock_hz or None,
            kernels=kernels,
            layers=layer_facts(network),
        )
        (folder / REPORT_JSON).write_text(report.to_json())
        (folder / REPORT_TEXT).write_text(report_text(report, manifest))
        files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        manifest.files.update({file: sha256(folder / file) for file in files})
        (folder / FILE).write_text(manifest.to_json())
    return replace(load_artifact(output), seconds=clock.seconds)


def _network(model: Network | Circuit | str | Path) -> Network:
    if isinstance(model, Network):
        return model
    if isinstance(model, Circuit):
        return as_network(model)
    from lgn_edge import onnx_model  # a network at hand needs no onnx

    return onnx_model.read(model)


def c_identifier(name: str) -> str:
    """The name in lower case with every character that a C identifier cannot hold replaced by "_".

    Raises:
        InputError: nothing of it is a letter or digit.
    """
    identifier = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:_MOST_OF_A_NAME].rstrip("_")
    if not identifier:
        raise InputError(f"the name {name!r} holds no letter or digit; choose another with --name")
    return identifier


@dataclass
class _Clock:
    """Seconds of each step; tells the steps of a build that takes long."""

    tell: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        before = sum(self.seconds.values())
        if before >= _LONG:
            self.tell(f"  {step}, after {before:.0f} s")
        yield
        self.seconds[step] = time.perf_counter() - start


def _interface(network: Network, planned: Plan, target: Target, identifier: str) -> Manifest:
    memories = [part.memory for part in planned.parts]
    tau, beta = network.head.scale or (None, None)
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
        classes=network.head.n_outputs,
        class_names=network.class_names,
        feature_names=network.feature_names,
        tau=tau,
        beta=beta,
        word_bits=target.shape.word_bits,
        block=memories[0].block,
        workspace_bytes=sum(memory.bytes for memory in memories),
        workspace_align=max(memory.align for memory in memories),
        model_hash=network.fingerprint(),
        versions={"lgn-edge": __version__, **{name: importlib.metadata.version(name) for name in _PACKAGES}},
        files={},
        scale=network.scale,
    )


def _write_sources(
    folder: Path,
    network: Network,
    planned: Plan,
    vectors: Vectors,
    manifest: Manifest,
    target: Target,
    given: Mapping[str, object],
) -> tuple[dict[str, object], dict[str, str]]:
    """Write everything but libraries and reports; returns what templates were filled with, and notes on kernels."""
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
        "workspace_bytes": manifest.workspace_bytes,
        "workspace_align": manifest.workspace_align,
        "no_workspace": "" if manifest.needs_workspace else " /* none is needed; an array has one byte at least */",
        "nan": _NAN if manifest.input_dtype == "float32" else "",
        "reentrant": int(manifest.workspace_bytes <= max(1, target.workspace_on_stack)),
        "input_type": _INPUT_TYPES[manifest.input_dtype],
        "word_type": f"uint{manifest.word_bits}_t",
        "vectors": target.selftest_vectors,
        "zig": f"-target {target.machine.triple} -mcpu={target.machine.cpu}",
        "name_js": manifest.name.replace("_", "-"),
        "input_array": _INPUT_ARRAYS[manifest.input_dtype],
        "gcc": target.gcc[0],
        "gcc_flags": target.gcc[1],
        "from_source": "ON" if target.family == "riscv32" else "OFF",  # an object there fits one way to pass floats
        **head_values(manifest),
        **name_values(manifest),
    }
    levels = f"levels_{target.family}" if len(target.levels) > 1 else None
    values["levels"] = render(f"{levels}.h.in", values) if levels else ""
    written = dict(templates(target))
    notes: dict[str, str] = {}
    for part in planned.parts:
        sources = part.sources(values, vectors)
        values |= sources.values
        notes |= sources.notes
        written |= sources.templates
        files = {f"src/{file}": text.encode() for file, text in sources.files.items()}
        for file, content in {**files, **sources.data}.items():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_bytes(content)
    for path, template in written.items():
        output = folder / path.format(name=manifest.name)
        output.parent.mkdir(exist_ok=True)
        output.write_text(render(template, values))
    copy_board(folder, target)
    copy_license(folder)
    return values, notes


def _compile(
    planned: Plan, vectors: Vectors, target: Target, manifest: Manifest, folder: Path, work: Path
) -> list[Path]:
    from lgn_edge.targets.compile import Job, assemble_tables, kernel_jobs, run_jobs

    def compile_source(source: Path) -> Path:
        output = work / f"{source.stem}.o"
        optimize = "-O2" if target.hosted else "-Os"
        toolchain.compile_c(source, output, target.machine, optimize=optimize, include=[folder / "include"])
        return output

    jobs: list[Job] = []
    for part in planned.parts:
        kernels, tables = part.compiled(f"lgn_{manifest.name}", vectors)
        if kernels:
            jobs += kernel_jobs(kernels, target, work)
        if tables:
            jobs.append(partial(assemble_tables, tables, target, work, "selftest_tables"))
    jobs += [partial(compile_source, source) for source in sorted((folder / "src").glob("*.c"))]
    return run_jobs(jobs)


def _link(objects: Sequence[Path], folder: Path, identifier: str, target: Target) -> None:
    if target.family in ("c", "webgpu"):
        return  # compiling was the proof that it compiles; a GPU of a browser has nothing to link
    library = folder / "lib"
    library.mkdir()
    toolchain.archive(objects, library / f"liblgn_{identifier}.a")
    if target.gpu:
        toolchain.link_library(objects, library / f"liblgn_{identifier}.so", target.machine, ["dl"])
    elif target.hosted:
        toolchain.link_shared(objects, library / f"liblgn_{identifier}.so")
    if target.family == "wasm":
        exports = [f"lgn_{identifier}_{function}" for function in _EXPORTS]
        toolchain.link_wasm(objects, folder / f"lgn_{identifier}.wasm", exports)

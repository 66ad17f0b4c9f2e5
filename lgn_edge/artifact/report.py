"""The report of a build: report.json for programs, report.md for people."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from lgn_edge.artifact.manifest import Manifest
from lgn_edge.artifact.measure import Measured
from lgn_edge.forms.prediction import Cost
from lgn_edge.network.facts import LayerFacts, layer_columns
from lgn_edge.words import listed

REPORT_JSON = "report.json"
REPORT_TEXT = "report.md"


@dataclass(frozen=True)
class Report:
    """What a build made.

    Attributes:
        name: the model's C identifier.
        target: what it was built for.
        gates: of the model.
        gates_simplified: after the passes that remove gates: a property of the network, the same for every target.
        gates_scheduled: gates that run on this target, which may merge some more.
        inputs: bits of the encoder.
        inputs_live: bits that a gate or output reads.
        slots: rows of the workspace.
        form: that runs it (`lgn_edge.forms`): "table" or "straight" on devices, "rows" on machines with vector units.
        why: it has that form.
        predicted: what each form was expected to cost; None where nothing is known about the core.
        measured: costs on the device.
        clock_hz: of the device; None where nothing depends on it.
        kernels: what was made of the kernels of GPUs, by what it is for.
        layers: of the model.
    """

    name: str
    target: str
    gates: int
    gates_simplified: int
    gates_scheduled: int
    inputs: int
    inputs_live: int
    slots: int
    form: str
    why: str
    predicted: Mapping[str, Cost | None]
    measured: Measured
    clock_hz: int | None = None
    kernels: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[LayerFacts, ...] = ()

    @property
    def microseconds(self) -> tuple[float, float] | None:
        """The least and the most time that one sample takes, where cycles and clock are known."""
        if not self.measured.cycles or not self.clock_hz:
            return None
        cycles = (self.measured.cycles.least, self.measured.cycles.most)
        least, most = (round(count * 1e6 / self.clock_hz, 3) for count in cycles)
        return least, most

    def to_json(self) -> str:
        """The text of report.json."""
        measured = asdict(self.measured) | {"ram_with_stack_bytes": self.measured.ram_with_stack_bytes}
        return json.dumps(asdict(self) | {"measured": measured, "microseconds": self.microseconds}, indent=2) + "\n"


def report_text(report: Report, manifest: Manifest) -> str:
    """The text of report.md."""
    rows = [
        ("target", f"{report.target} ({', '.join(manifest.levels)})"),
        ("model", f"sha256:{manifest.model_hash}"),
        ("input", f"{manifest.features} x {manifest.input_dtype}, {report.inputs_live} of {report.inputs} bits live"),
        _outputs_row(manifest),
        ("gates", f"{report.gates} trained, {report.gates_simplified} simplified, {report.gates_scheduled} scheduled"),
        ("form", report.why),
        *((f"kernels for {gpu}", made) for gpu, made in report.kernels.items()),
        ("workspace", _workspace(report, manifest)),
        *_measured_rows(report.measured),
        *_time_rows(report),
        ("versions", ", ".join(f"{name} {version}" for name, version in manifest.versions.items())),
    ]
    table = "\n".join(f"| {key} | {value} |" for key, value in rows)
    return f"# {report.name} for {report.target}\n\n| | |\n|---|---|\n{table}\n{_layers_text(report.layers)}"


def _layers_text(layers: Sequence[LayerFacts]) -> str:
    """A table of the layers, where some are over images."""
    if all(layer.shape is None for layer in layers):
        return ""
    rows = [layer_columns(i, layer) for i, layer in enumerate(layers)]
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n## Layers\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _outputs_row(manifest: Manifest) -> tuple[str, str]:
    """Classes, bits or the score: how many, and their names."""
    what = "classes" if manifest.decides else "bits" if manifest.tau is None else "score"
    names = html.escape(listed(manifest.class_names), quote=False).replace("|", "&#124;")
    return what, f"{manifest.classes}" + (f": {names}" if names else "")


def _workspace(report: Report, manifest: Manifest) -> str:
    slots = f"{report.slots} slot{'s' * (report.slots != 1)}"
    return f"{manifest.workspace_bytes} bytes ({slots})" if manifest.needs_workspace else f"none ({slots} on the stack)"


def _measured_rows(measured: Measured) -> list[tuple[str, str]]:
    if measured.sections is None:
        return [("flash, RAM, stack, instructions", f"not measured: {measured.not_measured}")]
    sections = ", ".join(f"{name} {size}" for name, size in measured.sections.items())
    rows = [
        ("flash", f"{measured.flash_bytes} bytes"),
        ("RAM, static", f"{measured.ram_bytes} bytes"),
        ("sections", sections),
    ]
    if measured.not_measured:
        return [*rows, ("stack, instructions, cycles", f"not measured: {measured.not_measured}")]
    stack, both = measured.stack_bytes, measured.ram_with_stack_bytes
    rows.append(("stack of a call", "not known" if stack is None else f"{stack} bytes"))
    rows += [] if both is None else [("RAM with stack", f"{both} bytes")]
    return [*rows, ("instructions", _instructions(measured))]


def _instructions(measured: Measured) -> str:
    if measured.instructions is None:
        return "not counted"
    word = measured.instructions_for_a_word
    return f"{measured.instructions} for 1 sample" + (f", {word} for a word of samples" if word else "")


def _time_rows(report: Report) -> list[tuple[str, str]]:
    cycles = report.measured.cycles
    if cycles is None:
        return [("cycles", f"not known: {report.measured.no_cycles}")] if report.measured.no_cycles else []
    rows = [("cycles", f"{_range(cycles.least, cycles.most)} for 1 sample, {cycles.source}")]
    if report.microseconds and report.clock_hz:
        clock = f"{report.clock_hz / 1e6:g} MHz"
        rows.append(("time", f"{_range(*(f'{time:,.1f}' for time in report.microseconds))} µs for 1 sample at {clock}"))
    return rows


def _range(least: object, most: object) -> str:
    return str(least) if least == most else f"{least} to {most}"

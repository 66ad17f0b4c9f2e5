"""The whole way once: real images, a trained network, artifacts for this CPU and for Arm, every form verified."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import lgn_edge
from lgn_edge.errors import InputError
from lgn_edge.files import check_folder
from lgn_edge.verification.report import VerifyReport

if TYPE_CHECKING:
    from rich.table import Table

    from lgn_edge.artifact import Artifact
    from lgn_edge.verification.subject import Samples

FIRMWARE_TARGET: Final = "cortex-m4"
# What the demo changes in a recipe, to be done in a few minutes: one thread, since on a machine that does other work
# as well, threads of torch wait for each other longer than they work; and half of MNIST's network.
_SETTINGS: Final = {
    "digits": ("training.threads=1",),
    "mnist": ("training.threads=1", "layers.0.width=8000", "head.tau=11", "training.epochs=5"),
}
_ROUNDS: Final = 7
_THROUGHPUT_BYTES: Final = 2**24  # samples of one round, beyond the caches


@dataclass(frozen=True)
class DemoResult:
    """What the demo made and measured.

    Attributes:
        folder: where it all is.
        dataset: what it was trained on.
        accuracy: on the test samples, of the discrete network: the same for every form of it.
        test_samples: how many.
        gates: that were trained.
        gates_simplified: what is left of them when those that make no difference are removed.
        samples_per_second: of the native artifact, one thread, median of several rounds.
        report: of the verification.
        firmware: what the Arm artifact's report measured.
        seconds: each step, in order.
        resumed: whether the training went on from an earlier one in the folder, perhaps a finished one.
    """

    folder: Path
    dataset: str
    accuracy: float
    test_samples: int
    gates: int
    gates_simplified: int
    samples_per_second: float
    report: VerifyReport
    firmware: dict[str, Any]
    seconds: dict[str, float]
    resumed: bool

    def to_json(self) -> dict[str, Any]:
        """The result as plain values, with a schema version."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {"schema": 1, **values, "folder": str(self.folder), "report": self.report.to_json()}

    def table(self) -> Table:
        """The summary for a terminal."""
        from rich import box
        from rich.table import Table

        table = Table(title=f"{self.dataset}: from images to firmware", title_justify="left", box=box.SIMPLE)
        table.show_header = False
        table.add_column("what", no_wrap=True)
        table.add_column("value", overflow="fold")
        for what, value in self._rows():
            table.add_row(what, value)
        return table

    def _rows(self) -> list[tuple[str, str]]:
        firmware, folder = self.firmware, self.folder
        steps = ", ".join(f"{step} {seconds:.{0 if seconds >= 10 else 1}f} s" for step, seconds in self.seconds.items())
        if self.resumed:
            steps += f"; the training was taken up from {folder / 'training'}"
        return [
            (
                "accuracy, discrete",
                f"{self.accuracy:.2%} of {self.test_samples:,} test samples, in every form the same",
            ),
            ("gates", f"{self.gates:,} trained, {self.gates_simplified:,} simplified"),
            ("verified", self.report.summary()),
            ("this CPU, one thread", f"{self.samples_per_second:,.0f} samples/s"),
            (f"{FIRMWARE_TARGET} flash", _bytes(firmware.get("flash_bytes"))),
            (f"{FIRMWARE_TARGET} RAM, stack", _ram(firmware)),
            (f"{FIRMWARE_TARGET} instructions", _instructions(firmware)),
            ("took", steps),
            ("model", str(folder / "model.onnx")),
            ("artifacts", f"{folder / 'native'}, {folder / FIRMWARE_TARGET}"),
        ]


def run_demo(
    dataset: str = "digits",
    *,
    data: Path | None = None,
    output: Path | None = None,
    settings: Sequence[str] = (),
    force: bool = False,
    bar: bool = False,
    progress: Callable[[str], None] = lambda text: None,
) -> DemoResult:
    """Train, export, build and verify; leaves the checkpoint, the model and both artifacts in `output`.

    Args:
        dataset: "digits" or "mnist", the name of a data set and of its recipe.
        data: folder that holds a folder `mnist` with its files; see `lgn_edge.training.load_dataset`.
        output: the folder to write to, `lgn-edge-demo-<dataset>` by default; training that stopped there goes on.
        settings: of the recipe to change, each `path=value` (see `lgn_edge.training.load_recipe`).
        force: replace what lies where the model, the artifacts and a difference go, whatever it is.
        bar: show on stderr the progress of training, and of compiling the ONNX Runtime library on first use.
        progress: told each step.

    Raises:
        InputError: the data cannot be found, the folder cannot be written, or something in it would be lost.
        MissingProgramError: a package that the demo needs is not installed.
    """
    from lgn_edge.artifact.builder import KIND
    from lgn_edge.onnx_library.first_use import build_on_first_use
    from lgn_edge.onnx_model.writer import check_output
    from lgn_edge.training import load_recipe, train
    from lgn_edge.training.datasets import load_dataset
    from lgn_edge.training.resume import holds_run

    steps = _Steps(progress)
    images = load_dataset(dataset, data)
    output = _folder(output or Path(f"lgn-edge-demo-{dataset}"))
    model = output / "model.onnx"
    checkpoint = output / "training"
    check_output(model, force)
    for target in ("native", FIRMWARE_TARGET):
        check_folder(output / target, KIND, force)
    resumed = holds_run(checkpoint)
    if resumed:
        progress(f"the training in {checkpoint} is taken up; for a new one, give another --output (output=)")
    with steps("train"):
        train(
            load_recipe(dataset, (*_SETTINGS.get(dataset, ()), *settings)),
            data=images,
            output=checkpoint,
            resume=resumed,
            progress=bar,
        )
    with steps("export"):
        network = lgn_edge.export(checkpoint, model, force=force)
    with steps("build"):
        shown = images.test_x
        native = lgn_edge.build(model, "native", output / "native", name=dataset, samples=shown, force=force)
        firmware = lgn_edge.build(
            model, FIRMWARE_TARGET, output / FIRMWARE_TARGET, name=dataset, samples=shown, force=force
        )
    with steps("ONNX Runtime library"):
        build_on_first_use(bar=bar, progress=progress)
    with steps("verify"):
        report = lgn_edge.verify(
            model,
            checkpoint=checkpoint,
            artifacts=[native.folder, firmware.folder],
            data=images.test_x,
            save_failure=output / "mismatch",
            force=force,
            progress=lambda name: progress(f"  {name}"),
        )
    with steps("measure"):
        speed = _samples_per_second(native, images.test_x)
    return DemoResult(
        folder=output,
        dataset=dataset,
        accuracy=float((native.predict(images.test_x).classes == images.test_y).mean()),
        test_samples=len(images.test_x),
        gates=network.n_gates,
        gates_simplified=int(native.report["gates_simplified"]),
        samples_per_second=speed,
        report=report,
        firmware=dict(firmware.report["measured"]),
        seconds=steps.seconds,
        resumed=resumed,
    )


@dataclass(frozen=True)
class _Steps:
    """Says each step and times it."""

    progress: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        self.progress(step)
        start = time.perf_counter()
        yield
        self.seconds[step] = time.perf_counter() - start


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {path}: {(error.strerror or str(error)).lower()}") from error
    return path


def _samples_per_second(artifact: Artifact, samples: Samples) -> float:
    """Median of several rounds in one thread, after one that does not count."""
    copies = -(-_THROUGHPUT_BYTES // samples.nbytes)
    batch = np.tile(samples, (copies, 1))
    times = []
    for _ in range(_ROUNDS + 1):
        start = time.perf_counter()
        artifact.predict(batch, threads=1)
        times.append(time.perf_counter() - start)
    return len(batch) / statistics.median(times[1:])


def _bytes(count: int | None) -> str:
    return "not measured" if count is None else f"{count:,} bytes"


def _ram(firmware: dict[str, Any]) -> str:
    return f"{_bytes(firmware.get('ram_bytes'))} static, {_bytes(firmware.get('stack_bytes'))} stack"


def _instructions(firmware: dict[str, Any]) -> str:
    one, word = firmware.get("instructions"), firmware.get("instructions_for_a_word")
    if one is None or word is None:
        return str(firmware.get("not_measured", "not measured"))
    return f"{one:,} for one sample, {word / 32:,.0f} a sample for 32 at once"

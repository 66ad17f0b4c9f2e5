"""`lgn_edge.verify`: the verification of a model with everything that belongs to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from lgn_edge.checks import MOST_SAMPLES, MOST_SEED, any_path, whole_number
from lgn_edge.errors import InputError, LgnError
from lgn_edge.network import Circuit, Network
from lgn_edge.passes.layered import as_network
from lgn_edge.paths import Wanted, require
from lgn_edge.verification.backends import DEFAULT_BACKENDS, find_backends
from lgn_edge.verification.backends.onnxruntime_written import OnnxRuntimeWrittenBackend
from lgn_edge.verification.report import VerifyReport
from lgn_edge.verification.run import run_backends
from lgn_edge.verification.subject import Samples, Subject
from lgn_edge.verification.vectors import make_vectors, thin
from lgn_edge.words import printable

StrPath = str | os.PathLike[str]


def verify(
    model: Network | Circuit | StrPath,
    *,
    checkpoint: StrPath | None = None,
    artifacts: Sequence[StrPath] = (),
    backends: Sequence[str] | None = None,
    samples: int = 1000,
    data: Samples | None = None,
    scale: float | None = None,
    seed: int = 0,
    save_failure: StrPath | None = None,
    force: bool = False,
    bar: bool = False,
    progress: Callable[[str], None] = lambda name: None,
) -> VerifyReport:
    """Run every form of a network on the same samples and compare them, bit for bit.

    Args:
        model: a network, a circuit, or an ONNX file of one.
        checkpoint: folder of the torch module that it came from.
        artifacts: folders that `build` wrote; what they hold is run. Other targets are built for the occasion.
        backends: names of those to run; None for all the ordinary ones.
        samples: the most samples of each vector (emulators get fewer, and the report says how many).
        data: real samples [n, features]; None loads the data set that the network names, where it is at hand.
        scale: multiply these real samples by it first, and round them for uint8 (see `Network.check`).
        seed: of the random samples.
        save_failure: folder for what shows a difference again; nothing is written when there is none.
        force: replace the folder of `save_failure` whatever is in it.
        bar: show on stderr what is compiled on first use.
        progress: told the name of each backend before it runs.

    Raises:
        InputError: a file is missing or no such thing, a name is unknown, or the data do not fit the network.
    """
    whole_number(samples, "samples", least=1, most=MOST_SAMPLES)
    whole_number(seed, "seed", least=0, most=MOST_SEED)
    network, path, notes = _load(model)
    folders = _by_target(artifacts)
    trained = None if checkpoint is None else require(any_path(checkpoint, "checkpoint"), Wanted.CHECKPOINT)
    subject = Subject(network, path, trained, folders)
    chosen = DEFAULT_BACKENDS if backends is None else find_backends(backends)
    present = {backend.name for backend in chosen}
    chosen += find_backends([target for target in folders if target not in present])
    if any(isinstance(backend, OnnxRuntimeWrittenBackend) and backend.library for backend in chosen):
        notes += _library(bar)
    if data is not None:
        data = network.check(data, scale=scale)
    elif scale is not None:
        raise InputError(f"scale is {scale}, but there are no samples that it could be for; give data")
    else:
        data, note = _dataset(network, samples)
        notes += [note] if note else []
    return run_backends(
        subject,
        chosen,
        make_vectors(network, samples=samples, data=data, seed=seed),
        required=(*(backends or ()), *folders, *(["torch"] if checkpoint is not None else [])),
        seed=seed,
        notes=notes,
        save_failure=None if save_failure is None else Path(save_failure),
        force=force,
        progress=progress,
    )


def _load(model: Network | Circuit | StrPath) -> tuple[Network, Path | None, list[str]]:
    """The network, the file that backends shall run, and what the report must say about it."""
    if isinstance(model, Network):
        return model, None, []
    if isinstance(model, Circuit):
        return as_network(model), None, []
    from lgn_edge.onnx_model import is_foreign, read

    path = any_path(model, "model", "a Network, a Circuit or the name of an ONNX file; export a network of torch first")
    network = read(path)
    if is_foreign(path):
        return network, None, [f"{path} is a foreign circuit: what runs is written from what was read of it"]
    return network, path, []


def _library(bar: bool) -> list[str]:
    """Build the ONNX Runtime library before its backends are timed; a note where that was necessary."""
    from lgn_edge.onnx_library.first_use import build_on_first_use

    seconds = build_on_first_use(bar=bar)
    return [f"the ONNX Runtime library was compiled first, in {seconds:.0f} s, and is kept"] if seconds else []


def _by_target(artifacts: Sequence[StrPath]) -> dict[str, Path]:
    from lgn_edge.artifact import load_artifact

    folders: dict[str, Path] = {}
    for folder in artifacts:
        target = load_artifact(folder).target
        if target in folders:
            raise InputError(f"{folders[target]} and {folder} are both for {target}; verify one after the other")
        folders[target] = Path(folder)
    return folders


def _dataset(network: Network, most: int) -> tuple[Samples | None, str]:
    """Test samples of the data set that the network names, or why there are none. Downloads nothing."""
    name = network.provenance.get("dataset")
    if not name:
        return None, "no real data: the model names no data set; give samples with --input"
    try:
        from lgn_edge.training.datasets import dataset_folder, dataset_names, load_dataset

        if name not in dataset_names():
            return None, f"no real data: lgn-edge knows no data set {printable(name)}; give samples with --input"
        if name != "digits" and not dataset_folder(name).is_dir():
            return None, f"no real data: {_missing(dataset_folder(name))}, or give samples with --input"
        return thin(network.check(load_dataset(name).test_x), most), ""
    except (LgnError, ImportError) as error:
        return None, f"no real data: {name} cannot be loaded ({error}); give samples with --input"


def _missing(folder: Path) -> str:
    """That the folder of a data set is missing, and what to do about it."""
    from lgn_edge.training.sources import DATA_VARIABLE

    mend = "set it to the folder where data sets lie"
    if not os.environ.get(DATA_VARIABLE):
        return f"{DATA_VARIABLE} is not set, and there is no folder {folder}; {mend}"
    return f"there is no folder {folder}, where {DATA_VARIABLE} leads to; {mend}"

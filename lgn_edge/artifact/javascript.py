"""The JavaScript module of an artifact for the web, run by Node.js."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.artifact.artifact import Artifact
from lgn_edge.emulate.errors import EmulationError
from lgn_edge.errors import MissingProgramError
from lgn_edge.files import scratch_folder
from lgn_edge.network import Prediction
from lgn_edge.programs import find_program, missing_program

NODE: Final = "node"
_SCRIPT: Final = Path(__file__).with_suffix(".mjs")


def predict_in_node(artifact: Artifact, samples: NDArray[Any], backend: str = "wasm") -> Prediction:
    """Scores and classes of samples [n, features] of the artifact's input type.

    Args:
        artifact: for the target `web`.
        samples: what it predicts.
        backend: "wasm", "webgpu" or "auto", as the module's `load` takes it.

    Raises:
        MissingProgramError: Node.js is not installed.
        EmulationError: the module failed; says with what.
    """
    node = find_program(NODE)
    if node is None:
        raise MissingProgramError(missing_program(NODE) or NODE)
    manifest = artifact.manifest
    module = artifact.folder / f"lgn_{artifact.name}_web.mjs"
    with scratch_folder() as folder:
        little = np.ascontiguousarray(samples).astype(samples.dtype.newbyteorder("<"))
        (folder / "samples").write_bytes(little.tobytes())
        done = subprocess.run(
            [node, _SCRIPT, module.resolve(), backend, folder], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise EmulationError(f"{module.name} fails in Node.js: {done.stderr.strip()[-2000:]}")
        scores = np.fromfile(folder / "scores", "<i4").reshape(len(samples), manifest.classes).astype(np.int32)
        classes = np.fromfile(folder / "classes", "<u2").astype(np.uint16)
    return Prediction(scores, classes if manifest.decides else None)


def node_version() -> str:
    """Of the Node.js that is found, such as "v20.20.2"; "none" where there is none."""
    node = find_program(NODE)
    if node is None:
        return "none"
    return subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()

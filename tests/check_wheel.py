"""A wheel where nothing else is. `check_wheel.py WHEEL FOLDER` makes a virtual environment in the folder; there it runs

- a model through the ONNX Runtime library that the wheel carries, without a compiler and without torch;
- `lgn-edge demo`, with all extras: training, export, artifacts, verification.

`make check-wheel` calls it; it takes minutes and downloads packages, so it is no test of the suite.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
RUN_A_MODEL = """
from importlib.util import find_spec

import numpy as np

import lgn_edge
from lgn_edge.network import GroupSum, LogicDense, Network, Threshold
from lgn_edge.onnx_model import write

assert find_spec("ziglang") is None, "there is no compiler"
assert find_spec("torch") is None
rng = np.random.default_rng(0)
wires = rng.integers(0, 40, (2, 90))
layer = LogicDense(40, *wires, rng.integers(0, 16, 90))
network = Network(Threshold.bits(40), (layer,), GroupSum(90, 10))
write(network, "model.onnx")
samples = rng.integers(0, 2, (1000, 40)).astype(np.uint8)
for fuse in (False, True):
    session = lgn_edge.onnx_session("model.onnx", fuse=fuse)
    scores, _, classes = session.run(None, {"samples": samples})
    want = network.evaluate(samples)
    assert (scores == want.scores).all()
    assert (classes == want.classes).all()
library = lgn_edge.onnx_library_path()
assert library.parent.name == "_prebuilt", library
print(f"{len(samples)} samples equal by {library.name}")
"""


def main() -> None:
    """Check one wheel; the first command that fails ends it."""
    wheel, folder = (Path(argument).resolve() for argument in sys.argv[1:])
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    programs = folder / "bin"

    def run(*command: str | Path) -> None:
        print("+", *command[:4], flush=True)
        subprocess.run([programs / command[0], *command[1:]], cwd=folder, check=True)

    install = ("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", CONSTRAINTS)
    run(*install, wheel)
    run("python", "-I", "-c", RUN_A_MODEL)
    run("lgn-edge", "targets")
    run(*install, f"{wheel}[all]")
    run("lgn-edge", "demo", "--output", folder / "demo")


if __name__ == "__main__":
    main()

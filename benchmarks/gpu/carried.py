"""What travels to a machine with a GPU that has no network: peers' packages, MNIST, built artifacts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
CARRIED: Final = ROOT / "build" / "gpu"
MOST: Final = 60 * 2**20  # bytes that may travel
PEERS: Final = ("torchlogix", "difflogic")


def prepare() -> None:
    """Gather everything in `build/gpu`.

    Raises:
        SystemExit: MNIST is not in `$LGN_EDGE_DATA`, or it became too much.
    """
    (CARRIED / "data").mkdir(parents=True, exist_ok=True)
    mnist = Path(os.environ.get("LGN_EDGE_DATA", "")) / "mnist"
    if not mnist.is_dir():
        raise SystemExit("MNIST is not here; set LGN_EDGE_DATA to the folder that holds mnist/")
    shutil.copytree(mnist, CARRIED / "data" / "mnist", dirs_exist_ok=True, copy_function=shutil.copyfile)
    for name in PEERS:
        _download(name)
    from gpu.artifacts import prepare_artifacts  # which asks for torch

    prepare_artifacts(CARRIED / "artifacts")
    size = sum(path.stat().st_size for path in CARRIED.rglob("*") if path.is_file())
    if size > MOST:
        raise SystemExit(f"{CARRIED} holds {size >> 20} MiB, and {MOST >> 20} may travel; leave something out")
    print(f"{CARRIED}: {size >> 20} MiB")


def _download(name: str) -> None:
    """The package of a peer as it is published; difflogic's source, whose set-up asks torch for what only CUDA has."""
    pins = (ROOT / "benchmarks" / "peers-constraints.txt").read_text().splitlines()
    (pinned,) = (line for line in pins if line.startswith(f"{name}=="))
    stub = ROOT / "benchmarks" / "peers" / "without_cuda"
    command = ["download", "--quiet", "--no-deps", "--no-build-isolation", "--dest", str(CARRIED), pinned]
    environment = {**os.environ, "PYTHONPATH": str(stub)}
    subprocess.run([sys.executable, "-m", "pip", *command], env=environment, check=True)

"""Peers' packages beside this Python, from what is carried: torchlogix as it is, difflogic with its CUDA extension.

difflogic 0.1.0 does not compile with today's torch, whose macros take a scalar type; six places are changed in its
source. It needs nvcc, and no GPU while it is built.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import torch
from harness import Options, Row, run

from gpu.carried import CARRIED
from lgn_edge.programs import find_program

SITE: Final = CARRIED / "site"
_CHANGED: Final = re.compile(r'\b([xb])\.type\(\), "'), r'\1.scalar_type(), "'
_PLACES: Final = 6


def measure(options: Options) -> Iterator[Row]:
    """Which peers there are."""
    wheels = sorted(CARRIED.glob("torchlogix-*.whl"))
    yield _installed("torchlogix", wheels[-1]) if wheels else _absent("torchlogix", "no wheel is carried")
    archives = sorted(CARRIED.glob("difflogic-*.tar.gz"))
    if not archives:
        yield _absent("difflogic", "no source is carried")
    elif find_program("nvcc") is None or not torch.cuda.is_available():
        yield _absent("difflogic", "there is no nvcc, or no GPU")
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield _installed("difflogic", patched(archives[-1], Path(folder)))


def patched(archive: Path, folder: Path) -> Path:
    """The folder of difflogic's source, unpacked, changed so that it compiles.

    Raises:
        ValueError: it has another number of places to change.
    """
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (source,) = (path for path in folder.iterdir() if path.is_dir())
    kernel = source / "difflogic" / "cuda" / "difflogic_kernel.cu"
    text, count = _CHANGED[0].subn(_CHANGED[1], kernel.read_text())
    if count != _PLACES:
        raise ValueError(f"{archive.name} has {count} places to change, not {_PLACES}")
    kernel.write_text(text)
    return source


def _installed(name: str, what: Path) -> Row:
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--upgrade", "--target", str(SITE)]
    major, minor = torch.cuda.get_device_capability() if torch.cuda.is_available() else (9, 0)
    environment = {**os.environ, "TORCH_CUDA_ARCH_LIST": f"{major}.{minor}", "MAX_JOBS": "4"}
    command = [sys.executable, "-m", "pip", "install", *options, str(what)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return Row(name, None, "", note=(done.stdout + done.stderr)[-1500:], failed=True)
    return Row(name, None, "", note="installed")


def _absent(name: str, reason: str) -> Row:
    return Row(name, None, "", note=f"not run: {reason}")


if __name__ == "__main__":
    run("peers", measure)

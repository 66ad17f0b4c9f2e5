"""Building and timing a peer from here: it runs in `worker.py`, in an environment of its own."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lgn_edge.network import Network
from lgn_edge.programs import missing_program

ROOT = Path(__file__).parents[2]
# An environment that has the peers; another one than that of `make peers` is named by this variable.
PYTHON = Path(os.environ.get("LGN_EDGE_PEERS_PYTHON", ROOT / ".venv-peers" / "bin" / "python"))
CACHE = ROOT / "build" / "peers"
VERSIONS = {"difflogic": "0.1.0", "torchlogix": "0.2.2"}
ANSWER_S = 900.0  # of anything but a build


class NotRunError(Exception):
    """Why a peer was not run."""


@dataclass(frozen=True)
class Built:
    """A peer with its library, ready to be called.

    Attributes:
        name: its package and version, and the optimisation that it was compiled with.
        worker: the process.
        calls: ways of calling it: "python", as its users do, and "c", its library alone, where that differs.
        note: what differs from how it ships, or empty.
    """

    name: str
    worker: Worker
    calls: tuple[str, ...]
    note: str

    def time(self, call: str, repeats: int) -> float:
        """Seconds that `repeats` calls took, by the worker's clock."""
        return float(self.worker.ask(ANSWER_S, do="time", call=call, repeats=repeats)["seconds"])


def absent() -> str | None:
    """Why no peer can be run here, or None."""
    if not PYTHON.exists():
        return "no environment for peers; run: make peers"
    reason = missing_program("gcc")
    return f"the peers compile with gcc: {reason}" if reason else None


def start(
    peer: str, network: Network, bits: NDArray[np.bool_], levels: tuple[int, ...], limit: float
) -> tuple[Built, NDArray[np.int32]]:
    """Build a peer for a network with the first optimisation level that finishes; its scores of `bits` come along.

    Args:
        peer: a key of `VERSIONS`.
        network: dense layers only.
        bits: [n, inputs], n a multiple of 64: what the peer takes.
        levels: of gcc's -O, in the order of preference.
        limit: seconds for a build; 0 takes only what was built before.

    Raises:
        NotRunError: no level finished.
    """
    reason = absent()
    if reason:
        raise NotRunError(reason)
    failed = []
    for level in levels:
        cache = CACHE / f"{peer}-{VERSIONS[peer]}-O{level}-{network.fingerprint()[:16]}"
        if _too_slow(cache, limit):
            failed.append(f"gcc -O{level} does not finish in {limit:.0f} s" if limit else "not run (quick)")
            continue
        cache.mkdir(parents=True, exist_ok=True)
        worker = Worker()
        try:
            return _built(worker, peer, network, bits, level, cache, limit, "; ".join(failed))
        except TimeoutError:
            (cache / "too_slow").write_text(f"{limit:.0f}")
            failed.append(f"gcc -O{level} does not finish in {limit:.0f} s")
            worker.close()
        except BaseException:
            worker.close()
            raise
    raise NotRunError("; ".join(failed))


def _too_slow(cache: Path, limit: float) -> bool:
    """Whether this build is known, or bound, to exceed the limit."""
    if (cache / "library.so").exists():
        return False
    remembered = cache / "too_slow"
    return limit <= 0 or (remembered.exists() and float(remembered.read_text()) >= limit)


def _built(
    worker: Worker,
    peer: str,
    network: Network,
    bits: NDArray[np.bool_],
    level: int,
    cache: Path,
    limit: float,
    note: str,
) -> tuple[Built, NDArray[np.int32]]:
    with tempfile.TemporaryDirectory() as folder:
        files = {name: str(Path(folder) / name) for name in ("network.npz", "bits.npy", "scores.npy")}
        _write(network, files["network.npz"])
        np.save(files["bits.npy"], np.ascontiguousarray(bits))  # torchlogix takes the memory as it lies
        patience = ANSWER_S if (cache / "library.so").exists() else limit
        worker.ask(patience, do="build", peer=peer, network=files["network.npz"], optimize=level, cache=str(cache))
        answer = worker.ask(ANSWER_S, do="samples", bits=files["bits.npy"], scores=files["scores.npy"])
        scores = np.load(files["scores.npy"])
    return Built(f"{peer} {VERSIONS[peer]} -O{level}", worker, tuple(answer["calls"]), note), scores


def _write(network: Network, path: str) -> None:
    """The layers as arrays, for an interpreter that does not have lgn_edge."""
    arrays: dict[str, Any] = {"layers": len(network.layers), "classes": network.head.classes}
    for i, layer in enumerate(network.layers):
        arrays |= {f"n{i}": layer.n_inputs, f"a{i}": layer.a, f"b{i}": layer.b, f"table{i}": layer.table}
    np.savez(path, **arrays)


class Worker:
    """The process, alone in its session, so that a compiler that it started ends with it."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed in `close`
        self._process = subprocess.Popen(
            [str(PYTHON), str(Path(__file__).with_name("worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
            env=environment,
        )

    def ask(self, patience: float, **request: Any) -> dict[str, Any]:
        """The answer to a request.

        Raises:
            TimeoutError: none came in `patience` seconds.
            NotRunError: the peer failed; the message is its own.
        """
        process = self._process
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], patience)[0]:
            raise TimeoutError
        line = process.stdout.readline()
        if not line:
            process.wait()
            self._errors.seek(0)
            raise NotRunError(f"failed: {(self._errors.read().strip().splitlines() or ['no message'])[-1]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process and what it started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._errors.close()

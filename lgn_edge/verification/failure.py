"""A folder that shows a difference again, for a bug report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lgn_edge import __version__
from lgn_edge.files import atomic_directory
from lgn_edge.network import Prediction
from lgn_edge.verification.compare import Result
from lgn_edge.verification.subject import Samples, Subject

KIND = "mismatch"  # of the folder, for those who replace it
_README = """\
# {backend} differs from the reference

lgn-edge {lgn_edge}, {version}. First difference: {first}.
At fault: {location}.

`model.onnx` is the network, `samples.npy` the samples in one call, `expected.npy` the reference's scores.
To see it again:

    lgn-edge verify model.onnx --input samples.npy --backend {backend}{forms}
"""


@dataclass(frozen=True, eq=False)
class Failure:
    """A differing row with the vector that shows it and what the reference says."""

    result: Result
    samples: Samples
    expected: Prediction


def save_failures(folder: Path, subject: Subject, failures: Sequence[Failure], *, force: bool = False) -> None:
    """Write one folder a backend below `folder`, all or nothing; the folder of an earlier failure is replaced.

    Raises:
        InputError: `folder` holds something else and `force` is false, or cannot be written.
    """
    from lgn_edge.onnx_model import write

    with atomic_directory(folder, KIND, force=force) as root:
        for failure in failures:
            place = root / failure.result.backend
            place.mkdir()
            write(subject.network, place / "model.onnx")
            np.save(place / "samples.npy", failure.samples, allow_pickle=False)
            np.save(place / "expected.npy", failure.expected.scores, allow_pickle=False)
            (place / "README.md").write_text(_readme(subject, failure.result))


def _readme(subject: Subject, result: Result) -> str:
    forms = f" --checkpoint {subject.checkpoint}" if result.backend == "torch" and subject.checkpoint else ""
    if result.backend in subject.artifacts:
        forms = f" --artifact {subject.artifacts[result.backend]}"
    return _README.format(
        backend=result.backend,
        lgn_edge=__version__,
        version=result.version,
        first=result.first or result.reason,
        location=result.location.text if result.location else "not looked for",
        forms=forms,
    )

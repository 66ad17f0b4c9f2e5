"""Comparing two predictions, exactly, and the row that comes of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lgn_edge.network import Prediction


class Outcome(StrEnum):
    """What became of a backend. Not run is never a pass."""

    EQUAL = "equal"
    DIFFERENT = "different"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Mismatch:
    """The first value of a vector that differs.

    Attributes:
        vector: name of the vector.
        what: "scores" or "classes", or their "dtype" or "shape".
        sample: row of the vector, or None when the arrays as such do not match.
        class_index: column of the scores, or None.
        got, want: the backend's and the reference's value.
    """

    vector: str
    what: str
    sample: int | None
    class_index: int | None
    got: int | str
    want: int | str

    def __str__(self) -> str:
        place = "" if self.sample is None else f" of sample {self.sample}"
        column = "" if self.class_index is None else f"[{self.class_index}]"
        return f"{self.what}{column}{place} in {self.vector}: {self.got}, not {self.want}"


@dataclass(frozen=True)
class Comparison:
    """Two predictions held against each other.

    Attributes:
        values: scores and classes compared.
        mismatches: how many of them differ (all of them when shape or type differ).
        first: the first that differs, scores before classes, sample by sample.
    """

    values: int
    mismatches: int
    first: Mismatch | None


@dataclass(frozen=True)
class Location:
    """Where a backend first goes wrong.

    Attributes:
        layer: index of the logic layer, -1 for the encoder, None when no single layer is at fault.
        gate: index of the layer's output (the encoder's bit), or None.
        sample: row of the vector, or None.
        text: the finding as one sentence.
    """

    layer: int | None
    gate: int | None
    sample: int | None
    text: str


@dataclass(frozen=True)
class Result:
    """One row of a report.

    Attributes:
        backend, version: who ran.
        outcome: equal, different or not run.
        reason: why it did not run, or how it failed; empty otherwise.
        required: the user asked for this one, by its name or by giving its file.
        subject: the file or folder that was run, empty when the backend made its own.
        vectors, samples: how many were run, and `samples_offered` of how many.
        values, mismatches: scores and classes compared, and how many of them differ.
        first: the first difference.
        location: the layer and gate of it, where it was looked for.
        seconds: preparing and running, without locating.
    """

    backend: str
    version: str
    outcome: Outcome
    reason: str = ""
    required: bool = False
    subject: str = ""
    vectors: int = 0
    samples: int = 0
    samples_offered: int = 0
    values: int = 0
    mismatches: int = 0
    first: Mismatch | None = None
    location: Location | None = None
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The row as plain values."""
        return asdict(self) | {"outcome": str(self.outcome)}


def compare(vector: str, got: Prediction, want: Prediction) -> Comparison:
    """Hold a backend's prediction of a vector against the reference's: dtype, shape and every value, no tolerance."""
    pairs: list[tuple[str, NDArray[Any], NDArray[Any]]] = [
        ("scores", got.scores, want.scores),
    ]
    if got.decision is not None and want.decision is not None:
        pairs.append(("classes", got.decision, want.decision))
    values = sum(w.size for _, _, w in pairs)
    given, expected = (prediction.decision is not None for prediction in (got, want))
    if given != expected:
        names = {True: "given", False: "none"}
        return Comparison(
            values, max(values, 1), Mismatch(vector, "classes", None, None, names[given], names[expected])
        )
    for what, g, w in pairs:
        for aspect in ("dtype", "shape"):
            found, wanted = getattr(g, aspect), getattr(w, aspect)
            if found != wanted:
                return Comparison(
                    values,
                    max(values, 1),
                    Mismatch(vector, f"{aspect} of {what}", None, None, str(found), str(wanted)),
                )
    mismatches = sum(int(np.count_nonzero(g != w)) for _, g, w in pairs)
    first = next((found for what, g, w in pairs if (found := _first(vector, what, g, w))), None)
    return Comparison(values, mismatches, first)


def _first(vector: str, what: str, got: NDArray[Any], want: NDArray[Any]) -> Mismatch | None:
    where = np.argwhere(got != want)
    if not len(where):
        return None
    at = tuple(int(i) for i in where[0])
    return Mismatch(vector, what, at[0], at[1] if len(at) > 1 else None, int(got[at]), int(want[at]))

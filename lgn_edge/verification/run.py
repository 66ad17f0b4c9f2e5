"""The verification itself: each backend, the same vectors, exact comparison."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from lgn_edge.errors import InputError, LgnError, MissingProgramError, UnsupportedError
from lgn_edge.network import Network, Prediction
from lgn_edge.verification.compare import Outcome, Result, compare
from lgn_edge.verification.failure import Failure, save_failures
from lgn_edge.verification.locate import locate
from lgn_edge.verification.report import VerifyReport
from lgn_edge.verification.subject import Backend, Runner, Subject
from lgn_edge.verification.vectors import Vector, limit


@dataclass(frozen=True, eq=False)
class _Question:
    vector: Vector
    want: Prediction


def run_backends(
    subject: Subject,
    backends: Sequence[Backend],
    vectors: Sequence[Vector],
    *,
    required: Sequence[str] = (),
    seed: int = 0,
    notes: Sequence[str] = (),
    save_failure: Path | None = None,
    force: bool = False,
    progress: Callable[[str], None] = lambda name: None,
) -> VerifyReport:
    """Run every backend over the vectors and hold it against `subject.network.evaluate`.

    Args:
        subject: the network and the forms of it that are given.
        backends: who runs, in this order.
        vectors: what they are asked; a slow backend gets `limit` of them.
        required: names of backends that must run for the report to be ok.
        seed: of the vectors, for the report.
        notes: for the report.
        save_failure: where to write what shows the differences again, or None; trouble with it becomes a note.
        force: replace that folder whatever is in it.
        progress: told the name of each backend before it runs.
    """
    questions = _ask(subject.network, vectors)
    results, failures = [], []
    for backend in backends:
        progress(backend.name)
        mine = questions
        if backend.max_samples is not None:
            mine = _ask(subject.network, limit(vectors, backend.max_samples))
        result, failure = _run(backend, subject, mine)
        result = replace(
            result,
            samples_offered=sum(len(vector.samples) for vector in vectors),
            required=backend.name in required,
        )
        results.append(result)
        if failure is not None:
            failures.append(Failure(result, failure.vector.samples, failure.want))
    saved, trouble = _save(save_failure, subject, failures, force)
    names = tuple(vector.name for vector in vectors)
    return VerifyReport(subject.network.name, seed, names, tuple(results), (*notes, *trouble), saved)


def _save(folder: Path | None, subject: Subject, failures: Sequence[Failure], force: bool) -> tuple[str, list[str]]:
    """Where the failures are, and what kept them from being written: no reason to lose the report."""
    if folder is None or not failures:
        return "", []
    try:
        save_failures(folder, subject, failures, force=force)
    except InputError as error:
        return "", [f"the difference is not saved: {error}"]
    return str(folder), []


def _ask(network: Network, vectors: Sequence[Vector]) -> list[_Question]:
    return [_Question(vector, network.evaluate(vector.samples)) for vector in vectors]


def _run(backend: Backend, subject: Subject, questions: Sequence[_Question]) -> tuple[Result, _Question | None]:
    """The row of one backend, and the question that it got wrong first."""
    given = backend.given(subject)
    row = Result(backend.name, backend.version(), Outcome.NOT_RUN, subject="" if given is None else str(given))
    reason = backend.available(subject)
    if reason is not None:
        return replace(row, reason=reason), None
    start = time.perf_counter()
    with ExitStack() as stack:
        try:
            run = stack.enter_context(backend.prepare(subject))
        except (MissingProgramError, UnsupportedError) as error:
            return replace(row, reason=str(error)), None
        except InputError as error:
            if given is not None:
                raise  # the user gave a file that is no such thing
            return replace(row, reason=str(error)), None
        except Exception as error:
            return replace(row, outcome=Outcome.DIFFERENT, reason=f"failed to load: {_message(error)}"), questions[0]
        row, failed = _question(replace(row, outcome=Outcome.EQUAL), run, questions)
    row = replace(row, seconds=time.perf_counter() - start)
    if row.first is not None and failed is not None:
        row = replace(row, location=locate(backend, subject, failed.vector.samples))
    return row, failed


def _question(row: Result, run: Runner, questions: Sequence[_Question]) -> tuple[Result, _Question | None]:
    """The row with all answers counted, and the first question with a wrong answer."""
    failed = None
    for asked in questions:
        vector = asked.vector
        try:
            answer = run(vector.samples)
        except Exception as error:  # the reference has an answer, so having none is a difference
            reason = f"failed on {vector.name}: {_message(error)}"
            return replace(row, outcome=Outcome.DIFFERENT, reason=reason), failed or asked
        found = compare(vector.name, answer, asked.want)
        if found.mismatches:
            failed = failed or asked
            row = replace(row, outcome=Outcome.DIFFERENT, first=row.first or found.first)
        row = replace(
            row,
            vectors=row.vectors + 1,
            samples=row.samples + len(vector.samples),
            values=row.values + found.values,
            mismatches=row.mismatches + found.mismatches,
        )
    return row, failed


def _message(error: Exception) -> str:
    return str(error) if isinstance(error, LgnError) else f"{type(error).__name__}: {error}"

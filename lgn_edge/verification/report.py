"""What came out of a verification: rows, and whether they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lgn_edge.verification.compare import Outcome, Result

if TYPE_CHECKING:
    from rich.table import Table

SCHEMA_VERSION: Final = 1
BASELINE: Final = "reference"  # what the others are held against; its row alone proves nothing

_STYLES = {Outcome.EQUAL: "green", Outcome.DIFFERENT: "bold red", Outcome.NOT_RUN: "yellow"}


@dataclass(frozen=True)
class VerifyReport:
    """All rows of a verification.

    Attributes:
        network: name of the network.
        seed: of the random vectors.
        vectors: their names, in order.
        results: one row a backend.
        notes: what else a reader must know, such as missing real data.
        saved: the folder with what shows the differences again, or empty.
    """

    network: str
    seed: int
    vectors: tuple[str, ...]
    results: tuple[Result, ...]
    notes: tuple[str, ...] = ()
    saved: str = ""

    @property
    def ok(self) -> bool:
        """Whether something besides the baseline ran, none differed, and all that the user asked for ran."""
        ran = [r for r in self.results if r.outcome is not Outcome.NOT_RUN]
        return (
            any(r.backend != BASELINE for r in ran)
            and not self.differing
            and not any(r.required for r in self.results if r.outcome is Outcome.NOT_RUN)
        )

    @property
    def differing(self) -> tuple[Result, ...]:
        """The rows that differ from the reference."""
        return tuple(r for r in self.results if r.outcome is Outcome.DIFFERENT)

    def summary(self) -> str:
        """One line: what holds, and what was not run."""
        count = {outcome: sum(r.outcome is outcome for r in self.results) for outcome in Outcome}
        skipped = ", ".join(r.backend for r in self.results if r.outcome is Outcome.NOT_RUN)
        parts = [f"{count[Outcome.EQUAL]} equal", f"{count[Outcome.DIFFERENT]} different"]
        parts.append(f"{count[Outcome.NOT_RUN]} not run" + (f" ({skipped})" if skipped else ""))
        return ", ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """The report as plain values, with a schema version."""
        return {
            "schema": SCHEMA_VERSION,
            "network": self.network,
            "ok": self.ok,
            "seed": self.seed,
            "vectors": list(self.vectors),
            "results": [result.to_json() for result in self.results],
            "notes": list(self.notes),
            "saved": self.saved,
        }

    def table(self) -> Table:
        """The rows for a terminal."""
        from rich.table import Table
        from rich.text import Text

        table = Table(title=f"{self.network}: every form against the reference, bit for bit", title_justify="left")
        for column in ("backend", "outcome", "ran by"):
            table.add_column(column, overflow="fold")
        for column in ("vectors", "samples", "values", "differ", "seconds"):
            table.add_column(column, justify="right", no_wrap=True)
        for r in self.results:
            ran_by = r.version + (f", {r.subject}" if r.subject else "")
            outcome = Text(str(r.outcome), style=_STYLES[r.outcome])
            if r.outcome is Outcome.NOT_RUN:
                table.add_row(r.backend, outcome, ran_by, *[""] * 5)
                continue
            samples = f"{r.samples:,}" + (f" of {r.samples_offered:,}" if r.samples < r.samples_offered else "")
            counts = (str(r.vectors), samples, f"{r.values:,}", f"{r.mismatches:,}", f"{r.seconds:.2f}")
            table.add_row(r.backend, outcome, ran_by, *counts)
        return table

    def details(self) -> Iterator[str]:
        """A line for each thing that the table has no room for: reasons, first differences, places, notes."""
        for r in self.results:
            if r.outcome is Outcome.NOT_RUN:
                yield f"{r.backend}: not run: {r.reason}"
            elif r.reason:
                yield f"{r.backend}: {r.reason}"
            if r.first is not None:
                yield f"{r.backend}: first difference: {r.first}"
            if r.location is not None:
                yield f"{r.backend}: at fault: {r.location.text}"
        yield from (f"note: {note}" for note in self.notes)

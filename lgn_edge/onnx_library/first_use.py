"""The library built before it is needed, with a bar on stderr: the first use takes half a minute."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lgn_edge.errors import MissingProgramError, UnsupportedError
from lgn_edge.onnx_library.path import find_library, library_for, library_target


def build_on_first_use(*, bar: bool = False, progress: Callable[[str], None] = lambda text: None) -> float:
    """Make sure that the library is there; does nothing where it is, or where this machine cannot build it.

    Args:
        bar: show on stderr what is being compiled.
        progress: told that it is compiled, and, where stderr is no terminal that shows a bar, how far that is.

    Returns:
        seconds that building took, 0.0 when it was not necessary.
    """
    try:
        target = library_target()
        if find_library(target) is not None:
            return 0.0
        start = time.perf_counter()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("files"),
            TimeElapsedColumn(),
        )
        console = Console(stderr=True)
        progress("  it is compiled on first use, which takes about half a minute, and kept")
        with Progress(*columns, console=console, disable=not bar) as shown:
            task = shown.add_task("compile the ONNX Runtime library, once", total=None)

            def tell(done: int, jobs: int) -> None:
                shown.update(task, completed=done, total=jobs)
                if not console.is_terminal and 4 * done // jobs > 4 * (done - 1) // jobs:
                    progress(f"  {done} of {jobs} files are compiled")

            library_for(target, tell)
        return time.perf_counter() - start
    except (MissingProgramError, UnsupportedError):
        return 0.0  # who needs it says so

"""Chromium without a window, driven from Python: Debian's program, through what `make browser` gets."""

from __future__ import annotations

import functools
import http.server
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from lgn_edge.programs import find_program, missing_program

PROGRAM: Final = "chromium"
WEBGPU: Final = "--enable-unsafe-webgpu"  # Chromium's own software in the place of a GPU, where there is none
_PACKAGES: Final = Path(__file__).parents[1] / "build" / "browser"

Launch = Callable[..., Any]


def missing() -> str | None:
    """Why no browser can be driven here, or None."""
    if reason := missing_program(PROGRAM):
        return reason
    return None if (_PACKAGES / "playwright").exists() else "playwright is not installed; run: make browser"


@contextmanager
def chromium() -> Iterator[Launch]:
    """What starts browsers, as playwright has them, given their arguments; `missing` has nothing to say."""
    if str(_PACKAGES) not in sys.path:
        sys.path.append(str(_PACKAGES))
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, ExitStack() as browsers:

        def launch(*arguments: str) -> Any:
            browser = playwright.chromium.launch(executable_path=find_program(PROGRAM), args=list(arguments))
            browsers.callback(browser.close)
            return browser

        yield launch


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a host that has nothing but the files of a folder."""
    handler = functools.partial(_Silent, directory=str(folder))
    with http.server.ThreadingHTTPServer(("localhost", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()

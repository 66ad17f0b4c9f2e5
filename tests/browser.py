"""Chromium without a window, driven from here: Debian's, where it is installed, through what `make browser` gets."""

from __future__ import annotations

import functools
import http.server
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.outside import BUILD, needs, needs_made

_PACKAGES = BUILD / "browser"
WEBGPU = "--enable-unsafe-webgpu"  # Chromium's own software adapter, where there is no GPU


Launch = Callable[..., Any]


@contextmanager
def chromium() -> Iterator[Launch]:
    """What starts browsers, as playwright has them, given their arguments; the test is skipped where there is none."""
    program = needs("chromium")
    needs_made(_PACKAGES / "playwright", "make browser")
    if str(_PACKAGES) not in sys.path:
        sys.path.append(str(_PACKAGES))
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, ExitStack() as browsers:

        def launch(*arguments: str) -> Any:
            browser = playwright.chromium.launch(executable_path=program, args=list(arguments))
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

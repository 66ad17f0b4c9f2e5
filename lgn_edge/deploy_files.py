"""Where the files are that go onto devices: C sources, start-up code, linker scripts."""

from __future__ import annotations

from pathlib import Path

from lgn_edge.errors import InvariantError


def deploy_folder() -> Path:
    """The folder of an installed package, else that of the checkout.

    Raises:
        InvariantError: neither is there; the installation is damaged.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_deploy", package.parent / "deploy"):
        if folder.is_dir():
            return folder
    raise InvariantError(f"{package} came without its device files; install lgn-edge again")

"""Whether firmware can be executed here."""

from __future__ import annotations

import importlib.util

from lgn_edge.errors import MissingProgramError

_PACKAGES = {"unicorn": "unicorn", "elftools": "pyelftools"}


def available() -> str | None:
    """Why nothing can be emulated here, or None; imports nothing."""
    missing = [package for module, package in _PACKAGES.items() if importlib.util.find_spec(module) is None]
    return _reason(*missing) if missing else None


def require(module: str) -> None:
    """Make sure that `module` can be imported.

    Raises:
        MissingProgramError: it is not installed.
    """
    if importlib.util.find_spec(module) is None:
        raise MissingProgramError(_reason(_PACKAGES[module]))


def _reason(*packages: str) -> str:
    return f"not installed: {' and '.join(packages)}; pip install 'lgn-edge[emulate]'"

"""The two names that a setup.py with a CUDA extension imports, building nothing."""

from __future__ import annotations

from typing import Any

from setuptools import Extension
from setuptools.command.build_ext import build_ext


def CUDAExtension(name: str, *_: Any, **__: Any) -> Extension:  # noqa: N802  the name that setup.py imports
    """An extension without sources."""
    return Extension(name, [])


class BuildExtension(build_ext):
    """Builds no extension."""

    def run(self) -> None:
        """Nothing."""

"""Backends × vectors → agreement, and where the first difference is.

The module is also the function: `lgn_edge.verify(model)` is `lgn_edge.verify.verify(model)`, because the public name of
the function and the name of this folder are the same attribute of `lgn_edge`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from lgn_edge.verify.api import verify
from lgn_edge.verify.backends import DEFAULT_BACKENDS, find_backends
from lgn_edge.verify.compare import Comparison, Location, Mismatch, Outcome, Result, compare
from lgn_edge.verify.locate import locate, probe
from lgn_edge.verify.report import VerifyReport
from lgn_edge.verify.run import run_backends
from lgn_edge.verify.subject import Backend, Runner, Subject
from lgn_edge.verify.vectors import Vector, limit, make_vectors

__all__ = [
    "DEFAULT_BACKENDS",
    "Backend",
    "Comparison",
    "Location",
    "Mismatch",
    "Outcome",
    "Result",
    "Runner",
    "Subject",
    "Vector",
    "VerifyReport",
    "compare",
    "find_backends",
    "limit",
    "locate",
    "make_vectors",
    "probe",
    "run_backends",
    "verify",
]


class _CallableModule(ModuleType):
    """Lets the module be called like its function."""

    def __call__(self, *arguments: Any, **options: Any) -> VerifyReport:
        return verify(*arguments, **options)


sys.modules[__name__].__class__ = _CallableModule

"""Backends × vectors → agreement, and where the first difference is."""

from __future__ import annotations

from lgn_edge.verification.api import verify
from lgn_edge.verification.backends import DEFAULT_BACKENDS, find_backends
from lgn_edge.verification.compare import Comparison, Location, Mismatch, Outcome, Result, compare
from lgn_edge.verification.locate import locate, probe
from lgn_edge.verification.report import VerifyReport
from lgn_edge.verification.run import run_backends
from lgn_edge.verification.subject import Backend, Runner, Subject
from lgn_edge.verification.vectors import Vector, limit, make_vectors

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
